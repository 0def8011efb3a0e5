//! The demo: "Crystal Clear Windows", an invented business with two years behind it, and today and tomorrow ahead. Everything is made relative
//! to the day it is started on, and the same on every machine.

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

use crate::{
    identity::actions::{sign_in_link, user_of},
    platform::{
        action::Meta,
        app::App,
        commit::commit,
        error::Result,
        ids::{MemberId, OrgId, UserId},
        role::{MemberState, Role},
        tenant::Write,
    },
};
use actions::{Fill, TopUp, opened};

pub const NAME: &str = "Crystal Clear Windows";
pub const ZONE: &str = "America/Chicago";
const PREFIX: &str = "INV-";
/// Years of work that lie behind it.
const YEARS: u64 = 2;

/// Name and address.
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

/// Makes the demo business if there is none, fills it, and sees to it that today and tomorrow have visits. May run at every start.
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

/// A fresh link that signs the owner in, once.
pub async fn link(app: &App) -> Result<String> {
    sign_in_link(app, OWNER.1).await
}

/// Not beside somebody's own business, unless that one was made in the demo: in the demo anybody may sign in.
pub async fn may_start(app: &App) -> Result<bool> {
    let others: bool = sqlx::query_scalar("select app.has_business()").fetch_one(&app.pool).await?;
    Ok(!others || find(app).await?.is_some())
}

/// The demo business, if it was made before.
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

/// The business and its three people. Happens before there is a business to enter, so it sets itself who is asking.
async fn make(app: &App) -> Result<OrgId> {
    let (org, now) = (OrgId::new(), app.clock.now());
    let mut tx = crate::platform::tenant::begin_whole(&app.pool, "BEGIN".into()).await?;
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
