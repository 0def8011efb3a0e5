//! Postgres run by Rounds itself, for an instance without `DATABASE_URL`: a cluster inside the data folder that listens
//! on a Unix socket alone, starts and stops with the process, and is taken over if a killed process left it running.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::{ConnectOptions as _, Connection as _, PgConnection, postgres::PgConnectOptions};

use crate::config::Config;

mod binaries;
mod cluster;
mod folder;
mod lock;
mod memory;

pub use binaries::{Binaries, Version, program};
use cluster::Server;
use folder::Folder;
pub use lock::Lock;

/// The superuser of an embedded cluster and its only database.
const SUPERUSER: &str = "postgres";
const DATABASE: &str = "rounds";
/// The socket's file is named after it; nothing listens on the network.
const PORT: u16 = 5432;

/// Why the embedded database is not available; the message says what to do.
#[derive(Debug)]
pub enum Error {
    /// Another process holds the data folder.
    Running { pid: Option<u32>, data_dir: PathBuf },
    /// Something on this machine must be changed first.
    Setup(String),
    /// Postgres itself failed.
    Failed(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Running { pid, data_dir } => {
                let pid = pid.map_or_else(String::new, |pid| format!(" (process {pid})"));
                let data_dir = data_dir.display();
                write!(
                    f,
                    "Rounds already runs on the data folder {data_dir}{pid}. Stop it first, or give this one another folder with ROUNDS_DATA_DIR."
                )
            }
            Self::Setup(message) | Self::Failed(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for Error {}

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A running embedded cluster. If dropped without [`Embedded::stop`], the cluster keeps running, and the next start takes it over.
#[derive(Debug)]
pub struct Embedded {
    socket_dir: PathBuf,
    binaries: Binaries,
    /// Set if this process holds the data folder and is responsible for stopping the cluster.
    held: Option<(Server, Lock)>,
}

impl Embedded {
    /// Locks the data folder for this process and starts its cluster: creates it on the first start, takes over one that still runs.
    ///
    /// # Errors
    /// [`Error::Running`] if another process has the folder, [`Error::Setup`] if there is no usable Postgres.
    pub async fn start(config: &Config) -> Result<Self> {
        let folder = Folder::prepare(&config.data_dir)?;
        let lock = Lock::take(&config.data_dir)?;
        Self::bring_up(config, &folder, lock).await
    }

    /// For commands that may run beside a server: connects to the server's cluster or, if none runs, starts it for the command's duration.
    pub async fn join(config: &Config) -> Result<Self> {
        let folder = Folder::prepare(&config.data_dir)?;
        match Lock::take(&config.data_dir) {
            Ok(lock) => Self::bring_up(config, &folder, lock).await,
            Err(Error::Running { .. }) => {
                let binaries = Binaries::find(&config.postgres_bin, folder.version()?)?;
                let socket_dir = cluster::running_socket(&folder).await?;
                Ok(Self { socket_dir, binaries, held: None })
            }
            Err(error) => Err(error),
        }
    }

    async fn bring_up(config: &Config, folder: &Folder, lock: Lock) -> Result<Self> {
        let binaries = Binaries::find(&config.postgres_bin, folder.version()?)?;
        let server = cluster::start(folder, &binaries).await?;
        let socket_dir = server.socket_dir.clone();
        let embedded = Self { socket_dir, binaries, held: Some((server, lock)) };
        embedded.ensure_database().await?;
        Ok(embedded)
    }

    async fn ensure_database(&self) -> Result<()> {
        let fail = |error: sqlx::Error| Error::Failed(format!("The embedded database can't be prepared: {error}"));
        let mut db = connect(&self.socket_dir).await.map_err(fail)?;
        let there: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
            .bind(DATABASE)
            .fetch_one(&mut db)
            .await
            .map_err(fail)?;
        if !there {
            sqlx::query("CREATE DATABASE rounds").execute(&mut db).await.map_err(fail)?;
        }
        db.close().await.map_err(fail)
    }

    /// The URL of the cluster's superuser, for migrations, backup and restore only.
    pub fn admin_url(&self) -> String {
        self.url(SUPERUSER)
    }

    /// The URL of the role that serves requests.
    pub fn app_url(&self) -> String {
        self.url("rounds_app")
    }

    /// The programs of the cluster's own version: `pg_dump`, `pg_restore`.
    pub fn binaries(&self) -> &Binaries {
        &self.binaries
    }

    fn url(&self, role: &str) -> String {
        let host = percent_encode(&self.socket_dir);
        format!("postgres://{role}@localhost:{PORT}/{DATABASE}?host={host}")
    }

    /// Completes when the cluster ends; never if another process holds it.
    pub async fn ended(&mut self) {
        match &mut self.held {
            Some((server, _)) => server.end().await,
            None => std::future::pending().await,
        }
    }

    /// Stops the cluster if this process holds it, by a fast shutdown: every committed change is on disk afterwards.
    pub async fn stop(self) -> Result<()> {
        match self.held {
            Some((server, lock)) => {
                let stopped = server.stop().await;
                drop(lock);
                stopped
            }
            None => Ok(()),
        }
    }
}

/// Connects to the maintenance database as superuser.
async fn connect(socket_dir: &Path) -> sqlx::Result<PgConnection> {
    let options = PgConnectOptions::new_without_pgpass()
        .socket(socket_dir)
        .port(PORT)
        .username(SUPERUSER)
        .database("postgres")
        .disable_statement_logging();
    tokio::time::timeout(Duration::from_secs(5), options.connect())
        .await
        .map_err(|_| sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()))?
}

fn percent_encode(path: &Path) -> String {
    use std::fmt::Write as _;
    use std::os::unix::ffi::OsStrExt as _;
    path.as_os_str().as_bytes().iter().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"/-_.".contains(byte) {
            text.push(char::from(*byte));
        } else {
            write!(text, "%{byte:02X}").expect("writing to a String can't fail");
        }
        text
    })
}
