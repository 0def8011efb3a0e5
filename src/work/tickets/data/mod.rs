//! Reads of tickets. Every function takes a connection, so that actions can use it too.

mod detail;
mod history;
pub mod listing;
mod related;
mod span;
pub mod types;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

pub use detail::{Booking, InvoiceRef, Match, Parts, Place, ServiceChoice, booking, customers, parts};
pub use history::{Fact, LastTime, last_time, proposed_minutes};
pub use span::{DayTicket, Technician, day, span, technicians};
pub use types::{clock_query, tickets_query};

use super::{Confirmation, LineKind, TicketState};
use platform::{
    error::{Error, Result},
    ids::{AddressId, AnswerId, AssignmentId, ClockId, ContactId, LineId, LinkId, MemberId, ServiceId, TaxRateId, TicketId},
    tenant::Who,
};

/// A ticket with its customer's name and address. Times are UTC; `time_zone` is that of the place of service.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ticket {
    pub id: TicketId,
    /// Shown as T-1042.
    pub number: i64,
    pub contact_id: ContactId,
    pub contact_name: String,
    pub address_id: Option<AddressId>,
    /// The address in one line; empty if there is none.
    pub address: String,
    pub access_notes: String,
    pub state: TicketState,
    pub confirmation: Confirmation,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    pub time_zone: String,
    pub instructions: String,
    pub is_price_estimated: bool,
    /// The sum of the lines that have a price, in the business's currency.
    pub total: Decimal,
    /// Whether a flexible line has no price yet: the total then reads "from".
    pub has_open_price: bool,
    /// Whether an invoice will add tax to the total: a line's tax rate (by default its service's, then the business's) is not inclusive.
    pub adds_tax: bool,
    pub sequence: i32,
    pub override_reason: Option<String>,
    pub source: String,
    pub cancelled_at: Option<DateTime<Utc>>,
    pub cancel_reason: Option<String>,
    pub charge_note: String,
    pub closed_at: Option<DateTime<Utc>>,
    pub closed_by: Option<MemberId>,
    pub worked_minutes: Option<i32>,
    pub settlement: Option<String>,
    pub version: i32,
    pub created_at: DateTime<Utc>,
}

impl Ticket {
    /// The zone of the place of service.
    pub fn zone(&self) -> chrono_tz::Tz {
        self.time_zone.parse().unwrap_or(chrono_tz::Tz::UTC)
    }

    /// The suffix " plus tax" of the total if an invoice will add tax; otherwise empty.
    pub fn plus_tax(&self) -> &'static str {
        if self.adds_tax && !self.total.is_zero() { " plus tax" } else { "" }
    }

    pub fn planned_minutes(&self) -> i64 {
        (self.ends_at - self.starts_at).num_minutes()
    }

    /// A conflict if the ticket is closed or cancelled.
    pub fn must_be_open(&self) -> Result<()> {
        match self.state {
            TicketState::Closed => Err(Error::conflict("This ticket is closed and can't be changed any more.")),
            TicketState::Cancelled => Err(Error::conflict("This ticket is cancelled and can't be changed any more.")),
            TicketState::Scheduled | TicketState::InProgress => Ok(()),
        }
    }
}

/// A line of a ticket. Amounts are in the business's currency.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    pub id: LineId,
    pub ticket_id: TicketId,
    pub position: i32,
    pub service_id: Option<ServiceId>,
    pub kind: LineKind,
    pub description: String,
    pub quantity: Decimal,
    pub unit_price: Option<Decimal>,
    pub duration_minutes: i32,
    pub tax_rate_id: Option<TaxRateId>,
    pub total: Option<Decimal>,
    pub version: i32,
}

/// A member booked on a ticket.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Assignee {
    pub id: AssignmentId,
    pub member_id: MemberId,
    pub name: String,
    pub color: i32,
    pub is_override: bool,
}

/// A span of the visit clock.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ClockEntry {
    pub id: ClockId,
    pub ticket_id: TicketId,
    pub member_id: MemberId,
    pub member_name: String,
    pub clocked_in_at: DateTime<Utc>,
    pub clocked_out_at: Option<DateTime<Utc>>,
    pub device_offset_seconds: Option<i32>,
    pub sent_at: Option<DateTime<Utc>>,
    pub corrected_at: Option<DateTime<Utc>>,
    pub correction_reason: Option<String>,
    pub original_in_at: Option<DateTime<Utc>>,
    pub original_out_at: Option<DateTime<Utc>>,
    pub version: i32,
}

impl ClockEntry {
    /// The length in whole minutes; a running clock counts until `now`.
    pub fn minutes(&self, now: DateTime<Utc>) -> i64 {
        (self.clocked_out_at.unwrap_or(now) - self.clocked_in_at).num_minutes().max(0)
    }
}

/// A customer's answer, with its channel and the link or member it came through.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AnswerRow {
    pub id: AnswerId,
    pub answer: Confirmation,
    pub wish: String,
    pub channel: String,
    pub link_id: Option<LinkId>,
    pub member_id: Option<MemberId>,
    pub member_name: Option<String>,
    pub for_start: DateTime<Utc>,
    pub created_at: DateTime<Utc>,
}

/// The ticket. `NotFound` if it is unknown or belongs to another business.
pub async fn ticket(db: &mut PgConnection, id: TicketId) -> Result<Ticket> {
    find(db, id, None).await
}

/// The ticket, with a zero total if prices are hidden from the member. `NotFound` if they may not see it.
pub async fn visible_ticket(db: &mut PgConnection, who: &Who, id: TicketId) -> Result<Ticket> {
    let ticket = find(db, id, who.only_own_tickets()).await?;
    Ok(if who.sees_prices() { ticket } else { Ticket { total: Decimal::ZERO, ..ticket } })
}

/// Locks the ticket and reads it. `NotFound` if the member may not see it. Lock order everywhere: tickets first, technicians after.
pub async fn locked(db: &mut PgConnection, who: &Who, id: TicketId) -> Result<Ticket> {
    sqlx::query!("select id from tickets where id = $1 for update", id.0).fetch_optional(&mut *db).await?.ok_or(Error::NotFound)?;
    find(db, id, who.only_own_tickets()).await
}

async fn find(db: &mut PgConnection, id: TicketId, only: Option<MemberId>) -> Result<Ticket> {
    sqlx::query_as!(
        Ticket,
        r#"
        select t.id as "id: TicketId", t.number, t.contact_id as "contact_id: ContactId", c.name as contact_name, t.address_id as "address_id: AddressId",
               concat_ws(', ', nullif(concat_ws(' ', nullif(a.street, ''), nullif(a.unit, '')), ''), nullif(a.city, ''),
                         nullif(concat_ws(' ', nullif(a.region, ''), nullif(a.postal_code, '')), '')) as "address!",
               coalesce(a.access_notes, '') as "access_notes!", t.state as "state: TicketState", t.confirmation as "confirmation: Confirmation",
               t.starts_at, t.ends_at, t.time_zone, t.instructions, t.is_price_estimated, t.total, t.has_open_price,
               exists (select from ticket_lines l left join services s on s.org_id = l.org_id and s.id = l.service_id
                         join tax_rates r on r.org_id = l.org_id
                          and r.id = coalesce(l.tax_rate_id, s.tax_rate_id, (select d.id from tax_rates d where d.is_default and d.archived_at is null))
                        where l.ticket_id = t.id and r.percent > 0 and not r.is_inclusive) as "adds_tax!",
               t.sequence, t.override_reason,
               t.source, t.cancelled_at, t.cancel_reason, t.charge_note, t.closed_at, t.closed_by as "closed_by: MemberId", t.worked_minutes,
               t.settlement, t.version, t.created_at
          from tickets t
          join contacts c on c.org_id = t.org_id and c.id = t.contact_id
          left join addresses a on a.org_id = t.org_id and a.id = t.address_id
         where t.id = $1 and ($2::uuid is null or exists (select from assignments s where s.ticket_id = t.id and s.member_id = $2))
        "#,
        id.0,
        only.map(|m| m.0)
    )
    .fetch_optional(db)
    .await?
    .ok_or(Error::NotFound)
}

/// A ticket's lines by position.
pub async fn lines(db: &mut PgConnection, id: TicketId) -> Result<Vec<Line>> {
    let rows = sqlx::query_as!(
        Line,
        r#"select id as "id: LineId", ticket_id as "ticket_id: TicketId", position, service_id as "service_id: ServiceId", kind as "kind: LineKind",
                  description, quantity, unit_price, duration_minutes, tax_rate_id as "tax_rate_id: TaxRateId", total, version
             from ticket_lines where ticket_id = $1 order by position, id"#,
        id.0
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// A ticket's lines, without prices if they are hidden from the member.
pub async fn visible_lines(db: &mut PgConnection, who: &Who, id: TicketId) -> Result<Vec<Line>> {
    let mut rows = lines(db, id).await?;
    if !who.sees_prices() {
        for line in &mut rows {
            line.unit_price = None;
            line.total = None;
        }
    }
    Ok(rows)
}

/// The members booked on a ticket, by name.
pub async fn assignees(db: &mut PgConnection, id: TicketId) -> Result<Vec<Assignee>> {
    let rows = sqlx::query_as!(
        Assignee,
        r#"select a.id as "id: AssignmentId", a.member_id as "member_id: MemberId", m.name, m.color, a.is_override
             from assignments a join members m on m.org_id = a.org_id and m.id = a.member_id
            where a.ticket_id = $1 order by m.name, m.id"#,
        id.0
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// A ticket's clock entries, oldest first.
pub async fn clock(db: &mut PgConnection, id: TicketId) -> Result<Vec<ClockEntry>> {
    let rows = sqlx::query_as!(
        ClockEntry,
        r#"select c.id as "id: ClockId", c.ticket_id as "ticket_id: TicketId", c.member_id as "member_id: MemberId", m.name as member_name,
                  c.clocked_in_at, c.clocked_out_at, c.device_offset_seconds, c.sent_at, c.corrected_at, c.correction_reason,
                  c.original_in_at, c.original_out_at, c.version
             from clock_entries c join members m on m.org_id = c.org_id and m.id = c.member_id
            where c.ticket_id = $1 order by c.clocked_in_at, c.id"#,
        id.0
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// The customer's answers about a ticket, newest first.
pub async fn answers(db: &mut PgConnection, id: TicketId) -> Result<Vec<AnswerRow>> {
    let rows = sqlx::query_as!(
        AnswerRow,
        r#"select w.id as "id: AnswerId", w.answer as "answer: Confirmation", w.wish, w.channel, w.link_id as "link_id: LinkId",
                  w.member_id as "member_id: MemberId", m.name as "member_name?", w.for_start, w.created_at
             from ticket_answers w left join members m on m.org_id = w.org_id and m.id = w.member_id
            where w.ticket_id = $1 order by w.created_at desc, w.id desc"#,
        id.0
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}
