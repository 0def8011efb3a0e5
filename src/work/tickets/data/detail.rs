//! Related data of a ticket's page and of the booking form, each in one query.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use super::{AnswerRow, Assignee, ClockEntry, Line, Ticket, history::Fact};
use crate::tickets::LineKind;
use customers::contacts::{self, search};
use platform::{
    error::{Error, Result},
    ids::{AddressId, ContactId, MemberId, ServiceId},
    tenant::Who,
};

/// Related data of a ticket's page.
#[derive(Debug, Clone, Deserialize)]
pub struct Parts {
    pub lines: Vec<Line>,
    pub assignees: Vec<Assignee>,
    pub clock: Vec<ClockEntry>,
    /// Newest first.
    pub answers: Vec<AnswerRow>,
    pub phone: Option<String>,
    pub email: Option<String>,
    /// The customer's confirmed attributes: pets, access, equipment.
    pub facts: Vec<Fact>,
    /// Newest first.
    pub notes: Vec<NoteRow>,
    pub closed_by: Option<String>,
    pub invoice: Option<InvoiceRef>,
}

/// A note on the ticket.
#[derive(Debug, Clone, Deserialize)]
pub struct NoteRow {
    pub at: DateTime<Utc>,
    pub body: String,
    /// The member who wrote it; `None` for an imported note.
    pub by: Option<String>,
}

/// The ticket's invoice that is not void.
#[derive(Debug, Clone, Deserialize)]
pub struct InvoiceRef {
    pub id: Uuid,
    pub number: Option<String>,
}

/// Related data of a ticket's page. Prices and the invoice are left out if prices are hidden from the member.
pub async fn parts(db: &mut PgConnection, who: &Who, ticket: &Ticket) -> Result<Parts> {
    let row = sqlx::query_scalar!(
        r#"
        select jsonb_build_object(
          'lines', (select coalesce(jsonb_agg(jsonb_build_object('id', l.id, 'ticket_id', l.ticket_id, 'position', l.position, 'service_id', l.service_id,
                      'kind', l.kind, 'description', l.description, 'quantity', l.quantity::text, 'unit_price', case when $3 then l.unit_price::text end,
                      'duration_minutes', l.duration_minutes, 'tax_rate_id', l.tax_rate_id, 'version', l.version, 'total', case when $3 then l.total::text end)
                      order by l.position, l.id), '[]') from ticket_lines l where l.ticket_id = $1),
          'assignees', (select coalesce(jsonb_agg(jsonb_build_object('id', a.id, 'member_id', a.member_id, 'name', m.name, 'color', m.color,
                      'is_override', a.is_override) order by m.name, m.id), '[]')
                      from assignments a join members m on m.org_id = a.org_id and m.id = a.member_id where a.ticket_id = $1),
          'clock', (select coalesce(jsonb_agg(to_jsonb(c) || jsonb_build_object('member_name', m.name) order by c.clocked_in_at, c.id), '[]')
                      from clock_entries c join members m on m.org_id = c.org_id and m.id = c.member_id where c.ticket_id = $1),
          'answers', (select coalesce(jsonb_agg(to_jsonb(w) || jsonb_build_object('member_name', m.name) order by w.created_at desc, w.id desc), '[]')
                      from ticket_answers w left join members m on m.org_id = w.org_id and m.id = w.member_id where w.ticket_id = $1),
          'phone', (select p.typed from contact_phones p where p.contact_id = $2 order by p.position, p.id limit 1),
          'email', (select e.address from contact_emails e where e.contact_id = $2 order by e.position, e.id limit 1),
          'facts', (select coalesce(jsonb_agg(jsonb_build_object('key', f.key, 'value', f.value) order by f.key), '[]')
                      from attributes f where f.contact_id = $2 and f.state = 'confirmed'),
          'notes', (select coalesce(jsonb_agg(jsonb_build_object('at', n.created_at, 'body', n.body, 'by', m.name) order by n.created_at desc, n.id desc), '[]')
                      from notes n left join members m on m.org_id = n.org_id and m.id = case when n.created_by ~ '^(member|model):' then split_part(n.created_by, ':', 2)::uuid end
                     where n.ticket_id = $1),
          'closed_by', (select m.name from members m where m.id = $4),
          'invoice', (select jsonb_build_object('id', i.id, 'number', i.number) from invoices i where i.ticket_id = $1 and i.state <> 'void' and $3)
        ) as "json!: Json<Parts>"
        "#,
        ticket.id.0,
        ticket.contact_id.0,
        who.sees_prices(),
        ticket.closed_by.map(|m| m.0)
    )
    .fetch_one(db)
    .await?;
    Ok(row.0)
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
