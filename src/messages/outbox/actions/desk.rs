//! Actions of people on messages: schedule, change, cancel, send now, and settle a failure.

use chrono::{DateTime, Utc};
use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::{
    super::{MessageKind, MessageState, NewMessage, templates},
    outbox,
};
use customers::contacts;
use platform::{
    action::{Action, Cx, Subject},
    error::{Error, FieldErrors, Result},
    ids::{ContactId, MessageId, TicketId},
    redact::redact,
    role::{ModelLevel, Permission},
};

const LONGEST_SUBJECT: usize = 200;
const LONGEST_BODY: usize = 10_000;

/// Schedules a message to a customer: "reach out in six months". It is marketing, so it needs consent.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, Validate)]
#[garde(allow_unvalidated)]
pub struct ScheduleMessage {
    #[serde(default)]
    pub id: Option<MessageId>,
    pub contact_id: ContactId,
    /// The visit it comes from, if any.
    #[serde(default)]
    pub ticket_id: Option<TicketId>,
    /// Plain text with variables; left out for the business's template.
    #[serde(default)]
    pub subject: Option<String>,
    #[serde(default)]
    pub body: Option<String>,
    pub send_at: DateTime<Utc>,
    /// How the sender knows that the customer agrees; required if the customer was never asked for consent.
    #[serde(default)]
    pub consent_basis: Option<String>,
}

impl Action for ScheduleMessage {
    const NAME: &'static str = "message.schedule";
    const NEEDS: Permission = Permission::Send;
    const MODEL: ModelLevel = ModelLevel::SoftLimit;
    type Output = MessageId;

    async fn run(self, cx: &mut Cx<'_>) -> Result<MessageId> {
        let to = contacts::data::summary(cx.db(), self.contact_id).await?;
        let subject = filled(self.subject);
        let body = filled(self.body);
        let consent_basis = filled(self.consent_basis);
        let mut errors = FieldErrors::default();
        if let Some(why) = out_of_reach(&to) {
            errors.add("contact_id", why);
        }
        if to.email_consent.is_none() && consent_basis.is_none() {
            errors.add(
                "consent_basis",
                format!(
                    "{} was never asked whether they want messages like this. Say how you know, for example “asked for it at the door”.",
                    to.name
                ),
            );
        }
        check_words(&mut errors, MessageKind::ReachOut, subject.as_deref(), body.as_deref());
        errors.into_result()?;
        let (subject_kind, subject_id) = self.ticket_id.map_or(("contact", self.contact_id.0), |t| ("ticket", t.0));
        let message = NewMessage {
            id: self.id,
            contact_id: Some(self.contact_id),
            custom_subject: subject,
            custom_body: body,
            send_at: Some(self.send_at),
            consent_basis,
            ..NewMessage::about(MessageKind::ReachOut, subject_kind, subject_id)
        };
        let id = outbox::insert(cx, message).await?;
        tell(cx, "message.scheduled", id, Some(self.contact_id)).await?;
        Ok(id)
    }
}

/// Returns why the customer must not be reached out to, or `None` if they may be. An email address is not needed: without one, a person
/// calls or texts.
pub fn out_of_reach(to: &contacts::Summary) -> Option<String> {
    match to {
        to if to.is_archived => Some(format!("{} is archived.", to.name)),
        to if to.email_consent == Some(false) => Some(format!("{} does not want messages like this.", to.name)),
        _ => None,
    }
}

/// Changes the text or the time of a message that has not been sent. One that waits for a call or a text returns to the queue: it is
/// rendered anew, and mailed if there is an email address by then.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, Validate)]
#[garde(allow_unvalidated)]
pub struct UpdateMessage {
    pub id: MessageId,
    /// Empty for the business's template; left out for no change.
    #[serde(default)]
    pub subject: Option<String>,
    #[serde(default)]
    pub body: Option<String>,
    #[serde(default)]
    pub send_at: Option<DateTime<Utc>>,
}

impl Action for UpdateMessage {
    const NAME: &'static str = "message.update";
    const NEEDS: Permission = Permission::Send;
    type Output = MessageId;

    fn versioned(&self) -> Option<(&'static str, Uuid)> {
        Some(("messages", self.id.0))
    }

    async fn run(self, cx: &mut Cx<'_>) -> Result<MessageId> {
        let now = lock(cx, self.id, MessageState::is_open, "can't be changed any more").await?;
        let mut errors = FieldErrors::default();
        check_words(&mut errors, now.kind, self.subject.as_deref(), self.body.as_deref());
        errors.into_result()?;
        let (new_subject, new_body) = (self.subject.is_some(), self.body.is_some());
        let send_at = sqlx::query_scalar!(
            r#"
            update messages
               set custom_subject = case when $2 then $3 else custom_subject end,
                   custom_body = case when $4 then $5 else custom_body end,
                   send_at = coalesce($6, send_at), state = case when state = 'by_hand' then 'queued' else state end,
                   rendered_subject = null, rendered_text = null
             where id = $1 returning send_at
            "#,
            self.id.0,
            new_subject,
            filled(self.subject),
            new_body,
            filled(self.body),
            self.send_at
        )
        .fetch_one(cx.db())
        .await?;
        if send_at <= cx.now() {
            super::super::due(cx, self.id).await?;
        }
        tell(cx, "message.updated", self.id, now.contact_id).await?;
        Ok(self.id)
    }
}

/// Cancels a message that has not been sent, or one that failed.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, Validate)]
#[garde(allow_unvalidated)]
pub struct CancelMessage {
    pub id: MessageId,
}

impl Action for CancelMessage {
    const NAME: &'static str = "message.cancel";
    const NEEDS: Permission = Permission::Send;
    type Output = MessageId;

    async fn run(self, cx: &mut Cx<'_>) -> Result<MessageId> {
        let now = lock(cx, self.id, |s| s.is_open() || s.is_trouble() || s == MessageState::Cancelled, "can't be taken back").await?;
        if now.state != MessageState::Cancelled {
            sqlx::query!("update messages set state = 'cancelled' where id = $1", self.id.0).execute(cx.db()).await?;
            outbox::resolve(cx, self.id).await?;
            tell(cx, "message.cancelled", self.id, now.contact_id).await?;
        }
        Ok(self.id)
    }
}

/// Sends a waiting message now instead of at its time.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, Validate)]
#[garde(allow_unvalidated)]
pub struct SendNow {
    pub id: MessageId,
}

impl Action for SendNow {
    const NAME: &'static str = "message.send_now";
    const NEEDS: Permission = Permission::Send;
    const MODEL: ModelLevel = ModelLevel::SoftLimit;
    type Output = MessageId;

    async fn run(self, cx: &mut Cx<'_>) -> Result<MessageId> {
        let now = lock(cx, self.id, MessageState::is_open, "is not waiting any more").await?;
        requeue(cx, self.id).await?;
        tell(cx, "message.hurried", self.id, now.contact_id).await?;
        Ok(self.id)
    }
}

/// Resends a message that failed, bounced or is in doubt. It keeps its Message-ID, so that most mailboxes show a duplicate only once.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, Validate)]
#[garde(allow_unvalidated)]
pub struct RetryMessage {
    pub id: MessageId,
}

impl Action for RetryMessage {
    const NAME: &'static str = "message.retry";
    const NEEDS: Permission = Permission::Send;
    const MODEL: ModelLevel = ModelLevel::SoftLimit;
    type Output = MessageId;

    async fn run(self, cx: &mut Cx<'_>) -> Result<MessageId> {
        let now = lock(cx, self.id, MessageState::is_trouble, "did not fail").await?;
        requeue(cx, self.id).await?;
        outbox::resolve(cx, self.id).await?;
        tell(cx, "message.retried", self.id, now.contact_id).await?;
        Ok(self.id)
    }
}

/// Marks a message that failed, bounced or is in doubt as sent. `delivery` offers it as `message.mark_sent`, which also updates the record
/// that the message is about.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, Validate)]
#[garde(allow_unvalidated)]
pub struct MarkSent {
    pub id: MessageId,
}

impl Action for MarkSent {
    const NAME: &'static str = "message.settle";
    const NEEDS: Permission = Permission::Send;
    type Output = MessageId;

    async fn run(self, cx: &mut Cx<'_>) -> Result<MessageId> {
        let now = lock(cx, self.id, MessageState::is_trouble, "is not in doubt").await?;
        sqlx::query!(
            "update messages set state = 'sent', sent_at = coalesce(sending_at, app.now()), error = null where id = $1",
            self.id.0
        )
        .execute(cx.db())
        .await?;
        outbox::resolve(cx, self.id).await?;
        tell(cx, "message.marked_sent", self.id, now.contact_id).await?;
        Ok(self.id)
    }
}

/// Records that a person has called or texted for a message that waited for it. A second time changes nothing.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, Validate)]
#[garde(allow_unvalidated)]
pub struct DoneByHand {
    pub id: MessageId,
}

impl Action for DoneByHand {
    const NAME: &'static str = "message.done";
    const NEEDS: Permission = Permission::Send;
    type Output = MessageId;

    async fn run(self, cx: &mut Cx<'_>) -> Result<MessageId> {
        let may = |s| matches!(s, MessageState::ByHand | MessageState::Told);
        let now = lock(cx, self.id, may, "is not waiting for a call or a text").await?;
        if now.state == MessageState::ByHand {
            sqlx::query!("update messages set state = 'told', sent_at = app.now() where id = $1", self.id.0).execute(cx.db()).await?;
            tell(cx, "message.done", self.id, now.contact_id).await?;
        }
        Ok(self.id)
    }
}

struct Locked {
    kind: MessageKind,
    state: MessageState,
    contact_id: Option<ContactId>,
}

/// Locks the message against the sending job until the commit. Returns a conflict if its state is not `allowed`.
async fn lock(cx: &mut Cx<'_>, id: MessageId, allowed: fn(MessageState) -> bool, why_not: &str) -> Result<Locked> {
    let now = sqlx::query_as!(
        Locked,
        r#"select kind as "kind: MessageKind", state as "state: MessageState", contact_id as "contact_id: ContactId" from messages where id = $1 for update"#,
        id.0
    )
    .fetch_one(cx.db())
    .await?;
    if !allowed(now.state) {
        return Err(Error::conflict(format!("This message is {} and {why_not}.", now.state.word().to_lowercase())));
    }
    Ok(now)
}

async fn requeue(cx: &mut Cx<'_>, id: MessageId) -> Result<()> {
    sqlx::query!(
        "update messages set state = 'queued', send_at = app.now(), attempts = 0, error = null, expires_at = null,
                rendered_subject = null, rendered_text = null where id = $1",
        id.0
    )
    .execute(cx.db())
    .await?;
    super::super::due(cx, id).await
}

async fn tell(cx: &mut Cx<'_>, event: &str, id: MessageId, contact: Option<ContactId>) -> Result<()> {
    cx.event(event, Subject { kind: "message", id: id.0, contact }, json!({})).await
}

/// Trims and redacts a text; returns `None` if nothing is left.
fn filled(text: Option<String>) -> Option<String> {
    text.map(|t| redact(t.trim()).text.replace("\r\n", "\n")).filter(|t| !t.is_empty())
}

/// Adds errors for a text that is too long, a subject of several lines, and unknown or unclosed variables.
pub(super) fn check_words(errors: &mut FieldErrors, kind: MessageKind, subject: Option<&str>, body: Option<&str>) {
    for (field, text, longest) in [("subject", subject, LONGEST_SUBJECT), ("body", body, LONGEST_BODY)] {
        let Some(text) = text else { continue };
        if text.chars().count() > longest {
            errors.add(field, format!("At most {longest} characters."));
        }
        if let Err(message) = templates::check(kind, text) {
            errors.add(field, message);
        }
    }
    if subject.is_some_and(|s| s.trim().contains(['\n', '\r'])) {
        errors.add("subject", "A subject is a single line.");
    }
}
