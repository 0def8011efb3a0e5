//! The pages of contacts.

mod address;
mod form;
mod list;
mod parts;
mod pick;
mod show;

pub use address::{address_archive, address_create, address_edit, address_new, address_update};
pub use form::{create, edit, new, update};
pub use list::{index, suggest};
pub use parts::{archive, attribute_confirm, attribute_remove, attribute_set, dismiss, note, restore};
pub use pick::pick;
pub use show::{show, timeline};
