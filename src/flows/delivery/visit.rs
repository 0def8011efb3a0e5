//! Mails about a visit: asking for confirmation, a new time, a cancellation; each with its calendar file.

use chrono::{DateTime, Utc};

use super::render::{Draft, Rendering, link};
use crate::confirm::words;
use messages::outbox::{MessageKind, actions::Claimed};
use platform::{
    error::Result,
    ics::{self, Appointment, Method, Party},
    ids::TicketId,
    links::LinkKind,
    mail::Attachment,
    tenant::Read,
};
use work::tickets::{
    Confirmation, TicketState,
    actions::answers_until,
    data::{self, Ticket},
};

pub(super) async fn render(read: &mut Read, mut draft: Draft<'_>) -> Result<Rendering> {
    let ticket = data::ticket(read.db(), TicketId(draft.message.subject_id)).await?;
    if let Some(reason) = out_of_date(draft.message, &ticket, read.who.now) {
        return Ok(Rendering::Drop(reason.into()));
    }
    let lines = data::lines(read.db(), ticket.id).await?;
    let currency = read.who.currency;
    let services = words::services(&lines);
    let (when, price) = (words::when(&ticket), words::price(&ticket, &lines, currency));
    draft.vars.extend(words::vars(&ticket, &lines, &read.who));
    let is_cancelled = draft.message.kind == MessageKind::Cancellation;
    let mut words = draft.words(read).await?.fact("What", services.as_str()).fact("When", when).fact("Where", ticket.address.as_str());
    let url = (!is_cancelled).then(|| link(draft.app, LinkKind::Confirm, draft.message.link));
    if url.is_some() && read.who.now >= answers_until(&ticket) {
        // The page takes no answer any more, so the mail does not link to it.
        let reach = draft.letterhead.phone.as_deref().map_or_else(|| "just reply to this mail.".into(), |p| format!("please call {p}."));
        words = words.fact("Price", price).fact("To answer", reach);
    } else if let Some(url) = &url {
        // The links only show a page; answering takes a button there.
        let page = |to: &str| format!("{url}?v={}&to={to}", ticket.sequence);
        words = words.fact("Price", price).link("Accept", page("accept"), true).link("Decline", page("decline"), false).link(
            "Ask for another time",
            page("change"),
            false,
        );
    }
    let (method, calendar) = calendar(&draft, &ticket, &services, url, read.who.now);
    let attachment = Attachment::Calendar { method, ics: ics::appointment(method, &calendar) };
    Ok(draft.ready(words.attach(attachment)))
}

/// Returns why a message about a visit is out of date, since slot, state or answer have changed; `None` if it still holds.
fn out_of_date(message: &Claimed, ticket: &Ticket, now: DateTime<Utc>) -> Option<&'static str> {
    if message.kind == MessageKind::Cancellation {
        return (ticket.state != TicketState::Cancelled).then_some("The appointment is not cancelled.");
    }
    if ticket.state != TicketState::Scheduled {
        return Some("The appointment is no longer planned.");
    }
    if message.sequence.is_some_and(|s| s != ticket.sequence) {
        return Some("The appointment was moved meanwhile; a newer message says so.");
    }
    if ticket.starts_at <= now {
        return Some("The appointment has begun.");
    }
    if message.kind == MessageKind::Confirmation && !matches!(ticket.confirmation, Confirmation::NotAsked | Confirmation::Asked) {
        return Some("The customer has answered already.");
    }
    None
}

fn calendar(draft: &Draft<'_>, ticket: &Ticket, services: &str, url: Option<String>, stamp: DateTime<Utc>) -> (Method, Appointment) {
    let method = if url.is_some() { Method::Request } else { Method::Cancel };
    let office = draft.letterhead.email.clone().unwrap_or_else(|| draft.app.mail_from.address.clone());
    let appointment = Appointment {
        ticket: ticket.id.0,
        host: draft.app.host().to_owned(),
        sequence: u32::try_from(ticket.sequence).unwrap_or_default(),
        stamp,
        start: ticket.starts_at,
        end: ticket.ends_at,
        summary: draft.letterhead.name.clone(),
        description: services.to_owned(),
        location: ticket.address.clone(),
        url,
        organizer: Some(Party { name: draft.letterhead.name.clone(), email: office }),
        attendee: Some(Party { name: draft.name.clone(), email: draft.to.clone() }),
        cancelled: ticket.state == TicketState::Cancelled,
    };
    (method, appointment)
}
