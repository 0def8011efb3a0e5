//! What happened to a ticket while a phone had no link: said with who and when, so that the person can decide.

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

/// Who last did `event` to the ticket, and when: "Olivia on Tue 24 Nov, 9:20".
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

/// What ended the ticket, in a sentence with who and when; none while it may be worked on.
pub async fn ended(cx: &mut Cx<'_>, ticket: &Ticket) -> Result<Option<String>> {
    let (event, did) = match ticket.state {
        TicketState::Scheduled | TicketState::InProgress => return Ok(None),
        TicketState::Closed => ("ticket.closed", "closed"),
        TicketState::Cancelled => ("ticket.cancelled", "cancelled"),
    };
    let by = who_and_when(cx, ticket, event).await?;
    Ok(Some(format!("This visit was {did} in the meantime, by {by}.")))
}

/// The ticket may still be worked on. A conflict says who closed or cancelled it.
pub(super) async fn still_open(cx: &mut Cx<'_>, ticket: &Ticket) -> Result<()> {
    let Some(ended) = ended(cx, ticket).await? else { return Ok(()) };
    Err(Error::Conflict { message: format!("{ended} Yours was not put on record."), current: Some(serde_json::to_value(ticket)?) })
}

/// The ticket is still on the day for which the act was tapped; moved within the day it is the same visit. `planned`: the start that the
/// phone showed; left out: nothing is compared.
pub(super) async fn same_day(cx: &mut Cx<'_>, ticket: &Ticket, planned: Option<DateTime<Utc>>) -> Result<()> {
    let zone = ticket.zone();
    let Some(planned) = planned.filter(|p| local_date(*p, zone) != local_date(ticket.starts_at, zone)) else { return Ok(()) };
    let by = who_and_when(cx, ticket, "ticket.moved").await?;
    let (was, is) = (moment(planned, zone), moment(ticket.starts_at, zone));
    Err(Error::Conflict {
        message: format!("This visit was moved from {was} to {is} in the meantime, by {by}. Yours was not put on record yet."),
        current: Some(serde_json::to_value(ticket)?),
    })
}
