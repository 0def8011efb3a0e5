//! `rounds migrate`

use platform::config::Config;

use super::{Result, database::Database};

/// Creates the roles (`rounds_owner`, `rounds_app`, `rounds_lookup`, `rounds_backup`), runs this version's migrations, applies its functions and grants
/// the rights the app needs. `ROUNDS_ADMIN_DATABASE_URL` names a role that may create roles; the password in `DATABASE_URL`
/// becomes the password of `rounds_app`. Safe to repeat.
#[derive(clap::Args)]
pub struct Args {}

pub async fn run(_: Args, config: Config) -> Result {
    let database = Database::join(&config).await?;
    // An embedded database was migrated by `join`.
    let done = if database.embedded.is_some() { Ok(()) } else { database.migrate().await };
    database.close().await?;
    done?;
    println!("The database is up to date.");
    Ok(())
}
