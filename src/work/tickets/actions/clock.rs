use chrono::{DateTime, Duration, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    about,
    meanwhile::{same_day, still_open},
    one, reason_given,
};
use crate::tickets::{
    TicketState,
    data::{self, Ticket},
    overlap,
};
use platform::{
    action::{Action, Cx, Subject},
    error::{Error, FieldErrors, Result},
    ids::{ClockId, ContactId, MemberId, TicketId},
    redact::redact,
    role::{Capability, Permission, Role},
};

/// A phone's clock that differs from the server's by more than this is corrected.
const TOLERATED: Duration = Duration::minutes(5);
/// An entry that arrives later than this also stores its time of arrival, `sent_at`.
const LATE: Duration = Duration::minutes(1);
/// The oldest time that a phone may still report, and the farthest that a correction may move a clock-in.
const OLDEST: Duration = Duration::days(7);
/// The longest clock entry.
const LONGEST: Duration = Duration::days(1);

/// The time of a tap, corrected by the error of the phone's clock.
struct Moment {
    at: DateTime<Utc>,
    offset: Option<i32>,
    sent_at: Option<DateTime<Utc>>,
}

/// Corrects `occurred` by the difference between `device_now` and `now` if that exceeds [`TOLERATED`], and keeps the difference in seconds.
/// Defaults to `now`. A field error if the time is more than a week ago or in the future.
fn moment(occurred: Option<DateTime<Utc>>, device_now: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Result<Moment> {
    let off = device_now.map(|d| d - now).filter(|o| o.abs() > TOLERATED);
    let at = match (occurred, off) {
        (None, _) => now,
        (Some(at), None) => at,
        (Some(at), Some(off)) => at.checked_sub_signed(off).unwrap_or(at),
    };
    if at < now - OLDEST {
        return Err(FieldErrors::one("occurred_at", "This is more than a week ago. Correct the clock instead."));
    }
    if at > now + TOLERATED {
        return Err(FieldErrors::one("occurred_at", "This is in the future."));
    }
    let at = at.min(now);
    let offset = off.map(|o| i32::try_from(o.num_seconds()).unwrap_or(if o > Duration::zero() { i32::MAX } else { i32::MIN }));
    Ok(Moment { at, offset, sent_at: (now - at > LATE).then_some(now) })
}

/// The member whose clock is meant: `member`, by default the caller. `Forbidden` if an agent names somebody else.
fn whose(cx: &Cx<'_>, member: Option<MemberId>) -> Result<MemberId> {
    let wanted = member.or(cx.who.member).ok_or_else(|| FieldErrors::one("member_id", "Whose clock?"))?;
    if cx.who.role == Some(Role::Agent) && cx.who.member != Some(wanted) {
        return Err(Error::Forbidden);
    }
    Ok(wanted)
}

async fn set_state(cx: &mut Cx<'_>, ticket: &Ticket, state: TicketState) -> Result<()> {
    if ticket.state == state {
        return Ok(());
    }
    if !ticket.state.may_become(state) {
        return Err(Error::conflict(format!("A ticket that is {} can't do that.", ticket.state.word().to_lowercase())));
    }
    sqlx::query!("update tickets set state = $2 where id = $1", ticket.id.0, state as TicketState).execute(cx.db()).await?;
    Ok(())
}

/// A running clock and its ticket.
#[derive(Debug, Clone, Serialize)]
pub struct Running {
    id: ClockId,
    pub ticket_id: TicketId,
    pub number: i64,
    contact_id: ContactId,
    pub customer: String,
    member: String,
    clocked_in_at: DateTime<Utc>,
}

/// The conflict of a clock that runs on another ticket, to link to it or offer to switch.
#[derive(Debug, Serialize)]
pub struct RunsElsewhere {
    pub running: Running,
}

impl Running {
    async fn of(cx: &mut Cx<'_>, member: MemberId) -> Result<Option<Self>> {
        let row = sqlx::query_as!(
            Self,
            r#"select k.id as "id: ClockId", k.ticket_id as "ticket_id: TicketId", t.number, t.contact_id as "contact_id: ContactId", c.name as customer,
                      m.name as member, k.clocked_in_at
                 from clock_entries k
                 join tickets t on t.org_id = k.org_id and t.id = k.ticket_id
                 join contacts c on c.org_id = t.org_id and c.id = t.contact_id
                 join members m on m.org_id = k.org_id and m.id = k.member_id
                where k.member_id = $1 and k.clocked_out_at is null"#,
            member.0
        )
        .fetch_optional(cx.db())
        .await?;
        Ok(row)
    }

    fn refuse(&self, message: String) -> Error {
        Error::conflict_with(message, RunsElsewhere { running: self.clone() })
    }

    /// Stops the clock and returns its end. A field error if the end is more than a minute before the start (a phone that syncs out of
    /// order); within that minute the entry gets zero length.
    async fn stop(&self, cx: &mut Cx<'_>, member: MemberId, moment: &Moment) -> Result<DateTime<Utc>> {
        if moment.at < self.clocked_in_at - LATE {
            return Err(FieldErrors::one("occurred_at", "Clocking out can't be before clocking in."));
        }
        let at = moment.at.max(self.clocked_in_at);
        let done = sqlx::query!(
            r#"update clock_entries set clocked_out_at = $2, device_offset_seconds = coalesce($3, device_offset_seconds), sent_at = coalesce($4, sent_at)
                where id = $1 and clocked_out_at is null"#,
            self.id.0,
            at,
            moment.offset,
            moment.sent_at
        )
        .execute(cx.db())
        .await?;
        if done.rows_affected() == 0 {
            return Err(Error::conflict("This clock was stopped in the meantime. Please look again."));
        }
        let about = Subject { kind: "ticket", id: self.ticket_id.0, contact: Some(self.contact_id) };
        cx.event("ticket.clocked_out", about, json!({ "member": member, "at": at, "device_offset_seconds": moment.offset })).await?;
        Ok(at)
    }
}

/// Starts a technician's clock and sets the ticket in progress. Idempotent: returns the running entry if the clock already runs on this
/// ticket. If it runs on another ticket, the conflict [`RunsElsewhere`], unless `switch` stops it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct ClockIn {
    pub ticket_id: TicketId,
    /// The technician; by default the caller.
    #[serde(default)]
    pub member_id: Option<MemberId>,
    /// The time of the tap by the phone's clock; by default now.
    #[serde(default)]
    pub occurred_at: Option<DateTime<Utc>>,
    /// The phone's clock at the time of sending. Not compared for idempotency, since every retry has its own.
    #[serde(default, skip_serializing)]
    pub device_now: Option<DateTime<Utc>>,
    /// Stop a clock that runs on another ticket at the same moment.
    #[serde(default)]
    pub switch: bool,
    /// The visit's start as the phone showed it. A conflict if the visit has since moved to another day; left out, nothing is compared.
    #[serde(default)]
    pub planned_start: Option<DateTime<Utc>>,
}

impl Action for ClockIn {
    const NAME: &'static str = "ticket.clock_in";
    const NEEDS: Permission = Permission::WriteRecords;
    const CAPABILITY: Option<Capability> = Some(Capability::Scheduling);
    type Output = ClockId;

    async fn run(self, cx: &mut Cx<'_>) -> Result<ClockId> {
        let (who, now) = (cx.who, cx.now());
        let member = whose(cx, self.member_id)?;
        if self.switch {
            lock_both(cx, self.ticket_id, member).await?;
        }
        let ticket = data::locked(cx.db(), who, self.ticket_id).await?;
        still_open(cx, &ticket).await?;
        same_day(cx, &ticket, self.planned_start).await?;
        let mut moment = moment(self.occurred_at, self.device_now, now)?;
        overlap::lock(cx.db(), &[member]).await?;
        match Running::of(cx, member).await? {
            Some(r) if r.ticket_id == ticket.id => return Ok(r.id),
            Some(r) if self.switch => moment.at = r.stop(cx, member, &moment).await?,
            Some(r) => return Err(r.refuse(format!("{}'s clock is running on T-{} ({}).", r.member, r.number, r.customer))),
            None => {}
        }
        let id = ClockId::new();
        sqlx::query!(
            "insert into clock_entries (id, ticket_id, member_id, clocked_in_at, device_offset_seconds, sent_at) values ($1, $2, $3, $4, $5, $6)",
            id.0,
            ticket.id.0,
            member.0,
            moment.at,
            moment.offset,
            moment.sent_at
        )
        .execute(cx.db())
        .await?;
        set_state(cx, &ticket, TicketState::InProgress).await?;
        cx.event("ticket.clocked_in", about(&ticket), json!({ "member": member, "at": moment.at, "device_offset_seconds": moment.offset }))
            .await?;
        Ok(id)
    }
}

/// Locks `ticket` and the ticket on which the member's clock runs, in id order, so that two members who swap tickets cannot deadlock.
async fn lock_both(cx: &mut Cx<'_>, ticket: TicketId, member: MemberId) -> Result<()> {
    sqlx::query!(
        r#"select t.id from tickets t
            where t.id = $1 or t.id = (select k.ticket_id from clock_entries k where k.member_id = $2 and k.clocked_out_at is null)
            order by t.id for update"#,
        ticket.0,
        member.0
    )
    .fetch_all(cx.db())
    .await?;
    Ok(())
}

/// Stops a technician's clock. A conflict if it is not running on this ticket.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct ClockOut {
    pub ticket_id: TicketId,
    #[serde(default)]
    pub member_id: Option<MemberId>,
    #[serde(default)]
    pub occurred_at: Option<DateTime<Utc>>,
    /// As in `ticket.clock_in`.
    #[serde(default, skip_serializing)]
    pub device_now: Option<DateTime<Utc>>,
    #[serde(default)]
    pub planned_start: Option<DateTime<Utc>>,
}

impl Action for ClockOut {
    const NAME: &'static str = "ticket.clock_out";
    const NEEDS: Permission = Permission::WriteRecords;
    const CAPABILITY: Option<Capability> = Some(Capability::Scheduling);
    type Output = ClockId;

    async fn run(self, cx: &mut Cx<'_>) -> Result<ClockId> {
        let (who, now) = (cx.who, cx.now());
        let ticket = data::locked(cx.db(), who, self.ticket_id).await?;
        still_open(cx, &ticket).await?;
        same_day(cx, &ticket, self.planned_start).await?;
        let member = whose(cx, self.member_id)?;
        let moment = moment(self.occurred_at, self.device_now, now)?;
        let entry = running_here(cx, ticket.id, member).await?;
        entry.stop(cx, member, &moment).await?;
        Ok(entry.id)
    }
}

/// The member's clock, which must be running on `ticket`. Otherwise a conflict, naming the ticket on which it runs, if any.
async fn running_here(cx: &mut Cx<'_>, ticket: TicketId, member: MemberId) -> Result<Running> {
    overlap::lock(cx.db(), &[member]).await?;
    match Running::of(cx, member).await? {
        Some(r) if r.ticket_id == ticket => Ok(r),
        Some(r) => Err(r.refuse(format!("No clock is running on this ticket. {}'s runs on T-{} ({}).", r.member, r.number, r.customer))),
        None => Err(Error::conflict("No clock is running on this ticket.")),
    }
}

/// Removes the running clock entry (a tap on the wrong ticket). If it was the ticket's only entry, the ticket is scheduled again.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct UndoClockIn {
    pub ticket_id: TicketId,
    #[serde(default)]
    pub member_id: Option<MemberId>,
}

impl Action for UndoClockIn {
    const NAME: &'static str = "ticket.undo_clock_in";
    const NEEDS: Permission = Permission::WriteRecords;
    const CAPABILITY: Option<Capability> = Some(Capability::Scheduling);
    type Output = TicketId;

    async fn run(self, cx: &mut Cx<'_>) -> Result<TicketId> {
        let who = cx.who;
        let ticket = data::locked(cx.db(), who, self.ticket_id).await?;
        still_open(cx, &ticket).await?;
        let member = whose(cx, self.member_id)?;
        let entry = running_here(cx, ticket.id, member).await?;
        one(&sqlx::query!("delete from clock_entries where id = $1", entry.id.0).execute(cx.db()).await?)?;
        let left = sqlx::query_scalar!(r#"select exists (select from clock_entries where ticket_id = $1) as "left!""#, ticket.id.0)
            .fetch_one(cx.db())
            .await?;
        if !left {
            set_state(cx, &ticket, TicketState::Scheduled).await?;
        }
        cx.event("ticket.clock_in_undone", about(&ticket), json!({ "member": member, "was": entry.clocked_in_at })).await?;
        Ok(ticket.id)
    }
}

/// Corrects a clock entry. The original times are kept beside the corrected ones.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct CorrectClock {
    pub clock_id: ClockId,
    pub clocked_in_at: DateTime<Utc>,
    /// `None` if the clock is still running.
    #[serde(default)]
    pub clocked_out_at: Option<DateTime<Utc>>,
    #[garde(custom(reason_given))]
    pub reason: String,
}

impl Action for CorrectClock {
    const NAME: &'static str = "ticket.correct_clock";
    const NEEDS: Permission = Permission::WriteRecords;
    const CAPABILITY: Option<Capability> = Some(Capability::Scheduling);
    type Output = ClockId;

    fn versioned(&self) -> Option<(&'static str, uuid::Uuid)> {
        Some(("clock_entries", self.clock_id.0))
    }

    async fn run(self, cx: &mut Cx<'_>) -> Result<ClockId> {
        let (who, now) = (cx.who, cx.now());
        let row = sqlx::query!(
            r#"select ticket_id as "ticket_id: TicketId", member_id as "member_id: MemberId", coalesce(original_in_at, clocked_in_at) as "first_in!"
                 from clock_entries where id = $1"#,
            self.clock_id.0
        )
        .fetch_one(cx.db())
        .await?;
        let ticket = data::locked(cx.db(), who, row.ticket_id).await?;
        still_open(cx, &ticket).await?;
        whose(cx, Some(row.member_id))?;
        self.check(now, row.first_in)?;
        overlap::lock(cx.db(), &[row.member_id]).await?;
        self.check_others(cx, row.member_id).await?;
        let done = sqlx::query!(
            r#"update clock_entries
                  set original_in_at = coalesce(original_in_at, clocked_in_at),
                      original_out_at = case when corrected_at is null then clocked_out_at else original_out_at end,
                      clocked_in_at = $2, clocked_out_at = $3, corrected_at = $4, corrected_by = $5, correction_reason = $6
                where id = $1"#,
            self.clock_id.0,
            self.clocked_in_at,
            self.clocked_out_at,
            now,
            who.member.map(|m| m.0),
            redact(self.reason.trim()).text
        )
        .execute(cx.db())
        .await?;
        one(&done)?;
        cx.event(
            "ticket.clock_corrected",
            about(&ticket),
            json!({ "clock": self.clock_id, "in": self.clocked_in_at, "out": self.clocked_out_at }),
        )
        .await?;
        Ok(self.clock_id)
    }
}

impl CorrectClock {
    /// Checks order and limits of the corrected times. `first_in` is the clock-in before any correction.
    fn check(&self, now: DateTime<Utc>, first_in: DateTime<Utc>) -> Result<()> {
        let (came, went) = (self.clocked_in_at, self.clocked_out_at);
        let refuse = |field: &str, message: &str| Err(FieldErrors::one(field, message));
        if came > now {
            return refuse("clocked_in_at", "This is in the future.");
        }
        if (came - first_in).abs() > OLDEST {
            return refuse("clocked_in_at", "This is more than a week away from when the clock was started.");
        }
        match went {
            Some(went) if went > now => refuse("clocked_out_at", "This is in the future."),
            Some(went) if went < came => refuse("clocked_out_at", "Clocking out can't be before clocking in."),
            Some(went) if went - came > LONGEST => refuse("clocked_out_at", "A clock runs for at most a day at a time."),
            _ => Ok(()),
        }
    }

    /// A field error if the corrected times overlap another clock entry of the member.
    async fn check_others(&self, cx: &mut Cx<'_>, member: MemberId) -> Result<()> {
        let there = sqlx::query!(
            r#"select m.name as member, t.number, t.time_zone, c.name as customer, k.clocked_in_at, k.clocked_out_at
                 from clock_entries k
                 join tickets t on t.org_id = k.org_id and t.id = k.ticket_id
                 join contacts c on c.org_id = t.org_id and c.id = t.contact_id
                 join members m on m.org_id = k.org_id and m.id = k.member_id
                where k.member_id = $1 and k.id <> $2 and k.clocked_in_at < coalesce($4::timestamptz, 'infinity') and coalesce(k.clocked_out_at, 'infinity') > $3
                order by k.clocked_in_at limit 1"#,
            member.0,
            self.clock_id.0,
            self.clocked_in_at,
            self.clocked_out_at
        )
        .fetch_optional(cx.db())
        .await?;
        let Some(there) = there else { return Ok(()) };
        let moment =
            |at: DateTime<Utc>| at.with_timezone(&there.time_zone.parse().unwrap_or(chrono_tz::Tz::UTC)).format("%a %-d %b, %-H:%M");
        let until = there.clocked_out_at.map_or_else(|| "now".to_owned(), |at| moment(at).to_string());
        let (member, number, customer, from) = (there.member, there.number, there.customer, moment(there.clocked_in_at));
        Err(FieldErrors::one("clocked_in_at", format!("{member}'s clock ran on T-{number} ({customer}) then: {from} to {until}.")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phone_that_is_off_is_corrected_with_a_trace() {
        let now: DateTime<Utc> = "2026-11-24T15:00:00Z".parse().unwrap();
        let minutes = Duration::minutes;
        let m = moment(Some(now - minutes(30)), Some(now + minutes(4)), now).unwrap();
        assert_eq!((m.at, m.offset), (now - minutes(30), None));
        let m = moment(Some(now + minutes(90)), Some(now + minutes(120)), now).unwrap();
        assert_eq!((m.at, m.offset, m.sent_at), (now - minutes(30), Some(7200), Some(now)));
        assert!(moment(Some(now + minutes(10)), None, now).is_err());
        assert_eq!(moment(Some(now + minutes(3)), None, now).unwrap().at, now);
    }
}
