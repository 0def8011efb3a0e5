//! The list of tickets.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::Query;

use super::{pills, price};
use crate::tickets::data::{self, Technician, listing, types::filter_of};
use platform::{
    error::Result,
    query::{DEFAULT_LIMIT, Params, next_cursor},
    role::{Capability, Permission},
    tenant::Read,
};

#[derive(Template)]
#[template(path = "tickets/index.html")]
struct Index {
    head: ui::Head,
    rows: Vec<Shown>,
    technicians: Vec<Technician>,
    state: String,
    technician: String,
    search: String,
    from: String,
    to: String,
    confirmation: String,
    next: Option<String>,
    first: Option<String>,
    may_create: bool,
    is_filtered: bool,
}

struct Shown {
    row: listing::Row,
    price: String,
    pills: Vec<ui::Pill>,
    zone: chrono_tz::Tz,
}

/// `GET /tickets`
pub async fn index(mut r: Read, Query(fields): Query<ui::Form>) -> Result<ui::Html> {
    let who = r.who.clone();
    who.require_capability(Some(Capability::Scheduling))?;
    let state = fields.some("state").unwrap_or("open").to_owned();
    let mut filters: BTreeMap<String, String> = BTreeMap::new();
    for name in ["contact_id", "technician", "from", "to", "confirmation"] {
        if let Some(value) = fields.some(name) {
            filters.insert(name.into(), value.into());
        }
    }
    let is_filtered = !filters.is_empty() || fields.has("search") || fields.has("state");
    filters.insert("state".into(), state.clone());
    let (search, cursor) = (fields.some("search").map(str::to_owned), fields.some("cursor").map(str::to_owned));
    let params = Params { search, cursor, filters, limit: DEFAULT_LIMIT, ..Params::default() };
    let filter = filter_of(&who, &params)?;
    let mut rows = listing::list(r.db(), &who, &filter, params.after()?, params.limit).await?;
    let next = next_cursor(&mut rows, params.limit, listing::place)?;
    let technicians = data::technicians(r.db()).await?;
    let link = |cursor: Option<&str>| {
        let query = fields.query_without(&["cursor"]);
        cursor.map_or(format!("/tickets?{query}"), |c| format!("/tickets?{query}&cursor={c}"))
    };
    ui::page(&Index {
        head: ui::Head::of(&r, "calendar").title("Tickets").back("/calendar", "Calendar"),
        next: next.as_deref().map(|c| link(Some(c))),
        first: params.cursor.is_some().then(|| link(None)),
        rows: rows
            .into_iter()
            .map(|row| Shown {
                price: price(&who, row.total, row.has_open_price),
                pills: pills(row.state, row.confirmation),
                zone: row.time_zone.parse().unwrap_or(who.zone),
                row,
            })
            .collect(),
        technicians,
        state,
        technician: fields.get("technician").into(),
        search: fields.get("search").into(),
        from: fields.get("from").into(),
        to: fields.get("to").into(),
        confirmation: fields.get("confirmation").into(),
        may_create: who.can(Permission::WriteRecords),
        is_filtered,
    })
}
