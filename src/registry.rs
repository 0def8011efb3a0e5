//! Every action and every data type there is: what `/api/actions`, `/api/data` and `/api/capabilities` offer, and what isolation tests walk.

use crate::{
    messages,
    platform::{action, query},
};

/// All actions, by name.
pub fn actions() -> Vec<action::Entry> {
    vec![
        // messages
        action::entry::<messages::actions::ScheduleMessage>(),
        action::entry::<messages::actions::UpdateMessage>(),
        action::entry::<messages::actions::CancelMessage>(),
        action::entry::<messages::actions::SendNow>(),
        action::entry::<messages::actions::RetryMessage>(),
        action::entry::<messages::actions::MarkSent>(),
        action::entry::<messages::actions::SetTemplate>(),
        action::entry::<messages::actions::ResetTemplate>(),
    ]
}

/// All data types, by name.
pub fn queries() -> Vec<query::Entry> {
    vec![
        // messages
        messages::data::messages_query(),
        messages::data::templates_query(),
    ]
}
