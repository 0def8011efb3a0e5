//! The simulation's payment page: says that it is a simulation, and offers success and decline.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::{Session, only_in_demo, state, tell};
use crate::invoices;
use platform::{
    app::App,
    error::{Error, Result},
};

#[derive(Template)]
#[template(path = "payments/simulated.html")]
struct Page {
    session: String,
    lines: Vec<(String, String)>,
    total: String,
    is_open: bool,
    declined: bool,
    back: String,
}

fn page_of(session: &Session, declined: bool) -> Page {
    let money = invoices::currency(&session.currency);
    let words = |minor| money.format(money.from_minor(minor));
    Page {
        session: session.id.clone(),
        lines: session.lines.iter().map(|(name, minor)| (name.clone(), words(*minor))).collect(),
        total: words(session.total()),
        is_open: session.status == "open",
        declined,
        back: session.cancel_url.clone(),
    }
}

fn find(id: &str) -> Result<Session> {
    state().sessions.get(id).cloned().ok_or(Error::NotFound)
}

/// `GET /demo/stripe/pay/{session}`
pub async fn page(State(app): State<App>, Path(id): Path<String>) -> Result<ui::Html> {
    only_in_demo(&app)?;
    ui::page(&page_of(&find(&id)?, false))
}

/// `POST /demo/stripe/pay/{session}`: lets the payment succeed or be declined.
pub async fn answer(State(app): State<App>, Path(id): Path<String>, form: ui::Form) -> Result<Response> {
    only_in_demo(&app)?;
    let session = find(&id)?;
    if session.status != "open" {
        return Ok(ui::page(&page_of(&session, false))?.into_response());
    }
    let intent = |status: &str, received: i64| {
        json!({ "id": session.payment_intent, "object": "payment_intent", "status": status, "amount": session.total(), "amount_received": received,
                "currency": session.currency, "metadata": session.metadata,
                "last_payment_error": (status != "succeeded").then(|| json!({ "message": "Your card was declined." })) })
    };
    if form.get("how") != "succeed" {
        tell(&app, "payment_intent.payment_failed", intent("requires_payment_method", 0)).await?;
        return Ok(ui::page(&page_of(&session, true))?.into_response());
    }
    let done = {
        let mut state = state();
        let kept = state.sessions.get_mut(&id).ok_or(Error::NotFound)?;
        kept.status = "complete";
        kept.clone()
    };
    // Stripe sends both events for one payment.
    tell(&app, "payment_intent.succeeded", intent("succeeded", session.total())).await?;
    tell(&app, "checkout.session.completed", done.json(&app)).await?;
    Ok(ui::redirect(&session.success_url, ""))
}
