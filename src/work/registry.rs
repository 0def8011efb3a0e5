//! The actions and data types of this area; `app::registry` joins them all.

use platform::{action, query};

use crate::{catalogue, tickets};

/// The actions of this area, by name.
pub fn actions() -> Vec<action::Entry> {
    vec![
        action::entry::<catalogue::actions::CreateService>(),
        action::entry::<catalogue::actions::UpdateService>(),
        action::entry::<catalogue::actions::ArchiveService>(),
        action::entry::<catalogue::actions::RestoreService>(),
        action::entry::<catalogue::actions::CreateTaxRate>(),
        action::entry::<catalogue::actions::UpdateTaxRate>(),
        action::entry::<catalogue::actions::ArchiveTaxRate>(),
        action::entry::<tickets::actions::CreateTicket>(),
        action::entry::<tickets::actions::UpdateTicket>(),
        action::entry::<tickets::actions::Reschedule>(),
        action::entry::<tickets::actions::Assign>(),
        action::entry::<tickets::actions::CancelTicket>(),
        action::entry::<tickets::actions::ClockIn>(),
        action::entry::<tickets::actions::ClockOut>(),
        action::entry::<tickets::actions::CorrectClock>(),
        action::entry::<tickets::actions::UndoClockIn>(),
        action::entry::<tickets::actions::AddLine>(),
        action::entry::<tickets::actions::UpdateLine>(),
        action::entry::<tickets::actions::RemoveLine>(),
        action::entry::<tickets::actions::CloseTicket>(),
        action::entry::<tickets::actions::Settle>(),
        action::entry::<tickets::actions::RecordAnswer>(),
        action::entry::<tickets::actions::AnswerByLink>(),
    ]
}

/// The data types of this area, by name.
pub fn queries() -> Vec<query::Entry> {
    vec![catalogue::query::services(), catalogue::query::tax_rates(), tickets::data::tickets_query(), tickets::data::clock_query()]
}
