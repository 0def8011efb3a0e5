//! Writes of the business's connections to payment providers. Keys are encrypted before they are stored, and never shown again.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::payments::{
    jobs::{CheckConnection as CheckKey, CloseCheckouts},
    providers::stripe,
};
use office::{
    business::actions::Written,
    connections::{self, Held, SECRET_KEY, WEBHOOK_SECRET},
};
use platform::{
    action::{Action, Cx, Subject},
    error::{Error, Result},
    ids::ConnectionId,
    role::{ModelLevel, Permission},
};

/// Disconnects a payment provider and deletes its keys.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct DisconnectProvider {
    #[serde(default = "first")]
    pub provider: String,
}

/// Starts a background check of a payment provider's key; the result is the connection's `status`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct CheckConnection {
    #[serde(default = "first")]
    pub provider: String,
}

/// The provider of a request from before there were several.
fn first() -> String {
    stripe::NAME.to_owned()
}

/// Records the result of a check. Only the check itself runs this action; it is not in the action registry.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct RecordCheck {
    pub connection_id: ConnectionId,
    /// The account's name or id; `None` if the check failed.
    pub account: Option<String>,
    pub error: Option<String>,
}

/// Deletes the oldest `first` replaced keys once no payment page is open with them. Only the job runs this action.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct ForgetReplacedKeys {
    pub provider: String,
    pub first: usize,
}

/// Removes the current key. While payment pages are open, it is kept as a replaced key to close them.
async fn retire(cx: &mut Cx<'_>, held: &mut Held) -> Result<()> {
    let any_open = sqlx::query_scalar!(r#"select exists (select from checkout_sessions where state in ('creating', 'open')) as "any!""#)
        .fetch_one(cx.db())
        .await?;
    if held.retire_key(any_open) {
        cx.enqueue(CloseCheckouts {}).await?;
    }
    Ok(())
}

fn about(id: ConnectionId) -> Subject {
    Subject { kind: "connection", id: id.0, contact: None }
}

/// Saves the keys of a connection to `provider`, and queues their check. An empty one stays as it is; `held` is the connection so far.
/// The keys' form is the provider's own to check.
pub async fn connect(cx: &mut Cx<'_>, provider: &str, held: Option<Held>, secret_key: &str, webhook_secret: &str) -> Result<Written> {
    let mut held = held.unwrap_or_else(|| Held::new(provider));
    if !secret_key.is_empty() {
        retire(cx, &mut held).await?;
    }
    held.put(cx, SECRET_KEY, secret_key);
    held.put(cx, WEBHOOK_SECRET, webhook_secret);
    let id = held.id;
    let version = held.save(cx).await?;
    cx.event("connection.set", about(id), json!({ "provider": provider })).await?;
    cx.enqueue(CheckKey { connection: id }).await?;
    Ok(Written { id: id.0, version })
}

impl Action for DisconnectProvider {
    const NAME: &'static str = "connection.disconnect";
    const NEEDS: Permission = Permission::ManageSettings;
    const MODEL: ModelLevel = ModelLevel::RequiresAuthorization;
    type Output = Written;

    async fn run(self, cx: &mut Cx<'_>) -> Result<Written> {
        let mut held = connections::held(cx, &self.provider).await?.ok_or(Error::NotFound)?;
        retire(cx, &mut held).await?;
        let id = held.id;
        let version = held.disconnect(cx).await?;
        cx.event("connection.disconnected", about(id), json!({ "provider": self.provider })).await?;
        Ok(Written { id: id.0, version })
    }
}

impl Action for ForgetReplacedKeys {
    const NAME: &'static str = "connection.forget_replaced_keys";
    const NEEDS: Permission = Permission::ManageSettings;
    type Output = ();

    async fn run(self, cx: &mut Cx<'_>) -> Result<()> {
        match connections::held(cx, &self.provider).await? {
            Some(held) => held.forget_replaced(cx, self.first).await,
            None => Ok(()),
        }
    }
}

impl Action for CheckConnection {
    const NAME: &'static str = "connection.check";
    const NEEDS: Permission = Permission::ManageSettings;
    type Output = Written;

    async fn run(self, cx: &mut Cx<'_>) -> Result<Written> {
        let held = connections::held(cx, &self.provider).await?.filter(|h| !h.is_disconnected).ok_or(Error::NotFound)?;
        cx.enqueue(CheckKey { connection: held.id }).await?;
        Ok(Written { id: held.id.0, version: held.version })
    }
}

impl Action for RecordCheck {
    const NAME: &'static str = "connection.record_check";
    const NEEDS: Permission = Permission::ManageSettings;
    type Output = Written;

    async fn run(self, cx: &mut Cx<'_>) -> Result<Written> {
        let result = self.account.as_deref().ok_or(self.error.as_deref().unwrap_or_default());
        let version = connections::record_check(cx, self.connection_id, result).await?;
        let status = if result.is_ok() { "connected" } else { "failing" };
        cx.event("connection.checked", about(self.connection_id), json!({ "status": status })).await?;
        Ok(Written { id: self.connection_id.0, version })
    }
}
