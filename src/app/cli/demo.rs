//! `rounds demo`

use crate::demo;
use platform::app::App;
use platform::config::Config;
use sqlx::{Connection as _, PgConnection};

use super::{Exit, Failure, Result, database::Database, serve};

/// Serves "Crystal Clear Windows", an invented window-cleaning business with two years of history and a full day today.
/// It sends no mail and charges no card. Prints a link that signs in as the owner.
#[derive(clap::Args)]
pub struct Args {
    /// Delete the demo's data and start over
    #[arg(long)]
    reset: bool,
}

/// Overrides settings for the demo: mail stays in a folder, and the default log is reduced to warnings so that the link is the
/// last line printed.
pub fn settings(config: &mut Config) {
    config.demo = true;
    config.mail.smtp_url = None;
    if config.log.filter.starts_with("info") {
        config.log.filter = "warn,sqlx=error".into();
    }
}

pub async fn run(args: Args, config: Config) -> Result {
    if args.reset {
        let database = Database::hold_bare(&config).await?;
        let emptied = empty(&database, &config).await;
        database.close().await?;
        emptied?;
    }
    serve::until_stopped(serve::Args::default(), config, prepare).await
}

async fn prepare(app: &App) -> Result {
    let failed = |error: platform::error::Error| Failure::new(Exit::Failed, format!("The demo could not be made: {error}"));
    if !demo::may_start(app).await.map_err(failed)? {
        return Err(refused(
            "This database holds a business of somebody's own: the demo, where anybody may sign in, does not start on it.",
        ));
    }
    demo::ensure(app).await.map_err(failed)?;
    println!("Rounds demo: {}", demo::link(app).await.map_err(failed)?);
    Ok(())
}

/// Deletes all data and mails. A failure if the database holds a business that is not the demo's.
async fn empty(database: &Database, config: &Config) -> Result {
    if businesses(database).await? > 0 {
        return Err(refused(
            "This database holds a business that is not the demo's; --reset would throw it away. Back it up and empty the database by hand if you mean it.",
        ));
    }
    database.drop_everything().await?;
    if database.embedded.is_none() {
        database.migrate().await?;
    }
    match std::fs::remove_dir_all(config.data_dir.join("mail")) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Failure::new(Exit::Failed, format!("the demo's mails: {error}"))),
        _ => Ok(()),
    }
}

fn refused(words: &str) -> Failure {
    Failure::new(Exit::Configuration, words)
}

/// The number of businesses that are not the demo's.
async fn businesses(database: &Database) -> Result<i64> {
    let mut admin = PgConnection::connect(database.admin_url()?.expose()).await?;
    let has_table: bool = sqlx::query_scalar("select to_regclass('public.orgs') is not null").fetch_one(&mut admin).await?;
    let count = match has_table {
        true => sqlx::query_scalar("select count(*) from orgs where not is_demo").fetch_one(&mut admin).await?,
        false => 0,
    };
    admin.close().await?;
    Ok(count)
}
