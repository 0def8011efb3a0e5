//! `rounds restore FILE`

use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use platform::config::{Config, keys};
use sqlx::{Connection as _, PgConnection};

use super::archive::{against, finish, secrets_beside, write_private};
use super::{Exit, Failure, Result, database::Database};

/// Restores the backup in FILE, written by `rounds backup`: roles, tables and data, then runs newer migrations.
///
/// Rounds must not be running on the database. A database that already holds a business is refused unless --force is given,
/// which drops everything in it first. The keys in FILE.secrets, if it exists, are copied to the data folder; existing keys
/// are kept beside them with the ending .before-restore.
#[derive(clap::Args)]
pub struct Args {
    /// The file written by `rounds backup`
    file: PathBuf,
    /// Drop everything in the database first
    #[arg(long)]
    force: bool,
}

pub async fn run(args: Args, config: Config) -> Result {
    std::fs::File::open(&args.file).map_err(|error| Failure::file(&args.file, error))?;
    let database = Database::hold_bare(&config).await?;
    let restored = restore(&database, &config, &args).await;
    database.close().await?;
    restored?;
    restore_secrets(&config, &args.file)?;
    println!("{} restored", args.file.display());
    Ok(())
}

async fn restore(database: &Database, config: &Config, args: &Args) -> Result {
    let url = database.admin_url()?;
    let program = database.program(config, "pg_restore")?;
    // Reads the archive's table of contents, so that an unreadable file fails before anything is dropped.
    let mut list = tokio::process::Command::new(&program);
    list.arg("--list").arg(&args.file).stdout(std::process::Stdio::null());
    finish(list, "pg_restore --list").await?;

    let mut admin = PgConnection::connect(url.expose()).await?;
    refuse_in_use(&mut admin).await?;
    if !args.force && holds_data(&mut admin).await? {
        let message = "There is data in this database already. Restore into an empty one, or drop it all with --force.";
        return Err(Failure::new(Exit::Failed, message));
    }
    // Roles belong to the cluster, not to the archive: a migration creates them, then its tables are dropped.
    if !has_roles(&mut admin).await? {
        database.migrate().await?;
    }
    admin.close().await?;
    database.drop_everything().await?;

    let mut restore = against(&program, url)?;
    restore.args(["--single-transaction", "--exit-on-error", "--no-password"]).arg(&args.file);
    finish(restore, "pg_restore").await?;
    database.migrate().await
}

async fn refuse_in_use(admin: &mut PgConnection) -> Result {
    let others: i64 =
        sqlx::query_scalar("select count(*) from pg_stat_activity where datname = current_database() and usename = 'rounds_app'")
            .fetch_one(admin)
            .await?;
    if others == 0 {
        return Ok(());
    }
    Err(Failure::new(Exit::Failed, format!("Rounds is connected to this database ({others} connections). Stop it first.")))
}

/// Whether the database holds a business, or tables of another application. Rounds' schema without a business counts as empty.
async fn holds_data(admin: &mut PgConnection) -> Result<bool> {
    let (tables, ours): (i64, bool) = sqlx::query_as(
        "select (select count(*) from pg_tables where schemaname not in ('pg_catalog', 'information_schema')), to_regclass('public.orgs') is not null",
    )
    .fetch_one(&mut *admin)
    .await?;
    match (tables, ours) {
        (0, _) => Ok(false),
        (_, false) => Ok(true),
        (_, true) => Ok(sqlx::query_scalar("select exists (select from orgs)").fetch_one(admin).await?),
    }
}

async fn has_roles(admin: &mut PgConnection) -> Result<bool> {
    let count: i64 = sqlx::query_scalar(
        "select count(*) from pg_roles where rolname in ('rounds_owner', 'rounds_app', 'rounds_lookup', 'rounds_backup')",
    )
    .fetch_one(admin)
    .await?;
    Ok(count == 4)
}

fn restore_secrets(config: &Config, archive: &Path) -> Result {
    let beside = secrets_beside(archive);
    if !beside.exists() {
        println!("There is no {}: provider credentials and public links work only with the keys they were made with.", beside.display());
        return Ok(());
    }
    let text = std::fs::read_to_string(&beside).map_err(|error| Failure::file(&beside, error))?;
    let dir = config.secrets_dir();
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir).map_err(|error| Failure::file(&dir, error))?;
    for (name, secret) in text.lines().filter_map(|line| line.split_once(" = ")) {
        if !keys::FILES.contains(&name) {
            return Err(Failure::file(&beside, format!("“{name}” is no key of Rounds")));
        }
        let path = dir.join(name);
        if path.exists() {
            let kept = path.with_added_extension("before-restore");
            std::fs::rename(&path, &kept).map_err(|error| Failure::file(&kept, error))?;
        }
        write_private(&path, secret)?;
    }
    Ok(())
}
