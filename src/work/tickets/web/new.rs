//! Booking: pick the customer, then one form with data from the last visit. A clash is shown before saving and refused on saving.

use askama::Template;
use axum::{
    extract::Query,
    response::{IntoResponse, Response},
};
use chrono_tz::Tz;

use super::{
    change::if_past,
    fields::{Offer, offers, slot, slot_field},
    lines::quantity,
    price,
};
use crate::tickets::{
    actions::{CreateTicket, Created, NewLine},
    data::{self, Booking, Match},
    overlap::{self, Free},
};
use platform::{
    error::{FieldErrors, Result},
    form::percent_encode,
    ids::{ContactId, MemberId, ServiceId, TicketId},
    role::Capability,
    tenant::{Read, Who, Write},
};
use ui::{Form, Row};

/// The first step: picks the customer.
#[derive(Template)]
#[template(path = "tickets/pick.html")]
struct Pick {
    head: ui::Head,
    search: String,
    /// The requested day, time and technician, kept as hidden fields.
    kept: Vec<(String, String)>,
    query: String,
    found: Vec<Match>,
}

/// The booking form.
#[derive(Template)]
#[template(path = "tickets/new.html")]
struct New {
    head: ui::Head,
    booking: Booking,
    form: Form,
    addresses: Vec<ui::Choice>,
    services: Vec<ui::Choice>,
    rows: Vec<Row>,
    blank: Row,
    symbol: &'static str,
    /// Minutes, from the chosen services and the last visits; what an empty field means.
    proposed: i32,
    proposed_words: String,
    last: Option<Last>,
    clash: String,
    offers: Vec<Offer>,
    is_free: bool,
    /// The checked time has passed: allowed, to record a visit after the fact, but never unnoticed.
    is_past: bool,
    sees_prices: bool,
    prefers: String,
}

struct Last {
    id: TicketId,
    on: String,
    words: Vec<(String, String)>,
}

/// `GET /tickets/new?contact=&address=&date=&time=&technician=&service=`
pub async fn new(mut r: Read, Query(asked): Query<Form>) -> Result<ui::Html> {
    r.who.require_capability(Some(Capability::Scheduling))?;
    let Some(contact) = asked.parsed::<ContactId>("contact").or_else(|| asked.parsed("contact_id")) else {
        return pick(&mut r, &asked).await;
    };
    let who = r.who.clone();
    let booking = data::booking(r.db(), &who, contact).await?;
    let form = prefilled(&r, &booking, &asked);
    ui::page(&page(&mut r, booking, form, asked.some("time").is_some()).await?)
}

async fn pick(r: &mut Read, asked: &Form) -> Result<ui::Html> {
    let (who, search) = (r.who.clone(), asked.owned("search"));
    let found = if search.is_empty() { vec![] } else { data::customers(r.db(), &who, &search).await? };
    let kept = asked.only(&["date", "time", "technician"]);
    let query = kept.iter().fold(String::new(), |query, (n, v)| query + &format!("{n}={}&", percent_encode(v)));
    ui::page(&Pick {
        head: ui::Head::of(r, "calendar").title("New ticket").sub("Whom is it for?").back("/calendar", "Calendar"),
        search,
        kept,
        query,
        found,
    })
}

/// The form's initial values: the requested ones (`asked`), else defaults.
fn prefilled(r: &Read, booking: &Booking, asked: &Form) -> Form {
    let own = r.who.member.filter(|me| booking.technicians.iter().any(|t| t.id == *me));
    let only = (booking.technicians.len() == 1).then(|| booking.technicians[0].id);
    let technician: Option<MemberId> = asked.parsed("technician").or(booking.contact.preferred_member_id).or(only).or(own);
    let address = asked.some("address").map(str::to_owned).or_else(|| booking.addresses.first().map(|a| a.id.to_string()));
    let mut form = Form::default()
        .with("address_id", address)
        .with("date", asked.some("date").map_or_else(|| r.who.today().to_string(), str::to_owned))
        .with("time", asked.get("time"))
        .with("minutes", asked.get("minutes"))
        .with("member_ids", technician.map(|t| t.0))
        .tick("ask", true);
    for (i, service) in asked.all("service").into_iter().enumerate() {
        form.set(Row::of(LINES, i).at("service_id"), service);
    }
    form
}

fn zone_of(booking: &Booking, form: &Form, own: Tz) -> Tz {
    let place = booking.addresses.iter().find(|a| a.id.to_string() == form.get("address_id"));
    place.and_then(|a| a.time_zone.as_deref()).and_then(|z| z.parse().ok()).unwrap_or(own)
}

/// The group of rows that are the ticket's lines.
const LINES: &str = "lines";

/// Leaves out rows without a service.
fn renumber(form: &mut Form) {
    form.renumber(LINES, |form, row| !form.get(&row.at("service_id")).is_empty());
}

fn service_ids(form: &Form) -> Vec<ServiceId> {
    form.rows(LINES).iter().filter_map(|row| form.parsed(&row.at("service_id"))).collect()
}

/// Builds the form. With `check`, it also shows whether the technicians are free.
async fn page(r: &mut Read, booking: Booking, mut form: Form, check: bool) -> Result<New> {
    renumber(&mut form);
    let who = r.who.clone();
    let c = who.currency;
    let (contact, services) = (booking.contact.id, service_ids(&form));
    let address = form.parsed("address_id");
    let proposed = data::proposed_minutes(r.db(), contact, address, &services).await?;
    let last = data::last_time(r.db(), contact, address, &services).await?;
    let zone = zone_of(&booking, &form, who.zone);
    let asked = form.clone();
    let mut timed = form.clone();
    if timed.get("minutes").is_empty() {
        timed.set("minutes", proposed);
    }
    let chosen: Vec<MemberId> = form.all_parsed("member_ids");
    let (mut clash, mut free) = (String::new(), vec![]);
    let (mut is_free, mut is_past) = (false, false);
    if let (true, Some(slot)) = (check, slot(&mut timed, zone, None)) {
        let clashes = overlap::clashes(r.db(), &who, &chosen, slot, None).await?;
        clash = overlap::describe(&clashes, who.zone);
        is_free = clashes.is_empty() && !chosen.is_empty();
        is_past = slot.0 < who.now;
        if !clashes.is_empty() {
            form.notice.clear();
            let found = overlap::alternatives(r.db(), &who, &chosen, slot, None).await?;
            free = offers(&found, zone, |f| again(&asked, contact, f, zone));
        }
    }
    let mut addresses = vec![ui::Choice::new("", "No address yet")];
    addresses.splice(0..0, booking.addresses.iter().map(|a| ui::Choice::new(a.id, &a.line)));
    let mut choices = vec![ui::Choice::new("", "Choose a service")];
    choices.extend(booking.services.iter().map(|s| {
        let price = s.price.map(|p| format!(" · {}", c.format(p))).unwrap_or_default();
        ui::Choice::new(s.id, format!("{}{price}", s.name)).price(s.price.map(|p| c.plain(p)))
    }));
    // The spare row serves pages without scripts.
    let mut rows = form.rows(LINES);
    rows.push(form.next_row(LINES));
    let prefers = booking.contact.preferred_time.clone().map(|p| format!("{p}s")).unwrap_or_default();
    Ok(New {
        head: ui::Head::of(r, "calendar")
            .title("New ticket")
            .sub(&booking.contact.name)
            .back(format!("/contacts/{contact}"), &booking.contact.name),
        last: last.map(|l| Last { id: l.ticket_id, on: ui::format::day_year(l.on, zone), words: last_words(&who, &l) }),
        sees_prices: who.sees_prices(),
        symbol: c.symbol(),
        rows,
        blank: Row::of(LINES, "__i__"),
        services: choices,
        addresses,
        proposed,
        proposed_words: format!("Proposed: {}, unless you type another", ui::format::duration(proposed)),
        clash,
        offers: free,
        is_free,
        is_past,
        prefers,
        booking,
        form,
    })
}

/// The path of the same form at the free slot `free`.
fn again(typed: &Form, contact: ContactId, free: &Free, zone: Tz) -> String {
    let mut query = format!("contact={contact}&{}", free.query(zone));
    for (name, key) in [("address_id", "address"), ("minutes", "minutes"), ("member_ids", "technician")] {
        if let Some(value) = typed.some(name) {
            query += &format!("&{key}={}", percent_encode(value));
        }
    }
    for service in service_ids(typed) {
        query += &format!("&service={service}");
    }
    format!("/tickets/new?{query}")
}

fn last_words(who: &Who, l: &data::LastTime) -> Vec<(String, String)> {
    let mut words = vec![];
    let mut add = |label: &str, value: String| {
        if !value.is_empty() {
            words.push((label.to_owned(), value));
        }
    };
    add("Took", l.worked_minutes.map(ui::format::duration).unwrap_or_default());
    add("Price", price(who, l.total, false));
    add("Done by", l.by.clone());
    for f in &l.facts {
        add(&ui::format::sentence(&f.key), f.value.clone());
    }
    words
}

/// `POST /tickets`: books the visit; with `check`, only checks for clashes.
pub async fn create(w: Write, mut form: Form) -> Result<Response> {
    let contact = form.parsed::<ContactId>("contact_id").ok_or_else(|| FieldErrors::one("contact_id", "Choose the customer first."))?;
    let (who, mut r) = (w.who.clone(), w.read().await?);
    let booking = data::booking(r.db(), &who, contact).await?;
    if form.has("check") {
        return Ok(ui::page(&page(&mut r, booking, form, true).await?)?.into_response());
    }
    renumber(&mut form);
    if form.get("minutes").is_empty() {
        let proposed = data::proposed_minutes(r.db(), contact, form.parsed("address_id"), &service_ids(&form)).await?;
        form.set("minutes", proposed);
    }
    drop(r);
    let zone = zone_of(&booking, &form, who.zone);
    let slot = slot(&mut form, zone, None);
    let lines = new_lines(&who, &mut form);
    let action = slot.map(|(starts_at, ends_at)| CreateTicket {
        id: None,
        contact_id: contact,
        address_id: form.parsed("address_id"),
        starts_at,
        ends_at,
        member_ids: form.all_parsed("member_ids"),
        lines,
        instructions: form.owned("instructions"),
        is_price_estimated: form.has("estimated"),
        override_reason: form.some("override_reason").map(str::to_owned),
        ask_customer: form.has("ask"),
    });
    let past = if_past(&who, slot.map(|s| s.0));
    let done = |made: Created| ui::redirect(&format!("/tickets/{}", made.id), &format!("T-{} booked{past}", made.number));
    let page = async |r: &mut Read, mut form: Form| {
        form.errors.rename(slot_field);
        let is_conflict = form.is_conflict();
        page(r, booking, form, is_conflict).await
    };
    form.run(&w, action, done, page).await
}

fn new_lines(who: &Who, form: &mut Form) -> Vec<NewLine> {
    let c = who.currency;
    let line = |form: &mut Form, row: &Row| NewLine {
        service_id: form.parsed(&row.at("service_id")),
        quantity: form.read(&row.at("quantity"), quantity),
        unit_price: form.read(&row.at("unit_price"), |text| c.parse(text)),
        ..NewLine::default()
    };
    form.rows(LINES).iter().map(|row| line(form, row)).collect()
}
