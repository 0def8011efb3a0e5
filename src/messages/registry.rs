//! The actions and data types of this area; `app::registry` joins them all.

use platform::{action, query};

use crate::outbox;

/// The actions of this area, by name.
pub fn actions() -> Vec<action::Entry> {
    vec![
        action::entry::<outbox::actions::ScheduleMessage>(),
        action::entry::<outbox::actions::UpdateMessage>(),
        action::entry::<outbox::actions::CancelMessage>(),
        action::entry::<outbox::actions::SendNow>(),
        action::entry::<outbox::actions::DoneByHand>(),
        action::entry::<outbox::actions::RetryMessage>(),
        action::entry::<outbox::actions::SetTemplate>(),
        action::entry::<outbox::actions::ResetTemplate>(),
    ]
}

/// The data types of this area, by name.
pub fn queries() -> Vec<query::Entry> {
    vec![outbox::data::messages_query(), outbox::data::templates_query()]
}
