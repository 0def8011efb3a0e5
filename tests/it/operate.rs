//! The running of the product: the embedded database on a folder of its own.

use std::path::PathBuf;
use std::process::Stdio;

use platform::config::Config;
use platform::mail::Mailer;
use platform::postgres::{Embedded, Error};
use sqlx::Connection as _;

use crate::support::TestApp;

/// A data folder in the system's temporary folder, removed at the end. `long` makes its path longer than a socket's may be.
struct DataDir(PathBuf);

impl DataDir {
    fn new(name: &str, long: bool) -> Self {
        let tail = if long { "x".repeat(120) } else { String::new() };
        let folder = std::env::temp_dir().join(format!("rounds-it-{name}-{}{tail}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn config(&self) -> Config {
        Config::in_folder(&self.0).unwrap()
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

async fn value(url: &str, sql: &'static str) -> String {
    let mut db = sqlx::PgConnection::connect(url).await.unwrap();
    let value = sqlx::query_scalar(sql).fetch_one(&mut db).await.unwrap();
    db.close().await.unwrap();
    value
}

#[tokio::test]
async fn embedded_database_starts_stops_and_keeps_its_data() {
    let folder = DataDir::new("keeps", false);
    let config = folder.config();
    let database = Embedded::start(&config).await.unwrap();
    let mut db = sqlx::PgConnection::connect(&database.admin_url()).await.unwrap();
    sqlx::raw_sql("CREATE TABLE kept (what text); INSERT INTO kept VALUES ('yes')").execute(&mut db).await.unwrap();
    drop(db);

    let twice = Embedded::start(&config).await.expect_err("the folder is held");
    assert!(matches!(twice, Error::Running { pid: Some(pid), .. } if pid == std::process::id()), "{twice}");
    assert!(twice.to_string().contains("ROUNDS_DATA_DIR"), "{twice}");

    let beside = Embedded::join(&config).await.unwrap();
    assert_eq!(value(&beside.admin_url(), "SELECT what FROM kept").await, "yes");
    beside.stop().await.unwrap();
    assert_eq!(value(&database.admin_url(), "SHOW listen_addresses").await, "", "a guest's stop stops nothing");

    database.stop().await.unwrap();
    assert!(!folder.0.join("postgres/data/postmaster.pid").exists());
    let again = Embedded::start(&config).await.unwrap();
    assert_eq!(value(&again.admin_url(), "SELECT what FROM kept").await, "yes");
    again.stop().await.unwrap();
}

#[tokio::test]
async fn embedded_database_left_by_a_killed_process_is_taken_over() {
    let folder = DataDir::new("adopts", true);
    let config = folder.config();
    // Dropped without `stop`, as by a kill: the lock goes, the cluster stays.
    let left = Embedded::start(&config).await.unwrap();
    let started = value(&left.admin_url(), "SELECT pg_postmaster_start_time()::text").await;
    drop(left);

    let adopted = Embedded::start(&config).await.unwrap();
    assert_eq!(value(&adopted.admin_url(), "SELECT pg_postmaster_start_time()::text").await, started);
    let url = adopted.admin_url();
    adopted.stop().await.unwrap();
    assert!(sqlx::PgConnection::connect(&url).await.is_err(), "an adopted cluster is stopped like one's own");
}

#[test]
fn help_says_what_the_exit_codes_mean_and_a_bad_setting_is_code_3() {
    let rounds = || {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_rounds"));
        command.stdin(Stdio::null());
        command
    };
    let help = rounds().arg("--help").output().unwrap();
    assert!(help.status.success() && String::from_utf8_lossy(&help.stdout).contains("Exit codes"));
    let usage = rounds().arg("fly").output().unwrap();
    assert_eq!(usage.status.code(), Some(2));
    let bad = rounds().args(["check"]).env("ROUNDS_LISTEN", "everywhere").output().unwrap();
    assert_eq!(bad.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&bad.stderr).contains("listen"));
}

/// `rounds` on this folder, with nothing of the surrounding settings.
fn rounds(folder: &DataDir) -> std::process::Command {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_rounds"));
    command.stdin(Stdio::null()).env_remove("DATABASE_URL").env("ROUNDS_DATA_DIR", &folder.0);
    command
}

#[tokio::test]
async fn a_backup_brings_rows_rights_and_secrets_back_into_an_empty_instance() {
    let (from, to) = (DataDir::new("backup", false), DataDir::new("restore", false));
    let archive = from.0.join("rounds.dump");
    assert!(rounds(&from).arg("migrate").output().unwrap().status.success());
    assert!(rounds(&from).arg("check").output().unwrap().status.success(), "makes the secrets");
    let database = Embedded::start(&from.config()).await.unwrap();
    let mut db = sqlx::PgConnection::connect(&database.admin_url()).await.unwrap();
    sqlx::raw_sql("insert into users (id, email, created_at) values (gen_random_uuid(), 'owner@example.com', now())")
        .execute(&mut db)
        .await
        .unwrap();
    drop(db);
    // Beside the process that holds the folder, as beside a server; the backup role is enough for a server of one's own.
    let as_backup = database.admin_url().replacen("//postgres@", "//rounds_backup@", 1);
    let external = rounds(&from)
        .arg("backup")
        .arg(&archive)
        .env("DATABASE_URL", database.app_url())
        .env("ROUNDS_ADMIN_DATABASE_URL", as_backup)
        .output();
    assert!(external.unwrap().status.success());
    let backup = rounds(&from).arg("backup").arg(&archive).output().unwrap();
    assert!(backup.status.success(), "{}", String::from_utf8_lossy(&backup.stderr));
    let refused = rounds(&from).arg("restore").arg(&archive).output().unwrap();
    assert_eq!(refused.status.code(), Some(1), "never under a running server");
    database.stop().await.unwrap();

    let restore = rounds(&to).arg("restore").arg(&archive).output().unwrap();
    assert!(restore.status.success(), "{}", String::from_utf8_lossy(&restore.stderr));
    assert!(rounds(&to).arg("check").output().unwrap().status.success(), "the serving role's rights came along");
    for name in ["keys", "server_key"] {
        let read = |folder: &DataDir| std::fs::read_to_string(folder.0.join("secrets").join(name)).unwrap();
        assert_eq!(read(&from), read(&to), "{name}");
    }
    let restored = Embedded::start(&to.config()).await.unwrap();
    assert_eq!(value(&restored.app_url(), "select email from users").await, "owner@example.com");
    restored.stop().await.unwrap();
}

#[tokio::test]
async fn serving_as_a_role_that_could_bypass_row_level_security_is_refused() {
    let folder = DataDir::new("roles", false);
    let database = Embedded::start(&folder.config()).await.unwrap();
    let admin = database.admin_url();
    let serve = |url: &str| rounds(&folder).arg("check").env("DATABASE_URL", url).output().unwrap();
    let migrated = rounds(&folder).arg("migrate").env("DATABASE_URL", database.app_url()).env("ROUNDS_ADMIN_DATABASE_URL", &admin).output();
    assert!(migrated.unwrap().status.success());
    assert!(serve(&database.app_url()).status.success());

    let mut db = sqlx::PgConnection::connect(&admin).await.unwrap();
    sqlx::raw_sql("create role half login in role rounds_backup; create role owns login in role rounds_owner")
        .execute(&mut db)
        .await
        .unwrap();
    for role in ["postgres", "rounds_backup", "half", "owns"] {
        let url = admin.replacen("//postgres@", &format!("//{role}@"), 1);
        let refused = serve(&url);
        assert_eq!(refused.status.code(), Some(3), "{role}: {}", String::from_utf8_lossy(&refused.stderr));
        assert!(String::from_utf8_lossy(&refused.stderr).contains("rounds_app"), "{role}");
    }
    drop(db);
    database.stop().await.unwrap();
}

/// A server process on a test's database; killed when dropped.
struct Process {
    child: tokio::process::Child,
    url: String,
}

impl Process {
    async fn serve(t: &TestApp, folder: &DataDir, how: &str) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let url = format!("http://127.0.0.1:{port}");
        let mut command = tokio::process::Command::from(on(t, folder));
        command.args(["serve", how]).env("ROUNDS_LISTEN", format!("127.0.0.1:{port}")).env("ROUNDS_PUBLIC_URL", &url);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true).spawn().unwrap();
        let process = Self { child, url };
        while !process.get("/readyz").await.is_some_and(|a| a.status().is_success()) {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        process
    }

    async fn get(&self, path: &str) -> Option<reqwest::Response> {
        reqwest::get(format!("{}{path}", self.url)).await.ok()
    }

    /// SIGTERM, as a supervisor sends it.
    async fn stop(mut self) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id().unwrap()).unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        assert!(self.child.wait().await.unwrap().success());
    }
}

/// `rounds` on a test's database, with secrets in this folder.
fn on(t: &TestApp, folder: &DataDir) -> std::process::Command {
    let mut command = rounds(folder);
    command.env("DATABASE_URL", t.url("rounds_app")).env("ROUNDS_MAIL__SMTP_URL", "smtp://127.0.0.1:9");
    command
}

fn said(output: &std::process::Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_process_queues_another_runs_and_commands_work_beside_both() {
    let (t, folder) = (TestApp::new().await, DataDir::new("commands", false));
    let b = t.business("Clear Panes").await;
    let pages = Process::serve(&t, &folder, "--no-jobs").await;

    // A token from the command line has its person's rights on the running server.
    let token = said(&on(&t, &folder).args(["token", &b.owner.email, "--name", "Nightly export"]).output().unwrap());
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let data = async |query: &str| -> serde_json::Value {
        let answer = http.get(format!("{}/api/data?{query}", pages.url)).bearer_auth(&token).send().await.unwrap();
        let text = answer.text().await.unwrap();
        serde_json::from_str::<serde_json::Value>(&text).unwrap_or_else(|e| panic!("{e}: {text}"))["data"].clone()
    };
    assert_eq!(data("type=contacts").await, serde_json::json!([]));
    let nobody = on(&t, &folder).args(["token", "nobody@example.com"]).output().unwrap();
    assert_eq!(nobody.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("Nobody here has the address nobody@example.com."));

    // A link from the command line signs in once, by its button.
    let link = said(&on(&t, &folder).args(["sign-in-link", &b.owner.email]).env("ROUNDS_PUBLIC_URL", &pages.url).output().unwrap());
    assert!(link.starts_with(&pages.url), "{link}");
    assert!(http.get(&link).send().await.unwrap().text().await.unwrap().contains("<button"));
    let press =
        || http.post(&link).header("sec-fetch-site", "same-origin").header("content-type", "application/x-www-form-urlencoded").send();
    let signed_in = press().await.unwrap();
    assert_eq!(signed_in.status().as_u16(), 303);
    let cookie = signed_in.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let home = http.get(format!("{}/", pages.url)).header("cookie", cookie).send().await.unwrap();
    assert_eq!(home.status().as_u16(), 200);
    assert_ne!(press().await.unwrap().status().as_u16(), 303, "once");

    // A file from the command line, to its end; what must be asked is said, and answered by an option.
    let testdata = |name: &str| std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/square").join(name);
    let org = b.org.to_string();
    let import = |kind: &str, name: &str, more: &[&str]| {
        on(&t, &folder).args(["import", kind]).arg(testdata(name)).args(["--org", &org]).args(more).output().unwrap()
    };
    let catalogue = said(&import("auto", "catalogue.csv", &[]));
    assert!(catalogue.starts_with("Square item library: 12 of 12 rows accounted for: 12 new"), "{catalogue}");
    let asked = import("customers", "faults/birthdays.csv", &[]);
    assert_eq!(asked.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&asked.stderr).contains("Birthday") && String::from_utf8_lossy(&asked.stderr).contains("--dates"));
    said(&import("customers", "faults/birthdays.csv", &["--dates", "month-first"]));
    assert_eq!(data("type=contacts&search=Lee").await[0]["name"], "Ann Lee");
    assert_eq!(import("fish", "catalogue.csv", &[]).status.code(), Some(1));

    // A job is queued by the one and waits for the other.
    let act = serde_json::json!({ "domain": "export", "action": "create", "data": { "kind": "contacts" } });
    let asked = http.post(format!("{}/api/actions", pages.url)).bearer_auth(&token).header("content-type", "application/json");
    assert_eq!(asked.body(act.to_string()).send().await.unwrap().status().as_u16(), 200);
    assert_eq!(data("type=exports").await[0]["state"], "queued");
    let jobs = Process::serve(&t, &folder, "--only-jobs").await;
    assert_eq!(jobs.get("/sign-in").await.unwrap().status().as_u16(), 404, "no pages there");
    while data("type=exports").await[0]["state"] != "done" {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    pages.stop().await;
    jobs.stop().await;
}

#[tokio::test]
async fn the_demo_shows_its_mail_and_nobody_else_s_does() {
    let folder = DataDir::new("mail", false);
    let mail = folder.0.clone();
    let t = TestApp::with(move |setup| {
        setup.is_demo = true;
        setup.mailer = Mailer::Folder(mail);
    })
    .await;
    let b = t.business("Clear Panes").await;
    assert!(b.owner.get("/demo/mail").await.expect(200).body.contains("No mail yet"));
    t.nobody().post("/sign-in", &[("email", &b.owner.email)]).await;
    t.drain().await;
    let list = b.owner.get("/demo/mail").await.expect(200).body;
    let href =
        list.split("href=\"").filter_map(|part| part.split('"').next()).find(|h| h.ends_with(".eml")).unwrap_or_else(|| panic!("{list}"));
    assert!(list.contains(&b.owner.email), "{list}");
    let shown = b.owner.get(href).await.expect(200).body;
    assert!(shown.contains("http://rounds.test/sign-in/"), "its link can be followed: {shown}");
    for wrong in ["/demo/mail/..%2Fsecrets.eml", "/demo/mail/none.eml", "/demo/mail/rounds.dump"] {
        b.owner.get(wrong).await.expect(404);
    }
    t.nobody().get("/demo/mail").await.expect(303);
    let plain = TestApp::new().await;
    plain.business("Clear Panes").await.owner.get("/demo/mail").await.expect(404);
}
