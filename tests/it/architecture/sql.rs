//! Which tables a piece of SQL reads and writes.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use regex::Regex;

static COMMENT: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"--[^\n]*").unwrap());
static VERB: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\b(select|insert\s+into|delete\s+from|update\s+\w+(\s+\w+)?\s+set|with\s+\w+\s+as)\b").unwrap());
static WRITE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\b(insert\s+into|delete\s+from|update(?:\s+only)?|merge\s+into|truncate(?:\s+table)?)\s+(?:public\.)?(\w+)").unwrap()
});
static READ: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\b(from|join|using)\s+((?:(?:public\.)?\w+(?:\s+(?:as\s+)?\w+)?\s*,\s*)*(?:public\.)?\w+)").unwrap());
static CREATE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(?m)^create table (?:if not exists )?(\w+) \(").unwrap());
static OWNER: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(?m)^comment on table (\w+) is '([\w/]+)").unwrap());

/// The tables that a piece of SQL touches.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Touched {
    pub reads: BTreeSet<String>,
    pub writes: BTreeSet<String>,
}

/// Reads `sql` for the tables of `owners`. Text that is no SQL touches nothing.
pub fn touched(sql: &str, owners: &BTreeMap<String, String>) -> Touched {
    let mut found = Touched::default();
    let text = COMMENT.replace_all(&sql.to_lowercase(), " ").into_owned();
    let starts = text.trim_start();
    if !VERB.is_match(&text) && !["from ", "join ", "left join ", "where ", "and ", "or "].iter().any(|w| starts.starts_with(w)) {
        return found;
    }
    let known = |name: &str| owners.contains_key(name);
    for m in WRITE.captures_iter(&text).filter(|m| known(&m[2])) {
        // `for update of t` and `on conflict do update set` name no table.
        found.writes.insert(m[2].to_owned());
    }
    // `from a, b as c, lateral (…)`, `join a`, `using a`.
    for m in READ.captures_iter(&text) {
        for part in m[2].split(',') {
            let name = part.trim().trim_start_matches("public.").split_whitespace().next().unwrap_or_default();
            if known(name) {
                found.reads.insert(name.to_owned());
            }
        }
    }
    found.reads = found.reads.difference(&found.writes).cloned().collect();
    found
}

/// The owner of each table, from the migrations: every `create table` there is followed, in the same or a later one, by
/// `comment on table … is 'area/slice'`. Also returns the tables without an owner.
pub fn owners(migrations: &[String]) -> (BTreeMap<String, String>, Vec<String>) {
    let mut owners = BTreeMap::new();
    for text in migrations {
        for m in OWNER.captures_iter(text) {
            owners.insert(m[1].to_owned(), m[2].to_owned());
        }
    }
    let orphans = migrations
        .iter()
        .flat_map(|text| CREATE.captures_iter(text).map(|m| m[1].to_owned()).collect::<Vec<_>>())
        .filter(|t| !owners.contains_key(t))
        .collect();
    (owners, orphans)
}
