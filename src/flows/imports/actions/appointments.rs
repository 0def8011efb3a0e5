//! Imports the appointments history as closed, cancelled and scheduled tickets. No customer is notified.

use std::collections::HashSet;

use chrono::{DateTime, Duration, Utc};
use rust_decimal::Decimal;
use serde_json::{Map, json};
use uuid::Uuid;

use super::{
    batch::Done,
    clients::People,
    contacts::Newcomers,
    keys::{self, Key},
    sales::unmatched,
    visits::{self, Book, Drawer, LineIn, Present, State, Visit, fits},
};
use crate::imports::square::{AppointmentRow, AppointmentStatus};
use platform::{
    action::Cx,
    error::Result,
    ids::{ContactId, ImportId, TicketId},
};

/// The longest visit that a ticket allows.
const LONGEST: Duration = Duration::days(7);

/// Imports a batch of appointments.
pub async fn take(cx: &mut Cx<'_>, import: ImportId, rows: Vec<AppointmentRow>) -> Result<Vec<Done>> {
    let book = Book::open(cx).await?;
    let mut done = Vec::with_capacity(rows.len());
    let rows: Vec<AppointmentRow> = rows
        .into_iter()
        .filter(|row| {
            let why = misplaced(&book, row);
            done.extend(why.map(|why| Done::refused(row.line, why)));
            why.is_none()
        })
        .collect();
    let ids: Vec<String> = rows.iter().map(|r| r.source_key.clone()).collect();
    let taken = keys::find(cx, "appointment", &ids).await?;
    let mut people = People::open(cx, &rows).await?;
    let (mut new, mut keys) = (Newcomers::default(), Vec::new());
    let country = cx.who.country.clone();
    let places: Vec<(ContactId, Option<Uuid>)> = rows
        .iter()
        .map(|row| {
            if taken.contains_key(&row.source_key) {
                (ContactId::default(), None)
            } else {
                people.place(&mut new, &mut keys, &book, row, &country)
            }
        })
        .collect();
    new.write_people(cx, import).await?;
    let again: Vec<Uuid> = taken.values().map(|k| k.record_id).collect();
    let relatives: Vec<HashSet<ContactId>> = rows.iter().map(|row| people.relatives(row)).collect();
    let whose: Vec<Uuid> = places.iter().map(|p| p.0.0).chain(relatives.iter().flatten().map(|c| c.0)).collect();
    let present = visits::present(cx, &again, &whose).await?;
    let mut desk = Desk { book, new, drawer: Drawer::default(), keys, present, used: HashSet::new(), now: cx.now() };
    for ((row, (contact, address)), relatives) in rows.iter().zip(places).zip(relatives) {
        done.push(match taken.get(&row.source_key) {
            Some(known) => desk.again(cx, row, known.record_id, &known.written).await?,
            None => desk.appointment(cx, row, contact, address, &relatives).await?,
        });
    }
    desk.drawer.write(cx, import).await?;
    desk.new.write_rest(cx, import).await?;
    keys::put(cx, import, &desk.keys).await?;
    Ok(done)
}

/// Returns why an appointment's times are invalid in the business's time zone, if they are.
fn misplaced(book: &Book, row: &AppointmentRow) -> Option<&'static str> {
    let took = book.utc(row.ends_at, None) - book.utc(row.starts_at, None);
    if took > LONGEST {
        Some("End: The appointment takes more than seven days")
    } else if took <= Duration::zero() {
        Some("End: The clock skips these hours (daylight saving time); the appointment ends before it starts")
    } else {
        None
    }
}

struct Desk {
    book: Book,
    new: Newcomers,
    drawer: Drawer,
    keys: Vec<Key>,
    present: Vec<Present>,
    used: HashSet<Uuid>,
    now: DateTime<Utc>,
}

impl Desk {
    fn state(&self, row: &AppointmentRow, ends_at: DateTime<Utc>) -> State {
        let is_past = ends_at <= self.now;
        let cancelled = |why: &str| State::Cancelled(why.to_owned());
        match row.status {
            AppointmentStatus::Accepted if is_past => State::Closed,
            AppointmentStatus::Accepted => State::Scheduled,
            AppointmentStatus::Pending if is_past => cancelled("Was never accepted"),
            AppointmentStatus::Pending => State::Scheduled,
            AppointmentStatus::CancelledByCustomer => cancelled("Cancelled by the customer"),
            AppointmentStatus::CancelledByBusiness => cancelled("Cancelled by us"),
            AppointmentStatus::Declined => cancelled("Declined"),
            AppointmentStatus::NoShow => cancelled("No-show"),
        }
    }

    fn key(&mut self, row: &AppointmentRow, ticket: Uuid, state: &State) {
        let written = json!({ "state": state.name() });
        self.keys.push(Key { kind: "appointment", key: row.source_key.clone(), record_kind: "ticket", record_id: ticket, written });
    }

    /// The ticket of the visit's sale: of this contact, else the only one of a contact who may be the same person under another record.
    fn sale(&self, contact: ContactId, relatives: &HashSet<ContactId>, from: DateTime<Utc>, until: DateTime<Utc>) -> Option<Present> {
        let is_open = |p: &&Present| p.has_sale && !p.has_appointment && !self.used.contains(&p.id) && fits(p.starts_at, from, until);
        let gap = |p: &&Present| (p.starts_at - from).abs();
        let own = self.present.iter().filter(is_open).filter(|p| p.contact == contact).min_by_key(gap);
        let mut others = self.present.iter().filter(is_open).filter(|p| relatives.contains(&p.contact));
        own.or_else(|| others.next().filter(|_| others.next().is_none())).cloned()
    }

    async fn appointment(
        &mut self,
        cx: &mut Cx<'_>,
        row: &AppointmentRow,
        contact: ContactId,
        address: Option<Uuid>,
        relatives: &HashSet<ContactId>,
    ) -> Result<Done> {
        let (starts_at, ends_at) = (self.book.utc(row.starts_at, None), self.book.utc(row.ends_at, None));
        let state = self.state(row, ends_at);
        let there = self.sale(contact, relatives, starts_at, ends_at);
        let mut notes = unmatched(&self.book, &row.staff, Vec::new());
        if row.status == AppointmentStatus::Pending && state == State::Scheduled {
            notes.push("Not accepted in Square yet.".into());
        }
        notes.extend(row.other_phones.iter().map(|phone| phone.note().unwrap_or_else(|| format!("Also: {}", phone.typed))));
        for (who, note) in [("Customer", &row.note_from_client), ("Note", &row.note_from_business)] {
            if !note.is_empty() {
                notes.push(format!("{who}: {note}"));
            }
        }
        let visit = Visit {
            contact,
            starts_at,
            ends_at,
            address,
            worked_minutes: (state == State::Closed).then_some((ends_at - starts_at).num_minutes().clamp(0, 10080)),
            lines: row.services.iter().map(|s| LineIn { name: s.clone(), quantity: Decimal::ONE, amount: None }).collect(),
            total: Decimal::ZERO,
            instructions: notes,
            settlement: (state == State::Closed).then_some("handled_elsewhere"),
            staff: row.staff.clone(),
            state,
        };
        let of = there.as_ref().map(|there| there.contact);
        let done = match there {
            Some(there) => self.complete(cx, row, &visit, &there).await?,
            None => Done::made(row.line, "ticket", self.drawer.ticket(&self.book, &visit).0),
        };
        let ticket = done.record_id.unwrap_or_default();
        let mut done = done;
        if !row.note_from_business.is_empty() {
            let contact = of.unwrap_or(contact);
            let (note, facts) = self.new.note(contact, Some(TicketId(ticket)), &row.note_from_business, starts_at);
            if let Some(before) = &mut done.before {
                before["added"] = json!(facts.iter().map(|f| f.0).chain([note.0]).collect::<Vec<_>>());
            }
        }
        self.key(row, ticket, &visit.state);
        Ok(done)
    }

    /// Merges the appointment into a ticket that a sale created: adds its times, address, technician and duration.
    async fn complete(&mut self, cx: &mut Cx<'_>, row: &AppointmentRow, visit: &Visit, there: &Present) -> Result<Done> {
        self.used.insert(there.id);
        if there.is_touched {
            return Ok(
                Done::skipped(row.line, format!("This visit was worked with here already: T-{}", there.number)).of("ticket", there.id)
            );
        }
        let mut notes = visit.instructions.clone();
        if let State::Cancelled(reason) = &visit.state {
            notes.push(format!("The calendar said “{reason}”, but the visit was paid."));
        }
        let mut patch = Map::new();
        patch.insert("starts_at".into(), json!(visit.starts_at));
        patch.insert("ends_at".into(), json!(visit.ends_at));
        // The address of another record of the person stays with that record.
        if there.contact == visit.contact {
            patch.insert("address_id".into(), json!(visit.address));
        }
        if visit.worked_minutes.is_some() {
            patch.insert("worked_minutes".into(), json!(visit.worked_minutes));
        }
        let former = there.row["instructions"].as_str().unwrap_or_default().to_owned();
        patch.insert("instructions".into(), json!(visits::words(&[vec![former], notes].concat())));
        let old = visits::merge(cx, there, &patch).await?;
        let closed = Visit { state: State::Closed, ..visit.clone() };
        let lines = if there.has_priced_lines { Vec::new() } else { self.drawer.lines(&self.book, there.id, &visit.lines) };
        let technician = if there.has_technician { None } else { self.drawer.assign(&self.book, there.id, &closed) };
        Ok(Done::updated(row.line, "ticket", there.id, json!({ "patch": old, "lines": lines, "technician": technician })))
    }

    /// Applies a later export of an imported appointment, which may have taken place or been cancelled since.
    async fn again(&mut self, cx: &mut Cx<'_>, row: &AppointmentRow, ticket: Uuid, written: &serde_json::Value) -> Result<Done> {
        let state = self.state(row, self.book.utc(row.ends_at, None));
        let there = self.present.iter().find(|p| p.id == ticket && p.state == "scheduled" && !p.is_touched).cloned();
        let Some(there) = there.filter(|_| written["state"] != state.name()) else {
            return Ok(Done::skipped(row.line, "Imported before").of("ticket", ticket));
        };
        let mut patch = Map::new();
        patch.insert("state".into(), json!(state.name()));
        patch.insert("has_open_price".into(), json!(false));
        match &state {
            State::Cancelled(reason) => {
                patch.insert("cancelled_at".into(), json!(self.now));
                patch.insert("cancel_reason".into(), json!(reason));
            }
            State::Closed => {
                patch.insert("closed_at".into(), json!(there.ends_at));
                patch.insert("settlement".into(), json!("handled_elsewhere"));
            }
            State::Scheduled => {}
        }
        // The slot must be freed before the ticket is closed and so becomes immutable.
        sqlx::query!("update assignments set is_open = false where ticket_id = $1", ticket).execute(cx.db()).await?;
        let old = visits::merge(cx, &there, &patch).await?;
        self.key(row, ticket, &state);
        Ok(Done::updated(row.line, "ticket", ticket, json!({ "patch": old, "reopen": true, "written": written, "key": row.source_key })))
    }
}
