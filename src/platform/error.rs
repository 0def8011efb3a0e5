//! The one error of requests and actions. Causes are logged, never rendered; a violated constraint becomes its field's message.

use std::fmt;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The ways a request can fail, by what the person or program can do next.
#[derive(Debug)]
pub enum Error {
    /// The request has no valid session or token.
    Unauthorized,
    Forbidden,
    /// The business has switched off the capability named here.
    CapabilityDisabled(&'static str),
    /// The record does not exist or belongs to another business; the response is the same for both.
    NotFound,
    /// Someone else changed the record first, or its state forbids the action. `current` is the record as it is now.
    Conflict {
        message: String,
        current: Option<serde_json::Value>,
    },
    Invalid(FieldErrors),
    RateLimited {
        retry_after_secs: u64,
    },
    TooLarge,
    /// A provider refused or failed; the message is shown to people.
    Provider(String),
    /// The request can't be served at the moment (database away, shutting down); the message is shown to people.
    Unavailable(String),
    /// The answer to COMMIT was lost and the database stays away: nobody knows whether it was saved. Only `commit` makes it.
    InDoubt,
    Internal(Box<dyn std::error::Error + Send + Sync>),
}

/// An error of one field, with a message for people. `field` is the form's field name; empty for the form as a whole.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct FieldError {
    pub field: String,
    pub message: String,
    pub code: String,
}

#[derive(Debug, Clone, Default, Serialize, PartialEq, Eq)]
pub struct FieldErrors(pub Vec<FieldError>);

impl FieldErrors {
    /// Returns an `Invalid` error of a single field.
    pub fn one(field: &str, message: impl Into<String>) -> Error {
        let mut e = Self::default();
        e.add(field, message);
        Error::Invalid(e)
    }

    /// Returns an error of the form as a whole.
    pub fn whole(message: impl Into<String>) -> Self {
        let mut e = Self::default();
        e.add("", message);
        e
    }

    pub fn add(&mut self, field: &str, message: impl Into<String>) {
        self.0.push(FieldError { field: field.into(), message: message.into(), code: "invalid".into() });
    }

    /// Returns the first message for `field`.
    pub fn of(&self, field: &str) -> Option<&str> {
        self.0.iter().find(|e| e.field == field).map(|e| e.message.as_str())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn into_result(self) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::Invalid(self)) }
    }
}

impl From<garde::Report> for FieldErrors {
    fn from(report: garde::Report) -> Self {
        Self(
            report
                .into_inner()
                .into_iter()
                .map(|(path, e)| FieldError { field: path.to_string(), message: e.message().to_string(), code: "invalid".into() })
                .collect(),
        )
    }
}

impl Error {
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::Conflict { message: message.into(), current: None }
    }

    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(cause.into())
    }

    /// Whether a job should simply run again later: the database is away.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::InDoubt)
    }

    pub fn status(&self) -> StatusCode {
        match self {
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden | Self::CapabilityDisabled(_) => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Conflict { .. } => StatusCode::CONFLICT,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::RateLimited { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Provider(_) => StatusCode::BAD_GATEWAY,
            Self::Unavailable(_) | Self::InDoubt => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The envelope's code (`api.md`).
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unauthorized => "UNAUTHORIZED",
            Self::Forbidden => "FORBIDDEN",
            Self::CapabilityDisabled(_) => "CAPABILITY_DISABLED",
            Self::NotFound => "NOT_FOUND",
            Self::Conflict { .. } => "CONFLICT",
            Self::Invalid(_) => "VALIDATION_ERROR",
            Self::RateLimited { .. } => "RATE_LIMITED",
            Self::TooLarge => "TOO_LARGE",
            Self::Provider(_) => "PROVIDER_ERROR",
            Self::Unavailable(_) | Self::InDoubt => "UNAVAILABLE",
            Self::Internal(_) => "INTERNAL",
        }
    }

    /// The message shown to people. Never includes the cause.
    pub fn message(&self) -> String {
        match self {
            Self::Unauthorized => "Please sign in.".into(),
            Self::Forbidden => "Your role does not allow this.".into(),
            Self::CapabilityDisabled(c) => format!("This business has switched off “{c}”."),
            Self::NotFound => "There is nothing here, or it is not yours to see.".into(),
            Self::Conflict { message, .. } | Self::Provider(message) | Self::Unavailable(message) => message.clone(),
            Self::Invalid(e) if e.0.len() == 1 => e.0[0].message.clone(),
            Self::Invalid(_) => "Some fields need another look.".into(),
            Self::RateLimited { .. } => "That was too often. Please wait a moment.".into(),
            Self::TooLarge => "That is larger than we accept.".into(),
            Self::InDoubt => "The database went away while this was being saved. We don't know whether it was saved.".into(),
            Self::Internal(_) => "Something went wrong on our side. Nothing was changed.".into(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Internal(cause) => write!(f, "internal: {cause}"),
            other => write!(f, "{}: {}", other.code(), other.message()),
        }
    }
}
impl std::error::Error for Error {}

/// Constraint → (field, message). Names are unique in the schema, so this is the whole mapping.
const CONSTRAINTS: &[(&str, &str, &str)] = &[
    ("members_user_key", "email", "This person is already in the team."),
    ("services_name_key", "name", "There is already a service with this name."),
    ("services_price_needed", "price", "A price is needed, except for flexible services."),
    ("ticket_lines_price_needed", "unit_price", "A price is needed, except for flexible services."),
    ("tickets_slot_check", "ends_at", "The end must be after the start, and at most a week later."),
    ("invoices_due_check", "due_date", "The due date can't be before the issue date."),
    ("orgs_day_check", "day_ends", "The day must end after it starts."),
    ("clock_entries_order_check", "clocked_out_at", "Clocking out can't be before clocking in."),
];

/// Returns the message for a SQLSTATE that means a value can't be stored. Validation should have caught it earlier.
fn unfit(code: &str) -> Option<&'static str> {
    Some(match code {
        "22003" => "A number in it is larger than can be kept.",
        "22007" | "22008" => "A date in it is outside of what can be kept.",
        "22021" | "22P05" => "There is a character in it that can't be kept (a zero byte). Please take it out.",
        _ => return None,
    })
}

/// Returns the message for a SQLSTATE that says the database can do nothing, or not this, for now. Nothing was changed.
fn overloaded(code: &str) -> Option<&'static str> {
    Some(match code {
        DISK_FULL => "The disk of the database is full, so nothing can be saved. Whoever runs this server has to make room.",
        "53200" | "53300" | "53400" => "The database has no room for this at the moment. Please try again in a minute.",
        "55P03" | "57014" => "This took too long, probably because someone else is changing the same. Please try again.",
        "57P01" | "57P02" | "57P03" => "The database is restarting. Please try again.",
        _ => return None,
    })
}

/// The SQLSTATE `disk_full`.
const DISK_FULL: &str = "53100";

impl From<sqlx::Error> for Error {
    fn from(e: sqlx::Error) -> Self {
        match &e {
            sqlx::Error::RowNotFound => Self::NotFound,
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Io(_) => {
                tracing::warn!(error = %e, "database unavailable");
                Self::Unavailable("The database does not answer at the moment. Please try again.".into())
            }
            sqlx::Error::Database(d) => match d.constraint() {
                Some("tickets_closed_immutable") => Self::conflict("This ticket is closed and can't be changed any more."),
                Some("invoices_issued_immutable") => {
                    Self::conflict("This invoice is issued and can't be changed. Void it and issue a new one.")
                }
                Some("assignments_no_overlap") => Self::conflict("The technician is already booked at that time."),
                Some("clock_entries_one_open") => Self::conflict("A clock is already running for this technician."),
                Some("invoices_one_live_per_ticket") => Self::conflict("This ticket already has an invoice."),
                Some("closeouts_one_live") => Self::conflict("Someone is already closing out this ticket."),
                Some(name) => match CONSTRAINTS.iter().find(|c| c.0 == name) {
                    Some((_, field, message)) => FieldErrors::one(field, *message),
                    // A reference to a record that this business does not have is treated like an unknown id.
                    None if d.is_foreign_key_violation() => Self::NotFound,
                    // An id generated by the client, sent a second time under another idempotency key.
                    None if d.is_unique_violation() && name.ends_with("_pkey") => {
                        Self::conflict("There is already a record with this id. Reload the page to make a new one.")
                    }
                    None => Self::Internal(Box::new(e)),
                },
                None => match d.code().as_deref().and_then(unfit) {
                    Some(message) => FieldErrors::one("", message),
                    None => match d.code().as_deref().and_then(overloaded) {
                        Some(message) => {
                            tracing::error!(error = %e, "the database can't do this now");
                            if d.code().as_deref() == Some(DISK_FULL) {
                                super::observe::note_full_disk();
                            }
                            Self::Unavailable(message.into())
                        }
                        None => Self::Internal(Box::new(e)),
                    },
                },
            },
            _ => Self::Internal(Box::new(e)),
        }
    }
}

impl From<serde_json::Error> for Error {
    fn from(e: serde_json::Error) -> Self {
        Self::Internal(Box::new(e))
    }
}

/// What the error middleware renders as a page or an envelope.
#[derive(Debug, Clone)]
pub struct Failure {
    pub status: StatusCode,
    pub code: &'static str,
    pub message: String,
    pub details: FieldErrors,
    pub current: Option<serde_json::Value>,
    pub is_in_doubt: bool,
}

impl From<&Error> for Failure {
    fn from(e: &Error) -> Self {
        Self {
            status: e.status(),
            code: e.code(),
            message: e.message(),
            details: if let Error::Invalid(e) = e { e.clone() } else { FieldErrors::default() },
            current: if let Error::Conflict { current, .. } = e { current.clone() } else { None },
            is_in_doubt: matches!(e, Error::InDoubt),
        }
    }
}

/// A bare response that carries the failure; `http::render_failures` turns it into a page for people or an envelope for programs.
impl IntoResponse for Error {
    fn into_response(self) -> Response {
        if let Self::Internal(cause) = &self {
            tracing::error!(%cause, "internal error");
        }
        let failure = Failure::from(&self);
        let mut response = failure.status.into_response();
        let retry = match &self {
            Self::RateLimited { retry_after_secs } => Some(*retry_after_secs),
            Self::Unavailable(_) | Self::InDoubt => Some(5),
            _ => None,
        };
        if let Some(secs) = retry {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(secs));
        }
        response.extensions_mut().insert(failure);
        response
    }
}
