//! Confirmation: asking the customer whether the visit suits, and the small public page on which they answer.
//! Only a person's act answers; following a link changes nothing.

pub mod actions;
pub mod jobs;
pub mod web;
pub mod words;

use platform::ids::TicketId;

/// What was said about a visit and can be taken back together.
pub fn cancel_group(ticket: TicketId) -> String {
    format!("ticket:{ticket}")
}
