//! Payments of invoices, through a provider or recorded by hand, and refunds. The provider's events are the source of truth for online payments:
//! every event is stored unchanged and processed once, in any order (`flows.md`, 3).

pub mod account;
pub mod actions;
pub mod checkout;
pub mod data;
pub mod inbox;
pub mod jobs;
pub mod providers;
pub mod section;
pub mod web;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use platform::{role::Permission, tenant::Who};
use ui::Tone;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "payment_state", rename_all = "snake_case")]
pub enum PaymentState {
    /// The bank has not confirmed it yet.
    Pending,
    Succeeded,
    Failed,
    /// Refunded in full.
    Refunded,
    /// A dispute is open or lost.
    Disputed,
}

impl PaymentState {
    pub const ALL: [Self; 5] = [Self::Pending, Self::Succeeded, Self::Failed, Self::Refunded, Self::Disputed];

    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Refunded => "refunded",
            Self::Disputed => "disputed",
        }
    }

    /// The label shown to people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "Waiting for the bank",
            Self::Succeeded => "Received",
            Self::Failed => "Failed",
            Self::Refunded => "Refunded",
            Self::Disputed => "Disputed",
        }
    }

    pub fn tone(self) -> Tone {
        match self {
            Self::Pending => Tone::Wait,
            Self::Succeeded => Tone::Good,
            Self::Failed | Self::Disputed => Tone::Bad,
            Self::Refunded => Tone::Idle,
        }
    }

    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.name() == name)
    }
}

/// The means of payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "payment_method", rename_all = "snake_case")]
pub enum PaymentMethod {
    Card,
    Cash,
    Check,
    Bank,
    Other,
}

impl PaymentMethod {
    pub const ALL: [Self; 5] = [Self::Card, Self::Cash, Self::Check, Self::Bank, Self::Other];

    pub fn name(self) -> &'static str {
        match self {
            Self::Card => "card",
            Self::Cash => "cash",
            Self::Check => "check",
            Self::Bank => "bank",
            Self::Other => "other",
        }
    }

    /// The label shown to people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Card => "Card",
            Self::Cash => "Cash",
            Self::Check => "Check",
            Self::Bank => "Bank transfer",
            Self::Other => "Other",
        }
    }

    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|m| m.name() == name)
    }
}

/// Names of the actions that `who` may take on `payment` in its current state.
pub fn allowed_actions(who: &Who, payment: &data::Payment) -> Vec<&'static str> {
    let may = who.can(Permission::HandleMoney) && payment.invoice_id.is_some() && payment.refundable > rust_decimal::Decimal::ZERO;
    if may && matches!(payment.state, PaymentState::Succeeded) { vec!["payment.refund"] } else { vec![] }
}
