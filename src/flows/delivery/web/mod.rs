//! Pages of messages: the list and one message (`desk`), the business's own words (`words`), unsubscribing, and the demo's outbox.

pub mod desk;
pub mod outbox;
pub mod plan;
pub mod unsubscribe;
pub mod words;
