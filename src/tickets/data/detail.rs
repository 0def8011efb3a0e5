//! What a ticket's page and the booking form show beside the record, each in one query.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use super::{AnswerRow, Assignee, ClockEntry, Line, Ticket, history::Fact};
use crate::{
    platform::{
        error::{Error, Result},
        ids::{AddressId, ContactId, MemberId, ServiceId},
        role::Role,
        tenant::Who,
    },
    tickets::LineKind,
};

/// Everything around a ticket.
#[derive(Debug, Clone, Deserialize)]
pub struct Parts {
    pub lines: Vec<Line>,
    pub assignees: Vec<Assignee>,
    pub clock: Vec<ClockEntry>,
    /// Newest first.
    pub answers: Vec<AnswerRow>,
    pub phone: Option<String>,
    pub email: Option<String>,
    /// What is known for sure of the customer: pets, access, equipment.
    pub facts: Vec<Fact>,
    pub closed_by: Option<String>,
    pub invoice: Option<InvoiceRef>,
}

/// The live invoice made from the ticket.
#[derive(Debug, Clone, Deserialize)]
pub struct InvoiceRef {
    pub id: Uuid,
    pub number: Option<String>,
}

/// Lines, technicians, clock, answers and the customer's facts, as this member may see them.
pub async fn parts(db: &mut PgConnection, who: &Who, ticket: &Ticket) -> Result<Parts> {
    let row = sqlx::query_scalar!(
        r#"
        select jsonb_build_object(
          'lines', (select coalesce(jsonb_agg(jsonb_build_object('id', l.id, 'ticket_id', l.ticket_id, 'position', l.position, 'service_id', l.service_id,
                      'kind', l.kind, 'description', l.description, 'quantity', l.quantity::text, 'unit_price', case when $3 then l.unit_price::text end,
                      'duration_minutes', l.duration_minutes, 'tax_rate_id', l.tax_rate_id, 'total', case when $3 then l.total::text end)
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

/// What the booking form chooses from.
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

/// Customer, addresses, services and technicians for the booking form. `NotFound` for a customer this member may not see.
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
         where c.id = $1 and ($2::uuid is null or c.created_by = 'member:' || $2::text
               or exists (select from tickets t join assignments s on s.org_id = t.org_id and s.ticket_id = t.id where t.contact_id = c.id and s.member_id = $2))
        "#,
        contact.0,
        own(who),
        who.sees_prices()
    )
    .fetch_optional(db)
    .await?
    .ok_or(Error::NotFound)?;
    Ok(row.0)
}

/// A customer to choose, as the picker reads it.
#[derive(Debug, Clone, Serialize)]
pub struct Match {
    pub id: ContactId,
    pub label: String,
    /// Town, or phone.
    pub hint: String,
}

/// The first eight customers in whom every word occurs; without words, those of the latest tickets.
pub async fn customers(db: &mut PgConnection, who: &Who, search: &str) -> Result<Vec<Match>> {
    let words: Vec<String> = search.to_lowercase().split_whitespace().map(str::to_owned).collect();
    let rows = sqlx::query_as!(
        Match,
        r#"
        select c.id as "id: ContactId", c.name as label,
               coalesce((select nullif(concat_ws(', ', nullif(a.street, ''), nullif(a.city, '')), '') from addresses a
                          where a.contact_id = c.id and a.deleted_at is null order by a.is_primary desc, a.created_at limit 1),
                        (select p.typed from contact_phones p where p.contact_id = c.id order by p.position, p.id limit 1), '') as "hint!"
          from app.search_contacts($1, $2, 200) s
          join contacts c on c.id = s.contact_id and c.org_id = $1
         where $3::uuid is null or c.created_by = 'member:' || $3::text
            or exists (select from tickets t join assignments x on x.org_id = t.org_id and x.ticket_id = t.id where t.contact_id = c.id and x.member_id = $3)
         order by s.rank desc, lower(c.name), c.id limit 8
        "#,
        who.org.0,
        &words,
        own(who)
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// Agents book for customers of their own only.
fn own(who: &Who) -> Option<Uuid> {
    who.member.filter(|_| who.role == Some(Role::Agent)).map(|m| m.0)
}
