//! Parses Square's exports into typed rows: customers, catalogue, transactions, items, appointments.
//!
//! Each row becomes a record or a refusal with a reason; a row that could be read only in part becomes a record with a warning.

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
use platform::money;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Settings for reading a file that the file itself does not contain.
#[derive(Debug, Clone)]
pub struct Options {
    /// ISO 3166 country of the business: the default region of phone numbers.
    pub region: String,
    /// The user's answers for columns with an ambiguous order of day and month.
    pub date_orders: BTreeMap<String, DateOrder>,
    /// The answer for ambiguous columns not in `date_orders`.
    pub date_order: Option<DateOrder>,
}

impl Default for Options {
    fn default() -> Self {
        Self { region: "US".to_owned(), date_orders: BTreeMap::new(), date_order: None }
    }
}

/// A parsed file: each of its data rows is in `rows` or in `refused`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed<T> {
    pub rows: Vec<T>,
    /// Rows that could not be read, with the reason of each.
    pub refused: Vec<RowProblem>,
    /// Things to check in rows that were read.
    pub warnings: Vec<RowProblem>,
    /// Questions to answer before the import runs.
    pub questions: Vec<DateQuestion>,
}

/// Asks the user for the order of day and month in a column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DateQuestion {
    /// The column, by Square's name.
    pub column: String,
    pub samples: Vec<String>,
}

impl DateQuestion {
    /// Field name of the answer in forms and errors, such as `date_first_visit`.
    pub fn field(&self) -> String {
        format!("date_{}", super::csv::header_key(&self.column).replace(' ', "_"))
    }
}

/// The largest amount or quantity of a row, low enough that the sum of several still fits the database's columns.
const LARGEST: Decimal = Decimal::from_parts(99_999_999, 0, 0, false, 0);

/// A row with its column mapping.
struct Cells<'s> {
    mapping: &'s Mapping,
    row: &'s Row,
}

impl<'s> Cells<'s> {
    /// The cell of a column, by Square's name; empty if the file lacks the column.
    fn text(&self, name: &str) -> &'s str {
        let index = self.mapping.index(name);
        index.and_then(|i| self.row.cells.get(i)).unwrap_or_default()
    }

    fn owned(&self, name: &str) -> String {
        platform::text::collapse(self.text(name))
    }

    fn problem(&self, column: &str, message: impl Into<String>) -> RowProblem {
        RowProblem::new(self.row.line, Some(column), message)
    }

    /// Parses an amount such as `$1,234.56`, `-$45.00` or `($45.00)`. Returns `None` if the cell is empty.
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

/// Reads each row with `read`, which may add warnings; an error refuses the row. Lines that are no rows are refused already.
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

/// Date order by column; columns with only unambiguous dates are absent.
type Orders = BTreeMap<String, DateOrder>;

/// Infers the date order of columns written by the same program: the order shown by one applies to all. If none shows it or they
/// contradict each other, each column is inferred on its own; ambiguous ones take the user's answer or become questions.
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
