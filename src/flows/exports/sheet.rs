//! Writes a sheet as CSV: UTF-8 with the byte-order mark that spreadsheets need; cells that could run as formulas are escaped reversibly.

use chrono::{DateTime, SecondsFormat, Utc};
use chrono_tz::Tz;
use rust_decimal::Decimal;

use platform::error::{Error, Result};

/// A cell's value. Only text can contain a formula.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    Text(String),
    Number(Decimal),
    Whole(i64),
    YesNo(bool),
    /// Written in the business's time zone with its offset (RFC 3339).
    Moment(DateTime<Utc>),
    Date(chrono::NaiveDate),
    Empty,
}

macro_rules! from { ($($t:ty => $variant:ident),+) => { $(impl From<$t> for Cell { fn from(v: $t) -> Self { Self::$variant(v) } })+ } }
from!(String => Text, Decimal => Number, i64 => Whole, bool => YesNo, DateTime<Utc> => Moment, chrono::NaiveDate => Date);

impl From<&str> for Cell {
    fn from(v: &str) -> Self {
        Self::Text(v.to_owned())
    }
}

impl From<i32> for Cell {
    fn from(v: i32) -> Self {
        Self::Whole(v.into())
    }
}

impl<T: Into<Self>> From<Option<T>> for Cell {
    fn from(v: Option<T>) -> Self {
        v.map_or(Self::Empty, Into::into)
    }
}

/// Column names and rows.
#[derive(Debug, Default)]
pub struct Sheet {
    pub columns: Vec<&'static str>,
    pub rows: Vec<Vec<Cell>>,
}

/// Characters that begin a formula in spreadsheets (OWASP, "CSV Injection").
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// Escapes text that could be a formula with a leading apostrophe, which marks a cell as text in spreadsheets. Text that begins with an
/// apostrophe gets another one, so that [`restored`] returns every text exactly.
pub fn neutral(text: &str) -> String {
    if text.starts_with(FORMULA) || text.starts_with('\'') { format!("'{text}") } else { text.to_owned() }
}

/// The original text of a cell escaped by [`neutral`].
pub fn restored(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if rest.starts_with(FORMULA) || rest.starts_with('\'') => rest,
        _ => cell,
    }
}

impl Sheet {
    /// The CSV file's bytes, with times in `zone`.
    pub fn csv(&self, zone: Tz) -> Result<Vec<u8>> {
        let mut out = vec![0xEF, 0xBB, 0xBF];
        {
            let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(&mut out);
            writer.write_record(&self.columns).map_err(Error::internal)?;
            for row in &self.rows {
                writer.write_record(row.iter().map(|cell| text(cell, zone))).map_err(Error::internal)?;
            }
            writer.flush().map_err(Error::internal)?;
        }
        Ok(out)
    }
}

fn text(cell: &Cell, zone: Tz) -> String {
    match cell {
        Cell::Text(t) => neutral(t),
        Cell::Number(n) => n.to_string(),
        Cell::Whole(n) => n.to_string(),
        Cell::YesNo(yes) => if *yes { "yes" } else { "no" }.into(),
        Cell::Moment(at) => at.with_timezone(&zone).to_rfc3339_opts(SecondsFormat::Secs, false),
        Cell::Date(date) => date.to_string(),
        Cell::Empty => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn d5_no_text_is_a_formula_and_every_text_reads_back(text in ".{0,40}") {
            let cell = neutral(&text);
            prop_assert!(!cell.starts_with(FORMULA));
            prop_assert_eq!(restored(&cell), text);
        }
    }

    #[test]
    fn d5_a_sheet_reads_back_as_it_was() {
        let hostile = ["=cmd|' /C calc'!A0", "+1 256 555 0101", "-2+3", "@SUM(A1)", "'quoted", "a \"b\", c\nd", "Jesús"];
        let rows = hostile.iter().map(|t| vec![Cell::from(*t), Cell::from(Decimal::new(-500, 2))]).collect();
        let bytes = Sheet { columns: vec!["text", "amount"], rows }.csv(chrono_tz::UTC).unwrap();
        let mut reader = csv::Reader::from_reader(&bytes[3..]);
        let read: Vec<(String, String)> =
            reader.records().map(|r| r.unwrap()).map(|r| (restored(&r[0]).to_owned(), r[1].to_owned())).collect();
        assert_eq!(read.iter().map(|r| r.0.as_str()).collect::<Vec<_>>(), hostile);
        assert_eq!(read[0].1, "-5.00", "a number stays one");
    }
}
