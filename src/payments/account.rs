//! The Stripe account that a business takes money with: its own connection, else the instance-wide key of a single-business install.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    business,
    platform::{app::App, error::Result, ids::OrgId, secrets::Secret, stripe::Stripe},
};

/// Where a business's Stripe calls go.
#[derive(Debug, Clone)]
pub struct Account {
    pub stripe: Stripe,
    /// Names the account among the business's records: its connection, or 'instance'.
    pub name: String,
}

/// The account of this business; none where payments online are not set up. The demo only ever has the simulated one.
pub async fn of(db: &mut PgConnection, app: &App, org: OrgId) -> Result<Option<Account>> {
    if !app.is_demo
        && let Some(own) = business::data::stripe(&mut *db, app, org).await?
    {
        return Ok(Some(Account { stripe: app.stripe.with_key(own.secret_key), name: own.connection.to_string() }));
    }
    let Some(key) = app.stripe_key.clone() else { return Ok(None) };
    if app.is_demo || is_only_business(db, org).await? {
        return Ok(Some(Account { stripe: app.stripe.with_key(key), name: "instance".into() }));
    }
    Ok(None)
}

/// The instance-wide key is for a single business.
async fn is_only_business(db: &mut PgConnection, org: OrgId) -> Result<bool> {
    let all = sqlx::query_scalar!(r#"select id as "id!: OrgId" from app.org_ids() id limit 2"#).fetch_all(db).await?;
    Ok(all == [org])
}

/// The business that a connection's webhook address belongs to.
pub async fn org_of_connection(app: &App, connection: Uuid) -> Result<Option<OrgId>> {
    Ok(sqlx::query_scalar!(r#"select app.connection_org($1) as "org: OrgId""#, connection).fetch_one(&app.pool).await?)
}

/// The business that an instance-wide event belongs to: the only one; where there are several (the demo), the one it names.
pub async fn org_of_instance(app: &App, named: Option<OrgId>) -> Result<Option<OrgId>> {
    let all = sqlx::query_scalar!(r#"select id as "id!: OrgId" from app.org_ids() id"#).fetch_all(&app.pool).await?;
    Ok(match (named, all.as_slice()) {
        (_, [only]) => Some(*only),
        (Some(named), all) if app.is_demo && all.contains(&named) => Some(named),
        _ => None,
    })
}

/// The secret that signs what comes to a connection's address.
pub async fn webhook_secret(db: &mut PgConnection, app: &App, org: OrgId, connection: Uuid) -> Result<Option<Secret>> {
    let own = business::data::stripe(db, app, org).await?;
    Ok(own.filter(|s| s.connection.0 == connection).and_then(|s| s.webhook_secret))
}
