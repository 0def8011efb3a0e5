//! A business's own accounts at providers. The keys are encrypted before they are stored, and never shown again. The table is written here alone;
//! the slice that uses a provider has the actions and the settings page.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use platform::{
    action::Cx,
    app::App,
    error::{Error, Result},
    ids::{ConnectionId, OrgId},
    query::{Entry, Listing},
    role::Permission,
    secrets::{Keyring, Secret},
};

/// The secret to call the provider with.
pub const SECRET_KEY: &str = "secret_key";
/// The secret that the provider signs its events with.
pub const WEBHOOK_SECRET: &str = "webhook_secret";
/// Replaced secret keys that are still needed, oldest first.
const REPLACED: &str = "replaced";

/// A connection, without its secrets.
#[derive(Debug, Clone, Serialize)]
pub struct Connection {
    pub id: ConnectionId,
    pub provider: String,
    /// `unverified`, `connected`, `failing` or `disconnected`.
    pub status: String,
    pub account: Option<String>,
    pub error: Option<String>,
    pub checked_at: Option<DateTime<Utc>>,
    pub has_secret_key: bool,
    pub has_webhook_secret: bool,
}

/// The business's connections, by provider.
pub async fn all(db: &mut PgConnection) -> Result<Vec<Connection>> {
    Ok(sqlx::query_as!(
        Connection,
        r#"
        select id as "id: ConnectionId", provider, status, account, error, checked_at,
               secrets ? 'secret_key' as "has_secret_key!", secrets ? 'webhook_secret' as "has_webhook_secret!"
          from connections order by provider
        "#
    )
    .fetch_all(db)
    .await?)
}

/// `connections` of `/api/data`, without their secrets.
pub fn entry() -> Entry {
    Entry {
        name: "connections",
        needs: Permission::ManageSettings,
        capability: None,
        filters: &[],
        includes: &[],
        run: |read, params| Box::pin(async move { Listing::whole(all(read.db()).await?, params, |c| c.id.0) }),
    }
}

/// The decrypted keys of a connection. Keep them out of logs, pages and transactions.
#[derive(Debug, Clone)]
pub struct Keys {
    pub connection: ConnectionId,
    pub provider: String,
    /// `None` if it is disconnected.
    pub secret_key: Option<Secret>,
    pub webhook_secret: Option<Secret>,
    /// Replaced secret keys, oldest first. An entry is `None` if it can't be decrypted.
    pub replaced: Vec<Option<Secret>>,
}

/// The keys of all connections of the business. Fails if a key in use can't be decrypted.
pub async fn keys(db: &mut PgConnection, app: &App, org: OrgId) -> Result<Vec<Keys>> {
    let rows = sqlx::query!(r#"select id as "id: ConnectionId", provider, secrets from connections"#).fetch_all(db).await?;
    rows.into_iter().map(|r| opened(&app.keyring, org, r.id, r.provider, &r.secrets)).collect()
}

fn opened(keyring: &Keyring, org: OrgId, connection: ConnectionId, provider: String, secrets: &Value) -> Result<Keys> {
    let context = context(org, connection);
    let open = |name: &str| {
        let sealed = secrets[name].as_str();
        sealed.map(|text| keyring.decrypt(&context, text).map_err(Error::internal)).transpose()
    };
    let replaced = secrets[REPLACED].as_array().into_iter().flatten().filter_map(Value::as_str);
    Ok(Keys {
        secret_key: open(SECRET_KEY)?,
        webhook_secret: open(WEBHOOK_SECRET)?,
        replaced: replaced.map(|text| keyring.decrypt(&context, text).ok()).collect(),
        connection,
        provider,
    })
}

/// Binds secrets to their connection.
fn context(org: OrgId, connection: ConnectionId) -> String {
    format!("{org}:{connection}")
}

/// The business that owns a connection, found by the id in its webhook URL.
pub async fn org_of(app: &App, connection: Uuid) -> Result<Option<OrgId>> {
    Ok(sqlx::query_scalar!(r#"select app.connection_org($1) as "org: OrgId""#, connection).fetch_one(&app.pool).await?)
}

/// A connection that an action has locked, to change its keys.
pub struct Held {
    pub id: ConnectionId,
    pub version: i32,
    pub is_disconnected: bool,
    provider: String,
    secrets: Value,
}

/// Locks the connection to `provider`; `None` if there has never been one.
pub async fn held(cx: &mut Cx<'_>, provider: &str) -> Result<Option<Held>> {
    let row = sqlx::query!(
        r#"select id as "id: ConnectionId", version, status, secrets from connections where provider = $1 for update"#,
        provider
    )
    .fetch_optional(cx.db())
    .await?;
    Ok(row.map(|r| Held {
        id: r.id,
        version: r.version,
        is_disconnected: r.status == "disconnected",
        provider: provider.to_owned(),
        secrets: r.secrets,
    }))
}

impl Held {
    /// A first connection to `provider`.
    pub fn new(provider: &str) -> Self {
        Self { id: ConnectionId::new(), version: 0, is_disconnected: false, provider: provider.to_owned(), secrets: json!({}) }
    }

    pub fn has_key(&self) -> bool {
        self.secrets.get(SECRET_KEY).is_some()
    }

    /// Removes the secret key. If `is_needed`, it is kept, still encrypted, among the replaced ones. Returns whether it was kept.
    pub fn retire_key(&mut self, is_needed: bool) -> bool {
        let Some(old) = self.secrets.as_object_mut().and_then(|s| s.remove(SECRET_KEY)) else { return false };
        if is_needed {
            let mut replaced = self.secrets[REPLACED].as_array().cloned().unwrap_or_default();
            replaced.push(old);
            self.secrets[REPLACED] = replaced.into();
        }
        is_needed
    }

    /// Encrypts and sets the secret `name` ([`SECRET_KEY`], [`WEBHOOK_SECRET`]); an empty `value` leaves it as it is.
    pub fn put(&mut self, cx: &Cx<'_>, name: &str, value: &str) {
        if !value.is_empty() {
            self.secrets[name] = Value::String(cx.app.keyring.encrypt(&context(cx.who.org, self.id), value));
        }
    }

    /// Saves the keys; they have to be checked again. Returns the new version.
    pub async fn save(self, cx: &mut Cx<'_>) -> Result<i32> {
        Ok(sqlx::query_scalar!(
            "insert into connections (id, provider, status, secrets) values ($1, $2, 'unverified', $3)
             on conflict (org_id, provider) do update set secrets = excluded.secrets, status = 'unverified', error = null, checked_at = null
             returning version",
            self.id.0,
            self.provider,
            self.secrets
        )
        .fetch_one(cx.db())
        .await?)
    }

    /// Disconnects: only replaced keys stay. Returns the new version.
    pub async fn disconnect(mut self, cx: &mut Cx<'_>) -> Result<i32> {
        if let Some(secrets) = self.secrets.as_object_mut() {
            secrets.retain(|name, _| name == REPLACED);
        }
        Ok(sqlx::query_scalar!(
            "update connections set secrets = $2, status = 'disconnected', account = null, error = null, checked_at = null where id = $1 returning version",
            self.id.0,
            self.secrets
        )
        .fetch_one(cx.db())
        .await?)
    }

    /// Deletes the oldest `first` replaced keys.
    pub async fn forget_replaced(mut self, cx: &mut Cx<'_>, first: usize) -> Result<()> {
        let left: Vec<Value> = self.secrets[REPLACED].as_array().into_iter().flatten().skip(first).cloned().collect();
        self.secrets[REPLACED] = left.into();
        if let Some(secrets) = self.secrets.as_object_mut() {
            secrets.retain(|name, value| name != REPLACED || value != &json!([]));
        }
        sqlx::query!("update connections set secrets = $2 where id = $1", self.id.0, self.secrets).execute(cx.db()).await?;
        Ok(())
    }
}

/// Records the result of a check: the provider's own name of the account, or what is wrong. Returns the new version; not found if it was
/// disconnected meanwhile.
pub async fn record_check(cx: &mut Cx<'_>, id: ConnectionId, result: Result<&str, &str>) -> Result<i32> {
    Ok(sqlx::query_scalar!(
        "update connections set status = $2, account = coalesce($3, account), error = $4, checked_at = app.now()
          where id = $1 and status <> 'disconnected' returning version",
        id.0,
        if result.is_ok() { "connected" } else { "failing" },
        result.ok(),
        result.err()
    )
    .fetch_one(cx.db())
    .await?)
}
