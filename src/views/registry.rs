//! The data types of this area; `app::registry` joins them all. Pages only read, so there are no actions.

use platform::query;

use crate::{customer, history};

/// The data types of this area, by name.
pub fn queries() -> Vec<query::Entry> {
    vec![customer::query::contacts(), history::query::events(), history::query::audit_trail()]
}
