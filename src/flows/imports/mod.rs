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

use platform::{
    error::{Error, FieldErrors, Result},
    ids::{FileId, ImportId},
    tenant::Read,
};
use tokio::task::spawn_blocking;

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

/// The most bytes of a file.
pub const LARGEST: usize = 200 * 1024 * 1024;

/// What is said of a file with more.
pub const TOO_LARGE: &str = "The file is larger than 200 MB. Split it and bring its parts one after the other";

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
    /// The encoding that the file was read with when it was uploaded.
    pub encoding: Option<String>,
    /// The encoding that the user chose instead.
    pub chosen_encoding: Option<String>,
    /// The user wants the list although it says of nobody how to reach them.
    pub without_reach: bool,
}

impl Choices {
    /// Whether the text may be read with another encoding: it was not marked as Unicode.
    pub fn may_choose_encoding(&self) -> bool {
        self.encoding.as_deref().is_some_and(|name| !name.starts_with("UTF"))
    }

    /// The stored text as the user wants it read.
    fn decoded(&self, text: String) -> String {
        let named = |name: &Option<String>| name.as_deref().and_then(|name| encoding_rs::Encoding::for_label(name.as_bytes()));
        match (named(&self.encoding), named(&self.chosen_encoding)) {
            (Some(from), Some(with)) if from != with && self.may_choose_encoding() => csv::read_again(&text, from, with),
            _ => text,
        }
    }
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

    pub fn kind(&self) -> Result<recognise::Kind> {
        recognise::Kind::from_key(&self.kind).ok_or(Error::NotFound)
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

/// Reads the stored file of an import with its choices, on a thread of its own. `Invalid` with the reason if it can't be read any more.
pub async fn stored(read: &mut Read, import: &Import) -> Result<reading::Reading> {
    let text = data::text(read.db(), import.file_id).await?;
    let options = reading::options(&read.who, &import.choices);
    open(text, import.kind()?, options, import.choices.clone()).await
}

/// Reads a text on a thread that may block: a large file takes seconds, and other requests go on.
pub async fn open(text: String, kind: recognise::Kind, options: square::Options, choices: Choices) -> Result<reading::Reading> {
    let reading = spawn_blocking(move || reading::Reading::open(text, kind, options, &choices));
    reading.await.map_err(Error::internal)?.map_err(|m| FieldErrors::one("file", m))
}
