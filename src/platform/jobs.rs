//! Background jobs on `graphile_worker`: queued inside the action's transaction, run after its commit, retried with backoff, and shown to
//! the owner if they fail for good. A job is short: load, leave the transaction, do the slow part, record the outcome with an action.

use std::{future::Future, pin::Pin};

use chrono::{DateTime, Utc};
use graphile_worker::{IntoTaskHandlerResult, TaskHandler, WorkerContext, WorkerOptions};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgConnection, PgPool};
use uuid::Uuid;

use super::{
    app::App,
    error::{Error, Result},
    ids::OrgId,
};

/// Attempts before a job is given up and shown as failed.
pub const MAX_ATTEMPTS: i32 = 8;

/// A kind of background job. The type is the job's payload: ids only, as the queue logs it.
pub trait Job: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The job's name in the queue.
    const NAME: &'static str;
    /// Whose job it is: a business's (`OrgId`) or the instance's (`()`).
    type Of: Scope;
    /// Finds what waits for such a job, should it get lost. `None` if nothing stored says that it is due.
    const WAITING: Option<Waiting<Self>> = None;

    /// Tells jobs of this kind in one business apart: of two with the same key, a waiting one is replaced.
    fn key(&self) -> String;

    /// Does the work. An error is retried, up to [`MAX_ATTEMPTS`] times.
    fn run(self, app: &App, of: Self::Of) -> impl Future<Output = Result<()>> + Send;
}

/// How rows that wait for a job of the kind `J` are found: the SQL function `app.{name}(before)` looks across businesses and returns business and id
/// of those that have been waiting since before `before`; the other function makes the job for such an id.
pub type Waiting<J> = (&'static str, fn(Uuid) -> J);

/// Whose a job is.
pub trait Scope: Copy + Send + Sync + 'static {
    fn org(self) -> Option<OrgId>;
    /// The reverse of `org`. An error if the payload lacks the business.
    fn from_org(org: Option<OrgId>) -> Result<Self>;
}

impl Scope for OrgId {
    fn org(self) -> Option<OrgId> {
        Some(self)
    }

    fn from_org(org: Option<OrgId>) -> Result<Self> {
        org.ok_or_else(|| Error::internal("the job's payload names no business"))
    }
}

impl Scope for () {
    fn org(self) -> Option<OrgId> {
        None
    }

    fn from_org(_: Option<OrgId>) -> Result<Self> {
        Ok(())
    }
}

/// A job as the queue keeps it: its payload with the business's id.
#[derive(Serialize, Deserialize)]
#[serde(bound = "J: Job")]
struct Queued<J> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    org: Option<OrgId>,
    #[serde(flatten)]
    job: J,
}

impl<J: Job> TaskHandler for Queued<J> {
    const IDENTIFIER: &'static str = J::NAME;

    async fn run(self, ctx: WorkerContext) -> impl IntoTaskHandlerResult {
        let app = ctx.get_ext::<App>().ok_or_else(|| Error::internal("the worker was started without the app"))?;
        self.job.run(app, J::Of::from_org(self.org)?).await
    }
}

/// A job ready to be queued.
#[derive(Debug)]
pub struct Pending {
    name: &'static str,
    payload: Value,
    key: String,
}

impl Pending {
    pub fn new<J: Job>(of: J::Of, job: J) -> Result<Self> {
        let (org, key) = (of.org(), job.key());
        let key = key_of(J::NAME, org, &key);
        Ok(Self { name: J::NAME, payload: serde_json::to_value(Queued { org, job })?, key })
    }

    /// A job of the instance, known by its name alone: a function's file names the one that renews stored data.
    pub(super) fn named(name: &'static str) -> Self {
        Self { name, payload: json!({}), key: key_of(name, None, "") }
    }

    /// Queues the job in the transaction of `db`; a waiting job with the same key is replaced.
    pub async fn enqueue(self, db: &mut PgConnection) -> Result<()> {
        // Not a compile-time checked query: the queue's schema is created by its own migrations, after ours.
        sqlx::query("select graphile_worker.add_job($1, $2::json, max_attempts := $3, job_key := $4)")
            .bind(self.name)
            .bind(self.payload)
            .bind(MAX_ATTEMPTS)
            .bind(self.key)
            .execute(db)
            .await?;
        Ok(())
    }
}

/// The key in the queue, which all businesses share: an id that a client made may occur in two of them.
fn key_of(name: &str, org: Option<OrgId>, own: &str) -> String {
    let org = org.map(|org| org.to_string()).unwrap_or_default();
    [name, &org, own].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(":")
}

/// Queues a job; inside an action, use `Cx::enqueue`.
pub async fn enqueue<J: Job>(db: &mut PgConnection, of: J::Of, job: J) -> Result<()> {
    Pending::new(of, job)?.enqueue(db).await
}

type Found<'a> = Pin<Box<dyn Future<Output = Result<Vec<Pending>>> + Send + 'a>>;

/// A kind of job in the list of jobs that the worker runs.
pub struct Entry {
    pub name: &'static str,
    /// When it runs by the clock (UTC), in cron's notation.
    schedule: Option<&'static str>,
    define: fn(WorkerOptions) -> WorkerOptions,
    waiting: for<'a> fn(&'a App, DateTime<Utc>) -> Found<'a>,
}

/// Returns the entry of the job type `J`.
pub fn entry<J: Job>() -> Entry {
    Entry {
        name: J::NAME,
        schedule: None,
        define: |options| options.define_job::<Queued<J>>(),
        waiting: |app, before| Box::pin(waiting::<J>(app, before)),
    }
}

/// Returns the entry of a job that runs by the clock, with an empty payload.
pub fn recurring<J: Job<Of = ()>>(schedule: &'static str) -> Entry {
    Entry { schedule: Some(schedule), ..entry::<J>() }
}

impl Entry {
    /// Adds the job, and its schedule, to a worker's.
    pub fn add_to(&self, options: WorkerOptions) -> Result<WorkerOptions> {
        let options = (self.define)(options);
        let Some(schedule) = self.schedule else { return Ok(options) };
        let line = format!("{schedule} {} ?max={MAX_ATTEMPTS}&job_key={} {{}}", self.name, key_of(self.name, None, ""));
        options.with_cron(line).map_err(|e| Error::internal(e.to_string()))
    }

    /// Queues what has been waiting since before `before` and is not in the queue. A job that is there is left alone, even if it was given
    /// up: that is for a person to run again. Returns the number of jobs queued.
    pub async fn queue_lost(&self, app: &App, before: DateTime<Utc>) -> Result<u64> {
        let waiting = (self.waiting)(app, before).await?;
        if waiting.is_empty() {
            return Ok(0);
        }
        let (keys, payloads): (Vec<_>, Vec<_>) = waiting.into_iter().map(|job| (job.key, job.payload.to_string())).unzip();
        let queued = sqlx::query(
            "select graphile_worker.add_job($1, w.payload::json, max_attempts := $2, job_key := w.key)
               from unnest($3::text[], $4::text[]) w(key, payload)
              where not exists (select from graphile_worker._private_jobs j where j.key = w.key)",
        )
        .bind(self.name)
        .bind(MAX_ATTEMPTS)
        .bind(keys)
        .bind(payloads)
        .execute(&app.pool)
        .await?;
        Ok(queued.rows_affected())
    }
}

async fn waiting<J: Job>(app: &App, before: DateTime<Utc>) -> Result<Vec<Pending>> {
    let Some((function, job)) = J::WAITING else { return Ok(Vec::new()) };
    let sql = format!("select org_id, id from app.{function}($1)");
    let rows: Vec<(OrgId, Uuid)> = sqlx::query_as(AssertSqlSafe(sql)).bind(before).fetch_all(&app.pool).await?;
    rows.into_iter().map(|(org, id)| Pending::new(J::Of::from_org(Some(org))?, job(id))).collect()
}

/// Returns the ids of the jobs that are due, by the database's clock, and not running.
pub async fn due(pool: &PgPool) -> Result<Vec<i64>> {
    Ok(sqlx::query_scalar(
        "select id from graphile_worker._private_jobs where attempts < max_attempts and run_at <= now() and locked_at is null order by id",
    )
    .fetch_all(pool)
    .await?)
}

/// SQL: whether the job `j` used up its attempts and is no longer running. Every job is queued with a key. One that was replaced while a
/// worker had it lost its key and its attempts to its successor: if that worker died, the row is left over, and is nobody's concern.
#[macro_export]
macro_rules! given_up {
    () => {
        "(j.attempts >= j.max_attempts and j.locked_at is null and j.key is not null)"
    };
}

/// Makes a job of this business that used up its attempts due again. Returns false if there is none with this id.
pub async fn retry(db: &mut PgConnection, org: OrgId, id: i64) -> Result<bool> {
    let done = sqlx::query(concat!(
        "update graphile_worker._private_jobs j set attempts = 0, run_at = now(), last_error = null, updated_at = now()
          where j.id = $1 and j.payload ->> 'org' = $2 and ",
        given_up!()
    ))
    .bind(id)
    .bind(org.to_string())
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Deletes the rows that dead workers left of jobs that were replaced meanwhile.
pub async fn delete_replaced(pool: &PgPool) -> Result<()> {
    sqlx::query("delete from graphile_worker._private_jobs where key is null and attempts >= max_attempts and locked_at is null")
        .execute(pool)
        .await?;
    Ok(())
}
