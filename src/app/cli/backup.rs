//! `rounds backup FILE`

use std::path::{Path, PathBuf};

use platform::config::{Config, keys};
use sqlx::{Connection as _, PgConnection};

use super::archive::{against, finish, private_file, secrets_beside, write_private};
use super::{Failure, Result, database::Database};

/// Writes a consistent snapshot of the whole database to FILE in Postgres's custom format. The server may keep running.
///
/// The keys generated in the data folder are written to FILE.secrets: keep both files, and keep them private. Keys given by
/// variables are not written; keep those yourself. With `DATABASE_URL`, `ROUNDS_ADMIN_DATABASE_URL` must name a superuser,
/// or a role with BYPASSRLS such as `rounds_backup`. `pg_restore --list FILE` lists the contents.
#[derive(clap::Args)]
pub struct Args {
    /// The file to write; an existing file is replaced once the new one is complete
    file: PathBuf,
}

pub async fn run(args: Args, config: Config) -> Result {
    let database = Database::join(&config).await?;
    let written = write(&database, &config, &args.file).await;
    database.close().await?;
    written?;
    let size = std::fs::metadata(&args.file).map_err(|error| Failure::file(&args.file, error))?.len();
    println!("{} written, {size} bytes", args.file.display());
    if save_secrets(&config, &args.file)? {
        println!("{} written: keep it with the backup, in a safe place", secrets_beside(&args.file).display());
    }
    Ok(())
}

async fn write(database: &Database, config: &Config, file: &Path) -> Result {
    let url = database.admin_url()?;
    let mut admin = PgConnection::connect(url.expose()).await?;
    let sees_all: bool =
        sqlx::query_scalar("select rolsuper or rolbypassrls from pg_roles where rolname = current_user").fetch_one(&mut admin).await?;
    admin.close().await?;
    let partial = file.with_added_extension("partial");
    let out = private_file(&partial)?;
    let mut dump = against(&database.program(config, "pg_dump")?, url)?;
    dump.args(["--format=custom", "--no-password"]).stdout(out);
    if !sees_all {
        dump.arg("--role=rounds_backup");
    }
    let done = finish(dump, "pg_dump").await;
    if done.is_err() {
        std::fs::remove_file(&partial).map_err(|error| Failure::file(&partial, error))?;
        return done;
    }
    std::fs::rename(&partial, file).map_err(|error| Failure::file(file, error))
}

/// Writes the generated keys to the secrets file. Returns false if there are none, since all are given by variables.
fn save_secrets(config: &Config, file: &Path) -> Result<bool> {
    let mut text = String::new();
    let given = [config.secrets.keys.is_some(), config.secrets.server_key.is_some()];
    for (name, given) in keys::FILES.into_iter().zip(given) {
        let path = config.secrets_dir().join(name);
        if !given && path.exists() {
            let secret = std::fs::read_to_string(&path).map_err(|error| Failure::file(&path, error))?;
            text.extend([name, " = ", secret.trim(), "\n"]);
        }
    }
    if text.is_empty() {
        return Ok(false);
    }
    write_private(&secrets_beside(file), &text)?;
    Ok(true)
}
