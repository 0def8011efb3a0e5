//! Queries for close-outs.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use sqlx::PgConnection;

use super::{CloseoutState, Draft, DraftLine, filling::lines_mark};
use platform::{
    error::{Error, Result},
    ids::{CloseoutId, ContactId, MemberId, TicketId},
    query::{Listing, Params},
    tenant::{Read, Who},
};
use work::tickets::{self, data::Ticket};

/// One close-out, with its draft as last saved.
#[derive(Debug, Clone, Serialize)]
pub struct Closeout {
    pub id: CloseoutId,
    pub ticket_id: TicketId,
    pub member_id: MemberId,
    pub member_name: String,
    pub state: CloseoutState,
    pub step: String,
    pub draft: Draft,
    /// `none`, `asked`, `answered` or `failed`.
    pub model_state: String,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub completed_at: Option<DateTime<Utc>>,
    pub completed_by: Option<String>,
    /// The key of the filling session that saved the draft; `None` for a page without JavaScript.
    pub filling: Option<String>,
    /// How many times the draft was saved.
    pub saved: i32,
    pub saved_by: Option<MemberId>,
    pub saved_by_name: Option<String>,
}

/// The live (not abandoned) close-out of a ticket.
pub async fn live(db: &mut PgConnection, ticket: TicketId) -> Result<Option<Closeout>> {
    let row = sqlx::query!(
        r#"select c.id as "id: CloseoutId", c.ticket_id as "ticket_id: TicketId", c.member_id as "member_id: MemberId", m.name as member_name,
                  c.state as "state: CloseoutState", c.step, c.draft, c.model_state, c.version, c.created_at, c.updated_at, c.completed_at,
                  d.name as "completed_by?", c.filling, c.saved, c.saved_by as "saved_by: MemberId", s.name as "saved_by_name?"
             from closeouts c
             join members m on m.org_id = c.org_id and m.id = c.member_id
             left join members d on d.org_id = c.org_id and d.id = c.completed_by
             left join members s on s.org_id = c.org_id and s.id = c.saved_by
            where c.ticket_id = $1 and c.state <> 'abandoned'"#,
        ticket.0
    )
    .fetch_optional(db)
    .await?;
    row.map(|r| {
        Ok(Closeout {
            id: r.id,
            ticket_id: r.ticket_id,
            member_id: r.member_id,
            member_name: r.member_name,
            state: r.state,
            step: r.step,
            draft: serde_json::from_value(r.draft)?,
            model_state: r.model_state,
            version: r.version,
            created_at: r.created_at,
            updated_at: r.updated_at,
            completed_at: r.completed_at,
            completed_by: r.completed_by,
            filling: r.filling,
            saved: r.saved,
            saved_by: r.saved_by,
            saved_by_name: r.saved_by_name,
        })
    })
    .transpose()
}

/// The close-out of this id, unless it was abandoned.
pub async fn live_by_id(db: &mut PgConnection, id: CloseoutId) -> Result<Option<Closeout>> {
    let ticket = sqlx::query_scalar!(r#"select ticket_id as "id: TicketId" from closeouts where id = $1 and state <> 'abandoned'"#, id.0)
        .fetch_optional(&mut *db)
        .await?;
    match ticket {
        Some(ticket) => live(db, ticket).await,
        None => Ok(None),
    }
}

/// A half-done close-out, as the home page shows it.
#[derive(Debug, Clone, Serialize)]
pub struct HalfDone {
    pub ticket_id: TicketId,
    pub number: i64,
    pub contact_id: ContactId,
    pub contact: String,
    pub member: String,
    pub step: String,
    pub since: DateTime<Utc>,
}

/// Returns up to 20 close-outs neither completed nor abandoned, oldest first. A member who sees only own tickets gets
/// those that they began or whose ticket is assigned to them.
pub async fn half_done(db: &mut PgConnection, who: &Who) -> Result<Vec<HalfDone>> {
    Ok(sqlx::query_as!(
        HalfDone,
        r#"select t.id as "ticket_id: TicketId", t.number, k.id as "contact_id: ContactId", k.name as contact, m.name as member, c.step, c.created_at as since
             from closeouts c
             join tickets t on t.org_id = c.org_id and t.id = c.ticket_id
             join contacts k on k.org_id = t.org_id and k.id = t.contact_id
             join members m on m.org_id = c.org_id and m.id = c.member_id
            where c.state in ('open', 'reviewed') and t.state in ('scheduled', 'in_progress')
              and ($1::uuid is null or c.member_id = $1 or exists (select from assignments a where a.org_id = t.org_id and a.ticket_id = t.id and a.member_id = $1))
            order by c.created_at limit 20"#,
        who.only_own_tickets().map(|m| m.0)
    )
    .fetch_all(db)
    .await?)
}

/// `/api/data?type=closeouts`: the half-done ones, or the live one of `ticket_id`.
pub async fn list(read: &mut Read, params: &Params) -> Result<Listing> {
    if let Some(id) = params.id {
        let ticket =
            sqlx::query_scalar!(r#"select ticket_id as "t: TicketId" from closeouts where id = $1"#, id).fetch_optional(read.db()).await?;
        let closeout = one(read, ticket.ok_or(Error::NotFound)?).await?.filter(|c| c.id.0 == id).ok_or(Error::NotFound)?;
        return Ok(Listing { data: vec![serde_json::to_value(closeout)?], cursor: None });
    }
    let data: Vec<Value> = if let Some(ticket) = params.id_filter::<TicketId>("ticket_id")? {
        one(read, ticket).await?.into_iter().map(serde_json::to_value).collect::<Result<_, _>>()?
    } else {
        let who = read.who.clone();
        half_done(read.db(), &who).await?.into_iter().map(serde_json::to_value).collect::<Result<_, _>>()?
    };
    Ok(Listing { data, cursor: None })
}

async fn one(read: &mut Read, ticket: TicketId) -> Result<Option<Closeout>> {
    let who = read.who.clone();
    match work::tickets::data::visible_ticket(read.db(), &who, ticket).await {
        Ok(_) => live(read.db(), ticket).await,
        Err(Error::NotFound) => Ok(None),
        Err(e) => Err(e),
    }
}

/// Returns the wizard's initial draft: the clocked time and the ticket's lines.
pub async fn first_draft(db: &mut PgConnection, ticket: &Ticket, now: DateTime<Utc>) -> Result<Draft> {
    let clock = tickets::data::clock(db, ticket.id).await?;
    let minutes = tickets::clocked_minutes(&clock, now);
    let lines = tickets::data::lines(db, ticket.id).await?;
    let lines_seen = Some(lines_mark(&lines, ticket.is_price_estimated));
    let lines = lines
        .into_iter()
        .map(|l| DraftLine {
            id: Some(l.id),
            service_id: l.service_id,
            kind: l.kind,
            description: l.description,
            quantity: l.quantity,
            unit_price: l.unit_price,
            tax_rate_id: l.tax_rate_id,
        })
        .collect();
    let worked_minutes = (minutes > 0).then_some(minutes);
    Ok(Draft { worked_minutes, lines, prices_confirmed: !ticket.is_price_estimated, lines_seen, ..Draft::default() })
}

/// Returns the weeks between a customer's last two visits, from 1 to 104; half a year if there are fewer than two.
pub async fn usual_weeks(db: &mut PgConnection, contact: ContactId) -> Result<i64> {
    let starts = sqlx::query_scalar!(
        "select starts_at from tickets where contact_id = $1 and state <> 'cancelled' order by starts_at desc limit 2",
        contact.0
    )
    .fetch_all(db)
    .await?;
    let weeks = match starts.as_slice() {
        [last, before] => ((*last - *before).num_days() + 3) / 7,
        _ => 26,
    };
    Ok(weeks.clamp(1, 104))
}
