//! Booking: pick the customer, then one form with data from the last visit. A clash is shown before saving and refused on saving.

use askama::Template;
use axum::{
    extract::Query,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use chrono_tz::Tz;

use super::{
    change::{Free, offers},
    fields::{Fields, Offer, parse_minutes},
    lines,
    moving::renamed,
    price,
};
use crate::tickets::{
    actions::{CreateTicket, NewLine},
    data::{self, Booking, Match},
    overlap,
};
use platform::{
    error::{Error, FieldErrors, Result},
    form::{Posted, percent_encode},
    ids::{ContactId, MemberId, ServiceId, TicketId},
    role::Capability,
    tenant::{Read, Write},
};

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
    typed: Fields,
    errors: FieldErrors,
    addresses: Vec<ui::Choice>,
    services: Vec<ui::Choice>,
    rows: Vec<Row>,
    symbol: &'static str,
    proposed_words: String,
    last: Option<Last>,
    clash: String,
    offers: Vec<Offer>,
    is_free: bool,
    chosen: Vec<MemberId>,
    sees_prices: bool,
    prefers: String,
}

struct Row {
    service: String,
    quantity: String,
    price: String,
    name: String,
}

struct Last {
    id: TicketId,
    on: String,
    words: Vec<(String, String)>,
}

/// `GET /tickets/new?contact=&address=&date=&time=&technician=&service=`
pub async fn new(mut r: Read, Query(asked): Query<Fields>) -> Result<ui::Html> {
    r.who.require_capability(Some(Capability::Scheduling))?;
    let Some(contact) = asked.id::<ContactId>("contact").or_else(|| asked.id("contact_id")) else {
        return pick(&mut r, &asked).await;
    };
    let who = r.who.clone();
    let booking = data::booking(r.db(), &who, contact).await?;
    let typed = prefilled(&r, &booking, &asked);
    let is_timed = asked.some("time").is_some();
    let page = page(&mut r, booking, typed, FieldErrors::default(), is_timed).await?;
    ui::page(&page)
}

async fn pick(r: &mut Read, asked: &Fields) -> Result<ui::Html> {
    let (who, search) = (r.who.clone(), asked.get("search").to_owned());
    let found = if search.is_empty() { vec![] } else { data::customers(r.db(), &who, &search).await? };
    let kept: Vec<_> =
        asked.0.iter().filter(|(n, v)| ["date", "time", "technician"].contains(&n.as_str()) && !v.is_empty()).cloned().collect();
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
fn prefilled(r: &Read, booking: &Booking, asked: &Fields) -> Fields {
    let address = asked.some("address").map(str::to_owned).or_else(|| booking.addresses.first().map(|a| a.id.to_string()));
    let own = r.who.member.filter(|me| booking.technicians.iter().any(|t| t.id == *me));
    let only = (booking.technicians.len() == 1).then(|| booking.technicians[0].id);
    let technician = asked.id("technician").or(booking.contact.preferred_member_id).or(only).or(own);
    let mut typed = Fields(vec![
        ("address_id".into(), address.unwrap_or_default()),
        ("date".into(), asked.some("date").map_or_else(|| r.who.today().to_string(), str::to_owned)),
        ("time".into(), asked.get("time").to_owned()),
        ("minutes".into(), asked.get("minutes").to_owned()),
        ("ask".into(), "on".into()),
    ]);
    typed.0.extend(technician.map(|t: MemberId| ("member_ids".into(), t.to_string())));
    for (i, service) in asked.all("service").iter().enumerate() {
        typed.0.push((format!("lines[{i}].service_id"), (*service).to_owned()));
    }
    typed
}

fn zone_of(booking: &Booking, typed: &Fields, own: Tz) -> Tz {
    let place = booking.addresses.iter().find(|a| a.id.to_string() == typed.get("address_id"));
    place.and_then(|a| a.time_zone.as_deref()).and_then(|z| z.parse().ok()).unwrap_or(own)
}

/// The typed lines; rows without a service are left out.
fn rows(typed: &Fields) -> Vec<Row> {
    let of = |i: usize, what: &str| typed.get(&format!("lines[{i}].{what}")).to_owned();
    (0..100)
        .map(|i| Row { service: of(i, "service_id"), quantity: of(i, "quantity"), price: of(i, "unit_price"), name: format!("lines[{i}]") })
        .filter(|r| !r.service.is_empty())
        .collect()
}

fn service_ids(typed: &Fields) -> Vec<ServiceId> {
    rows(typed).iter().filter_map(|r| r.service.parse().ok()).collect()
}

/// Builds the form. With `check`, it also shows whether the technicians are free.
async fn page(r: &mut Read, booking: Booking, typed: Fields, errors: FieldErrors, check: bool) -> Result<New> {
    let who = r.who.clone();
    let (c, contact, services) = (who.currency, booking.contact.id, service_ids(&typed));
    let address = typed.id("address_id");
    let proposed = data::proposed_minutes(r.db(), contact, address, &services).await?;
    let last = data::last_time(r.db(), contact, address, &services).await?;
    let zone = zone_of(&booking, &typed, who.zone);
    let mut timed = typed.clone();
    if timed.get("minutes").is_empty() {
        timed.0.insert(0, ("minutes".into(), proposed.to_string()));
    }
    let chosen: Vec<MemberId> = typed.ids("member_ids");
    let (mut clash, mut free) = (String::new(), vec![]);
    let mut is_free = false;
    if let (true, Some(slot)) = (check, timed.slot(zone, None, &mut FieldErrors::default())) {
        let clashes = overlap::clashes(r.db(), &who, &chosen, slot, None).await?;
        clash = overlap::describe(&clashes, who.zone);
        is_free = clashes.is_empty() && !chosen.is_empty();
        if !clashes.is_empty() {
            let found = overlap::alternatives(r.db(), &who, &chosen, slot, None).await?;
            let current = serde_json::json!({ "alternatives": found });
            free = offers(Some(&current), zone, |f| again(&typed, contact, f, zone));
        }
    }
    let mut addresses = vec![ui::Choice::new("", "No address yet")];
    addresses.splice(0..0, booking.addresses.iter().map(|a| ui::Choice::new(a.id, &a.line)));
    let mut choices = vec![ui::Choice::new("", "Choose a service")];
    choices.extend(booking.services.iter().map(|s| {
        let price = s.price.map(|p| format!(" · {}", c.format(p))).unwrap_or_default();
        ui::Choice::new(s.id, format!("{}{price}", s.name))
    }));
    // Rows are renumbered, so that errors match their rows. The spare row serves pages without scripts.
    let mut shown = rows(&typed);
    shown.push(Row { service: String::new(), quantity: String::new(), price: String::new(), name: String::new() });
    shown.iter_mut().enumerate().for_each(|(i, r)| r.name = format!("lines[{i}]"));
    let prefers = booking.contact.preferred_time.clone().map(|p| format!("{p}s")).unwrap_or_default();
    Ok(New {
        head: ui::Head::of(r, "calendar")
            .title("New ticket")
            .sub(&booking.contact.name)
            .back(format!("/contacts/{contact}"), &booking.contact.name),
        last: last.map(|l| Last { id: l.ticket_id, on: ui::format::day_year(l.on, zone), words: last_words(&who, &l) }),
        sees_prices: who.sees_prices(),
        symbol: c.symbol(),
        rows: shown,
        services: choices,
        addresses,
        proposed_words: format!("Proposed: {}", ui::format::duration(proposed)),
        clash,
        offers: free,
        is_free,
        chosen,
        prefers,
        booking,
        typed: timed,
        errors,
    })
}

/// The path of the same form at the free slot `free`.
fn again(typed: &Fields, contact: ContactId, free: &Free, zone: Tz) -> String {
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

fn last_words(who: &platform::tenant::Who, l: &data::LastTime) -> Vec<(String, String)> {
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
pub async fn create(w: Write, posted: Posted<Fields>) -> Result<Response> {
    let f = &posted.value;
    let contact = f.id::<ContactId>("contact_id").ok_or_else(|| FieldErrors::one("contact_id", "Choose the customer first."))?;
    let (who, mut r) = (w.who.clone(), w.read().await?);
    let booking = data::booking(r.db(), &who, contact).await?;
    if f.has("check") {
        return Ok(ui::page(&page(&mut r, booking, f.clone(), FieldErrors::default(), true).await?)?.into_response());
    }
    let mut errors = FieldErrors::default();
    let mut timed = f.clone();
    if parse_minutes(f.get("minutes")).is_err() && f.get("minutes").is_empty() {
        let proposed = data::proposed_minutes(r.db(), contact, f.id("address_id"), &service_ids(f)).await?;
        timed.0.insert(0, ("minutes".into(), proposed.to_string()));
    }
    drop(r);
    let slot = timed.slot(zone_of(&booking, f, who.zone), None, &mut errors);
    let lines = new_lines(&who, f, &mut errors);
    let result = match slot {
        Some((starts_at, ends_at)) if errors.is_empty() => {
            let action = CreateTicket {
                id: None,
                contact_id: contact,
                address_id: f.id("address_id"),
                starts_at,
                ends_at,
                member_ids: f.ids("member_ids"),
                lines,
                instructions: f.get("instructions").to_owned(),
                is_price_estimated: f.has("estimated"),
                override_reason: f.some("override_reason").map(str::to_owned),
                ask_customer: f.has("ask"),
            };
            w.act(&posted.meta, action).await
        }
        _ => Err(Error::Invalid(errors)),
    };
    let (errors, status) = match result {
        Ok(made) => return Ok(ui::redirect(&format!("/tickets/{}", made.id), &format!("T-{} booked", made.number))),
        Err(Error::Invalid(e)) => (renamed(&e), StatusCode::UNPROCESSABLE_ENTITY),
        Err(Error::Conflict { current: Some(_), .. }) => (FieldErrors::default(), StatusCode::CONFLICT),
        Err(other) => return Err(other),
    };
    let mut r = w.read().await?;
    let again = page(&mut r, booking, f.clone(), errors, status == StatusCode::CONFLICT).await?;
    Ok(ui::with_status(status, &again)?.into_response())
}

fn new_lines(who: &platform::tenant::Who, f: &Fields, errors: &mut FieldErrors) -> Vec<NewLine> {
    let c = who.currency;
    let mut out = vec![];
    for row in rows(f) {
        // Errors are numbered like the rows of the page, which leaves out rows without a service.
        let (mut own, i) = (FieldErrors::default(), out.len());
        out.push(NewLine {
            service_id: row.service.parse().ok(),
            quantity: lines::quantity(f, &format!("{}.quantity", row.name), &mut own),
            unit_price: lines::amount(f, &format!("{}.unit_price", row.name), c, &mut own),
            ..NewLine::default()
        });
        for e in own.0 {
            let what = e.field.rsplit('.').next().unwrap_or_default();
            errors.add(&format!("lines[{i}].{what}"), e.message);
        }
    }
    out
}
