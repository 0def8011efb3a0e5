//! Ends sessions, extends them and switches them to another business.

use chrono::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::identity::{SESSION_END_DAYS, SESSION_LIFE, token_hash};
use platform::{
    action::{Action, Cx, Subject},
    app::App,
    commit::{commit, settle},
    error::{Error, Result},
    ids::{OrgId, SessionId, UserId},
    role::Permission,
    tenant::{SignedIn, begin_whole},
};

/// Ends one of the caller's own sessions at once.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct RevokeSession {
    pub id: SessionId,
}

/// Ends all of the caller's sessions except the current one.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
pub struct RevokeOtherSessions {}

/// How many sessions ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Revoked {
    pub ended: u64,
}

impl Action for RevokeSession {
    const NAME: &'static str = "session.revoke";
    const NEEDS: Permission = Permission::Any;
    type Output = Revoked;

    async fn run(self, cx: &mut Cx<'_>) -> Result<Revoked> {
        // Sessions belong to users; API tokens and jobs act without one.
        let user = cx.who.user.ok_or(Error::Forbidden)?;
        let now = cx.now();
        let mine = sqlx::query_scalar!("select revoked_at from sessions where id = $1 and user_id = $2 for update", self.id.0, user.0)
            .fetch_optional(cx.db())
            .await?;
        if mine.ok_or(Error::NotFound)?.is_some() {
            return Ok(Revoked { ended: 0 });
        }
        sqlx::query!("update sessions set revoked_at = $2 where id = $1", self.id.0, now).execute(cx.db()).await?;
        tell(cx, 1).await
    }
}

impl Action for RevokeOtherSessions {
    const NAME: &'static str = "session.revoke_others";
    const NEEDS: Permission = Permission::Any;
    type Output = Revoked;

    async fn run(self, cx: &mut Cx<'_>) -> Result<Revoked> {
        let user = cx.who.user.ok_or(Error::Forbidden)?;
        let (now, this) = (cx.now(), cx.who.session.map(|s| s.0));
        let ended = sqlx::query!(
            "update sessions set revoked_at = $2 where user_id = $1 and revoked_at is null and id is distinct from $3",
            user.0,
            now,
            this
        )
        .execute(cx.db())
        .await?
        .rows_affected();
        tell(cx, ended).await
    }
}

async fn tell(cx: &mut Cx<'_>, ended: u64) -> Result<Revoked> {
    let about = Subject { kind: "member", id: cx.who.member.map_or(cx.who.org.0, |m| m.0), contact: None };
    cx.event("session.revoked", about, serde_json::json!({ "ended": ended })).await?;
    Ok(Revoked { ended })
}

/// Ends the current session.
pub async fn sign_out(app: &App, who: &SignedIn) -> Result<()> {
    settle(async || {
        let mut tx = begin_whole(&app.pool, "BEGIN".into()).await?;
        sqlx::query!("update sessions set revoked_at = $2 where id = $1 and revoked_at is null", who.session.0, app.clock.now())
            .execute(&mut *tx)
            .await?;
        commit(tx).await
    })
    .await
}

/// Makes `org` the session's current business. `NotFound` if the user is not an active member of it.
pub async fn switch(db: &mut sqlx::PgConnection, user: UserId, session: SessionId, org: OrgId) -> Result<()> {
    let done = sqlx::query!(
        "update sessions set org_id = $3
          where id = $1 and user_id = $2 and exists (select from app.businesses_of($2) b where b.org_id = $3 and b.state = 'active')",
        session.0,
        user.0,
        org.0
    )
    .execute(db)
    .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(Error::NotFound) }
}

/// Ends the user's sessions for good, except the acting one: a person who leaves, or whose role changes, signs in again. Those in other
/// businesses end too, since any of them could switch back to this one. Returns their number.
pub async fn end_all_of(cx: &mut Cx<'_>, user: UserId) -> Result<u64> {
    let (now, acting) = (cx.now(), cx.who.session.map(|s| s.0));
    let done = sqlx::query!(
        "update sessions set revoked_at = $2 where user_id = $1 and revoked_at is null and id is distinct from $3",
        user.0,
        now,
        acting
    )
    .execute(cx.db())
    .await?;
    Ok(done.rows_affected())
}

/// Extends the session of `token` to [`SESSION_LIFE`] from now, at most once in 20 hours and never beyond [`SESSION_END_DAYS`] from its beginning.
/// Returns true if the cookie must be renewed too.
pub async fn extend(app: &App, token: &str) -> Result<bool> {
    let now = app.clock.now();
    let done = sqlx::query!(
        "update sessions set last_seen_at = $2, expires_at = least($3, created_at + make_interval(days => $5))
          where token_hash = $1 and revoked_at is null and expires_at > $2 and last_seen_at < $4",
        token_hash(token),
        now,
        now + SESSION_LIFE,
        now - Duration::hours(20),
        SESSION_END_DAYS
    )
    .execute(&app.pool)
    .await?;
    Ok(done.rows_affected() == 1)
}
