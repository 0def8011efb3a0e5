//! A command's failure: its message and exit code.

use std::fmt;
use std::process::ExitCode;

use platform::{config::ConfigError, error::Error, postgres};

/// Exit codes, as explained by `--help`. Clap itself exits with 2.
#[derive(Clone, Copy, Debug)]
pub enum Exit {
    Failed = 1,
    Configuration = 3,
    Database = 4,
    Found = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    message: String,
}

pub type Result<T = (), E = Failure> = std::result::Result<T, E>;

impl Failure {
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }

    /// A failure about the file at `path`.
    pub fn file(path: &std::path::Path, error: impl fmt::Display) -> Self {
        Self::new(Exit::Failed, format!("{}: {error}", path.display()))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::new(Exit::Configuration, error.to_string())
    }
}

impl From<postgres::Error> for Failure {
    fn from(error: postgres::Error) -> Self {
        let exit = match error {
            postgres::Error::Running { .. } => Exit::Failed,
            postgres::Error::Setup(_) => Exit::Configuration,
            postgres::Error::Failed(_) => Exit::Database,
        };
        Self::new(exit, error.to_string())
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        let advice = "Is DATABASE_URL right, and does the server run?";
        match error {
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::PoolTimedOut | sqlx::Error::Configuration(_) => {
                Self::new(Exit::Database, format!("The database can't be reached: {error}. {advice}"))
            }
            // The connection was refused: class 28 is a wrong role or password, 3D an unknown database.
            sqlx::Error::Database(ref told) if told.code().is_some_and(|code| code.starts_with("28") || code.starts_with("3D")) => {
                Self::new(Exit::Database, format!("The database refused us: {told}. {advice}"))
            }
            _ => Self::new(Exit::Failed, format!("The database said: {error}")),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Internal(cause) => match cause.downcast::<sqlx::Error>() {
                Ok(cause) => (*cause).into(),
                Err(cause) => Self::new(Exit::Failed, cause.to_string()),
            },
            other => Self::new(Exit::Failed, other.to_string()),
        }
    }
}
