//! Reads a file as a stream of portions. The text stands in memory once; a first pass finds what is refused, what is to be asked, and in which
//! order the rows are to be taken; each portion is read from the text when its turn comes.

mod keep;
mod samples;

use std::{
    collections::{BTreeMap, HashMap, HashSet, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
};

use serde::{Deserialize, Serialize};

pub use self::{
    keep::{Kept, keep},
    samples::Sample,
};
use super::{
    Choices, RowProblem, csv,
    recognise::{Kind, Mapping},
    square::{AppointmentRow, CatalogueRow, CustomerRow, DateQuestion, ItemRow, Options, Read, Reader, TransactionRow},
};
use platform::tenant::Who;

/// The rows of one file.
#[derive(Debug, Clone)]
pub enum Rows {
    Customers(Vec<CustomerRow>),
    Catalogue(Vec<CatalogueRow>),
    Transactions(Vec<TransactionRow>),
    /// Line items, grouped by transaction.
    Items(Vec<Vec<ItemRow>>),
    Appointments(Vec<AppointmentRow>),
}

impl Rows {
    fn none(kind: Kind) -> Self {
        match kind {
            Kind::SquareCustomers => Self::Customers(Vec::new()),
            Kind::SquareCatalogue => Self::Catalogue(Vec::new()),
            Kind::SquareTransactions => Self::Transactions(Vec::new()),
            Kind::SquareItems => Self::Items(Vec::new()),
            Kind::SquareAppointments => Self::Appointments(Vec::new()),
        }
    }

    /// Adds a row of this kind; items of one transaction come one after the other.
    fn push(&mut self, read: Read) {
        match (self, read) {
            (Self::Customers(rows), Read::Customer(row)) => rows.push(*row),
            (Self::Catalogue(rows), Read::Catalogue(row)) => rows.push(*row),
            (Self::Transactions(rows), Read::Transaction(row)) => rows.push(*row),
            (Self::Appointments(rows), Read::Appointment(row)) => rows.push(*row),
            (Self::Items(groups), Read::Item(row)) => match groups.last_mut().filter(|g| g[0].transaction_id == row.transaction_id) {
                Some(group) => group.push(*row),
                None => groups.push(vec![*row]),
            },
            _ => {}
        }
    }

    /// Splits into single rows; the items of one transaction stay together.
    pub fn one_by_one(self) -> Vec<Self> {
        match self {
            Self::Customers(rows) => rows.into_iter().map(|r| Self::Customers(vec![r])).collect(),
            Self::Catalogue(rows) => rows.into_iter().map(|r| Self::Catalogue(vec![r])).collect(),
            Self::Transactions(rows) => rows.into_iter().map(|r| Self::Transactions(vec![r])).collect(),
            Self::Items(rows) => rows.into_iter().map(|r| Self::Items(vec![r])).collect(),
            Self::Appointments(rows) => rows.into_iter().map(|r| Self::Appointments(vec![r])).collect(),
        }
    }

    /// Line numbers in the file.
    pub fn lines(&self) -> Vec<u64> {
        match self {
            Self::Customers(rows) => rows.iter().map(|r| r.line).collect(),
            Self::Catalogue(rows) => rows.iter().map(|r| r.line).collect(),
            Self::Transactions(rows) => rows.iter().map(|r| r.line).collect(),
            Self::Items(rows) => rows.iter().flatten().map(|r| r.line).collect(),
            Self::Appointments(rows) => rows.iter().map(|r| r.line).collect(),
        }
    }
}

/// The settings of a file that its business and its choices give.
pub fn options(who: &Who, choices: &Choices) -> Options {
    Options {
        region: who.country.clone(),
        decimals: who.currency.digits(),
        today: who.today(),
        date_orders: choices.date_orders.clone(),
        date_order: choices.date_order,
    }
}

/// A parsed file: each of its rows is in a portion, as a record or refused.
#[derive(Debug, Clone)]
pub struct Reading {
    pub kind: Kind,
    sheet: csv::Sheet,
    reader: Reader,
    /// In the order in which they are to be taken.
    order: Vec<Place>,
    /// Index of a row that says the same as an earlier one → that one's line.
    twins: HashMap<u32, u64>,
    pub total: usize,
    /// How many are refused, and the first of them.
    pub refused_count: usize,
    pub refused: Vec<RowProblem>,
    /// How many remarks there are on rows that are taken, and the first of them.
    pub warnings_count: usize,
    pub warnings: Vec<RowProblem>,
    /// Sales without a customer, or transactions of items.
    told: usize,
    /// The file's columns with the field each is mapped to.
    pub columns: Vec<SeenColumn>,
    /// Required columns that the file lacks, by Square's names.
    pub missing: Vec<&'static str>,
}

/// A column of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenColumn {
    /// Position in the file, from 0.
    pub column: usize,
    pub header: String,
    /// The first value, shortened; empty if the column is empty.
    pub sample: String,
    /// The field it is mapped to, by Square's name; `None` if it is left out.
    pub field: Option<String>,
}

/// How many refusals and remarks a preview shows.
const SHOWN: usize = 20;

/// When the turn of a row comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    /// Time of a sale or visit; how many rows before tell of the same customer. Refused rows come first.
    turn: i64,
    /// The first line of its transaction.
    group: u64,
    is_late: bool,
    index: u32,
}

/// Rows that are taken in one step.
#[derive(Debug, Clone)]
pub struct Portion {
    pub rows: Rows,
    pub refused: Vec<RowProblem>,
    /// Line → what is to be checked.
    pub warnings: HashMap<u64, String>,
    /// Where the next one begins; `None` after the last.
    pub next: Option<usize>,
}

impl Reading {
    /// Reads a stored text with the user's choices. Errors are for the user.
    pub fn open(text: String, kind: Kind, options: Options, choices: &Choices) -> Result<Self, String> {
        let sheet = csv::Sheet::of(choices.decoded(text)).map_err(|e| e.to_string())?;
        Ok(Self::of(sheet, kind, options, choices))
    }

    pub fn of(sheet: csv::Sheet, kind: Kind, options: Options, choices: &Choices) -> Self {
        let mapping = choices.mapping.clone().unwrap_or_else(|| Mapping::guess(kind, &sheet));
        let (columns, missing) = (seen(&sheet, &mapping), mapping.missing());
        let reader = Reader::new(&sheet, mapping, options);
        let mut reading = Self {
            kind,
            order: Vec::with_capacity(sheet.total()),
            twins: HashMap::new(),
            total: sheet.total(),
            refused_count: 0,
            refused: Vec::new(),
            warnings_count: sheet.skipped.len(),
            warnings: sheet.skipped.clone(),
            told: 0,
            columns,
            missing,
            sheet,
            reader,
        };
        reading.scan();
        reading
    }

    pub fn questions(&self) -> &[DateQuestion] {
        &self.reader.questions
    }

    /// Whether nobody in the file can be reached, so that the import has to be confirmed.
    pub fn reaches_nobody(&self) -> bool {
        self.reader.mapping.reaches_nobody()
    }

    pub fn text(&self) -> &str {
        self.sheet.text()
    }

    /// Reads each row once: refuses, counts, and puts in order.
    fn scan(&mut self) {
        let (mut seen, mut groups) = (HashMap::new(), HashMap::new());
        let mut warnings = Vec::new();
        for index in 0..self.total {
            warnings.clear();
            let read = self.read(index, &mut warnings);
            let place = read.and_then(|read| self.place(index, &read, &mut seen, &mut groups));
            let turn = match place {
                Ok(place) => {
                    self.warnings_count += warnings.len();
                    let room = SHOWN.saturating_sub(self.warnings.len());
                    self.warnings.extend(warnings.drain(..).take(room));
                    place
                }
                Err(problem) => {
                    self.refused_count += 1;
                    if self.refused.len() < SHOWN {
                        self.refused.push(problem);
                    }
                    Place { turn: i64::MIN, group: 0, is_late: false, index: csv::small(index) }
                }
            };
            self.order.push(turn);
        }
        for place in self.order.iter_mut().filter(|p| p.turn > i64::MIN) {
            if let Some((_, line, turn)) = groups.get(&place.group) {
                (place.group, place.turn) = (*line, *turn);
            }
        }
        if self.kind == Kind::SquareItems {
            self.told = groups.len();
        }
        self.order.sort_unstable();
    }

    /// When the turn of a row comes; refused if an earlier row says the same.
    fn place(
        &mut self,
        index: usize,
        read: &Read,
        seen: &mut HashMap<u64, (u64, i64)>,
        groups: &mut HashMap<u64, (bool, u64, i64)>,
    ) -> Result<Place, RowProblem> {
        let line = self.sheet.line(index);
        let mut place = Place { turn: 0, group: 0, is_late: false, index: csv::small(index) };
        let id = match read {
            Read::Customer(row) => hash(&row.source_id),
            Read::Catalogue(row) if row.source_id.is_empty() => return Ok(place),
            Read::Catalogue(row) => hash(&row.source_id),
            Read::Transaction(row) => {
                self.told += usize::from(row.customer_id.is_empty() && row.customer_name.is_empty());
                place.turn = row.at.and_utc().timestamp();
                // A refund follows its payment.
                place.is_late = row.is_refund;
                if row.is_refund {
                    return Ok(place);
                }
                hash(&row.source_id)
            }
            Read::Item(row) => {
                // Exports list the newest first; items sold must come before returned ones.
                place.is_late = row.is_back();
                place.group = hash(&row.transaction_id);
                let first = (row.is_back(), line, row.at.and_utc().timestamp());
                groups.entry(place.group).and_modify(|g| *g = first.min(*g)).or_insert(first);
                return Ok(place);
            }
            Read::Appointment(row) => {
                place.turn = row.starts_at.and_utc().timestamp();
                hash(&row.source_key)
            }
        };
        let (first, times) = *seen.entry(id).and_modify(|(_, times)| *times += 1).or_insert((line, 0));
        match read {
            _ if times == 0 => {}
            // One row a property: the client's further places.
            Read::Customer(row) if row.source_id.starts_with("jobber:") => place.turn = times,
            _ => {
                self.twins.insert(place.index, first);
                return Err(twin(line, self.kind, first));
            }
        }
        Ok(place)
    }

    /// Reads a row; what is to be checked in it goes to `warnings`.
    fn read(&self, index: usize, warnings: &mut Vec<RowProblem>) -> Result<Read, RowProblem> {
        if let Some(refused) = self.sheet.refusal(index) {
            return Err(refused);
        }
        let row = self.sheet.row(index);
        warnings.extend(self.sheet.remark(index, &row));
        self.reader.row(&row, warnings)
    }

    /// The portion that begins at `from`, of about `size` rows, without the lines in `done`.
    pub fn portion(&self, from: usize, size: usize, done: &HashSet<i32>) -> Portion {
        let mut portion = Portion { rows: Rows::none(self.kind), refused: Vec::new(), warnings: HashMap::new(), next: None };
        let mut warnings = Vec::new();
        for (at, place) in self.order.iter().enumerate().skip(from) {
            let before = &self.order[at.saturating_sub(1)];
            let is_end = match self.kind {
                // The rows of one customer are taken one after the other.
                Kind::SquareCustomers => at - from >= size || (before.turn != place.turn && place.turn > 0),
                Kind::SquareItems => at - from >= size && before.group != place.group,
                _ => at - from >= size,
            };
            if at > from && is_end {
                portion.next = Some(at);
                break;
            }
            let index = place.index as usize;
            if i32::try_from(self.sheet.line(index)).is_ok_and(|line| done.contains(&line)) {
                continue;
            }
            let read = match self.twins.get(&place.index) {
                Some(first) => Err(twin(self.sheet.line(index), self.kind, *first)),
                None => self.read(index, &mut warnings),
            };
            match read {
                Ok(read) => portion.rows.push(read),
                Err(problem) => portion.refused.push(problem),
            }
        }
        for warning in warnings {
            let words = portion.warnings.entry(warning.line).or_default();
            if !words.is_empty() {
                words.push_str("; ");
            }
            words.push_str(&warning.words());
        }
        portion
    }
}

fn hash(id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}

/// Why a row that says the same as an earlier one is refused.
fn twin(line: u64, kind: Kind, first: u64) -> RowProblem {
    let (column, what) = match kind {
        Kind::SquareCustomers => ("Square Customer ID", "customer"),
        Kind::SquareCatalogue => ("Token", "item"),
        Kind::SquareTransactions | Kind::SquareItems => ("Transaction ID", "transaction"),
        Kind::SquareAppointments => ("Start", "appointment"),
    };
    RowProblem::new(line, Some(column), format!("The same {what} stands in line {first}; that one was taken"))
}

/// Maximum length of a sample, in characters.
const SAMPLE: usize = 40;

fn seen(sheet: &csv::Sheet, mapping: &Mapping) -> Vec<SeenColumn> {
    let column = |(i, header): (usize, &String)| SeenColumn {
        column: i,
        header: header.clone(),
        sample: String::new(),
        field: mapping.field(i).map(str::to_owned),
    };
    let mut columns: Vec<SeenColumn> = sheet.headers.iter().enumerate().map(column).collect();
    let mut open = columns.len();
    for row in sheet.rows() {
        for column in columns.iter_mut().filter(|c| c.sample.is_empty()) {
            column.sample = row.cells[column.column].chars().take(SAMPLE).collect();
            open -= usize::from(!column.sample.is_empty());
        }
        if open == 0 {
            break;
        }
    }
    columns
}

/// The rows named in `reasons` (line → reason) as CSV with the reason of each, to correct and upload again. Cells that a spreadsheet would
/// run as formulas are escaped.
pub fn refused_csv(text: String, reasons: &BTreeMap<u64, String>) -> Result<String, String> {
    let sheet = csv::Sheet::of(text).map_err(|e| e.to_string())?;
    let mut out = ::csv::Writer::from_writer(Vec::new());
    let mut write = |cells: Vec<String>| out.write_record(cells.iter().map(|c| harmless(c))).map_err(|e| e.to_string());
    write(sheet.headers.iter().cloned().chain(["Line".into(), "Reason".into()]).collect())?;
    for index in 0..sheet.total() {
        if let Some(reason) = reasons.get(&sheet.line(index)) {
            let row = sheet.row(index);
            write(row.cells.iter().map(str::to_owned).chain([row.line.to_string(), reason.clone()]).collect())?;
        }
    }
    String::from_utf8(out.into_inner().map_err(|e| e.to_string())?).map_err(|e| e.to_string())
}

/// Escapes a cell that a spreadsheet would run as a formula; `csv::clean` reverses it.
fn harmless(cell: &str) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell.to_owned() }
}

#[cfg(test)]
mod tests;
