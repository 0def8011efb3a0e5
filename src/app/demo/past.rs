//! Two years of past visits.

use std::collections::{BTreeSet, HashSet};

use chrono::{DateTime, Datelike as _, Duration, NaiveDate, NaiveTime, Utc, Weekday};
use chrono_tz::Tz;
use serde_json::json;

use super::{
    Team,
    bills::Bills,
    dice::Dice,
    people::{Catalogue, Customer, LEADS, since},
    rows::Rows,
    visit::{Line, Stage, Visit, note, usual_lines},
    words,
};
use customers::contacts::extract::extract;
use platform::{
    app::App,
    ids::{AttributeId, NoteId, TicketId},
    localtime::to_utc,
};

/// A planned past visit. `customer` and `technician` are indexes.
pub struct Slot {
    pub customer: usize,
    pub technician: usize,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
}

/// Plans the visits from the day `opened` until yesterday, in order of their ends.
pub fn plan(dice: &mut Dice, opened: NaiveDate, today: NaiveDate, zone: Tz, now: DateTime<Utc>, customers: usize) -> Vec<Slot> {
    let opened_at = to_utc(opened, NaiveTime::MIN, zone);
    let mut queue: Vec<usize> = Vec::new();
    let mut slots = Vec::new();
    for day in opened.iter_days().take_while(|d| *d < today) {
        if matches!(day.weekday(), Weekday::Sat | Weekday::Sun) {
            continue;
        }
        for technician in 0..2 {
            let mut minutes = 480 + dice.between(0, 2) * 30;
            for _ in 0..dice.of(&[1, 1, 2, 2, 2, 3]) {
                if queue.is_empty() {
                    queue = (0..customers - LEADS).collect();
                    dice.shuffle(&mut queue);
                }
                let starts_at = to_utc(day, time(minutes), zone);
                let length = dice.of(&[60, 90, 90, 120, 150]);
                let known = |c: &usize| since(*c, opened_at, now) < starts_at - Duration::days(2);
                if let Some(place) = queue.iter().rposition(known) {
                    let customer = queue.remove(place);
                    slots.push(Slot { customer, technician, starts_at, ends_at: starts_at + Duration::minutes(length) });
                } else {
                    queue.clear();
                }
                minutes += length + 30 + dice.between(0, 2) * 15;
            }
        }
    }
    // Invoices are numbered in the order in which visits end.
    slots.sort_by_key(|s| (s.ends_at, s.technician));
    slots
}

/// Converts minutes after midnight to a time of day.
pub fn time(minutes: i64) -> NaiveTime {
    NaiveTime::MIN + Duration::minutes(minutes.clamp(0, 1439))
}

/// Adds the rows of the planned visits: tickets, notes, attributes extracted from them, invoices, payments, mails.
pub fn write(rows: &mut Rows, dice: &mut Dice, books: &Books<'_>, slots: &[Slot], first_number: i64, bills: &mut Bills) {
    let mut seen: HashSet<usize> = HashSet::new();
    let mut known: BTreeSet<(usize, String, String)> = BTreeSet::new();
    for (slot, number) in slots.iter().zip(first_number..) {
        let customer = &books.customers[slot.customer];
        let stage = match dice.between(1, 100) {
            1..=6 => Stage::Cancelled(dice.of(&words::CANCELLED)),
            7..=10 => Stage::Closed("handled_elsewhere"),
            11..=50 => Stage::Closed("payment"),
            _ => Stage::Closed("invoice"),
        };
        let is_closed = matches!(stage, Stage::Closed(_));
        let is_first = is_closed && seen.insert(slot.customer);
        let lines: Vec<Line> = usual_lines(dice, books.catalogue, customer);
        let visit = Visit {
            id: TicketId::new(),
            number,
            customer,
            technician: books.team.technician(slot.technician),
            starts_at: slot.starts_at,
            ends_at: slot.ends_at,
            booked_at: slot.starts_at - Duration::hours(dice.between(26, 400)),
            lines,
            stage,
            is_estimated: false,
            instructions: "",
            note: if is_closed { note(dice, customer, is_first) } else { String::new() },
            key: None,
        };
        let noted = visit.write(rows, books.team);
        if let (Some(note), true) = (noted, is_first) {
            attributes(rows, &visit, note, slot.customer, &mut known);
        }
        bills.of(rows, dice, books, &visit);
    }
}

/// Context for generating rows.
pub struct Books<'a> {
    pub team: &'a Team,
    pub catalogue: &'a Catalogue,
    pub customers: &'a [Customer],
    pub zone: Tz,
    pub now: DateTime<Utc>,
    /// The transaction's id, for `issuing_xid` of issued invoices: their rows are frozen after this transaction.
    pub xid: String,
    pub app: &'a App,
}

impl Books<'_> {
    pub fn today(&self) -> NaiveDate {
        self.now.with_timezone(&self.zone).date_naive()
    }
}

/// Adds the attributes extracted from a visit's note, as confirmed by the technician; skips those in `known`.
fn attributes(rows: &mut Rows, visit: &Visit<'_>, note: NoteId, customer: usize, known: &mut BTreeSet<(usize, String, String)>) {
    let by = visit.technician;
    for found in extract(&visit.note) {
        if !known.insert((customer, found.key.clone(), found.value.to_lowercase())) {
            continue;
        }
        rows.add(
            "attributes",
            json!({ "id": AttributeId::new(), "contact_id": visit.customer.id, "key": found.key, "value": found.value, "state": "confirmed",
                    "source": "rules", "confidence": found.confidence.score(), "note_id": note, "ticket_id": visit.id,
                    "confirmed_by": by.id, "confirmed_at": visit.closed_at(), "created_at": visit.closed_at(), "created_by": by.actor() }),
        );
    }
}
