//! The list of customers, and the suggestions of the customer field.

use axum::{
    Json,
    extract::Query,
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};

use crate::contacts::search::{self, Asked, Row};
use platform::{error::Result, form::href, ids::ContactId, query::decode_cursor, role::Permission, tenant::Read};

/// Rows per page: enough to fill a screen, few enough to load quickly.
const PAGE: i64 = 20;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Wanted {
    search: String,
    state: String,
    tag: String,
    after: String,
}

#[derive(askama::Template)]
#[template(path = "contacts/index.html")]
struct Index {
    head: ui::Head,
    country: String,
    wanted: Wanted,
    rows: Vec<Row>,
    is_guess: bool,
    can_create: bool,
    next: Option<String>,
    first: Option<String>,
}

impl Wanted {
    fn archived(&self) -> bool {
        self.state == "archived"
    }

    /// Returns the path of the list with these filters, starting after the cursor `after`.
    fn href(&self, after: Option<&str>) -> String {
        let parts = [("search", self.search.as_str()), ("state", &self.state), ("tag", &self.tag), ("after", after.unwrap_or_default())];
        href("/contacts", &parts)
    }

    fn with_state(&self, state: &str) -> String {
        Self { state: state.into(), search: self.search.clone(), tag: self.tag.clone(), after: String::new() }.href(None)
    }

    fn without_tag(&self) -> String {
        Self { tag: String::new(), state: self.state.clone(), search: self.search.clone(), after: String::new() }.href(None)
    }
}

/// `GET /contacts`: the list, searched with `search`, filtered by `state` and `tag`.
pub async fn index(mut r: Read, Query(wanted): Query<Wanted>) -> Result<ui::Html> {
    let who = r.who.clone();
    let asked = Asked {
        search: Some(wanted.search.clone()).filter(|s| !s.trim().is_empty()),
        archived: wanted.archived(),
        tag: Some(wanted.tag.clone()).filter(|t| !t.is_empty()),
        after: if wanted.after.is_empty() { None } else { Some(decode_cursor(&wanted.after)?) },
        emails: false,
        limit: PAGE,
    };
    let found = search::find(r.db(), &who, &asked).await?;
    let mut head = ui::Head::of(&r, "customers").title("Customers");
    head.query.clone_from(&wanted.search);
    ui::page(&Index {
        head,
        country: who.country.clone(),
        next: found.cursor.as_deref().map(|c| wanted.href(Some(c))),
        first: (!wanted.after.is_empty()).then(|| wanted.href(None)),
        rows: found.rows,
        is_guess: found.is_guess,
        can_create: who.can(Permission::WriteRecords),
        wanted,
    })
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Typed {
    #[serde(alias = "q")]
    search: String,
}

/// One suggestion of the customer field.
#[derive(Debug, Serialize)]
pub struct Offer {
    id: ContactId,
    label: String,
    hint: String,
}

#[derive(askama::Template)]
#[template(
    ext = "html",
    source = r#"<ul class="list">{% for o in offers %}<li><a class="name" href="/contacts/{{ o.id }}">{{ o.label }}</a><span class="dim">{{ o.hint }}</span></li>{% endfor %}</ul>"#
)]
struct Offers {
    offers: Vec<Offer>,
}

/// `GET /contacts/suggest?search=`: at most eight contacts, as JSON if the `Accept` header asks for it, else as an HTML fragment.
pub async fn suggest(mut r: Read, headers: HeaderMap, Query(typed): Query<Typed>) -> Result<Response> {
    let who = r.who.clone();
    let asked = Asked { search: Some(typed.search).filter(|s| !s.trim().is_empty()), limit: 8, ..Asked::default() };
    let found = if asked.search.is_some() { search::find(r.db(), &who, &asked).await?.rows } else { Vec::new() };
    let offers: Vec<Offer> = found
        .into_iter()
        .map(|c| {
            let hint = c.why.or(c.town).or(c.phone).unwrap_or_default();
            Offer { id: c.id, label: c.name, hint }
        })
        .collect();
    let wants_json = headers.get("accept").is_some_and(|a| a.as_bytes().starts_with(b"application/json"));
    Ok(if wants_json { Json(offers).into_response() } else { ui::page(&Offers { offers })?.into_response() })
}
