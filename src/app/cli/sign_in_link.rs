//! `rounds sign-in-link`

use office::identity::actions::sign_in_link;
use platform::config::Config;
use platform::error::Error;

use super::{Exit, Failure, Result, app, database::Database};

/// Prints a link that signs a user in, once and within 15 minutes. Works without a mail server, also for who is making a business just now.
#[derive(clap::Args)]
pub struct Args {
    /// The user's email address
    email: String,
}

pub async fn run(args: Args, config: Config) -> Result {
    let database = Database::join(&config).await?;
    let printed = print(&args.email, &config, &database).await;
    database.close().await?;
    printed
}

async fn print(email: &str, config: &Config, database: &Database) -> Result {
    let app = app::build(config, database.pool(config).await?)?;
    let link = sign_in_link(&app, email).await;
    app.pool.close().await;
    match link {
        Ok(link) => println!("{link}"),
        Err(Error::NotFound) => {
            return Err(Failure::new(
                Exit::Failed,
                format!("Nobody here has the address {email}, and nobody is making a business with it just now."),
            ));
        }
        Err(error) => return Err(Failure::new(Exit::Failed, error.message())),
    }
    Ok(())
}
