//! Every write of messages: what people do with them (`desk`), what the outbox and the sender do (`outbox`), and the owner's words (`words`).

pub mod desk;
pub mod outbox;
pub mod words;

pub use desk::{CancelMessage, DoneByHand, MarkSent, RetryMessage, ScheduleMessage, SendNow, UpdateMessage, out_of_reach};
pub use outbox::{Claim, Claimed, Outcome, Record};
pub use words::{ResetTemplate, SetTemplate};
