//! Requests for a sign-in mail.

use serde_json::Value;
use sqlx::PgConnection;

use crate::identity::{LINK_LIFE, code, code_hash, data, email, jobs::SendSignIn, link_token, local_path, token_hash};
use platform::{
    app::App,
    commit::{commit, settle},
    error::{Error, Result},
    ids::SignInId,
    jobs, rate,
    secrets::random_token,
    tenant::begin_whole,
};

/// A request for a sign-in mail.
#[derive(Debug, Default)]
pub struct Ask<'a> {
    pub email: &'a str,
    pub next: &'a str,
    /// A serialised `NewBusiness`, created once the address is proven.
    pub sign_up: Option<Value>,
    /// The network that limits count ([`platform::tenant::Origin::counted`]).
    pub network: &'a str,
    /// The browser's `BROWSER_COOKIE`; a value of another length is replaced by a new one.
    pub browser: Option<String>,
}

/// The value for the browser's `BROWSER_COOKIE`: the mailed code works only in that browser.
#[derive(Debug)]
pub struct Asked {
    pub browser: String,
}

/// Stores the request and queues the mail. Row, job and answer are the same whether or not the address is known, so no user is revealed.
/// An error if the address is malformed, after 5 requests of one address or 30 of one network in 15 minutes, and for sign-ups, which mail
/// strangers, after 5 of one address a day or 60 of all an hour.
pub async fn ask(app: &App, ask: Ask<'_>) -> Result<Asked> {
    let email = email(ask.email)?;
    rate::limit(app, &format!("sign-in:network:{}", ask.network), 30, 900).await?;
    rate::limit(app, &format!("sign-in:email:{email}"), 5, 900).await?;
    if ask.sign_up.is_some() {
        rate::limit(app, &format!("sign-up:email:{email}"), 5, 86_400).await?;
        rate::limit(app, "sign-up:all", 60, 3600).await?;
    }
    let browser = ask.browser.filter(|b| b.len() == 43).unwrap_or_else(random_token);
    let id = SignInId::new();
    settle(async || {
        let mut tx = begin_whole(&app.pool, "BEGIN".into()).await?;
        // Known already: the answer to an earlier COMMIT was lost, and the mail is queued.
        if insert(&mut tx, app, id, &email, Some(&browser), local_path(ask.next), ask.sign_up.as_ref()).await? {
            jobs::enqueue(&mut tx, (), SendSignIn { sign_in: id }).await?;
        }
        commit(tx).await
    })
    .await?;
    Ok(Asked { browser })
}

/// Creates a one-time sign-in link for the user with the address `typed`, for the instance's operator to pass on (`rounds sign-in-link`).
/// Sends no mail. `NotFound` if no user has the address.
pub async fn sign_in_link(app: &App, typed: &str) -> Result<String> {
    let email = email(typed)?;
    data::user_by_email(app, &email).await?.ok_or(Error::NotFound)?;
    let id = SignInId::new();
    let mut db = app.pool.acquire().await?;
    insert(&mut db, app, id, &email, None, None, None).await?;
    Ok(app.url(&format!("/sign-in/{}", link_token(app, id))))
}

/// False: it is there already.
async fn insert(
    db: &mut PgConnection,
    app: &App,
    id: SignInId,
    email: &str,
    browser: Option<&str>,
    next: Option<&str>,
    sign_up: Option<&Value>,
) -> Result<bool> {
    let now = app.clock.now();
    let browser = browser.map(token_hash);
    let done = sqlx::query!(
        "insert into sign_ins (id, email, token_hash, code_hash, browser_hash, created_at, expires_at, next_path, sign_up)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         on conflict (id) do nothing",
        id.0,
        email,
        token_hash(&link_token(app, id)),
        code_hash(app, id, &code(app, id)),
        browser,
        now,
        now + LINK_LIFE,
        next,
        sign_up
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}
