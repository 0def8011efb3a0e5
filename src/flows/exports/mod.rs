//! Exports of contacts, tickets, invoices and payments as CSV, safe to open in a spreadsheet and readable back without loss.

pub mod actions;
pub mod data;
pub mod jobs;
pub mod query;
pub mod sheet;
pub mod web;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use platform::ids::ExportId;
use ui::Tone;

/// The kinds of records that can be exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
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

/// The state of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "export_state", rename_all = "snake_case")]
pub enum ExportState {
    Queued,
    Running,
    Done,
    Failed,
}

impl ExportState {
    pub fn word(self) -> &'static str {
        match self {
            Self::Queued => "Waiting",
            Self::Running => "Being written",
            Self::Done => "Ready",
            Self::Failed => "Failed",
        }
    }

    pub fn tone(self) -> Tone {
        match self {
            Self::Queued => Tone::Wait,
            Self::Running => Tone::Info,
            Self::Done => Tone::Good,
            Self::Failed => Tone::Bad,
        }
    }

    pub fn is_busy(self) -> bool {
        matches!(self, Self::Queued | Self::Running)
    }
}

/// An export as pages and the API show it.
#[derive(Debug, Clone, Serialize)]
pub struct Export {
    pub id: ExportId,
    pub kind: ExportKind,
    pub state: ExportState,
    pub file_name: String,
    /// `None` until the rows are counted.
    pub rows_total: Option<i32>,
    /// The size of the finished file in bytes.
    pub size: Option<i64>,
    pub error: Option<String>,
    pub created_at: DateTime<Utc>,
    pub finished_at: Option<DateTime<Utc>>,
}
