//! The actions and data types of this area; `app::registry` joins them all.

use platform::{
    action, query,
    role::{Capability, Permission},
};

use crate::{attention, closeout, confirm, delivery, exports, imports};

/// The actions of this area, by name.
pub fn actions() -> Vec<action::Entry> {
    vec![
        action::entry::<confirm::actions::Ask>(),
        action::entry::<confirm::actions::RenewLink>(),
        action::entry::<delivery::actions::MarkMessageSent>(),
        action::entry::<closeout::actions::StartCloseout>(),
        action::entry::<closeout::actions::SaveCloseout>(),
        action::entry::<closeout::actions::CompleteCloseout>(),
        action::entry::<closeout::actions::AbandonCloseout>(),
        action::entry::<closeout::money::SettleTicket>(),
        action::entry::<closeout::actions::RecordExtraction>(),
        action::entry::<attention::actions::ResolveNotice>(),
        action::entry::<attention::actions::RetryJob>(),
        action::entry::<exports::actions::CreateExport>(),
        action::entry::<imports::actions::PreviewImport>(),
        action::entry::<imports::actions::MapImport>(),
        action::entry::<imports::actions::RunImport>(),
        action::entry::<imports::actions::UndoImport>(),
    ]
}

/// The data types of this area, by name.
pub fn queries() -> Vec<query::Entry> {
    vec![
        attention::data::notices_query(),
        exports::query::exports(),
        imports::query::imports(),
        query::Entry {
            name: "closeouts",
            needs: Permission::ReadRecords,
            capability: Some(Capability::Scheduling),
            filters: &["ticket_id"],
            includes: &[],
            run: |read, params| Box::pin(closeout::data::list(read, params)),
        },
    ]
}
