//! Correcting a clock entry. Clocking in and out stands with the ticket's page, in `views::ticket`.

use axum::{extract::Path, response::Response};

use super::fields::{Piece, SmallForm, instant};
use crate::tickets::{
    actions::CorrectClock,
    data::{self, ClockEntry, Ticket},
};
use platform::{
    error::{Error, Result},
    ids::{ClockId, TicketId},
    localtime::{parse_date, parse_time},
    tenant::{Read, Write},
};
use ui::{Form, Stale};

async fn entry(r: &mut Read, id: TicketId, clock: ClockId) -> Result<(Ticket, ClockEntry)> {
    let who = r.who.clone();
    let t = data::visible_ticket(r.db(), &who, id).await?;
    let entry = data::clock(r.db(), id).await?.into_iter().find(|e| e.id == clock).ok_or(Error::NotFound)?;
    Ok((t, entry))
}

/// `GET /tickets/{id}/clock/{clock_id}`
pub async fn correct_form(mut r: Read, Path((id, clock)): Path<(TicketId, ClockId)>) -> Result<ui::Html> {
    ui::page(&page(&mut r, id, clock, None).await?)
}

async fn page(r: &mut Read, id: TicketId, clock: ClockId, refused: Option<Form>) -> Result<SmallForm> {
    let (t, e) = entry(r, id, clock).await?;
    let zone = t.zone();
    let saved = Form::default()
        .version(e.version)
        .with("in_date", ui::format::input_date(e.clocked_in_at, zone))
        .with("in_time", ui::format::input_time(e.clocked_in_at, zone))
        .with("out_date", e.clocked_out_at.map(|at| ui::format::input_date(at, zone)))
        .with("out_time", e.clocked_out_at.map(|at| ui::format::input_time(at, zone)));
    let mut form = Form::editing(saved, refused, &[]);
    if form.is_stale() {
        let until = |went: Option<String>| went.unwrap_or_else(|| "still running".into());
        let moment = |at| ui::format::moment(at, zone);
        let typed = |date: &str, time: &str| format!("{} {}", form.get(date), form.get(time));
        let went = (!still_runs(&form)).then(|| typed("out_date", "out_time"));
        form.stale = vec![
            Stale::new("Clocked in", moment(e.clocked_in_at), typed("in_date", "in_time")),
            Stale::new("Clocked out", until(e.clocked_out_at.map(moment)), until(went)),
        ];
    }
    let title = format!("{}'s clock", e.member_name);
    let head = ui::Head::of(r, "calendar").title(title).back(format!("/tickets/{id}"), format!("{} · T-{}", t.contact_name, t.number));
    let pieces = vec![
        Piece::pair(form.date("in_date", "Clocked in, day"), form.time("in_time", "at")),
        Piece::pair(form.date("out_date", "Clocked out, day").hint("Empty while it runs"), form.time("out_time", "at")),
        form.text("reason", "Why")
            .hint("What it said before is kept beside it.")
            .required()
            .attr("data-redact", "")
            .attr("maxlength", 500)
            .into(),
    ];
    Ok(SmallForm::new(head, format!("/tickets/{id}/clock/{clock}"), "Save", form, pieces))
}

fn still_runs(form: &Form) -> bool {
    form.get("out_date").is_empty() && form.get("out_time").is_empty()
}

/// `POST /tickets/{id}/clock/{clock_id}`
pub async fn correct(w: Write, Path((id, clock)): Path<(TicketId, ClockId)>, mut form: Form) -> Result<Response> {
    let (t, e) = entry(&mut w.read().await?, id, clock).await?;
    let moment = |form: &mut Form, date: &str, time: &str, kept| {
        let (date, time) = (form.must(date, parse_date), form.must(time, parse_time));
        Some(instant(date?, time?, t.zone(), kept))
    };
    let came = moment(&mut form, "in_date", "in_time", Some(e.clocked_in_at));
    let clocked_out_at = if still_runs(&form) { None } else { moment(&mut form, "out_date", "out_time", e.clocked_out_at) };
    let reason = form.owned("reason");
    let action = came.map(|clocked_in_at| CorrectClock { clock_id: clock, clocked_in_at, clocked_out_at, reason });
    let page = async |r: &mut Read, mut form: Form| {
        form.errors.rename(|field| {
            match field {
                "clocked_in_at" => "in_time",
                "clocked_out_at" => "out_time",
                other => other,
            }
            .to_owned()
        });
        page(r, id, clock, Some(form)).await
    };
    form.run(&w, action, |_| ui::redirect(&format!("/tickets/{id}"), "Clock corrected"), page).await
}
