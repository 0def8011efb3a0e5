//! Pages about the business: coming in, its settings, its team, its connections.

pub mod enter;
pub mod settings;
pub mod stripe;
pub mod team;
pub mod tokens;

use platform::{error::FieldErrors, localtime::find_zone};

/// The zone's name for what was typed; as typed where there is none, so that the action refuses it.
fn zone_name(typed: &str) -> String {
    find_zone(typed).map_or_else(|| typed.to_owned(), |zone| zone.name().to_owned())
}

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
