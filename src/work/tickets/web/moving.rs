//! The form that moves a visit; also opened by dropping a block in the calendar.

use axum::{
    extract::{Path, Query},
    response::Response,
};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::json;

use super::{
    change::{head, if_past, is_stale, offers, override_field, refused, stale_team, team},
    fields::{Fields, Piece, SmallForm, Stale},
};
use crate::tickets::{
    actions::Reschedule,
    data::{self, Ticket},
    overlap,
};
use platform::{
    error::{Error, FieldErrors, Result},
    form::Posted,
    ids::{MemberId, TicketId},
    localtime::{parse_date, parse_time, to_utc},
    tenant::{Read, Write},
};

/// `GET /tickets/{id}/move?date=&time=`: the prefilled form; shows the clashes of a requested time before saving. With `calendar` (a
/// dropped block), date and time are wall time of the business's zone, and `technician` replaces the technician `instead`.
pub async fn reschedule_form(mut r: Read, Path(id): Path<TicketId>, Query(asked): Query<Fields>) -> Result<ui::Html> {
    let who = r.who.clone();
    let t = data::visible_ticket(r.db(), &who, id).await?;
    let zone = t.zone();
    let start = if asked.has("calendar") { dropped(&asked, who.zone).unwrap_or(t.starts_at) } else { t.starts_at };
    let or = |name: &str, value: String| {
        let asked = asked.some(name).filter(|_| !asked.has("calendar"));
        (name.to_owned(), asked.map_or(value, str::to_owned))
    };
    let mut typed = Fields(vec![
        or("date", ui::format::input_date(start, zone)),
        or("time", ui::format::input_time(start, zone)),
        or("minutes", t.planned_minutes().to_string()),
        ("ask".into(), "on".into()),
    ]);
    let mut members: Vec<MemberId> = data::assignees(r.db(), id).await?.iter().map(|a| a.member_id).collect();
    members.retain(|m| asked.id("instead") != Some(*m));
    if let Some(technician) = asked.id("technician").filter(|m| !members.contains(m)) {
        members.push(technician);
    }
    typed.0.extend(members.iter().map(|m| ("member_ids".to_owned(), m.to_string())));
    let slot = typed.slot(zone, Some(t.starts_at), &mut FieldErrors::default()).filter(|_| asked.has("date"));
    let clashes = match slot {
        Some(slot) => overlap::clashes(r.db(), &who, &members, slot, Some(id)).await?,
        None => vec![],
    };
    let mut form = move_page(&mut r, &t, &typed, &FieldErrors::default(), !clashes.is_empty()).await?;
    if let (Some(slot), false) = (slot, clashes.is_empty()) {
        let free = overlap::alternatives(r.db(), &who, &members, slot, Some(id)).await?;
        form.refused = overlap::describe(&clashes, who.zone);
        form.offers = offers(Some(&json!({ "alternatives": free })), zone, |free| format!("/tickets/{id}/move?{}", free.query(zone)));
    }
    ui::page(&form)
}

/// The time at which a calendar block was dropped, from wall time of `zone`.
fn dropped(asked: &Fields, zone: Tz) -> Option<DateTime<Utc>> {
    Some(to_utc(parse_date(asked.get("date")).ok()?, parse_time(asked.get("time")).ok()?, zone))
}

async fn move_page(r: &mut Read, t: &Ticket, typed: &Fields, errors: &FieldErrors, clash: bool) -> Result<SmallForm> {
    let mut form = SmallForm::new(head(r, t, "Move visit"), format!("/tickets/{}/move", t.id), "Move visit");
    form.version = Some(t.version);
    form.pieces = vec![
        Piece::pair(
            ui::date("date", "Day").value(typed.get("date")).errors(errors).required(),
            ui::time("time", "From").value(typed.get("time")).errors(errors).required(),
        ),
        ui::text("minutes", "How long").value(typed.get("minutes")).suffix("min").errors(errors).into(),
        team(r, &typed.ids("member_ids"), errors).await?,
        ui::check("ask", "Ask the customer to confirm the new time").checked(typed.has("ask")).into(),
    ];
    if clash || typed.has("override_reason") {
        form.pieces.push(override_field(typed, errors));
    }
    Ok(form)
}

/// `POST /tickets/{id}/move`
pub async fn reschedule(w: Write, Path(id): Path<TicketId>, posted: Posted<Fields>) -> Result<Response> {
    let f = &posted.value;
    let (who, mut r) = (w.who.clone(), w.read().await?);
    let t = data::visible_ticket(r.db(), &who, id).await?;
    drop(r);
    let mut errors = FieldErrors::default();
    let slot = f.slot(t.zone(), Some(t.starts_at), &mut errors);
    let result = match slot {
        Some((starts_at, ends_at)) => {
            // A request without the form's fields (from a program or the calendar) keeps the technicians.
            let member_ids = (f.has("member_ids") || f.has("ask") || f.has("override_reason")).then(|| f.ids("member_ids"));
            let override_reason = f.some("override_reason").map(str::to_owned);
            let action = Reschedule { ticket_id: id, starts_at, ends_at, member_ids, override_reason, ask_customer: f.has("ask") };
            w.act(&posted.meta, action).await.map(|_| ())
        }
        None => Err(Error::Invalid(errors)),
    };
    let Err(error) = result else {
        {
            return Ok(ui::redirect(&format!("/tickets/{id}"), &format!("Visit moved{}", if_past(&who, slot.map(|s| s.0)))));
        }
    };
    let (errors, clash) = match &error {
        Error::Invalid(e) => (renamed(e), false),
        Error::Conflict { .. } => (FieldErrors::default(), !is_stale(&error)),
        _ => return Err(error),
    };
    let mut r = w.read().await?;
    let t = data::visible_ticket(r.db(), &who, id).await?;
    let mut form = move_page(&mut r, &t, f, &errors, clash).await?;
    if is_stale(&error) {
        let yours = format!("{} {}, {} min", f.get("date"), f.get("time"), f.get("minutes"));
        form.stale = vec![
            Stale { label: "When", theirs: ui::format::span(t.starts_at, t.ends_at, t.zone()), yours },
            stale_team(&mut r, &t, &f.ids("member_ids")).await?,
        ];
    }
    let error = if let Error::Invalid(_) = error { Error::Invalid(errors) } else { error };
    refused(error, form, |free| format!("/tickets/{id}/move?{}", free.query(t.zone())), t.zone())
}

/// Renames the action's error fields to the form's: `starts_at` to `date`, `ends_at` to `minutes`.
pub(super) fn renamed(errors: &FieldErrors) -> FieldErrors {
    let mut out = errors.clone();
    for e in &mut out.0 {
        match e.field.as_str() {
            "ends_at" => e.field = "minutes".into(),
            "starts_at" => e.field = "date".into(),
            _ => {}
        }
    }
    out
}
