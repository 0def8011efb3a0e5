//! The actions and data types of this area; `app::registry` joins them all.

use platform::{action, query};

use crate::{exports, history, today};

/// The actions of this area, by name.
pub fn actions() -> Vec<action::Entry> {
    vec![
        action::entry::<exports::actions::CreateExport>(),
        action::entry::<today::actions::ResolveNotice>(),
        action::entry::<today::actions::RetryJob>(),
    ]
}

/// The data types of this area, by name.
pub fn queries() -> Vec<query::Entry> {
    vec![history::query::events(), history::query::audit_trail(), exports::query::exports(), today::data::notices_query()]
}
