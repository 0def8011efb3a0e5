//! Every action and every data type, as `/api/actions`, `/api/data` and `/api/capabilities` offer them; the isolation tests check each one.

use crate::platform::action;
use crate::platform::query;
use crate::platform::role::{Capability, Permission};
// One line a slice, so that slices come and go without touching each other's lines.
use crate::business;
use crate::catalogue;
use crate::closeout;
use crate::confirm;
use crate::contacts;
use crate::delivery;
use crate::exports;
use crate::history;
use crate::identity;
use crate::imports;
use crate::invoices;
use crate::messages;
use crate::payments;
use crate::tickets;
use crate::today;

/// Returns all actions, grouped by slice.
pub fn actions() -> Vec<action::Entry> {
    vec![
        // contacts
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
        // catalogue
        action::entry::<catalogue::actions::CreateService>(),
        action::entry::<catalogue::actions::UpdateService>(),
        action::entry::<catalogue::actions::ArchiveService>(),
        action::entry::<catalogue::actions::RestoreService>(),
        action::entry::<catalogue::actions::CreateTaxRate>(),
        action::entry::<catalogue::actions::UpdateTaxRate>(),
        action::entry::<catalogue::actions::ArchiveTaxRate>(),
        // business
        action::entry::<business::actions::UpdateBusiness>(),
        action::entry::<business::actions::SetHours>(),
        action::entry::<business::actions::SetLogo>(),
        action::entry::<business::actions::SkipStep>(),
        action::entry::<business::actions::InviteMember>(),
        action::entry::<business::actions::InviteAgain>(),
        action::entry::<business::actions::UpdateMember>(),
        action::entry::<business::actions::RemoveMember>(),
        action::entry::<business::actions::SetStripe>(),
        action::entry::<business::actions::DisconnectStripe>(),
        action::entry::<business::actions::CheckConnection>(),
        action::entry::<business::actions::RevokeToken>(),
        // invoices and payments
        action::entry::<invoices::actions::CreateInvoice>(),
        action::entry::<invoices::actions::CreateFromTicket>(),
        action::entry::<invoices::actions::UpdateInvoice>(),
        action::entry::<invoices::actions::IssueInvoice>(),
        action::entry::<invoices::actions::SendInvoice>(),
        action::entry::<invoices::actions::VoidInvoice>(),
        action::entry::<invoices::actions::RenewLink>(),
        action::entry::<payments::actions::RecordPayment>(),
        action::entry::<payments::actions::RefundPayment>(),
        action::entry::<payments::actions::ReprocessEvent>(),
        // exports
        action::entry::<exports::actions::CreateExport>(),
        // sessions
        action::entry::<identity::actions::RevokeSession>(),
        action::entry::<identity::actions::RevokeOtherSessions>(),
        // confirm
        action::entry::<confirm::actions::Ask>(),
        action::entry::<confirm::actions::RenewLink>(),
        // messages
        action::entry::<messages::actions::ScheduleMessage>(),
        action::entry::<messages::actions::UpdateMessage>(),
        action::entry::<messages::actions::CancelMessage>(),
        action::entry::<messages::actions::SendNow>(),
        action::entry::<messages::actions::DoneByHand>(),
        action::entry::<messages::actions::RetryMessage>(),
        action::entry::<delivery::actions::MarkMessageSent>(),
        action::entry::<messages::actions::SetTemplate>(),
        action::entry::<messages::actions::ResetTemplate>(),
        // tickets
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
        action::entry::<today::actions::ResolveNotice>(),
        action::entry::<today::actions::RunJobAgain>(),
        // close-out
        action::entry::<closeout::actions::StartCloseout>(),
        action::entry::<closeout::actions::SaveCloseout>(),
        action::entry::<closeout::actions::CompleteCloseout>(),
        action::entry::<closeout::actions::AbandonCloseout>(),
        action::entry::<closeout::money::SettleTicket>(),
        action::entry::<closeout::actions::RecordExtraction>(),
        // imports
        action::entry::<imports::actions::PreviewImport>(),
        action::entry::<imports::actions::MapImport>(),
        action::entry::<imports::actions::RunImport>(),
        action::entry::<imports::actions::UndoImport>(),
    ]
}

/// Returns all data types, grouped by slice.
pub fn queries() -> Vec<query::Entry> {
    vec![
        // contacts, catalogue, history, business, sessions
        contacts::query::contacts(),
        contacts::query::addresses(),
        contacts::query::notes(),
        contacts::query::attributes(),
        catalogue::query::services(),
        catalogue::query::tax_rates(),
        history::query::events(),
        history::query::audit_trail(),
        business::data::business_entry(),
        business::data::members_entry(),
        business::data::tokens_entry(),
        business::data::connections_entry(),
        identity::data::sessions_entry(),
        // invoices and payments
        payments::data::invoices_query(),
        payments::data::payments_query(),
        payments::data::refunds_query(),
        payments::data::webhook_events_query(),
        // messages
        messages::data::messages_query(),
        messages::data::templates_query(),
        // imports
        imports::query::imports(),
        // exports
        exports::query::exports(),
        // close-out
        query::Entry {
            name: "closeouts",
            needs: Permission::ReadRecords,
            capability: Some(Capability::Scheduling),
            filters: &["ticket_id"],
            includes: &[],
            run: |read, params| Box::pin(closeout::data::list(read, params)),
        },
        // tickets
        tickets::data::tickets_query(),
        tickets::data::clock_query(),
        today::data::notices_query(),
    ]
}
