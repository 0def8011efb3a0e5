//! Creates, starts, takes over and stops the cluster.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sqlx::Connection as _;
use tokio::process::{Child, Command};

use super::folder::{Folder, denied};
use super::memory::shared_buffers;
use super::{Binaries, Error, PORT, Result, SUPERUSER};

/// Recovery after a crash may take long. Only a live server is waited for.
const START_PATIENCE: Duration = Duration::from_mins(5);
const STOP_PATIENCE: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(20);
/// Size in bytes above which a start truncates the log.
const LOG_LIMIT: u64 = 10_000_000;

/// The settings of each start, beside `shared_buffers`; all others are Postgres's defaults.
const SETTINGS: [&str; 13] = [
    "listen_addresses=",
    "unix_socket_permissions=0700",
    "max_connections=60",
    "synchronous_commit=on",
    "fsync=on",
    "timezone=UTC",
    "log_timezone=UTC",
    "log_min_messages=warning",
    // Logged statements would contain text that customers typed.
    "log_min_error_statement=panic",
    "log_parameter_max_length_on_error=0",
    "idle_in_transaction_session_timeout=60s",
    // Rows are in memory or on an SSD, where a lookup by key costs little more than sequential reading. At the default (4), lists read all
    // customers of a business rather than the twenty they show.
    "random_page_cost=1.1",
    // Statements take a millisecond; JIT-compiling one takes a hundred.
    "jit=off",
];

/// A running postmaster.
#[derive(Debug)]
pub struct Server {
    pub socket_dir: PathBuf,
    pid: Pid,
    /// `None` if another process started it.
    child: Option<Child>,
}

/// Starts the cluster: takes over a live postmaster, or launches one, after creating the cluster if there is none.
pub async fn start(folder: &Folder, binaries: &Binaries) -> Result<Server> {
    if let Some((pid, socket_dir)) = live_postmaster(folder) {
        tracing::info!(pid = pid.as_raw(), "taking over the database that an earlier process left running");
        let mut server = Server { socket_dir, pid, child: None };
        if server.ready().await.is_ok() {
            return Ok(server);
        }
        // The postmaster was shutting down.
        server.gone(STOP_PATIENCE).await?;
    }
    if folder.version()?.is_none() {
        initialise(folder, binaries).await?;
    }
    let mut server = launch(folder, binaries)?;
    match server.ready().await {
        Ok(()) => Ok(server),
        Err(error) => {
            server.stop().await.ok();
            Err(Error::Failed(format!("{error}\n{}", tail(&folder.log))))
        }
    }
}

/// Waits for the cluster that another process runs, and returns its socket folder.
pub async fn running_socket(folder: &Folder) -> Result<PathBuf> {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some((pid, socket_dir)) = live_postmaster(folder) {
            Server { socket_dir: socket_dir.clone(), pid, child: None }.ready().await?;
            return Ok(socket_dir);
        }
        if Instant::now() > until {
            return Err(Error::Failed("Another process holds the data folder, but its database did not come up.".to_owned()));
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Reads `postmaster.pid` (line 1: process id, line 5: socket folder). `None` unless that process is alive and works in the data folder.
fn live_postmaster(folder: &Folder) -> Option<(Pid, PathBuf)> {
    let text = std::fs::read_to_string(folder.data.join("postmaster.pid")).ok()?;
    let lines: Vec<&str> = text.lines().collect();
    let pid = Pid::from_raw(lines.first()?.trim().parse().ok()?);
    let socket_dir = lines.get(4).filter(|line| !line.is_empty())?;
    (alive(pid) && !works_elsewhere(pid, &folder.data)).then(|| (pid, PathBuf::from(socket_dir)))
}

fn alive(pid: Pid) -> bool {
    kill(pid, None) != Err(Errno::ESRCH) && !zombie(pid)
}

/// Whether the process has ended but was not reaped, which happens to orphans in a container without an init process.
fn zombie(pid: Pid) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return false;
    };
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z'))
}

/// Whether another program has this process id by now: a postmaster's working folder is its data folder. Detected on Linux only.
fn works_elsewhere(pid: Pid, data: &Path) -> bool {
    match (std::fs::read_link(format!("/proc/{pid}/cwd")), std::fs::canonicalize(data)) {
        (Ok(cwd), Ok(data)) => cwd != data,
        _ => false,
    }
}

async fn initialise(folder: &Folder, binaries: &Binaries) -> Result<()> {
    tracing::info!(folder = %folder.data.display(), version = binaries.version.0, "making the database");
    // An interrupted first start leaves a folder without PG_VERSION, which holds no data yet.
    if folder.data.exists() {
        std::fs::remove_dir_all(&folder.data).map_err(|error| denied(&folder.data, &error))?;
    }
    let mut said = String::new();
    for locale in ["C.UTF-8", "C"] {
        let made = command(folder, binaries, "initdb")
            .arg("--pgdata")
            .arg(&folder.data)
            .args(["--username", SUPERUSER, "--encoding", "UTF8", "--locale", locale])
            .args(["--auth-local", "trust", "--auth-host", "reject", "--data-checksums"])
            .stdin(Stdio::null())
            .output()
            .await;
        let made = made.map_err(|error| Error::Failed(format!("initdb can't be run: {error}")))?;
        if made.status.success() {
            return Ok(());
        }
        said = String::from_utf8_lossy(&made.stderr).into_owned();
    }
    Err(Error::Failed(format!("initdb failed:\n{said}")))
}

fn launch(folder: &Folder, binaries: &Binaries) -> Result<Server> {
    let socket_dir = folder.socket_dir()?;
    let fail = |error: std::io::Error| denied(&folder.log, &error);
    let log = File::options().create(true).append(true).open(&folder.log).map_err(fail)?;
    if log.metadata().map_err(fail)?.len() > LOG_LIMIT {
        log.set_len(0).map_err(fail)?;
    }
    let mut postgres = command(folder, binaries, "postgres");
    postgres.arg("-D").arg(&folder.data).arg("-k").arg(&socket_dir).arg("-p").arg(PORT.to_string());
    postgres.arg("-c").arg(format!("shared_buffers={}MB", shared_buffers()));
    for setting in SETTINGS {
        postgres.arg("-c").arg(setting);
    }
    postgres.stdin(Stdio::null()).stdout(log.try_clone().map_err(fail)?).stderr(log);
    let child = postgres.spawn().map_err(|error| Error::Failed(format!("postgres can't be run: {error}")))?;
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).map(Pid::from_raw);
    let pid = pid.ok_or_else(|| Error::Failed("postgres ended at once".to_owned()))?;
    Ok(Server { socket_dir, pid, child: Some(child) })
}

/// Returns a command that runs a program as the cluster's user, in its own process group: Ctrl-C in a terminal must reach Rounds
/// alone, or the database would stop before the last requests are answered.
fn command(folder: &Folder, binaries: &Binaries, program: &str) -> Command {
    let mut command = Command::new(binaries.program(program));
    command.process_group(0).current_dir("/").env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("LC_ALL", "C");
    if let Some((uid, gid)) = folder.run_as.change_to {
        command.uid(uid).gid(gid);
    }
    command
}

impl Server {
    /// Waits until the server answers. Errors if it ends, refuses or takes longer than `START_PATIENCE`.
    async fn ready(&mut self) -> Result<()> {
        let until = Instant::now() + START_PATIENCE;
        loop {
            let error = match super::connect(&self.socket_dir).await {
                Ok(db) => {
                    return db.close().await.map_err(|error| Error::Failed(error.to_string()));
                }
                Err(error) => error,
            };
            if self.ended() {
                return Err(Error::Failed("The embedded database ended while starting.".to_owned()));
            }
            if Instant::now() > until || !is_starting(&error) {
                return Err(Error::Failed(format!("The embedded database does not answer: {error}")));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    fn ended(&mut self) -> bool {
        match &mut self.child {
            Some(child) => !matches!(child.try_wait(), Ok(None)),
            None => !alive(self.pid),
        }
    }

    /// Completes when the server ends without a call of `stop`.
    pub async fn end(&mut self) {
        while !self.ended() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// Stops the server by a fast shutdown: sessions are aborted, committed changes are written to disk.
    pub async fn stop(mut self) -> Result<()> {
        if !self.ended() {
            kill(self.pid, Signal::SIGINT).map_err(|error| Error::Failed(format!("The embedded database can't be stopped: {error}")))?;
        }
        self.gone(STOP_PATIENCE).await
    }

    async fn gone(&mut self, patience: Duration) -> Result<()> {
        let until = Instant::now() + patience;
        while !self.ended() {
            if Instant::now() > until {
                return Err(Error::Failed(format!("The embedded database (process {}) does not stop.", self.pid)));
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }
}

/// Whether the server is still starting: it has no socket yet, or answers "starting up".
fn is_starting(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) => true,
        sqlx::Error::Database(error) => error.code().as_deref() == Some("57P03") && !error.message().contains("shutting down"),
        _ => false,
    }
}

/// Returns the last 2,000 bytes of Postgres's log, which name the reason of a failure.
fn tail(log: &Path) -> String {
    let mut text = String::new();
    if let Ok(mut file) = File::open(log) {
        let length = file.metadata().map_or(0, |found| found.len());
        let read = file.seek(std::io::SeekFrom::Start(length.saturating_sub(2000))).and_then(|_| file.read_to_string(&mut text));
        if let Err(error) = read {
            return format!("{}: {error}", log.display());
        }
    }
    text
}
