//! Past visits: the last one, and how long the same work took.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, types::Json};

use crate::tickets::median;
use customers::contacts::section::Fact;
use platform::{
    error::Result,
    ids::{AddressId, ContactId, ServiceId, TicketId},
};

/// The proposed duration if there is neither a past visit nor a service's duration.
const USUAL_MINUTES: i32 = 60;

/// The last closed visit, shown when booking the next.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LastTime {
    pub ticket_id: TicketId,
    pub number: i64,
    pub on: DateTime<Utc>,
    pub worked_minutes: Option<i32>,
    /// In the business's currency.
    pub total: Decimal,
    /// Technicians' names.
    pub by: String,
    /// The customer's confirmed attributes.
    pub facts: Vec<Fact>,
    /// `morning` or `afternoon`.
    pub preferred_time: Option<String>,
}

/// The contact's last closed ticket at `address` or without one (at any address if `None`). Tickets with one of `services` come first.
pub async fn last_time(
    db: &mut PgConnection,
    contact: ContactId,
    address: Option<AddressId>,
    services: &[ServiceId],
) -> Result<Option<LastTime>> {
    let services: Vec<_> = services.iter().map(|s| s.0).collect();
    let row = sqlx::query!(
        r#"
        select t.id as "id: TicketId", t.number, t.starts_at, t.worked_minutes, t.total, c.preferred_time,
               (select string_agg(m.name, ', ' order by m.name) from assignments a join members m on m.org_id = a.org_id and m.id = a.member_id
                 where a.ticket_id = t.id) as by,
               (select coalesce(jsonb_agg(jsonb_build_object('key', f.key, 'value', f.value) order by f.key), '[]') from attributes f
                 where f.contact_id = t.contact_id and f.state = 'confirmed') as "facts!: Json<Vec<Fact>>"
          from tickets t join contacts c on c.org_id = t.org_id and c.id = t.contact_id
         where t.contact_id = $1 and t.state = 'closed' and ($2::uuid is null or t.address_id = $2 or t.address_id is null)
         order by exists (select from ticket_lines l where l.ticket_id = t.id and l.service_id = any ($3)) desc, t.starts_at desc
         limit 1
        "#,
        contact.0,
        address.map(|a| a.0),
        &services
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|r| LastTime {
        ticket_id: r.id,
        number: r.number,
        on: r.starts_at,
        worked_minutes: r.worked_minutes,
        total: r.total,
        by: r.by.unwrap_or_default(),
        facts: r.facts.0,
        preferred_time: r.preferred_time,
    }))
}

/// The duration to propose, in minutes: the median of the last three closed visits for the same services at the same address, else the sum
/// of the services' durations, else 60.
pub async fn proposed_minutes(
    db: &mut PgConnection,
    contact: ContactId,
    address: Option<AddressId>,
    services: &[ServiceId],
) -> Result<i32> {
    let mut services: Vec<_> = services.iter().map(|s| s.0).collect();
    services.sort_unstable();
    services.dedup();
    let row = sqlx::query!(
        r#"
        select array(select t.worked_minutes from tickets t
                      where t.contact_id = $1 and t.state = 'closed' and t.worked_minutes > 0 and t.address_id is not distinct from $2
                        and array(select distinct l.service_id from ticket_lines l where l.ticket_id = t.id and l.service_id is not null
                                   order by l.service_id) = $3
                      order by t.starts_at desc limit 3) as "worked!",
               (select sum(s.duration_minutes)::int from services s where s.id = any ($3)) as usual
        "#,
        contact.0,
        address.map(|a| a.0),
        &services
    )
    .fetch_one(db)
    .await?;
    Ok(median(row.worked).or(row.usual.filter(|m| *m > 0)).unwrap_or(USUAL_MINUTES))
}
