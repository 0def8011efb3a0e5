//! Every read of people, sessions and sign-ins.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgConnection;

use super::{device, token_hash};
use platform::{
    app::{App, SignUp},
    error::{Error, Result},
    ids::{MemberId, OrgId, SessionId, SignInId, UserId},
    query::{Entry, Listing},
    role::{MemberState, Permission, Role},
};

/// The person of an address (as kept: lower case).
pub async fn user_by_email(app: &App, email: &str) -> Result<Option<UserId>> {
    Ok(sqlx::query_scalar!(r#"select id as "id: UserId" from users where email = $1"#, email).fetch_optional(&app.pool).await?)
}

/// A person's own address.
pub async fn email_of(app: &App, user: UserId) -> Result<String> {
    Ok(sqlx::query_scalar!("select email from users where id = $1", user.0).fetch_one(&app.pool).await?)
}

/// The address a browser waits for mail at, while the mail is good.
pub async fn waiting(app: &App, browser: &str) -> Result<Option<String>> {
    Ok(sqlx::query_scalar!(
        "select email from sign_ins where browser_hash = $1 and used_at is null and expires_at > $2 order by created_at desc limit 1",
        token_hash(browser),
        app.clock.now()
    )
    .fetch_optional(&app.pool)
    .await?)
}

/// Whether a link can still be used. Looking changes nothing.
pub async fn link_is_good(app: &App, token: &str) -> Result<bool> {
    Ok(sqlx::query_scalar!(
        r#"select exists (select from sign_ins where token_hash = $1 and used_at is null and expires_at > $2) as "good!""#,
        token_hash(token),
        app.clock.now()
    )
    .fetch_one(&app.pool)
    .await?)
}

/// To whom a sign-in mail goes, and whether there is anybody to let in.
pub struct Mail {
    pub email: String,
    /// Known here, or about to make a business.
    pub is_welcome: bool,
}

/// What the mail needs. `None`: used or too old.
pub async fn mail(app: &App, id: SignInId) -> Result<Option<Mail>> {
    Ok(sqlx::query_as!(
        Mail,
        r#"select s.email,
                  (s.sign_up is not null or exists (select from users u where u.email = s.email)) as "is_welcome!"
             from sign_ins s where s.id = $1 and s.used_at is null and s.expires_at > $2"#,
        id.0,
        app.clock.now()
    )
    .fetch_optional(&app.pool)
    .await?)
}

/// A business of a person.
#[derive(Debug, Clone, Serialize)]
pub struct Business {
    pub org: OrgId,
    pub name: String,
    pub role: Role,
    pub member: MemberId,
    /// Invited: to be accepted first.
    pub state: MemberState,
}

pub async fn businesses(app: &App, user: UserId) -> Result<Vec<Business>> {
    Ok(sqlx::query_as!(
        Business,
        r#"select org_id as "org!: OrgId", name as "name!", role as "role!: Role", member_id as "member!: MemberId", state as "state!: MemberState"
             from app.businesses_of($1)"#,
        user.0
    )
    .fetch_all(&app.pool)
    .await?)
}

/// The business a session is in, if the person still belongs to it.
pub async fn current(app: &App, session: SessionId) -> Result<Option<OrgId>> {
    Ok(sqlx::query_scalar!(
        r#"select s.org_id as "org!: OrgId" from sessions s, app.businesses_of(s.user_id) b
            where s.id = $1 and b.org_id = s.org_id and b.state = 'active'"#,
        session.0
    )
    .fetch_optional(&app.pool)
    .await?)
}

/// Whether somebody may make a business here: anybody, or (`user`) an owner of one.
pub async fn may_found(app: &App, user: Option<UserId>) -> Result<bool> {
    match app.sign_up {
        SignUp::Open => return Ok(true),
        SignUp::Closed => return Ok(false),
        SignUp::FirstOnly => {}
    }
    if !sqlx::query_scalar!(r#"select app.has_business() as "any!""#).fetch_one(&app.pool).await? {
        return Ok(true);
    }
    // Who made the first one may make more.
    let Some(user) = user else { return Ok(false) };
    Ok(sqlx::query_scalar!(
        r#"select exists (select from app.businesses_of($1) b where b.role = 'owner' and b.state = 'active') as "owns!""#,
        user.0
    )
    .fetch_one(&app.pool)
    .await?)
}

/// A live session, as its person sees it.
#[derive(Debug, Clone, Serialize)]
pub struct Session {
    pub id: SessionId,
    pub device: String,
    pub network: String,
    pub signed_in_at: DateTime<Utc>,
    /// To the day: use is written down at most once a day.
    pub last_seen_at: DateTime<Utc>,
    pub is_this: bool,
}

/// A person's live sessions, the newest use first, this one before all.
pub async fn sessions(db: &mut PgConnection, user: UserId, this: Option<SessionId>, now: DateTime<Utc>) -> Result<Vec<Session>> {
    let rows = sqlx::query!(
        r#"select id as "id: SessionId", user_agent, network, created_at, last_seen_at from sessions
            where user_id = $1 and revoked_at is null and expires_at > $2 order by last_seen_at desc, id limit 200"#,
        user.0,
        now
    )
    .fetch_all(db)
    .await?;
    let mut sessions: Vec<_> = rows
        .into_iter()
        .map(|r| Session {
            id: r.id,
            device: device(&r.user_agent),
            network: r.network,
            signed_in_at: r.created_at,
            last_seen_at: r.last_seen_at,
            is_this: Some(r.id) == this,
        })
        .collect();
    sessions.sort_by_key(|s| !s.is_this);
    Ok(sessions)
}

/// `sessions` of `/api/data`: the asking person's own.
pub fn sessions_entry() -> Entry {
    Entry {
        name: "sessions",
        needs: Permission::Any,
        capability: None,
        filters: &[],
        includes: &[],
        run: |read, params| {
            Box::pin(async move {
                let user = read.who.user.ok_or(Error::Forbidden)?;
                let (this, now) = (read.who.session, read.who.now);
                let mut rows = sessions(read.db(), user, this, now).await?;
                if let Some(id) = params.id {
                    rows.retain(|s| s.id.0 == id);
                }
                let limit = usize::try_from(params.limit).unwrap_or(usize::MAX);
                rows.truncate(limit.max(1));
                Listing::page(rows, params.limit, |s| s.id)
            })
        },
    }
}
