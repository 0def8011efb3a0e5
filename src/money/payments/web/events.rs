//! `/settings/webhooks`: the events received from Stripe, with retry of failed and ignored ones.

use axum::{
    extract::{Path, Query},
    response::Response,
};
use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::payments::{
    actions::ReprocessEvent,
    data::{self, WebhookEvent},
};
use platform::{
    error::Result,
    ids::WebhookEventId,
    query::{decode_cursor, next_cursor},
    role::Capability,
    tenant::{Read, Write},
};

const PAGE: i64 = 30;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Wanted {
    state: String,
    after: String,
}

#[derive(askama::Template)]
#[template(path = "payments/events.html")]
struct Index {
    head: ui::Head,
    wanted: Wanted,
    rows: Vec<WebhookEvent>,
    next: Option<String>,
    first: Option<String>,
}

/// `GET /settings/webhooks`
pub async fn index(mut r: Read, Query(wanted): Query<Wanted>) -> Result<ui::Html> {
    r.who.require_capability(Some(Capability::Payments))?;
    let state = ["received", "processed", "ignored", "failed"].into_iter().find(|s| *s == wanted.state);
    let after = if wanted.after.is_empty() { None } else { Some(decode_cursor::<(DateTime<Utc>, WebhookEventId)>(&wanted.after)?) };
    let mut rows = data::webhook_events(r.db(), None, state, after, PAGE).await?;
    let cursor = next_cursor(&mut rows, PAGE, |e| (e.created_at, e.id))?;
    let here = |after: &str| format!("/settings/webhooks?state={}&after={after}", state.unwrap_or_default());
    ui::page(&Index {
        head: ui::Head::of(&r, "settings").title("Messages from Stripe").back("/settings/stripe", "Stripe"),
        next: cursor.as_deref().map(here),
        first: (!wanted.after.is_empty()).then(|| here("")),
        rows,
        wanted,
    })
}

/// `POST /settings/webhooks/{id}/reprocess`
pub async fn reprocess(w: Write, Path(id): Path<WebhookEventId>, form: ui::Form) -> Result<Response> {
    w.act(&form.meta, ReprocessEvent { event_id: id }).await?;
    Ok(ui::redirect("/settings/webhooks", "It is worked off again"))
}
