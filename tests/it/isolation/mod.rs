//! Every route, action and data type as a member of another business and as nobody. What is walked comes from the tables themselves, so that
//! a new one is walked from its first day.

mod records;

use std::collections::BTreeMap;

use app::{registry::REGISTRY, routes};
use axum::http::Method;
use platform::{role::Role, route::Access};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::support::{Actor, TestApp};
use records::records_of;

/// A word that stands in every record of the first business and may never be seen from the second.
const CANARY: &str = "Canarywharf";

/// Everything the first business holds, as one number: nothing of it may change.
async fn fingerprint(t: &TestApp, org: Uuid) -> (i64, i64) {
    let audits = sqlx::query_scalar("select count(*) from audit_entries where org_id = $1").bind(org).fetch_one(&t.admin).await.unwrap();
    let events = sqlx::query_scalar("select count(*) from events where org_id = $1").bind(org).fetch_one(&t.admin).await.unwrap();
    (audits, events)
}

/// Each path with every record id of the other business in its places.
fn paths(pattern: &str, ids: &BTreeMap<&'static str, Uuid>) -> Vec<String> {
    if !pattern.contains('{') {
        return vec![pattern.to_owned()];
    }
    ids.values()
        .map(|id| {
            let segment = |s: &str| {
                if s.starts_with('{') {
                    if s.contains("id") || s == "{record}" { id.to_string() } else { "work".into() }
                } else {
                    s.to_owned()
                }
            };
            pattern.split('/').map(segment).collect::<Vec<_>>().join("/")
        })
        .collect()
}

async fn walk(actor: &Actor, method: &Method, path: &str) -> crate::support::Answer {
    if method == Method::GET {
        actor.get(path).await
    } else {
        let id = Uuid::now_v7().to_string();
        actor.post(path, &[("_key", &id), ("name", "x"), ("reason", "x"), ("body", "x"), ("amount", "1")]).await
    }
}

#[tokio::test]
async fn no_route_shows_or_changes_another_business() {
    let t = TestApp::new().await;
    let (a, b) = (t.business(CANARY).await, t.business("Other Panes").await);
    let ids = records_of(&t, a.org.0, a.owner.member.unwrap().0).await;
    let before = fingerprint(&t, a.org.0).await;
    let nobody = t.nobody();
    let mut faults = Vec::new();
    let mut walked = 0;
    for route in routes::table() {
        for path in paths(route.path, &ids) {
            walked += 1;
            let ours = walk(&b.owner, &route.method, &path).await;
            let line = format!("{} {path}", route.method);
            if ours.body.contains(CANARY) || ours.body.to_lowercase().contains("canarywharf@") {
                faults.push(format!("{line} shows another business"));
            }
            if ours.status.is_server_error() {
                faults.push(format!("{line} as another business: {}", ours.status));
            }
            if matches!(route.access, Access::Member(_))
                && route.path.contains("id}")
                && ours.status.is_success()
                && !path.contains("suggest")
            {
                faults.push(format!("{line} of another business: {}", ours.status));
            }
            let theirs = walk(&nobody, &route.method, &path).await;
            if theirs.body.contains(CANARY) || theirs.status.is_server_error() {
                faults.push(format!("{line} as nobody: {}", theirs.status));
            }
            let shut = theirs.status.as_u16() == 401
                || theirs.status.as_u16() == 403
                || (theirs.status.as_u16() == 303 && theirs.location().starts_with("/sign-in"));
            if matches!(route.access, Access::Member(_) | Access::SignedIn) && !shut {
                faults.push(format!("{line} lets nobody in: {}", theirs.status));
            }
        }
    }
    assert_eq!(faults, Vec::<String>::new());
    assert!(walked > routes::table().len());
    assert_eq!(fingerprint(&t, a.org.0).await, before, "another business changed something");
}

/// A value that fits a JSON Schema, with ids of the other business wherever an id is asked for.
fn sample(schema: &Value, root: &Value, name: &str, ids: &BTreeMap<&'static str, Uuid>, id: Uuid) -> Value {
    if let Some(path) = schema["$ref"].as_str() {
        return sample(root.pointer(path.trim_start_matches('#')).unwrap_or(&Value::Null), root, name, ids, id);
    }
    if let Some(value) = schema["enum"].as_array().and_then(|e| e.first()).or_else(|| schema.get("const")) {
        return value.clone();
    }
    for key in ["oneOf", "anyOf"] {
        if let Some(first) = schema[key].as_array().and_then(|o| o.iter().find(|o| o["type"] != "null")) {
            return sample(first, root, name, ids, id);
        }
    }
    let kind =
        schema["type"].as_str().or_else(|| schema["type"].as_array().and_then(|t| t.first()).and_then(Value::as_str)).unwrap_or("object");
    let named = |table: &str| ids.get(table).copied().unwrap_or(id).to_string();
    match (kind, schema["format"].as_str()) {
        ("string", Some("uuid")) => json!(match name {
            "contact_id" => named("contacts"),
            "ticket_id" => named("tickets"),
            "invoice_id" => named("invoices"),
            "payment_id" => named("payments"),
            "service_id" => named("services"),
            "address_id" => named("addresses"),
            "member_id" | "technicians" | "members" => named("members"),
            _ => id.to_string(),
        }),
        ("string", Some("date-time")) => json!("2026-11-25T16:00:00Z"),
        ("string", Some("date")) => json!("2026-11-25"),
        ("string", _) if name.contains("amount") || name.contains("price") || name.contains("quantity") || name.contains("percent") => {
            json!("1")
        }
        ("string", _) if name.contains("email") => json!("someone@example.com"),
        ("string", _) => json!("probe"),
        ("integer" | "number", _) => json!(1),
        ("boolean", _) => json!(false),
        ("array", _) => json!([sample(&schema["items"], root, name, ids, id)]),
        _ => {
            let mut out = Map::new();
            for (field, inner) in schema["properties"].as_object().into_iter().flatten() {
                let is_wanted = schema["required"].as_array().is_some_and(|r| r.iter().any(|x| x == field)) || field.ends_with("_id");
                if is_wanted {
                    out.insert(field.clone(), sample(inner, root, field, ids, id));
                }
            }
            Value::Object(out)
        }
    }
}

#[tokio::test]
async fn no_action_reaches_another_business() {
    let t = TestApp::new().await;
    let (a, mut b) = (t.business(CANARY).await, t.business("Other Panes").await);
    let viewer = b.member(Role::Viewer, "Vera").await;
    let ids = records_of(&t, a.org.0, a.owner.member.unwrap().0).await;
    let before = fingerprint(&t, a.org.0).await;
    let mut faults = Vec::new();
    let actions = &REGISTRY.actions;
    for entry in actions {
        let schema = (entry.schema)();
        for id in ids.values() {
            let data = sample(&schema, &schema, "", &ids, *id);
            let answer = b.owner.act(entry.name, data.clone()).await;
            if answer.body.contains(CANARY) || answer.status.is_server_error() {
                faults.push(format!("{} {data}: {} {}", entry.name, answer.status, answer.body));
            }
        }
        let data = sample(&schema, &schema, "", &ids, ids["tickets"]);
        let refused = t.nobody().act(entry.name, data.clone()).await;
        if refused.status.as_u16() != 401 {
            faults.push(format!("{} as nobody: {}", entry.name, refused.status));
        }
        let viewed = viewer.act(entry.name, data).await;
        if viewed.status.is_success() && entry.needs != platform::role::Permission::Any {
            faults.push(format!("{} as a viewer: {}", entry.name, viewed.status));
        }
    }
    assert_eq!(faults, Vec::<String>::new());
    assert!(!actions.is_empty());
    assert_eq!(fingerprint(&t, a.org.0).await, before, "another business changed something");
}

#[tokio::test]
async fn no_data_type_shows_another_business() {
    let t = TestApp::new().await;
    let (a, b) = (t.business(CANARY).await, t.business("Other Panes").await);
    let ids = records_of(&t, a.org.0, a.owner.member.unwrap().0).await;
    let mut faults = Vec::new();
    let queries = &REGISTRY.queries;
    for entry in queries {
        let include = if entry.includes.is_empty() { String::new() } else { format!("&include={}", entry.includes.join(",")) };
        for id in ids.values() {
            let one = b.owner.data(&format!("type={}&id={id}{include}", entry.name)).await;
            if one.status.as_u16() != 404 {
                faults.push(format!("{} id={id}: {}", entry.name, one.status));
            }
            for filter in entry.filters.iter().filter(|f| f.ends_with("_id")) {
                let some = b.owner.data(&format!("type={}&{filter}={id}{include}", entry.name)).await;
                if some.body.contains(CANARY) || some.status.is_server_error() {
                    faults.push(format!("{} {filter}={id}: {}", entry.name, some.status));
                }
            }
        }
        let all = b.owner.data(&format!("type={}{include}", entry.name)).await;
        if all.status.as_u16() != 200 || all.body.contains(CANARY) {
            faults.push(format!("{}: {} {}", entry.name, all.status, all.body));
        }
        let found = b.owner.data(&format!("type={}&search={CANARY}", entry.name)).await;
        if found.body.contains(&format!("\"{CANARY}")) {
            faults.push(format!("{} search", entry.name));
        }
        let own = a.owner.data(&format!("type={}{include}", entry.name)).await;
        if own.status.as_u16() != 200 {
            faults.push(format!("{} in its own business: {} {}", entry.name, own.status, own.body));
        }
        if t.nobody().data(&format!("type={}", entry.name)).await.status.as_u16() != 401 {
            faults.push(format!("{} as nobody", entry.name));
        }
    }
    assert_eq!(faults, Vec::<String>::new());
    assert!(!queries.is_empty());
}

/// Every table that carries a business holds a canary of the first, and row-level security keeps it from the second: a new table is walked from
/// its first day, since it fails here until `records_of` makes it a row.
#[tokio::test]
async fn no_table_shows_another_business() {
    let t = TestApp::new().await;
    let (a, b) = (t.business(CANARY).await, t.business("Other Panes").await);
    records_of(&t, a.org.0, a.owner.member.unwrap().0).await;
    platform::audit::seal_new(&t.app).await.unwrap();
    assert_eq!(records::without_canary(&t, a.org.0).await, Vec::<String>::new(), "make these tables a row in `records_of`");
    let mut tx = t.app.pool.begin().await.unwrap();
    let setting = format!("select set_config('app.org_id', '{}', true)", b.org);
    sqlx::raw_sql(sqlx::AssertSqlSafe(setting)).execute(&mut *tx).await.unwrap();
    let mut seen = Vec::new();
    for table in records::tables(&t).await {
        let sql = format!("select count(*) from {table} r where org_id = '{}' or r::text ilike '%{CANARY}%'", a.org);
        let rows: Result<i64, _> = sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&mut *tx).await;
        if rows.unwrap_or_else(|e| panic!("{table}: {e}")) > 0 {
            seen.push(table);
        }
    }
    assert_eq!(seen, Vec::<String>::new(), "rows of another business are seen");
    tx.rollback().await.unwrap();
    // The walk is shown its fault: a table nobody made a row for, and without row-level security.
    sqlx::raw_sql("create table forgotten (org_id uuid not null, body text)").execute(&t.admin).await.unwrap();
    assert_eq!(records::without_canary(&t, a.org.0).await, ["forgotten"]);
}
