//! The outbox, the words of messages, and the channels that carry them.

pub mod channels;
pub mod outbox;
pub mod registry;
