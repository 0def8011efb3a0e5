//! `rounds migrate`

use rounds::platform::config::Config;

use super::{Result, database::Database};

/// Makes the roles (`rounds_owner`, `rounds_app`, `rounds_lookup`, `rounds_backup`), runs the migrations this version brings, applies its functions and grants
/// what the app needs. `ROUNDS_ADMIN_DATABASE_URL` names a role that may create roles; the password in `DATABASE_URL`
/// becomes the one of `rounds_app`. Safe to run again.
#[derive(clap::Args)]
pub struct Args {}

pub async fn run(_: Args, config: Config) -> Result {
    let database = Database::join(&config).await?;
    // The embedded one was brought up to date on opening.
    let done = if database.embedded.is_some() { Ok(()) } else { database.migrate().await };
    database.close().await?;
    done?;
    println!("The database is up to date.");
    Ok(())
}
