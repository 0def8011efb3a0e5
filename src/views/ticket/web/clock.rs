//! Clock in, clock out, take a clock-in back.

use axum::{extract::Path, response::Response};

use super::show::{self, Trouble};
use platform::{
    action::Action,
    error::Result,
    ids::TicketId,
    tenant::{Read, Write},
};
use ui::Form;
use work::tickets::actions::{ClockIn, ClockOut, RunsElsewhere, UndoClockIn};

/// Runs a clock action and redirects to the ticket with the message `words`. After a conflict or invalid input, shows the reason there.
async fn tap<A: Action>(w: Write, id: TicketId, form: Form, action: A, words: &str) -> Result<Response> {
    let page = async |r: &mut Read, form: Form| {
        let trouble = Trouble {
            elsewhere: form.case::<RunsElsewhere>().map(|case| case.running.clone()),
            message: form.errors.0.first().map_or(form.notice, |e| e.message.clone()),
            is_coming: A::NAME == ClockIn::NAME,
        };
        show::page(r, id, Some(trouble)).await
    };
    form.run(&w, Some(action), |_| ui::redirect(&format!("/tickets/{id}"), words), page).await
}

/// The timestamps (RFC 3339) set by a script or the offline queue: of the tap, of the sending, and the visit's start as the phone showed it;
/// `None` if missing or malformed.
fn moments(form: &Form) -> [Option<chrono::DateTime<chrono::Utc>>; 3] {
    ["occurred_at", "device_now", "planned"].map(|name| form.parsed(name))
}

/// `POST /tickets/{id}/clock-in`
pub async fn clock_in(w: Write, Path(id): Path<TicketId>, form: Form) -> Result<Response> {
    let [occurred_at, device_now, planned_start] = moments(&form);
    let switch = form.has("switch");
    tap(w, id, form, ClockIn { ticket_id: id, member_id: None, occurred_at, device_now, planned_start, switch }, "Clocked in").await
}

/// `POST /tickets/{id}/clock-out`
pub async fn clock_out(w: Write, Path(id): Path<TicketId>, form: Form) -> Result<Response> {
    let [occurred_at, device_now, planned_start] = moments(&form);
    tap(w, id, form, ClockOut { ticket_id: id, member_id: None, occurred_at, device_now, planned_start }, "Clocked out").await
}

/// `POST /tickets/{id}/clock-undo`
pub async fn undo_clock_in(w: Write, Path(id): Path<TicketId>, form: Form) -> Result<Response> {
    tap(w, id, form, UndoClockIn { ticket_id: id, member_id: None }, "Clock-in taken back").await
}
