//! Imports: files that people bring. Parsing is pure and keeps every row accounted for; nothing is dropped without a reason.

pub mod csv;
pub mod dates;
pub mod recognise;
pub mod square;

use serde::{Deserialize, Serialize};

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
}
