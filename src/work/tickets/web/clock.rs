//! Correcting a clock entry. Clocking in and out stands with the ticket's page, in `views::ticket`.

use axum::{extract::Path, response::Response};

use super::{
    change::{is_stale, refused},
    fields::{Fields, Piece, SmallForm, Stale, instant},
};
use crate::tickets::{
    actions::CorrectClock,
    data::{self, ClockEntry, Ticket},
};
use platform::{
    error::{Error, FieldErrors, Result},
    form::Posted,
    ids::{ClockId, TicketId},
    localtime::{parse_date, parse_time},
    tenant::{Read, Write},
};

async fn entry(r: &mut Read, id: TicketId, clock: ClockId) -> Result<(Ticket, ClockEntry)> {
    let who = r.who.clone();
    let t = data::visible_ticket(r.db(), &who, id).await?;
    let entry = data::clock(r.db(), id).await?.into_iter().find(|e| e.id == clock).ok_or(Error::NotFound)?;
    Ok((t, entry))
}

/// `GET /tickets/{id}/clock/{clock_id}`
pub async fn correct_form(mut r: Read, Path((id, clock)): Path<(TicketId, ClockId)>) -> Result<ui::Html> {
    let (t, e) = entry(&mut r, id, clock).await?;
    let zone = t.zone();
    let out = |f: &dyn Fn(chrono::DateTime<chrono::Utc>) -> String| e.clocked_out_at.map(f).unwrap_or_default();
    let typed = Fields(vec![
        ("in_date".into(), ui::format::input_date(e.clocked_in_at, zone)),
        ("in_time".into(), ui::format::input_time(e.clocked_in_at, zone)),
        ("out_date".into(), out(&|at| ui::format::input_date(at, zone))),
        ("out_time".into(), out(&|at| ui::format::input_time(at, zone))),
    ]);
    ui::page(&page(&r, &t, &e, &typed, &FieldErrors::default()))
}

fn page(r: &Read, t: &Ticket, e: &ClockEntry, typed: &Fields, errors: &FieldErrors) -> SmallForm {
    let title = format!("{}'s clock", e.member_name);
    let head = ui::Head::of(r, "calendar").title(title).back(format!("/tickets/{}", t.id), format!("{} · T-{}", t.contact_name, t.number));
    let mut form = SmallForm::new(head, format!("/tickets/{}/clock/{}", t.id, e.id), "Save");
    form.version = Some(e.version);
    let field = |field: ui::Field, name: &str| field.value(typed.get(name)).errors(errors);
    form.pieces = vec![
        Piece::pair(field(ui::date("in_date", "Clocked in, day"), "in_date"), field(ui::time("in_time", "at"), "in_time")),
        Piece::pair(
            field(ui::date("out_date", "Clocked out, day"), "out_date").hint("Empty while it runs"),
            field(ui::time("out_time", "at"), "out_time"),
        ),
        field(ui::text("reason", "Why").hint("What it said before is kept beside it."), "reason")
            .required()
            .attr("data-redact", "")
            .attr("maxlength", 500)
            .into(),
    ];
    form
}

/// `POST /tickets/{id}/clock/{clock_id}`
pub async fn correct(w: Write, Path((id, clock)): Path<(TicketId, ClockId)>, posted: Posted<Fields>) -> Result<Response> {
    let f = &posted.value;
    let (t, e) = entry(&mut w.read().await?, id, clock).await?;
    let mut errors = FieldErrors::default();
    let mut moment = |date: &str, time: &str, field: (&str, &str), kept| {
        let date = parse_date(date).map_err(|m| errors.add(field.0, m)).ok();
        let time = parse_time(time).map_err(|m| errors.add(field.1, m)).ok();
        Some(instant(date?, time?, t.zone(), kept))
    };
    let came = moment(f.get("in_date"), f.get("in_time"), ("in_date", "in_time"), Some(e.clocked_in_at));
    let still_runs = f.get("out_date").is_empty() && f.get("out_time").is_empty();
    let went = if still_runs { None } else { moment(f.get("out_date"), f.get("out_time"), ("out_date", "out_time"), e.clocked_out_at) };
    let result = match came {
        Some(clocked_in_at) if errors.is_empty() => {
            let action = CorrectClock { clock_id: clock, clocked_in_at, clocked_out_at: went, reason: f.get("reason").to_owned() };
            w.act(&posted.meta, action).await.map(|_| ())
        }
        _ => Err(Error::Invalid(errors)),
    };
    let Err(error) = result else { return Ok(ui::redirect(&format!("/tickets/{id}"), "Clock corrected")) };
    let errors = match &error {
        Error::Invalid(e) => {
            let mut e = e.clone();
            for e in &mut e.0 {
                match e.field.as_str() {
                    "clocked_in_at" => e.field = "in_time".into(),
                    "clocked_out_at" => e.field = "out_time".into(),
                    _ => {}
                }
            }
            e
        }
        _ => FieldErrors::default(),
    };
    let error = if let Error::Invalid(_) = error { Error::Invalid(errors.clone()) } else { error };
    let mut r = w.read().await?;
    let (t, now) = entry(&mut r, id, clock).await?;
    let mut form = page(&r, &t, &now, f, &errors);
    if is_stale(&error) {
        let until = |went: Option<String>| went.unwrap_or_else(|| "still running".into());
        let moment = |at| ui::format::moment(at, t.zone());
        let typed = |date: &str, time: &str| format!("{} {}", f.get(date), f.get(time));
        form.stale = vec![
            Stale { label: "Clocked in", theirs: moment(now.clocked_in_at), yours: typed("in_date", "in_time") },
            Stale {
                label: "Clocked out",
                theirs: until(now.clocked_out_at.map(moment)),
                yours: until((!still_runs).then(|| typed("out_date", "out_time"))),
            },
        ];
    } else {
        form.version = posted.meta.if_version.or(Some(e.version));
    }
    refused(error, form, |_| String::new(), t.zone())
}
