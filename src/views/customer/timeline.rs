//! A contact's timeline: the events of every slice and the contact's notes, newest first, paged by cursor.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use platform::{
    error::Result,
    ids::ContactId,
    money::Currency,
    query::next_cursor,
    role::{Capability, Permission},
    tenant::Who,
};
use ui::format::sentence;

/// One entry of the timeline.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    pub at: DateTime<Utc>,
    /// The event's name; "note" for a note.
    pub kind: String,
    pub subject_kind: String,
    pub subject_id: Uuid,
    /// The event in words: "Ticket T-1042 moved".
    pub words: String,
    /// A note's text.
    pub body: Option<String>,
    /// The actor in words: a name, "customer", "import" or "Rounds".
    pub by: String,
    pub is_model: bool,
    /// The path of the record's page.
    #[serde(skip)]
    pub href: Option<String>,
    #[serde(skip)]
    key: String,
}

struct Raw {
    at: DateTime<Utc>,
    key: String,
    name: String,
    subject_kind: String,
    subject_id: Uuid,
    actor: String,
    by: Option<String>,
    payload: Value,
    number: Option<String>,
    body: Option<String>,
}

/// Returns one page and the cursor of the next. A member who sees only own tickets sees no entries of other tickets;
/// a member who may not read money or see prices sees no entries of invoices, payments and refunds.
pub async fn page(
    db: &mut PgConnection,
    who: &Who,
    contact: ContactId,
    after: Option<(DateTime<Utc>, String)>,
    limit: i64,
) -> Result<(Vec<Entry>, Option<String>)> {
    let (at, key) = after.unzip();
    let shows_money = who.can(Permission::ReadMoney) && who.sees_prices() && who.has(Capability::Invoices);
    let raw = sqlx::query_as!(
        Raw,
        r#"
        with stream as (
            select e.org_id, e.at, 'e' || lpad(e.id::text, 19, '0') as key, e.name, e.subject_kind, e.subject_id, e.actor, e.payload, null::text as body
              from events e
             where e.contact_id = $1 and e.name not in ('note.created', 'ticket.line_updated', 'invoice.viewed')
               and ($5 or e.subject_kind not in ('invoice', 'payment', 'refund'))
               and ($6::uuid is null or e.subject_kind <> 'ticket' or exists (select from assignments a where a.ticket_id = e.subject_id and a.member_id = $6))
            union all
            select n.org_id, n.created_at, 'n' || n.id::text, 'note', case when n.ticket_id is null then 'contact' else 'ticket' end,
                   coalesce(n.ticket_id, n.contact_id), n.created_by, '{}', n.body
              from notes n
             where n.contact_id = $1
               and ($6::uuid is null or n.ticket_id is null or exists (select from assignments a where a.ticket_id = n.ticket_id and a.member_id = $6))
            union all
            -- work done before this business came here has a ticket, and no event of ours
            select t.org_id, coalesce(t.closed_at, t.starts_at), 't' || t.id::text, 'ticket.imported', 'ticket', t.id, t.created_by, '{}', null
              from tickets t
             where t.contact_id = $1 and t.import_id is not null
               and ($6::uuid is null or exists (select from assignments a where a.ticket_id = t.id and a.member_id = $6))
        )
        select s.at as "at!", s.key as "key!", s.name as "name!", s.subject_kind as "subject_kind!", s.subject_id as "subject_id!", s.actor as "actor!",
               m.name as "by?", s.payload as "payload!", s.body as "body?",
               case s.subject_kind when 'ticket' then (select 'T-' || t.number from tickets t where t.org_id = s.org_id and t.id = s.subject_id)
                                   when 'invoice' then (select i.number from invoices i where i.org_id = s.org_id and i.id = s.subject_id) end as "number?"
          from stream s
          left join members m on m.org_id = s.org_id and m.id = case when s.actor ~ '^(member|model):' then split_part(s.actor, ':', 2)::uuid end
         where $2::timestamptz is null or (s.at, s.key) < ($2, $3)
         order by s.at desc, s.key desc limit $4
        "#,
        contact.0,
        at,
        key,
        limit + 1,
        shows_money,
        who.only_own_tickets().map(|m| m.0)
    )
    .fetch_all(db)
    .await?;
    let mut entries: Vec<Entry> = raw.into_iter().map(|r| r.entry(who)).collect();
    let cursor = next_cursor(&mut entries, limit, |e| (e.at, e.key.clone()))?;
    Ok((entries, cursor))
}

impl Raw {
    fn entry(self, who: &Who) -> Entry {
        let is_model = self.actor.starts_with("model:");
        let by = match (&self.by, self.actor.split(':').next().unwrap_or_default()) {
            (Some(name), "model") => format!("{name} (model)"),
            (Some(name), _) => name.clone(),
            (None, "link") => "customer".into(),
            (None, "import") => "import".into(),
            (None, "member" | "model") => "a former member".into(),
            (None, _) => "Rounds".into(),
        };
        let href = match self.subject_kind.as_str() {
            "ticket" if who.has(Capability::Scheduling) => Some(format!("/tickets/{}", self.subject_id)),
            "invoice" => Some(format!("/invoices/{}", self.subject_id)),
            "message" => Some(format!("/messages/{}", self.subject_id)),
            _ => None,
        };
        let words = words(&self.name, self.number.as_deref(), &self.payload, who);
        Entry {
            at: self.at,
            kind: self.name,
            subject_kind: self.subject_kind,
            subject_id: self.subject_id,
            words,
            body: self.body,
            by,
            is_model,
            href,
            key: self.key,
        }
    }
}

/// Describes an event in words, with the details of its payload: a fact, an address, an amount.
fn words(name: &str, number: Option<&str>, payload: &Value, who: &Who) -> String {
    let text = |field: &str| payload[field].as_str().unwrap_or_default();
    let head = match name {
        "note" => return if number.is_some() { "Note of the visit".into() } else { "Note".into() },
        "contact.created" => "Customer added".to_owned(),
        "contact.updated" => "Details changed".to_owned(),
        "contact.archived" => "Archived".to_owned(),
        "contact.restored" => "Restored".to_owned(),
        "contact.duplicate_dismissed" => "Marked as a different person".to_owned(),
        "attribute.confirmed" | "attribute.proposed" | "attribute.dropped" => {
            let verb = name.split('.').next_back().unwrap_or_default();
            return format!("{} {verb}: {}", sentence(text("key")), text("value"));
        }
        "address.created" | "address.updated" | "address.archived" => return format!("{}: {}", sentence(name), text("address")),
        "ticket.imported" => "Visit, imported".to_owned(),
        "ticket.asked" => return number.map_or("Asked to confirm".into(), |n| format!("Asked to confirm {n}")),
        "message.by_hand" => return "Reach out due: call or text".into(),
        "message.done" => return "Reached out by phone or text".into(),
        "message.sent" | "message.failed" | "message.scheduled" | "message.cancelled" if !text("kind").is_empty() => {
            return format!("{}: {}", sentence(name), text("kind").replace('_', " "));
        }
        _ => match (number, name.split_once('.')) {
            (Some(number), Some((subject, verb))) => format!("{} {number} {}", sentence(subject), verb.replace('_', " ")),
            _ => sentence(name),
        },
    };
    let head = if name == "ticket.imported" { number.map_or(head.clone(), |n| format!("{head}: {n}")) } else { head };
    match amount(payload, who) {
        Some(amount) => format!("{head}, {amount}"),
        None => head,
    }
}

fn amount(payload: &Value, who: &Who) -> Option<String> {
    let amount = payload["amount"].as_str()?.parse().ok()?;
    let currency = match payload["currency"].as_str() {
        Some(code) => Currency::from_code(code)?,
        None => who.currency,
    };
    who.sees_prices().then(|| currency.format(amount))
}
