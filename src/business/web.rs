//! Pages about the business: coming in, its settings, its team, its connections.

pub mod enter;
pub mod settings;
pub mod stripe;
pub mod team;
pub mod tokens;

use crate::platform::{
    error::FieldErrors,
    localtime::{ZoneChoice, zone_groups},
};

/// One group of the zone picker.
struct Zones {
    name: &'static str,
    /// Each with whether it is the chosen one.
    zones: Vec<(ZoneChoice, bool)>,
}

/// The zone picker's groups. A common zone also stands under its region; it is chosen once, where it comes first.
fn zones(chosen: &str) -> Vec<Zones> {
    let mut is_chosen = false;
    let mut choose = |zone: ZoneChoice| {
        let this = !is_chosen && zone.id == chosen;
        is_chosen |= this;
        (zone, this)
    };
    zone_groups().into_iter().map(|g| Zones { name: g.name, zones: g.zones.into_iter().map(&mut choose).collect() }).collect()
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
