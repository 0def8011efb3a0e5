//! The size of the embedded database's page cache.

use std::fs;

/// Returns `shared_buffers` in MB: a quarter of the memory of the machine or container, whichever is less, as Postgres's manual advises to
/// begin with, from 128 to 8,192. Postgres takes it page by page as rows are read; a small business never fills it.
pub fn shared_buffers() -> u64 {
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| total(&text)).unwrap_or(0);
    let container = fs::read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|text| text.trim().parse().ok()).unwrap_or(u64::MAX);
    share(machine.min(container))
}

/// Returns the machine's memory in bytes, from a line such as `MemTotal: 24615188 kB`.
fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|l| l.strip_prefix("MemTotal:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

fn share(bytes: u64) -> u64 {
    (bytes / 4 / 1_048_576).clamp(128, 8192)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_within_bounds() {
        assert_eq!(total("MemFree: 5 kB\nMemTotal:       24615188 kB\n"), Some(24_615_188 * 1024));
        assert_eq!(total("nothing"), None);
        assert_eq!((share(0), share(512 << 20), share(4 << 30), share(64 << 30)), (128, 128, 1024, 8192));
    }
}
