//! Confirmation: asking the customer whether the visit suits, and the public page on which they answer.
//! Opening a link changes nothing; only a button on the page answers.

pub mod actions;
pub mod jobs;
pub mod web;
pub mod words;

use platform::ids::TicketId;

/// Returns the `cancel_group` of the messages about a visit, which are withdrawn together.
pub fn cancel_group(ticket: TicketId) -> String {
    format!("ticket:{ticket}")
}
