//! What follows from an event: a slice says what happened, and the jobs of slices above it are queued in the same transaction. `app::reactions`
//! holds the list and hands it down in `App`, so that no slice names one above it.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    action::Subject,
    error::Result,
    ids::OrgId,
    jobs::{Job, Pending},
};

/// An event as it was appended.
#[derive(Debug, Clone, Copy)]
pub struct Happened<'a> {
    pub org: OrgId,
    pub subject: Subject,
    pub payload: &'a Value,
}

impl Happened<'_> {
    /// Reads the payload. An error if it lacks what `T` needs.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T> {
        Ok(T::deserialize(self.payload)?)
    }

    /// The job that follows, in the business of the event.
    pub fn queue<J: Job<Of = OrgId>>(&self, job: J) -> Result<Option<Pending>> {
        Pending::new(self.org, job).map(Some)
    }
}

/// The job that follows from events of one name.
pub struct Reaction {
    pub event: &'static str,
    /// Returns `None` if nothing follows from this one. An error rolls the action back.
    pub job: fn(Happened<'_>) -> Result<Option<Pending>>,
}
