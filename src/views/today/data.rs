//! Reads of the home page: everything except the day's tickets in one query.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::Deserialize;
use sqlx::{PgConnection, types::Json};

use flows::attention::data::Notice;
use platform::{
    error::Result,
    ids::{ContactId, MessageId, TicketId},
    localtime::day_bounds,
    role::{Capability, May, Permission},
    tenant::Who,
};

/// A close-out that was started but not completed.
#[derive(Debug, Clone, Deserialize)]
pub struct HalfDone {
    pub ticket_id: TicketId,
    pub number: i64,
    pub contact: String,
    pub member: String,
    pub since: DateTime<Utc>,
}

/// A message that failed, bounced, or may not have been sent (`in_doubt`).
#[derive(Debug, Clone, Deserialize)]
pub struct Trouble {
    pub id: MessageId,
    pub contact: Option<String>,
    pub error: Option<String>,
    pub in_doubt: bool,
}

/// A message to a customer without email, with the text and phone number for contacting them by hand.
#[derive(Debug, Clone, Deserialize)]
pub struct ByHand {
    pub id: MessageId,
    pub contact_id: ContactId,
    pub contact: String,
    pub phone: Option<String>,
    pub text: String,
    pub send_at: DateTime<Utc>,
}

/// A job that has used up its attempts.
#[derive(Debug, Clone, Deserialize)]
pub struct GivenUp {
    pub id: i64,
    pub task: String,
    pub failed_at: DateTime<Utc>,
}

/// A count and a total in the business's currency.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub struct Sum {
    pub count: i64,
    pub total: Decimal,
}

/// The home page's data besides the day's tickets. Parts that the member may not see are empty or zero.
#[derive(Debug, Clone, Deserialize)]
pub struct Summary {
    pub notices: Vec<Notice>,
    pub half_done: Vec<HalfDone>,
    pub messages: Vec<Trouble>,
    pub by_hand: Vec<ByHand>,
    pub jobs: Vec<GivenUp>,
    pub unpaid: Sum,
    pub overdue: Sum,
    pub paid_today: Sum,
}

/// Not checked at compile time: the job queue creates its tables with its own migrations, after ours.
const SUMMARY: &str = concat!(
    r"
    select jsonb_build_object(
      'notices', (select coalesce(jsonb_agg(to_jsonb(n) order by n.created_at desc, n.id desc), '[]') from (
          select n.id, n.kind, n.subject_kind, n.subject_id, n.body, n.created_at, n.resolved_at, n.resolved_by from notices n
           where n.resolved_at is null
             and ($1::uuid is null or exists (select from assignments a where a.ticket_id = n.subject_id and a.member_id = $1))
           order by n.created_at desc, n.id desc limit 20) n),
      'half_done', (select coalesce(jsonb_agg(jsonb_build_object('ticket_id', t.id, 'number', t.number, 'contact', k.name, 'member', m.name,
                    'since', c.created_at) order by c.created_at), '[]')
          from closeouts c
          join tickets t on t.org_id = c.org_id and t.id = c.ticket_id
          join contacts k on k.org_id = t.org_id and k.id = t.contact_id
          join members m on m.org_id = c.org_id and m.id = c.member_id
         where c.state in ('open', 'reviewed') and t.state in ('scheduled', 'in_progress')
           and ($1::uuid is null or c.member_id = $1 or exists (select from assignments a where a.ticket_id = t.id and a.member_id = $1))),
      'messages', (select coalesce(jsonb_agg(jsonb_build_object('id', x.id, 'contact', k.name, 'error', x.error, 'in_doubt', x.state = 'in_doubt')
                    order by x.created_at desc), '[]')
          from (select * from messages where state in ('failed', 'in_doubt', 'bounced') order by created_at desc limit 10) x
          left join contacts k on k.org_id = x.org_id and k.id = x.contact_id where $2),
      'by_hand', (select coalesce(jsonb_agg(jsonb_build_object('id', x.id, 'contact_id', k.id, 'contact', k.name, 'send_at', x.send_at,
                    'text', coalesce(x.rendered_text, ''), 'phone', (select p.typed from contact_phones p
                        where p.org_id = k.org_id and p.contact_id = k.id order by p.position, p.id limit 1)) order by x.send_at, x.id), '[]')
          from (select * from messages where state = 'by_hand' order by send_at, id limit 20) x
          join contacts k on k.org_id = x.org_id and k.id = x.contact_id where $3),
      'jobs', (select coalesce(jsonb_agg(jsonb_build_object('id', j.id, 'task', t.identifier, 'failed_at', j.updated_at) order by j.updated_at desc), '[]')
          from graphile_worker._private_jobs j join graphile_worker._private_tasks t on t.id = j.task_id
         where $3 and j.payload ->> 'org' = app.org()::text and ",
    platform::given_up!(),
    r"),
      'unpaid', (select jsonb_build_object('count', count(*), 'total', coalesce(sum(total - paid), 0)::text) from invoices
                  where $4 and state in ('issued', 'sent', 'partially_paid')),
      'overdue', (select jsonb_build_object('count', count(*), 'total', coalesce(sum(total - paid), 0)::text) from invoices
                  where $4 and state in ('issued', 'sent', 'partially_paid') and due_date < $5),
      'paid_today', (select jsonb_build_object('count', count(*), 'total', coalesce(sum(amount + tip), 0)::text) from payments
                  where $4 and state = 'succeeded' and received_at >= $6 and received_at < $7))"
);

/// Whether the member sees totals of invoices and payments.
pub fn sees_money(who: &Who) -> bool {
    who.has(Capability::Invoices) && who.may(Permission::ReadMoney) == May::Yes && who.sees_prices()
}

/// Reads the summary in one query.
pub async fn summary(db: &mut PgConnection, who: &Who) -> Result<Summary> {
    let today: NaiveDate = who.today();
    let (from, to) = day_bounds(today, who.zone);
    let row: Json<Summary> = sqlx::query_scalar(SUMMARY)
        .bind(who.only_own_tickets().map(|m| m.0))
        .bind(who.may(Permission::ReadRecords) == May::Yes)
        .bind(who.can(Permission::ManageSettings))
        .bind(sees_money(who))
        .bind(today)
        .bind(from)
        .bind(to)
        .fetch_one(db)
        .await?;
    Ok(row.0)
}
