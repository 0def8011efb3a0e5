//! How fast Rounds is, and whether it stays so: a million tickets of a thousand businesses in an embedded database, the release build of
//! `rounds serve`, requests over loopback. `bin/bench` runs it; `ROUNDS_BENCH_SCALE=small` is a quick look.

#![allow(clippy::cast_precision_loss, reason = "figures for reading")]

use std::{
    error::Error,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use platform::{config::Config, migrate::migrate, postgres::Embedded};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

mod client;
mod customers;
mod measure;
mod requests;

use measure::{Measured, Pids};
use requests::{ALL, Requests, What};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const PORT: u16 = 18_471;
const SEED: &str = include_str!("seed.sql");

/// How much is seeded and how long is measured.
struct Scale {
    businesses: u32,
    pace_seconds: u64,
    busy: Duration,
}

impl Scale {
    fn wanted() -> Self {
        match std::env::var("ROUNDS_BENCH_SCALE").as_deref() {
            Ok("small") => Self { businesses: 50, pace_seconds: 3, busy: Duration::from_secs(2) },
            _ => Self { businesses: 1000, pace_seconds: 10, busy: Duration::from_secs(5) },
        }
    }
}

fn main() -> Outcome {
    // `cargo test --benches` only wants to know that it builds.
    if !std::env::args().any(|a| a == "--bench") {
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let folder = std::env::var_os("ROUNDS_BENCH_DIR")
        .map_or_else(|| std::env::temp_dir().join(format!("rounds-bench-{}", std::process::id())), PathBuf::from);
    std::fs::create_dir_all(&folder)?;
    let done = runtime.block_on(run(&folder, &Scale::wanted()));
    std::fs::remove_dir_all(&folder)?;
    done
}

async fn run(folder: &Path, scale: &Scale) -> Outcome {
    let config = Config::in_folder(folder)?;
    let small = scale.businesses / 10;
    seed(&config, 0, small).await?;
    let few = table(&config, folder, scale, small, 0..15).await?;
    seed(&config, small + 1, scale.businesses).await?;
    let many = table(&config, folder, scale, scale.businesses, 15..30).await?;
    println!("\nGrowth: {}000 against {small}000 tickets", scale.businesses);
    println!("{:<34}{:>10}{:>10}{:>10}{:>12}", "", "p50", "p95", "req/s", "processor");
    for ((what, few), (_, many)) in few.iter().zip(&many) {
        let times = |a: Duration, b: Duration| b.as_secs_f64() / a.as_secs_f64().max(1e-9);
        println!(
            "{:<34}{:>9.2}x{:>9.2}x{:>9.2}x{:>11.2}x",
            name(*what),
            times(few.p50, many.p50),
            times(few.p95, many.p95),
            few.per_second / many.per_second.max(1e-9),
            times(few.server_cpu + few.database_cpu, many.server_cpu + many.database_cpu)
        );
    }
    Ok(())
}

fn name(what: What) -> &'static str {
    ALL.iter().find(|(w, _)| *w == what).map_or("", |(_, name)| name)
}

/// Puts businesses `from..=to` into the database; number 0 is the one with 15,000 customers.
async fn seed(config: &Config, from: u32, to: u32) -> Outcome {
    let started = Instant::now();
    let embedded = Embedded::start(config).await?;
    migrate(app::schema::SCHEMA, &embedded.admin_url(), None).await?;
    let mut db = PgConnection::connect(&embedded.admin_url()).await?;
    sqlx::raw_sql("alter system set shared_preload_libraries = 'pg_stat_statements'; ").execute(&mut db).await?;
    sqlx::raw_sql("create extension if not exists pg_stat_statements; set synchronous_commit = off; set work_mem = '64MB'")
        .execute(&mut db)
        .await?;
    // Indexes of words are made once, over everything.
    let words: Vec<(String, String)> =
        sqlx::query_as("select indexrelid::regclass::text, pg_get_indexdef(indexrelid) from pg_index i join pg_class c on c.oid = i.indexrelid join pg_am a on a.oid = c.relam where a.amname = 'gin' and i.indrelid::regclass::text not like 'graphile%'")
            .fetch_all(&mut db)
            .await?;
    for (name, _) in &words {
        sqlx::raw_sql(AssertSqlSafe(format!("drop index {name}"))).execute(&mut db).await?;
    }
    let mut first = from;
    while first <= to {
        let (last, contacts) = if first == 0 { (0, 15_000) } else { ((first + 24).min(to), 200) };
        let sql =
            SEED.replace("{from}", &first.to_string()).replace("{to}", &last.to_string()).replace("{contacts}", &contacts.to_string());
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut db).await?;
        first = last + 1;
    }
    for (_, definition) in words {
        sqlx::raw_sql(AssertSqlSafe(definition)).execute(&mut db).await?;
    }
    sqlx::raw_sql("vacuum analyze").execute(&mut db).await?;
    sqlx::raw_sql("checkpoint").execute(&mut db).await?;
    let (tickets, size): (i64, String) =
        sqlx::query_as("select (select count(*) from tickets), pg_size_pretty(pg_database_size(current_database()))")
            .fetch_one(&mut db)
            .await?;
    eprintln!("{tickets} tickets, {size}, seeded in {} s", started.elapsed().as_secs());
    db.close().await?;
    embedded.stop().await?;
    Ok(())
}

/// Serves, measures everything, prints a table.
async fn table(
    config: &Config,
    folder: &Path,
    scale: &Scale,
    businesses: u32,
    places: std::ops::Range<u32>,
) -> Outcome<Vec<(What, Measured)>> {
    let mut server = Server::start(folder).await?;
    let embedded = Embedded::join(config).await?;
    let mut db = PgConnection::connect(&embedded.admin_url()).await?;
    let pids = Pids { server: server.0.id(), postmaster: postmaster(&mut db).await? };
    let requests = Arc::new(Requests::new(businesses, places));
    println!("\n{businesses}000 tickets of {businesses} businesses, and one with 15,000 customers; {}", measure::load());
    println!(
        "{:<34}{:>9}{:>9}{:>9}{:>9}{:>8}{:>7}{:>9}{:>9}{:>8}{:>6}",
        "", "req/s", "p50 ms", "p95 ms", "p99 ms", "bytes", "trips", "cpu ms", "db cpu", "failed", "of"
    );
    let mut all = Vec::new();
    for (what, name) in ALL {
        let mut m = Measured::default();
        // An ordinary hour is measured, not the first after a restart: every business has been there a few times (pages are in memory, the
        // hour's use of a token is noted, each connection of the server's pool has met the statements), at both sizes alike.
        if what != What::Complete {
            measure::warm(PORT, &requests, what, 4 * businesses as usize).await;
        }
        measure::round_trips(&mut db, PORT, &requests, what, &mut m).await?;
        measure::latencies(PORT, &requests, what, scale.pace_seconds, &mut m).await;
        measure::throughput(PORT, pids, &requests, what, scale.busy, &mut m).await;
        let ms = |d: Duration| d.as_secs_f64() * 1000.0;
        println!(
            "{name:<34}{:>9.0}{:>9.1}{:>9.1}{:>9.1}{:>8}{:>7.1}{:>9.2}{:>9.2}{:>8}{:>6}",
            m.per_second,
            ms(m.p50),
            ms(m.p95),
            ms(m.p99),
            m.bytes,
            m.round_trips,
            ms(m.server_cpu),
            ms(m.database_cpu),
            m.failed,
            m.sample
        );
        all.push((what, m));
    }
    let (now, most) = measure::resident(server.0.id());
    println!("resident memory of the server: {now} MB, at most {most} MB");
    let (took, rows) = customers::import(PORT, businesses).await?;
    println!("import of {rows} Square customers: {:.1} s from upload to the last row", took.as_secs_f64());
    sealed(&mut db).await?;
    let (now, most) = measure::resident(server.0.id());
    println!("resident memory after the import: {now} MB, at most {most} MB; {}", measure::load());
    db.close().await?;
    server.stop().await?;
    Ok(all)
}

/// Waits until the audit chain holds what the import wrote, a hundred thousand entries: the next measurements would pay for that otherwise.
async fn sealed(db: &mut PgConnection) -> Outcome {
    let started = Instant::now();
    while started.elapsed() < Duration::from_mins(5) {
        let left: i64 = sqlx::query_scalar("select (select count(*) from audit_entries) - (select count(*) from audit_seals)")
            .fetch_one(&mut *db)
            .await?;
        if left == 0 {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Err("the audit entries were not sealed within five minutes".into())
}

/// The process all of the database's processes come from.
async fn postmaster(db: &mut PgConnection) -> Outcome<u32> {
    let file: String = sqlx::query_scalar("select pg_read_file('postmaster.pid')").fetch_one(db).await?;
    Ok(file.lines().next().unwrap_or_default().trim().parse()?)
}

/// `rounds serve` as a process of its own.
struct Server(Child);

impl Server {
    async fn start(folder: &Path) -> Outcome<Self> {
        let log = std::fs::File::create(folder.join("serve.log"))?;
        let child = Command::new(env!("CARGO_BIN_EXE_rounds"))
            .arg("serve")
            .env("ROUNDS_DATA_DIR", folder)
            .env("ROUNDS_LISTEN", format!("127.0.0.1:{PORT}"))
            .env_remove("DATABASE_URL")
            .env_remove("ROUNDS_BENCH_SCALE")
            .env_remove("ROUNDS_BENCH_DIR")
            .env("ROUNDS_TRUSTED_PROXY", "true")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;
        let mut server = Self(child);
        for _ in 0..600 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            if let Some(ended) = server.0.try_wait()? {
                return Err(format!("rounds serve ended: {ended}; {}", std::fs::read_to_string(folder.join("serve.log"))?).into());
            }
            if let Ok(mut connection) = client::Connection::open(PORT).await
                && connection.send("GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await.is_ok_and(|r| r.status == 200)
            {
                return Ok(server);
            }
        }
        Err("rounds serve did not come up".into())
    }

    async fn stop(&mut self) -> Outcome {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.0.id())?);
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM)?;
        while self.0.try_wait()?.is_none() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Only where something failed: an orderly stop came before.
        if let Ok(None) = self.0.try_wait() {
            drop(self.0.kill());
        }
    }
}
