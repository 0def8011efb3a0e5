//! The database of a command: the server in `DATABASE_URL`, or the embedded one.

use std::path::PathBuf;
use std::time::Duration;

use platform::config::Config;
use platform::migrate::migrate;
use platform::postgres::{Embedded, Error, Lock, program};
use platform::secrets::Secret;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{Connection as _, PgConnection};

use super::{Exit, Failure, Result};
use crate::schema::SCHEMA;

/// A connection idle for longer is pinged before use, since it may have died unnoticed.
const PAUSE: Duration = Duration::from_secs(5);

/// The database of this instance. An embedded one has been started.
pub struct Database {
    app_url: Secret,
    admin_url: Option<Secret>,
    pub embedded: Option<Embedded>,
}

impl Database {
    /// Opens the database for `serve`. An embedded cluster is started, belongs to this process and is stopped by [`Database::close`].
    pub async fn hold(config: &Config) -> Result<Self> {
        match &config.database_url {
            Some(url) => Ok(Self::external(config, url)),
            None => Self::embedded(Embedded::start(config).await?).await,
        }
    }

    /// Opens the database for commands that may run while another process serves.
    pub async fn join(config: &Config) -> Result<Self> {
        match &config.database_url {
            Some(url) => Ok(Self::external(config, url)),
            None => Self::embedded(Embedded::join(config).await?).await,
        }
    }

    /// As [`Database::hold`], but without migrating the schema: for `restore` and `demo --reset`.
    pub async fn hold_bare(config: &Config) -> Result<Self> {
        match &config.database_url {
            Some(url) => Ok(Self::external(config, url)),
            None => Ok(Self::of(Embedded::start(config).await?)),
        }
    }

    /// The failure to report if another process uses this data folder for its embedded database; otherwise `None`.
    pub fn held_elsewhere(config: &Config) -> Option<Failure> {
        match Lock::take(&config.data_dir) {
            Err(running @ Error::Running { .. }) if config.database_url.is_none() => Some(running.into()),
            _ => None,
        }
    }

    fn external(config: &Config, url: &Secret) -> Self {
        Self { app_url: url.clone(), admin_url: config.admin_database_url.clone(), embedded: None }
    }

    fn of(embedded: Embedded) -> Self {
        let (app_url, admin_url) = (Secret::new(embedded.app_url()), Secret::new(embedded.admin_url()));
        Self { app_url, admin_url: Some(admin_url), embedded: Some(embedded) }
    }

    /// Migrates the embedded database to this binary's schema. An external server is migrated only by `rounds migrate`.
    async fn embedded(embedded: Embedded) -> Result<Self> {
        let database = Self::of(embedded);
        match database.migrate().await {
            Ok(()) => Ok(database),
            Err(failure) => {
                database.close().await?;
                Err(failure)
            }
        }
    }

    /// Creates or updates roles, tables and grants for this binary.
    pub async fn migrate(&self) -> Result {
        let password = reqwest::Url::parse(self.app_url.expose()).ok().and_then(|url| url.password().map(percent_decoded));
        migrate(SCHEMA, self.admin_url()?.expose(), password.as_deref()).await?;
        Ok(())
    }

    /// Drops all schemas with their tables and functions. Roles stay.
    pub async fn drop_everything(&self) -> Result {
        let mut admin = PgConnection::connect(self.admin_url()?.expose()).await?;
        let empty =
            "drop schema if exists graphile_worker, app, public cascade; create schema public; grant usage on schema public to public";
        sqlx::raw_sql(empty).execute(&mut admin).await?;
        Ok(admin.close().await?)
    }

    pub fn admin_url(&self) -> Result<&Secret> {
        self.admin_url.as_ref().ok_or_else(|| {
            let message =
                "This command needs a role with more rights than the one that serves: give its address with ROUNDS_ADMIN_DATABASE_URL.";
            Failure::new(Exit::Configuration, message)
        })
    }

    /// Opens a connection pool as the serving role. A failure if that role could bypass row-level security, or if the schema is
    /// older than this binary.
    pub async fn pool(&self, config: &Config) -> Result<PgPool> {
        // Room for all of the application's statements, so that none is evicted and prepared again.
        let options = self.app_url.expose().parse::<PgConnectOptions>()?.statement_cache_capacity(1000);
        let pool = PgPoolOptions::new()
            .max_connections(config.pool_size)
            .acquire_timeout(Duration::from_secs(10))
            // Only connections idle for longer than `PAUSE` are pinged: pinging busy ones would cost a round trip per request.
            .test_before_acquire(false)
            .before_acquire(|connection, at| {
                Box::pin(async move {
                    if at.idle_for > PAUSE {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .connect_with(options)
            .await?;
        refuse_powerful_role(&pool).await?;
        require_schema(&pool).await?;
        Ok(pool)
    }

    /// The path of a Postgres program such as `pg_dump`, from the embedded installation or from the setting `postgres_bin`.
    pub fn program(&self, config: &Config, name: &str) -> Result<PathBuf> {
        match &self.embedded {
            Some(embedded) => Ok(embedded.binaries().program(name)),
            None => Ok(program(&config.postgres_bin, name)?),
        }
    }

    /// Waits until this process's embedded database dies; never returns otherwise.
    pub async fn lost(&mut self) -> Failure {
        match &mut self.embedded {
            Some(embedded) => embedded.ended().await,
            None => std::future::pending().await,
        }
        Failure::new(Exit::Database, "The embedded database ended unexpectedly; postgres/postgres.log in the data folder says why.")
    }

    /// Stops the embedded database if this process started it.
    pub async fn close(self) -> Result {
        match self.embedded {
            Some(embedded) => Ok(embedded.stop().await?),
            None => Ok(()),
        }
    }
}

/// Refuses a serving role that is a superuser, has BYPASSRLS, owns tables, or could become such a role: only row-level security
/// separates the businesses.
pub async fn refuse_powerful_role(pool: &PgPool) -> Result {
    let (role, bypasses, owns): (String, bool, bool) = sqlx::query_as(
        "select current_user::text,
                exists (select from pg_roles r where (r.rolsuper or r.rolbypassrls) and pg_has_role(current_user, r.oid, 'member')),
                exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
                         where n.nspname in ('public', 'app') and c.relkind in ('r', 'p') and pg_has_role(current_user, c.relowner, 'member'))",
    )
    .fetch_one(pool)
    .await?;
    let why = match (bypasses, owns) {
        (true, _) => "is, or may become, a superuser or a role with BYPASSRLS",
        (false, true) => "owns tables, or is a member of their owner",
        (false, false) => return Ok(()),
    };
    Err(Failure::new(
        Exit::Configuration,
        format!(
            "DATABASE_URL connects as {role}, which {why}: it could see every business's data at once. \
             Run `rounds migrate` with ROUNDS_ADMIN_DATABASE_URL, then let DATABASE_URL connect as rounds_app."
        ),
    ))
}

/// A failure if the database lacks a migration or a function of this binary.
async fn require_schema(pool: &PgPool) -> Result {
    if SCHEMA.is_current(pool).await? {
        return Ok(());
    }
    let message = "The database's schema is older than this version of Rounds. Run `rounds migrate` with ROUNDS_ADMIN_DATABASE_URL first.";
    Err(Failure::new(Exit::Configuration, message))
}

/// Decodes percent escapes (`%40`) in a URL's password; malformed ones stay as they are.
pub fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let code = (first == b'%').then(|| after.get(..2)).flatten();
        let code = code.and_then(|hex| std::str::from_utf8(hex).ok()).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(code.unwrap_or(first));
        rest = if code.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
