//! The customer's page with its small forms, and the timeline.

mod parts;
mod show;

pub use parts::{archive, attribute_confirm, attribute_remove, attribute_set, dismiss, note, restore};
pub use show::{show, timeline};
