//! Finds the Postgres programs on this machine.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Error, Result};

/// The oldest major version whose behaviour the schema relies on.
const OLDEST: Version = Version(15);

/// A major version of Postgres.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32);

/// A folder with `postgres`, `initdb`, `pg_dump` and `pg_restore`.
#[derive(Clone, Debug)]
pub struct Binaries {
    pub folder: PathBuf,
    pub version: Version,
}

impl Binaries {
    /// Finds the newest usable programs, or those of version `wanted`, the version of an existing cluster.
    /// `given` is the setting `postgres_bin`; if it is not empty, only that folder is searched.
    pub fn find(given: &str, wanted: Option<Version>) -> Result<Self> {
        let folders = if given.is_empty() { usual_folders() } else { vec![PathBuf::from(given)] };
        let mut found: Vec<Self> = folders.into_iter().filter_map(|folder| Self::in_folder(&folder)).collect();
        found.sort_by_key(|binaries| std::cmp::Reverse(binaries.version));
        let usable = found.iter().find(|binaries| wanted.map_or(binaries.version >= OLDEST, |v| binaries.version == v));
        usable.cloned().ok_or_else(|| Error::Setup(missing(&found, given, wanted)))
    }

    fn in_folder(folder: &Path) -> Option<Self> {
        let program = std::fs::canonicalize(folder.join("postgres")).ok()?;
        let folder = program.parent()?.to_owned();
        let told = Command::new(&program).arg("--version").output().ok()?;
        let version = parse_version(&String::from_utf8_lossy(&told.stdout))?;
        folder.join("initdb").is_file().then_some(Self { folder, version })
    }

    /// The path of one program.
    pub fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// Finds the newest client program `name` (`pg_dump`, `pg_restore`), for a server elsewhere; no local server is needed.
pub fn program(given: &str, name: &str) -> Result<PathBuf> {
    let folders = if given.is_empty() { candidates() } else { vec![PathBuf::from(given)] };
    let version = |program: &Path| {
        let told = Command::new(program).arg("--version").output().ok()?;
        parse_version(&String::from_utf8_lossy(&told.stdout))
    };
    let found = folders.into_iter().map(|folder| folder.join(name)).filter_map(|program| Some((version(&program)?, program)));
    found.max().map(|(_, program)| program).ok_or_else(|| {
        Error::Setup(format!("{name} was not found. Install Postgres's client programs (`apt-get install postgresql-client`), or say where they are with ROUNDS_POSTGRES_BIN."))
    })
}

fn missing(found: &[Binaries], given: &str, wanted: Option<Version>) -> String {
    let version = wanted.map_or_else(|| format!("{} or later", OLDEST.0), |v| v.0.to_string());
    let seen: Vec<String> = found.iter().map(|b| format!("{} in {}", b.version.0, b.folder.display())).collect();
    let seen = if seen.is_empty() { String::new() } else { format!(" Found: {}.", seen.join(", ")) };
    let place = if given.is_empty() { String::new() } else { format!(" in the folder of `postgres_bin`, {given}") };
    let why = wanted.map_or("", |_| " (the data folder was made by that version)");
    format!(
        "Postgres {version}{why} was not found{place}.{seen} Install it (`bin/setup`, or `apt-get install postgresql`, `brew install postgresql`), \
         say where it is with ROUNDS_POSTGRES_BIN, or use a server of your own with DATABASE_URL."
    )
}

/// Reads `postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)` and `postgres (PostgreSQL) 17beta1`.
fn parse_version(text: &str) -> Option<Version> {
    let number = text.split_once("(PostgreSQL) ")?.1;
    let major: String = number.chars().take_while(char::is_ascii_digit).collect();
    major.parse().ok().map(Version)
}

fn usual_folders() -> Vec<PathBuf> {
    let mut folders = candidates();
    folders.retain(|folder| folder.join("postgres").is_file());
    folders
}

/// Returns the folders in PATH and those where package managers install Postgres.
fn candidates() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> =
        std::env::var_os("PATH").iter().flat_map(|path| std::env::split_paths(path).collect::<Vec<_>>()).collect();
    for (parent, below) in [
        ("/usr/lib/postgresql", "bin"),
        ("/usr", "bin"),
        ("/opt/homebrew/opt", "bin"),
        ("/usr/local/opt", "bin"),
        ("/Applications/Postgres.app/Contents/Versions", "bin"),
    ] {
        let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
        folders.extend(entries.map(|entry| entry.path().join(below)));
    }
    if let Ok(told) = Command::new("pg_config").arg("--bindir").output() {
        folders.push(PathBuf::from(String::from_utf8_lossy(&told.stdout).trim()));
    }
    folders.sort();
    folders.dedup();
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_packagers_write_them() {
        assert_eq!(parse_version("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n"), Some(Version(15)));
        assert_eq!(parse_version("postgres (PostgreSQL) 18beta1\n"), Some(Version(18)));
        assert_eq!(parse_version("mysqld 8\n"), None);
    }

    #[test]
    fn a_folder_without_postgres_is_refused_with_advice() {
        let error = Binaries::find("/nowhere", None).unwrap_err().to_string();
        assert!(error.contains("ROUNDS_POSTGRES_BIN") && error.contains("/nowhere"), "{error}");
    }
}
