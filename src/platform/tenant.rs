//! The only ways to a tenant's tables: `Read` (one read-only transaction) and `Write` (a handle that runs actions).
//! Each authenticates the actor in the round trip that opens the transaction (`app.admit`, `app.open_page`).

use std::net::IpAddr;

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, header, request::Parts},
};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::Deserialize;
use serde_json::value::RawValue;
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Postgres, Row as _, Transaction, pool::PoolConnection};

use super::{
    app::App,
    error::{Error, Result},
    form::percent_decode,
    ids::{OrgId, SessionId, UserId},
    role::Permission,
    secrets::{digest, hex},
};

use super::who::Identity;
pub use super::who::{Origin, Who};

/// The session cookie's name.
pub const SESSION_COOKIE: &str = "rounds_session";

/// How an actor is authenticated. Hashes are SHA-256 of the secret presented.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Door {
    Session([u8; 32]),
    Token([u8; 32]),
    Link([u8; 32]),
    /// Background work and commands: the business is given, and the actor is not a person ('job', 'import', 'system').
    Org(OrgId, &'static str),
}

/// The permission that a route requires of a member: added to the request by the route, checked by `Read` and `Write`.
#[derive(Debug, Clone, Copy)]
pub struct Needs(pub Permission);

/// Opens a transaction for writes through a door. Who comes in is known from the read before.
pub(super) async fn open(app: &App, door: &Door, origin: &Origin, now: DateTime<Utc>) -> Result<Transaction<'static, Postgres>> {
    begin_whole(&app.pool, format!("BEGIN; SELECT {}", entering("app.admit", door, origin, now))).await
}

/// The call that lets `door` in. Every part of it is hex, a UUID, a timestamp, a constant or filtered by `clean`.
fn entering(function: &str, door: &Door, origin: &Origin, now: DateTime<Utc>) -> String {
    let at = now.to_rfc3339_opts(SecondsFormat::Micros, true);
    let (request, network) = (clean(&origin.request_id), clean(&origin.network));
    let by_hash = |door: &str, hash: &[u8; 32]| format!("'{door}', '\\x{}', null", hex(hash));
    let key = match door {
        Door::Session(hash) => by_hash("session", hash),
        Door::Token(hash) => by_hash("token", hash),
        Door::Link(hash) => by_hash("link", hash),
        Door::Org(org, actor) => format!("'{actor}', null, '{org}'"),
    };
    format!("{function}({key}, '{at}', '{request}', '{network}')")
}

/// Begins a transaction in a task of its own. If the request were cancelled meanwhile (a phone lost its connection), the connection would
/// otherwise return to the pool with an open transaction that the pool does not know of, and its next user would be inside it.
/// `statement` begins with BEGIN and contains nothing that a person typed.
pub async fn begin_whole(pool: &PgPool, statement: String) -> Result<Transaction<'static, Postgres>> {
    let pool = pool.clone();
    let begun = tokio::spawn(async move { pool.begin_with(AssertSqlSafe(statement)).await });
    Ok(begun.await.map_err(Error::internal)??)
}

/// Keeps only ASCII letters, digits and `-_.:`, at most 64: the characters of request ids and network addresses.
pub fn clean(s: &str) -> String {
    s.chars().filter(|c| c.is_ascii_alphanumeric() || "-_.:".contains(*c)).take(64).collect()
}

/// Whom the door lets in, as `app.admit` tells.
#[derive(Deserialize)]
struct Admitted {
    user: Option<UserId>,
    session: Option<SessionId>,
    /// `None` for a signed-in person without a business.
    who: Option<Identity>,
}

/// What `app.open_page` tells.
#[derive(Deserialize)]
struct Page {
    admitted: Option<Admitted>,
    header: Option<Box<RawValue>>,
}

/// A read-only transaction. It is rolled back when it is dropped, before anybody else gets the connection.
struct Reading(Option<PoolConnection<Postgres>>);

impl Reading {
    /// Begins one and returns the one value that `select` selects, in the same round trip. A request cancelled meanwhile drops it like any other.
    /// `select` contains nothing that a person typed.
    async fn begin(pool: &PgPool, select: String) -> Result<(Self, Option<String>)> {
        let mut reading = Self(Some(pool.acquire().await?));
        let row = sqlx::raw_sql(AssertSqlSafe(format!("BEGIN READ ONLY; SELECT {select}"))).fetch_one(reading.db()).await?;
        let told = row.try_get_unchecked(0)?;
        Ok((reading, told))
    }

    fn db(&mut self) -> &mut PgConnection {
        self.0.as_mut().expect("only drop takes it")
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let Some(mut connection) = self.0.take() else { return };
        tokio::spawn(async move {
            if sqlx::raw_sql("ROLLBACK").execute(&mut *connection).await.is_err() {
                connection.close_on_drop();
            }
        });
    }
}

/// Opens a read through a door: in one round trip the transaction, who comes in, and for a page what its header shows.
async fn enter(app: &App, door: &Door, origin: &Origin, is_page: bool) -> Result<(Reading, Page, DateTime<Utc>)> {
    let now = app.clock.now();
    let function = if is_page { "app.open_page" } else { "app.admit" };
    let (reading, told) = Reading::begin(&app.pool, entering(function, door, origin, now)).await?;
    let told = told.unwrap_or_else(|| "null".into());
    let mut page = if is_page { serde_json::from_str(&told)? } else { Page { admitted: serde_json::from_str(&told)?, header: None } };
    if let Some(identity) = page.admitted.as_mut().and_then(|a| a.who.as_mut()) {
        identity.origin = origin.clone();
        identity.is_demo &= app.is_demo;
    }
    Ok((reading, page, now))
}

/// One read-only transaction of one business; the database itself refuses writes.
pub struct Read {
    tx: Reading,
    pub who: Who,
    /// The JSON of the page's header (current ticket, counts) from `app.open_page`, with `since`, the oldest transaction that the page may not
    /// show yet and from which its live stream starts. For pages only.
    pub header: Option<Box<RawValue>>,
    /// The flash message set by the previous response.
    pub flash: Option<String>,
}

impl Read {
    pub fn db(&mut self) -> &mut PgConnection {
        self.tx.db()
    }

    /// Opens a read of a business for background work and commands.
    pub async fn of_org(app: &App, org: OrgId) -> Result<Self> {
        Self::through(app, &Door::Org(org, "job"), &Origin::default(), false).await
    }

    /// Opens a read through any door. Errors: `Unauthorized` if it admits nobody, or a person without a business.
    pub async fn through(app: &App, door: &Door, origin: &Origin, is_page: bool) -> Result<Self> {
        let (tx, page, now) = enter(app, door, origin, is_page).await?;
        let identity = page.admitted.and_then(|a| a.who).ok_or(Error::Unauthorized)?;
        Ok(Self { tx, who: Who::new(identity, now), header: page.header, flash: None })
    }
}

/// The right to run actions as the actor that the door admitted. Holds no transaction, as a body may arrive slowly over a weak connection.
pub struct Write {
    pub(super) app: App,
    pub(super) door: Door,
    pub who: Who,
}

impl Write {
    /// Opens a write for background work and commands; `actor` is 'job', 'import' or 'system'.
    pub async fn of_org(app: &App, org: OrgId, actor: &'static str) -> Result<Self> {
        Self::through(app, Door::Org(org, actor), &Origin::default()).await
    }

    /// Authenticates the actor, then releases the database connection.
    pub async fn through(app: &App, door: Door, origin: &Origin) -> Result<Self> {
        let read = Read::through(app, &door, origin, false).await?;
        Ok(Self { app: app.clone(), door, who: read.who })
    }

    /// Opens a new read of the same business by the same actor, for the page that follows.
    pub async fn read(&self) -> Result<Read> {
        Read::through(&self.app, &self.door, &self.who.origin, true).await
    }

    pub fn app(&self) -> &App {
        &self.app
    }
}

/// Returns the request's id (set by the observing middleware) and the network address it came from. `X-Forwarded-For` counts only if
/// `trust_proxy` is set.
pub fn origin(parts: &Parts, app: &App) -> Origin {
    let request_id = parts.extensions.get::<super::app::RequestId>().map(|r| r.0.clone()).unwrap_or_default();
    let forwarded = parts.headers.get("x-forwarded-for").and_then(|v| v.to_str().ok()).filter(|_| app.trust_proxy);
    let address = forwarded
        .and_then(|v| v.rsplit(',').next())
        .and_then(forwarded_address)
        .or_else(|| parts.extensions.get::<ConnectInfo<std::net::SocketAddr>>().map(|c| c.0.ip()));
    Origin { request_id, network: address.map(|ip| ip.to_string()).unwrap_or_default() }
}

/// Reads one entry of `X-Forwarded-For`. Some proxies put the port behind the address: `192.0.2.1:4711`, `[2001:db8::1]:4711`.
fn forwarded_address(entry: &str) -> Option<IpAddr> {
    let entry = entry.trim();
    let bare = entry.strip_prefix('[').and_then(|v6| v6.strip_suffix(']')).unwrap_or(entry);
    bare.parse().ok().or_else(|| entry.parse::<std::net::SocketAddr>().ok().map(|a| a.ip()))
}

/// Returns the value of the cookie `name`, not decoded.
pub fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get_all(header::COOKIE).iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(';')).find_map(|pair| {
        let (k, v) = pair.trim().split_once('=')?;
        (k == name).then(|| v.to_string())
    })
}

/// Returns the door of a request: its bearer token, else its session cookie. Errors: `Unauthorized` if it has neither.
pub fn door(headers: &HeaderMap) -> Result<Door> {
    if let Some(bearer) = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()).and_then(|v| v.strip_prefix("Bearer ")) {
        return Ok(Door::Token(digest(bearer.trim().as_bytes())));
    }
    let token = cookie(headers, SESSION_COOKIE).ok_or(Error::Unauthorized)?;
    Ok(Door::Session(digest(token.as_bytes())))
}

impl FromRequestParts<App> for Read {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let door = door(&parts.headers)?;
        let is_page = !parts.uri.path().starts_with("/api/");
        if is_page && !matches!(door, Door::Session(_)) {
            return Err(Error::Unauthorized);
        }
        let mut read = Self::through(app, &door, &origin(parts, app), is_page).await?;
        if let Some(Needs(permission)) = parts.extensions.get::<Needs>() {
            read.who.require(*permission)?;
        }
        read.flash = cookie(&parts.headers, "flash").map(|v| percent_decode(&v));
        super::app::seen(parts, &read.who);
        Ok(read)
    }
}

impl FromRequestParts<App> for Write {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let door = door(&parts.headers)?;
        if !parts.uri.path().starts_with("/api/") && !matches!(door, Door::Session(_)) {
            return Err(Error::Unauthorized);
        }
        let write = Self::through(app, door, &origin(parts, app)).await?;
        if let Some(Needs(permission)) = parts.extensions.get::<Needs>() {
            write.who.require(*permission)?;
        }
        super::app::seen(parts, &write.who);
        // An entry queued on a phone is accepted only from the member who made it.
        let made_by = parts.headers.get("x-rounds-who").and_then(|v| v.to_str().ok());
        if made_by.is_some_and(|made_by| write.who.member.is_none_or(|m| m.to_string() != made_by)) {
            return Err(Error::conflict("This was entered by someone who is not signed in now."));
        }
        Ok(write)
    }
}

/// A signed-in person, with or without a business.
pub struct SignedIn {
    pub user: UserId,
    pub session: SessionId,
}

impl FromRequestParts<App> for SignedIn {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let door = door(&parts.headers)?;
        let (_, page, _) = enter(app, &door, &origin(parts, app), false).await?;
        match page.admitted {
            Some(Admitted { user: Some(user), session: Some(session), .. }) => Ok(Self { user, session }),
            _ => Err(Error::Unauthorized),
        }
    }
}
