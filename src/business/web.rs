//! Pages about the business: coming in, its settings, its team, its connections.

pub mod enter;
pub mod settings;
pub mod stripe;
pub mod team;
pub mod tokens;

use crate::platform::error::FieldErrors;

/// After a stale edit: beside each field that somebody else changed to something other than what is typed here, what is now saved.
fn note_changes(errors: &mut FieldErrors, fields: &[(&str, &str, String)]) {
    for (name, typed, saved) in fields {
        if typed.trim() != saved.trim() {
            errors.add(
                name,
                format!("Saved in the meantime: “{}”. Saving again replaces it.", if saved.is_empty() { "nothing" } else { saved }),
            );
        }
    }
}
