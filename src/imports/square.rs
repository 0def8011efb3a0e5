//! Square's exports as typed rows: customers, catalogue, transactions, items, appointments.
//!
//! Each row becomes a record or a reason; what could be read only in part becomes a record with a warning.

mod address;
mod appointments;
mod catalogue;
mod customers;
mod sales;

pub use address::{Address, region_code};
pub use appointments::{AppointmentRow, AppointmentStatus, appointments};
pub use catalogue::{CatalogueKind, CatalogueRow, TaxColumn, catalogue, sold_by_count};
pub use customers::{CustomerRow, PhoneCell, customers};
pub use sales::{ItemRow, TransactionRow, items, transactions};

use super::RowProblem;
use super::csv::{Row, Sheet};
use super::dates::{self, ColumnDates, DateOrder};
use super::recognise::Mapping;
use crate::platform::money;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// What the business and the person add to the file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Options {
    /// ISO 3166 country of the business: region of phone numbers and states.
    pub region: String,
    /// The person's answer where the file leaves the order of day and month open.
    pub date_order: Option<DateOrder>,
}

impl Default for Options {
    fn default() -> Self {
        Self { region: "US".to_owned(), date_order: None }
    }
}

/// A file read: every data row is in `rows` or in `refused`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed<T> {
    pub rows: Vec<T>,
    /// Rows that could not be taken, each with its reason.
    pub refused: Vec<RowProblem>,
    /// Rows that were taken, with something to look at.
    pub warnings: Vec<RowProblem>,
    /// What must be asked before the import runs.
    pub questions: Vec<DateQuestion>,
}

/// "Is 05/10/2026 in the column Birthday the 5th of October or May 10th?"
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DateQuestion {
    pub columns: Vec<String>,
    pub samples: Vec<String>,
}

/// One row with the names of its columns.
struct Cells<'s> {
    mapping: &'s Mapping,
    row: &'s Row,
}

impl<'s> Cells<'s> {
    /// The cell of a column by Square's name; "" without the column.
    fn text(&self, name: &str) -> &'s str {
        let index = self.mapping.index(name);
        index.and_then(|i| self.row.cells.get(i)).map_or("", String::as_str)
    }

    fn owned(&self, name: &str) -> String {
        crate::platform::text::collapse(self.text(name))
    }

    fn problem(&self, column: &str, message: impl Into<String>) -> RowProblem {
        RowProblem::new(self.row.line, Some(column), message)
    }

    /// An amount; `None` when empty. `$1,234.56`, `-$45.00`, `($45.00)`.
    fn amount(&self, column: &str) -> Result<Option<Decimal>, RowProblem> {
        let text = self.text(column);
        if text.is_empty() {
            return Ok(None);
        }
        money::parse_amount(text).map(Some).map_err(|_| self.problem(column, format!("“{text}” is not an amount")))
    }

    fn amount_or_zero(&self, column: &str) -> Result<Decimal, RowProblem> {
        Ok(self.amount(column)?.unwrap_or_default())
    }

    fn yes(&self, column: &str) -> bool {
        matches!(self.text(column).to_lowercase().as_str(), "yes" | "y" | "true" | "1")
    }
}

/// Reads each row by `read`, which may add warnings.
fn each<T>(sheet: &Sheet, mapping: &Mapping, mut read: impl FnMut(&Cells<'_>, &mut Vec<RowProblem>) -> Result<T, RowProblem>) -> Parsed<T> {
    let mut parsed =
        Parsed { rows: Vec::with_capacity(sheet.rows.len()), refused: Vec::new(), warnings: sheet.problems.clone(), questions: Vec::new() };
    for row in &sheet.rows {
        let cells = Cells { mapping, row };
        match read(&cells, &mut parsed.warnings) {
            Ok(record) => parsed.rows.push(record),
            Err(problem) => parsed.refused.push(problem),
        }
    }
    parsed
}

/// The order of dates in these columns, which one program wrote: inferred from all of them, else as answered.
fn date_order(sheet: &Sheet, mapping: &Mapping, columns: &[&str], options: &Options) -> (Option<DateOrder>, Option<DateQuestion>) {
    let indexes: Vec<usize> = columns.iter().filter_map(|c| mapping.index(c)).collect();
    let values = sheet.rows.iter().flat_map(|row| indexes.iter().map(|i| (row.line, row.cells[*i].as_str())));
    let question = |samples| {
        let columns = columns.iter().map(|c| (*c).to_owned()).collect();
        Some(DateQuestion { columns, samples })
    };
    match (dates::infer(values), options.date_order) {
        (ColumnDates::Plain, _) => (None, None),
        (ColumnDates::Known(order), _) => (Some(order), None),
        (_, Some(answer)) => (Some(answer), None),
        (ColumnDates::Ambiguous { samples }, None) => (None, question(samples)),
        (ColumnDates::Contradictory { month_first, day_first }, None) => (None, question(vec![month_first.1, day_first.1])),
    }
}

#[cfg(test)]
mod tests;
