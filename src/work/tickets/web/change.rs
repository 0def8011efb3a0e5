//! Small forms of a ticket: edit, assign, cancel, record an answer. Moving is in `moving`.

use axum::{
    extract::Path,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use serde_json::Value;

use super::fields::{Fields, Offer, Piece, SmallForm, Stale, Tick};
use crate::tickets::{
    Answer,
    actions::{Assign, CancelTicket, Channel, RecordAnswer, UpdateTicket},
    data::{self, Ticket},
};
use platform::{
    action::Action,
    error::{Error, FieldErrors, Result},
    form::Posted,
    ids::{MemberId, TicketId},
    localtime::wall,
    tenant::{Read, Who, Write},
};

/// What a flash adds where the visit's time has passed: allowed, to record it after the fact, but never unnoticed.
pub(super) fn if_past(who: &Who, starts_at: Option<DateTime<Utc>>) -> &'static str {
    if starts_at.is_some_and(|at| at < who.now) { ", for a time that has passed" } else { "" }
}

/// The page head of a small form of the ticket.
pub(super) fn head(r: &Read, t: &Ticket, title: &str) -> ui::Head {
    let words = format!("{} · T-{}", t.contact_name, t.number);
    ui::Head::of(r, "calendar")
        .title(title)
        .sub(ui::format::span(t.starts_at, t.ends_at, t.zone()))
        .back(format!("/tickets/{}", t.id), words)
}

/// Renders the form again after an error: 422 with field errors, or 409 with the clashes and alternatives (linked by `again`) or both
/// versions. Returns any other error unchanged.
pub(super) fn refused(error: Error, mut form: SmallForm, again: impl Fn(&Free) -> String, zone: chrono_tz::Tz) -> Result<Response> {
    let status = error.status();
    match error {
        Error::Invalid(errors) => form.errors = errors,
        Error::Conflict { message, current } => {
            form.refused = message;
            form.offers = offers(current.as_ref(), zone, again);
        }
        other => return Err(other),
    }
    let status = if status == StatusCode::CONFLICT { status } else { StatusCode::UNPROCESSABLE_ENTITY };
    Ok(ui::with_status(status, &form)?.into_response())
}

/// Whether the error is a version conflict: its `current` is the saved record, not a list of clashes.
pub(super) fn is_stale(error: &Error) -> bool {
    matches!(error, Error::Conflict { current: Some(now), .. } if now["version"].is_number())
}

/// The row that compares the booked technicians with the chosen ones.
pub(super) async fn stale_team(r: &mut Read, t: &Ticket, chosen: &[MemberId]) -> Result<Stale> {
    let join = |names: Vec<String>| if names.is_empty() { "Nobody".to_owned() } else { names.join(", ") };
    let theirs = data::assignees(r.db(), t.id).await?.into_iter().map(|a| a.name).collect();
    let yours = data::technicians(r.db()).await?.into_iter().filter(|m| chosen.contains(&m.id)).map(|m| m.name).collect();
    Ok(Stale { label: "Technicians", theirs: join(theirs), yours: join(yours) })
}

/// A free slot, parsed from a conflict's `alternatives`.
#[derive(serde::Deserialize)]
pub(super) struct Free {
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
}

impl Free {
    /// The query `date=…&time=…` in wall time of `zone`.
    pub fn query(&self, zone: chrono_tz::Tz) -> String {
        wall(self.starts_at, zone).format("date=%Y-%m-%d&time=%H%%3A%M").to_string()
    }
}

pub(super) fn offers(current: Option<&Value>, zone: chrono_tz::Tz, again: impl Fn(&Free) -> String) -> Vec<Offer> {
    let free = current.and_then(|c| serde_json::from_value::<Vec<Free>>(c["alternatives"].clone()).ok()).unwrap_or_default();
    free.iter().map(|f| Offer { href: again(f), words: ui::format::span(f.starts_at, f.ends_at, zone) }).collect()
}

async fn done<A: Action>(w: &Write, posted: &Posted<Fields>, action: A, id: TicketId, words: &str) -> Result<Response> {
    w.act(&posted.meta, action).await?;
    Ok(ui::redirect(&format!("/tickets/{id}"), words))
}

/// The field for the reason of a double booking; shown only after a clash.
pub(super) fn override_field(fields: &Fields, errors: &FieldErrors) -> Piece {
    ui::text("override_reason", "Book it anyway, because")
        .value(fields.get("override_reason"))
        .hint("Only if you mean it: two visits at the same time. The reason is kept.")
        .optional()
        .errors(errors)
        .attr("data-redact", "")
        .attr("maxlength", 500)
        .into()
}

pub(super) async fn team(r: &mut Read, chosen: &[MemberId], errors: &FieldErrors) -> Result<Piece> {
    let members = data::technicians(r.db()).await?;
    let members = members.into_iter().map(|m| Tick { value: m.id.to_string(), checked: chosen.contains(&m.id), label: m.name }).collect();
    Ok(Piece::Team { legend: "Technicians", error: errors.of("member_ids").unwrap_or_default().into(), members })
}

// Edit.

/// `GET /tickets/{id}/edit`
pub async fn edit_form(mut r: Read, Path(id): Path<TicketId>) -> Result<ui::Html> {
    let who = r.who.clone();
    let t = data::visible_ticket(r.db(), &who, id).await?;
    let typed = Fields(vec![
        ("address_id".into(), t.address_id.map(|a| a.to_string()).unwrap_or_default()),
        ("instructions".into(), t.instructions.clone()),
        ("estimated".into(), if t.is_price_estimated { "on".into() } else { String::new() }),
    ]);
    ui::page(&edit_page(&mut r, &who, &t, &typed, &FieldErrors::default(), false).await?)
}

async fn edit_page(r: &mut Read, who: &Who, t: &Ticket, typed: &Fields, errors: &FieldErrors, clash: bool) -> Result<SmallForm> {
    let booking = data::booking(r.db(), who, t.contact_id).await?;
    let mut places = vec![ui::Choice::new("", "No address")];
    places.extend(booking.addresses.iter().map(|a| ui::Choice::new(a.id, &a.line)));
    let mut form = SmallForm::new(head(r, t, "Edit visit"), format!("/tickets/{}/edit", t.id), "Save");
    form.version = Some(t.version);
    form.pieces = vec![
        ui::select("address_id", "Address").choices(&places).value(typed.get("address_id")).errors(errors).into(),
        ui::area("instructions", "Instructions for the technician")
            .value(typed.get("instructions"))
            .errors(errors)
            .attr("data-redact", "")
            .into(),
        ui::check("estimated", "The price is an estimate")
            .hint("Shown as “Estimated” until close-out.")
            .checked(typed.has("estimated") && !typed.get("estimated").is_empty())
            .into(),
    ];
    if clash || typed.has("override_reason") {
        form.pieces.push(override_field(typed, errors));
    }
    Ok(form)
}

/// `POST /tickets/{id}/edit`
pub async fn edit(w: Write, Path(id): Path<TicketId>, posted: Posted<Fields>) -> Result<Response> {
    let f = &posted.value;
    let action = UpdateTicket {
        ticket_id: id,
        contact_id: None,
        address_id: f.id("address_id"),
        no_address: f.has("address_id") && f.get("address_id").is_empty(),
        instructions: f.has("instructions").then(|| f.get("instructions").to_owned()),
        is_price_estimated: Some(f.has("estimated")),
        override_reason: f.some("override_reason").map(str::to_owned),
        ask_customer: true,
    };
    let Err(error) = done(&w, &posted, action, id, "Saved").await else {
        return Ok(ui::redirect(&format!("/tickets/{id}"), "Saved"));
    };
    let (who, mut r) = (w.who.clone(), w.read().await?);
    let t = data::visible_ticket(r.db(), &who, id).await?;
    let errors = if let Error::Invalid(e) = &error { e.clone() } else { FieldErrors::default() };
    let stale = is_stale(&error);
    // An address in another time zone moves the visit, which may then clash.
    let clash = !stale && matches!(&error, Error::Conflict { current: Some(_), .. });
    let mut form = edit_page(&mut r, &who, &t, f, &errors, clash).await?;
    if stale {
        let yes = |b: bool| if b { "yes" } else { "no" }.to_owned();
        let booking = data::booking(r.db(), &who, t.contact_id).await?;
        let typed = booking.addresses.into_iter().find(|a| Some(a.id) == f.id("address_id")).map(|a| a.line);
        form.stale = vec![
            Stale { label: "Address", theirs: t.address.clone(), yours: typed.unwrap_or_default() },
            Stale { label: "Instructions", theirs: t.instructions.clone(), yours: f.get("instructions").into() },
            Stale { label: "Estimated", theirs: yes(t.is_price_estimated), yours: yes(f.has("estimated")) },
        ];
    }
    refused(error, form, |free| format!("/tickets/{id}/move?{}", free.query(t.zone())), t.zone())
}

// Assign.

/// `GET /tickets/{id}/assign`
pub async fn assign_form(mut r: Read, Path(id): Path<TicketId>) -> Result<ui::Html> {
    let who = r.who.clone();
    let t = data::visible_ticket(r.db(), &who, id).await?;
    let booked: Vec<_> = data::assignees(r.db(), id).await?.iter().map(|a| a.member_id).collect();
    ui::page(&assign_page(&mut r, &t, &booked, &Fields::default(), false).await?)
}

async fn assign_page(r: &mut Read, t: &Ticket, chosen: &[MemberId], typed: &Fields, clash: bool) -> Result<SmallForm> {
    let mut form = SmallForm::new(head(r, t, "Who does it"), format!("/tickets/{}/assign", t.id), "Assign");
    form.version = Some(t.version);
    form.pieces = vec![team(r, chosen, &FieldErrors::default()).await?];
    if clash {
        form.pieces.push(override_field(typed, &FieldErrors::default()));
    }
    Ok(form)
}

/// `POST /tickets/{id}/assign`
pub async fn assign(w: Write, Path(id): Path<TicketId>, posted: Posted<Fields>) -> Result<Response> {
    let f = &posted.value;
    let member_ids: Vec<MemberId> = f.ids("member_ids");
    let override_reason = f.some("override_reason").map(str::to_owned);
    let Err(error) = w.act(&posted.meta, Assign { ticket_id: id, member_ids: member_ids.clone(), override_reason }).await else {
        return Ok(ui::redirect(&format!("/tickets/{id}"), "Assigned"));
    };
    let (who, mut r) = (w.who.clone(), w.read().await?);
    let t = data::visible_ticket(r.db(), &who, id).await?;
    let stale = is_stale(&error);
    let mut form = assign_page(&mut r, &t, &member_ids, f, !stale && matches!(error, Error::Conflict { .. })).await?;
    if stale {
        form.stale = vec![stale_team(&mut r, &t, &member_ids).await?];
    }
    refused(error, form, |free| format!("/tickets/{id}/move?{}", free.query(t.zone())), t.zone())
}

// Cancel.

/// `GET /tickets/{id}/cancel`
pub async fn cancel_form(mut r: Read, Path(id): Path<TicketId>) -> Result<ui::Html> {
    let who = r.who.clone();
    let t = data::visible_ticket(r.db(), &who, id).await?;
    ui::page(&cancel_page(&r, &t, &Fields::default(), &FieldErrors::default()))
}

fn cancel_page(r: &Read, t: &Ticket, typed: &Fields, errors: &FieldErrors) -> SmallForm {
    let mut form = SmallForm::new(head(r, t, "Cancel visit"), format!("/tickets/{}/cancel", t.id), "Cancel visit");
    form.version = Some(t.version);
    form.is_warning = true;
    form.pieces = vec![
        ui::text("reason", "Why")
            .value(typed.get("reason"))
            .errors(errors)
            .hint("“Nobody home”, “rain”, “customer called”")
            .required()
            .attr("data-redact", "")
            .attr("maxlength", 500)
            .into(),
        ui::text("charge_note", "Charge for the trip")
            .value(typed.get("charge_note"))
            .errors(errors)
            .optional()
            .hint("For the record: “$40 call-out, told by phone”")
            .attr("data-redact", "")
            .attr("maxlength", 500)
            .into(),
        ui::check("tell", "Tell the customer by email").checked(typed.has("tell")).into(),
    ];
    form
}

/// `POST /tickets/{id}/cancel`
pub async fn cancel(w: Write, Path(id): Path<TicketId>, posted: Posted<Fields>) -> Result<Response> {
    let f = &posted.value;
    let action = CancelTicket {
        ticket_id: id,
        reason: f.get("reason").to_owned(),
        charge_note: f.get("charge_note").to_owned(),
        tell_customer: f.has("tell"),
    };
    let Err(error) = w.act(&posted.meta, action).await else {
        return Ok(ui::redirect(&format!("/tickets/{id}"), "Visit cancelled"));
    };
    let (who, mut r) = (w.who.clone(), w.read().await?);
    let t = data::visible_ticket(r.db(), &who, id).await?;
    let errors = if let Error::Invalid(e) = &error { e.clone() } else { FieldErrors::default() };
    let mut form = cancel_page(&r, &t, f, &errors);
    if matches!(error, Error::Conflict { .. }) {
        form.stale = vec![Stale { label: "State", theirs: t.state.word().into(), yours: "Cancelled".into() }];
    }
    refused(error, form, |_| String::new(), t.zone())
}

// The customer's answer.

/// `GET /tickets/{id}/answer`
pub async fn answer_form(mut r: Read, Path(id): Path<TicketId>) -> Result<ui::Html> {
    let who = r.who.clone();
    let t = data::visible_ticket(r.db(), &who, id).await?;
    let typed = Fields(vec![("answer".into(), "accepted".into()), ("channel".into(), "phone".into())]);
    ui::page(&answer_page(&r, &t, &typed, &FieldErrors::default()))
}

fn answer_page(r: &Read, t: &Ticket, typed: &Fields, errors: &FieldErrors) -> SmallForm {
    let mut form = SmallForm::new(head(r, t, "What the customer said"), format!("/tickets/{}/answer", t.id), "Save answer");
    form.pieces = vec![
        ui::radios("answer", "Answer")
            .choice("accepted", "Comes as planned")
            .choice("declined", "Declined")
            .choice("change_requested", "Wants another time")
            .value(typed.get("answer"))
            .errors(errors)
            .into(),
        ui::radios("channel", "How")
            .choice("phone", "By phone")
            .choice("in_person", "In person")
            .choice("email", "By email")
            .value(typed.get("channel"))
            .errors(errors)
            .into(),
        ui::text("wish", "Which time suits")
            .value(typed.get("wish"))
            .errors(errors)
            .optional()
            .hint("“any weekday after 14:00”")
            .attr("data-redact", "")
            .attr("maxlength", 2000)
            .into(),
    ];
    form
}

/// `POST /tickets/{id}/answer`
pub async fn answer(w: Write, Path(id): Path<TicketId>, posted: Posted<Fields>) -> Result<Response> {
    let f = &posted.value;
    let mut errors = FieldErrors::default();
    let answer = match f.get("answer") {
        "accepted" => Some(Answer::Accepted),
        "declined" => Some(Answer::Declined),
        "change_requested" => Some(Answer::ChangeRequested),
        _ => None,
    };
    let channel = [Channel::Phone, Channel::InPerson, Channel::Email].into_iter().find(|c| c.name() == f.get("channel"));
    let result = match (answer, channel) {
        (Some(answer), Some(channel)) => {
            w.act(&posted.meta, RecordAnswer { ticket_id: id, answer, channel, wish: f.get("wish").to_owned() }).await.map(|_| ())
        }
        (answer, channel) => {
            if answer.is_none() {
                errors.add("answer", "What did the customer say?");
            }
            if channel.is_none() {
                errors.add("channel", "How did the answer reach you?");
            }
            Err(Error::Invalid(errors))
        }
    };
    let Err(error) = result else { return Ok(ui::redirect(&format!("/tickets/{id}"), "Answer saved")) };
    let (who, mut r) = (w.who.clone(), w.read().await?);
    let t = data::visible_ticket(r.db(), &who, id).await?;
    let errors = if let Error::Invalid(e) = &error { e.clone() } else { FieldErrors::default() };
    refused(error, answer_page(&r, &t, f, &errors), |_| String::new(), t.zone())
}
