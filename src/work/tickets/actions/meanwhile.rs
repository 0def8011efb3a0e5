//! Conflicts for phones that were offline: they name who changed the ticket meanwhile and when, so that the person can decide.

use chrono::{DateTime, Utc};

use crate::tickets::{TicketState, data::Ticket};
use platform::{
    action::Cx,
    error::{Error, Result},
    localtime::local_date,
};

fn moment(at: DateTime<Utc>, zone: chrono_tz::Tz) -> String {
    at.with_timezone(&zone).format("%a %-d %b, %H:%M").to_string()
}

/// Actor and time of the ticket's last `event`: "Olivia on Tue 24 Nov, 9:20", in the business's zone.
async fn who_and_when(cx: &mut Cx<'_>, ticket: &Ticket, event: &str) -> Result<String> {
    let zone = cx.who.zone;
    let last = sqlx::query!(
        r#"select e.at, m.name as "by?" from events e
             left join members m on m.org_id = e.org_id and e.actor in ('member:' || m.id, 'model:' || m.id)
            where e.subject_id = $1 and e.name = $2 order by e.id desc limit 1"#,
        ticket.id.0,
        event
    )
    .fetch_optional(cx.db())
    .await?;
    Ok(last.map_or_else(|| "Someone".into(), |l| format!("{} on {}", l.by.unwrap_or_else(|| "Someone".into()), moment(l.at, zone))))
}

/// A sentence that says who closed or cancelled the ticket and when; `None` while it is open.
pub async fn ended(cx: &mut Cx<'_>, ticket: &Ticket) -> Result<Option<String>> {
    let (event, did) = match ticket.state {
        TicketState::Scheduled | TicketState::InProgress => return Ok(None),
        TicketState::Closed => ("ticket.closed", "closed"),
        TicketState::Cancelled => ("ticket.cancelled", "cancelled"),
    };
    let by = who_and_when(cx, ticket, event).await?;
    Ok(Some(format!("This visit was {did} in the meantime, by {by}.")))
}

/// A conflict, naming who closed or cancelled it, unless the ticket is open.
pub(super) async fn still_open(cx: &mut Cx<'_>, ticket: &Ticket) -> Result<()> {
    let Some(ended) = ended(cx, ticket).await? else { return Ok(()) };
    Err(Error::conflict_with(format!("{ended} Yours was not put on record."), ticket.clone()))
}

/// A conflict if the visit has moved to another local day than that of `planned`, the start that the phone showed. `None` compares nothing.
pub(super) async fn same_day(cx: &mut Cx<'_>, ticket: &Ticket, planned: Option<DateTime<Utc>>) -> Result<()> {
    let zone = ticket.zone();
    let Some(planned) = planned.filter(|p| local_date(*p, zone) != local_date(ticket.starts_at, zone)) else { return Ok(()) };
    let by = who_and_when(cx, ticket, "ticket.moved").await?;
    let (was, is) = (moment(planned, zone), moment(ticket.starts_at, zone));
    let message = format!("This visit was moved from {was} to {is} in the meantime, by {by}. Yours was not put on record yet.");
    Err(Error::conflict_with(message, ticket.clone()))
}
