//! A customer's page: contact details, addresses, facts, timeline.

use axum::extract::{Path, Query};
use serde::Deserialize;

use crate::contacts::{
    Address, Attribute, AttributeState, Consent, Contact, Duplicate, Email, Phone, data, personal,
    timeline::{self, Entry},
};
use platform::{error::Result, ids::ContactId, query::decode_cursor, role::Permission, tenant::Read};
use ui::Form;

/// Timeline entries shown on the customer's page.
const STREAM: i64 = 12;

#[derive(askama::Template)]
#[template(path = "contacts/show.html")]
pub struct Show {
    head: ui::Head,
    contact: Contact,
    /// The business's country, which decides how phone numbers are written.
    country: String,
    emails: Vec<Email>,
    phones: Vec<Phone>,
    addresses: Vec<Address>,
    attributes: Vec<Attribute>,
    duplicates: Vec<Duplicate>,
    consents: Vec<Consent>,
    technician: Option<String>,
    stream: Vec<Entry>,
    next: Option<String>,
    allowed: Vec<&'static str>,
    /// A small form of the page that was refused; empty otherwise.
    refused: Form,
}

impl Show {
    fn may(&self, action: &str) -> bool {
        self.allowed.contains(&action)
    }

    fn proposed(&self) -> impl Iterator<Item = &Attribute> {
        self.attributes.iter().filter(|a| a.state == AttributeState::Proposed)
    }

    fn confirmed(&self) -> impl Iterator<Item = &Attribute> {
        self.attributes.iter().filter(|a| a.state == AttributeState::Confirmed)
    }

    fn has_preferences(&self) -> bool {
        let c = &self.contact;
        c.preferred_time.is_some()
            || self.technician.is_some()
            || c.preferred_channel.is_some()
            || c.birthday.is_some()
            || c.customer_since.is_some()
            || c.email_consent.is_some()
            || c.sms_consent.is_some()
    }
}

/// Builds the page; `refused` is a small form of it that was refused, and is empty otherwise.
pub async fn page(r: &mut Read, id: ContactId, refused: Form) -> Result<Show> {
    let who = r.who.clone();
    data::visible(r.db(), &who, id).await?;
    let contact = data::contact(r.db(), id).await?;
    let personal::Reach { emails, phones, addresses } = personal::reach(r.db(), id).await?;
    let data::Known { attributes, consents, duplicates, technician } = data::known(r.db(), id).await?;
    let (stream, next) = timeline::page(r.db(), &who, id, None, STREAM).await?;
    let sub = if contact.name == contact.company { String::new() } else { contact.company.clone() };
    Ok(Show {
        head: ui::Head::of(r, "customers").title(contact.name.clone()).sub(sub).back("/contacts", "Customers"),
        country: who.country.clone(),
        emails,
        phones,
        addresses,
        attributes,
        duplicates: if who.can(Permission::WriteRecords) { duplicates } else { Vec::new() },
        consents,
        technician,
        stream,
        next: next.map(|c| format!("/contacts/{id}/timeline?after={c}")),
        allowed: data::allowed_actions(&who, &contact),
        contact,
        refused,
    })
}

/// `GET /contacts/{id}`.
pub async fn show(mut r: Read, Path(id): Path<ContactId>) -> Result<ui::Html> {
    ui::page(&page(&mut r, id, Form::default()).await?)
}

#[derive(askama::Template)]
#[template(path = "contacts/timeline.html")]
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
