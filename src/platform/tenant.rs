//! The only ways to a tenant's tables: `Read` (one read-only transaction) and `Write` (a handle that runs actions).
//! Each authenticates the actor in the round trip that opens the transaction (`app.enter_*`, `migrations/…_platform_doors.sql`).

use std::net::IpAddr;

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, header, request::Parts},
};
use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use chrono_tz::Tz;
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Postgres, Transaction};

use super::{
    app::App,
    error::{Error, Result},
    form::percent_decode,
    ids::{LinkId, MemberId, OrgId, SessionId, UserId},
    money::Currency,
    rate,
    role::{Capability, May, Permission, Role},
    secrets::{digest, hex},
};

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

/// Where a request came from; recorded in the audit trail and events.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    pub request_id: String,
    pub network: String,
}

impl Origin {
    /// The network that rate limits count, empty if unknown.
    pub fn counted(&self) -> String {
        self.network.parse().map(|address| rate::network(address).to_string()).unwrap_or_default()
    }
}

/// The actor, and the business they act in.
#[derive(Debug, Clone)]
pub struct Who {
    pub org: OrgId,
    pub org_name: String,
    pub zone: Tz,
    pub currency: Currency,
    /// ISO 3166: default region of phone numbers.
    pub country: String,
    pub profile: String,
    pub capabilities_off: Vec<String>,
    pub is_demo: bool,
    pub staff_see_prices: bool,
    pub staff_see_all_tickets: bool,
    /// `None` for a customer with a link, or background work.
    pub role: Option<Role>,
    pub member: Option<MemberId>,
    pub member_name: String,
    pub is_model: bool,
    pub may_send: bool,
    pub user: Option<UserId>,
    pub session: Option<SessionId>,
    pub link: Option<LinkId>,
    /// One of page, api, model, link, import, job.
    pub source: String,
    pub origin: Origin,
    pub now: DateTime<Utc>,
}

impl Who {
    /// Today in the business's zone.
    pub fn today(&self) -> NaiveDate {
        self.now.with_timezone(&self.zone).date_naive()
    }

    /// Looks `what` up in the role table. Background work may do everything; a customer only what `Permission::Customer` covers.
    pub fn may(&self, what: Permission) -> May {
        match (self.role, self.link) {
            (Some(role), _) => role.may(what, self.may_send),
            (None, Some(_)) if what == Permission::Customer => May::Yes,
            (None, Some(_)) => May::No,
            (None, None) => May::Yes,
        }
    }

    pub fn can(&self, what: Permission) -> bool {
        self.may(what) != May::No
    }

    pub fn require(&self, what: Permission) -> Result<May> {
        match self.may(what) {
            May::No => Err(Error::Forbidden),
            may => Ok(may),
        }
    }

    pub fn has(&self, capability: Capability) -> bool {
        !self.capabilities_off.iter().any(|c| c == capability.name())
    }

    pub fn require_capability(&self, capability: Option<Capability>) -> Result<()> {
        match capability {
            Some(c) if !self.has(c) => Err(Error::CapabilityDisabled(c.name())),
            _ => Ok(()),
        }
    }

    /// Returns the member if they may see only their own or assigned records: agents always, staff if the business's settings say so.
    pub fn only_own_tickets(&self) -> Option<MemberId> {
        match self.role {
            Some(Role::Agent) => self.member,
            Some(Role::Staff) if !self.staff_see_all_tickets => self.member,
            _ => None,
        }
    }

    /// Whether prices are shown to this member.
    pub fn sees_prices(&self) -> bool {
        self.staff_see_prices || !matches!(self.role, Some(Role::Staff | Role::Agent))
    }

    /// 'member:<id>', 'model:<id>', 'link:<id>' or the kind of background work, as the audit trail and idempotency keys store it.
    pub fn actor(&self) -> String {
        match (self.member, self.link) {
            (Some(m), _) if self.is_model => format!("model:{m}"),
            (Some(m), _) => format!("member:{m}"),
            (None, Some(l)) => format!("link:{l}"),
            (None, None) => self.source.clone(),
        }
    }
}

/// Opens a transaction through a door. Every part of the statement is hex, a UUID, a timestamp, a constant or filtered by `clean`.
pub(super) async fn open(
    app: &App,
    door: &Door,
    origin: &Origin,
    now: DateTime<Utc>,
    read_only: bool,
) -> Result<Transaction<'static, Postgres>> {
    let at = now.to_rfc3339_opts(SecondsFormat::Micros, true);
    let (request, network) = (clean(&origin.request_id), clean(&origin.network));
    let by_hash = |function: &str, hash: &[u8; 32]| format!("app.{function}('\\x{}', '{at}', '{request}', '{network}')", hex(hash));
    let enter = match door {
        Door::Session(hash) => by_hash("enter_session", hash),
        Door::Token(hash) => by_hash("enter_token", hash),
        Door::Link(hash) => by_hash("enter_link", hash),
        Door::Org(org, actor) => format!("app.enter('{org}', null, '{actor}', '{at}', '{request}', '{network}', '{actor}')"),
    };
    let begin = if read_only { "BEGIN READ ONLY" } else { "BEGIN" };
    begin_whole(&app.pool, format!("{begin}; SELECT {enter}")).await
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

struct WhoRow {
    who: Who,
    header: Option<serde_json::Value>,
}

/// Loads the actor that the door admitted: `Nobody`, `NoBusiness` for a signed-in person without a business, else `Member`, which includes
/// customers with a link and background work.
async fn load(tx: &mut PgConnection, app: &App, origin: &Origin, now: DateTime<Utc>, with_header: bool) -> Result<Loaded> {
    let row = sqlx::query!(
        r#"
        select o.id as "org?: OrgId", o.name as "org_name?", o.time_zone as "time_zone?", o.currency as "currency?: Currency", o.country as "country?",
               o.profile as "profile?", o.capabilities_off as "capabilities_off?", o.is_demo as "is_demo?",
               o.staff_see_prices as "staff_see_prices?", o.staff_see_all_tickets as "staff_see_all_tickets?",
               m.id as "member?: MemberId", m.role as "role?: Role", m.name as "member_name?", m.is_model as "is_model?", m.may_send as "may_send?",
               nullif(current_setting('app.user_id', true), '')::uuid as "user?: UserId",
               nullif(current_setting('app.session_id', true), '')::uuid as "session?: SessionId",
               nullif(current_setting('app.link_id', true), '')::uuid as "link?: LinkId",
               nullif(current_setting('app.source', true), '') as source,
               case when $1 and m.id is not null
                    then app.page_header() || jsonb_build_object('since', pg_snapshot_xmin(pg_current_snapshot())::text) end as header
          from (select 1) one
          left join orgs o on o.org_id = (select app.org()) and o.state = 'active'
          left join members m on m.org_id = o.org_id and m.id = (select app.member())
        "#,
        with_header
    )
    .fetch_one(tx)
    .await?;
    let Some(org) = row.org else {
        return Ok(match (row.user, row.session) {
            (Some(user), Some(session)) => Loaded::NoBusiness(user, session),
            _ => Loaded::Nobody,
        });
    };
    let who = Who {
        org,
        org_name: row.org_name.unwrap_or_default(),
        zone: row.time_zone.and_then(|z| z.parse().ok()).unwrap_or(Tz::UTC),
        currency: row.currency.ok_or_else(|| Error::internal("a business without a currency"))?,
        country: row.country.unwrap_or_default(),
        profile: row.profile.unwrap_or_default(),
        capabilities_off: row.capabilities_off.unwrap_or_default(),
        is_demo: row.is_demo.unwrap_or_default() && app.is_demo,
        staff_see_prices: row.staff_see_prices.unwrap_or(true),
        staff_see_all_tickets: row.staff_see_all_tickets.unwrap_or(true),
        role: row.role,
        member: row.member,
        member_name: row.member_name.unwrap_or_default(),
        is_model: row.is_model.unwrap_or_default(),
        may_send: row.may_send.unwrap_or_default(),
        user: row.user,
        session: row.session,
        link: row.link,
        source: row.source.unwrap_or_default(),
        origin: origin.clone(),
        now,
    };
    Ok(Loaded::Member(Box::new(WhoRow { who, header: row.header })))
}

enum Loaded {
    Nobody,
    NoBusiness(UserId, SessionId),
    Member(Box<WhoRow>),
}

/// One read-only transaction of one business; the database itself refuses writes.
pub struct Read {
    tx: Transaction<'static, Postgres>,
    pub who: Who,
    /// The page header's data (current ticket, counts) from `app.page_header()`, and `since`, the oldest transaction that the page may not
    /// show yet and from which its live stream starts. For pages only.
    pub header: Option<serde_json::Value>,
    /// The flash message set by the previous response.
    pub flash: Option<String>,
}

impl Read {
    pub fn db(&mut self) -> &mut PgConnection {
        &mut self.tx
    }

    /// Opens a read of a business for background work and commands.
    pub async fn of_org(app: &App, org: OrgId) -> Result<Self> {
        Self::through(app, &Door::Org(org, "job"), &Origin::default(), false).await
    }

    /// Opens a read through any door. Errors: `Unauthorized` if it admits nobody, or a person without a business.
    pub async fn through(app: &App, door: &Door, origin: &Origin, with_header: bool) -> Result<Self> {
        let now = app.clock.now();
        let mut tx = open(app, door, origin, now, true).await?;
        match load(&mut tx, app, origin, now, with_header).await? {
            Loaded::Member(m) => Ok(Self { tx, who: m.who, header: m.header, flash: None }),
            Loaded::NoBusiness(..) | Loaded::Nobody => Err(Error::Unauthorized),
        }
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
        let (origin, now) = (origin(parts, app), app.clock.now());
        let mut tx = open(app, &door, &origin, now, true).await?;
        match load(&mut tx, app, &origin, now, false).await? {
            Loaded::NoBusiness(user, session) => Ok(Self { user, session }),
            Loaded::Member(m) => match (m.who.user, m.who.session) {
                (Some(user), Some(session)) => Ok(Self { user, session }),
                _ => Err(Error::Unauthorized),
            },
            Loaded::Nobody => Err(Error::Unauthorized),
        }
    }
}
