//! The pages of contacts. A customer's own page is in `views::customer`.

mod address;
mod form;
mod list;
mod pick;

pub use address::{address_archive, address_create, address_edit, address_new, address_update};
pub use form::{create, edit, new, update};
pub use list::{index, suggest};
pub use pick::pick;
