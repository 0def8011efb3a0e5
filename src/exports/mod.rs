//! Exports: contacts, tickets, invoices and payments as CSV, safe to open in a spreadsheet and to read back.

pub mod actions;
pub mod data;
pub mod sheet;
pub mod web;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What can be exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExportKind {
    Contacts,
    Tickets,
    Invoices,
    Payments,
}

impl ExportKind {
    pub const ALL: [Self; 4] = [Self::Contacts, Self::Tickets, Self::Invoices, Self::Payments];

    pub fn name(self) -> &'static str {
        match self {
            Self::Contacts => "contacts",
            Self::Tickets => "tickets",
            Self::Invoices => "invoices",
            Self::Payments => "payments",
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::Contacts => "Customers",
            Self::Tickets => "Tickets",
            Self::Invoices => "Invoices",
            Self::Payments => "Payments",
        }
    }

    pub fn hint(self) -> &'static str {
        match self {
            Self::Contacts => "Names, phones, emails, addresses, facts, notes",
            Self::Tickets => "When, where, who, lines, totals",
            Self::Invoices => "Numbers, dates, lines, tax, what is paid",
            Self::Payments => "Amounts, tips, refunds, references",
        }
    }
}
