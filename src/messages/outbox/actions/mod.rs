//! Writes of messages: actions of people (`desk`), of the outbox and the sending job (`outbox`), and the owner's templates (`words`).

pub mod desk;
pub mod outbox;
pub mod words;

pub use desk::{CancelMessage, DoneByHand, MarkSent, RetryMessage, ScheduleMessage, SendNow, UpdateMessage, out_of_reach};
pub use outbox::{Claim, Claimed, Record};
pub use words::{ResetTemplate, SetTemplate};
