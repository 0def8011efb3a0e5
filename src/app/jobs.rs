//! Background work: the jobs, the schedule of the recurring ones, and the worker that runs them (`platform::jobs` queues them).

use std::{future::Future, time::Duration};

use chrono::TimeDelta;
use graphile_worker::{Worker, WorkerOptions, WorkerRecoveryConfig};
use serde::{Deserialize, Serialize};

use flows::delivery;
use platform::{
    app::App,
    audit,
    error::{Error, Result},
    housekeeping,
    jobs::{self, Entry, Job, recurring},
};

/// A record that has been waiting for this long should have its job; one without is queued again.
const LOST_AFTER: TimeDelta = TimeDelta::minutes(10);

/// Every job there is.
pub fn all() -> Vec<Entry> {
    let own = vec![recurring::<SealAudit>("* * * * *"), recurring::<QueueLost>("*/5 * * * *"), recurring::<Sweep>("10 4 * * *")];
    [office::jobs::jobs(), customers::jobs::jobs(), money::jobs::jobs(), flows::jobs::jobs(), views::jobs::jobs(), own]
        .into_iter()
        .flatten()
        .collect()
}

/// Registers every job, and the schedule of the recurring ones.
fn worker() -> Result<WorkerOptions> {
    all().iter().try_fold(WorkerOptions::default(), |options, job| job.add_to(options))
}

/// Seals the new audit entries of each business.
#[derive(Serialize, Deserialize)]
struct SealAudit {}

impl Job for SealAudit {
    const NAME: &'static str = "seal_audit";
    type Of = ();

    fn key(&self) -> String {
        String::new()
    }

    async fn run(self, app: &App, (): ()) -> Result<()> {
        audit::seal_new(app).await.map(drop)
    }
}

/// Queues again what waits for a job that is not in the queue.
#[derive(Serialize, Deserialize)]
struct QueueLost {}

impl Job for QueueLost {
    const NAME: &'static str = "queue_lost";
    type Of = ();

    fn key(&self) -> String {
        String::new()
    }

    async fn run(self, app: &App, (): ()) -> Result<()> {
        queue_lost(app).await.map(drop)
    }
}

/// Asks every kind of job for what waits for it, and queues what is not in the queue. Returns the number queued.
pub async fn queue_lost(app: &App) -> Result<u64> {
    let before = app.clock.now() - LOST_AFTER;
    let mut queued = 0;
    for job in all() {
        let lost = job.queue_lost(app, before).await?;
        if lost > 0 {
            tracing::warn!(job = job.name, lost, "jobs were lost and are queued again");
        }
        queued += lost;
    }
    Ok(queued)
}

/// Deletes old rate-limit windows, idempotency keys after 90 days, sessions and sign-ins that ended more than 30 days ago, and what dead
/// workers left in the queue.
#[derive(Serialize, Deserialize)]
struct Sweep {}

impl Job for Sweep {
    const NAME: &'static str = "sweep";
    type Of = ();

    fn key(&self) -> String {
        String::new()
    }

    async fn run(self, app: &App, (): ()) -> Result<()> {
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
