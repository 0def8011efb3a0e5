//! A database whose connection is cut during COMMIT, or whose round trips are counted: a socket between the app's pool and Postgres, which reads
//! what the app sends.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use sqlx::{PgPool, postgres::PgPoolOptions};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{UnixListener, UnixStream, unix::OwnedReadHalf, unix::OwnedWriteHalf},
    sync::Notify,
};

use super::{TestApp, admin_url};

/// Where the connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// COMMIT never reaches the server.
    Before,
    /// The server has committed; its answer is lost.
    After,
    /// The app loses the connection at once, and COMMIT reaches the server a moment later.
    Late,
}

#[derive(Default)]
struct Plan {
    cut: Mutex<Option<Cut>>,
    /// COMMITs that pass before the one that is cut.
    passing: AtomicUsize,
    cuts: AtomicUsize,
    /// Statements that the app sent.
    asked: AtomicUsize,
    /// The database stays away after the cut.
    is_away: AtomicBool,
    goes_away: AtomicBool,
}

impl Plan {
    fn at_commit(&self) -> Option<Cut> {
        let mut cut = self.cut.lock().unwrap();
        if cut.is_none() || self.passing.load(Ordering::SeqCst) > 0 {
            self.passing.fetch_sub(usize::from(cut.is_some()), Ordering::SeqCst);
            return None;
        }
        self.cuts.fetch_add(1, Ordering::SeqCst);
        self.is_away.store(self.goes_away.load(Ordering::SeqCst), Ordering::SeqCst);
        cut.take()
    }
}

/// The socket between, and what it is to do at the next COMMIT.
pub struct Between {
    dir: PathBuf,
    url: String,
    plan: Arc<Plan>,
}

impl Between {
    pub fn start(t: &TestApp) -> Self {
        let dir = std::env::temp_dir().join(format!("cut-{}", &t.database[t.database.len() - 12..]));
        std::fs::create_dir_all(&dir).unwrap();
        let listener = UnixListener::bind(dir.join(".s.PGSQL.5432")).unwrap();
        let admin = admin_url();
        let server = PathBuf::from(admin.rsplit_once("host=").expect("the cluster listens on a unix socket").1).join(".s.PGSQL.5432");
        let plan = Arc::new(Plan::default());
        let url = format!("postgres://rounds_app@localhost/{}?host={}", t.database, dir.display());
        let shared = plan.clone();
        tokio::spawn(async move {
            while let Ok((app, _)) = listener.accept().await {
                if !shared.is_away.load(Ordering::SeqCst) {
                    tokio::spawn(carry(app, server.clone(), shared.clone()));
                }
            }
        });
        Self { dir, url, plan }
    }

    /// A pool as the product makes it.
    pub async fn pool(&self) -> PgPool {
        let options = PgPoolOptions::new().max_connections(4).acquire_timeout(Duration::from_secs(10)).test_before_acquire(false);
        options.connect(&self.url).await.unwrap()
    }

    /// Cuts at the next COMMIT.
    pub fn arm(&self, cut: Cut) {
        *self.plan.cut.lock().unwrap() = Some(cut);
    }

    /// Cuts at a later COMMIT: `passing` go through before it.
    pub fn arm_after(&self, passing: usize, cut: Cut) {
        self.plan.passing.store(passing, Ordering::SeqCst);
        self.arm(cut);
    }

    /// Forgets a cut that did not happen. True: there was one.
    pub fn disarm(&self) -> bool {
        self.plan.passing.store(0, Ordering::SeqCst);
        self.plan.cut.lock().unwrap().take().is_some()
    }

    /// Cuts at the next COMMIT, and the database stays away.
    pub fn arm_for_good(&self, cut: Cut) {
        self.plan.goes_away.store(true, Ordering::SeqCst);
        self.arm(cut);
    }

    /// The database is back.
    pub fn mend(&self) {
        self.plan.goes_away.store(false, Ordering::SeqCst);
        self.plan.is_away.store(false, Ordering::SeqCst);
    }

    /// Round trips to the database so far, by the statements that the app sent. Preparing one for the first time is not counted.
    pub fn round_trips(&self) -> usize {
        self.plan.asked.load(Ordering::SeqCst)
    }

    /// How often it was cut.
    pub fn cuts(&self) -> usize {
        self.plan.cuts.load(Ordering::SeqCst)
    }
}

impl Drop for Between {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// One connection. What comes from the server is handed on until the cut.
async fn carry(app: UnixStream, server: PathBuf, plan: Arc<Plan>) {
    let (from_app, to_app) = app.into_split();
    let (from_server, to_server) = UnixStream::connect(server).await.unwrap().into_split();
    let down = Arc::new(Down { is_cut: AtomicBool::new(false), answered: Notify::new() });
    let downwards = tokio::spawn(down.clone().hand_on(from_server, to_app));
    let _ = upwards(from_app, to_server, &plan, &down, || downwards.abort()).await;
    downwards.abort();
}

struct Down {
    is_cut: AtomicBool,
    answered: Notify,
}

impl Down {
    async fn hand_on(self: Arc<Self>, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
        let mut bytes = vec![0; 16 * 1024];
        while let Ok(n @ 1..) = from.read(&mut bytes).await {
            if self.is_cut.load(Ordering::SeqCst) {
                return self.answered.notify_one();
            }
            if to.write_all(&bytes[..n]).await.is_err() {
                return;
            }
        }
    }
}

/// Hands on message by message, until the COMMIT that is cut or the end of the connection.
async fn upwards(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, plan: &Plan, down: &Down, hang_up: impl Fn()) -> std::io::Result<()> {
    // What comes first has no type: the question about TLS, then the greeting.
    loop {
        let body = message(&mut from, &[], &mut to).await?;
        if body.starts_with(&196_608_i32.to_be_bytes()) {
            break;
        }
    }
    loop {
        let kind = from.read_u8().await?;
        let body = read(&mut from).await?;
        if plan.is_away.load(Ordering::SeqCst) {
            return Ok(());
        }
        // Of one sent at once: a query as text, or the execution of a prepared one.
        plan.asked.fetch_add(usize::from(matches!(kind, b'Q' | b'E')), Ordering::SeqCst);
        let is_commit = kind == b'Q' && body == b"COMMIT\0";
        let cut = if is_commit { plan.at_commit() } else { None };
        match cut {
            None => write(&mut to, &[kind], &body).await?,
            Some(Cut::Before) => return Ok(()),
            Some(Cut::After) => {
                down.is_cut.store(true, Ordering::SeqCst);
                write(&mut to, &[kind], &body).await?;
                down.answered.notified().await;
                return Ok(());
            }
            Some(Cut::Late) => {
                hang_up();
                tokio::time::sleep(Duration::from_millis(150)).await;
                return write(&mut to, &[kind], &body).await;
            }
        }
    }
}

async fn message(from: &mut OwnedReadHalf, kind: &[u8], to: &mut OwnedWriteHalf) -> std::io::Result<Vec<u8>> {
    let body = read(from).await?;
    write(to, kind, &body).await?;
    Ok(body)
}

async fn read(from: &mut OwnedReadHalf) -> std::io::Result<Vec<u8>> {
    let length = usize::try_from(from.read_i32().await?).unwrap_or_default();
    let mut body = vec![0; length.saturating_sub(4)];
    from.read_exact(&mut body).await?;
    Ok(body)
}

async fn write(to: &mut OwnedWriteHalf, kind: &[u8], body: &[u8]) -> std::io::Result<()> {
    let length = u32::try_from(body.len() + 4).unwrap_or_default().to_be_bytes();
    to.write_all(&[kind, &length, body].concat()).await
}
