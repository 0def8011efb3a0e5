//! Writes of tickets, with one file per verb.

mod assign;
mod cancel;
mod clock;
mod close;
mod confirmation;
mod create;
mod lines;
mod meanwhile;
mod reschedule;
mod update;

use chrono::{DateTime, Duration, Utc};

pub use assign::Assign;
pub use cancel::CancelTicket;
pub use clock::{ClockIn, ClockOut, CorrectClock, UndoClockIn};
pub use close::own_lines;
pub use close::{CloseTicket, Closed, FinalLine, Settle};
pub use confirmation::{AnswerByLink, Channel, MarkAsked, RecordAnswer, answers_until};
pub use create::{CreateTicket, Created};
pub use lines::{AddLine, NewLine, RemoveLine, UpdateLine};
pub use meanwhile::ended;
pub use reschedule::Reschedule;
pub use update::UpdateTicket;

use super::data::Ticket;
use platform::{
    action::{Cx, Subject},
    error::{Error, FieldErrors, Result},
    ids::{MemberId, TicketId},
    redact::redact,
    role::Role,
    tenant::Who,
};

/// The longest visit.
const LONGEST: Duration = Duration::days(7);
/// The farthest distance of a visit from today: about ten years.
const FARTHEST: Duration = Duration::days(3_653);
/// The most characters of a reason, a line's description or a charge note.
const SHORT: usize = 500;

fn about(ticket: &Ticket) -> Subject {
    Subject { kind: "ticket", id: ticket.id.0, contact: Some(ticket.contact_id) }
}

fn check_slot(now: DateTime<Utc>, starts_at: DateTime<Utc>, ends_at: DateTime<Utc>) -> Result<()> {
    if (starts_at - now).abs() > FARTHEST {
        return Err(FieldErrors::one("starts_at", "Choose a day within ten years of today."));
    }
    if ends_at <= starts_at {
        return Err(FieldErrors::one("ends_at", "The end must be after the start."));
    }
    if ends_at - starts_at > LONGEST {
        return Err(FieldErrors::one("ends_at", "A visit lasts at most a week."));
    }
    Ok(())
}

/// The members to book: without duplicates, in id order (the order of their locks). An empty list books the caller if they see only their
/// own tickets. A field error if a member is not active, or if an agent does not book themselves.
pub async fn bookable(cx: &mut Cx<'_>, wanted: &[MemberId]) -> Result<Vec<MemberId>> {
    let mut members = wanted.to_vec();
    if let (Some(me), true) = (cx.who.only_own_tickets(), members.is_empty()) {
        members.push(me);
    }
    members.sort_unstable();
    members.dedup();
    may_book(cx.who, &members)?;
    let ids: Vec<_> = members.iter().map(|m| m.0).collect();
    let active = sqlx::query_scalar!(r#"select count(*) as "n!" from members where id = any ($1) and state = 'active'"#, &ids)
        .fetch_one(cx.db())
        .await?;
    if usize::try_from(active).unwrap_or_default() != members.len() {
        return Err(FieldErrors::one("member_ids", "Only active members of the team can be booked."));
    }
    Ok(members)
}

fn may_book(who: &Who, members: &[MemberId]) -> Result<()> {
    match (who.role, who.member) {
        (Some(Role::Agent), Some(me)) if !members.contains(&me) => {
            Err(FieldErrors::one("member_ids", "You can only book visits that you do yourself."))
        }
        _ => Ok(()),
    }
}

/// Replaces the ticket's assignments by `members` at `slot`.
async fn book(cx: &mut Cx<'_>, ticket: TicketId, members: &[MemberId], slot: super::overlap::Slot, is_override: bool) -> Result<()> {
    let ids: Vec<_> = members.iter().map(|m| m.0).collect();
    sqlx::query!("delete from assignments where ticket_id = $1 and not member_id = any ($2)", ticket.0, &ids).execute(cx.db()).await?;
    let new: Vec<_> = members.iter().map(|_| platform::ids::AssignmentId::new().0).collect();
    sqlx::query!(
        r#"insert into assignments (id, ticket_id, member_id, slot, is_override)
           select n.id, $1, n.member, tstzrange($4, $5), $6 from unnest($2::uuid[], $3::uuid[]) n(id, member)
           on conflict (org_id, ticket_id, member_id) do update set slot = excluded.slot, is_override = excluded.is_override"#,
        ticket.0,
        &new,
        &ids,
        slot.0,
        slot.1,
        is_override
    )
    .execute(cx.db())
    .await?;
    Ok(())
}

fn reason_given(reason: &str, cx: &()) -> garde::Result {
    if reason.trim().is_empty() { Err(garde::Error::new("Please say why.")) } else { fits_short(reason, cx) }
}

fn fits_short(text: &str, _: &()) -> garde::Result {
    if text.chars().count() > SHORT { Err(garde::Error::new("At most 500 characters fit here.")) } else { Ok(()) }
}

/// The reason for a double booking, trimmed and redacted; `None` if it is empty.
fn said(reason: Option<&str>) -> Option<String> {
    reason.map(|r| redact(r.trim()).text).filter(|r| !r.is_empty())
}

/// `NotFound` unless exactly one row was changed.
fn one(result: &sqlx::postgres::PgQueryResult) -> Result<()> {
    if result.rows_affected() == 1 { Ok(()) } else { Err(Error::NotFound) }
}
