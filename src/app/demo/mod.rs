//! The demo: "Crystal Clear Windows", an invented business with two years of history and visits today and tomorrow. All dates are relative
//! to the day it is started on; the data is the same on every machine.

pub mod actions;
mod bills;
mod days;
mod dice;
mod past;
mod people;
mod rows;
mod visit;
pub mod web;
mod words;

use actions::{Fill, TopUp, opened};
use office::identity::actions::{sign_in_link, user_of};
use platform::{
    action::Meta,
    app::App,
    commit::commit,
    error::Result,
    ids::{MemberId, OrgId, UserId},
    role::{MemberState, Role},
    tenant::Write,
};

pub const NAME: &str = "Crystal Clear Windows";
pub const ZONE: &str = "America/Chicago";
const PREFIX: &str = "INV-";
/// Years of history.
const YEARS: u64 = 2;

/// Name and email of the team's members.
pub const OWNER: (&str, &str) = ("Taylor Brooks", "owner@example.com");
pub const FIRST: (&str, &str) = ("Marcy Nolan", "tech1@example.com");
pub const SECOND: (&str, &str) = ("Dale Pruitt", "tech2@example.com");

/// A member of the demo's team.
#[derive(Debug, Clone, Copy)]
struct Person {
    id: MemberId,
}

impl Person {
    fn actor(self) -> String {
        format!("member:{}", self.id)
    }
}

struct Team {
    owner: Person,
    first: Person,
    second: Person,
}

impl Team {
    fn technician(&self, which: usize) -> Person {
        if which == 0 { self.first } else { self.second }
    }
}

/// Creates the demo business if there is none, fills it, and adds visits for today and tomorrow. Safe to run at every start.
pub async fn ensure(app: &App) -> Result<OrgId> {
    let org = match find(app).await? {
        Some(org) => org,
        None => make(app).await?,
    };
    let write = Write::of_org(app, org, "system").await?;
    write.act(&Meta::default(), Fill {}).await?;
    write.act(&Meta::default(), TopUp {}).await?;
    Ok(org)
}

/// A new single-use link that signs the owner in.
pub async fn link(app: &App) -> Result<String> {
    sign_in_link(app, OWNER.1).await
}

/// Whether the demo may start: only in a database without businesses or with an existing demo, since the demo lets anyone sign in.
pub async fn may_start(app: &App) -> Result<bool> {
    let others: bool = sqlx::query_scalar("select app.has_business()").fetch_one(&app.pool).await?;
    Ok(!others || find(app).await?.is_some())
}

/// Finds the demo business; returns `None` if it was not created yet.
pub async fn find(app: &App) -> Result<Option<OrgId>> {
    let theirs: Vec<OrgId> =
        sqlx::query_scalar("select b.org_id from users u cross join lateral app.businesses_of(u.id) b where u.email = $1")
            .bind(OWNER.1)
            .fetch_all(&app.pool)
            .await?;
    for org in theirs {
        if Write::of_org(app, org, "system").await?.who.is_demo {
            return Ok(Some(org));
        }
    }
    Ok(None)
}

/// Creates the business and its three members. Sets the tenant and actor itself, as there is no business to act in yet.
async fn make(app: &App) -> Result<OrgId> {
    let (org, now) = (OrgId::new(), app.clock.now());
    let mut tx = platform::tenant::begin_whole(&app.pool, "BEGIN".into()).await?;
    sqlx::query("select app.enter($1, null, 'system', $2, '', '', 'system'), set_config('app.action', 'demo.create', true)")
        .bind(org)
        .bind(now)
        .execute(&mut *tx)
        .await?;
    sqlx::query(
        "insert into orgs (id, name, time_zone, currency, country, email, phone, street, city, region, postal_code, tax_id, website, invoice_prefix, is_demo, created_at)
         values ($1, $2, $3, 'USD', 'US', 'hello@example.com', '(256) 555-0142', '118 Lantern Way', 'Huntsville', 'AL', '35801', '00-1234567',
                 'https://crystalclear.example', $4, true, $5)",
    )
    .bind(org)
    .bind(NAME)
    .bind(ZONE)
    .bind(PREFIX)
    .bind(opened(now))
    .execute(&mut *tx)
    .await?;
    for ((name, email), role, color) in [(OWNER, Role::Owner, 0), (FIRST, Role::Staff, 1), (SECOND, Role::Staff, 2)] {
        let user: UserId = user_of(&mut tx, app, email).await?;
        sqlx::query("update users set name = $2 where id = $1 and name = ''").bind(user).bind(name).execute(&mut *tx).await?;
        sqlx::query(
            "insert into members (id, user_id, role, state, name, email, color, is_technician, joined_at, created_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)",
        )
        .bind(MemberId::new())
        .bind(user)
        .bind(role)
        .bind(MemberState::Active)
        .bind(name)
        .bind(email)
        .bind(color)
        .bind(role == Role::Staff)
        .bind(opened(now))
        .execute(&mut *tx)
        .await?;
    }
    commit(tx).await?;
    Ok(org)
}
