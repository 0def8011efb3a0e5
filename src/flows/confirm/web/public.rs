//! `/c/{token}`: the small page on which a customer answers. Reading it changes nothing; only a button there does.

use askama::Template;
use axum::{
    extract::Query,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};

use super::super::{actions::Respond, words};
use messages::outbox::data::{Letterhead, letterhead};
use platform::{
    action::Meta,
    error::{FieldErrors, Result},
    ids::TicketId,
    links::LinkKind,
    role::Capability,
    tenant::Read,
    visitor::Visitor,
};
use ui::{Form, format};
use work::tickets::{self, Answer, Confirmation, TicketState, actions::answers_until, data::Ticket};

/// The query parameters of a link in a mail. Mail programs mangle links, so a parameter that cannot be read counts as absent.
#[derive(Debug, Default)]
struct Asked {
    /// The visit's `sequence` in that mail; if it differs from the current one, the visit was moved since.
    v: Option<i32>,
    /// The button pressed in the mail: `accept`, `decline` or `change`.
    to: String,
}

impl Asked {
    fn of(query: &[(String, String)]) -> Self {
        let value = |name: &str| query.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v.as_str());
        Self { v: value("v").parse().ok(), to: value("to").to_owned() }
    }
}

#[derive(Template)]
#[template(path = "confirm/page.html")]
struct Page {
    office: Letterhead,
    sequence: i32,
    when: String,
    address: String,
    services: Vec<String>,
    price: String,
    until: String,
    stage: Stage,
    given: Option<Given>,
    to: String,
    form: Form,
}

/// The state of the page, which decides whether the customer can answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    /// Open, but the mail named another time.
    Moved,
    /// Too late to answer here: it is the day of the visit.
    Late,
    UnderWay,
    Done,
    Cancelled,
}

struct Given {
    answer: Confirmation,
    at: String,
    wish: String,
}

impl Page {
    fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Open | Stage::Moved)
    }

    /// Whether this is the current answer.
    fn said(&self, answer: Confirmation) -> bool {
        self.given.as_ref().is_some_and(|g| g.answer == answer)
    }
}

#[derive(Template)]
#[template(path = "confirm/replaced.html")]
struct Replaced {
    office: Letterhead,
}

/// `GET /c/{token}`
pub async fn show(visitor: Visitor, Query(query): Query<Vec<(String, String)>>) -> Result<Response> {
    let (mut read, opened) = visitor.read(LinkKind::Confirm).await?;
    if opened.is_revoked {
        return replaced(&mut read).await;
    }
    read.who.require_capability(Some(Capability::Scheduling))?;
    let page = page(&mut read, TicketId(opened.subject), &Asked::of(&query)).await?;
    Ok(ui::page(&page)?.into_response())
}

async fn page(read: &mut Read, id: TicketId, asked: &Asked) -> Result<Page> {
    let now = read.who.now;
    let ticket = tickets::data::ticket(read.db(), id).await?;
    let lines = tickets::data::lines(read.db(), id).await?;
    let given = tickets::data::answers(read.db(), id).await?.into_iter().find(|a| a.for_start == ticket.starts_at);
    let given = given.filter(|a| a.answer == ticket.confirmation).map(|a| Given {
        answer: a.answer,
        at: format::moment(a.created_at, ticket.zone()),
        wish: a.wish,
    });
    let currency = read.who.currency;
    let to = match asked.to.as_str() {
        to @ ("accept" | "decline" | "change") => to.to_owned(),
        _ => String::new(),
    };
    Ok(Page {
        office: letterhead(read.db()).await?,
        sequence: ticket.sequence,
        when: words::when(&ticket),
        address: ticket.address.clone(),
        services: lines.iter().map(|l| l.description.clone()).collect(),
        price: words::price(&ticket, &lines, currency),
        until: format::moment(answers_until(&ticket), ticket.zone()),
        stage: stage(&ticket, asked.v, now),
        given,
        to,
        form: Form::default(),
    })
}

fn stage(ticket: &Ticket, asked: Option<i32>, now: DateTime<Utc>) -> Stage {
    match ticket.state {
        TicketState::Cancelled => Stage::Cancelled,
        TicketState::Closed => Stage::Done,
        TicketState::InProgress => Stage::UnderWay,
        TicketState::Scheduled if now >= answers_until(ticket) => Stage::Late,
        TicketState::Scheduled if asked.is_some_and(|v| v != ticket.sequence) => Stage::Moved,
        TicketState::Scheduled => Stage::Open,
    }
}

/// `POST /c/{token}`. The form of the answer buttons has no idempotency key: repeating the current answer changes nothing, and a different
/// answer must count, even from a page that the browser's Back has restored.
pub async fn answer(visitor: Visitor, mut form: Form) -> Result<Response> {
    let (mut read, opened) = visitor.read(LinkKind::Confirm).await?;
    if opened.is_revoked {
        return replaced(&mut read).await;
    }
    drop(read);
    let ticket_id = TicketId(opened.subject);
    let sequence = form.parsed("sequence").ok_or_else(|| FieldErrors::one("sequence", "This form is incomplete."))?;
    let answer = form.must("answer", |name| Answer::from_name(name).ok_or("Please choose an answer."));
    let respond = answer.map(|answer| {
        // A wish typed for another time does not belong to an acceptance.
        let wish = if answer == Answer::Accepted { String::new() } else { form.owned("wish") };
        Respond { ticket_id, answer, wish, sequence }
    });
    form.meta = Meta::default();
    if form.act(&visitor.write().await?, respond).await?.is_some() {
        return Ok(ui::redirect(&format!("/c/{}", visitor.token), ""));
    }
    let (mut read, _) = visitor.read(LinkKind::Confirm).await?;
    let is_change = !form.get("wish").is_empty() || form.errors.of("wish").is_some();
    let asked = Asked { v: Some(sequence), to: if is_change { "change".into() } else { String::new() } };
    let page = Page { form, ..page(&mut read, ticket_id, &asked).await? };
    Ok(ui::with_status(page.form.status(), &page)?.into_response())
}

async fn replaced(read: &mut Read) -> Result<Response> {
    let page = Replaced { office: letterhead(read.db()).await? };
    Ok(ui::with_status(StatusCode::GONE, &page)?.into_response())
}
