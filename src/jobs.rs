//! Background work: which jobs there are, when the regular ones run, and the worker that runs them (`platform::jobs` queues them).

use std::{future::Future, time::Duration};

use graphile_worker::{Cron, IntoTaskHandlerResult, TaskHandler, Worker, WorkerContext, WorkerOptions, WorkerRecoveryConfig};
use serde::{Deserialize, Serialize};

use crate::{
    business, closeout, confirm, contacts, delivery, exports, identity, imports, payments,
    platform::{
        app::App,
        audit,
        error::{Error, Result},
        housekeeping, jobs,
    },
};

/// Every job there is, and the one schedule.
fn worker() -> Result<WorkerOptions> {
    let daily = Cron::daily_at::<Sweep>(4, 10).map_err(|e| Error::internal(e.to_string()))?;
    Ok(WorkerOptions::default()
        // From acts: each is queued in the act's own transaction.
        .define_job::<identity::jobs::SendSignIn>()
        .define_job::<confirm::jobs::ConfirmTicket>()
        .define_job::<delivery::jobs::SendMessage>()
        .define_job::<closeout::jobs::ExtractNotes>()
        .define_job::<contacts::jobs::ExtractNote>()
        .define_job::<business::jobs::SendInvitation>()
        .define_job::<business::jobs::CheckStripe>()
        .define_job::<payments::jobs::ProcessWebhook>()
        .define_job::<payments::jobs::RefundAtStripe>()
        .define_job::<payments::jobs::ExpireCheckout>()
        .define_job::<payments::jobs::CloseCheckouts>()
        .define_job::<imports::jobs::RunImport>()
        .define_job::<imports::jobs::UndoImport>()
        .define_job::<exports::jobs::RunExport>()
        // From a function of the database that has changed.
        .define_job::<contacts::jobs::RenewContactSearch>()
        // By the clock (UTC).
        .define_job::<delivery::jobs::SweepMessages>()
        .with_cron(Cron::every_minute::<delivery::jobs::SweepMessages>().job_key("sweep_messages").payload_value(serde_json::json!({})))
        .define_job::<SealAudit>()
        .with_cron(Cron::every_minute::<SealAudit>().job_key("seal_audit").payload_value(serde_json::json!({})))
        .define_job::<Sweep>()
        .with_cron(daily.job_key("sweep").payload_value(serde_json::json!({}))))
}

/// Chains the audit entries of each business.
#[derive(Serialize, Deserialize)]
pub struct SealAudit {}

impl TaskHandler for SealAudit {
    const IDENTIFIER: &'static str = "seal_audit";

    async fn run(self, ctx: WorkerContext) -> impl IntoTaskHandlerResult {
        let app = app(&ctx)?;
        audit::seal_new(app).await?;
        Ok::<(), Error>(())
    }
}

/// Forgets what has served its time: rate-limit windows, idempotency keys after 90 days, expired sessions and sign-ins.
#[derive(Serialize, Deserialize)]
pub struct Sweep {}

impl TaskHandler for Sweep {
    const IDENTIFIER: &'static str = "sweep";

    async fn run(self, ctx: WorkerContext) -> impl IntoTaskHandlerResult {
        let app = app(&ctx)?;
        housekeeping::sweep(app).await
    }
}

/// What a job's handler works with.
pub fn app(ctx: &WorkerContext) -> Result<&App> {
    ctx.get_ext::<App>().ok_or_else(|| Error::internal("the worker was started without the app"))
}

async fn init(app: &App, options: WorkerOptions) -> Result<Worker> {
    options.pg_pool(app.pool.clone()).add_extension(app.clone()).init().await.map_err(Error::internal)
}

/// Works until told to stop; then jobs under way get half a minute, and what was cut off runs again elsewhere.
pub async fn run(app: &App, shutdown: impl Future<Output = ()> + Send + 'static) -> Result<()> {
    // A worker that dies is noticed within two minutes (the library's own default is: never).
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

/// Runs everything that is due now, and what that causes, until nothing is left. Returns how many jobs ran.
pub async fn drain(app: &App) -> Result<usize> {
    let mut ran = 0;
    loop {
        delivery::sweep(app).await?;
        let due = jobs::due(&app.pool).await?;
        if due.is_empty() {
            return Ok(ran);
        }
        init(app, worker()?.concurrency(app.job_concurrency)).await?.run_once().await.map_err(Error::internal)?;
        // A job that ran is gone, or waits for its next try.
        let left = jobs::due(&app.pool).await?;
        let done = due.iter().filter(|id| !left.contains(id)).count();
        if done == 0 {
            return Err(Error::internal(format!("{} jobs are due that no handler takes", due.len())));
        }
        ran += done;
    }
}
