//! Every action and every data type there is: what `/api/actions`, `/api/data` and `/api/capabilities` offer, and what isolation tests walk.

use crate::platform::{action, query};

/// All actions, by name.
pub fn actions() -> Vec<action::Entry> {
    vec![]
}

/// All data types, by name.
pub fn queries() -> Vec<query::Entry> {
    vec![]
}
