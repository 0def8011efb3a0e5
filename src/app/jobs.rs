//! Background work: the jobs, the schedule of the recurring ones, and the worker that runs them (`platform::jobs` queues them).

use std::{future::Future, time::Duration};

use graphile_worker::{Cron, IntoTaskHandlerResult, TaskHandler, Worker, WorkerContext, WorkerOptions, WorkerRecoveryConfig};
use serde::{Deserialize, Serialize};

use flows::delivery;
use platform::{
    app::App,
    audit,
    error::{Error, Result},
    housekeeping, jobs,
};

/// Registers every job, and the schedule of the recurring ones.
fn worker() -> Result<WorkerOptions> {
    let daily = Cron::daily_at::<Sweep>(4, 10).map_err(|e| Error::internal(e.to_string()))?;
    let areas = [office::jobs::jobs, customers::jobs::jobs, money::jobs::jobs, flows::jobs::jobs];
    Ok(areas
        .into_iter()
        .fold(WorkerOptions::default(), |options, add| add(options))
        // By the clock (UTC).
        .define_job::<SealAudit>()
        .with_cron(Cron::every_minute::<SealAudit>().job_key("seal_audit").payload_value(serde_json::json!({})))
        .define_job::<Sweep>()
        .with_cron(daily.job_key("sweep").payload_value(serde_json::json!({}))))
}

/// Seals the new audit entries of each business.
#[derive(Serialize, Deserialize)]
pub struct SealAudit {}

impl TaskHandler for SealAudit {
    const IDENTIFIER: &'static str = "seal_audit";

    async fn run(self, ctx: WorkerContext) -> impl IntoTaskHandlerResult {
        let app = jobs::app(&ctx)?;
        audit::seal_new(app).await?;
        Ok::<(), Error>(())
    }
}

/// Deletes old rate-limit windows, idempotency keys after 90 days, and sessions and sign-ins that ended more than 30 days ago.
#[derive(Serialize, Deserialize)]
pub struct Sweep {}

impl TaskHandler for Sweep {
    const IDENTIFIER: &'static str = "sweep";

    async fn run(self, ctx: WorkerContext) -> impl IntoTaskHandlerResult {
        let app = jobs::app(&ctx)?;
        housekeeping::sweep(app).await
    }
}

async fn init(app: &App, options: WorkerOptions) -> Result<Worker> {
    options.pg_pool(app.pool.clone()).add_extension(app.clone()).init().await.map_err(Error::internal)
}

/// Runs jobs until `shutdown` completes. Jobs under way then get 30 seconds; another worker retries those that were cut off.
pub async fn run(app: &App, shutdown: impl Future<Output = ()> + Send + 'static) -> Result<()> {
    // A worker that dies is noticed within two minutes (by the library's default, never).
    let recovery = WorkerRecoveryConfig::default()
        .heartbeat_interval(Duration::from_secs(15))
        .sweep_interval(Duration::from_secs(30))
        .sweep_threshold(Duration::from_secs(90))
        .recovery_delay(Duration::from_secs(5));
    let options = worker()?
        .concurrency(app.job_concurrency)
        .poll_interval(Duration::from_secs(5))
        .worker_recovery(recovery)
        .listen_os_shutdown_signals(false)
        .shutdown_signal(shutdown)
        .shutdown_grace_period(Duration::from_secs(30));
    init(app, options).await?.run().await.map_err(Error::internal)
}

/// Runs all jobs that are due, and those they queue, until none is left. Returns the number of jobs that ran.
pub async fn drain(app: &App) -> Result<usize> {
    let mut ran = 0;
    loop {
        delivery::sweep(app).await?;
        let due = jobs::due(&app.pool).await?;
        if due.is_empty() {
            return Ok(ran);
        }
        init(app, worker()?.concurrency(app.job_concurrency)).await?.run_once().await.map_err(Error::internal)?;
        // A job that ran is deleted, or waits for its retry.
        let left = jobs::due(&app.pool).await?;
        let done = due.iter().filter(|id| !left.contains(id)).count();
        if done == 0 {
            return Err(Error::internal(format!("{} jobs are due that no handler takes", due.len())));
        }
        ran += done;
    }
}
