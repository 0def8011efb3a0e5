//! The simulation's payment page: says that it is a simulation, and offers success and decline.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::{IntoResponse, Response},
};

use super::{News, Session, only_in_demo, state, tell};
use crate::payments::providers::Closed;
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
    let (new, money) = (&session.new, session.new.currency);
    let words = |minor| money.format(money.from_minor(minor));
    let tip = (new.tip_minor > 0).then(|| ("Tip".to_owned(), words(new.tip_minor)));
    Page {
        session: session.id.clone(),
        lines: std::iter::once((new.title.clone(), words(new.minor))).chain(tip).collect(),
        total: words(session.total()),
        is_open: session.closed.is_none(),
        declined,
        back: new.cancel_url.clone(),
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
    if session.closed.is_some() {
        return Ok(ui::page(&page_of(&session, false))?.into_response());
    }
    let (org, now) = (session.new.org, app.clock.now());
    if form.get("how") != "succeed" {
        let failed = News::Failed { charge: session.charge(), reason: Some("Your card was declined.".into()) };
        tell(&app, org, "payment.failed", &session.event(now, failed)).await?;
        return Ok(ui::page(&page_of(&session, true))?.into_response());
    }
    let done = {
        let mut state = state();
        let kept = state.sessions.get_mut(&id).ok_or(Error::NotFound)?;
        kept.closed = Some(Closed::Complete);
        kept.clone()
    };
    tell(&app, org, "payment.paid", &done.event(now, News::Paid { charge: done.charge(), is_settled: true })).await?;
    Ok(ui::redirect(&session.new.success_url, ""))
}
