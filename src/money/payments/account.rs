//! The account of a business at a payment provider: its own connection, else the instance-wide key if the instance has a single business.

use rust_decimal::Decimal;
use sqlx::PgConnection;

use super::providers::{self, Provider, simulated};
use office::connections;
use platform::{
    app::App,
    error::Result,
    ids::OrgId,
    money::Currency,
    secrets::{Secret, sha256_hex},
};

/// An account to call.
#[derive(Debug, Clone)]
pub struct Account {
    pub provider: &'static dyn Provider,
    pub app: App,
    pub key: Secret,
    /// Identifies the account in the business's records: a digest of its key. Customers and payment pages exist in one account only.
    pub name: String,
    /// Whether a signing secret is configured, so that the account's events can be verified.
    pub is_heard: bool,
}

impl Account {
    pub fn of_key(app: &App, provider: &'static dyn Provider, key: Secret, is_heard: bool) -> Self {
        Self { provider, app: app.clone(), name: sha256_hex(key.expose())[..32].to_owned(), key, is_heard }
    }

    /// Whether the provider takes a payment of this size.
    pub fn takes(&self, currency: Currency, amount: Decimal) -> bool {
        let (least, most) = self.provider.limits(currency);
        (least..=most).contains(&amount)
    }
}

/// All accounts in which a business may have open payment pages.
#[derive(Debug, Clone, Default)]
pub struct Accounts {
    /// The accounts in use, the preferred one first.
    pub present: Vec<Account>,
    /// Replaced accounts whose payment pages are still being closed, and the instance-wide account if the business has its own.
    pub past: Vec<Account>,
}

pub async fn all(db: &mut PgConnection, app: &App, org: OrgId) -> Result<Accounts> {
    if app.is_demo {
        return Ok(Accounts { present: vec![simulated::account(app)], past: vec![] });
    }
    let keys = connections::keys(&mut *db, app, org).await?;
    let mut accounts = Accounts::default();
    for provider in providers::REAL {
        let own = keys.iter().find(|k| k.provider == provider.name());
        let replaced = own.into_iter().flat_map(|k| k.replaced.iter().flatten());
        let past: Vec<Account> = replaced.map(|key| Account::of_key(app, provider, key.clone(), false)).collect();
        let instance = match provider.of_instance(app) {
            Some((key, secret)) => is_only_business(db, org).await?.then(|| Account::of_key(app, provider, key, secret.is_some())),
            None => None,
        };
        let connected = own.and_then(|k| Some(Account::of_key(app, provider, k.secret_key.clone()?, k.webhook_secret.is_some())));
        let present = connected.or_else(|| instance.clone());
        let is_past = |a: &Account| present.as_ref().is_none_or(|p| p.name != a.name);
        accounts.past.extend(past.into_iter().chain(instance).filter(is_past));
        accounts.present.extend(present);
    }
    Ok(accounts)
}

impl Accounts {
    /// The account that payment pages are opened with: without a signing secret, payments would never be recorded.
    pub fn payable(&self) -> Option<&Account> {
        self.present.iter().find(|a| a.is_heard)
    }

    /// The account to refund a payment at, by the payment's source.
    pub fn of_source(&self, source: &str) -> Option<&Account> {
        self.present.iter().find(|a| a.provider.name() == source || a.app.is_demo)
    }
}

/// The present account if customers can pay with it.
pub async fn payable(db: &mut PgConnection, app: &App, org: OrgId) -> Result<Option<Account>> {
    Ok(all(db, app, org).await?.payable().cloned())
}

/// Whether `org` is the only business of the instance; the instance-wide key is used only then.
async fn is_only_business(db: &mut PgConnection, org: OrgId) -> Result<bool> {
    let all = sqlx::query_scalar!(r#"select id as "id!: OrgId" from app.org_ids() id limit 2"#).fetch_all(db).await?;
    Ok(all == [org])
}

/// The only business of the instance; `None` if there are several, or none.
pub async fn only_business(app: &App) -> Result<Option<OrgId>> {
    let all = sqlx::query_scalar!(r#"select id as "id!: OrgId" from app.org_ids() id limit 2"#).fetch_all(&app.pool).await?;
    Ok(if let [only] = all.as_slice() { Some(*only) } else { None })
}
