//! The running of the product: the embedded database on a folder of its own.

use std::path::PathBuf;
use std::process::Stdio;

use rounds::platform::config::Config;
use rounds::platform::postgres::{Embedded, Error};
use sqlx::Connection as _;

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
