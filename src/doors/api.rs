//! The API for programs (`api.md`): envelopes around actions, data types and the registry.

use std::collections::{BTreeMap, BTreeSet};

use axum::{
    Json,
    extract::{Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::SecondsFormat;
use serde::Deserialize;
use serde_json::{Value, json};

use platform::{
    action::Meta,
    app::App,
    error::{Error, FieldErrors, Result},
    query::{self, DEFAULT_LIMIT, MAX_LIMIT, Params},
    secrets::{digest, hex},
    tenant::{Read, Who, Write},
};

/// The largest body of `POST /api/actions`, in bytes: an import of 15,000 rows is about 5 MB.
pub const MAX_ACTION: usize = 26 * 1024 * 1024;

/// The body of `POST /api/actions`.
#[derive(Deserialize)]
pub struct Act {
    domain: String,
    action: String,
    #[serde(default)]
    data: Value,
    reasoning: Option<String>,
    if_version: Option<i32>,
}

/// `POST /api/actions`: runs one action; `Idempotency-Key` makes a retry safe.
pub async fn act(write: Write, headers: HeaderMap, body: axum::body::Bytes) -> Result<Response> {
    let act: Act = serde_json::from_slice(&body).map_err(|e| FieldErrors::one("", format!("This is not the JSON we expect: {e}")))?;
    // Freed before the action runs, as it may hold a whole file.
    drop(body);
    let name = format!("{}.{}", act.domain, act.action);
    let entry = write.app().registry.action(&name).ok_or_else(|| {
        let known: Vec<_> =
            write.app().registry.actions.iter().filter(|a| a.name.starts_with(&format!("{}.", act.domain))).map(|a| a.name).collect();
        FieldErrors::one("action", format!("There is no action {name}. In this domain there are: {}.", known.join(", ")))
    })?;
    let key = headers.get("idempotency-key").map(|v| v.to_str().map(str::to_owned)).transpose();
    let key = key.map_err(|_| FieldErrors::one("idempotency_key", "A key has 1 to 255 ASCII characters."))?;
    let meta = Meta { key, if_version: act.if_version, reasoning: act.reasoning, org: None };
    let data = if act.data.is_null() { json!({}) } else { act.data };
    match (entry.run)(&write, &meta, data).await {
        Ok(output) => Ok(envelope(&write.who, output, None).into_response()),
        Err(Error::Conflict { message, current: Some(now) }) => {
            Err(Error::Conflict { message, current: Some(as_shown(&write, &now).await?.unwrap_or(now)) })
        }
        Err(e) => Err(e),
    }
}

/// Returns the record that was changed meanwhile, as its data type shows it to this member. `None` if `now` does not name it by type and
/// id, or the member may not see it.
async fn as_shown(write: &Write, now: &Value) -> Result<Option<Value>> {
    let (Some(kind), Some(id)) = (now["type"].as_str(), now["id"].as_str().and_then(|id| id.parse().ok())) else { return Ok(None) };
    let Some(entry) = write.app().registry.query(kind) else { return Ok(None) };
    if !write.who.can(entry.needs) || write.who.require_capability(entry.capability).is_err() {
        return Ok(None);
    }
    let params = Params { id: Some(id), limit: 1, ..Params::default() };
    match (entry.run)(&mut write.read().await?, &params).await {
        Ok(listing) => Ok(listing.data.into_iter().next()),
        Err(Error::NotFound | Error::Forbidden) => Ok(None),
        Err(e) => Err(e),
    }
}

/// `GET /api/data?type=…`: one page, or the record with `id`.
pub async fn data(
    State(app): State<App>,
    mut read: Read,
    headers: HeaderMap,
    Query(mut asked): Query<BTreeMap<String, String>>,
) -> Result<Response> {
    let entries = &app.registry.queries;
    let names = || entries.iter().map(|e| e.name).collect::<Vec<_>>().join(", ");
    let kind = asked.remove("type").ok_or_else(|| FieldErrors::one("type", format!("Which type? There are: {}.", names())))?;
    let entry = entries
        .iter()
        .find(|e| e.name == kind)
        .ok_or_else(|| FieldErrors::one("type", format!("There is no type {kind}. There are: {}.", names())))?;
    read.who.require(entry.needs)?;
    read.who.require_capability(entry.capability)?;
    let fields = asked.remove("fields");
    let params = params(entry, asked)?;
    let one = params.id.is_some();
    let listing = (entry.run)(&mut read, &params).await?;
    let mut data = listing.data;
    if let Some(fields) = fields {
        trim(&mut data, &fields)?;
    }
    let data = if one { data.into_iter().next().ok_or(Error::NotFound)? } else { Value::Array(data) };
    Ok(tagged(&headers, &read.who, data, listing.cursor))
}

/// Keeps only `id` and the fields listed in `fields`. Errors: `Invalid` for a field that no row has.
fn trim(rows: &mut [Value], fields: &str) -> Result<()> {
    let wanted: Vec<&str> = fields.split(',').map(str::trim).filter(|f| !f.is_empty()).collect();
    let known: BTreeSet<String> = rows.iter().filter_map(Value::as_object).flat_map(|row| row.keys().cloned()).collect();
    let mut errors = FieldErrors::default();
    for field in wanted.iter().filter(|f| !known.is_empty() && !known.contains(**f)) {
        let all: Vec<&str> = known.iter().map(String::as_str).collect();
        errors.add("fields", format!("There is no field {field}. There are: {}.", all.join(", ")));
    }
    errors.into_result()?;
    for row in rows.iter_mut().filter_map(Value::as_object_mut) {
        row.retain(|k, _| k == "id" || wanted.contains(&k.as_str()));
    }
    Ok(())
}

fn params(entry: &query::Entry, mut asked: BTreeMap<String, String>) -> Result<Params> {
    let mut errors = FieldErrors::default();
    let mut params = Params { limit: DEFAULT_LIMIT, ..Params::default() };
    if let Some(id) = asked.remove("id") {
        match id.parse() {
            Ok(id) => params.id = Some(id),
            Err(_) => return Err(Error::NotFound),
        }
    }
    params.search = asked.remove("search").filter(|s| !s.trim().is_empty());
    params.cursor = asked.remove("cursor");
    if let Some(limit) = asked.remove("limit") {
        match limit.parse::<i64>() {
            Ok(n) if (1..=MAX_LIMIT).contains(&n) => params.limit = n,
            _ => errors.add("limit", format!("limit is a number from 1 to {MAX_LIMIT}.")),
        }
    }
    for include in asked.remove("include").iter().flat_map(|i| i.split(',')).map(str::trim).filter(|i| !i.is_empty()) {
        if entry.includes.contains(&include) {
            params.include.push(include.to_owned());
        } else {
            errors.add("include", format!("{} can't include {include}. It can include: {}.", entry.name, entry.includes.join(", ")));
        }
    }
    for (name, value) in asked {
        if entry.filters.contains(&name.as_str()) {
            params.filters.insert(name, value);
        } else {
            errors.add(&name, format!("{} has no filter {name}. It has: {}.", entry.name, entry.filters.join(", ")));
        }
    }
    errors.into_result()?;
    Ok(params)
}

/// `GET /api/capabilities`: actions and data types from the registry, with what the member's role allows.
pub async fn capabilities(State(app): State<App>, read: Read, headers: HeaderMap) -> Response {
    let who = &read.who;
    let mut domains: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for a in &app.registry.actions {
        let Some((domain, verb)) = a.name.split_once('.') else { continue };
        domains.entry(domain).or_default().push(json!({
            "action": verb, "needs": a.needs, "allowed": who.can(a.needs), "model_level": a.model,
            "capability": a.capability, "enabled": a.capability.is_none_or(|c| who.has(c)), "input": (a.schema)(),
        }));
    }
    let types: Vec<Value> = app.registry
        .queries
        .iter()
        .map(|q| {
            json!({ "type": q.name, "needs": q.needs, "allowed": who.can(q.needs), "capability": q.capability, "filters": q.filters, "includes": q.includes })
        })
        .collect();
    tagged(&headers, who, json!({ "domains": domains, "types": types }), None)
}

fn envelope(who: &Who, data: Value, cursor: Option<String>) -> Json<Value> {
    let mut meta = json!({ "timestamp": who.now.to_rfc3339_opts(SecondsFormat::Millis, true), "request_id": who.origin.request_id });
    if let Some(cursor) = cursor {
        meta["cursor"] = Value::String(cursor);
    }
    Json(json!({ "success": true, "data": data, "error": null, "meta": meta }))
}

/// Returns `data` in an envelope, with an `ETag` of the data and cursor (not of the meta), or 304 if `If-None-Match` names that tag.
fn tagged(headers: &HeaderMap, who: &Who, data: Value, cursor: Option<String>) -> Response {
    let tag = format!("\"{}\"", hex(&digest(format!("{data}{cursor:?}").as_bytes())[..12]));
    let known = headers.get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok()).is_some_and(|v| v.contains(&tag));
    let mut response = if known { StatusCode::NOT_MODIFIED.into_response() } else { envelope(who, data, cursor).into_response() };
    if let Ok(value) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, value);
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    response
}

/// The envelope of a failure.
pub fn failure(app: &App, request_id: &str, f: &platform::error::Failure) -> Json<Value> {
    let mut error = json!({ "code": f.code, "message": f.message, "details": f.details.0 });
    if f.is_in_doubt {
        error["in_doubt"] = Value::Bool(true);
        error["message"] = json!(format!(
            "{} Send it again with the same Idempotency-Key: it is done once. If it had no key, read the record before you send anything.",
            f.message
        ));
    }
    if let Some(current) = &f.current {
        error["current"] = current.clone();
    }
    let at = app.clock.now().to_rfc3339_opts(SecondsFormat::Millis, true);
    Json(json!({ "success": false, "data": null, "error": error, "meta": { "timestamp": at, "request_id": request_id } }))
}
