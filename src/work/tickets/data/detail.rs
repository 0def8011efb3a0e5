//! Related data of a ticket, and of the booking form in one query.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, types::Json};

use super::{AnswerRow, Assignee, ClockEntry, Line};
use crate::tickets::LineKind;
use customers::contacts::{self, search};
use platform::{
    error::{Error, Result},
    ids::{AddressId, ContactId, MemberId, ServiceId},
    tenant::Who,
};

/// Related data of a ticket. `views::ticket` reads it together with what other slices show on its page.
#[derive(Debug, Clone, Deserialize)]
pub struct Parts {
    pub lines: Vec<Line>,
    pub assignees: Vec<Assignee>,
    pub clock: Vec<ClockEntry>,
    /// Newest first.
    pub answers: Vec<AnswerRow>,
    /// Newest first.
    pub notes: Vec<NoteRow>,
    pub closed_by: Option<String>,
}

/// A note on the ticket.
#[derive(Debug, Clone, Deserialize)]
pub struct NoteRow {
    pub at: DateTime<Utc>,
    pub body: String,
    /// The member who wrote it; `None` for an imported note.
    pub by: Option<String>,
}

/// The choices of the booking form.
#[derive(Debug, Clone, Deserialize)]
pub struct Booking {
    pub contact: Customer,
    pub addresses: Vec<Place>,
    pub services: Vec<ServiceChoice>,
    pub technicians: Vec<super::Technician>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Customer {
    pub id: ContactId,
    pub name: String,
    pub is_archived: bool,
    pub preferred_time: Option<String>,
    pub preferred_member_id: Option<MemberId>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Place {
    pub id: AddressId,
    pub line: String,
    pub access_notes: String,
    pub time_zone: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct ServiceChoice {
    pub id: ServiceId,
    pub name: String,
    pub kind: LineKind,
    pub unit: String,
    pub price: Option<Decimal>,
    pub duration_minutes: i32,
}

/// Customer, addresses, services and technicians for the booking form. `NotFound` if the member may not see the customer.
pub async fn booking(db: &mut PgConnection, who: &Who, contact: ContactId) -> Result<Booking> {
    let row = sqlx::query_scalar!(
        r#"
        select jsonb_build_object(
          'contact', jsonb_build_object('id', c.id, 'name', c.name, 'is_archived', c.deleted_at is not null, 'preferred_time', c.preferred_time,
                      'preferred_member_id', c.preferred_member_id),
          'addresses', (select coalesce(jsonb_agg(jsonb_build_object('id', a.id, 'access_notes', a.access_notes, 'time_zone', a.time_zone,
                      'line', concat_ws(', ', nullif(concat_ws(' ', nullif(a.street, ''), nullif(a.unit, '')), ''), nullif(a.city, '')))
                      order by a.is_primary desc, a.created_at, a.id), '[]') from addresses a where a.contact_id = c.id and a.deleted_at is null),
          'services', (select coalesce(jsonb_agg(jsonb_build_object('id', s.id, 'name', s.name, 'kind', s.kind, 'unit', s.unit,
                      'price', case when $3 then s.price::text end, 'duration_minutes', s.duration_minutes) order by lower(s.name), s.id), '[]')
                      from services s where s.archived_at is null),
          'technicians', (select coalesce(jsonb_agg(jsonb_build_object('id', m.id, 'name', m.name, 'color', m.color) order by m.name, m.id), '[]')
                      from members m where m.is_technician and m.state = 'active')
        ) as "json!: Json<Booking>"
          from contacts c
         where c.id = $1 and ($2::uuid is null or app.is_own_contact(c.id, $2))
        "#,
        contact.0,
        contacts::data::only_own(who).map(|m| m.0),
        who.sees_prices()
    )
    .fetch_optional(db)
    .await?
    .ok_or(Error::NotFound)?;
    Ok(row.0)
}

/// A customer in the picker's list.
#[derive(Debug, Clone, Serialize)]
pub struct Match {
    pub id: ContactId,
    pub label: String,
    /// The town, or else the phone number.
    pub hint: String,
}

/// The first eight customers that `search` finds.
pub async fn customers(db: &mut PgConnection, who: &Who, search: &str) -> Result<Vec<Match>> {
    let asked = search::Asked { search: Some(search.to_owned()), limit: 8, ..search::Asked::default() };
    let found = search::find(db, who, &asked).await?;
    let hint = |r: &search::Row| r.town.clone().or_else(|| r.phone.clone()).unwrap_or_default();
    Ok(found.rows.into_iter().map(|r| Match { id: r.id, hint: hint(&r), label: r.name }).collect())
}
