//! Relations that `include=` adds to tickets, with one query per relation for any number of tickets.

use std::collections::HashMap;

use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use platform::{error::Result, tenant::Who};

/// The names that `include=` accepts.
pub const INCLUDES: &[&str] = &["line_items", "assignments", "clock", "answers", "contact", "address", "audit_trail"];

/// The relation `what` (one of [`INCLUDES`]) of each ticket, as JSON. Amounts are decimal strings, null if hidden from the member.
pub async fn related(db: &mut PgConnection, who: &Who, what: &str, tickets: &[Uuid]) -> Result<HashMap<Uuid, Value>> {
    match what {
        "line_items" => lines(db, who, tickets).await,
        "assignments" => assignments(db, tickets).await,
        "clock" => clock(db, tickets).await,
        "answers" => answers(db, tickets).await,
        "contact" => contact(db, tickets).await,
        "address" => address(db, tickets).await,
        _ => audit_trail(db, who, tickets).await,
    }
}

async fn lines(db: &mut PgConnection, who: &Who, tickets: &[Uuid]) -> Result<HashMap<Uuid, Value>> {
    let rows = sqlx::query!(
        r#"select ticket_id, jsonb_agg(jsonb_build_object('id', id, 'service_id', service_id, 'kind', kind, 'description', description, 'position', position,
                    'quantity', quantity::text, 'unit_price', case when $2 then unit_price::text end, 'total', case when $2 then total::text end,
                    'duration_minutes', duration_minutes, 'tax_rate_id', tax_rate_id, 'version', version) order by position, id) as "json!"
             from ticket_lines where ticket_id = any ($1) group by ticket_id"#,
        tickets,
        who.sees_prices()
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|r| (r.ticket_id, r.json)).collect())
}

async fn assignments(db: &mut PgConnection, tickets: &[Uuid]) -> Result<HashMap<Uuid, Value>> {
    let rows = sqlx::query!(
        r#"select a.ticket_id, jsonb_agg(jsonb_build_object('id', a.id, 'member_id', a.member_id, 'name', m.name, 'is_override', a.is_override) order by m.name) as "json!"
             from assignments a join members m on m.org_id = a.org_id and m.id = a.member_id where a.ticket_id = any ($1) group by a.ticket_id"#,
        tickets
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|r| (r.ticket_id, r.json)).collect())
}

async fn clock(db: &mut PgConnection, tickets: &[Uuid]) -> Result<HashMap<Uuid, Value>> {
    let rows = sqlx::query!(
        r#"select c.ticket_id, jsonb_agg(to_jsonb(c) - array['org_id', 'created_by', 'updated_at'] || jsonb_build_object('member_name', m.name) order by c.clocked_in_at) as "json!"
             from clock_entries c join members m on m.org_id = c.org_id and m.id = c.member_id where c.ticket_id = any ($1) group by c.ticket_id"#,
        tickets
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|r| (r.ticket_id, r.json)).collect())
}

async fn answers(db: &mut PgConnection, tickets: &[Uuid]) -> Result<HashMap<Uuid, Value>> {
    let rows = sqlx::query!(
        r#"select w.ticket_id, jsonb_agg(to_jsonb(w) - array['org_id', 'created_by', 'updated_at', 'version'] || jsonb_build_object('member_name', m.name) order by w.created_at desc) as "json!"
             from ticket_answers w left join members m on m.org_id = w.org_id and m.id = w.member_id where w.ticket_id = any ($1) group by w.ticket_id"#,
        tickets
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|r| (r.ticket_id, r.json)).collect())
}

async fn contact(db: &mut PgConnection, tickets: &[Uuid]) -> Result<HashMap<Uuid, Value>> {
    let rows = sqlx::query!(
        r#"select t.id as ticket_id, jsonb_build_object('id', c.id, 'name', c.name, 'company', c.company, 'preferred_time', c.preferred_time,
                    'emails', array(select e.address from contact_emails e where e.contact_id = c.id order by e.position, e.id),
                    'phones', array(select p.typed from contact_phones p where p.contact_id = c.id order by p.position, p.id)) as "json!"
             from tickets t join contacts c on c.org_id = t.org_id and c.id = t.contact_id where t.id = any ($1)"#,
        tickets
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|r| (r.ticket_id, r.json)).collect())
}

async fn address(db: &mut PgConnection, tickets: &[Uuid]) -> Result<HashMap<Uuid, Value>> {
    let rows = sqlx::query!(
        r#"select t.id as ticket_id, to_jsonb(a) - array['org_id', 'created_by', 'updated_at'] as "json!"
             from tickets t join addresses a on a.org_id = t.org_id and a.id = t.address_id where t.id = any ($1)"#,
        tickets
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|r| (r.ticket_id, r.json)).collect())
}

/// Audit entries of the tickets and their parts. Removed parts are found by transaction: their removal also wrote an event about the
/// ticket. Changes of amounts are left out if prices are hidden from the member.
async fn audit_trail(db: &mut PgConnection, who: &Who, tickets: &[Uuid]) -> Result<HashMap<Uuid, Value>> {
    let rows = sqlx::query!(
        r#"
        with parts as (
          select id as ticket_id, id from tickets where id = any ($1)
          union select ticket_id, id from ticket_lines where ticket_id = any ($1)
          union select ticket_id, id from assignments where ticket_id = any ($1)
          union select ticket_id, id from clock_entries where ticket_id = any ($1)
          union select ticket_id, id from ticket_answers where ticket_id = any ($1)
          union select ticket_id, id from notes where ticket_id = any ($1)
          union select e.subject_id, a.record_id from events e join audit_entries a on a.org_id = e.org_id and a.xid = e.xid
                 where e.subject_id = any ($1) and a.op = 'delete' and a.table_name in ('ticket_lines', 'assignments', 'clock_entries', 'notes')
                   and a.changes -> 'ticket_id' ->> 0 = e.subject_id::text
        )
        select p.ticket_id as "ticket_id!", jsonb_agg(jsonb_build_object('at', a.at, 'table', a.table_name, 'record_id', a.record_id, 'op', a.op,
                 'actor', a.actor, 'action', a.action, 'source', a.source,
                 'changes', case when $2 then a.changes else a.changes - array['total', 'unit_price'] end) order by a.id) as "json!"
          from parts p join audit_entries a on a.record_id = p.id group by p.ticket_id"#,
        tickets,
        who.sees_prices()
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|r| (r.ticket_id, r.json)).collect())
}
