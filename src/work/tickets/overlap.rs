//! Two tickets of one technician may not overlap without a reason. The check runs under one lock per technician, taken in id order; the
//! database's exclusion constraint is the last resort, since on its own it deadlocks when bookings race.

use chrono::{DateTime, Datelike, Days, Duration, NaiveDate, NaiveTime, Utc};
use chrono_tz::Tz;
use serde::Serialize;
use sqlx::PgConnection;

use platform::{
    error::{Error, Result},
    ids::{MemberId, TicketId},
    localtime::{local_date, to_utc, wall},
    tenant::Who,
};

/// The number of alternative times, and how many days ahead they are searched.
const ALTERNATIVES: usize = 4;
const LOOK_AHEAD: u64 = 14;
/// The step between candidate starts, counted from the start of the working day.
const STEP: Duration = Duration::minutes(30);

/// Start and (exclusive) end of a visit.
pub type Slot = (DateTime<Utc>, DateTime<Utc>);

/// An existing booking that overlaps.
#[derive(Debug, Clone, Serialize)]
pub struct Clash {
    pub ticket_id: TicketId,
    pub number: i64,
    /// `None` if the member may not see the ticket.
    pub customer: Option<String>,
    pub member_id: MemberId,
    pub member: String,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
}

/// A free slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Free {
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
}

impl Free {
    /// The query `date=…&time=…` in wall time of `zone`.
    pub fn query(&self, zone: Tz) -> String {
        wall(self.starts_at, zone).format("date=%Y-%m-%d&time=%H%%3A%M").to_string()
    }
}

/// The conflict of a booking whose technicians have another visit at that time.
#[derive(Debug, Clone, Serialize)]
pub struct Booked {
    pub clashes: Vec<Clash>,
    pub alternatives: Vec<Free>,
}

/// Locks the technicians until the commit and checks for clashes, ignoring the ticket `except`. Returns whether the booking overrides a
/// clash with `reason`. A clash without a reason is the conflict [`Booked`].
pub async fn claim(
    db: &mut PgConnection,
    who: &Who,
    members: &[MemberId],
    slot: Slot,
    except: Option<TicketId>,
    reason: Option<&str>,
) -> Result<bool> {
    if members.is_empty() {
        return Ok(false);
    }
    lock(db, members).await?;
    let clashes = clashes(db, who, members, slot, except).await?;
    if clashes.is_empty() {
        return Ok(false);
    }
    if reason.is_some_and(|r| !r.trim().is_empty()) {
        return Ok(true);
    }
    let alternatives = alternatives(db, who, members, slot, except).await?;
    Err(Error::conflict_with(describe(&clashes, who.zone), Booked { clashes, alternatives }))
}

/// Locks the technicians in id order until the commit. Lock order everywhere: tickets first, technicians after.
pub(super) async fn lock(db: &mut PgConnection, members: &[MemberId]) -> Result<()> {
    let ids: Vec<_> = members.iter().map(|m| m.0).collect();
    sqlx::query!(
        r#"select pg_advisory_xact_lock(k.key) as "locked!: ()"
             from (select hashtextextended('technician:' || m::text, 0) as key from unnest($1::uuid[]) m order by m offset 0) k"#,
        &ids
    )
    .fetch_all(db)
    .await?;
    Ok(())
}

/// Bookings of `members` that overlap `slot`, except those of the ticket `except`.
pub async fn clashes(db: &mut PgConnection, who: &Who, members: &[MemberId], slot: Slot, except: Option<TicketId>) -> Result<Vec<Clash>> {
    let ids: Vec<_> = members.iter().map(|m| m.0).collect();
    let rows = sqlx::query_as!(
        Clash,
        r#"
        select t.id as "ticket_id: TicketId", t.number, case when $5::uuid is null or a.member_id = $5 then c.name end as customer,
               a.member_id as "member_id: MemberId", m.name as member, t.starts_at, t.ends_at
          from assignments a
          join tickets t on t.org_id = a.org_id and t.id = a.ticket_id
          join contacts c on c.org_id = t.org_id and c.id = t.contact_id
          join members m on m.org_id = a.org_id and m.id = a.member_id
         where a.is_open and a.member_id = any ($1) and a.slot && tstzrange($2, $3) and a.ticket_id is distinct from $4
         order by t.starts_at, t.id, m.name
        "#,
        &ids,
        slot.0,
        slot.1,
        except.map(|t| t.0),
        who.only_own_tickets().map(|m| m.0)
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// Describes the first clash and counts the others: "Taylor is booked Tue 24 Nov, 9:00–12:30 (T-1042, Jane Smith). And 1 more."
pub fn describe(clashes: &[Clash], zone: Tz) -> String {
    let Some(first) = clashes.first() else { return String::new() };
    let (from, to) = (first.starts_at.with_timezone(&zone), first.ends_at.with_timezone(&zone));
    let customer = first.customer.as_deref().map(|c| format!(", {c}")).unwrap_or_default();
    let more = match clashes.len() - 1 {
        0 => String::new(),
        n => format!(" And {n} more."),
    };
    let (number, member) = (first.number, &first.member);
    format!(
        "{member} is booked {}, {}–{} (T-{number}{customer}).{more}",
        from.format("%a %-d %b"),
        from.format("%-H:%M"),
        to.format("%-H:%M")
    )
}

/// Up to four slots of the same length, within working hours from the day of `slot` on, when all `members` are free.
pub async fn alternatives(
    db: &mut PgConnection,
    who: &Who,
    members: &[MemberId],
    slot: Slot,
    except: Option<TicketId>,
) -> Result<Vec<Free>> {
    let ids: Vec<_> = members.iter().map(|m| m.0).collect();
    let first = local_date(slot.0.max(who.now), who.zone);
    let last = first.checked_add_days(Days::new(LOOK_AHEAD)).unwrap_or(first);
    let (from, to) = (to_utc(first, NaiveTime::MIN, who.zone), to_utc(last, NaiveTime::MIN, who.zone));
    let hours = hours(db, who).await?;
    let busy = sqlx::query!(
        r#"select lower(slot) as "starts!", upper(slot) as "ends!" from assignments
            where is_open and member_id = any ($1) and slot && tstzrange($2, $3) and ticket_id is distinct from $4 order by 1"#,
        &ids,
        from,
        to,
        except.map(|t| t.0)
    )
    .fetch_all(db)
    .await?;
    let busy: Vec<Slot> = busy.into_iter().map(|b| (b.starts, b.ends)).collect();
    Ok(free(&busy, &hours, first, slot.1 - slot.0, who.now))
}

/// The business's working hours in wall time of `zone`. `days` are ISO weekdays.
pub struct Hours {
    pub starts: NaiveTime,
    pub ends: NaiveTime,
    pub days: Vec<i32>,
    pub zone: Tz,
}

/// Reads the business's working hours.
pub async fn hours(db: &mut PgConnection, who: &Who) -> Result<Hours> {
    let h = sqlx::query!("select day_starts, day_ends, work_days from orgs where id = $1", who.org.0).fetch_one(db).await?;
    Ok(Hours { starts: h.day_starts, ends: h.day_ends, days: h.work_days, zone: who.zone })
}

/// The first free slots of `length` from the day `first` on, at most two per day and none before `now`.
pub fn free(busy: &[Slot], hours: &Hours, first: NaiveDate, length: Duration, now: DateTime<Utc>) -> Vec<Free> {
    let mut found = vec![];
    for date in first.iter_days().take(usize::try_from(LOOK_AHEAD).unwrap_or_default()) {
        let weekday = i32::try_from(date.weekday().number_from_monday()).unwrap_or_default();
        if !hours.days.contains(&weekday) {
            continue;
        }
        let (mut at, end) = (to_utc(date, hours.starts, hours.zone), to_utc(date, hours.ends, hours.zone));
        let mut today = 0;
        while at + length <= end && today < 2 {
            let until = at + length;
            if at >= now && !busy.iter().any(|b| b.0 < until && at < b.1) {
                found.push(Free { starts_at: at, ends_at: until });
                today += 1;
                at = until;
            } else {
                at += STEP;
            }
            if found.len() == ALTERNATIVES {
                return found;
            }
        }
    }
    found
}
