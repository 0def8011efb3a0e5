//! Pages of the business: sign-in and sign-up, settings, team and API tokens.

pub mod enter;
pub mod settings;
pub mod team;
pub mod tokens;

use platform::{error::FieldErrors, localtime::find_zone};

/// The IANA name for a typed time zone. Unknown text is returned unchanged, so that the action refuses it.
fn zone_name(typed: &str) -> String {
    find_zone(typed).map_or_else(|| typed.to_owned(), |zone| zone.name().to_owned())
}

/// After a stale edit: adds the saved value as a message to each field whose typed value differs. `fields`: name, typed and saved value.
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
