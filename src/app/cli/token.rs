//! `rounds token`

use office::business::actions::token_make;
use platform::config::Config;
use platform::error::Error;
use platform::ids::OrgId;

use super::{Exit, Failure, Result, app, database::Database};

/// Prints a new API token with a person's rights. It is shown this once.
#[derive(clap::Args)]
pub struct Args {
    /// The person's address
    email: String,
    /// The business, where the person belongs to several
    #[arg(long)]
    org: Option<OrgId>,
    /// What it is for, as the list of tokens shows it
    #[arg(long, default_value = "Made by command")]
    name: String,
}

pub async fn run(args: Args, config: Config) -> Result {
    let database = Database::join(&config).await?;
    let printed = print(&args, &config, &database).await;
    database.close().await?;
    printed
}

async fn print(args: &Args, config: &Config, database: &Database) -> Result {
    let app = app::build(config, database.pool(config).await?)?;
    let token = token_make(&app, &args.email, args.org, &args.name).await;
    app.pool.close().await;
    match token {
        Ok(token) => println!("{token}"),
        Err(Error::NotFound) => return Err(Failure::new(Exit::Failed, format!("Nobody here has the address {}.", args.email))),
        Err(error) => return Err(Failure::new(Exit::Failed, error.message())),
    }
    Ok(())
}
