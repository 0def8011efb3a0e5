//! The actions and data types of this area; `app::registry` joins them all.

use platform::{action, query};

use crate::{invoices, payments};

/// The actions of this area, by name.
pub fn actions() -> Vec<action::Entry> {
    let mut actions = vec![
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
        action::entry::<payments::actions::DisconnectProvider>(),
        action::entry::<payments::actions::CheckConnection>(),
    ];
    actions.extend(payments::providers::actions());
    actions
}

/// The data types of this area, by name.
pub fn queries() -> Vec<query::Entry> {
    vec![
        payments::data::invoices_query(),
        payments::data::payments_query(),
        payments::data::refunds_query(),
        payments::data::webhook_events_query(),
    ]
}
