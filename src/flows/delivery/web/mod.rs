//! Pages of messages: the list and one message (`desk`), planning one (`plan`), templates (`words`), unsubscribing, and the demo's outbox.

pub mod desk;
pub mod outbox;
pub mod plan;
pub mod unsubscribe;
pub mod words;
