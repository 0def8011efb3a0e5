//! Tickets of a time span with everything that a day's list or a calendar block shows, in one query.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, types::Json};

use crate::tickets::{Confirmation, TicketState};
use platform::{
    error::Result,
    ids::{ContactId, MemberId, TicketId},
    localtime::day_bounds,
    tenant::Who,
};

/// A ticket as the day's list and the calendar show it. Times are UTC; `total` is zero if prices are hidden.
#[derive(Debug, Clone, Serialize)]
pub struct DayTicket {
    pub id: TicketId,
    pub number: i64,
    pub contact_id: ContactId,
    pub name: String,
    pub street: String,
    pub city: String,
    pub access_notes: String,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    pub time_zone: String,
    pub state: TicketState,
    pub confirmation: Confirmation,
    pub total: Decimal,
    pub has_open_price: bool,
    pub is_price_estimated: bool,
    pub technicians: Vec<Technician>,
    pub running_since: Option<DateTime<Utc>>,
    pub services: String,
    pub instructions: String,
    pub phone: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Technician {
    pub id: MemberId,
    pub name: String,
    pub color: i32,
}

/// Tickets that overlap the day `date` in the business's zone, without cancelled ones, by start.
pub async fn day(db: &mut PgConnection, who: &Who, date: NaiveDate) -> Result<Vec<DayTicket>> {
    let (from, to) = day_bounds(date, who.zone);
    span(db, who, from, to, None).await
}

/// At most 2,000 tickets that overlap `from..to`, without cancelled ones, by start: those of `technician`, or all that the member may see.
pub async fn span(
    db: &mut PgConnection,
    who: &Who,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    technician: Option<MemberId>,
) -> Result<Vec<DayTicket>> {
    // Members are read once, not per ticket: Postgres scans so small a table whole, including other businesses' rows.
    // The filter by technician is a scalar subquery, run per ticket of the span: an EXISTS would hash all assignments of a technician.
    let rows = sqlx::query!(
        r#"
        with crew as materialized (select id, name, color from members)
        select t.id as "id: TicketId", t.number, t.contact_id as "contact_id: ContactId", c.name,
               concat_ws(' ', nullif(a.street, ''), nullif(a.unit, '')) as "street!", coalesce(a.city, '') as "city!",
               coalesce(a.access_notes, '') as "access_notes!", t.starts_at, t.ends_at, t.time_zone, t.state as "state: TicketState",
               t.confirmation as "confirmation: Confirmation", t.total, t.has_open_price, t.is_price_estimated, t.instructions,
               (select coalesce(jsonb_agg(jsonb_build_object('id', m.id, 'name', m.name, 'color', m.color) order by m.name, m.id), '[]')
                  from assignments s join crew m on m.id = s.member_id where s.ticket_id = t.id) as "technicians!: Json<Vec<Technician>>",
               (select min(k.clocked_in_at) from clock_entries k where k.ticket_id = t.id and k.clocked_out_at is null) as running_since,
               (select coalesce(string_agg(l.description, ', ' order by l.position, l.id), '') from ticket_lines l where l.ticket_id = t.id) as "services!",
               (select p.typed from contact_phones p where p.contact_id = t.contact_id order by p.position, p.id limit 1) as phone
          from tickets t
          join contacts c on c.org_id = t.org_id and c.id = t.contact_id
          left join addresses a on a.org_id = t.org_id and a.id = t.address_id
         where t.starts_at < $2 and t.starts_at > $1::timestamptz - interval '7 days' and t.ends_at > $1 and t.state <> 'cancelled'
           and ($3::uuid is null or (select true from assignments s where s.ticket_id = t.id and s.member_id = $3 limit 1))
           and ($4::uuid is null or (select true from assignments s where s.ticket_id = t.id and s.member_id = $4 limit 1))
         order by t.starts_at, t.id
         limit 2000
        "#,
        from,
        to,
        who.only_own_tickets().map(|m| m.0),
        technician.map(|m| m.0)
    )
    .fetch_all(db)
    .await?;
    let shown = who.sees_prices();
    Ok(rows
        .into_iter()
        .map(|r| DayTicket {
            id: r.id,
            number: r.number,
            contact_id: r.contact_id,
            name: r.name,
            street: r.street,
            city: r.city,
            access_notes: r.access_notes,
            starts_at: r.starts_at,
            ends_at: r.ends_at,
            time_zone: r.time_zone,
            state: r.state,
            confirmation: r.confirmation,
            total: if shown { r.total } else { Decimal::ZERO },
            has_open_price: r.has_open_price,
            is_price_estimated: r.is_price_estimated,
            technicians: r.technicians.0,
            running_since: r.running_since,
            services: r.services,
            instructions: r.instructions,
            phone: r.phone,
        })
        .collect())
}

/// Active technicians, by name.
pub async fn technicians(db: &mut PgConnection) -> Result<Vec<Technician>> {
    let rows = sqlx::query_as!(
        Technician,
        r#"select id as "id: MemberId", name, color from members where is_technician and state = 'active' order by name, id"#
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}
