//! The shape of the house, as far as the sources show it: arrows that point one way, tables written by their owner alone, no SQL in pages, no
//! writes outside actions. Sources are parsed (`sources`), queries are read for their tables (`sql`), and each guard is shown its fault (`planted`).

mod exceptions;
mod jobs;
mod planted;
mod sources;
mod sql;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use exceptions::{READS_ABOVE, WRITES_OF_OTHERS};
use sources::{Source, root};

/// The areas by floor, lowest first, and the slices of each in the order in which they may use each other. Areas of one number don't use each other.
const FLOORS: &[(&str, u8, &[&str])] = &[
    ("platform", 0, &[]),
    ("ui", 1, &[]),
    ("office", 2, &["notices", "files", "connections", "identity", "business"]),
    ("customers", 3, &["contacts"]),
    ("messages", 4, &["channels", "outbox"]),
    ("work", 4, &["catalogue", "tickets"]),
    ("money", 5, &["lines", "paper", "invoices", "payments"]),
    ("flows", 6, &["attention", "confirm", "delivery", "closeout", "exports", "imports"]),
    ("views", 7, &["history", "invoice", "ticket", "customer", "today"]),
    ("doors", 8, &["live", "replay", "api"]),
    ("app", 9, &[]),
];

fn floor(area: &str) -> Option<u8> {
    FLOORS.iter().find(|f| f.0 == area).map(|f| f.1)
}

/// A slice's place in its area's order. `None`: the area itself, which joins its slices.
fn place(slice: &str) -> Option<usize> {
    let (area, own) = slice.split_once('/')?;
    FLOORS.iter().find(|f| f.0 == area)?.2.iter().position(|s| *s == own)
}

/// What a file uses and may not: another area above or beside its own, or a later slice of its own area.
fn upward(source: &Source) -> Vec<String> {
    let (area, slice) = (source.area(), source.slice());
    let Some(own) = floor(area) else { return vec![format!("{}: no floor", source.path)] };
    let mut faults = BTreeSet::new();
    for path in source.paths() {
        let first = path[0].as_str();
        if let Some(other) = floor(first).filter(|_| first != area)
            && other >= own
            && path.len() > 1
            && is_area_path(first, &path[1])
        {
            faults.insert(format!("{} uses {}", source.path, path.join("::")));
        }
        if first == "crate"
            && let (Some(mine), Some(theirs)) = (place(&slice), place(&format!("{area}/{}", path[1])))
            && theirs > mine
        {
            faults.insert(format!("{} uses {}", source.path, path.join("::")));
        }
    }
    faults.into_iter().collect()
}

/// Whether `area::second` names a slice of the area: `messages::outbox` does, a local module `messages` with another name in it does not.
fn is_area_path(area: &str, second: &str) -> bool {
    FLOORS.iter().any(|f| f.0 == area && (f.2.is_empty() || f.2.contains(&second) || ["routes", "registry", "jobs"].contains(&second)))
}

#[test]
fn arrows_point_one_way() {
    let faults: Vec<String> = sources::all().iter().filter(|s| s.path != "main.rs").flat_map(upward).collect();
    assert_eq!(faults, Vec::<String>::new());
}

#[test]
fn members_depend_on_lower_floors_only() {
    let mut faults = Vec::new();
    for (area, own, _) in FLOORS {
        let manifest = fs::read_to_string(root().join("src").join(area).join("Cargo.toml")).unwrap();
        for other in manifest.lines().filter_map(|l| l.strip_prefix("rounds-")?.split('.').next()) {
            if floor(other).is_none_or(|f| f >= *own) {
                faults.push(format!("{area} depends on {other}"));
            }
        }
    }
    assert_eq!(faults, Vec::<String>::new());
}

#[test]
fn every_slice_has_a_floor() {
    let strangers: BTreeSet<String> = sources::all()
        .iter()
        .filter(|s| s.path != "main.rs")
        .map(Source::slice)
        .filter(|s| s.contains('/') && place(s).is_none() || floor(s.split('/').next().unwrap_or_default()).is_none())
        .collect();
    assert_eq!(strangers, BTreeSet::new(), "give a new slice its floor");
}

/// (slice, table) pairs.
type Pairs = BTreeSet<(String, String)>;

fn migrations() -> Vec<String> {
    let mut files: Vec<_> = fs::read_dir(root().join("migrations")).unwrap().flatten().map(|e| e.path()).filter(|p| p.is_file()).collect();
    files.sort();
    files.iter().map(|p| fs::read_to_string(p).unwrap()).collect()
}

/// What the strings of a slice do to tables: (slice, table) pairs read from a floor above, and pairs written that another slice owns.
fn trespasses<'a>(slice: &str, texts: impl IntoIterator<Item = &'a str>, owners: &BTreeMap<String, String>) -> (Pairs, Pairs) {
    let own = area_of(slice).and_then(floor).unwrap_or_default();
    let (mut reads, mut writes) = (BTreeSet::new(), BTreeSet::new());
    for text in texts {
        let touched = sql::touched(text, owners);
        let above = |table: &String| area_of(&owners[table]).and_then(floor).is_none_or(|f| f > own);
        reads.extend(touched.reads.iter().filter(|t| above(t)).map(|t| (slice.to_owned(), t.clone())));
        writes.extend(touched.writes.iter().filter(|t| owners[*t] != slice).map(|t| (slice.to_owned(), t.clone())));
    }
    (reads, writes)
}

fn area_of(slice: &str) -> Option<&str> {
    slice.split('/').next()
}

/// The slice that owns a function, by the first word of its file's name: `contacts_fold.sql` belongs to `customers/contacts`. An area of one
/// word (`platform`, `messages`) owns what names it. `None`: no slice has this name.
fn slice_of_function(file: &str) -> Option<String> {
    let word = file.split('_').next()?;
    FLOORS.iter().find_map(|(area, _, slices)| match slices.iter().find(|s| **s == word) {
        Some(slice) => Some(format!("{area}/{slice}")),
        None if *area == word => Some(slices.first().map_or(word.to_owned(), |only| format!("{area}/{only}"))),
        None => None,
    })
}

/// Every function's text by its file's name. Those of `across` look across businesses and are their slices' own as well.
fn functions() -> Vec<(String, String)> {
    let folder = root().join("migrations/functions");
    [folder.clone(), folder.join("across")]
        .iter()
        .flat_map(|f| fs::read_dir(f).unwrap().flatten())
        .map(|e| e.path())
        .filter(|p| p.extension().is_some_and(|e| e == "sql"))
        .map(|p| (p.file_name().unwrap().to_string_lossy().into_owned(), fs::read_to_string(p).unwrap()))
        .collect()
}

fn written(pairs: &[(&str, &str, &str)]) -> Pairs {
    pairs.iter().flat_map(|(slice, tables, _)| tables.split(' ').map(|t| ((*slice).to_owned(), t.to_owned())).collect::<Vec<_>>()).collect()
}

#[test]
fn tables_are_read_from_above_and_written_by_their_owner() {
    let (owners, orphans) = sql::owners(&migrations());
    // `t` is the example in a comment of the first migration's helper.
    assert_eq!(orphans.into_iter().filter(|t| t != "t").collect::<Vec<_>>(), Vec::<String>::new(), "a table without an owner");
    let (mut reads, mut writes) = (BTreeSet::new(), BTreeSet::new());
    let mut look = |slice: &str, texts: &[String]| {
        let (r, w) = trespasses(slice, texts.iter().map(String::as_str), &owners);
        reads.extend(r);
        writes.extend(w);
    };
    for source in sources::all() {
        look(&source.slice(), &source.strings());
    }
    for (file, text) in functions() {
        look(&slice_of_function(&file).unwrap_or_else(|| panic!("{file}: no slice has this name")), &[text]);
    }
    // Both ways: a new trespass fails, and so does an exception that is no longer needed.
    let faults = |now: Pairs, allowed: &[(&str, &str, &str)]| {
        let allowed = written(allowed);
        (now.difference(&allowed).cloned().collect::<Vec<_>>(), allowed.difference(&now).cloned().collect::<Vec<_>>())
    };
    let all = [faults(reads, READS_ABOVE), faults(writes, WRITES_OF_OTHERS)];
    let none = || (Vec::<(String, String)>::new(), Vec::new());
    assert_eq!(
        all,
        [none(), none()],
        "(new, no longer needed) of reads above the reader's floor, then of writes of another slice's tables"
    );
}

#[test]
fn pages_hold_no_sql_and_reads_do_not_write() {
    let mut faults = Vec::new();
    let mut files = Vec::new();
    sources::walk(&root().join("src"), &mut files);
    for path in files {
        let name = path.to_string_lossy().replace('\\', "/");
        let source = Source::parse(name.split_once("/src/").map_or("", |(_, rest)| rest), &fs::read_to_string(&path).unwrap());
        let (slice, code) = (source.slice(), fs::read_to_string(&path).unwrap());
        let code = code.split("#[cfg(test)]").next().unwrap_or_default().to_lowercase();
        if matches!(source.area(), "platform" | "app") {
            continue;
        }
        let is_page = name.ends_with("/web.rs") || name.contains("/web/");
        if is_page && (code.contains("sqlx::") || code.contains(".pool")) {
            faults.push(format!("{name}: SQL in a page"));
        }
        // A slice of one file holds its writes there.
        let is_action = ["/notices.rs", "/files.rs", "/connections.rs"].iter().any(|file| name.ends_with(file))
            || name.ends_with("/actions.rs")
            || name.contains("/actions/");
        let writes = ["insert into ", "\"update ", "delete from "].iter().any(|w| code.contains(w)) || code.contains("\n        update ");
        // Identity's tables are global, read and written by itself; personal columns have their one module; outbox rows are queued from inside actions.
        let excepted = slice == "office/identity" || name.ends_with("/contacts/personal/mod.rs");
        if writes && !is_action && !excepted {
            faults.push(format!("{name}: a write outside actions"));
        }
    }
    assert_eq!(faults, Vec::<String>::new());
}

#[test]
fn time_comes_from_the_clock_and_nothing_typed_is_trusted() {
    let mut faults = Vec::new();
    let mut files = Vec::new();
    sources::walk(&root().join("src"), &mut files);
    for path in files {
        let (name, source) = (path.to_string_lossy().into_owned(), fs::read_to_string(&path).unwrap());
        for word in ["Utc::now(", "Local::now(", "SystemTime::now(", "todo!(", "unimplemented!(", "TODO", "FIXME"] {
            if source.contains(word) && !name.ends_with("platform/clock.rs") {
                faults.push(format!("{name}: {word}"));
            }
        }
    }
    templates(&root().join("templates"), &mut faults);
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

/// A COMMIT whose answer is lost is neither done nor refused: one function tells the difference, and every transaction ends there.
#[test]
fn one_function_commits() {
    let mut files = Vec::new();
    sources::walk(&root().join("src"), &mut files);
    files.retain(|path| fs::read_to_string(path).unwrap().contains(".commit()"));
    assert!(matches!(files.as_slice(), [one] if one.ends_with("platform/commit.rs")), "{files:?}");
}
