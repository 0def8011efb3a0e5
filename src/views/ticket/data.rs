//! What a ticket's page joins.

use serde::Deserialize;
use sqlx::{PgConnection, types::Json};

use customers::contacts::section::Brief;
use money::invoices::section::OfVisit;
use platform::{error::Result, tenant::Who};
use work::tickets::data::{Parts, Ticket};

/// The sections of a ticket's page.
#[derive(Debug, Clone, Deserialize)]
pub struct Joined {
    pub visit: Parts,
    pub customer: Brief,
    pub invoice: Option<OfVisit>,
}

/// Reads what the page joins, in one query. Prices and the invoice are left out if prices are hidden from the member.
pub async fn joined(db: &mut PgConnection, who: &Who, ticket: &Ticket) -> Result<Joined> {
    let row = sqlx::query_scalar!(
        r#"
        select jsonb_build_object(
          'visit', jsonb_build_object(
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
            'notes', (select coalesce(jsonb_agg(jsonb_build_object('at', n.created_at, 'body', n.body, 'by', m.name) order by n.created_at desc, n.id desc), '[]')
                        from notes n left join members m on m.org_id = n.org_id and m.id = case when n.created_by ~ '^(member|model):' then split_part(n.created_by, ':', 2)::uuid end
                       where n.ticket_id = $1),
            'closed_by', (select m.name from members m where m.id = $4)),
          'customer', jsonb_build_object('id', $2::uuid,
            'phone', (select p.typed from contact_phones p where p.contact_id = $2 order by p.position, p.id limit 1),
            'email', (select e.address from contact_emails e where e.contact_id = $2 order by e.position, e.id limit 1),
            'facts', (select coalesce(jsonb_agg(jsonb_build_object('key', f.key, 'value', f.value) order by f.key), '[]')
                        from attributes f where f.contact_id = $2 and f.state = 'confirmed')),
          'invoice', (select jsonb_build_object('id', i.id, 'number', i.number) from invoices i where i.ticket_id = $1 and i.state <> 'void' and $3)
        ) as "json!: Json<Joined>"
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
