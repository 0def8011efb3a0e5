//! Imports: files that people bring. Parsing is pure and keeps every row accounted for; nothing is dropped without a reason.

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

/// Something about one row that a person should know, in words a shop owner understands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowProblem {
    /// Line of the file, the header being line 1 (a row may span several lines; this is its first).
    pub line: u64,
    /// The column as the file names it, if one column is to blame.
    pub column: Option<String>,
    pub message: String,
}

impl RowProblem {
    pub fn new(line: u64, column: Option<&str>, message: impl Into<String>) -> Self {
        Self { line, column: column.map(str::to_owned), message: message.into() }
    }

    /// "Phone Number: too short", as lists show it.
    pub fn words(&self) -> String {
        self.column.as_ref().map_or_else(|| self.message.clone(), |column| format!("{column}: {}", self.message))
    }
}

/// Where an import stands. The database is the only one that knows.
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

    /// Work is going on: a page shows progress.
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

/// What became of one row.
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

    /// As people read it.
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

/// What a person has decided about a file; kept with the import, so that preview and run read it alike.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Choices {
    /// Which column is what; without it, as the headers say.
    pub mapping: Option<recognise::Mapping>,
    /// How dates are written, by column, where the file leaves it open.
    pub date_orders: BTreeMap<String, dates::DateOrder>,
    /// The answer for every column that has none of its own.
    pub date_order: Option<dates::DateOrder>,
}

/// One import as pages and programs see it.
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
    /// The kind in a person's words.
    pub fn label(&self) -> &'static str {
        recognise::Kind::from_key(&self.kind).map_or("File", recognise::Kind::label)
    }

    /// Hundredths done.
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
