//! A customer's page: contact details, addresses, facts, timeline.

use axum::extract::{Path, Query};
use serde::Deserialize;

use crate::customer::timeline::{self, Entry};
use customers::contacts::{
    data,
    section::{Profile, profile},
};
use platform::{error::Result, ids::ContactId, query::decode_cursor, tenant::Read};
use ui::Form;

/// Timeline entries shown on the customer's page.
const STREAM: i64 = 12;

#[derive(askama::Template)]
#[template(path = "views/customer/show.html")]
pub struct Show {
    head: ui::Head,
    profile: Profile,
    stream: Vec<Entry>,
    next: Option<String>,
    /// A small form of the page that was refused; empty otherwise.
    refused: Form,
}

/// Builds the page; `refused` is a small form of it that was refused, and is empty otherwise.
pub async fn page(r: &mut Read, id: ContactId, refused: Form) -> Result<Show> {
    let who = r.who.clone();
    data::visible(r.db(), &who, id).await?;
    let profile = profile(r, id).await?;
    let (stream, next) = timeline::page(r.db(), &who, id, None, STREAM).await?;
    let contact = &profile.contact;
    let sub = if contact.name == contact.company { String::new() } else { contact.company.clone() };
    Ok(Show {
        head: ui::Head::of(r, "customers").title(contact.name.clone()).sub(sub).back("/contacts", "Customers"),
        stream,
        next: next.map(|c| format!("/contacts/{id}/timeline?after={c}")),
        profile,
        refused,
    })
}

/// `GET /contacts/{id}`.
pub async fn show(mut r: Read, Path(id): Path<ContactId>) -> Result<ui::Html> {
    ui::page(&page(&mut r, id, Form::default()).await?)
}

#[derive(askama::Template)]
#[template(path = "views/customer/timeline.html")]
struct Stream {
    head: ui::Head,
    stream: Vec<Entry>,
    next: Option<String>,
    first: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct After {
    after: String,
}

/// `GET /contacts/{id}/timeline`: the whole timeline, one page at a time.
pub async fn timeline(mut r: Read, Path(id): Path<ContactId>, Query(wanted): Query<After>) -> Result<ui::Html> {
    let who = r.who.clone();
    data::visible(r.db(), &who, id).await?;
    let name = data::contact(r.db(), id).await?.name;
    let after = if wanted.after.is_empty() { None } else { Some(decode_cursor(&wanted.after)?) };
    let (stream, next) = timeline::page(r.db(), &who, id, after, 40).await?;
    ui::page(&Stream {
        head: ui::Head::of(&r, "customers").title("Timeline").sub(name.clone()).back(format!("/contacts/{id}"), name),
        stream,
        next: next.map(|c| format!("/contacts/{id}/timeline?after={c}")),
        first: (!wanted.after.is_empty()).then(|| format!("/contacts/{id}/timeline")),
    })
}
