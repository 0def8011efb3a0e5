//! One visit as rows: ticket, lines, assignment, clock entry, note and events.

use chrono::{DateTime, Duration, Utc};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    Person, Team,
    dice::Dice,
    people::{Catalogue, Customer, Sold, What},
    rows::Rows,
    words,
};
use platform::{
    ids::{AssignmentId, ClockId, ContactId, LineId, NoteId, TaxRateId, TicketId},
    money::{Currency, round},
};

/// A line. Without a price, it is agreed during the visit.
pub struct Line {
    pub sold: Sold,
    pub quantity: Decimal,
    pub price: Option<Decimal>,
}

impl Line {
    pub fn total(&self) -> Option<Decimal> {
        self.price.map(|p| round(self.quantity * p, Currency::USD))
    }

    pub fn tax(&self) -> Option<TaxRateId> {
        self.sold.tax
    }
}

/// A visit's progress.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Holds the ticket's confirmation state.
    Scheduled(&'static str),
    /// Holds the time of clock-in; the clock is running.
    Running(DateTime<Utc>),
    /// Clocked out, with the close-out started.
    HalfDone,
    /// Holds the settlement.
    Closed(&'static str),
    Cancelled(&'static str),
}

pub struct Visit<'a> {
    pub id: TicketId,
    pub number: i64,
    pub customer: &'a Customer,
    pub technician: Person,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    pub booked_at: DateTime<Utc>,
    pub lines: Vec<Line>,
    pub stage: Stage,
    pub is_estimated: bool,
    pub instructions: &'static str,
    /// The technician's note on a closed visit; empty for none.
    pub note: String,
    /// The ticket's source key, which marks a day as filled; `None` for past visits.
    pub key: Option<String>,
}

impl Visit<'_> {
    pub fn total(&self) -> Decimal {
        self.lines.iter().filter_map(Line::total).sum()
    }

    pub fn minutes(&self) -> i64 {
        (self.ends_at - self.starts_at).num_minutes()
    }

    pub fn closed_at(&self) -> DateTime<Utc> {
        self.ends_at + Duration::minutes(4)
    }

    /// Adds the visit's rows. Returns the id of its note, if it has one.
    pub fn write(&self, rows: &mut Rows, team: &Team) -> Option<NoteId> {
        let (by, owner) = (self.technician.actor(), team.owner.actor());
        self.ticket(rows, &owner);
        for (line, position) in self.lines.iter().zip(1..) {
            rows.add(
                "ticket_lines",
                json!({ "id": LineId::new(), "ticket_id": self.id, "position": position, "service_id": line.sold.id, "kind": line.sold.kind,
                        "description": line.sold.name, "quantity": line.quantity, "unit_price": line.price,
                        "duration_minutes": line.sold.minutes, "tax_rate_id": line.tax(), "total": line.total(),
                        "created_at": self.booked_at, "created_by": owner }),
            );
        }
        let is_open = !matches!(self.stage, Stage::Closed(_) | Stage::Cancelled(_));
        rows.add(
            "assignments",
            json!({ "id": AssignmentId::new(), "ticket_id": self.id, "member_id": self.technician.id, "is_open": is_open,
                    "slot": format!("[{},{})", self.starts_at.to_rfc3339(), self.ends_at.to_rfc3339()),
                    "created_at": self.booked_at, "created_by": owner }),
        );
        event(rows, "ticket.created", ("ticket", self.id.0), self.customer.id, self.booked_at, &owner, json!({ "number": self.number }));
        match self.stage {
            Stage::Running(since) => self.clock(rows, since, None, &by),
            Stage::HalfDone => self.clock(rows, self.starts_at, Some(self.ends_at), &by),
            Stage::Closed(_) => {
                self.clock(rows, self.starts_at + Duration::minutes(self.number % 9 - 3), Some(self.ends_at), &by);
                let payload = json!({ "number": self.number, "amount": self.total(), "currency": "USD", "worked_minutes": self.minutes() });
                event(rows, "ticket.closed", ("ticket", self.id.0), self.customer.id, self.closed_at(), &by, payload);
            }
            Stage::Cancelled(reason) => {
                let payload = json!({ "number": self.number, "reason": reason });
                event(rows, "ticket.cancelled", ("ticket", self.id.0), self.customer.id, self.cancelled_at(), &owner, payload);
            }
            Stage::Scheduled(_) => {}
        }
        self.noted(rows, &by)
    }

    fn noted(&self, rows: &mut Rows, by: &str) -> Option<NoteId> {
        if self.note.is_empty() {
            return None;
        }
        let id = NoteId::new();
        rows.add(
            "notes",
            json!({ "id": id, "contact_id": self.customer.id, "ticket_id": self.id, "body": self.note,
                    "created_at": self.closed_at(), "created_by": by }),
        );
        Some(id)
    }

    fn cancelled_at(&self) -> DateTime<Utc> {
        self.starts_at - Duration::hours(20)
    }

    fn ticket(&self, rows: &mut Rows, owner: &str) {
        let (state, confirmation, settlement, reason) = match self.stage {
            Stage::Scheduled(confirmation) => ("scheduled", confirmation, None, None),
            Stage::Running(_) | Stage::HalfDone => ("in_progress", "accepted", None, None),
            Stage::Closed(settlement) => ("closed", "accepted", Some(settlement), None),
            Stage::Cancelled(reason) => ("cancelled", "not_asked", None, Some(reason)),
        };
        let is_closed = state == "closed";
        rows.add(
            "tickets",
            json!({ "id": self.id, "number": self.number, "contact_id": self.customer.id, "address_id": self.customer.address,
                    "state": state, "confirmation": confirmation, "starts_at": self.starts_at, "ends_at": self.ends_at,
                    "time_zone": super::ZONE, "instructions": self.instructions, "is_price_estimated": self.is_estimated,
                    "total": self.total(), "has_open_price": self.lines.iter().any(|l| l.price.is_none()),
                    "source_key": self.key, "settlement": settlement, "cancel_reason": reason,
                    "cancelled_at": reason.map(|_| self.cancelled_at()), "closed_at": is_closed.then(|| self.closed_at()),
                    "closed_by": is_closed.then_some(self.technician.id), "worked_minutes": is_closed.then(|| self.minutes()),
                    "created_at": self.booked_at, "created_by": owner }),
        );
    }

    fn clock(&self, rows: &mut Rows, from: DateTime<Utc>, to: Option<DateTime<Utc>>, by: &str) {
        rows.add(
            "clock_entries",
            json!({ "id": ClockId::new(), "ticket_id": self.id, "member_id": self.technician.id, "clocked_in_at": from,
                    "clocked_out_at": to, "created_at": from, "created_by": by }),
        );
    }
}

/// Adds an event for the timeline. `about` is the kind and id of its subject.
pub fn event(rows: &mut Rows, name: &str, about: (&str, Uuid), contact: ContactId, at: DateTime<Utc>, by: &str, mut payload: Value) {
    payload["v"] = json!(1);
    rows.add(
        "events",
        json!({ "at": at, "name": name, "subject_kind": about.0, "subject_id": about.1, "contact_id": contact, "actor": by,
                "source": "page", "payload": payload }),
    );
}

/// Picks services for a visit to `customer`.
pub fn usual_lines(dice: &mut Dice, catalogue: &Catalogue, customer: &Customer) -> Vec<Line> {
    let one = |what: What, quantity: i64, price: Option<Decimal>| {
        let sold = catalogue.item(what).clone();
        Line { price: sold.price.or(price), quantity: Decimal::from(quantity), sold }
    };
    if customer.is_shop {
        return vec![one(What::Storefront, 1, None)];
    }
    let mut lines = if dice.chance(45) {
        vec![one(What::InAndOut, 1, Some(Decimal::from(customer.windows * 8 / 5 * 5)))]
    } else {
        vec![one(What::Outside, 1, Some(Decimal::from(customer.windows * 5)))]
    };
    if customer.screens > 0 && dice.chance(60) {
        lines.push(one(What::Screens, customer.screens, None));
    }
    if dice.chance(25) {
        lines.push(one(What::Tracks, customer.windows, None));
    }
    if customer.facts.contains("Skylights") {
        lines.push(one(What::Skylight, 3, None));
    }
    if customer.facts.contains("Hard water") && dice.chance(40) {
        lines.push(one(What::HardWater, dice.between(1, 4), None));
    }
    for (what, percent) in [(What::Gutters, 9), (What::Driveway, 6), (What::Chandelier, 4), (What::Kit, 7)] {
        if dice.chance(percent) {
            lines.push(one(what, 1, None));
        }
    }
    if dice.chance(3) {
        lines.push(one(What::House, 1, Some(Decimal::from(dice.between(45, 80) * 5))));
    }
    lines
}

/// The technician's note; on the first visit it includes the facts on the customer, on later ones it may be empty.
pub fn note(dice: &mut Dice, customer: &Customer, is_first: bool) -> String {
    match is_first {
        true => format!("{} {}", customer.facts, dice.of(&words::DONE)),
        false if dice.chance(70) => dice.of(&words::DONE).to_owned(),
        false => String::new(),
    }
}
