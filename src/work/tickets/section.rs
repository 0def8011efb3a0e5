//! What pages of joint records show of a ticket, for the technician on site: the cards `templates/tickets/_*.html`, which read a field `visit`.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use rust_decimal::Decimal;

use super::{
    Confirmation, allowed_actions, clocked_minutes,
    data::{ClockEntry, LastTime, Line, Parts, Ticket},
    web::{price, state_pill, zone_note},
};
use platform::{ids::TicketId, role::Permission, tenant::Who};

/// A ticket with its parts, in words.
pub struct Visit {
    pub t: Ticket,
    pub parts: Parts,
    /// The zone of the place of service.
    pub zone: Tz,
    /// The zone's name, if it differs from the business's.
    pub zone_note: String,
    pub total: String,
    /// Id, words and amount of each line.
    pub lines: Vec<(String, String, String)>,
    pub clocked_minutes: i32,
    pub last: Option<Last>,
    pub state: ui::Pill,
    can: Vec<&'static str>,
    pub answer: String,
    pub answer_tone: ui::Tone,
    /// Whether the member's own clock is running on this ticket.
    pub running_mine: bool,
    pub sees_prices: bool,
    pub may_note: bool,
    now: DateTime<Utc>,
}

/// The last visit of the same customer.
pub struct Last {
    pub id: TicketId,
    pub on: DateTime<Utc>,
    pub took: String,
    pub price: String,
    pub by: String,
    pub prefers: String,
}

impl Visit {
    /// `parts` and `last` are those of `t`, as far as the member may see them.
    pub fn new(who: &Who, t: Ticket, parts: Parts, last: Option<LastTime>) -> Self {
        let zone = t.zone();
        let (answer, answer_tone) = answer_words(&t, &parts, zone);
        Self {
            zone_note: zone_note(t.starts_at, zone, who.zone),
            total: format!("{}{}", price(who, t.total, t.has_open_price), t.plus_tax()),
            lines: parts.lines.iter().map(|l| line_words(who, l)).collect(),
            clocked_minutes: clocked_minutes(&parts.clock, who.now),
            running_mine: parts.clock.iter().any(|e| e.clocked_out_at.is_none() && Some(e.member_id) == who.member),
            last: last.filter(|l| l.ticket_id != t.id).map(|l| Last {
                id: l.ticket_id,
                on: l.on,
                took: l.worked_minutes.map(ui::format::duration).unwrap_or_default(),
                price: price(who, l.total, false),
                by: l.by,
                prefers: l.preferred_time.map(|p| format!("{p}s")).unwrap_or_default(),
            }),
            state: state_pill(t.state),
            can: allowed_actions(who, &t),
            sees_prices: who.sees_prices(),
            may_note: who.can(Permission::WriteRecords),
            now: who.now,
            answer,
            answer_tone,
            zone,
            parts,
            t,
        }
    }

    pub fn may(&self, action: &str) -> bool {
        self.can.contains(&action)
    }

    /// The minutes of a clock entry, until now if it runs.
    pub fn minutes(&self, entry: &ClockEntry) -> i64 {
        entry.minutes(self.now)
    }
}

/// Id, words and amount of a line; the amount is empty if prices are hidden.
fn line_words(who: &Who, l: &Line) -> (String, String, String) {
    let c = who.currency;
    let words = match l.unit_price {
        Some(p) if l.quantity.normalize() != Decimal::ONE => format!("{} · {} × {}", l.description, l.quantity.normalize(), c.format(p)),
        _ if l.quantity.normalize() != Decimal::ONE => format!("{} · {}", l.description, l.quantity.normalize()),
        _ => l.description.clone(),
    };
    let amount = match l.total {
        _ if !who.sees_prices() => String::new(),
        Some(total) => c.format(total),
        None => "not priced yet".into(),
    };
    (l.id.to_string(), words, amount)
}

/// The confirmation as text and tone: the current answer with its channel and time, or the state of asking.
fn answer_words(t: &Ticket, parts: &Parts, zone: Tz) -> (String, ui::Tone) {
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
            let noted = a.member_name.as_deref().map(|m| format!(", recorded by {m}")).unwrap_or_default();
            format!("{} {how}, {}{noted}", t.confirmation.word(), ui::format::moment(a.created_at, zone))
        }
    };
    (words, tone)
}
