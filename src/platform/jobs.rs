//! Background jobs on `graphile_worker`: queued inside the action's transaction, run after its commit, retried with backoff, and shown to
//! the owner if they fail for good. A job is short: load, leave the transaction, do the slow part, record the outcome with an action.

use graphile_worker::WorkerContext;
use serde_json::{Value, json};
use sqlx::{PgConnection, PgPool};

use super::{
    app::App,
    error::{Error, Result},
    ids::OrgId,
};

/// Attempts before a job is given up and shown as failed.
pub const MAX_ATTEMPTS: i32 = 8;

/// Queues a job. `payload` holds ids only; `org` is added to it. A waiting job with the same `key` is replaced.
pub async fn enqueue(db: &mut PgConnection, task: &str, org: Option<OrgId>, mut payload: Value, key: &str) -> Result<()> {
    if let (Value::Object(map), Some(org)) = (&mut payload, org) {
        map.insert("org".into(), json!(org));
    }
    // Not a compile-time checked query: the queue's schema is created by its own migrations, after ours.
    sqlx::query("select graphile_worker.add_job($1, $2::json, max_attempts := $3, job_key := $4)")
        .bind(task)
        .bind(payload)
        .bind(MAX_ATTEMPTS)
        .bind(key)
        .execute(db)
        .await?;
    Ok(())
}

/// Returns the ids of the jobs that are due, by the database's clock, and not running.
pub async fn due(pool: &PgPool) -> Result<Vec<i64>> {
    Ok(sqlx::query_scalar(
        "select id from graphile_worker._private_jobs where attempts < max_attempts and run_at <= now() and locked_at is null order by id",
    )
    .fetch_all(pool)
    .await?)
}

/// A job that used up its attempts, as the owner's page and `rounds check` show it.
#[derive(Debug, Clone, serde::Serialize)]
pub struct FailedJob {
    pub id: i64,
    pub task: String,
    pub error: String,
    pub failed_at: chrono::DateTime<chrono::Utc>,
}

/// Returns up to 50 jobs of one business that used up their attempts, newest first.
pub async fn failed(db: &mut PgConnection, org: OrgId) -> Result<Vec<FailedJob>> {
    let rows: Vec<(i64, String, Option<String>, chrono::DateTime<chrono::Utc>)> = sqlx::query_as(
        "select j.id, t.identifier, j.last_error, j.updated_at
           from graphile_worker._private_jobs j join graphile_worker._private_tasks t on t.id = j.task_id
          where j.attempts >= j.max_attempts and j.locked_at is null and j.payload ->> 'org' = $1
          order by j.updated_at desc limit 50",
    )
    .bind(org.to_string())
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|(id, task, error, failed_at)| FailedJob { id, task, error: error.unwrap_or_default(), failed_at }).collect())
}

/// Makes a job of this business that used up its attempts due again. Returns false if there is none with this id.
pub async fn run_again(db: &mut PgConnection, org: OrgId, id: i64) -> Result<bool> {
    let done = sqlx::query(
        "update graphile_worker._private_jobs set attempts = 0, run_at = now(), last_error = null, updated_at = now()
          where id = $1 and attempts >= max_attempts and locked_at is null and payload ->> 'org' = $2",
    )
    .bind(id)
    .bind(org.to_string())
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The `App` that a job's handler works with. Errors if the worker was started without it.
pub fn app(ctx: &WorkerContext) -> Result<&App> {
    ctx.get_ext::<App>().ok_or_else(|| Error::internal("the worker was started without the app"))
}
