//! The Stripe account of a business: its own connection, else the instance-wide key if the instance has a single business.

use sqlx::PgConnection;
use uuid::Uuid;

use super::simulated;
use office::business;
use platform::{
    app::App,
    error::Result,
    ids::OrgId,
    secrets::{Secret, sha256_hex},
    stripe::Stripe,
};

/// A Stripe account to call.
#[derive(Debug, Clone)]
pub struct Account {
    pub stripe: Stripe,
    /// Identifies the account in the business's records: a digest of its key. Stripe customers and payment pages exist in one account only.
    pub name: String,
    /// Whether a signing secret is configured, so that the account's webhook events can be verified.
    pub is_heard: bool,
}

impl Account {
    fn of_key(app: &App, key: Secret, is_heard: bool) -> Self {
        // The simulation loses its state when the process ends, so each process counts as a new account.
        let name = if app.is_demo { simulated::account().to_owned() } else { sha256_hex(key.expose())[..32].to_owned() };
        Self { stripe: app.stripe.with_key(key), name, is_heard }
    }
}

/// All accounts in which a business may have open payment pages.
#[derive(Debug, Clone, Default)]
pub struct Accounts {
    pub present: Option<Account>,
    /// Replaced accounts whose payment pages are still being closed, and the instance-wide account if the business has its own.
    pub past: Vec<Account>,
}

pub async fn all(db: &mut PgConnection, app: &App, org: OrgId) -> Result<Accounts> {
    let instance = app.stripe_key.clone().map(|key| Account::of_key(app, key, app.stripe_webhook_secret.is_some()));
    if app.is_demo {
        return Ok(Accounts { present: instance, past: vec![] });
    }
    let own = business::data::stripe(&mut *db, app, org).await?;
    let replaced = business::data::replaced_stripe_keys(&mut *db, app, org).await?;
    let instance = if instance.is_some() && is_only_business(db, org).await? { instance } else { None };
    let present = own.map(|own| Account::of_key(app, own.secret_key, own.webhook_secret.is_some())).or_else(|| instance.clone());
    let mut past: Vec<Account> = replaced.into_iter().flatten().map(|key| Account::of_key(app, key, false)).chain(instance).collect();
    past.retain(|a| present.as_ref().is_none_or(|p| p.name != a.name));
    Ok(Accounts { present, past })
}

/// The business's present account, usable for refunds; `None` if there is no key. The demo always uses the simulated one.
pub async fn of(db: &mut PgConnection, app: &App, org: OrgId) -> Result<Option<Account>> {
    Ok(all(db, app, org).await?.present)
}

/// The present account if customers can pay with it: without a signing secret, payments would never be recorded.
pub async fn payable(db: &mut PgConnection, app: &App, org: OrgId) -> Result<Option<Account>> {
    Ok(of(db, app, org).await?.filter(|a| a.is_heard))
}

/// Whether `org` is the only business of the instance; the instance-wide key is used only then.
async fn is_only_business(db: &mut PgConnection, org: OrgId) -> Result<bool> {
    let all = sqlx::query_scalar!(r#"select id as "id!: OrgId" from app.org_ids() id limit 2"#).fetch_all(db).await?;
    Ok(all == [org])
}

/// The business that owns a connection, found by the id in its webhook URL.
pub async fn org_of_connection(app: &App, connection: Uuid) -> Result<Option<OrgId>> {
    Ok(sqlx::query_scalar!(r#"select app.connection_org($1) as "org: OrgId""#, connection).fetch_one(&app.pool).await?)
}

/// The business that an instance-wide event belongs to: the only one, or in the demo the one that the event names.
pub async fn org_of_instance(app: &App, named: Option<OrgId>) -> Result<Option<OrgId>> {
    let all = sqlx::query_scalar!(r#"select id as "id!: OrgId" from app.org_ids() id"#).fetch_all(&app.pool).await?;
    Ok(match (named, all.as_slice()) {
        (_, [only]) => Some(*only),
        (Some(named), all) if app.is_demo && all.contains(&named) => Some(named),
        _ => None,
    })
}

/// The signing secret of a connection's webhook events.
pub async fn webhook_secret(db: &mut PgConnection, app: &App, org: OrgId, connection: Uuid) -> Result<Option<Secret>> {
    let own = business::data::stripe(db, app, org).await?;
    Ok(own.filter(|s| s.connection.0 == connection).and_then(|s| s.webhook_secret))
}
