//! `rounds serve`

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::{
    http, jobs,
    server::{self, Limits},
};
use axum::{Extension, Router, routing};
use doors::live;
use platform::app::App;
use platform::config::Config;
use platform::observe::{self, Operator};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::{Exit, Failure, Result, app, database::Database};

/// Serves pages, API and background jobs until SIGTERM or Ctrl-C, then lets running requests and jobs finish.
///
/// TLS is left to a proxy in front; set `ROUNDS_PUBLIC_URL` to the address that browsers use. Without `DATABASE_URL`, Postgres is
/// started and stopped with this process.
#[derive(clap::Args, Default)]
pub struct Args {
    /// Leave background work (mail, imports, webhooks) to another process
    #[arg(long, conflicts_with = "only_jobs")]
    no_jobs: bool,
    /// Do only background work; HTTP answers health and metrics alone
    #[arg(long)]
    only_jobs: bool,
}

pub async fn run(args: Args, config: Config) -> Result {
    until_stopped(args, config, async |_| Ok(())).await
}

/// Opens the port and the database, runs `prepare` on the application, serves until the stop signal, and closes the database
/// however serving ended.
pub async fn until_stopped(args: Args, config: Config, prepare: impl AsyncFnOnce(&App) -> Result) -> Result {
    // The port comes before the database is started: a taken port is the commonest mistake.
    let listener = match listen("listen", config.listen).await {
        Ok(listener) => listener,
        // If Rounds was started twice, that is the better message than the taken port.
        Err(taken) => return Err(Database::held_elsewhere(&config).unwrap_or(taken)),
    };
    let mut database = Database::hold(&config).await?;
    let stop = stop_signal()?;
    let served = match database.pool(&config).await {
        Ok(pool) => {
            let all = async {
                let app = app::build(&config, pool)?;
                prepare(&app).await?;
                serve(app, &args, &config, listener, stop).await
            };
            tokio::select! {
                served = all => served,
                failure = database.lost() => Err(failure),
            }
        }
        Err(failure) => Err(failure),
    };
    let closed = database.close().await;
    served.and(closed)
}

async fn serve(app: App, args: &Args, config: &Config, listener: TcpListener, stop: watch::Receiver<bool>) -> Result {
    observe::start_metrics().map_err(|message| Failure::new(Exit::Failed, message))?;
    tokio::spawn(observe::keep_metrics());
    if let Some(address) = config.metrics_listen()? {
        let listener = listen("metrics.listen", address).await?;
        let router = Router::new().route("/metrics", routing::get(async || observe::metrics_text()));
        tokio::spawn(async move { axum::serve(listener, router).await });
    }
    let pool = app.pool.clone();
    let jobs = (!args.no_jobs).then(|| Arc::new(AtomicBool::new(false)));
    let working = jobs.clone().map(|up| tokio::spawn(work(app.clone(), stop.clone(), up)));
    let operator = Operator { metrics_token: config.metrics.token.clone(), jobs };
    let router =
        if args.only_jobs { health(app) } else { http::router(app) }.layer(Extension(operator)).layer(Extension(live::Stop(stop.clone())));
    tracing::info!(listen = %config.listen, public_url = config.public_url, "ready");
    let limits = Limits::of(server::raise_open_files(), config.trusted_proxy);
    server::serve(listener, router, limits, stop).await;
    if let Some(working) = working
        && let Err(error) = working.await
    {
        tracing::error!(%error, "the jobs' worker ended badly");
    }
    pool.close().await;
    Ok(())
}

/// The routes of a process that only runs jobs.
fn health(app: App) -> Router {
    Router::new()
        .route("/healthz", routing::get(observe::healthz))
        .route("/readyz", routing::get(observe::readyz))
        .route("/metrics", routing::get(observe::metrics))
        .with_state(app)
}

/// Runs jobs until the stop signal. A worker that fails (such as without a database) is restarted after 5 seconds; queued jobs stay queued.
async fn work(app: App, stop: watch::Receiver<bool>, up: Arc<AtomicBool>) {
    loop {
        let mut told = stop.clone();
        up.store(true, Ordering::Relaxed);
        if let Err(error) = jobs::run(&app, async move { stopped(&mut told).await }).await {
            up.store(false, Ordering::Relaxed);
            tracing::error!(%error, "the jobs' worker stopped; starting it again");
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
        if *stop.borrow() {
            return;
        }
    }
}

async fn listen(setting: &str, address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        let advice = match error.kind() {
            std::io::ErrorKind::AddrInUse => "another program listens there; stop it, or choose another port with",
            std::io::ErrorKind::PermissionDenied => "this user may not listen there; ports from 1024 up are free to all. Choose one with",
            _ => "choose another address with",
        };
        let variable = format!("ROUNDS_{}", setting.to_uppercase().replace('.', "__"));
        Failure::new(Exit::Configuration, format!("setting `{setting}`: {address}: {error}: {advice} {variable}."))
    })
}

/// A channel that becomes true on SIGTERM or SIGINT. A second signal exits the process at once.
pub fn stop_signal() -> Result<watch::Receiver<bool>> {
    let fail = |error: std::io::Error| Failure::new(Exit::Failed, error.to_string());
    let mut terminate = signal(SignalKind::terminate()).map_err(fail)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(fail)?;
    let (tell, stop) = watch::channel(false);
    tokio::spawn(async move {
        for again in [false, true] {
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
            if again {
                std::process::exit(Exit::Failed as i32);
            }
            tracing::info!("stopping");
            tell.send_replace(true);
        }
    });
    Ok(stop)
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // The sender lives in a task that never ends before the process does.
    let _ended = stop.wait_for(|stop| *stop).await;
}
