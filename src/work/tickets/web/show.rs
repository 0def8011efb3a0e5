//! The page of one ticket, for the technician on site.

use askama::Template;
use axum::extract::Path;
use serde::Deserialize;

use super::{price, state_pill, zone_note};
use crate::tickets::{Confirmation, TicketState, allowed_actions, clocked_minutes, data};
use platform::{error::Result, ids::TicketId, role::Capability, tenant::Read};

#[derive(Template)]
#[template(path = "tickets/show.html")]
pub(super) struct Show {
    head: ui::Head,
    t: data::Ticket,
    parts: data::Parts,
    zone: chrono_tz::Tz,
    country: String,
    zone_note: String,
    total: String,
    lines: Vec<(String, String, String)>,
    clocked_minutes: i32,
    last: Option<Last>,
    alerts: Vec<String>,
    state: ui::Pill,
    can: Vec<&'static str>,
    answer: String,
    answer_tone: ui::Tone,
    /// Whether the member's own clock is running on this ticket.
    running_mine: bool,
    sees_prices: bool,
    has_invoices: bool,
    trouble: Option<Trouble>,
}

/// The reason why a clock action failed.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    pub message: String,
    /// The ticket on which the member's clock is running instead.
    pub elsewhere: Option<Elsewhere>,
    /// Whether the action was a clock-in.
    pub is_coming: bool,
}

/// A running clock's ticket, parsed from a conflict's `current.running`.
#[derive(Debug, Deserialize)]
pub(super) struct Elsewhere {
    ticket_id: TicketId,
    number: i64,
    customer: String,
}

struct Last {
    id: TicketId,
    on: chrono::DateTime<chrono::Utc>,
    took: String,
    price: String,
    by: String,
    prefers: String,
}

impl Show {
    fn may(&self, action: &str) -> bool {
        self.can.contains(&action)
    }

    fn minutes(&self, entry: &data::ClockEntry) -> i64 {
        entry.minutes(self.head.now)
    }
}

/// `GET /tickets/{id}`
pub async fn show(mut r: Read, Path(id): Path<TicketId>) -> Result<ui::Html> {
    ui::page(&page(&mut r, id, None).await?)
}

/// Builds the page; `trouble` is the reason why a clock action failed.
pub(super) async fn page(r: &mut Read, id: TicketId, trouble: Option<Trouble>) -> Result<Show> {
    let who = r.who.clone();
    who.require_capability(Some(Capability::Scheduling))?;
    let t = data::visible_ticket(r.db(), &who, id).await?;
    let parts = data::parts(r.db(), &who, &t).await?;
    let services: Vec<_> = parts.lines.iter().filter_map(|l| l.service_id).collect();
    let last = data::last_time(r.db(), t.contact_id, t.address_id, &services).await?.filter(|l| l.ticket_id != t.id);
    let zone = t.zone();
    let c = who.currency;
    let unit = |l: &data::Line| match l.unit_price {
        Some(p) if l.quantity.normalize() != rust_decimal::Decimal::ONE => {
            format!("{} · {} × {}", l.description, l.quantity.normalize(), c.format(p))
        }
        _ if l.quantity.normalize() != rust_decimal::Decimal::ONE => format!("{} · {}", l.description, l.quantity.normalize()),
        _ => l.description.clone(),
    };
    let amount = |l: &data::Line| match l.total {
        _ if !who.sees_prices() => String::new(),
        Some(total) => c.format(total),
        None => "not priced yet".into(),
    };
    let lines = parts.lines.iter().map(|l| (l.id.to_string(), unit(l), amount(l))).collect();
    let (answer, answer_tone) = answer_words(&t, &parts, zone);
    let back = ui::format::input_date(t.starts_at, who.zone);
    let is_today = who.today() == platform::localtime::local_date(t.starts_at, who.zone);
    let head = ui::Head::of(r, if is_today { "today" } else { "calendar" }).title(&t.contact_name);
    let mut head = head;
    // The head does not repeat the running clock on the page of its own ticket.
    head.current = head.current.filter(|c| c.href != format!("/tickets/{id}"));
    let head = if is_today { head.back("/", "Today") } else { head.back(format!("/calendar?view=day&date={back}"), "Calendar") };
    Ok(Show {
        trouble,
        country: who.country.clone(),
        zone_note: zone_note(t.starts_at, zone, who.zone),
        total: format!("{}{}", price(&who, t.total, t.has_open_price), t.plus_tax()),
        clocked_minutes: clocked_minutes(&parts.clock, who.now),
        running_mine: parts.clock.iter().any(|e| e.clocked_out_at.is_none() && Some(e.member_id) == who.member),
        last: last.map(|l| Last {
            id: l.ticket_id,
            on: l.on,
            took: l.worked_minutes.map(ui::format::duration).unwrap_or_default(),
            price: price(&who, l.total, false),
            by: l.by,
            prefers: l.preferred_time.map(|p| format!("{p}s")).unwrap_or_default(),
        }),
        alerts: alerts(&t, &parts),
        state: state_pill(t.state),
        can: allowed_actions(&who, &t),
        sees_prices: who.sees_prices(),
        has_invoices: who.has(Capability::Invoices),
        head,
        lines,
        answer,
        answer_tone,
        zone,
        parts,
        t,
    })
}

/// Warnings for the technician on site: access notes, then confirmed attributes about access, pets, equipment and hazards.
fn alerts(t: &data::Ticket, parts: &data::Parts) -> Vec<String> {
    let facts = parts.facts.iter().filter(|f| {
        ["access", "pet", "gate", "equipment", "hazard", "alarm", "parking", "key"].iter().any(|k| f.key.to_lowercase().contains(k))
    });
    let mut out: Vec<String> = facts.map(|f| format!("{}: {}", ui::format::sentence(&f.key), f.value)).collect();
    if !t.access_notes.is_empty() {
        out.insert(0, t.access_notes.clone());
    }
    out.dedup();
    out
}

/// The confirmation as text and tone: the current answer with its channel and time, or the state of asking.
fn answer_words(t: &data::Ticket, parts: &data::Parts, zone: chrono_tz::Tz) -> (String, ui::Tone) {
    let tone = match t.confirmation {
        Confirmation::Accepted => ui::Tone::Good,
        Confirmation::NotAsked => ui::Tone::Idle,
        Confirmation::Asked => ui::Tone::Wait,
        Confirmation::Declined | Confirmation::ChangeRequested => ui::Tone::Bad,
    };
    let words = match parts.answers.iter().find(|a| a.for_start == t.starts_at && a.answer == t.confirmation) {
        None => t.confirmation.word().to_owned(),
        Some(a) => {
            let how = match a.channel.as_str() {
                "phone" => "by phone",
                "email" => "by email",
                "in_person" => "in person",
                _ => "by link",
            };
            let noted = a.member_name.as_deref().map(|m| format!(", noted by {m}")).unwrap_or_default();
            format!("{} {how}, {}{noted}", t.confirmation.word(), ui::format::moment(a.created_at, zone))
        }
    };
    (words, tone)
}
