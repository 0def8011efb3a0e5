//! The actions and data types of this area; `app::registry` joins them all.

use platform::{action, query};

use crate::contacts;

/// The actions of this area, by name.
pub fn actions() -> Vec<action::Entry> {
    vec![
        action::entry::<contacts::actions::CreateContact>(),
        action::entry::<contacts::actions::UpdateContact>(),
        action::entry::<contacts::actions::ArchiveContact>(),
        action::entry::<contacts::actions::RestoreContact>(),
        action::entry::<contacts::actions::DismissDuplicate>(),
        action::entry::<contacts::actions::CreateAddress>(),
        action::entry::<contacts::actions::UpdateAddress>(),
        action::entry::<contacts::actions::ArchiveAddress>(),
        action::entry::<contacts::actions::CreateNote>(),
        action::entry::<contacts::actions::SetAttribute>(),
        action::entry::<contacts::actions::ConfirmAttribute>(),
        action::entry::<contacts::actions::RemoveAttribute>(),
    ]
}

/// The data types of this area, by name.
pub fn queries() -> Vec<query::Entry> {
    vec![contacts::query::addresses(), contacts::query::notes(), contacts::query::attributes()]
}
