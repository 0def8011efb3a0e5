//! Why an action can't be done now, though its input is good.

use std::{any::Any, sync::Arc};

use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::error::Error;

/// The cases of a conflict, by what a person or a program can do next.
#[derive(Debug, Clone)]
pub enum Conflict {
    /// The form was made in another business than the current one, whose name this is; empty if it is not known.
    OtherBusiness(String),
    /// An entry queued on a phone comes from a member who is not signed in now.
    OtherMember,
    /// Somebody saved this version of the record since the form was shown. `table` is also the name of its data type.
    Stale { table: &'static str, id: Uuid, version: i32 },
    /// The idempotency key came before, with other content.
    Repeated,
    /// An action under the same idempotency key is not finished yet.
    Running,
    /// The record's state forbids it; the message is shown to people.
    Refused(String),
    /// A case of the slice that was asked, with what is needed to decide.
    Case(Case),
}

/// A slice's own case of a conflict.
#[derive(Debug, Clone)]
pub struct Case {
    message: String,
    /// The payload as programs see it.
    shown: Value,
    payload: Arc<dyn Any + Send + Sync>,
}

impl Conflict {
    /// The message shown to people.
    pub fn message(&self) -> String {
        match self {
            Self::OtherBusiness(current) if current.is_empty() => "This form belongs to another business.".into(),
            Self::OtherBusiness(current) => {
                format!("This form belongs to another business. You are now in {current}; switch back to send it.")
            }
            Self::OtherMember => "This was entered by someone who is not signed in now.".into(),
            Self::Stale { .. } => "Someone saved a change in the meantime.".into(),
            Self::Repeated => "This was already sent with other content. Reload the page to send a new one.".into(),
            Self::Running => "This is being worked on right now.".into(),
            Self::Refused(message) | Self::Case(Case { message, .. }) => message.clone(),
        }
    }

    /// What the record, or the obstacle, is now; `current` in the envelope of programs.
    pub fn current(&self) -> Option<Value> {
        match self {
            Self::Stale { table, id, version } => Some(json!({ "type": table, "id": id, "version": version })),
            Self::Case(case) => Some(case.shown.clone()),
            _ => None,
        }
    }

    /// Returns the payload of a slice's case, if it is a `T`.
    pub fn case<T: 'static>(&self) -> Option<&T> {
        match self {
            Self::Case(case) => case.payload.downcast_ref(),
            _ => None,
        }
    }
}

impl Error {
    /// Returns a conflict that the record's state causes.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::Conflict(Conflict::Refused(message.into()))
    }

    /// Returns a slice's case of a conflict: pages get `payload` back by `Conflict::case`, programs see it as JSON.
    pub fn conflict_with<T: Serialize + Send + Sync + 'static>(message: impl Into<String>, payload: T) -> Self {
        match serde_json::to_value(&payload) {
            Ok(shown) => Self::Conflict(Conflict::Case(Case { message: message.into(), shown, payload: Arc::new(payload) })),
            Err(e) => e.into(),
        }
    }
}
