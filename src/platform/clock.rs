//! The one place that reads the time. Everything else is given it, so that tests can stand at any instant.

use std::sync::{Arc, Mutex};

use chrono::{DateTime, Duration, SubsecRound, Utc};

/// Tells the time, in UTC, to the microsecond (what Postgres keeps).
#[derive(Debug, Clone, Default)]
pub enum Clock {
    #[default]
    Real,
    /// Stands still until told otherwise.
    Fixed(Arc<Mutex<DateTime<Utc>>>),
}

impl Clock {
    pub fn fixed(at: DateTime<Utc>) -> Self {
        Self::Fixed(Arc::new(Mutex::new(at)))
    }

    #[expect(clippy::disallowed_methods, reason = "the clock is where the time comes from")]
    pub fn now(&self) -> DateTime<Utc> {
        match self {
            Self::Real => Utc::now().trunc_subsecs(6),
            Self::Fixed(at) => *at.lock().expect("no holder of the clock panics"),
        }
    }

    /// Moves a fixed clock forward (or back); a real one can't be moved.
    pub fn advance(&self, by: Duration) {
        if let Self::Fixed(at) = self {
            *at.lock().expect("no holder of the clock panics") += by;
        }
    }

    /// Sets a fixed clock.
    pub fn set(&self, to: DateTime<Utc>) {
        if let Self::Fixed(at) = self {
            *at.lock().expect("no holder of the clock panics") = to;
        }
    }
}
