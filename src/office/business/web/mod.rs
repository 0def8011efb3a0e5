//! Pages of the business: sign-in and sign-up, settings, team and API tokens.

pub mod enter;
pub mod settings;
pub mod team;
pub mod tokens;

use platform::localtime::find_zone;

/// The IANA name for a typed time zone. Unknown text is returned unchanged, so that the action refuses it.
fn zone_name(typed: &str) -> String {
    find_zone(typed).map_or_else(|| typed.to_owned(), |zone| zone.name().to_owned())
}
