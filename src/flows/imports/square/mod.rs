//! Parses Square's exports into typed rows: customers, catalogue, transactions, items, appointments.
//!
//! Each row becomes a record or a refusal with a reason; a row that could be read only in part becomes a record with a warning.

mod address;
mod appointments;
mod catalogue;
mod customers;
mod phones;
mod sales;

pub use address::{Address, region_code};
pub use appointments::{AppointmentRow, AppointmentStatus};
pub use catalogue::{CatalogueKind, CatalogueRow, TaxColumn, sold_by_count};
pub use customers::CustomerRow;
pub use phones::PhoneCell;
pub use sales::{ItemRow, TransactionRow};

use super::RowProblem;
use super::csv::{Row, Sheet};
use super::dates::{ColumnDates, DateOrder, Shown};
use super::recognise::{Kind, Mapping};
use chrono::NaiveDate;
use platform::{money, redact};
use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Settings for reading a file that the file itself does not contain.
#[derive(Debug, Clone)]
pub struct Options {
    /// ISO 3166 country of the business: the default region of phone numbers.
    pub region: String,
    /// Decimals of the business's currency.
    pub decimals: u32,
    /// Today in the business's time zone.
    pub today: NaiveDate,
    /// The user's answers for columns with an ambiguous order of day and month.
    pub date_orders: BTreeMap<String, DateOrder>,
    /// The answer for ambiguous columns not in `date_orders`.
    pub date_order: Option<DateOrder>,
}

impl Default for Options {
    fn default() -> Self {
        let today = NaiveDate::from_ymd_opt(2026, 11, 29).unwrap_or_default();
        Self { region: "US".to_owned(), decimals: 2, today, date_orders: BTreeMap::new(), date_order: None }
    }
}

/// What is known of a file's columns before its rows are read, one after the other.
#[derive(Debug, Clone)]
pub struct Reader {
    pub mapping: Mapping,
    pub options: Options,
    orders: Orders,
    /// Questions to answer before the import runs.
    pub questions: Vec<DateQuestion>,
    /// Position and header of the columns that mean nothing to Rounds.
    unknown: Vec<(usize, String)>,
    /// Columns of taxes, in an item library.
    taxes: Vec<(usize, TaxColumn)>,
    /// Columns of addresses, in a list of customers.
    addresses: Vec<address::Columns>,
    /// The names of all columns as they are compared.
    keys: Vec<String>,
}

/// A row of any kind, read.
#[derive(Debug, Clone)]
pub enum Read {
    Customer(Box<CustomerRow>),
    Catalogue(Box<CatalogueRow>),
    Transaction(Box<TransactionRow>),
    Item(Box<ItemRow>),
    Appointment(Box<AppointmentRow>),
}

impl Reader {
    pub fn new(sheet: &Sheet, mapping: Mapping, options: Options) -> Self {
        let groups: &[&[&str]] = match mapping.kind {
            Kind::SquareCustomers => &[&["First Visit", "Last Visit"], &["Birthday"]],
            Kind::SquareCatalogue => &[],
            Kind::SquareTransactions | Kind::SquareItems => &[&["Date"]],
            Kind::SquareAppointments => &[&["Start", "End", "Created At"]],
        };
        let (mut orders, mut questions) = (Orders::new(), Vec::new());
        let shown = shown(sheet, &mapping, groups);
        for columns in groups {
            let there: Vec<_> = columns.iter().filter_map(|c| Some((*c, shown.get(c)?))).collect();
            let (known, asked) = date_orders(&there, &options);
            orders.extend(known);
            questions.extend(asked);
        }
        let unknown = mapping.unknown(sheet).into_iter().map(|(i, header)| (i, header.to_owned())).collect();
        let taxes = match mapping.kind {
            Kind::SquareCatalogue => catalogue::tax_columns(&sheet.headers),
            _ => Vec::new(),
        };
        let addresses = address::Columns::of(&mapping);
        let keys = sheet.keys().to_vec();
        Self { mapping, options, orders, questions, unknown, taxes, addresses, keys }
    }

    /// Reads one row. What is to be checked in it goes to `warnings`; an error refuses it.
    pub fn row(&self, row: &Row, warnings: &mut Vec<RowProblem>) -> Result<Read, RowProblem> {
        let cells = Cells { reader: self, row };
        if row.cells.contain(redact::MASK) {
            warnings.push(RowProblem::new(row.line, None, "A card or social security number was taken out"));
        }
        Ok(match self.mapping.kind {
            Kind::SquareCustomers => Read::Customer(Box::new(customers::customer(&cells, warnings)?)),
            Kind::SquareCatalogue => Read::Catalogue(Box::new(catalogue::item(&cells, warnings)?)),
            Kind::SquareTransactions => Read::Transaction(Box::new(sales::transaction(&cells, warnings)?)),
            Kind::SquareItems => Read::Item(Box::new(sales::item(&cells, warnings)?)),
            Kind::SquareAppointments => Read::Appointment(Box::new(appointments::appointment(&cells, warnings)?)),
        })
    }
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

/// A row with what is known of its columns.
struct Cells<'s> {
    reader: &'s Reader,
    row: &'s Row,
}

impl<'s> Cells<'s> {
    fn options(&self) -> &'s Options {
        &self.reader.options
    }

    fn has(&self, name: &str) -> bool {
        self.reader.mapping.index(name).is_some()
    }

    /// The file's name of a column, as it is compared.
    fn header(&self, name: &str) -> &'s str {
        self.reader.mapping.index(name).and_then(|i| self.reader.keys.get(i)).map_or("", String::as_str)
    }

    fn at(&self, index: usize) -> &'s str {
        self.row.cells.get(index).unwrap_or_default()
    }

    /// The cell of a column, by Square's name; empty if the file lacks the column. Of several such columns, the first that is filled.
    fn text(&self, name: &str) -> &'s str {
        self.texts(name).next().unwrap_or_default()
    }

    /// The filled cells of all columns that mean this.
    fn texts<'n>(&'n self, name: &'n str) -> impl Iterator<Item = &'s str> + use<'s, 'n> {
        self.reader.mapping.indices(name).iter().map(|i| self.at(*i)).filter(|cell| !cell.is_empty())
    }

    fn owned(&self, name: &str) -> String {
        platform::text::collapse(self.text(name))
    }

    fn problem(&self, column: &str, message: impl Into<String>) -> RowProblem {
        RowProblem::new(self.row.line, Some(column), message)
    }

    fn order(&self, column: &str) -> Option<DateOrder> {
        self.reader.orders.get(column).copied()
    }

    /// Parses an amount such as `$1,234.56`, `-$45.00` or `($45.00)`. Returns `None` if the cell is empty. One with more decimals than the
    /// currency is rounded, with a remark.
    fn amount(&self, column: &str, warnings: &mut Vec<RowProblem>) -> Result<Option<Decimal>, RowProblem> {
        let text = self.text(column);
        if text.is_empty() {
            return Ok(None);
        }
        let amount = money::parse_amount(text).map_err(|_| self.problem(column, format!("“{text}” is not an amount")))?;
        if amount.abs() > LARGEST {
            return Err(self.problem(column, format!("“{text}” is more than Rounds can hold")));
        }
        let rounded = amount.round_dp_with_strategy(self.options().decimals, RoundingStrategy::MidpointAwayFromZero);
        if rounded != amount {
            warnings.push(self.problem(column, format!("“{text}” was rounded to {rounded}")));
        }
        Ok(Some(if rounded == amount { amount } else { rounded }))
    }

    fn amount_or_zero(&self, column: &str, warnings: &mut Vec<RowProblem>) -> Result<Decimal, RowProblem> {
        Ok(self.amount(column, warnings)?.unwrap_or_default())
    }

    fn yes(&self, column: &str) -> bool {
        matches!(self.text(column).to_lowercase().as_str(), "yes" | "y" | "true" | "1")
    }
}

/// Date order by column; columns with only unambiguous dates are absent.
type Orders = BTreeMap<String, DateOrder>;

/// What the columns of dates show, by their fields.
fn shown<'c>(sheet: &Sheet, mapping: &Mapping, groups: &[&[&'c str]]) -> BTreeMap<&'c str, Shown> {
    let columns = groups.iter().copied().flatten().filter_map(|c| Some((*c, mapping.index(c)?, Shown::default())));
    let mut columns: Vec<(&str, usize, Shown)> = columns.collect();
    if !columns.is_empty() {
        for row in sheet.rows() {
            for (_, index, shown) in &mut columns {
                shown.add(row.line, &row.cells[*index]);
            }
        }
    }
    columns.into_iter().map(|(name, _, shown)| (name, shown)).collect()
}

/// Infers the date order of columns written by the same program: the order shown by one applies to all. If none shows it or they
/// contradict each other, each column is inferred on its own; ambiguous ones take the user's answer or become questions.
fn date_orders(there: &[(&str, &Shown)], options: &Options) -> (Orders, Vec<DateQuestion>) {
    let (mut orders, mut questions) = (Orders::new(), Vec::new());
    match Shown::of(there.iter().map(|(_, shown)| *shown)).order() {
        ColumnDates::Plain => return (orders, questions),
        ColumnDates::Known(order) => return (there.iter().map(|(c, _)| ((*c).to_owned(), order)).collect(), questions),
        ColumnDates::Ambiguous { .. } | ColumnDates::Contradictory { .. } => {}
    }
    for (column, shown) in there {
        let column = (*column).to_owned();
        let answer = options.date_orders.get(&column).copied().or(options.date_order);
        let samples = match ((*shown).clone().order(), answer) {
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
