//! The actions and data types of this area; `app::registry` joins them all.

use platform::{action, query};

use crate::{business, connections, identity};

/// The actions of this area, by name.
pub fn actions() -> Vec<action::Entry> {
    vec![
        action::entry::<business::actions::UpdateBusiness>(),
        action::entry::<business::actions::SetHours>(),
        action::entry::<business::actions::SetLogo>(),
        action::entry::<business::actions::SkipStep>(),
        action::entry::<business::actions::InviteMember>(),
        action::entry::<business::actions::InviteAgain>(),
        action::entry::<business::actions::UpdateMember>(),
        action::entry::<business::actions::RemoveMember>(),
        action::entry::<business::actions::RevokeToken>(),
        action::entry::<identity::actions::RevokeSession>(),
        action::entry::<identity::actions::RevokeOtherSessions>(),
    ]
}

/// The data types of this area, by name.
pub fn queries() -> Vec<query::Entry> {
    vec![
        business::data::business_entry(),
        business::data::members_entry(),
        business::data::tokens_entry(),
        connections::entry(),
        identity::data::sessions_entry(),
    ]
}
