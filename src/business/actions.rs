//! Every write to a business's own tables.

mod found;

pub use found::{Entered, Founder, NewBusiness, accept, enter, found};
