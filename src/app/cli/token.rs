//! `rounds token`

use office::business::actions::token_make;
use platform::config::Config;
use platform::error::Error;
use platform::ids::OrgId;

use super::{Exit, Failure, Result, app, database::Database};

/// Prints a new API token with a user's rights. It is shown only once.
#[derive(clap::Args)]
pub struct Args {
    /// The user's email address
    email: String,
    /// The business's id; needed if the user belongs to several
    #[arg(long)]
    org: Option<OrgId>,
    /// The token's purpose, as shown in the list of tokens
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
