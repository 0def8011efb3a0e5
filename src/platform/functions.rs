//! The functions of the database. Each has a file of its own (`migrations/functions/<slice>_<name>.sql`, those that look across businesses in
//! `across/`), which is applied again when its text changes, so that no migration restates a function. Only what tables need to be made or to hold
//! a row stays in the versioned migrations: `app.org`, `app.actor` and `app.now`, `app.tenant_table` and its helpers, and the triggers that these hang
//! on every table.
//!
//! **Which text wins.** A file says `-- version: 1`, and a changed text takes the next number. `app.functions` holds the version and the
//! fingerprint that were applied last. A binary applies a text only if its version is higher than that, so an older binary leaves newer text
//! alone, and it refuses a text that differs under the same number. `migrations/functions/versions` lists every text there ever was, one line
//! each, and only grows: a unit test fails for a text that is not on it, so a forgotten number shows before it is shipped, and two branches
//! that both take the next one show when they are joined.
//!
//! **Order.** Functions are applied after the migrations, all in one transaction, under the migrations' lock. Bodies are not checked
//! meanwhile, so they may call each other in any order. A migration therefore uses only functions that it makes itself or that stand above;
//! one that makes a trigger makes its function as well, with a body that raises, and the file brings the body in the same run.
//!
//! **Other arguments or another result are a new name**: the previous release still calls the old one. Its file stays for that release, and the next
//! one removes it, with a migration that drops the function and its row in `app.functions`.
//!
//! **Stored data.** A file whose result is stored says `-- renews: JOB`. When a text takes the place of another one, that job is queued in the same
//! transaction; it goes through all businesses and makes the data anew, in steps that can be resumed.

use std::collections::{BTreeSet, HashMap};

use sqlx::{Connection, PgConnection, PgPool};

use super::{
    commit::commit,
    error::{Error, Result},
    jobs::Pending,
    secrets,
};

/// One function of the schema `app`, as its file has it.
#[derive(Debug, Clone, Copy)]
pub struct Function {
    /// Without the schema.
    pub name: &'static str,
    pub version: i32,
    /// The job that makes stored data anew.
    pub renews: Option<&'static str>,
    pub text: &'static str,
}

impl Function {
    /// SHA-256 of the file, in hex.
    pub fn fingerprint(&self) -> String {
        secrets::hex(&secrets::digest(self.text.as_bytes()))
    }
}

/// What a transaction begins with that applies functions. `rounds_lookup` may own a function only while it may create one. A function may set
/// what `pg_trgm` reads only once that library is loaded, as its own functions do.
pub const BEFORE: &str =
    "set local check_function_bodies = off; grant create on schema app to rounds_lookup; select word_similarity('', '')";

/// Applies the functions whose version the database does not have yet. Returns their names. The caller holds the migrations' lock and is
/// `rounds_owner`. Fails, with nothing applied, if a text differs from the one applied under the same version.
pub async fn apply(db: &mut PgConnection, functions: &[Function]) -> Result<Vec<&'static str>> {
    let mut tx = db.begin().await?;
    let held: Vec<(String, i32, String)> =
        sqlx::query_as("select name, version, fingerprint from app.functions").fetch_all(&mut *tx).await?;
    let held: HashMap<String, (i32, String)> = held.into_iter().map(|(name, version, print)| (name, (version, print))).collect();
    let mut due = Vec::new();
    for function in functions {
        match held.get(function.name) {
            Some((version, _)) if *version > function.version => {}
            Some((version, print)) if *version == function.version && *print == function.fingerprint() => {}
            Some((version, _)) if *version == function.version => {
                let name = function.name;
                return Err(Error::internal(format!(
                    "app.{name}: version {version} was applied with another text; a changed text takes the next number"
                )));
            }
            _ => due.push(function),
        }
    }
    if due.is_empty() {
        return Ok(Vec::new());
    }
    sqlx::raw_sql(BEFORE).execute(&mut *tx).await?;
    for function in &due {
        sqlx::raw_sql(function.text).execute(&mut *tx).await.map_err(|e| Error::internal(format!("app.{}: {e}", function.name)))?;
        sqlx::query(
            "insert into app.functions (name, version, fingerprint) values ($1, $2, $3)
             on conflict (name) do update set version = excluded.version, fingerprint = excluded.fingerprint, applied_at = excluded.applied_at",
        )
        .bind(function.name)
        .bind(function.version)
        .bind(function.fingerprint())
        .execute(&mut *tx)
        .await?;
    }
    sqlx::raw_sql("revoke create on schema app from rounds_lookup").execute(&mut *tx).await?;
    // What is applied for the first time says what the migrations said, or nothing was made with it yet; without a queue there is no data either.
    let has_queue: bool = sqlx::query_scalar("select to_regclass('graphile_worker._private_jobs') is not null").fetch_one(&mut *tx).await?;
    let renewed: BTreeSet<&'static str> = due.iter().filter(|f| has_queue && held.contains_key(f.name)).filter_map(|f| f.renews).collect();
    for job in renewed {
        Pending::named(job).enqueue(&mut tx).await?;
    }
    commit(tx).await?;
    Ok(due.iter().map(|f| f.name).collect())
}

/// Whether the database has each of these functions in this version or a later one. False as well where it is older than functions in files.
pub async fn are_applied(pool: &PgPool, functions: &[Function]) -> Result<bool> {
    let there: bool = sqlx::query_scalar("select to_regclass('app.functions') is not null").fetch_one(pool).await?;
    if !there {
        return Ok(false);
    }
    let (names, versions): (Vec<&str>, Vec<i32>) = functions.iter().map(|f| (f.name, f.version)).unzip();
    Ok(sqlx::query_scalar(
        "select not exists (select from unnest($1::text[], $2::int[]) as wanted(name, version)
                             where not exists (select from app.functions f where f.name = wanted.name and f.version >= wanted.version))",
    )
    .bind(names)
    .bind(versions)
    .fetch_one(pool)
    .await?)
}
