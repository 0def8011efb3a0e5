//! What programs may do and read: every action and every data type. The areas name theirs; `app::registry` joins them and hands the whole
//! down in `App`, so that `/api/actions`, `/api/data` and `/api/capabilities` know no slice.

use crate::{action, query};

/// Every action and every data type.
pub struct Registry {
    pub actions: Vec<action::Entry>,
    pub queries: Vec<query::Entry>,
}

impl Registry {
    /// The action of this name (`ticket.close`). Returns `None` if there is none.
    pub fn action(&self, name: &str) -> Option<&action::Entry> {
        self.actions.iter().find(|a| a.name == name)
    }

    /// The data type of this name (`tickets`). Returns `None` if there is none.
    pub fn query(&self, name: &str) -> Option<&query::Entry> {
        self.queries.iter().find(|q| q.name == name)
    }
}
