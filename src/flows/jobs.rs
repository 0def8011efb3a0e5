//! The jobs of this area, and when the regular ones run; `app::jobs` joins them all.

use platform::jobs::{Entry, entry, recurring};

use crate::{closeout, confirm, delivery, imports};

/// Every kind of job of this area.
pub fn jobs() -> Vec<Entry> {
    vec![
        entry::<confirm::jobs::ConfirmTicket>(),
        entry::<delivery::jobs::SendMessage>(),
        recurring::<delivery::jobs::SweepMessages>("* * * * *"),
        entry::<closeout::jobs::ExtractNotes>(),
        entry::<imports::jobs::RunImport>(),
        entry::<imports::jobs::UndoImport>(),
    ]
}
