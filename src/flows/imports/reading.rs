//! Reads a stored file: typed rows with their lines, refused rows, questions to the user, and samples for the preview.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};

use super::{
    Choices, RowProblem, csv,
    recognise::{Kind, Mapping, Recognised, recognise},
    square::{
        self, AppointmentRow, AppointmentStatus, CatalogueKind, CatalogueRow, CustomerRow, DateQuestion, ItemRow, Options, Parsed,
        TransactionRow,
    },
};
use platform::redact;

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

/// A parsed file: each of its rows is in `rows` or in `refused`.
#[derive(Debug, Clone)]
pub struct Reading {
    pub kind: Kind,
    pub total: usize,
    pub rows: Rows,
    pub refused: Vec<RowProblem>,
    pub warnings: Vec<RowProblem>,
    pub questions: Vec<DateQuestion>,
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

/// The text to store of a file, with card and social security numbers redacted, and the SHA-256 hash of the original file.
pub struct Kept {
    pub text: String,
    pub sha256: [u8; 32],
    pub kind: Kind,
    pub was_redacted: bool,
}

/// Recognises an uploaded file and redacts it. `expected` is the kind the user chose, if any. The error is a message for the user.
pub fn keep(bytes: &[u8], expected: Option<Kind>) -> Result<Kept, String> {
    let sheet = csv::read(bytes).map_err(|e| e.to_string())?;
    let kind = match (recognise(&sheet), expected) {
        (Recognised::Known(kind), Some(wanted)) if kind != wanted => {
            return Err(format!("This looks like {}, not {}.", kind.label(), wanted.label()));
        }
        (Recognised::Known(kind), _) => kind,
        // The user maps the columns on the preview.
        (Recognised::Almost { kind, .. }, wanted) => wanted.unwrap_or(kind),
        (Recognised::Unknown, Some(wanted)) => wanted,
        (Recognised::Unknown, None) => {
            let known: Vec<&str> = Kind::ALL.iter().map(|k| k.label()).collect();
            return Err(format!("We don't know these columns. We read: {}.", known.join(", ")));
        }
    };
    let encoding = encoding_rs::Encoding::for_label(sheet.encoding.as_bytes()).unwrap_or(encoding_rs::UTF_8);
    let sha256 = sheet.sha256;
    drop(sheet);
    let (text, _, _) = encoding.decode(bytes);
    let redacted = redact::redact(&text);
    Ok(Kept { text: redacted.text, sha256, kind, was_redacted: redacted.found })
}

/// Reads a stored file with the user's choices. `country` (ISO 3166) is the default region of phone numbers. Errors are for the user.
pub fn read(bytes: &[u8], kind: Kind, country: &str, choices: &Choices) -> Result<Reading, String> {
    let sheet = csv::read(bytes).map_err(|e| e.to_string())?;
    let mapping = choices.mapping.clone().unwrap_or_else(|| Mapping::guess(kind, &sheet));
    let options = Options { region: country.to_owned(), date_orders: choices.date_orders.clone(), date_order: choices.date_order };
    let total = sheet.total();
    let (rows, rest) = match kind {
        Kind::SquareCustomers => take(square::customers(&sheet, &mapping, &options), Rows::Customers),
        Kind::SquareCatalogue => take(square::catalogue(&sheet, &mapping), Rows::Catalogue),
        Kind::SquareTransactions => take(square::transactions(&sheet, &mapping, &options), |mut rows| {
            // In order of time, so that ticket numbers ascend and a refund follows its payment.
            rows.sort_by_key(|r| (r.at, r.is_refund, r.line));
            Rows::Transactions(rows)
        }),
        Kind::SquareItems => take(square::items(&sheet, &mapping, &options), |rows| Rows::Items(by_transaction(rows))),
        Kind::SquareAppointments => take(square::appointments(&sheet, &mapping, &options), |mut rows| {
            rows.sort_by_key(|r| (r.starts_at, r.line));
            Rows::Appointments(rows)
        }),
    };
    let (refused, warnings, questions) = rest;
    Ok(Reading { kind, total, rows, refused, warnings, questions, columns: seen(&sheet, &mapping), missing: mapping.missing() })
}

/// Maximum length of a sample, in characters.
const SAMPLE: usize = 40;

fn seen(sheet: &csv::Sheet, mapping: &Mapping) -> Vec<SeenColumn> {
    let sample = |i: usize| sheet.rows.iter().map(|r| &r.cells[i]).find(|c| !c.is_empty()).unwrap_or_default();
    let column = |(i, header): (usize, &String)| SeenColumn {
        column: i,
        header: header.clone(),
        sample: sample(i).chars().take(SAMPLE).collect(),
        field: mapping.field(i).map(str::to_owned),
    };
    sheet.headers.iter().enumerate().map(column).collect()
}

type Rest = (Vec<RowProblem>, Vec<RowProblem>, Vec<DateQuestion>);

fn take<T>(parsed: Parsed<T>, into: impl FnOnce(Vec<T>) -> Rows) -> (Rows, Rest) {
    (into(parsed.rows), (parsed.refused, parsed.warnings, parsed.questions))
}

fn by_transaction(rows: Vec<ItemRow>) -> Vec<Vec<ItemRow>> {
    let mut groups: BTreeMap<String, Vec<ItemRow>> = BTreeMap::new();
    for row in rows {
        groups.entry(row.transaction_id.clone()).or_default().push(row);
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    // Exports list the newest first; items sold must come before returned ones.
    for group in &mut groups {
        group.sort_by_key(|r| (r.is_back(), r.line));
    }
    groups.sort_by_key(|g| (g[0].at, g[0].line));
    groups
}

/// The rows named in `reasons` (line → reason) as CSV with the reason of each, to correct and upload again. Cells that a spreadsheet would
/// run as formulas are escaped.
pub fn refused_csv(bytes: &[u8], reasons: &BTreeMap<u64, String>) -> Result<String, String> {
    let sheet = csv::read(bytes).map_err(|e| e.to_string())?;
    let mut out = ::csv::Writer::from_writer(Vec::new());
    let mut write = |cells: Vec<String>| out.write_record(cells.iter().map(|c| harmless(c))).map_err(|e| e.to_string());
    write(sheet.headers.iter().cloned().chain(["Line".into(), "Reason".into()]).collect())?;
    let mut rows: Vec<&csv::Row> = sheet.rows.iter().chain(sheet.refused.iter().map(|(row, _)| row)).collect();
    rows.sort_by_key(|row| row.line);
    for row in rows {
        if let Some(reason) = reasons.get(&row.line) {
            write(row.cells.iter().map(str::to_owned).chain([row.line.to_string(), reason.clone()]).collect())?;
        }
    }
    String::from_utf8(out.into_inner().map_err(|e| e.to_string())?).map_err(|e| e.to_string())
}

/// Escapes a cell that a spreadsheet would run as a formula; `csv::clean` reverses it.
fn harmless(cell: &str) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell.to_owned() }
}

/// Preview of the record that a row will become.
#[derive(Debug, Clone)]
pub struct Sample {
    pub line: u64,
    pub title: String,
    pub detail: String,
}

impl Reading {
    /// Removes the rows whose lines are in `done`.
    #[must_use]
    pub fn without(mut self, done: &HashSet<i32>) -> Self {
        let open = |line: u64| i32::try_from(line).is_ok_and(|l| !done.contains(&l));
        match &mut self.rows {
            Rows::Customers(rows) => rows.retain(|r| open(r.line)),
            Rows::Catalogue(rows) => rows.retain(|r| open(r.line)),
            Rows::Transactions(rows) => rows.retain(|r| open(r.line)),
            Rows::Items(groups) => groups.retain(|g| g.iter().any(|r| open(r.line))),
            Rows::Appointments(rows) => rows.retain(|r| open(r.line)),
        }
        self.refused.retain(|p| open(p.line));
        self
    }

    /// Splits the rows into batches of `size`, each to be committed by itself. The iterator frees the rows as it goes.
    pub fn portions(self, size: usize) -> Box<dyn Iterator<Item = Rows> + Send> {
        fn chunks<T: Send + 'static>(rows: Vec<T>, size: usize, into: fn(Vec<T>) -> Rows) -> Box<dyn Iterator<Item = Rows> + Send> {
            let mut rows = rows.into_iter();
            let portion = move || Some(rows.by_ref().take(size).collect::<Vec<T>>()).filter(|p| !p.is_empty());
            Box::new(std::iter::from_fn(portion).map(into))
        }
        match self.rows {
            Rows::Customers(rows) => chunks(rows, size, Rows::Customers),
            Rows::Catalogue(rows) => chunks(rows, size, Rows::Catalogue),
            Rows::Transactions(rows) => chunks(rows, size, Rows::Transactions),
            Rows::Items(rows) => chunks(rows, size / 2, Rows::Items),
            Rows::Appointments(rows) => chunks(rows, size, Rows::Appointments),
        }
    }

    /// Describes the effect of importing the file in a few sentences for the user.
    pub fn plan(&self) -> Vec<String> {
        match &self.rows {
            Rows::Customers(_) => vec![
                "Each customer comes with phones, emails and address; the memo becomes a note, and facts in it are proposed for you to confirm.".into(),
                "Customers that look alike are proposed as duplicates, never merged.".into(),
            ],
            Rows::Catalogue(_) => vec!["Each item becomes a service or product. “Variable” prices are set at close-out.".into()],
            Rows::Transactions(rows) => {
                let mut plan = vec!["Each sale becomes a closed ticket with its payment, marked as imported. A visit that the appointments or items file tells of too becomes one ticket.".into()];
                let nameless = rows.iter().filter(|r| r.customer_id.is_empty()).count();
                if nameless > 0 {
                    plan.push(format!("{nameless} sales name no customer: they are kept under “Walk-in sales”."));
                }
                plan
            }
            Rows::Items(groups) => vec![format!(
                "The items of {} sales become the lines of their tickets, whichever of the two files comes first.",
                groups.len()
            )],
            Rows::Appointments(_) => vec![
                "Past visits become closed tickets, cancelled ones and no-shows cancelled tickets, coming ones scheduled tickets. Nobody gets a mail.".into(),
                "A client who is not among your customers is added.".into(),
            ],
        }
    }

    /// Previews of up to `count` rows.
    pub fn samples(&self, count: usize) -> Vec<Sample> {
        match &self.rows {
            Rows::Customers(rows) => rows.iter().take(count).map(customer).collect(),
            Rows::Catalogue(rows) => rows.iter().take(count).map(item).collect(),
            Rows::Transactions(rows) => rows.iter().rev().take(count).map(sale).collect(),
            Rows::Items(rows) => rows.iter().rev().take(count).filter_map(|g| lines(g)).collect(),
            Rows::Appointments(rows) => rows.iter().rev().take(count).map(appointment).collect(),
        }
    }
}

fn joined(parts: &[&str]) -> String {
    parts.iter().filter(|p| !p.is_empty()).copied().collect::<Vec<_>>().join(" · ")
}

fn customer(row: &CustomerRow) -> Sample {
    let address = row.address.as_ref().map(|a| joined(&[&a.street, &a.city, &a.access])).unwrap_or_default();
    let phone = row.phones.first().map_or("", |p| p.typed.as_str());
    let email = row.emails.first().map_or("", String::as_str);
    Sample { line: row.line, title: row.name.clone(), detail: joined(&[phone, email, &address, &row.memo]) }
}

fn item(row: &CatalogueRow) -> Sample {
    let kind = match row.kind {
        CatalogueKind::Fixed => "fixed price",
        CatalogueKind::Flexible => "price at close-out",
        CatalogueKind::PerUnit => "price per piece",
        CatalogueKind::Product => "product",
    };
    let price = row.price.map(|p| p.to_string()).unwrap_or_default();
    Sample { line: row.line, title: row.name.clone(), detail: joined(&[kind, &price, &row.category]) }
}

fn sale(row: &TransactionRow) -> Sample {
    let name = if row.customer_name.is_empty() { "Walk-in sales" } else { &row.customer_name };
    let what = if row.is_refund { "refund" } else { "closed ticket" };
    Sample {
        line: row.line,
        title: name.to_owned(),
        detail: joined(&[what, &row.at.format("%-d %b %Y, %H:%M").to_string(), &row.total.to_string()]),
    }
}

fn lines(group: &[ItemRow]) -> Option<Sample> {
    let first = group.first()?;
    let names: Vec<String> = group.iter().map(|r| format!("{} × {}", r.quantity, r.name)).collect();
    let title = if first.customer_name.is_empty() { "Walk-in sales" } else { &first.customer_name };
    Some(Sample {
        line: first.line,
        title: title.to_owned(),
        detail: joined(&[&first.at.format("%-d %b %Y").to_string(), &names.join(", ")]),
    })
}

fn appointment(row: &AppointmentRow) -> Sample {
    let status = match row.status {
        AppointmentStatus::Accepted => "accepted",
        AppointmentStatus::Pending => "not accepted yet",
        AppointmentStatus::CancelledByCustomer => "cancelled by customer",
        AppointmentStatus::CancelledByBusiness => "cancelled by us",
        AppointmentStatus::Declined => "declined",
        AppointmentStatus::NoShow => "no-show",
    };
    let when = row.starts_at.format("%-d %b %Y, %H:%M").to_string();
    Sample { line: row.line, title: row.client_name.clone(), detail: joined(&[&when, status, &row.services.join(" + "), &row.staff]) }
}
