//! The outbox: a row is written in the transaction that causes it, claimed by exactly one sending job, and given its outcome.
//! `Claim` and `Record` are for the sending job alone and are not part of the API.

use chrono::Duration;
use garde::Validate;
use office::notices::{self, NewNotice};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::super::{MessageKind, MessageState, NewMessage};
use crate::channels::Outcome;
use platform::{
    action::{Action, Cx, Subject},
    error::Result,
    ids::{ContactId, LinkId, MessageId},
    links::{self, LinkKind},
    role::Permission,
};

/// Attempts before a message that the mail server keeps deferring counts as failed: about 8½ hours after the first one.
const MAX_TRIES: i32 = 10;

pub(in crate::outbox) async fn insert(cx: &mut Cx<'_>, m: NewMessage) -> Result<MessageId> {
    let id = m.id.unwrap_or_default();
    let now = cx.now();
    let send_at = m.send_at.unwrap_or(now);
    let inserted = sqlx::query_scalar!(
        r#"
        insert into messages (id, kind, contact_id, to_address, subject_kind, subject_id, custom_subject, custom_body,
                              send_at, expires_at, cancel_group, dedup_key, rfc_message_id, sequence, consent_basis)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
        on conflict (org_id, dedup_key) do nothing
        returning id as "id: MessageId"
        "#,
        id.0,
        m.kind as MessageKind,
        m.contact_id.map(|c| c.0),
        m.to_address,
        m.subject_kind,
        m.subject_id,
        m.custom_subject,
        m.custom_body,
        send_at,
        m.expires_at,
        m.cancel_group,
        m.dedup_key,
        format!("{}@{}", id.0.simple(), cx.app.host()),
        m.sequence,
        m.consent_basis
    )
    .fetch_optional(cx.db())
    .await?;
    let Some(id) = inserted else {
        let first = sqlx::query_scalar!(r#"select id as "id: MessageId" from messages where dedup_key = $1"#, m.dedup_key)
            .fetch_one(cx.db())
            .await?;
        return Ok(first);
    };
    if send_at <= now {
        super::super::due(cx, id).await?;
    }
    Ok(id)
}

pub(in crate::outbox) async fn withdraw(cx: &mut Cx<'_>, cancel_group: &str) -> Result<u64> {
    let done = sqlx::query!(
        "update messages set state = 'cancelled', error = 'Withdrawn: the appointment changed.' where cancel_group = $1 and state in ('draft', 'queued')",
        cancel_group
    )
    .execute(cx.db())
    .await?;
    Ok(done.rows_affected())
}

/// Claims a due message for sending; only one of several workers gets it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, Validate)]
#[garde(allow_unvalidated)]
pub struct Claim {
    pub message_id: MessageId,
}

/// A message claimed for sending. `link` is the customer's link in it, created if there was none.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Claimed {
    pub id: MessageId,
    pub kind: MessageKind,
    pub contact_id: Option<ContactId>,
    pub to_address: Option<String>,
    pub subject_kind: String,
    pub subject_id: Uuid,
    pub custom_subject: Option<String>,
    pub custom_body: Option<String>,
    pub rfc_message_id: String,
    pub sequence: Option<i32>,
    #[serde(default)]
    pub link: Option<LinkId>,
}

impl Claimed {
    /// Returns the kind of customer's link that this message carries and the record that it opens; `None` if it carries none.
    pub fn link_of(&self) -> Option<(LinkKind, Uuid)> {
        match self.kind {
            MessageKind::Confirmation | MessageKind::Moved => Some((LinkKind::Confirm, self.subject_id)),
            MessageKind::Invoice => Some((LinkKind::Invoice, self.subject_id)),
            MessageKind::ReachOut => self.contact_id.map(|c| (LinkKind::Unsubscribe, c.0)),
            MessageKind::Cancellation | MessageKind::Receipt | MessageKind::OwnerNotice => None,
        }
    }
}

impl Action for Claim {
    const NAME: &'static str = "message.claim";
    const NEEDS: Permission = Permission::Send;
    type Output = Option<Claimed>;

    async fn run(self, cx: &mut Cx<'_>) -> Result<Self::Output> {
        let now = cx.now();
        // A message that was not sent before its expiry is not sent at all.
        sqlx::query!(
            "update messages set state = 'expired' where id = $1 and state = 'queued' and expires_at <= $2",
            self.message_id.0,
            now
        )
        .execute(cx.db())
        .await?;
        let claimed = sqlx::query_as!(
            Claimed,
            r#"
            update messages set state = 'sending', sending_at = $2, attempts = attempts + 1
             where id = $1 and state = 'queued' and send_at <= $2
            returning id as "id: MessageId", kind as "kind: MessageKind", contact_id as "contact_id: ContactId", to_address, subject_kind, subject_id,
                      custom_subject, custom_body, rfc_message_id, sequence, null::uuid as "link: LinkId"
            "#,
            self.message_id.0,
            now
        )
        .fetch_optional(cx.db())
        .await?;
        let Some(mut claimed) = claimed else { return Ok(None) };
        if let Some((kind, subject)) = claimed.link_of() {
            claimed.link = Some(links::ensure(cx, kind, subject).await?);
        }
        Ok(Some(claimed))
    }
}

/// Records the outcome of sending, and adds a notice if a person has to act.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, Validate)]
#[garde(allow_unvalidated)]
pub struct Record {
    pub message_id: MessageId,
    pub outcome: Outcome,
}

impl Action for Record {
    const NAME: &'static str = "message.record";
    const NEEDS: Permission = Permission::Send;
    /// The message's new state; `None` if it was not being sent.
    type Output = Option<MessageState>;

    async fn run(self, cx: &mut Cx<'_>) -> Result<Self::Output> {
        let id = self.message_id;
        let row = sqlx::query!(
            r#"select state as "state: MessageState", kind as "kind: MessageKind", contact_id as "contact_id: ContactId", attempts from messages where id = $1 for update"#,
            id.0
        )
        .fetch_one(cx.db())
        .await?;
        // A late outcome still counts if the message was marked as in doubt meanwhile.
        if !matches!(row.state, MessageState::Sending | MessageState::InDoubt) {
            return Ok(None);
        }
        let about = Subject { kind: "message", id: id.0, contact: row.contact_id };
        match self.outcome {
            Outcome::Sent { to, subject, text } => {
                sent(cx, id, &to, &subject, &text).await?;
                cx.event("message.sent", about, json!({ "kind": row.kind })).await?;
                Ok(Some(MessageState::Sent))
            }
            Outcome::Later { error } if row.attempts < MAX_TRIES => {
                put_off(cx, id, row.attempts, &error).await?;
                Ok(Some(MessageState::Queued))
            }
            Outcome::Later { error } | Outcome::Failed { error } => {
                set_state(cx, id, MessageState::Failed, &error).await?;
                cx.event("message.failed", about, json!({ "kind": row.kind })).await?;
                notice(cx, id, "message_failed", &format!("{} could not be sent: {error}", row.kind.word())).await?;
                Ok(Some(MessageState::Failed))
            }
            Outcome::InDoubt { error } => {
                set_state(cx, id, MessageState::InDoubt, &error).await?;
                cx.event("message.in_doubt", about, json!({ "kind": row.kind })).await?;
                let body = format!(
                    "{}: we don't know whether it went out. Ask the customer, then send it again or mark it as sent.",
                    row.kind.word()
                );
                notice(cx, id, "message_in_doubt", &body).await?;
                Ok(Some(MessageState::InDoubt))
            }
            Outcome::ByHand { subject, text } => {
                by_hand(cx, id, &subject, &text).await?;
                cx.event("message.by_hand", about, json!({ "kind": row.kind })).await?;
                Ok(Some(MessageState::ByHand))
            }
            Outcome::Dropped { reason } => {
                set_state(cx, id, MessageState::Cancelled, &reason).await?;
                cx.event("message.cancelled", about, json!({ "kind": row.kind })).await?;
                Ok(Some(MessageState::Cancelled))
            }
        }
    }
}

async fn sent(cx: &mut Cx<'_>, id: MessageId, to: &str, subject: &str, text: &str) -> Result<()> {
    let now = cx.now();
    sqlx::query!(
        "update messages set state = 'sent', sent_at = $2, error = null, to_address = $3, rendered_subject = $4, rendered_text = $5 where id = $1",
        id.0,
        now,
        to,
        subject,
        text
    )
    .execute(cx.db())
    .await?;
    resolve(cx, id).await
}

/// From then on the home page asks a person to call or text.
async fn by_hand(cx: &mut Cx<'_>, id: MessageId, subject: &str, text: &str) -> Result<()> {
    sqlx::query!(
        "update messages set state = 'by_hand', error = null, rendered_subject = $2, rendered_text = $3 where id = $1",
        id.0,
        subject,
        text
    )
    .execute(cx.db())
    .await?;
    resolve(cx, id).await
}

/// Returns the message to the queue with a delay of 1, 2, 4 … minutes by the number of attempts. The sweep picks it up.
async fn put_off(cx: &mut Cx<'_>, id: MessageId, attempts: i32, error: &str) -> Result<()> {
    let minutes = (1_i64 << attempts.clamp(1, 10).saturating_sub(1)).min(720);
    let send_at = cx.now() + Duration::minutes(minutes);
    sqlx::query!("update messages set state = 'queued', send_at = $2, error = $3 where id = $1", id.0, send_at, error)
        .execute(cx.db())
        .await?;
    Ok(())
}

async fn set_state(cx: &mut Cx<'_>, id: MessageId, state: MessageState, error: &str) -> Result<()> {
    sqlx::query!("update messages set state = $2, error = $3 where id = $1", id.0, state as MessageState, error).execute(cx.db()).await?;
    Ok(())
}

/// Adds a notice for the business: one for each message and `kind`, reopened if it was resolved.
async fn notice(cx: &mut Cx<'_>, id: MessageId, kind: &str, body: &str) -> Result<()> {
    let new = NewNotice { kind, subject_kind: "message", subject: id.0, body, dedup_key: &format!("{kind}:{id}") };
    notices::add_or_reopen(cx, new).await?;
    Ok(())
}

/// Resolves the open notices of a message.
pub(super) async fn resolve(cx: &mut Cx<'_>, id: MessageId) -> Result<()> {
    notices::resolve_of(cx, "message", &[id.0]).await?;
    Ok(())
}
