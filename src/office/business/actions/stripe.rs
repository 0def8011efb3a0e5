//! Writes of the business's own Stripe connection. Keys are encrypted before they are stored, and never shown again.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Written;
use crate::business::{
    data::{self, REPLACED},
    jobs::CheckStripe,
};
use platform::{
    action::{Action, Cx, Subject},
    error::{Error, FieldErrors, Result},
    ids::ConnectionId,
    role::{ModelLevel, Permission},
};

/// Connects the business's own Stripe account. An empty field keeps its stored value.
#[derive(Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct SetStripe {
    /// A secret key `sk_…` or a restricted key `rk_…`.
    #[serde(default)]
    pub secret_key: String,
    /// The signing secret `whsec_…` of the webhook endpoint for this business.
    #[serde(default)]
    pub webhook_secret: String,
}

/// Disconnects Stripe and deletes its keys.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
pub struct DisconnectStripe {}

/// Starts a background check of the Stripe key; the result is the connection's `status`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
pub struct CheckConnection {}

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
    pub first: usize,
}

/// Removes the current key from `secrets`. While payment pages are open, it is kept (still encrypted) as a replaced key to close them.
/// Returns whether it was kept.
async fn retire(cx: &mut Cx<'_>, secrets: &mut Value) -> Result<bool> {
    let Some(old) = secrets.as_object_mut().and_then(|s| s.remove("secret_key")) else { return Ok(false) };
    let any_open = sqlx::query_scalar!(r#"select exists (select from checkout_sessions where state in ('creating', 'open')) as "any!""#)
        .fetch_one(cx.db())
        .await?;
    if any_open {
        let mut replaced = secrets[REPLACED].as_array().cloned().unwrap_or_default();
        replaced.push(old);
        secrets[REPLACED] = replaced.into();
    }
    Ok(any_open)
}

fn about(id: ConnectionId) -> Subject {
    Subject { kind: "connection", id: id.0, contact: None }
}

impl Action for SetStripe {
    const NAME: &'static str = "connection.set_stripe";
    const NEEDS: Permission = Permission::ManageSettings;
    const MODEL: ModelLevel = ModelLevel::RequiresAuthorization;
    type Output = Written;

    async fn run(self, cx: &mut Cx<'_>) -> Result<Written> {
        let now = sqlx::query!(r#"select id as "id: ConnectionId", secrets from connections where provider = 'stripe' for update"#)
            .fetch_optional(cx.db())
            .await?;
        let (id, mut secrets) = now.map_or((ConnectionId::new(), json!({})), |c| (c.id, c.secrets));
        let (key, webhook) = (self.secret_key.trim(), self.webhook_secret.trim());
        let mut errors = FieldErrors::default();
        let is_key = key.starts_with("sk_") || key.starts_with("rk_");
        if (!key.is_empty() && !is_key) || key.len() > 300 {
            errors.add("secret_key", "A secret key starts with sk_ or rk_. You find it in Stripe under Developers, API keys.");
        } else if key.is_empty() && secrets.get("secret_key").is_none() {
            errors.add("secret_key", "The secret key is needed.");
        }
        if !webhook.is_empty() && !webhook.starts_with("whsec_") || webhook.len() > 300 {
            errors.add("webhook_secret", "A signing secret starts with whsec_. Stripe shows it on the webhook's page.");
        }
        errors.into_result()?;
        let context = data::secret_context(cx.who.org, id);
        let has_replaced = !key.is_empty() && retire(cx, &mut secrets).await?;
        for (name, value) in [("secret_key", key), ("webhook_secret", webhook)] {
            if !value.is_empty() {
                secrets[name] = Value::String(cx.app.keyring.encrypt(&context, value));
            }
        }
        let version = sqlx::query_scalar!(
            "insert into connections (id, provider, status, secrets) values ($1, 'stripe', 'unverified', $2)
             on conflict (org_id, provider) do update set secrets = excluded.secrets, status = 'unverified', error = null, checked_at = null
             returning version",
            id.0,
            secrets
        )
        .fetch_one(cx.db())
        .await?;
        cx.event("connection.set", about(id), json!({ "provider": "stripe", "has_replaced": has_replaced })).await?;
        cx.enqueue(CheckStripe { connection: id }).await?;
        Ok(Written { id: id.0, version })
    }
}

impl Action for DisconnectStripe {
    const NAME: &'static str = "connection.disconnect";
    const NEEDS: Permission = Permission::ManageSettings;
    const MODEL: ModelLevel = ModelLevel::RequiresAuthorization;
    type Output = Written;

    async fn run(self, cx: &mut Cx<'_>) -> Result<Written> {
        let now = sqlx::query!(r#"select id as "id: ConnectionId", secrets from connections where provider = 'stripe' for update"#)
            .fetch_optional(cx.db())
            .await?
            .ok_or(Error::NotFound)?;
        let mut secrets = now.secrets;
        let has_replaced = retire(cx, &mut secrets).await?;
        if let Some(secrets) = secrets.as_object_mut() {
            secrets.retain(|name, _| name == REPLACED);
        }
        let version = sqlx::query_scalar!(
            "update connections set secrets = $2, status = 'disconnected', account = null, error = null, checked_at = null where id = $1 returning version",
            now.id.0,
            secrets
        )
        .fetch_one(cx.db())
        .await?;
        cx.event("connection.disconnected", about(now.id), json!({ "provider": "stripe", "has_replaced": has_replaced })).await?;
        Ok(Written { id: now.id.0, version })
    }
}

impl Action for ForgetReplacedKeys {
    const NAME: &'static str = "connection.forget_replaced_keys";
    const NEEDS: Permission = Permission::ManageSettings;
    type Output = ();

    async fn run(self, cx: &mut Cx<'_>) -> Result<()> {
        let now = sqlx::query!(r#"select id as "id: ConnectionId", secrets from connections where provider = 'stripe' for update"#)
            .fetch_optional(cx.db())
            .await?;
        let Some(mut now) = now else { return Ok(()) };
        let left: Vec<Value> = now.secrets[REPLACED].as_array().into_iter().flatten().skip(self.first).cloned().collect();
        now.secrets[REPLACED] = left.into();
        if let Some(secrets) = now.secrets.as_object_mut() {
            secrets.retain(|name, value| name != REPLACED || value != &json!([]));
        }
        sqlx::query!("update connections set secrets = $2 where id = $1", now.id.0, now.secrets).execute(cx.db()).await?;
        Ok(())
    }
}

impl Action for CheckConnection {
    const NAME: &'static str = "connection.check";
    const NEEDS: Permission = Permission::ManageSettings;
    type Output = Written;

    async fn run(self, cx: &mut Cx<'_>) -> Result<Written> {
        let row = sqlx::query!(
            r#"select id as "id: ConnectionId", version from connections where provider = 'stripe' and status <> 'disconnected'"#
        )
        .fetch_optional(cx.db())
        .await?
        .ok_or(Error::NotFound)?;
        cx.enqueue(CheckStripe { connection: row.id }).await?;
        Ok(Written { id: row.id.0, version: row.version })
    }
}

impl Action for RecordCheck {
    const NAME: &'static str = "connection.record_check";
    const NEEDS: Permission = Permission::ManageSettings;
    type Output = Written;

    async fn run(self, cx: &mut Cx<'_>) -> Result<Written> {
        let status = if self.account.is_some() { "connected" } else { "failing" };
        let version = sqlx::query_scalar!(
            "update connections set status = $2, account = coalesce($3, account), error = $4, checked_at = app.now()
              where id = $1 and status <> 'disconnected' returning version",
            self.connection_id.0,
            status,
            self.account,
            self.error
        )
        .fetch_one(cx.db())
        .await?;
        cx.event("connection.checked", about(self.connection_id), json!({ "status": status })).await?;
        Ok(Written { id: self.connection_id.0, version })
    }
}
