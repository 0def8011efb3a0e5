//! The shape of the house, as far as the sources show it: no SQL in pages, no writes outside actions, arrows that point one way.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Slices by floor: a slice may use those on lower floors only. Same number: may not use each other.
const FLOORS: &[(&str, u8)] = &[
    ("identity", 1),
    ("business", 2),
    ("contacts", 3),
    ("catalogue", 3),
    ("tickets", 4),
    ("messages", 5),
    ("invoices", 6),
    ("payments", 7),
    ("confirm", 7),
    ("delivery", 8),
    ("closeout", 9),
    ("imports", 9),
    ("timeline", 9),
    ("history", 9),
    ("exports", 9),
    ("live", 9),
    ("today", 10),
    ("demo", 11),
];

fn sources() -> Vec<(PathBuf, String)> {
    fn walk(dir: &Path, out: &mut Vec<(PathBuf, String)>) {
        for entry in fs::read_dir(dir).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, out);
            } else if path.extension().is_some_and(|e| e == "rs") {
                out.push((path.clone(), fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let mut out = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut out);
    out
}

fn slice_of(path: &Path) -> String {
    let rest = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap();
    rest.components().next().unwrap().as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned()
}

/// The code without its unit tests.
fn code(source: &str) -> &str {
    source.split("#[cfg(test)]").next().unwrap_or(source)
}

#[test]
fn arrows_point_one_way() {
    let floors: BTreeMap<&str, u8> = FLOORS.iter().copied().collect();
    let mut faults = Vec::new();
    for (path, source) in sources() {
        let slice = slice_of(&path);
        let own = floors.get(slice.as_str()).copied();
        for other in floors.keys() {
            let uses = code(&source).contains(&format!("crate::{other}::")) || code(&source).contains(&format!("crate::{other};"));
            let up = match own {
                Some(own) => *other != slice && floors[other] >= own,
                None => matches!(slice.as_str(), "platform" | "ui" | "emails"),
            };
            if uses && up {
                faults.push(format!("{} uses {other}", path.display()));
            }
        }
        if slice == "platform" && code(&source).contains("crate::ui") {
            faults.push(format!("{} uses ui", path.display()));
        }
    }
    assert_eq!(faults, Vec::<String>::new());
}

#[test]
fn every_slice_has_a_floor() {
    let known: Vec<&str> = FLOORS
        .iter()
        .map(|f| f.0)
        .chain(["platform", "ui", "emails", "cli", "main", "lib", "routes", "registry", "replay", "api", "http", "jobs"])
        .collect();
    let strangers: Vec<String> = sources().iter().map(|(p, _)| slice_of(p)).filter(|s| !known.contains(&s.as_str())).collect();
    assert_eq!(strangers, Vec::<String>::new(), "give a new slice its floor");
}

#[test]
fn pages_hold_no_sql_and_reads_do_not_write() {
    let mut faults = Vec::new();
    for (path, source) in sources() {
        let name = path.to_string_lossy().replace('\\', "/");
        let (slice, code) = (slice_of(&path), code(&source).to_lowercase());
        if matches!(slice.as_str(), "platform" | "cli" | "demo") {
            continue;
        }
        let is_page = name.ends_with("/web.rs") || name.contains("/web/");
        if is_page && (code.contains("sqlx::") || code.contains(".pool")) {
            faults.push(format!("{name}: SQL in a page"));
        }
        let is_action = name.ends_with("/actions.rs") || name.contains("/actions/");
        let writes = ["insert into ", "\"update ", "delete from "].iter().any(|w| code.contains(w)) || code.contains("\n        update ");
        // Identity's tables are global, read and written by itself; personal columns have their one module; outbox rows are queued from inside actions.
        let excepted =
            matches!(slice.as_str(), "identity") || name.ends_with("/personal.rs") || name.ends_with("/jobs.rs") && slice == "jobs";
        if writes && !is_action && !excepted {
            faults.push(format!("{name}: a write outside actions"));
        }
    }
    assert_eq!(faults, Vec::<String>::new());
}

#[test]
fn time_comes_from_the_clock_and_nothing_typed_is_trusted() {
    let mut faults = Vec::new();
    for (path, source) in sources() {
        let name = path.to_string_lossy().into_owned();
        for word in ["Utc::now(", "Local::now(", "SystemTime::now(", "todo!(", "unimplemented!(", "TODO", "FIXME"] {
            if source.contains(word) && !name.ends_with("platform/clock.rs") {
                faults.push(format!("{name}: {word}"));
            }
        }
    }
    templates(&Path::new(env!("CARGO_MANIFEST_DIR")).join("templates"), &mut faults);
    faults.retain(|f| !f.contains("/emails/") || !f.contains("inline"));
    assert_eq!(faults, Vec::<String>::new());
}

fn templates(dir: &Path, faults: &mut Vec<String>) {
    for entry in fs::read_dir(dir).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            templates(&path, faults);
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        for (n, line) in text.lines().enumerate() {
            // The only markup that comes ready-made: our own SVG (QR codes, icons), named so that this shows.
            if line.contains("|safe") && !line.contains("_svg|safe") {
                faults.push(format!("{}:{}: |safe", path.display(), n + 1));
            }
            if line.contains("<script>") || line.contains("style=\"") || line.contains(" onclick=") {
                faults.push(format!("{}:{}: inline script or style", path.display(), n + 1));
            }
        }
    }
}

/// A COMMIT whose answer is lost is neither done nor refused: one function knows the difference, and every transaction ends there.
#[test]
fn one_function_commits() {
    let commits: Vec<String> =
        sources().into_iter().filter(|(_, source)| source.contains(".commit()")).map(|(p, _)| p.display().to_string()).collect();
    assert!(matches!(commits.as_slice(), [one] if one.ends_with("/commit.rs")), "{commits:?}");
}
