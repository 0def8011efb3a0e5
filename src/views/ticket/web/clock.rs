//! Clock in, clock out, take a clock-in back.

use axum::{
    extract::Path,
    response::{IntoResponse, Response},
};

use super::show::{self, Trouble};
use platform::{
    action::Action,
    error::{Error, Result},
    form::Posted,
    ids::TicketId,
    tenant::Write,
};
use work::tickets::{
    actions::{ClockIn, ClockOut, UndoClockIn},
    web::fields::Fields,
};

/// Runs a clock action and redirects to the ticket with the message `words`. After a conflict or invalid input, shows the reason there.
async fn tap<A: Action>(w: Write, id: TicketId, posted: Posted<Fields>, action: A, words: &str) -> Result<Response> {
    let Err(error) = w.act(&posted.meta, action).await else { return Ok(ui::redirect(&format!("/tickets/{id}"), words)) };
    let trouble = match &error {
        Error::Conflict { message, current } => Trouble {
            message: message.clone(),
            elsewhere: current.as_ref().and_then(|c| serde_json::from_value(c["running"].clone()).ok()),
            is_coming: A::NAME == ClockIn::NAME,
        },
        Error::Invalid(_) => Trouble { message: error.message(), ..Trouble::default() },
        _ => return Err(error),
    };
    let mut r = w.read().await?;
    // A form of another business finds no ticket here: the first error is then the better answer.
    match show::page(&mut r, id, Some(trouble)).await {
        Ok(page) => Ok(ui::with_status(error.status(), &page)?.into_response()),
        Err(Error::NotFound) => Err(error),
        Err(e) => Err(e),
    }
}

/// The timestamp in the field `name` (RFC 3339), set by a script or the offline queue; `None` if it is missing or malformed.
fn at(f: &Fields, name: &str) -> Option<chrono::DateTime<chrono::Utc>> {
    f.get(name).parse().ok()
}

/// `POST /tickets/{id}/clock-in`
pub async fn clock_in(w: Write, Path(id): Path<TicketId>, posted: Posted<Fields>) -> Result<Response> {
    let [occurred_at, device_now, planned_start] = ["occurred_at", "device_now", "planned"].map(|name| at(&posted.value, name));
    let switch = posted.value.has("switch");
    tap(w, id, posted, ClockIn { ticket_id: id, member_id: None, occurred_at, device_now, planned_start, switch }, "Clocked in").await
}

/// `POST /tickets/{id}/clock-out`
pub async fn clock_out(w: Write, Path(id): Path<TicketId>, posted: Posted<Fields>) -> Result<Response> {
    let [occurred_at, device_now, planned_start] = ["occurred_at", "device_now", "planned"].map(|name| at(&posted.value, name));
    tap(w, id, posted, ClockOut { ticket_id: id, member_id: None, occurred_at, device_now, planned_start }, "Clocked out").await
}

/// `POST /tickets/{id}/clock-undo`
pub async fn undo_clock_in(w: Write, Path(id): Path<TicketId>, posted: Posted<Fields>) -> Result<Response> {
    tap(w, id, posted, UndoClockIn { ticket_id: id, member_id: None }, "Clock-in taken back").await
}
