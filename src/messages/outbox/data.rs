//! Queries for messages and their templates.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Channel, MessageKind, MessageState, templates};
use platform::{
    error::{Error, FieldErrors, Result},
    ids::{ContactId, MemberId, MessageId},
    localtime,
    query::{self, Listing, Params},
    role::Permission,
    tenant::{Read, Who},
};

/// A message as lists show it.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    pub id: MessageId,
    pub kind: MessageKind,
    pub state: MessageState,
    pub contact_id: Option<ContactId>,
    pub contact_name: Option<String>,
    pub to_address: Option<String>,
    /// How it is sent; for a waiting message, by whether the contact has an email address now.
    pub channel: Channel,
    pub subject_kind: String,
    pub subject_id: Uuid,
    /// The subject as sent, else the custom subject of this message.
    pub subject: Option<String>,
    pub send_at: DateTime<Utc>,
    pub sent_at: Option<DateTime<Utc>>,
    pub attempts: i32,
    pub error: Option<String>,
    pub version: i32,
}

/// A message with its custom and its rendered text.
#[derive(Debug, Clone, Serialize)]
pub struct Message {
    #[serde(flatten)]
    pub row: Row,
    pub custom_subject: Option<String>,
    pub custom_body: Option<String>,
    pub rendered_subject: Option<String>,
    pub rendered_text: Option<String>,
    pub expires_at: Option<DateTime<Utc>>,
    pub consent_basis: Option<String>,
    pub sequence: Option<i32>,
    pub created_at: DateTime<Utc>,
    pub created_by: String,
}

/// The filters of the message list.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Empty for all states.
    pub states: Vec<MessageState>,
    pub kind: Option<MessageKind>,
    pub contact: Option<ContactId>,
    /// The ticket, invoice or other record that the messages are about.
    pub subject: Option<Uuid>,
    /// Bounds of `send_at`: `from` is included, `until` excluded.
    pub from: Option<DateTime<Utc>>,
    pub until: Option<DateTime<Utc>>,
    /// Text to find in subject, body, address or the customer's name.
    pub search: Option<String>,
}

/// Returns the states of a filter: "pending", "trouble", "done" or one state's own name. The list is empty for all states,
/// `None` if the name is unknown.
pub fn states_of(name: &str) -> Option<Vec<MessageState>> {
    use MessageState as S;
    match name {
        "pending" => Some(vec![S::Draft, S::Queued, S::Sending, S::ByHand]),
        "trouble" => Some(vec![S::Failed, S::InDoubt, S::Bounced, S::Complained]),
        "done" => Some(vec![S::Sent, S::Delivered, S::Told]),
        "" | "all" => Some(vec![]),
        other => MessageState::of_name(other).map(|s| vec![s]),
    }
}

/// The cursor of a page: whether its last row is in trouble, and that row's `send_at` and id.
type Place = (bool, DateTime<Utc>, Uuid);

/// Returns one page of messages: those in trouble first, then the latest first. Reads `limit + 1` rows: the extra row shows that there
/// is a next page.
pub async fn list(db: &mut PgConnection, who: &Who, filter: &Filter, after: Option<Place>, limit: i64) -> Result<Vec<Row>> {
    let states: Vec<String> = filter.states.iter().map(|s| s.name().to_owned()).collect();
    let search = filter.search.as_deref().map(like);
    let (after_trouble, after_at, after_id) = after.map_or((None, None, None), |(t, at, id)| (Some(t), Some(at), Some(id)));
    Ok(sqlx::query_as!(
        Row,
        r#"
        select m.id as "id: MessageId", m.kind as "kind: MessageKind", m.state as "state: MessageState", m.contact_id as "contact_id: ContactId",
               c.name as "contact_name?", m.to_address, m.subject_kind, m.subject_id,
               case when m.state in ('by_hand', 'told')
                      or (m.kind = 'reach_out' and m.state in ('draft', 'queued') and m.to_address is null
                          and not exists (select from contact_emails e where e.org_id = m.org_id and e.contact_id = m.contact_id))
                    then 'phone' else 'email' end as "channel!: Channel",
               coalesce(m.rendered_subject, m.custom_subject) as subject,
               m.send_at, m.sent_at, m.attempts, m.error, m.version
          from messages m
          left join contacts c on c.org_id = m.org_id and c.id = m.contact_id
         where (cardinality($1::text[]) = 0 or m.state::text = any ($1))
           and ($2::message_kind is null or m.kind = $2)
           and ($3::uuid is null or m.contact_id = $3)
           and ($4::uuid is null or m.subject_id = $4)
           and ($5::timestamptz is null or m.send_at >= $5)
           and ($6::timestamptz is null or m.send_at < $6)
           and ($7::text is null or concat_ws(' ', c.name, m.to_address, m.rendered_subject, m.custom_subject, m.custom_body) ilike $7)
           -- who sees only their own tickets sees only what was said about those
           and ($8::uuid is null or exists (select from assignments a where a.ticket_id = m.subject_id and a.member_id = $8))
           and ($9::bool is null or (m.state in ('failed', 'in_doubt', 'bounced'), m.send_at, m.id) < ($9, $10::timestamptz, $11::uuid))
         order by m.state in ('failed', 'in_doubt', 'bounced') desc, m.send_at desc, m.id desc
         limit $12
        "#,
        &states,
        filter.kind as Option<MessageKind>,
        filter.contact.map(|c| c.0),
        filter.subject,
        filter.from,
        filter.until,
        search,
        who.only_own_tickets().map(|m: MemberId| m.0),
        after_trouble,
        after_at,
        after_id,
        limit + 1
    )
    .fetch_all(db)
    .await?)
}

/// Returns the cursor that points to a row.
pub fn place(row: &Row) -> Place {
    (row.state.is_trouble(), row.send_at, row.id.0)
}

fn like(words: &str) -> String {
    format!("%{}%", words.trim().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"))
}

/// Returns one message, or `NotFound` if this member may not see it.
pub async fn message(db: &mut PgConnection, who: &Who, id: MessageId) -> Result<Message> {
    let m = sqlx::query!(
        r#"
        select m.kind as "kind: MessageKind", m.state as "state: MessageState", m.contact_id as "contact_id: ContactId",
               c.name as "contact_name?", m.to_address, m.subject_kind, m.subject_id, m.send_at, m.sent_at, m.attempts, m.error, m.version,
               case when m.state in ('by_hand', 'told')
                      or (m.kind = 'reach_out' and m.state in ('draft', 'queued') and m.to_address is null
                          and not exists (select from contact_emails e where e.org_id = m.org_id and e.contact_id = m.contact_id))
                    then 'phone' else 'email' end as "channel!: Channel",
               m.custom_subject, m.custom_body, m.rendered_subject, m.rendered_text, m.expires_at, m.consent_basis, m.sequence, m.created_at, m.created_by
          from messages m
          left join contacts c on c.org_id = m.org_id and c.id = m.contact_id
         where m.id = $1 and ($2::uuid is null or exists (select from assignments a where a.ticket_id = m.subject_id and a.member_id = $2))
        "#,
        id.0,
        who.only_own_tickets().map(|m: MemberId| m.0)
    )
    .fetch_optional(db)
    .await?
    .ok_or(Error::NotFound)?;
    Ok(Message {
        row: Row {
            id,
            kind: m.kind,
            state: m.state,
            contact_id: m.contact_id,
            contact_name: m.contact_name,
            to_address: m.to_address,
            channel: m.channel,
            subject_kind: m.subject_kind,
            subject_id: m.subject_id,
            subject: m.rendered_subject.clone().or_else(|| m.custom_subject.clone()),
            send_at: m.send_at,
            sent_at: m.sent_at,
            attempts: m.attempts,
            error: m.error,
            version: m.version,
        },
        custom_subject: m.custom_subject,
        custom_body: m.custom_body,
        rendered_subject: m.rendered_subject,
        // A member who may not send must not see the customer's link: it answers for the customer.
        rendered_text: if who.can(Permission::Send) { m.rendered_text } else { m.rendered_text.as_deref().map(without_links) },
        expires_at: m.expires_at,
        consent_basis: m.consent_basis,
        sequence: m.sequence,
        created_at: m.created_at,
        created_by: m.created_by,
    })
}

/// Cuts off each line with a customer's link before the link's path and token.
fn without_links(text: &str) -> String {
    let cut = |line: &str| match ["/c/", "/i/", "/u/"].iter().find_map(|prefix| line.find(prefix)) {
        Some(at) if line.contains("://") => format!("{}/…", &line[..at]),
        _ => line.to_owned(),
    };
    text.lines().map(cut).collect::<Vec<_>>().join("\n")
}

/// Name and addresses of the business, as its mails show them.
#[derive(Debug, Clone)]
pub struct Letterhead {
    pub name: String,
    pub email: Option<String>,
    pub reply_to: Option<String>,
    pub phone: Option<String>,
    pub street: Option<String>,
    pub city: Option<String>,
    pub region: Option<String>,
    pub postal_code: Option<String>,
}

impl Letterhead {
    /// Returns the postal address on one line; empty if there is none.
    pub fn address(&self) -> String {
        let region = [self.region.as_deref(), self.postal_code.as_deref()].into_iter().flatten().filter(|p| !p.is_empty());
        let region = region.collect::<Vec<_>>().join(" ");
        let parts = [self.street.as_deref(), self.city.as_deref(), Some(region.as_str())];
        parts.into_iter().flatten().filter(|p| !p.is_empty()).collect::<Vec<_>>().join(", ")
    }
}

pub async fn letterhead(db: &mut PgConnection) -> Result<Letterhead> {
    Ok(sqlx::query_as!(Letterhead, "select name, email, reply_to, phone, street, city, region, postal_code from orgs")
        .fetch_one(db)
        .await?)
}

/// Counts the mails that asked to confirm this version (`sequence`) of a visit. A mail that still waits is not counted.
pub async fn asked_before(db: &mut PgConnection, ticket: Uuid, sequence: i32) -> Result<i64> {
    Ok(sqlx::query_scalar!(
        r#"select count(*) as "n!" from messages
            where subject_id = $1 and kind in ('confirmation', 'moved') and sequence = $2 and state not in ('draft', 'queued')"#,
        ticket,
        sequence
    )
    .fetch_one(db)
    .await?)
}

/// Returns the message with this `dedup_key`.
pub async fn by_key(db: &mut PgConnection, key: &str) -> Result<Option<MessageId>> {
    Ok(sqlx::query_scalar!(r#"select id as "id: MessageId" from messages where dedup_key = $1"#, key).fetch_optional(db).await?)
}

/// Returns id and email address of the business's active owners, who receive notices.
pub async fn owners(db: &mut PgConnection) -> Result<Vec<(MemberId, String)>> {
    let rows = sqlx::query!(
        r#"select id as "id: MemberId", email from members where role = 'owner' and state = 'active' and not is_model order by id"#
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|r| (r.id, r.email)).collect())
}

/// Returns the actions that this member may take on a message in this state.
pub fn allowed_actions(who: &Who, state: MessageState) -> Vec<&'static str> {
    let mut actions = Vec::new();
    if !who.can(Permission::Send) {
        return actions;
    }
    if state == MessageState::ByHand {
        actions.push("message.done");
    }
    if state.is_open() {
        actions.extend(["message.update", "message.cancel", "message.send_now"]);
    }
    if state.is_trouble() {
        actions.extend(["message.retry", "message.mark_sent", "message.cancel"]);
    }
    actions
}

/// `/api/data?type=messages`.
pub fn messages_query() -> query::Entry {
    query::Entry {
        name: "messages",
        needs: Permission::ReadRecords,
        capability: None,
        filters: &["filter", "state", "kind", "contact_id", "subject_id", "from", "until"],
        includes: &[],
        run: |read, params| Box::pin(messages(read, params)),
    }
}

async fn messages(read: &mut Read, params: &Params) -> Result<Listing> {
    let who = read.who.clone();
    if let Some(id) = params.id {
        let m = message(read.db(), &who, id.into()).await?;
        let mut value = serde_json::to_value(&m)?;
        value["allowed_actions"] = json!(allowed_actions(&who, m.row.state));
        return Ok(Listing { data: vec![value], cursor: None });
    }
    let filter = filter_of(&who, params)?;
    let rows = list(read.db(), &who, &filter, params.after()?, params.limit).await?;
    Listing::page(rows, params.limit, place)
}

/// Reads the filters of the page and the API. Dates are days in the business's time zone; `until` is the last day included.
pub fn filter_of(who: &Who, params: &Params) -> Result<Filter> {
    let name = params.filter("state").or_else(|| params.filter("filter")).unwrap_or_default();
    let states = states_of(name).ok_or_else(|| {
        let known: Vec<&str> = MessageState::ALL.iter().map(|s| s.name()).collect();
        FieldErrors::one("state", format!("There is no state {name}. There are: all, pending, trouble, done, {}.", known.join(", ")))
    })?;
    let kind = match params.filter("kind").filter(|k| !k.is_empty()) {
        None => None,
        Some(k) => Some(MessageKind::of_name(k).ok_or_else(|| {
            let known: Vec<&str> = MessageKind::ALL.iter().map(|s| s.name()).collect();
            FieldErrors::one("kind", format!("There is no kind {k}. There are: {}.", known.join(", ")))
        })?),
    };
    Ok(Filter {
        states,
        kind,
        contact: params.id_filter("contact_id")?,
        subject: params.id_filter("subject_id")?,
        from: day(params, "from")?.map(|d| localtime::day_bounds(d, who.zone).0),
        until: day(params, "until")?.map(|d| localtime::day_bounds(d, who.zone).1),
        search: params.search.clone(),
    })
}

fn day(params: &Params, name: &str) -> Result<Option<NaiveDate>> {
    params
        .filter(name)
        .filter(|v| !v.is_empty())
        .map(|v| localtime::parse_date(v).map_err(|message| FieldErrors::one(name, message)))
        .transpose()
}

/// `/api/data?type=message_templates`: the template of each kind in use, the business's own or the default.
pub fn templates_query() -> query::Entry {
    query::Entry {
        name: "message_templates",
        needs: Permission::ManageSettings,
        capability: None,
        filters: &["kind"],
        includes: &[],
        run: |read, params| Box::pin(words(read, params)),
    }
}

async fn words(read: &mut Read, params: &Params) -> Result<Listing> {
    let own = match params.id {
        Some(id) => Some(
            sqlx::query_scalar!(r#"select kind as "kind: MessageKind" from message_templates where id = $1"#, id)
                .fetch_optional(read.db())
                .await?
                .ok_or(Error::NotFound)?,
        ),
        None => None,
    };
    let mut data = Vec::new();
    for kind in MessageKind::EDITABLE.into_iter().filter(|k| own.is_none_or(|own| own == *k)) {
        if params.filter("kind").is_some_and(|k| k != kind.name()) {
            continue;
        }
        let t = templates::of(read.db(), kind).await?;
        let variables: Vec<&str> = templates::variables(kind).into_iter().map(|(name, _)| name).collect();
        data.push(
            json!({ "id": kind.name(), "kind": kind, "subject": t.subject, "body": t.body, "is_own": t.is_own, "variables": variables }),
        );
    }
    Ok(Listing { data, cursor: None })
}
