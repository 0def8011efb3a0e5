//! Pages of a record's history, and the searchable list of all changes.

use std::collections::HashMap;

use axum::extract::{Path, Query};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::{KINDS, data, kind};
use platform::{
    error::{Error, FieldErrors, Result},
    form::href,
    localtime,
    query::{decode_cursor, next_cursor},
    tenant::Read,
    trail::{self, Change},
};

const PAGE: i64 = 30;

/// An audit entry as pages show it.
struct Line {
    change: Change,
    /// Record and verb: "Customer changed", "Phone added".
    words: String,
    /// Source and action: "on a page · ticket.update", "through the API · invoice.send".
    how: String,
    values: Vec<Values>,
    /// The path of the record's own history, if its kind has one.
    href: Option<String>,
}

/// The old and new value of a column.
struct Values {
    column: String,
    old: String,
    new: String,
}

/// Names of the members, customers and addresses that changes refer to.
type Names = HashMap<Uuid, String>;

/// Converts entries to lines, with names for the ids they refer to.
async fn lines(r: &mut Read, changes: Vec<Change>) -> Result<Vec<Line>> {
    let who = r.who.clone();
    let mut ids: Vec<Uuid> = changes.iter().flat_map(led_to).collect();
    ids.sort_unstable();
    ids.dedup();
    let names = data::names(r.db(), &who, &ids).await?;
    Ok(changes.into_iter().map(|c| Line::of(c, who.zone, &names)).collect())
}

/// The ids in columns that refer to a member, customer or address.
fn led_to(change: &Change) -> Vec<Uuid> {
    let columns = change.changes.as_ref().and_then(Value::as_object).into_iter().flatten();
    let leading = columns.filter(|(column, _)| leads_to(&change.table_name, column).is_some());
    leading.flat_map(|(_, pair)| [&pair[0], &pair[1]]).filter_map(|v| v.as_str()?.parse().ok()).collect()
}

/// The label of a column that refers to a member, customer or address; `None` for other columns.
fn leads_to(table: &str, column: &str) -> Option<&'static str> {
    match (table, column) {
        ("assignments" | "clock_entries", "member_id") => Some("Technician"),
        (_, "member_id") => Some("Member"),
        ("tickets" | "invoices", "contact_id") => Some("Customer"),
        ("tickets", "address_id") => Some("Address"),
        ("contacts", "preferred_member_id") => Some("Preferred technician"),
        (_, "corrected_by") => Some("Corrected by"),
        (_, "closed_by") => Some("Closed by"),
        (_, "completed_by") => Some("Completed by"),
        (_, "confirmed_by") => Some("Confirmed by"),
        (_, "saved_by") => Some("Saved by"),
        _ => None,
    }
}

impl Line {
    fn of(change: Change, zone: Tz, names: &Names) -> Self {
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
            values: values(&change.table_name, change.changes.as_ref(), &change.op, zone, names),
            href: kind(&change.table_name).map(|k| format!("/history/{}/{}", k.table, change.record_id)),
            change,
        }
    }
}

/// The singular name of the table's records, as shown on pages.
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

/// The values of a change that people read: without internal columns, and without empty values of added or removed rows.
fn values(table: &str, changes: Option<&Value>, op: &str, zone: Tz, names: &Names) -> Vec<Values> {
    let columns = changes.and_then(Value::as_object).into_iter().flatten();
    let told = columns.filter(|(_, pair)| op == "update" || !is_empty(&pair[0]) || !is_empty(&pair[1]));
    told.filter_map(|(column, pair)| match leads_to(table, column) {
        Some(word) => Some(Values { column: word.into(), old: name_of(&pair[0], names), new: name_of(&pair[1], names) }),
        None if is_machinery(column) => None,
        None => Some(Values { column: ui::format::sentence(column), old: shown(&pair[0], zone), new: shown(&pair[1], zone) }),
    })
    .collect()
}

/// The name for an id; "unknown" if the record is gone or not visible to the member.
fn name_of(value: &Value, names: &Names) -> String {
    let Some(id) = value.as_str() else { return String::new() };
    id.parse().ok().and_then(|id: Uuid| names.get(&id)).cloned().unwrap_or_else(|| "unknown".into())
}

/// Parses a time range in Postgres's format: `["2026-11-25 15:00:00+00","2026-11-25 16:00:00+00")`. `None` for other text.
fn stretch(text: &str) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    let (from, until) = text.strip_prefix('[')?.strip_suffix(')')?.split_once(',')?;
    let at = |t: &str| Some(DateTime::parse_from_str(t.trim_matches('"'), "%Y-%m-%d %H:%M:%S%.f%#z").ok()?.to_utc());
    Some((at(from)?, at(until)?))
}

/// Whether a column is internal (id, hash, bytes, key): pages leave it out, `/api/data` returns it.
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
        Value::String(s) => match (stretch(s), DateTime::parse_from_rfc3339(s)) {
            (Some((from, until)), _) => ui::format::span(from, until, zone),
            (None, Ok(at)) => format!("{}, {}", ui::format::day_year(at.to_utc(), zone), ui::format::time(at.to_utc(), zone)),
            (None, Err(_)) => s.clone(),
        },
        Value::Bool(true) => "yes".into(),
        Value::Bool(false) => "no".into(),
        Value::Array(items) => items.iter().map(|i| shown(i, zone)).collect::<Vec<_>>().join(", "),
        // Amounts and quantities in their usual form: 81.50, 3, 8.875.
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

/// `GET /history/{table}/{id}`: the changes of one record with values, actor, time and source.
pub async fn record(mut r: Read, Path((table, id)): Path<(String, Uuid)>, Query(wanted): Query<After>) -> Result<ui::Html> {
    let who = r.who.clone();
    let kind = kind(&table).ok_or(Error::NotFound)?;
    let before = if wanted.after.is_empty() { None } else { Some(decode_cursor(&wanted.after)?) };
    let mut changes = data::of(r.db(), &who, kind, id, before, PAGE).await?;
    let cursor = next_cursor(&mut changes, PAGE, |c| c.id)?;
    let lines = lines(&mut r, changes).await?;
    let mut head = ui::Head::of(&r, "").title(format!("{}: all changes", kind.word));
    if let Some(page) = kind.page {
        head = head.back(format!("{page}{id}"), kind.word);
    }
    ui::page(&Record {
        head,
        lines,
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

/// `GET /history`: all changes in the business, with search and filters, for owners and admins.
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
    let lines = lines(&mut r, changes).await?;
    let page = Index {
        head: ui::Head::of(&r, "settings").title("All changes").back("/settings", "Settings"),
        next: cursor.map(|c| wanted.href(&c)),
        first: (!wanted.after.is_empty()).then(|| wanted.href("")),
        lines,
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
            "issued_at": [null, "2026-11-20T23:07:00+00:00"], "slot": [null, r#"["2026-11-25 15:00:00+00","2026-11-25 16:30:00+00")"#],
            "member_id": [null, "01a1fc4a-b92a-738d-a9a8-433814cc8650"] });
        let names = Names::from([("01a1fc4a-b92a-738d-a9a8-433814cc8650".parse().unwrap(), "Marcy".to_owned())]);
        let rows = values("assignments", Some(&changes), "insert", chrono_tz::America::Chicago, &names);
        let text: Vec<String> = rows.iter().map(|v| format!("{}: {} → {}", v.column, v.old, v.new)).collect();
        let wanted = [
            "First name:  → Ann",
            "Is organisation: no → yes",
            "Issued at:  → Fri 20 Nov 2026, 17:07",
            "Technician:  → Marcy",
            "Slot:  → Wed 25 Nov, 9:00–10:30",
            "Tags: a → a, b",
            "Total:  → 81.50",
        ];
        assert_eq!(text, wanted);
    }
}
