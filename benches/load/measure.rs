//! Measuring: latencies at a steady pace, throughput over busy connections, statements, memory.

use std::{
    io::Result,
    sync::{Arc, Mutex},
    time::Duration,
};

use sqlx::PgConnection;
use tokio::time::{Instant, interval};

use crate::{
    client::Connection,
    requests::{Requests, What},
};

/// Requests a second of the steady pace.
const PACE: u64 = 50;
/// Connections that are kept busy.
const BUSY: usize = 8;

#[derive(Default)]
pub struct Measured {
    pub per_second: f64,
    pub p50: Duration,
    pub p95: Duration,
    pub p99: Duration,
    pub bytes: usize,
    pub round_trips: f64,
    pub failed: usize,
    pub sample: usize,
    /// Processor time a request, of the server and of the database: what stays true while other programs share the processors.
    pub server_cpu: Duration,
    pub database_cpu: Duration,
}

struct Outcome {
    took: Duration,
    bytes: usize,
    is_good: bool,
}

/// Open loop: a request leaves every 20 ms whether or not the ones before came back; time runs from when it was due.
pub async fn latencies(port: u16, requests: &Arc<Requests>, what: What, seconds: u64, into: &mut Measured) {
    let idle: Arc<Mutex<Vec<Connection>>> = Arc::default();
    let mut pace = interval(Duration::from_micros(1_000_000 / PACE));
    let mut running = Vec::new();
    for _ in 0..seconds * PACE {
        let due = pace.tick().await;
        let Some(request) = requests.next(what) else { break };
        let idle = idle.clone();
        running.push(tokio::spawn(async move { on_idle(port, &idle, &request, due).await }));
    }
    let mut outcomes = Vec::new();
    for task in running {
        outcomes.push(task.await.ok().and_then(Result::ok));
    }
    into.failed += outcomes.iter().filter(|o| o.as_ref().is_none_or(|o| !o.is_good)).count();
    let good: Vec<Outcome> = outcomes.into_iter().flatten().filter(|o| o.is_good).collect();
    let mut took: Vec<Duration> = good.iter().map(|o| o.took).collect();
    took.sort_unstable();
    into.sample = took.len();
    into.bytes = good.iter().map(|o| o.bytes).sum::<usize>() / good.len().max(1);
    (into.p50, into.p95, into.p99) = (quantile(&took, 50), quantile(&took, 95), quantile(&took, 99));
}

async fn on_idle(port: u16, idle: &Mutex<Vec<Connection>>, request: &str, due: Instant) -> Result<Outcome> {
    let free = idle.lock().expect("no holder panics").pop();
    let mut connection = match free {
        Some(connection) => connection,
        None => Connection::open(port).await?,
    };
    let reply = connection.send(request).await?;
    let took = due.elapsed();
    idle.lock().expect("no holder panics").push(connection);
    Ok(Outcome { took, bytes: reply.bytes, is_good: reply.status == 200 })
}

fn quantile(sorted: &[Duration], percent: usize) -> Duration {
    sorted.get((sorted.len() * percent).div_ceil(100).saturating_sub(1)).copied().unwrap_or_default()
}

/// Asks so many times over the busy connections, unmeasured.
pub async fn warm(port: u16, requests: &Arc<Requests>, what: What, times: usize) {
    let mut running = Vec::new();
    for _ in 0..BUSY {
        let requests = requests.clone();
        running.push(tokio::spawn(async move {
            let Ok(mut connection) = Connection::open(port).await else { return };
            for _ in 0..times.div_ceil(BUSY) {
                let Some(request) = requests.next(what) else { break };
                if connection.send(&request).await.is_err() {
                    break;
                }
            }
        }));
    }
    for task in running {
        drop(task.await);
    }
}

/// Closed loop: each connection asks again as soon as it was answered.
pub async fn throughput(port: u16, pids: Pids, requests: &Arc<Requests>, what: What, time: Duration, into: &mut Measured) {
    let before = pids.processor_time();
    let started = Instant::now();
    let mut running = Vec::new();
    for _ in 0..BUSY {
        let requests = requests.clone();
        running.push(tokio::spawn(async move {
            let (mut good, mut failed) = (0_usize, 0_usize);
            let Ok(mut connection) = Connection::open(port).await else { return (0, 1) };
            while started.elapsed() < time {
                let Some(request) = requests.next(what) else { break };
                match connection.send(&request).await {
                    Ok(reply) if reply.status == 200 => good += 1,
                    _ => failed += 1,
                }
            }
            (good, failed)
        }));
    }
    let mut good = 0;
    for task in running {
        let (g, f) = task.await.unwrap_or((0, 1));
        good += g;
        into.failed += f;
    }
    into.per_second = good as f64 / started.elapsed().as_secs_f64();
    let after = pids.processor_time();
    let each = |before: Duration, after: Duration| after.saturating_sub(before).div_f64(good.max(1) as f64);
    (into.server_cpu, into.database_cpu) = (each(before.0, after.0), each(before.1, after.1));
}

/// The two processes that are measured.
#[derive(Clone, Copy)]
pub struct Pids {
    pub server: u32,
    pub postmaster: u32,
}

impl Pids {
    /// Of the server, and of the database with all its processes, since they were started.
    fn processor_time(self) -> (Duration, Duration) {
        let children = std::fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|e| e.file_name().to_str()?.parse().ok());
        let database = children.map(stat).filter(|s| s.parent == self.postmaster).map(|s| s.ran).sum::<Duration>();
        // Children that ended are counted with the postmaster.
        (stat(self.server).ran, database + stat(self.postmaster).ran_with_ended_children)
    }
}

#[derive(Default)]
struct Stat {
    parent: u32,
    ran: Duration,
    ran_with_ended_children: Duration,
}

/// `/proc/PID/stat`; nothing where the process is gone. Ticks are hundredths of a second.
fn stat(pid: u32) -> Stat {
    let line = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<&str> = line.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let number = |n: usize| fields.get(n - 3).and_then(|f| f.parse::<u64>().ok()).unwrap_or_default();
    let ticks = |n: u64| Duration::from_millis(n * 10);
    Stat {
        parent: u32::try_from(number(4)).unwrap_or_default(),
        ran: ticks(number(14) + number(15)),
        ran_with_ended_children: ticks(number(14) + number(15) + number(16) + number(17)),
    }
}

/// Round trips to the database a request: top-level statements; BEGIN travels with the one that says who is asking.
pub async fn round_trips(db: &mut PgConnection, port: u16, requests: &Requests, what: What, into: &mut Measured) -> sqlx::Result<()> {
    let mut connection = Connection::open(port).await?;
    sqlx::query("select pg_stat_statements_reset()").execute(&mut *db).await?;
    let mut asked = 0;
    for _ in 0..20 {
        if let Some(request) = requests.next(what) {
            let reply = connection.send(&request).await?;
            asked += 1;
            if reply.status != 200 && asked == 1 {
                eprintln!("answered {}: {}", reply.status, connection.text().chars().take(300).collect::<String>());
            }
        }
    }
    let calls: i64 = sqlx::query_scalar(
        "select coalesce(sum(calls), 0)::bigint from pg_stat_statements s join pg_roles r on r.oid = s.userid
          where r.rolname = 'rounds_app' and query !~* '^begin' and query not like '%graphile_worker%'",
    )
    .fetch_one(db)
    .await?;
    into.round_trips = calls as f64 / f64::from(asked.max(1));
    Ok(())
}

/// Resident memory of a process and its highest so far, in MB.
pub fn resident(pid: u32) -> (u64, u64) {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = |name: &str| {
        let found = status.lines().find_map(|l| l.strip_prefix(name));
        found.and_then(|l| l.split_whitespace().next()).and_then(|n| n.parse::<u64>().ok()).unwrap_or_default() / 1024
    };
    (line("VmRSS:"), line("VmHWM:"))
}

/// How busy the machine was with everything, this included.
pub fn load() -> String {
    let averages = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{processors} processors, load of the last minute {}", averages.split(' ').next().unwrap_or("unknown"))
}
