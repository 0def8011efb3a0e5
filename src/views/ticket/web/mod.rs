//! The ticket's page, and the taps on its clock, which show it again when they are refused.

mod clock;
mod show;

pub use clock::{clock_in, clock_out, undo_clock_in};
pub use show::show;
