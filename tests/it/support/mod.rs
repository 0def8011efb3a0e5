//! The harness: one Postgres cluster a run (`ROUNDS_TEST_ADMIN_URL`, made by `bin/test`), one database a test cloned from a migrated template,
//! the real router, actors with cookies or tokens, at least two businesses, a clock that stands where it is put.

pub mod cut;
pub mod post;
pub mod smtp;
pub mod stripe;

use std::{collections::HashMap, sync::OnceLock};

use ::app::{reactions::REACTIONS, registry::REGISTRY, schema::SCHEMA};
use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode, header},
};
use chrono::{DateTime, Duration, TimeZone, Utc};
use platform::{
    app::{App, Setup, SignUp},
    clock::Clock,
    ids::{MemberId, OrgId, UserId},
    mail::{Mailbox, Mailer},
    migrate::migrate,
    role::Role,
    secrets::{self, Keyring},
    stripe::{Patience, StripeApi},
};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool, postgres::PgPoolOptions};
use tower::ServiceExt;
use uuid::Uuid;

/// The cluster's superuser URL, database `postgres`.
pub fn admin_url() -> String {
    std::env::var("ROUNDS_TEST_ADMIN_URL")
        .expect("run the tests with bin/test, which starts a throw-away Postgres and sets ROUNDS_TEST_ADMIN_URL")
}

fn url_of(database: &str, user: &str) -> String {
    let admin = admin_url();
    let (head, query) = admin.split_once('?').map_or((admin.as_str(), ""), |(h, q)| (h, q));
    let (authority, _) = head.rsplit_once('/').expect("the admin URL names a database");
    let (scheme, host) = authority.split_once("://").expect("a URL has a scheme");
    let host = host.rsplit_once('@').map_or(host, |(_, h)| h);
    let user = if user.is_empty() { head.split("://").nth(1).and_then(|r| r.split('@').next()).unwrap_or("postgres") } else { user };
    format!("{scheme}://{user}@{host}/{database}{}{query}", if query.is_empty() { "" } else { "?" })
}

/// The template every test's database is cloned from; made once a run, whichever process comes first.
async fn template() -> String {
    static NAME: OnceLock<String> = OnceLock::new();
    let name = NAME.get_or_init(|| {
        let _ = tracing_subscriber::fmt().with_max_level(tracing::Level::ERROR).with_test_writer().try_init();
        format!("rounds_template_{}", SCHEMA.fingerprint())
    });
    let name = name.clone();
    let mut db = PgConnection::connect(&admin_url()).await.expect("the test cluster answers");
    sqlx::query("select pg_advisory_lock(7351)").execute(&mut db).await.unwrap();
    let there: bool = sqlx::query_scalar("select exists (select from pg_database where datname = $1 and datistemplate)")
        .bind(&name)
        .fetch_one(&mut db)
        .await
        .unwrap();
    if !there {
        run(&mut db, format!("drop database if exists {name}")).await;
        run(&mut db, format!("create database {name}")).await;
        migrate(SCHEMA, &url_of(&name, ""), None).await.expect("migrations run");
        run(&mut db, format!("alter database {name} is_template true")).await;
    }
    sqlx::query("select pg_advisory_unlock(7351)").execute(&mut db).await.unwrap();
    name
}

async fn run(db: &mut PgConnection, sql: String) {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(db).await.unwrap();
}

/// A whole Rounds on a database of its own.
pub struct TestApp {
    pub app: App,
    pub router: Router,
    pub clock: Clock,
    pub database: String,
    /// Superuser: to look behind the scenes, never what the product uses.
    pub admin: PgPool,
}

/// Tuesday 24 November 2026, 9:00 in Chicago.
pub fn start() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 24, 15, 0, 0).unwrap()
}

impl TestApp {
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// With the setup changed before it starts (a provider's URL, a mail sink).
    pub async fn with(change: impl FnOnce(&mut Setup)) -> Self {
        let template = template().await;
        let database = format!("t_{}", Uuid::now_v7().simple());
        let mut db = PgConnection::connect(&admin_url()).await.unwrap();
        run(&mut db, format!("create database {database} template {template}")).await;
        let pool = PgPoolOptions::new().max_connections(20).connect(&url_of(&database, "rounds_app")).await.unwrap();
        let admin = PgPoolOptions::new().max_connections(3).connect(&url_of(&database, "")).await.unwrap();
        let clock = Clock::fixed(start());
        let mut setup = setup(pool, clock.clone());
        change(&mut setup);
        let app = App::new(setup);
        Self { router: app::http::router(app.clone()), app, clock, database, admin }
    }

    /// The same database and clock through another pool.
    pub fn on_pool(&self, pool: PgPool) -> Self {
        let app = App::new(setup(pool, self.clock.clone()));
        Self {
            router: app::http::router(app.clone()),
            app,
            clock: self.clock.clone(),
            database: self.database.clone(),
            admin: self.admin.clone(),
        }
    }

    /// The URL a role of the database connects by; `rounds_app` is what the product uses.
    pub fn url(&self, user: &str) -> String {
        url_of(&self.database, user)
    }

    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// A business in Chicago with an owner, and actors on demand.
    pub async fn business(&self, name: &str) -> Business<'_> {
        let org = OrgId::new();
        sqlx::query("insert into orgs (id, org_id, name, time_zone, currency, country, email) values ($1, $1, $2, 'America/Chicago', 'USD', 'US', 'office@example.com')")
            .bind(org.0)
            .bind(name)
            .execute(&self.admin)
            .await
            .unwrap();
        let mut business = Business { t: self, org, owner: Actor::nobody(self), members: HashMap::new() };
        business.owner = business.member(Role::Owner, "Taylor").await;
        business
    }

    pub fn nobody(&self) -> Actor {
        Actor::nobody(self)
    }

    pub async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.admin).await.unwrap()
    }
}

fn setup(pool: PgPool, clock: Clock) -> Setup {
    Setup {
        pool,
        schema: SCHEMA,
        registry: &REGISTRY,
        reactions: REACTIONS,
        clock,
        public_url: "http://rounds.test".into(),
        keyring: Keyring::generate().0,
        server_key: b"a server key of at least thirty-two bytes".to_vec(),
        is_demo: false,
        trust_proxy: false,
        sign_up: SignUp::Open,
        mailer: Mailer::None,
        mail_from: Mailbox::parse("mail@rounds.test"),
        // Nothing listens there: a test that needs Stripe brings a stand-in.
        stripe: StripeApi::new("http://127.0.0.1:9", Patience { attempts: 1, ..Patience::default() }).unwrap(),
        llm: None,
        stripe_key: None,
        stripe_webhook_secret: None,
        job_concurrency: 4,
    }
}

/// One business of a test.
pub struct Business<'t> {
    t: &'t TestApp,
    pub org: OrgId,
    pub owner: Actor,
    pub members: HashMap<String, MemberId>,
}

impl Business<'_> {
    /// A further signed-in member; staff and agents are technicians.
    pub async fn member(&mut self, role: Role, name: &str) -> Actor {
        let (user, member) = (UserId::new(), MemberId::new());
        let email = format!("{}.{}@example.com", name.to_lowercase(), user.0.simple());
        let token = secrets::random_token();
        sqlx::query("insert into users (id, email, name) values ($1, $2, $3)")
            .bind(user.0)
            .bind(&email)
            .bind(name)
            .execute(&self.t.admin)
            .await
            .unwrap();
        sqlx::query(
            "insert into members (id, org_id, user_id, role, state, name, email, is_technician, joined_at) values ($1, $2, $3, $4, 'active', $5, $6, $7, now())",
        )
        .bind(member.0)
        .bind(self.org.0)
        .bind(user.0)
        .bind(role)
        .bind(name)
        .bind(&email)
        .bind(matches!(role, Role::Staff | Role::Agent))
        .execute(&self.t.admin)
        .await
        .unwrap();
        sqlx::query("insert into sessions (id, user_id, token_hash, org_id, expires_at, created_at, last_seen_at) values ($1, $2, $3, $4, $5, $6, $6)")
            .bind(Uuid::now_v7())
            .bind(user.0)
            .bind(secrets::digest(token.as_bytes()).as_slice())
            .bind(self.org.0)
            .bind(self.t.clock.now() + Duration::days(30))
            .bind(self.t.clock.now())
            .execute(&self.t.admin)
            .await
            .unwrap();
        self.members.insert(name.into(), member);
        Actor { router: self.t.router.clone(), cookie: Some(format!("rounds_session={token}")), bearer: None, member: Some(member), email }
    }
}

/// Somebody in front of the product: a browser with a cookie, a program with a token, or nobody.
#[derive(Clone)]
pub struct Actor {
    router: Router,
    pub cookie: Option<String>,
    pub bearer: Option<String>,
    pub member: Option<MemberId>,
    pub email: String,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: axum::http::HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("not JSON ({e}): {}", self.body))
    }

    pub fn location(&self) -> &str {
        self.headers.get(header::LOCATION).map_or("", |v| v.to_str().unwrap())
    }

    /// The data of a successful envelope.
    #[track_caller]
    pub fn data(&self) -> Value {
        let json = self.json();
        assert_eq!(json["success"], json!(true), "{} {}", self.status, self.body);
        json["data"].clone()
    }

    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self
    }
}

impl Actor {
    fn nobody(t: &TestApp) -> Self {
        Self { router: t.router.clone(), cookie: None, bearer: None, member: None, email: String::new() }
    }

    pub async fn send(&self, mut request: Request<Body>) -> Answer {
        let h = request.headers_mut();
        if let Some(cookie) = &self.cookie {
            h.insert(header::COOKIE, cookie.parse().unwrap());
        }
        if let Some(bearer) = &self.bearer {
            h.insert(header::AUTHORIZATION, format!("Bearer {bearer}").parse().unwrap());
        }
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        // A stream never ends; `live.rs` reads it.
        let is_stream = parts.headers.get(header::CONTENT_TYPE).is_some_and(|v| v == "text/event-stream");
        let bytes = if is_stream { axum::body::Bytes::new() } else { axum::body::to_bytes(body, usize::MAX).await.unwrap() };
        Answer { status: parts.status, headers: parts.headers, body: String::from_utf8_lossy(&bytes).into_owned() }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    /// Posts a form as a browser does from our own page.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = serde_html_form::to_string(fields).unwrap();
        let request = Request::post(path)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header("sec-fetch-site", "same-origin")
            .body(Body::from(body))
            .unwrap();
        self.send(request).await
    }

    /// `POST /api/actions` with `domain.action`.
    pub async fn act(&self, name: &str, data: Value) -> Answer {
        self.act_with(name, data, &[], json!({})).await
    }

    /// With headers (`Idempotency-Key`) and further members of the body (`if_version`, `reasoning`).
    pub async fn act_with(&self, name: &str, data: Value, headers: &[(&str, &str)], more: Value) -> Answer {
        let (domain, action) = name.split_once('.').expect("domain.action");
        let mut body = json!({ "domain": domain, "action": action, "data": data });
        for (k, v) in more.as_object().into_iter().flatten() {
            body[k] = v.clone();
        }
        let mut request = Request::post("/api/actions").header(header::CONTENT_TYPE, "application/json").header("x-rounds-csrf", "1");
        for (k, v) in headers {
            request = request.header(*k, *v);
        }
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    /// `GET /api/data?…`.
    pub async fn data(&self, query: &str) -> Answer {
        self.get(&format!("/api/data?{query}")).await
    }
}
