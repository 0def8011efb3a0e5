use chrono::{DateTime, Utc};
use office::notices::{self, NewNotice};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::payments::{jobs::ProcessWebhook, providers};
use platform::{
    action::{Action, Cx},
    error::{Error, Result},
    ids::WebhookEventId,
    role::{Capability, Permission},
};

/// Attempts before an event that can't be processed raises a notice to the owner.
pub(super) const MAX_TRIES: i32 = 6;

/// Stores a verified event unchanged and queues its processing; a duplicate is dropped. Only for the webhook handlers.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct StoreEvent {
    pub provider: String,
    pub connection_id: Option<Uuid>,
    /// The provider's event id, or a digest of the body if it has none.
    pub event_id: String,
    pub event_type: String,
    pub occurred_at: Option<DateTime<Utc>>,
    /// The provider's id of the payment that it is about.
    pub payment: Option<String>,
    pub body: String,
    /// Why the event can't be parsed; if set, a notice is raised at once.
    pub unreadable: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Stored {
    /// `None` if the event was stored before.
    pub id: Option<WebhookEventId>,
}

impl Action for StoreEvent {
    const NAME: &'static str = "webhook.store";
    const NEEDS: Permission = Permission::HandleMoney;
    type Output = Stored;

    async fn run(self, cx: &mut Cx<'_>) -> Result<Stored> {
        let id = sqlx::query_scalar!(
            r#"insert into webhook_events (id, connection_id, provider, event_id, event_type, occurred_at, payment_intent, body)
               values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (org_id, provider, event_id) do nothing
               returning id as "id: WebhookEventId""#,
            WebhookEventId::new().0,
            self.connection_id,
            self.provider,
            self.event_id,
            self.event_type,
            self.occurred_at,
            self.payment,
            self.body
        )
        .fetch_optional(cx.db())
        .await?;
        let Some(id) = id else { return Ok(Stored { id: None }) };
        match self.unreadable {
            Some(error) => give_up(cx, id, &error).await?,
            None => queue(cx, id).await?,
        }
        Ok(Stored { id: Some(id) })
    }
}

pub(super) async fn queue(cx: &mut Cx<'_>, id: WebhookEventId) -> Result<()> {
    cx.enqueue(ProcessWebhook { event: id }).await
}

/// Marks the event as failed and raises a notice; `ReprocessEvent` can retry it.
pub(super) async fn give_up(cx: &mut Cx<'_>, id: WebhookEventId, error: &str) -> Result<()> {
    let provider =
        sqlx::query_scalar!("update webhook_events set state = 'failed', error = $2 where id = $1 returning provider", id.0, error)
            .fetch_one(cx.db())
            .await?;
    let body = format!("A message from {} could not be worked off: {error}", providers::word(&provider));
    let new = NewNotice {
        kind: "webhook_failed",
        subject_kind: "webhook_event",
        subject: id.0,
        body: &body,
        dedup_key: &format!("webhook_failed:{id}"),
    };
    notices::add_or_reopen(cx, new).await?;
    Ok(())
}

/// Records a failed attempt to process an event. Only for the job.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct FailEvent {
    pub event_id: WebhookEventId,
    pub error: String,
}

impl Action for FailEvent {
    const NAME: &'static str = "webhook.fail";
    const NEEDS: Permission = Permission::HandleMoney;
    type Output = ();

    async fn run(self, cx: &mut Cx<'_>) -> Result<()> {
        let attempts = sqlx::query_scalar!(
            "update webhook_events set attempts = attempts + 1, error = $2 where id = $1 and state = 'received' returning attempts",
            self.event_id.0,
            self.error
        )
        .fetch_optional(cx.db())
        .await?;
        if attempts.is_some_and(|n| n >= MAX_TRIES) {
            give_up(cx, self.event_id, &self.error).await?;
        }
        Ok(())
    }
}

/// Retries an event that failed or was ignored.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct ReprocessEvent {
    pub event_id: WebhookEventId,
}

impl Action for ReprocessEvent {
    const NAME: &'static str = "webhook.reprocess";
    const NEEDS: Permission = Permission::ManageSettings;
    const CAPABILITY: Option<Capability> = Some(Capability::Payments);
    type Output = WebhookEventId;

    async fn run(self, cx: &mut Cx<'_>) -> Result<WebhookEventId> {
        let state = sqlx::query_scalar!("select state from webhook_events where id = $1 for update", self.event_id.0)
            .fetch_optional(cx.db())
            .await?
            .ok_or(Error::NotFound)?;
        if state == "processed" {
            return Err(Error::conflict("This message was worked off already; doing it twice would change nothing."));
        }
        sqlx::query!("update webhook_events set state = 'received', attempts = 0, error = null where id = $1", self.event_id.0)
            .execute(cx.db())
            .await?;
        notices::resolve_of(cx, "webhook_event", &[self.event_id.0]).await?;
        queue(cx, self.event_id).await?;
        Ok(self.event_id)
    }
}
