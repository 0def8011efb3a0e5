//! The form that moves a visit; also opened by dropping a block in the calendar.

use axum::{
    extract::{Path, Query},
    response::Response,
};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::{
    change::{head, if_past, override_field, stale_team, team},
    fields::{self, Piece, SmallForm, offers, slot, slot_field},
};
use crate::tickets::{
    actions::Reschedule,
    data,
    overlap::{self, Free},
};
use platform::{
    error::Result,
    ids::{MemberId, TicketId},
    localtime::{parse_date, parse_time, to_utc},
    tenant::{Read, Write},
};
use ui::{Form, Stale};

/// `GET /tickets/{id}/move?date=&time=`: the prefilled form; shows the clashes of a requested time before saving. With `calendar` (a
/// dropped block), date and time are wall time of the business's zone, and `technician` replaces the technician `instead`.
pub async fn reschedule_form(mut r: Read, Path(id): Path<TicketId>, Query(asked): Query<Form>) -> Result<ui::Html> {
    let who = r.who.clone();
    let t = data::visible_ticket(r.db(), &who, id).await?;
    let zone = t.zone();
    let start = if asked.has("calendar") { dropped(&asked, who.zone).unwrap_or(t.starts_at) } else { t.starts_at };
    let or = |name: &str, value: String| asked.some(name).filter(|_| !asked.has("calendar")).map_or(value, str::to_owned);
    let mut form = Form::default()
        .with("date", or("date", ui::format::input_date(start, zone)))
        .with("time", or("time", ui::format::input_time(start, zone)))
        .with("minutes", or("minutes", t.planned_minutes().to_string()))
        .tick("ask", true);
    let mut members: Vec<MemberId> = data::assignees(r.db(), id).await?.iter().map(|a| a.member_id).collect();
    members.retain(|m| asked.parsed("instead") != Some(*m));
    if let Some(technician) = asked.parsed("technician").filter(|m| !members.contains(m)) {
        members.push(technician);
    }
    for member in &members {
        form.add("member_ids", member.0);
    }
    let mut free = vec![];
    if let Some(slot) = slot(&mut form.clone(), zone, Some(t.starts_at)).filter(|_| asked.has("date")) {
        let clashes = overlap::clashes(r.db(), &who, &members, slot, Some(id)).await?;
        if !clashes.is_empty() {
            form.notice = overlap::describe(&clashes, who.zone);
            form.set("override_reason", "");
            free = overlap::alternatives(r.db(), &who, &members, slot, Some(id)).await?;
        }
    }
    ui::page(&move_page(&mut r, id, form, &free).await?)
}

/// The time at which a calendar block was dropped, from wall time of `zone`.
fn dropped(asked: &Form, zone: Tz) -> Option<DateTime<Utc>> {
    Some(to_utc(parse_date(asked.get("date")).ok()?, parse_time(asked.get("time")).ok()?, zone))
}

async fn move_page(r: &mut Read, id: TicketId, form: Form, free: &[Free]) -> Result<SmallForm> {
    let who = r.who.clone();
    let t = data::visible_ticket(r.db(), &who, id).await?;
    let (zone, mut form) = (t.zone(), form.version(t.version));
    if form.is_stale() {
        let yours = format!("{} {}, {} min", form.get("date"), form.get("time"), form.get("minutes"));
        let when = Stale::new("When", ui::format::span(t.starts_at, t.ends_at, zone), yours);
        form.stale = vec![when, stale_team(r, &t, &form.all_parsed("member_ids")).await?];
    }
    let mut pieces = vec![
        Piece::pair(form.date("date", "Day").required(), form.time("time", "From").required()),
        form.text("minutes", "How long").suffix("min").into(),
        team(r, &form).await?,
        form.check("ask", "Ask the customer to confirm the new time").into(),
    ];
    pieces.extend(override_field(&form));
    let offers = offers(free, zone, |free| format!("/tickets/{id}/move?{}", free.query(zone)));
    Ok(SmallForm { offers, ..SmallForm::new(head(r, &t, "Move visit"), format!("/tickets/{id}/move"), "Move visit", form, pieces) })
}

/// `POST /tickets/{id}/move`
pub async fn reschedule(w: Write, Path(id): Path<TicketId>, mut form: Form) -> Result<Response> {
    let t = data::visible_ticket(w.read().await?.db(), &w.who, id).await?;
    let action = slot(&mut form, t.zone(), Some(t.starts_at)).map(|(starts_at, ends_at)| {
        // A request without the form's fields (from a program or the calendar) keeps the technicians.
        let has_team = form.has("member_ids") || form.has("ask") || form.has("override_reason");
        let member_ids = has_team.then(|| form.all_parsed("member_ids"));
        let override_reason = form.some("override_reason").map(str::to_owned);
        Reschedule { ticket_id: id, starts_at, ends_at, member_ids, override_reason, ask_customer: form.has("ask") }
    });
    let page = async |r: &mut Read, mut form: Form| {
        form.errors.rename(slot_field);
        let free = fields::free(&form).to_vec();
        move_page(r, id, form, &free).await
    };
    let past = if_past(&w.who, action.as_ref().map(|a| a.starts_at));
    form.run(&w, action, |_| ui::redirect(&format!("/tickets/{id}"), &format!("Visit moved{past}")), page).await
}
