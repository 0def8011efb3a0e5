//! Invoices and their totals. A draft can be changed; an issued invoice is frozen with its number, lines, taxes and PDF (`domain.md`).

pub mod actions;
pub mod data;
pub mod paper;
pub mod section;
pub mod web;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use platform::{role::Permission, tenant::Who};
use ui::Tone;

/// An invoice's state. *Overdue* is derived from the due date, never stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "invoice_state", rename_all = "snake_case")]
pub enum InvoiceState {
    Draft,
    /// Numbered and frozen, but not accepted by the mail server (or handed over without mail).
    Issued,
    /// The mail server has accepted the invoice's mail.
    Sent,
    PartiallyPaid,
    Paid,
    Void,
}

impl InvoiceState {
    pub const ALL: [Self; 6] = [Self::Draft, Self::Issued, Self::Sent, Self::PartiallyPaid, Self::Paid, Self::Void];

    pub fn name(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Issued => "issued",
            Self::Sent => "sent",
            Self::PartiallyPaid => "partially_paid",
            Self::Paid => "paid",
            Self::Void => "void",
        }
    }

    /// The label shown to people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Draft => "Draft",
            Self::Issued => "Issued",
            Self::Sent => "Sent",
            Self::PartiallyPaid => "Partly paid",
            Self::Paid => "Paid",
            Self::Void => "Void",
        }
    }

    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.name() == name)
    }

    /// Whether the invoice is issued and not yet paid in full.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Issued | Self::Sent | Self::PartiallyPaid)
    }
}

/// The status pill of an invoice, label and tone: "Overdue" or "Refunded" if it is, else its state.
pub fn standing(invoice: &data::Invoice) -> (&'static str, Tone) {
    let state = invoice.state;
    match state {
        _ if invoice.is_overdue => ("Overdue", Tone::Bad),
        _ if invoice.is_refunded() => ("Refunded", Tone::Idle),
        InvoiceState::Draft | InvoiceState::Void => (state.word(), Tone::Idle),
        InvoiceState::Issued | InvoiceState::PartiallyPaid => (state.word(), Tone::Wait),
        InvoiceState::Sent => (state.word(), Tone::Info),
        InvoiceState::Paid => (state.word(), Tone::Good),
    }
}

/// Names of the actions that `who` may take on `invoice` in its current state. Pages draw their buttons from the list.
pub fn allowed_actions(who: &Who, invoice: &data::Invoice) -> Vec<&'static str> {
    let mut allowed = Vec::new();
    let (drafts, sends, handles) = (who.can(Permission::DraftMoney), who.can(Permission::Send), who.can(Permission::HandleMoney));
    match invoice.state {
        InvoiceState::Draft => {
            allowed.extend(drafts.then_some("invoice.update"));
            allowed.extend(sends.then_some("invoice.issue"));
            allowed.extend(sends.then_some("invoice.send"));
            allowed.extend(handles.then_some("invoice.void"));
        }
        InvoiceState::Issued | InvoiceState::Sent | InvoiceState::PartiallyPaid => {
            allowed.extend(sends.then_some("invoice.send"));
            allowed.extend(sends.then_some("invoice.renew_link"));
            allowed.extend(handles.then_some("payment.record"));
            allowed.extend((handles && invoice.paid.is_zero()).then_some("invoice.void"));
        }
        InvoiceState::Paid => {
            allowed.extend(sends.then_some("invoice.send"));
            allowed.extend(sends.then_some("invoice.renew_link"));
            allowed.extend((handles && invoice.paid.is_zero()).then_some("invoice.void"));
        }
        InvoiceState::Void => {}
    }
    allowed
}
