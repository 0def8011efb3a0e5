//! Imports of uploaded files. Parsing has no side effects, and every row ends up with an outcome; no row is dropped without a reason.

pub mod actions;
pub mod csv;
pub mod data;
pub mod dates;
pub mod jobs;
pub mod query;
pub mod reading;
pub mod recognise;
pub mod square;
pub mod web;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use platform::ids::{FileId, ImportId};

/// A warning or refusal of one row, worded for a shop owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowProblem {
    /// The row's first line in the file; the header is line 1.
    pub line: u64,
    /// The column that caused the problem, if it is a single one.
    pub column: Option<String>,
    pub message: String,
}

impl RowProblem {
    pub fn new(line: u64, column: Option<&str>, message: impl Into<String>) -> Self {
        Self { line, column: column.map(str::to_owned), message: message.into() }
    }

    /// The problem as shown in lists: "Phone Number: too short".
    pub fn words(&self) -> String {
        self.column.as_ref().map_or_else(|| self.message.clone(), |column| format!("{column}: {}", self.message))
    }
}

/// An import's state. The database is its only source of truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "import_state", rename_all = "snake_case")]
pub enum ImportState {
    Previewed,
    Queued,
    Running,
    Done,
    Failed,
    Undoing,
    Undone,
}

impl ImportState {
    pub fn word(self) -> &'static str {
        match self {
            Self::Previewed => "Not run yet",
            Self::Queued => "Waiting",
            Self::Running => "Running",
            Self::Done => "Done",
            Self::Failed => "Failed",
            Self::Undoing => "Taking back",
            Self::Undone => "Taken back",
        }
    }

    /// Whether a job is queued or running, so that the page shows progress.
    pub fn is_busy(self) -> bool {
        matches!(self, Self::Queued | Self::Running | Self::Undoing)
    }

    pub fn tone(self) -> ui::Tone {
        match self {
            Self::Previewed => ui::Tone::Wait,
            Self::Queued | Self::Running | Self::Undoing => ui::Tone::Info,
            Self::Done => ui::Tone::Good,
            Self::Failed => ui::Tone::Bad,
            Self::Undone => ui::Tone::Idle,
        }
    }

    pub fn can_run(self) -> bool {
        matches!(self, Self::Previewed | Self::Failed | Self::Undone)
    }

    pub fn can_undo(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Undone)
    }
}

/// The outcome of one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Made,
    Updated,
    Skipped,
    Refused,
}

impl Outcome {
    pub const ALL: [Self; 4] = [Self::Made, Self::Updated, Self::Skipped, Self::Refused];

    /// The label shown to people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Made => "New",
            Self::Updated => "Updated",
            Self::Skipped => "Skipped",
            Self::Refused => "Refused",
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Made => "made",
            Self::Updated => "updated",
            Self::Skipped => "skipped",
            Self::Refused => "refused",
        }
    }
}

/// The user's decisions on how to read a file, stored with the import so that preview and run read it alike.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Choices {
    /// Column mapping; if `None`, it is guessed from the headers.
    pub mapping: Option<recognise::Mapping>,
    /// Order of day and month by column, for columns where the file is ambiguous.
    pub date_orders: BTreeMap<String, dates::DateOrder>,
    /// Order of day and month for ambiguous columns not in `date_orders`.
    pub date_order: Option<dates::DateOrder>,
}

/// An import as shown on pages and in the API.
#[derive(Debug, Clone, Serialize)]
pub struct Import {
    pub id: ImportId,
    pub kind: String,
    #[serde(skip)]
    pub file_id: FileId,
    pub file_name: String,
    pub state: ImportState,
    #[serde(flatten)]
    pub choices: Choices,
    pub rows_total: i32,
    pub rows_done: i32,
    pub made: i32,
    pub updated: i32,
    pub skipped: i32,
    pub refused: i32,
    pub error: Option<String>,
    pub started_at: Option<DateTime<Utc>>,
    pub finished_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub version: i32,
}

impl Import {
    /// The kind's label for people.
    pub fn label(&self) -> &'static str {
        recognise::Kind::from_key(&self.kind).map_or("File", recognise::Kind::label)
    }

    /// Progress in per cent.
    pub fn percent(&self) -> i32 {
        self.rows_done * 100 / self.rows_total.max(1)
    }

    pub fn count(&self, outcome: Outcome) -> i32 {
        match outcome {
            Outcome::Made => self.made,
            Outcome::Updated => self.updated,
            Outcome::Skipped => self.skipped,
            Outcome::Refused => self.refused,
        }
    }
}
