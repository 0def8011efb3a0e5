//! Small forms of a ticket: edit, assign, cancel. Moving is in `moving`; the customer's answer is recorded where it is asked for, in `flows::confirm`.

use axum::{extract::Path, response::Response};
use chrono::{DateTime, Utc};

use super::fields::{Piece, SmallForm, Tick, free, offers};
use crate::tickets::{
    actions::{Assign, CancelTicket, UpdateTicket},
    data::{self, Ticket},
    overlap::Booked,
};
use platform::{
    error::Result,
    ids::{MemberId, TicketId},
    tenant::{Read, Who, Write},
};
use ui::{Choice, Form, Stale};

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

/// The row that compares the booked technicians with the chosen ones.
pub(super) async fn stale_team(r: &mut Read, t: &Ticket, chosen: &[MemberId]) -> Result<Stale> {
    let join = |names: Vec<String>| if names.is_empty() { "Nobody".to_owned() } else { names.join(", ") };
    let theirs = data::assignees(r.db(), t.id).await?.into_iter().map(|a| a.name).collect();
    let yours = data::technicians(r.db()).await?.into_iter().filter(|m| chosen.contains(&m.id)).map(|m| m.name).collect();
    Ok(Stale::new("Technicians", join(theirs), join(yours)))
}

/// The field for the reason of a double booking; shown only after a clash.
pub(super) fn override_field(form: &Form) -> Option<Piece> {
    let field = form
        .text("override_reason", "Book it anyway, because")
        .hint("Only if you mean it: two visits at the same time. The reason is kept.")
        .optional()
        .attr("data-redact", "")
        .attr("maxlength", 500);
    (form.case::<Booked>().is_some() || form.has("override_reason")).then(|| field.into())
}

pub(super) async fn team(r: &mut Read, form: &Form) -> Result<Piece> {
    let members = data::technicians(r.db()).await?;
    let members = members.into_iter().map(|m| Tick { value: m.id.to_string(), checked: form.chose("member_ids", m.id), label: m.name });
    Ok(Piece::Team { legend: "Technicians", error: form.errors.of("member_ids").unwrap_or_default().into(), members: members.collect() })
}

/// The path of the form that moves the visit to a free time.
fn move_to(t: &Ticket) -> impl Fn(&crate::tickets::overlap::Free) -> String {
    let (id, zone) = (t.id, t.zone());
    move |free| format!("/tickets/{id}/move?{}", free.query(zone))
}

// Edit.

/// `GET /tickets/{id}/edit`
pub async fn edit_form(mut r: Read, Path(id): Path<TicketId>) -> Result<ui::Html> {
    ui::page(&edit_page(&mut r, id, None).await?)
}

async fn edit_page(r: &mut Read, id: TicketId, refused: Option<Form>) -> Result<SmallForm> {
    let who = r.who.clone();
    let t = data::visible_ticket(r.db(), &who, id).await?;
    let booking = data::booking(r.db(), &who, t.contact_id).await?;
    let mut places = vec![Choice::new("", "No address")];
    places.extend(booking.addresses.iter().map(|a| Choice::new(a.id, &a.line)));
    let saved = Form::default()
        .version(t.version)
        .with("address_id", t.address_id.map(|a| a.0))
        .with("instructions", &t.instructions)
        .tick("estimated", t.is_price_estimated);
    let labels = [("address_id", "Address"), ("instructions", "Instructions"), ("estimated", "Estimated")];
    let mut form = Form::editing(saved, refused, &labels);
    form.spell("Address", &places);
    form.spell("Estimated", &[Choice::new("on", "yes"), Choice::new("", "no")]);
    let mut pieces = vec![
        form.select("address_id", "Address").choices(&places).into(),
        form.area("instructions", "Instructions for the technician").attr("data-redact", "").into(),
        form.check("estimated", "The price is an estimate").hint("Shown as “Estimated” until close-out.").into(),
    ];
    // An address in another time zone moves the visit, which may then clash.
    pieces.extend(override_field(&form));
    let free = offers(free(&form), t.zone(), move_to(&t));
    Ok(SmallForm { offers: free, ..SmallForm::new(head(r, &t, "Edit visit"), format!("/tickets/{id}/edit"), "Save", form, pieces) })
}

/// `POST /tickets/{id}/edit`
pub async fn edit(w: Write, Path(id): Path<TicketId>, form: Form) -> Result<Response> {
    let action = UpdateTicket {
        ticket_id: id,
        contact_id: None,
        address_id: form.parsed("address_id"),
        no_address: form.has("address_id") && form.get("address_id").is_empty(),
        instructions: form.has("instructions").then(|| form.owned("instructions")),
        is_price_estimated: Some(form.is_on("estimated")),
        override_reason: form.some("override_reason").map(str::to_owned),
        ask_customer: true,
    };
    let done = |_| ui::redirect(&format!("/tickets/{id}"), "Saved");
    form.run(&w, Some(action), done, async |r, form| edit_page(r, id, Some(form)).await).await
}

// Assign.

/// `GET /tickets/{id}/assign`
pub async fn assign_form(mut r: Read, Path(id): Path<TicketId>) -> Result<ui::Html> {
    let mut form = Form::default();
    for a in data::assignees(r.db(), id).await? {
        form.add("member_ids", a.member_id.0);
    }
    ui::page(&assign_page(&mut r, id, form).await?)
}

async fn assign_page(r: &mut Read, id: TicketId, form: Form) -> Result<SmallForm> {
    let who = r.who.clone();
    let t = data::visible_ticket(r.db(), &who, id).await?;
    let mut form = form.version(t.version);
    if form.is_stale() {
        form.stale = vec![stale_team(r, &t, &form.all_parsed("member_ids")).await?];
    }
    let mut pieces = vec![team(r, &form).await?];
    pieces.extend(override_field(&form));
    let free = offers(free(&form), t.zone(), move_to(&t));
    Ok(SmallForm { offers: free, ..SmallForm::new(head(r, &t, "Who does it"), format!("/tickets/{id}/assign"), "Assign", form, pieces) })
}

/// `POST /tickets/{id}/assign`
pub async fn assign(w: Write, Path(id): Path<TicketId>, form: Form) -> Result<Response> {
    let override_reason = form.some("override_reason").map(str::to_owned);
    let action = Assign { ticket_id: id, member_ids: form.all_parsed("member_ids"), override_reason };
    let done = |_| ui::redirect(&format!("/tickets/{id}"), "Assigned");
    form.run(&w, Some(action), done, async |r, form| assign_page(r, id, form).await).await
}

// Cancel.

/// `GET /tickets/{id}/cancel`
pub async fn cancel_form(mut r: Read, Path(id): Path<TicketId>) -> Result<ui::Html> {
    ui::page(&cancel_page(&mut r, id, Form::default()).await?)
}

async fn cancel_page(r: &mut Read, id: TicketId, form: Form) -> Result<SmallForm> {
    let who = r.who.clone();
    let t = data::visible_ticket(r.db(), &who, id).await?;
    let mut form = form.version(t.version);
    if form.is_stale() {
        form.stale = vec![Stale::new("State", t.state.word(), "Cancelled")];
    }
    let line = |field: ui::Field, hint| field.hint(hint).attr("data-redact", "").attr("maxlength", 500);
    let pieces = vec![
        line(form.text("reason", "Why").required(), "“Nobody home”, “rain”, “customer called”").into(),
        line(form.text("charge_note", "Charge for the trip").optional(), "For the record: “$40 call-out, told by phone”").into(),
        form.check("tell", "Tell the customer by email").into(),
    ];
    let page = SmallForm::new(head(r, &t, "Cancel visit"), format!("/tickets/{id}/cancel"), "Cancel visit", form, pieces);
    Ok(SmallForm { is_warning: true, ..page })
}

/// `POST /tickets/{id}/cancel`
pub async fn cancel(w: Write, Path(id): Path<TicketId>, form: Form) -> Result<Response> {
    let (reason, charge_note) = (form.owned("reason"), form.owned("charge_note"));
    let action = CancelTicket { ticket_id: id, reason, charge_note, tell_customer: form.is_on("tell") };
    let done = |_| ui::redirect(&format!("/tickets/{id}"), "Visit cancelled");
    form.run(&w, Some(action), done, async |r, form| cancel_page(r, id, form).await).await
}
