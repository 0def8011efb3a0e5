//! The one place that reads the system time. Everything else receives it from here, so that tests can choose any instant.

use std::sync::{Arc, Mutex};

use chrono::{DateTime, Duration, SubsecRound, Utc};

/// The source of the current time, in UTC, to the microsecond (the precision of Postgres).
#[derive(Debug, Clone, Default)]
pub enum Clock {
    #[default]
    Real,
    /// Stands still until moved by `advance` or `set`.
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

    /// Moves a fixed clock forward (or back, if `by` is negative); has no effect on the real clock.
    pub fn advance(&self, by: Duration) {
        if let Self::Fixed(at) = self {
            *at.lock().expect("no holder of the clock panics") += by;
        }
    }

    /// Sets a fixed clock to `to`; has no effect on the real clock.
    pub fn set(&self, to: DateTime<Utc>) {
        if let Self::Fixed(at) = self {
            *at.lock().expect("no holder of the clock panics") = to;
        }
    }
}
