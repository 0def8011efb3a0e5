//! The outbox and the words of messages.

pub mod outbox;
pub mod registry;
