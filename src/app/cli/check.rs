//! `rounds check`

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use platform::app::App;
use platform::audit;
use platform::config::Config;
use platform::given_up;
use platform::ids::OrgId;
use sqlx::PgPool;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Exit, Failure, Result, app, database::Database};

/// Checks a deployment after a change: settings, secrets, database, serving role, schema, every
/// business's audit chain, and failed jobs.
#[derive(clap::Args)]
pub struct Args {
    /// Only ask the running server whether it is ready (for a container's health check)
    #[arg(long)]
    health: bool,
}

pub async fn run(args: Args, config: Config) -> Result {
    if args.health {
        return health(&config).await;
    }
    config.keys()?;
    println!("settings and secrets: ok");
    let database = Database::join(&config).await?;
    let found = inspect(&database, &config).await;
    database.close().await?;
    found
}

async fn inspect(database: &Database, config: &Config) -> Result {
    let pool = database.pool(config).await?;
    println!("database, role and schema: ok");
    let app = app::build(config, pool.clone())?;
    let mut found = audit_faults(&app).await?;
    found.extend(failed_jobs(&pool).await?);
    pool.close().await;
    if found.is_empty() { Ok(()) } else { Err(Failure::new(Exit::Found, found.join("\n"))) }
}

/// Verifies every business's audit chain and returns the faults.
async fn audit_faults(app: &App) -> Result<Vec<String>> {
    let orgs: Vec<OrgId> = sqlx::query_scalar("select app.org_ids()").fetch_all(&app.pool).await?;
    let (mut sealed, mut faults) = (0, Vec::new());
    for org in &orgs {
        let verdict = audit::verify(app, *org).await?;
        sealed += verdict.sealed;
        faults.extend(verdict.faults.into_iter().map(|fault| format!("audit of business {org}: {fault}")));
    }
    println!("audit: {sealed} sealed entries of {} businesses, {} faults", orgs.len(), faults.len());
    Ok(faults)
}

async fn failed_jobs(pool: &PgPool) -> Result<Option<String>> {
    let (waiting, failed): (i64, i64) = sqlx::query_as(concat!(
        "select count(*) filter (where j.attempts < j.max_attempts), count(*) filter (where ",
        given_up!(),
        ") from graphile_worker._private_jobs j",
    ))
    .fetch_one(pool)
    .await?;
    println!("jobs: {waiting} waiting, {failed} failed");
    let message = || format!("{failed} jobs were given up; the owners find them on their home page and can run them again.");
    Ok((failed > 0).then(message))
}

/// `GET /readyz` on the listening address.
async fn health(config: &Config) -> Result {
    let answer = tokio::time::timeout(Duration::from_secs(5), ask(reachable(config.listen))).await;
    match answer {
        Ok(Ok(line)) if line.split(' ').nth(1) == Some("200") => Ok(()),
        Ok(Ok(line)) => Err(Failure::new(Exit::Found, format!("{} answers “{}”", config.listen, line.trim()))),
        Ok(Err(error)) => Err(Failure::new(Exit::Found, format!("{}: {error}", config.listen))),
        Err(_) => Err(Failure::new(Exit::Found, format!("{} does not answer within 5 seconds", config.listen))),
    }
}

async fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
    let mut answer = Vec::new();
    stream.take(4096).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned())
}

/// The address to connect to: the loopback address if the server listens on all addresses.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}
