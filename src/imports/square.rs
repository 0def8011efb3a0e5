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
use std::collections::BTreeMap;

/// What the business and the person add to the file.
#[derive(Debug, Clone)]
pub struct Options {
    /// ISO 3166 country of the business: region of phone numbers and states.
    pub region: String,
    /// The person's answers where a column leaves the order of day and month open.
    pub date_orders: BTreeMap<String, DateOrder>,
    /// The answer for columns that have none of their own.
    pub date_order: Option<DateOrder>,
}

impl Default for Options {
    fn default() -> Self {
        Self { region: "US".to_owned(), date_orders: BTreeMap::new(), date_order: None }
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
    /// As Square names it.
    pub column: String,
    pub samples: Vec<String>,
}

impl DateQuestion {
    /// The name of its answer in forms and in errors: `date_first_visit`.
    pub fn field(&self) -> String {
        format!("date_{}", super::csv::header_key(&self.column).replace(' ', "_"))
    }
}

/// The largest amount and the largest quantity of a row: a visit of some of them still fits the books.
const LARGEST: Decimal = Decimal::from_parts(99_999_999, 0, 0, false, 0);

/// One row with the names of its columns.
struct Cells<'s> {
    mapping: &'s Mapping,
    row: &'s Row,
}

impl<'s> Cells<'s> {
    /// The cell of a column by Square's name; "" without the column.
    fn text(&self, name: &str) -> &'s str {
        let index = self.mapping.index(name);
        index.and_then(|i| self.row.cells.get(i)).unwrap_or_default()
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
        let amount = money::parse_amount(text).map_err(|_| self.problem(column, format!("“{text}” is not an amount")))?;
        if amount.abs() > LARGEST {
            return Err(self.problem(column, format!("“{text}” is more than Rounds can hold")));
        }
        Ok(Some(amount))
    }

    fn amount_or_zero(&self, column: &str) -> Result<Decimal, RowProblem> {
        Ok(self.amount(column)?.unwrap_or_default())
    }

    fn yes(&self, column: &str) -> bool {
        matches!(self.text(column).to_lowercase().as_str(), "yes" | "y" | "true" | "1")
    }
}

/// Reads each row by `read`, which may add warnings. Lines that are no rows are refused already.
fn each<T>(sheet: &Sheet, mapping: &Mapping, mut read: impl FnMut(&Cells<'_>, &mut Vec<RowProblem>) -> Result<T, RowProblem>) -> Parsed<T> {
    let mut parsed = Parsed {
        rows: Vec::with_capacity(sheet.rows.len()),
        refused: sheet.refused.iter().map(|(_, problem)| problem.clone()).collect(),
        warnings: sheet.problems.clone(),
        questions: Vec::new(),
    };
    for row in &sheet.rows {
        let cells = Cells { mapping, row };
        match read(&cells, &mut parsed.warnings) {
            Ok(record) => parsed.rows.push(record),
            Err(problem) => parsed.refused.push(problem),
        }
    }
    parsed.refused.sort_by_key(|p| p.line);
    parsed
}

/// How each of some columns writes its dates; nothing where every date reads in one way only.
type Orders = BTreeMap<String, DateOrder>;

/// The order of dates of these columns, which one program wrote: what one of them shows holds for all. Where none shows it, or they
/// differ, each column speaks for itself, and what is left is asked column by column.
fn date_orders(sheet: &Sheet, mapping: &Mapping, columns: &[&str], options: &Options) -> (Orders, Vec<DateQuestion>) {
    let there: Vec<(&str, usize)> = columns.iter().filter_map(|c| Some((*c, mapping.index(c)?))).collect();
    let infer = |of: &[(&str, usize)]| dates::infer(sheet.rows.iter().flat_map(|row| of.iter().map(|(_, i)| (row.line, &row.cells[*i]))));
    let (mut orders, mut questions) = (Orders::new(), Vec::new());
    match infer(&there) {
        ColumnDates::Plain => return (orders, questions),
        ColumnDates::Known(order) => return (there.iter().map(|(c, _)| ((*c).to_owned(), order)).collect(), questions),
        ColumnDates::Ambiguous { .. } | ColumnDates::Contradictory { .. } => {}
    }
    for one in &there {
        let column = one.0.to_owned();
        let answer = options.date_orders.get(&column).copied().or(options.date_order);
        let samples = match (infer(std::slice::from_ref(one)), answer) {
            (ColumnDates::Plain, _) => continue,
            (ColumnDates::Known(order), _) | (_, Some(order)) => {
                orders.insert(column, order);
                continue;
            }
            (ColumnDates::Ambiguous { samples }, None) => samples,
            (ColumnDates::Contradictory { month_first, day_first }, None) => vec![month_first.1, day_first.1],
        };
        questions.push(DateQuestion { column, samples });
    }
    (orders, questions)
}

#[cfg(test)]
mod tests;
