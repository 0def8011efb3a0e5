//! `/u/{token}`: reading changes nothing; the button, or the mail program's one click (RFC 8058), unsubscribes.

use askama::Template;
use axum::{
    body::Bytes,
    response::{IntoResponse, Response},
};

use customers::{contacts, contacts::actions::Unsubscribe};
use messages::outbox::data::{Letterhead, letterhead};
use platform::{action::Meta, error::Result, form::fresh_key, ids::ContactId, links::LinkKind, visitor::Visitor};

const WORDING: &str = "No more messages like this";

#[derive(Template)]
#[template(path = "messages/unsubscribe.html")]
struct Page {
    office: Letterhead,
    key: String,
    is_off: bool,
}

/// `GET /u/{token}`
pub async fn show(visitor: Visitor) -> Result<Response> {
    let (mut read, opened) = visitor.read(LinkKind::Unsubscribe).await?;
    let contact = contacts::data::summary(read.db(), ContactId(opened.subject)).await?;
    let page = Page { office: letterhead(read.db()).await?, key: fresh_key(), is_off: contact.email_consent == Some(false) };
    Ok(ui::page(&page)?.into_response())
}

/// `POST /u/{token}`: from the page, or from a mail program with `List-Unsubscribe=One-Click`. The body is ignored: its encoding varies.
pub async fn unsubscribe(visitor: Visitor, _: Bytes) -> Result<Response> {
    let (read, _) = visitor.read(LinkKind::Unsubscribe).await?;
    drop(read);
    visitor.write().await?.act(&Meta::default(), Unsubscribe { wording: WORDING.into() }).await?;
    show(visitor).await
}
