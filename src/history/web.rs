//! The history of a record, and the searchable list of all changes.

use axum::extract::{Path, Query};
use chrono::DateTime;
use chrono_tz::Tz;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::{KINDS, data, kind};
use crate::{
    platform::{
        error::{Error, FieldErrors, Result},
        form::href,
        localtime,
        query::{decode_cursor, next_cursor},
        tenant::Read,
        trail::{self, Change},
    },
    ui,
};

const PAGE: i64 = 30;

/// One entry as the pages show it.
struct Line {
    change: Change,
    /// "Customer changed", "Phone added".
    words: String,
    /// How: "on a page", "by API", …
    how: String,
    values: Vec<Values>,
    /// The record's own history.
    href: Option<String>,
}

/// One column: what it was, what it is.
struct Values {
    column: String,
    old: String,
    new: String,
}

impl Line {
    fn of(change: Change, zone: Tz) -> Self {
        let verb = match change.op.as_str() {
            "insert" => "added",
            "delete" => "removed",
            _ => "changed",
        };
        let how = match change.source.as_deref() {
            Some("page") => "on a page",
            Some("api") => "through the API",
            Some("model") => "by a model",
            Some("link") => "by a customer's link",
            Some("import") => "by an import",
            _ => "in the background",
        };
        Self {
            words: format!("{} {verb}", noun(&change.table_name)),
            how: change.action.as_ref().map_or_else(|| how.to_owned(), |a| format!("{how} · {a}")),
            values: values(change.changes.as_ref(), &change.op, zone),
            href: kind(&change.table_name).map(|k| format!("/history/{}/{}", k.table, change.record_id)),
            change,
        }
    }
}

/// What people call a row of the table.
fn noun(table: &str) -> String {
    if let Some(kind) = kind(table) {
        return kind.word.to_owned();
    }
    match table {
        "contact_emails" => "Email".into(),
        "contact_phones" => "Phone".into(),
        "contact_duplicates" => "Possible twin".into(),
        "ticket_lines" | "invoice_lines" => "Line".into(),
        "clock_entries" => "Clock".into(),
        "ticket_answers" => "Customer's answer".into(),
        other => ui::format::sentence(other.trim_end_matches('s')),
    }
}

/// What people read of a change: not what only the machinery knows a row by.
fn values(changes: Option<&Value>, op: &str, zone: Tz) -> Vec<Values> {
    let columns = changes.and_then(Value::as_object).into_iter().flatten();
    columns
        .filter(|(column, pair)| !is_machinery(column) && (op == "update" || !is_empty(&pair[0]) || !is_empty(&pair[1])))
        .map(|(column, pair)| Values { column: ui::format::sentence(column), old: shown(&pair[0], zone), new: shown(&pair[1], zone) })
        .collect()
}

/// Ids, hashes, bytes and keys: `/api/data` tells them.
fn is_machinery(column: &str) -> bool {
    ["_id", "_ids", "_hash", "_key", "_xid", "sha256"].iter().any(|end| column.ends_with(end))
        || matches!(column, "bytes" | "options" | "cancel_group")
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(s) => s.is_empty(),
        Value::Array(a) => a.is_empty(),
        Value::Object(o) => o.is_empty(),
        Value::Number(n) => n.as_f64() == Some(0.0),
        Value::Bool(true) => false,
    }
}

fn shown(value: &Value, zone: Tz) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(s) => DateTime::parse_from_rfc3339(s).map_or_else(
            |_| s.clone(),
            |at| format!("{}, {}", ui::format::day_year(at.to_utc(), zone), ui::format::time(at.to_utc(), zone)),
        ),
        Value::Bool(true) => "yes".into(),
        Value::Bool(false) => "no".into(),
        Value::Array(items) => items.iter().map(|i| shown(i, zone)).collect::<Vec<_>>().join(", "),
        // Amounts and quantities as they are written: 81.50, 3, 8.875.
        Value::Number(n) => match n.to_string().parse::<Decimal>().map(|d| d.normalize()) {
            Ok(d) if d.scale() == 1 => format!("{d:.2}"),
            Ok(d) => d.to_string(),
            Err(_) => n.to_string(),
        },
        Value::Object(_) => value.to_string(),
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct After {
    after: String,
}

#[derive(askama::Template)]
#[template(path = "history/record.html")]
struct Record {
    head: ui::Head,
    lines: Vec<Line>,
    next: Option<String>,
    first: Option<String>,
}

/// `GET /history/{table}/{id}`: who changed what of a record, from what to what, when, how.
pub async fn record(mut r: Read, Path((table, id)): Path<(String, Uuid)>, Query(wanted): Query<After>) -> Result<ui::Html> {
    let who = r.who.clone();
    let kind = kind(&table).ok_or(Error::NotFound)?;
    let before = if wanted.after.is_empty() { None } else { Some(decode_cursor(&wanted.after)?) };
    let mut changes = data::of(r.db(), &who, kind, id, before, PAGE).await?;
    let cursor = next_cursor(&mut changes, PAGE, |c| c.id)?;
    let zone = r.who.zone;
    let mut head = r.head("").title(format!("{}: all changes", kind.word));
    if let Some(page) = kind.page {
        head = head.back(format!("{page}{id}"), kind.word);
    }
    ui::page(&Record {
        head,
        lines: changes.into_iter().map(|c| Line::of(c, zone)).collect(),
        next: cursor.map(|c| format!("/history/{table}/{id}?after={c}")),
        first: (!wanted.after.is_empty()).then(|| format!("/history/{table}/{id}")),
    })
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Wanted {
    search: String,
    table: String,
    who: String,
    from: String,
    until: String,
    after: String,
}

impl Wanted {
    fn href(&self, after: &str) -> String {
        let parts = [
            ("search", self.search.as_str()),
            ("table", &self.table),
            ("who", &self.who),
            ("from", &self.from),
            ("until", &self.until),
            ("after", after),
        ];
        href("/history", &parts)
    }
}

#[derive(askama::Template)]
#[template(path = "history/index.html")]
struct Index {
    head: ui::Head,
    wanted: Wanted,
    errors: FieldErrors,
    tables: Vec<ui::Choice>,
    people: Vec<ui::Choice>,
    lines: Vec<Line>,
    next: Option<String>,
    first: Option<String>,
}

/// `GET /history`: every change of the business, for owners and admins; searched and filtered.
pub async fn index(mut r: Read, Query(wanted): Query<Wanted>) -> Result<ui::Html> {
    let mut errors = FieldErrors::default();
    let mut day = |name: &str, typed: &str| match typed {
        "" => None,
        typed => localtime::parse_date(typed).map_err(|e| errors.add(name, e)).ok(),
    };
    let (from, until) = (day("from", &wanted.from), day("until", &wanted.until));
    let zone = r.who.zone;
    let given = |s: &String| Some(s.clone()).filter(|s| !s.trim().is_empty());
    let asked = trail::Asked {
        search: given(&wanted.search),
        table: given(&wanted.table),
        actor: given(&wanted.who),
        from: from.map(|d| localtime::day_bounds(d, zone).0),
        until: until.map(|d| localtime::day_bounds(d, zone).1),
        before: if wanted.after.is_empty() { None } else { Some(decode_cursor(&wanted.after)?) },
        limit: PAGE,
    };
    let mut changes = trail::list(r.db(), &asked).await?;
    let cursor = next_cursor(&mut changes, PAGE, |c| c.id)?;
    let mut tables = vec![ui::Choice::new("", "Everything")];
    tables.extend(KINDS.iter().map(|k| ui::Choice::new(k.table, k.word)));
    let mut people = vec![ui::Choice::new("", "Anyone")];
    people.extend(data::people(r.db()).await?.into_iter().map(|(actor, name)| ui::Choice::new(actor, name)));
    people.extend([("import", "Imports"), ("job", "Rounds, in the background")].map(|(a, n)| ui::Choice::new(a, n)));
    let is_wrong = !errors.is_empty();
    let page = Index {
        head: r.head("settings").title("All changes").back("/settings", "Settings"),
        next: cursor.map(|c| wanted.href(&c)),
        first: (!wanted.after.is_empty()).then(|| wanted.href("")),
        lines: changes.into_iter().map(|c| Line::of(c, zone)).collect(),
        wanted,
        errors,
        tables,
        people,
    };
    if is_wrong { ui::invalid(&page) } else { ui::page(&page) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_as_words() {
        let changes = serde_json::json!({ "first_name": ["", "Ann"], "tags": [["a"], ["a", "b"]], "is_organisation": [false, true], "company": ["", ""],
            "contact_id": [null, "01a1fc4a-b92a-738d-a9a8-433814cc8659"], "total": [null, 81.5], "tip": [null, 0.0],
            "issued_at": [null, "2026-11-20T23:07:00+00:00"] });
        let rows = values(Some(&changes), "insert", chrono_tz::America::Chicago);
        let text: Vec<String> = rows.iter().map(|v| format!("{}: {} → {}", v.column, v.old, v.new)).collect();
        let wanted = [
            "First name:  → Ann",
            "Is organisation: no → yes",
            "Issued at:  → Fri 20 Nov 2026, 17:07",
            "Tags: a → a, b",
            "Total:  → 81.50",
        ];
        assert_eq!(text, wanted);
    }
}
