//! Creates roles, schema, functions and grants. Safe to repeat at any time; needs a superuser, or a role that may create roles.

use graphile_worker::WorkerUtils;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection, PgPool, migrate::Migrate, postgres::PgConnectOptions};

use super::{
    error::{Error, Result},
    functions::{self, Function},
};

/// The schema a binary brings: its versioned migrations and its functions. `app` embeds them and hands them down.
#[derive(Debug, Clone, Copy)]
pub struct Schema {
    pub migrations: &'static sqlx::migrate::Migrator,
    pub functions: &'static [Function],
}

impl Schema {
    /// Whether the database has every migration and every function of this binary; it may have later ones.
    pub async fn is_current(self, pool: &PgPool) -> Result<bool> {
        let there: bool = sqlx::query_scalar("select to_regclass('public._sqlx_migrations') is not null").fetch_one(pool).await?;
        if !there {
            return Ok(false);
        }
        let newest: Option<i64> = sqlx::query_scalar("select max(version) from _sqlx_migrations where success").fetch_one(pool).await?;
        let known = self.migrations.iter().map(|m| m.version).max();
        Ok(newest >= known && functions::are_applied(pool, self.functions).await?)
    }

    /// Tells this binary's schema from any other: changes when any migration or function does, a number included. Test databases are cloned from a
    /// template of this name.
    pub fn fingerprint(self) -> String {
        let migrations = self.migrations.iter().map(|m| [m.version.to_be_bytes().to_vec(), m.checksum.to_vec()].concat());
        let functions = self.functions.iter().map(|f| format!("{} {} {}", f.name, f.version, f.fingerprint()).into_bytes());
        super::secrets::hex(&super::secrets::digest(&migrations.chain(functions).flatten().collect::<Vec<u8>>())[..6])
    }
}

/// Brings a database to this binary's schema. `admin_url` may create roles; `app_password` becomes the password of `rounds_app` where the server
/// asks for one (none behind a private socket).
pub async fn migrate(schema: Schema, admin_url: &str, app_password: Option<&str>) -> Result<()> {
    let options: PgConnectOptions = admin_url.parse().map_err(Error::internal)?;
    let mut db = options.clone().connect().await?;
    // Roles belong to the whole cluster, so the migration of another database may change them at the same moment.
    let mut tries = 0;
    while let Err(error) = roles(&mut db, app_password).await {
        tries += 1;
        if tries == 10 {
            return Err(error);
        }
        tokio::time::sleep(std::time::Duration::from_millis(100 * tries)).await;
    }
    let database: String = sqlx::query_scalar("select current_database()").fetch_one(&mut db).await?;
    let quoted = database.replace('"', "\"\"");
    run(
        &mut db,
        &[
            format!(r#"grant create, connect on database "{quoted}" to rounds_owner"#),
            format!(r#"grant connect on database "{quoted}" to rounds_app, rounds_backup"#),
            "alter schema public owner to rounds_owner".into(),
            "set role rounds_owner".into(),
        ],
    )
    .await?;
    // The migrator takes this lock too, a second time in the same session: what it does and the functions are one step for other instances.
    db.lock().await.map_err(Error::internal)?;
    schema.migrations.run(&mut db).await.map_err(Error::internal)?;
    functions::apply(&mut db, schema.functions).await?;
    db.unlock().await.map_err(Error::internal)?;
    run(&mut db, &["grant select on _sqlx_migrations to rounds_app, rounds_backup".into()]).await?;
    db.close().await?;
    queue(options).await
}

async fn roles(db: &mut PgConnection, app_password: Option<&str>) -> Result<()> {
    for (role, rights) in [
        ("rounds_owner", "nologin"),
        ("rounds_lookup", "nologin"),
        ("rounds_app", "login nosuperuser nobypassrls nocreatedb nocreaterole"),
        ("rounds_backup", "login bypassrls nosuperuser"),
    ] {
        // Two instances may start at once: the later one finds that the role exists.
        let make = format!(
            "do $$ begin if not exists (select from pg_roles where rolname = '{role}') then create role {role} {rights}; end if;
             exception when duplicate_object or unique_violation then null; end $$"
        );
        run(db, &[make]).await?;
    }
    run(
        db,
        &[
            "alter role rounds_app login".into(),
            // Statements are short: JIT compilation takes longer than running one.
            "alter role rounds_app set jit = off".into(),
            // What hangs is ended: a statement takes milliseconds, a batch of an import seconds. Set on the role, since a pooler passes no settings on.
            "alter role rounds_app set statement_timeout = '60s'".into(),
            "alter role rounds_app set lock_timeout = '20s'".into(),
            "alter role rounds_app set idle_in_transaction_session_timeout = '60s'".into(),
            "grant rounds_owner, rounds_lookup to current_user".into(),
            "grant rounds_lookup to rounds_owner".into(),
        ],
    )
    .await?;
    if let Some(password) = app_password {
        let quoted = password.replace('\'', "''");
        run(db, &[format!("alter role rounds_app password '{quoted}'")]).await?;
    }
    Ok(())
}

/// Runs the job queue's own migrations as `rounds_owner`, then adds the app's grants, and policies, as its tables have RLS without any.
async fn queue(options: PgConnectOptions) -> Result<()> {
    let pool = sqlx::postgres::PgPoolOptions::new()
        .max_connections(2)
        .after_connect(|db, _| {
            Box::pin(async move {
                db.execute("set role rounds_owner").await?;
                Ok(())
            })
        })
        .connect_with(options)
        .await?;
    WorkerUtils::new(pool.clone(), "graphile_worker".to_string()).migrate().await.map_err(Error::internal)?;
    let grants = "
        grant usage on schema graphile_worker to rounds_app;
        grant select, insert, update, delete on all tables in schema graphile_worker to rounds_app;
        grant usage, select on all sequences in schema graphile_worker to rounds_app;
        grant execute on all functions in schema graphile_worker to rounds_app;
        grant usage on schema graphile_worker to rounds_backup;
        grant select on all tables in schema graphile_worker to rounds_backup;
        grant select on all sequences in schema graphile_worker, public to rounds_backup;
        do $$ declare t record; begin
          for t in select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
                    where n.nspname = 'graphile_worker' and c.relkind = 'r' and c.relrowsecurity
                      and not exists (select from pg_policies p where p.schemaname = 'graphile_worker' and p.tablename = c.relname and p.policyname = 'rounds_app')
          loop
            execute format('create policy rounds_app on graphile_worker.%I to rounds_app using (true) with check (true)', t.relname);
          end loop;
        end $$;";
    sqlx::raw_sql(grants).execute(&pool).await?;
    pool.close().await;
    Ok(())
}

async fn run(db: &mut PgConnection, statements: &[String]) -> Result<()> {
    for statement in statements {
        sqlx::raw_sql(AssertSqlSafe(statement.clone())).execute(&mut *db).await?;
    }
    Ok(())
}
