//! The command line, with one file per command. Each command takes its arguments and the settings; its result becomes the exit code.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use platform::config::Config;
use platform::observe;

mod app;
mod archive;
mod backup;
mod check;
mod database;
mod demo;
mod failure;
mod import;
mod migrate;
mod restore;
mod serve;
mod sign_in_link;
mod token;

pub use failure::{Exit, Failure, Result};

/// Rounds runs a small service business: customers, appointments, close-out, invoices, payments.
#[derive(Parser)]
#[command(version, after_help = AFTER_HELP)]
struct Cli {
    /// Settings file; without it, rounds.toml in the data folder is read if there is one
    #[arg(long, global = true, env = "ROUNDS_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Settings: ROUNDS_LISTEN, ROUNDS_DATA_DIR, DATABASE_URL and every other ROUNDS_… variable; config/rounds.toml lists them all.
Without DATABASE_URL, Rounds runs Postgres itself inside the data folder.

Exit codes:
  0  done
  1  failed
  2  wrong usage
  3  a setting or this machine must be changed first
  4  the database can't be reached
  5  `check` found something";

#[derive(Subcommand)]
enum Command {
    /// Serve everything in one process
    Serve(serve::Args),
    /// Serve an invented business for trying Rounds out
    Demo(demo::Args),
    /// Print a link that signs a user in
    SignInLink(sign_in_link::Args),
    /// Print a new API token with a user's rights
    Token(token::Args),
    /// Import a file
    Import(import::Args),
    /// Create or update roles, tables and grants in the database
    Migrate(migrate::Args),
    /// Check a deployment: settings, secrets, database, role, schema, audit, jobs
    Check(check::Args),
    /// Write the whole database, and the secrets beside it, to a file
    Backup(backup::Args),
    /// Restore a backup
    Restore(restore::Args),
    /// Print every route: method, path, who may use it
    Routes,
}

/// Reads the command line and the settings and runs the command. A failure is printed to standard error.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match start(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("rounds: {failure}");
            failure.exit.into()
        }
    }
}

fn start(cli: Cli) -> Result {
    let mut config = Config::load(cli.config.as_deref(), std::env::vars())?;
    if matches!(cli.command, Command::Demo(_)) {
        demo::settings(&mut config);
    }
    observe::start_logging(&config).map_err(|message| Failure::new(Exit::Configuration, message))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| Failure::new(Exit::Failed, error.to_string()))?.block_on(run(cli.command, config))
}

async fn run(command: Command, config: Config) -> Result {
    match command {
        Command::Routes => {
            println!("{}", crate::routes::printed());
            Ok(())
        }
        Command::Serve(args) => serve::run(args, config).await,
        Command::Demo(args) => demo::run(args, config).await,
        Command::SignInLink(args) => sign_in_link::run(args, config).await,
        Command::Token(args) => token::run(args, config).await,
        Command::Import(args) => import::run(args, config).await,
        Command::Migrate(args) => migrate::run(args, config).await,
        Command::Check(args) => check::run(args, config).await,
        Command::Backup(args) => backup::run(args, config).await,
        Command::Restore(args) => restore::run(args, config).await,
    }
}
