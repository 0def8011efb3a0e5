//! Every read of users, sessions and sign-ins.

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

/// The user with this email address, which must be in lower case as stored.
pub async fn user_by_email(app: &App, email: &str) -> Result<Option<UserId>> {
    Ok(sqlx::query_scalar!(r#"select id as "id: UserId" from users where email = $1"#, email).fetch_optional(&app.pool).await?)
}

/// The user's email address.
pub async fn email_of(app: &App, user: UserId) -> Result<String> {
    Ok(sqlx::query_scalar!("select email from users where id = $1", user.0).fetch_one(&app.pool).await?)
}

/// The address of the browser's newest sign-in request that is neither used nor expired. `browser` is its `BROWSER_COOKIE`.
pub async fn waiting(app: &App, browser: &str) -> Result<Option<String>> {
    Ok(sqlx::query_scalar!(
        "select email from sign_ins where browser_hash = $1 and used_at is null and expires_at > $2 order by created_at desc limit 1",
        token_hash(browser),
        app.clock.now()
    )
    .fetch_optional(&app.pool)
    .await?)
}

/// The address's newest request to make a business that is neither used nor expired.
pub async fn pending_sign_up(app: &App, email: &str) -> Result<Option<SignInId>> {
    Ok(sqlx::query_scalar!(
        r#"select id as "id: SignInId" from sign_ins
            where email = $1 and sign_up is not null and used_at is null and expires_at > $2 order by created_at desc limit 1"#,
        email,
        app.clock.now()
    )
    .fetch_optional(&app.pool)
    .await?)
}

/// Whether the link of `token` can still be used. Does not use it up.
pub async fn link_is_good(app: &App, token: &str) -> Result<bool> {
    Ok(sqlx::query_scalar!(
        r#"select exists (select from sign_ins where token_hash = $1 and used_at is null and expires_at > $2) as "good!""#,
        token_hash(token),
        app.clock.now()
    )
    .fetch_one(&app.pool)
    .await?)
}

/// The recipient of a sign-in mail.
pub struct Mail {
    pub email: String,
    /// Whether the address has a user or signs up for a business. Others get no mail.
    pub is_welcome: bool,
}

/// The recipient of a sign-in request. Returns `None` if the request is used or expired.
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

/// A business that a user belongs to or is invited to.
#[derive(Debug, Clone, Serialize)]
pub struct Business {
    pub org: OrgId,
    pub name: String,
    pub role: Role,
    pub member: MemberId,
    /// An invited member must accept before entering.
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

/// The session's current business. Returns `None` if the user is no longer an active member of it.
pub async fn current(app: &App, session: SessionId) -> Result<Option<OrgId>> {
    Ok(sqlx::query_scalar!(
        r#"select s.org_id as "org!: OrgId" from sessions s, app.businesses_of(s.user_id) b
            where s.id = $1 and b.org_id = s.org_id and b.state = 'active'"#,
        session.0
    )
    .fetch_optional(&app.pool)
    .await?)
}

/// Whether `user` (`None` if not signed in) may create a business, by the instance's `sign_up` setting.
pub async fn may_found(app: &App, user: Option<UserId>) -> Result<bool> {
    match app.sign_up {
        SignUp::Open => return Ok(true),
        SignUp::Closed => return Ok(false),
        SignUp::FirstOnly => {}
    }
    if !sqlx::query_scalar!(r#"select app.has_business() as "any!""#).fetch_one(&app.pool).await? {
        return Ok(true);
    }
    // The owner of the first business may create more.
    let Some(user) = user else { return Ok(false) };
    Ok(sqlx::query_scalar!(
        r#"select exists (select from app.businesses_of($1) b where b.role = 'owner' and b.state = 'active') as "owns!""#,
        user.0
    )
    .fetch_one(&app.pool)
    .await?)
}

/// A live session as its user sees it.
#[derive(Debug, Clone, Serialize)]
pub struct Session {
    pub id: SessionId,
    pub device: String,
    pub network: String,
    pub signed_in_at: DateTime<Utc>,
    /// Accurate to about a day: use is recorded at most once in 20 hours.
    pub last_seen_at: DateTime<Utc>,
    pub is_this: bool,
}

/// The user's live sessions: the session `this` first, then the most recently used.
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

/// `sessions` of `/api/data`: the caller's own.
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
