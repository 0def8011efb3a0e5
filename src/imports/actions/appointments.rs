//! The appointments history → closed, cancelled and scheduled tickets. Nobody is written to.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde_json::{Map, json};
use uuid::Uuid;

use super::{
    batch::Done,
    contacts::{Newcomers, phone_key},
    keys::{self, Key},
    sales::unmatched,
    visits::{self, Book, Drawer, LineIn, Present, State, Visit, fits},
};
use crate::{
    imports::square::{AppointmentRow, AppointmentStatus},
    platform::{
        action::Cx,
        error::Result,
        ids::{ContactId, ImportId, TicketId},
        text,
    },
};

/// Takes a portion of appointments.
pub async fn take(cx: &mut Cx<'_>, import: ImportId, rows: Vec<AppointmentRow>) -> Result<Vec<Done>> {
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
                people.place(&mut new, &mut keys, row, &country)
            }
        })
        .collect();
    new.write_people(cx, import).await?;
    let again: Vec<Uuid> = taken.values().map(|k| k.record_id).collect();
    let whose: Vec<Uuid> = places.iter().map(|p| p.0.0).collect();
    let present = visits::present(cx, &again, &whose).await?;
    let mut desk = Desk { book: Book::open(cx).await?, new, drawer: Drawer::default(), keys, present, used: HashSet::new(), now: cx.now() };
    let mut done = Vec::with_capacity(rows.len());
    for (row, (contact, address)) in rows.iter().zip(places) {
        done.push(match taken.get(&row.source_key) {
            Some(known) => desk.again(cx, row, known.record_id, &known.written).await?,
            None => desk.appointment(cx, row, contact, address).await?,
        });
    }
    desk.drawer.write(cx, import).await?;
    desk.new.write_rest(cx, import).await?;
    keys::put(cx, import, &desk.keys).await?;
    Ok(done)
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

    async fn appointment(&mut self, cx: &mut Cx<'_>, row: &AppointmentRow, contact: ContactId, address: Option<Uuid>) -> Result<Done> {
        let (starts_at, ends_at) = (self.book.utc(row.starts_at, None), self.book.utc(row.ends_at, None));
        let state = self.state(row, ends_at);
        let there = self
            .present
            .iter()
            .filter(|p| {
                p.contact == contact
                    && p.has_sale
                    && !p.has_appointment
                    && !self.used.contains(&p.id)
                    && fits(p.starts_at, starts_at, ends_at)
            })
            .min_by_key(|p| (p.starts_at - starts_at).abs())
            .cloned();
        let mut notes = unmatched(&self.book, &row.staff, Vec::new());
        if row.status == AppointmentStatus::Pending && state == State::Scheduled {
            notes.push("Not accepted in Square yet.".into());
        }
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
        let done = match there {
            Some(there) => self.complete(cx, row, &visit, &there).await?,
            None => Done::made(row.line, "ticket", self.drawer.ticket(&self.book, &visit).0),
        };
        let ticket = done.record_id.unwrap_or_default();
        let mut done = done;
        if !row.note_from_business.is_empty() {
            let (note, facts) = self.new.note(contact, Some(TicketId(ticket)), &row.note_from_business, starts_at);
            if let Some(before) = &mut done.before {
                before["added"] = json!(facts.iter().map(|f| f.0).chain([note.0]).collect::<Vec<_>>());
            }
        }
        self.key(row, ticket, &visit.state);
        Ok(done)
    }

    /// A sale made the ticket: the appointment adds when it really was, where, by whom and how long.
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
        patch.insert("address_id".into(), json!(visit.address));
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

    /// A later export of the same appointment: a coming visit may have been held or cancelled since.
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
        // While it is still open the slot may be let go of.
        sqlx::query!("update assignments set is_open = false where ticket_id = $1", ticket).execute(cx.db()).await?;
        let old = visits::merge(cx, &there, &patch).await?;
        self.key(row, ticket, &state);
        Ok(Done::updated(row.line, "ticket", ticket, json!({ "patch": old, "reopen": true, "written": written, "key": row.source_key })))
    }
}

/// Who the clients of a portion are.
struct People {
    by_email: HashMap<String, Vec<ContactId>>,
    by_phone: HashMap<String, Vec<ContactId>>,
    by_name: HashMap<String, Vec<ContactId>>,
    by_street: HashMap<String, Vec<ContactId>>,
    names: HashMap<ContactId, String>,
    /// Addresses by contact and folded street.
    places: HashMap<(ContactId, String), Uuid>,
    made: HashMap<String, ContactId>,
}

impl People {
    async fn open(cx: &mut Cx<'_>, rows: &[AppointmentRow]) -> Result<Self> {
        let emails: Vec<String> = rows.iter().filter_map(|r| r.client_email.clone()).collect();
        let phones: Vec<String> = rows.iter().filter_map(|r| r.client_phone.as_ref()).map(phone_key).collect();
        let names: Vec<String> = rows.iter().map(|r| r.client_name.to_lowercase()).collect();
        // Card sales leave a street and nothing else.
        let streets: Vec<String> = rows
            .iter()
            .filter(|r| r.client_name.is_empty() && r.client_email.is_none() && r.client_phone.is_none())
            .filter_map(|r| r.address.as_ref())
            .map(|a| text::fold(&a.street))
            .collect();
        let found = sqlx::query!(
            r#"
            select c.id as "id: ContactId", c.name_key as "name!", 'name' as "by!", c.name_key as "key!" from contacts c where c.deleted_at is null and c.name_key = any ($3)
            union all select c.id, c.name_key, 'email', e.match_key from contact_emails e join contacts c on c.org_id = e.org_id and c.id = e.contact_id
                       where c.deleted_at is null and e.match_key = any ($1)
            union all select c.id, c.name_key, 'phone', p.match_key from contact_phones p join contacts c on c.org_id = p.org_id and c.id = p.contact_id
                       where c.deleted_at is null and p.match_key = any ($2)
            union all select c.id, c.name_key, 'street', app.fold(a.street) from addresses a join contacts c on c.org_id = a.org_id and c.id = a.contact_id
                       where c.deleted_at is null and a.deleted_at is null and a.street <> '' and app.fold(a.street) = any ($4)
            "#,
            &emails,
            &phones,
            &names,
            &streets
        )
        .fetch_all(cx.db())
        .await?;
        let mut people = Self {
            by_email: HashMap::new(),
            by_phone: HashMap::new(),
            by_name: HashMap::new(),
            by_street: HashMap::new(),
            names: HashMap::new(),
            places: HashMap::new(),
            made: HashMap::new(),
        };
        for row in found {
            let Some(id) = row.id else { continue };
            let map = match row.by.as_str() {
                "email" => &mut people.by_email,
                "phone" => &mut people.by_phone,
                "street" => &mut people.by_street,
                _ => &mut people.by_name,
            };
            map.entry(row.key).or_default().push(id);
            people.names.insert(id, row.name);
        }
        let ids: Vec<Uuid> = people.names.keys().map(|c| c.0).collect();
        let places = sqlx::query!(
            r#"select id, contact_id as "contact: ContactId", street from addresses where contact_id = any ($1) and deleted_at is null order by id desc"#,
            &ids
        )
        .fetch_all(cx.db())
        .await?;
        people.places = places.into_iter().map(|p| ((p.contact, text::fold(&p.street)), p.id)).collect();
        Ok(people)
    }

    /// The customer and the place of an appointment; added where they are not here yet.
    fn place(&mut self, new: &mut Newcomers, keys: &mut Vec<Key>, row: &AppointmentRow, country: &str) -> (ContactId, Option<Uuid>) {
        let contact = self.find(row).unwrap_or_else(|| self.add(new, keys, row));
        let Some(address) = &row.address else { return (contact, None) };
        let key = (contact, text::fold(&address.street));
        if let Some(id) = self.places.get(&key) {
            return (contact, Some(*id));
        }
        let is_first = !self.places.keys().any(|(c, _)| *c == contact);
        let id = new.address(contact, address, country, is_first).0;
        new.touched.push(contact.0);
        self.places.insert(key, id);
        (contact, Some(id))
    }

    /// Name with email or phone; name with street; email or phone alone where one person has it; a name that is one person's.
    fn find(&self, row: &AppointmentRow) -> Option<ContactId> {
        let none = Vec::new();
        let name = row.client_name.to_lowercase();
        let email = row.client_email.as_ref().and_then(|e| self.by_email.get(e)).unwrap_or(&none);
        let phone = row.client_phone.as_ref().and_then(|p| self.by_phone.get(&phone_key(p))).unwrap_or(&none);
        let named = self.by_name.get(&name).filter(|_| !name.is_empty()).unwrap_or(&none);
        let is_named = |c: &&ContactId| self.names.get(*c).is_some_and(|n| *n == name);
        let street = row.address.as_ref().map(|a| text::fold(&a.street)).unwrap_or_default();
        let is_nameless = name.is_empty() && row.client_email.is_none() && row.client_phone.is_none();
        let lives_there = |c: &&ContactId| !street.is_empty() && self.places.contains_key(&(**c, street.clone()));
        let one = |of: &[ContactId]| {
            let distinct: HashSet<_> = of.iter().collect();
            if distinct.len() == 1 { of.first().copied() } else { None }
        };
        let by_reach = || email.iter().chain(phone).filter(|c| is_named(c));
        by_reach()
            .find(lives_there)
            .or_else(|| by_reach().next())
            .or_else(|| named.iter().find(lives_there))
            .copied()
            .or_else(|| one(email))
            .or_else(|| one(phone).filter(|_| name.is_empty() || named.is_empty()))
            .or_else(|| one(named))
            .or_else(|| self.by_street.get(&street).and_then(|c| one(c)).filter(|_| is_nameless))
    }

    fn add(&mut self, new: &mut Newcomers, keys: &mut Vec<Key>, row: &AppointmentRow) -> ContactId {
        let phone = row.client_phone.as_ref().map(phone_key).unwrap_or_default();
        let email = row.client_email.clone().unwrap_or_default();
        let street = row.address.as_ref().map(|a| a.street.clone()).unwrap_or_default();
        let key =
            [row.client_name.to_lowercase().as_str(), &email, &phone, if email.is_empty() && phone.is_empty() { &street } else { "" }]
                .join("|");
        if let Some(id) = self.made.get(&key) {
            return *id;
        }
        let id = ContactId::new();
        let shown = [row.client_name.as_str(), &email, row.client_phone.as_ref().map_or("", |p| &p.typed), &street]
            .into_iter()
            .find(|n| !n.is_empty())
            .unwrap_or("Client without a name")
            .to_owned();
        let (first, last) = text::split_name(&row.client_name);
        new.contacts.push(json!({
            "id": id, "name": shown, "first_name": first, "last_name": last, "nickname": "", "company": "", "is_organisation": false, "tags": [],
        }));
        if !email.is_empty() {
            new.email(id, 0, &email);
        }
        if let Some(cell) = &row.client_phone {
            new.phone(id, 0, cell);
        }
        new.touched.push(id.0);
        let hash = crate::platform::secrets::hex(&crate::platform::secrets::digest(key.as_bytes())[..16]);
        keys.push(Key { kind: "client", key: hash, record_kind: "contact", record_id: id.0, written: json!({}) });
        self.made.insert(key, id);
        self.names.insert(id, row.client_name.to_lowercase());
        // Found again by the next portion's queries; within this one by the same words.
        id
    }
}
