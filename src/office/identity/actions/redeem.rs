//! Redeems a sign-in link or code, each at most once.

use serde_json::Value;
use sqlx::PgConnection;

use crate::identity::{CODE_ATTEMPTS, SESSION_LIFE, code_hash, token_hash};
use platform::{
    app::App,
    error::Result,
    ids::{SessionId, SignInId, UserId},
    secrets::{hex, random_token, same},
    tenant::Origin,
};

/// The credential from a sign-in mail: its link or its code.
#[derive(Clone, Copy)]
pub enum Proof<'a> {
    Link(&'a str),
    /// Valid only in the browser that requested the mail; `browser` is its `BROWSER_COOKIE`.
    Code {
        code: &'a str,
        browser: &'a str,
    },
}

/// The session that a sign-in is to open. Made before its transaction, so that it is found again if the answer to COMMIT is lost.
pub struct NewSession {
    pub id: SessionId,
    /// For the cookie; nothing else knows it.
    pub token: String,
}

impl NewSession {
    pub fn random() -> Self {
        Self { id: SessionId::new(), token: random_token() }
    }

    /// Whether it was opened.
    pub async fn is_open(&self, db: &mut PgConnection) -> Result<bool> {
        Ok(sqlx::query_scalar!(r#"select exists (select from sessions where id = $1) as "open!""#, self.id.0).fetch_one(db).await?)
    }
}

/// A person who has just signed in.
pub struct Redeemed {
    pub user: UserId,
    pub next: Option<String>,
    /// A serialised `NewBusiness` to create, since the address is now proven.
    pub sign_up: Option<Value>,
}

struct Row {
    email: String,
    next_path: Option<String>,
    sign_up: Option<Value>,
}

/// Uses the proof up and opens `session`. `None`: it is wrong, used, too old, or another browser's. The caller commits either way,
/// so that wrong codes are counted.
pub async fn redeem(
    db: &mut PgConnection,
    app: &App,
    proof: Proof<'_>,
    session: &NewSession,
    origin: &Origin,
    user_agent: &str,
) -> Result<Option<Redeemed>> {
    let row = match proof {
        Proof::Link(token) => by_link(db, app, token).await?,
        Proof::Code { code, browser } => by_code(db, app, code, browser).await?,
    };
    let Some(row) = row else { return Ok(None) };
    let known = sqlx::query_scalar!(r#"select id as "id: UserId" from users where email = $1"#, row.email).fetch_optional(&mut *db).await?;
    let user = match (known, &row.sign_up) {
        (Some(user), _) => user,
        (None, Some(_)) => user_of(db, app, &row.email).await?,
        (None, None) => return Ok(None),
    };
    open_session(db, app, user, session, origin, user_agent).await?;
    Ok(Some(Redeemed { user, next: row.next_path, sign_up: row.sign_up }))
}

async fn by_link(db: &mut PgConnection, app: &App, token: &str) -> Result<Option<Row>> {
    Ok(sqlx::query_as!(
        Row,
        r#"update sign_ins set used_at = $2 where token_hash = $1 and used_at is null and expires_at > $2
           returning email, next_path, sign_up"#,
        token_hash(token),
        app.clock.now()
    )
    .fetch_optional(db)
    .await?)
}

async fn by_code(db: &mut PgConnection, app: &App, code: &str, browser: &str) -> Result<Option<Row>> {
    let typed: String = code.chars().filter(char::is_ascii_digit).collect();
    // Counting before comparing locks the row, so parallel guesses cannot exceed the limit.
    let row = sqlx::query!(
        r#"
        update sign_ins set attempts = attempts + 1
         where id = (select id from sign_ins where browser_hash = $1 and used_at is null and expires_at > $2 order by created_at desc limit 1)
           and used_at is null and attempts < $3
        returning id as "id: SignInId", email, next_path, sign_up, code_hash
        "#,
        token_hash(browser),
        app.clock.now(),
        CODE_ATTEMPTS
    )
    .fetch_optional(&mut *db)
    .await?;
    let Some(row) = row else { return Ok(None) };
    if !same(&hex(&code_hash(app, row.id, &typed)), &hex(&row.code_hash)) {
        return Ok(None);
    }
    sqlx::query!("update sign_ins set used_at = $2 where id = $1", row.id.0, app.clock.now()).execute(db).await?;
    Ok(Some(Row { email: row.email, next_path: row.next_path, sign_up: row.sign_up }))
}

/// Returns the user with the address `email`, creating one if needed. Signing in as this user still needs a mail sent to the address.
pub async fn user_of(db: &mut PgConnection, app: &App, email: &str) -> Result<UserId> {
    let id = UserId::new();
    sqlx::query!(
        "insert into users (id, email, created_at) values ($1, $2, $3) on conflict (email) do nothing",
        id.0,
        email,
        app.clock.now()
    )
    .execute(&mut *db)
    .await?;
    Ok(sqlx::query_scalar!(r#"select id as "id: UserId" from users where email = $1"#, email).fetch_one(db).await?)
}

/// Opens a session in the business the person was in last, else in the first of theirs.
async fn open_session(
    db: &mut PgConnection,
    app: &App,
    user: UserId,
    session: &NewSession,
    origin: &Origin,
    user_agent: &str,
) -> Result<()> {
    let now = app.clock.now();
    let user_agent: String = user_agent.chars().take(300).collect();
    sqlx::query!(
        r#"
        insert into sessions (id, user_id, token_hash, created_at, last_seen_at, expires_at, user_agent, network, org_id)
        values ($1, $2, $3, $4, $4, $5, $6, $7,
          (select b.org_id from app.businesses_of($2) b where b.state = 'active'
            order by b.org_id is not distinct from (select s.org_id from sessions s where s.user_id = $2 and s.org_id is not null order by s.created_at desc limit 1) desc,
                     b.name limit 1))
        "#,
        session.id.0,
        user.0,
        token_hash(&session.token),
        now,
        now + SESSION_LIFE,
        user_agent,
        origin.network
    )
    .execute(db)
    .await?;
    Ok(())
}
