//! Reads of the home page: everything except the day's tickets in one query.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use platform::{
    error::{Error, FieldErrors, Result},
    ids::{ContactId, MessageId, NoticeId, TicketId},
    localtime::day_bounds,
    query::{Entry, Listing, Params},
    role::{Capability, May, Permission},
    tenant::{Read, Who},
};

/// A notice: something that a person must deal with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Notice {
    pub id: NoticeId,
    pub kind: String,
    pub subject_kind: String,
    pub subject_id: Uuid,
    pub body: String,
    pub created_at: DateTime<Utc>,
    pub resolved_at: Option<DateTime<Utc>>,
    pub resolved_by: Option<String>,
}

impl Notice {
    /// The path of the page on which to deal with it.
    pub fn href(&self) -> String {
        let id = self.subject_id;
        match self.subject_kind.as_str() {
            "ticket" => format!("/tickets/{id}"),
            "invoice" => format!("/invoices/{id}"),
            "message" => format!("/messages/{id}"),
            "contact" => format!("/contacts/{id}"),
            "payment" => format!("/payments/{id}"),
            "webhook_event" => "/settings/webhooks?state=failed".into(),
            "import" => format!("/imports/{id}"),
            _ => "/settings".into(),
        }
    }
}

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

/// One notice. `NotFound` if the member may not see it.
pub async fn notice(db: &mut PgConnection, who: &Who, id: NoticeId) -> Result<Notice> {
    let asked = Asked { id: Some(id), limit: 1, ..Asked::default() };
    list(db, who, &asked).await?.into_iter().next().ok_or(Error::NotFound)
}

/// The filter and cursor of a list of notices; `None` does not filter.
#[derive(Debug, Default)]
pub struct Asked<'a> {
    pub id: Option<NoticeId>,
    /// True for open notices, false for resolved ones.
    pub open: Option<bool>,
    pub kind: Option<&'a str>,
    /// Text to find in the notice's body.
    pub search: Option<&'a str>,
    pub after: Option<(DateTime<Utc>, Uuid)>,
    pub limit: i64,
}

/// At most `limit` notices that the member may see, newest first.
pub async fn list(db: &mut PgConnection, who: &Who, asked: &Asked<'_>) -> Result<Vec<Notice>> {
    let (at, last) = asked.after.map_or((None, None), |(at, id)| (Some(at), Some(id)));
    let rows = sqlx::query_as!(
        Notice,
        r#"
        select n.id as "id: NoticeId", n.kind, n.subject_kind, n.subject_id, n.body, n.created_at, n.resolved_at, n.resolved_by
          from notices n
         where ($1::uuid is null or n.id = $1) and ($2::bool is null or (n.resolved_at is null) = $2) and ($3::text is null or n.kind = $3)
           and ($4::uuid is null or exists (select from assignments a where a.ticket_id = n.subject_id and a.member_id = $4))
           and ($5::timestamptz is null or (n.created_at, n.id) < ($5, $6::uuid)) and ($8::text is null or strpos(lower(n.body), lower($8)) > 0)
         order by n.created_at desc, n.id desc limit $7
        "#,
        asked.id.map(|i| i.0),
        asked.open,
        asked.kind,
        who.only_own_tickets().map(|m| m.0),
        at,
        last,
        asked.limit,
        asked.search
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// `/api/data?type=notices`: open ones by default; `state=open|resolved|all`.
pub fn notices_query() -> Entry {
    Entry {
        name: "notices",
        needs: Permission::ReadRecords,
        capability: None,
        filters: &["state", "kind"],
        includes: &[],
        run: |read, params| Box::pin(notices(read, params)),
    }
}

async fn notices(read: &mut Read, params: &Params) -> Result<Listing> {
    let who = read.who.clone();
    let open = match (params.filter("state"), params.id) {
        (None, Some(_)) | (Some("all"), _) => None,
        (None | Some("open"), _) => Some(true),
        (Some("resolved"), _) => Some(false),
        _ => return Err(FieldErrors::one("state", "The state is open, resolved or all.")),
    };
    let asked = Asked {
        id: params.id.map(NoticeId),
        open,
        kind: params.filter("kind"),
        search: params.search.as_deref(),
        after: params.after()?,
        limit: params.limit + 1,
    };
    let rows = list(read.db(), &who, &asked).await?;
    Listing::page(rows, params.limit, |n| (n.created_at, n.id.0))
}
