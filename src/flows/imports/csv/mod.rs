//! Bytes of a spreadsheet export → rows: encodings, delimiters, open quotes, spreadsheet wrapping, ragged rows.

mod records;

use self::records::{Fault, Records};
use super::RowProblem;
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use sha2::{Digest, Sha256};
use std::borrow::Cow;

/// A file read as a table. Every line of it is in `rows`, in `refused`, or counted as blank.
#[derive(Debug, Clone)]
pub struct Sheet {
    pub headers: Vec<String>,
    pub rows: Vec<Row>,
    /// Ragged rows; they are in `rows` too, filled up or with their surplus in `Row::surplus`.
    pub problems: Vec<RowProblem>,
    /// Lines that are no row because a quote is opened and not closed (the rule stands in `records`), each with its reason.
    pub refused: Vec<(Row, RowProblem)>,
    /// Lines without text, and rows without a cell that has any.
    pub blank_lines: u64,
    pub encoding: &'static str,
    pub delimiter: char,
    /// Of the bytes as they were uploaded.
    pub sha256: [u8; 32],
    keys: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub line: u64,
    /// Cleaned, as many as there are headers.
    pub cells: Cells,
    /// Cells beyond the last header.
    pub surplus: Vec<String>,
}

/// The cells of a row in one piece: a file of many thousand rows stands in memory as a whole, and a string a cell takes thrice that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cells {
    text: Box<str>,
    /// Where each cell ends in `text`.
    ends: Box<[u32]>,
}

impl Cells {
    /// The first cells, filled up with empty ones to `count`.
    fn new(cells: &[&str], count: usize) -> Self {
        let (mut text, mut ends) = (String::with_capacity(cells.iter().map(|c| c.len()).sum()), Vec::with_capacity(count));
        for cell in cells.iter().copied().chain(std::iter::repeat("")).take(count) {
            text.push_str(cell);
            ends.push(u32::try_from(text.len()).unwrap_or(u32::MAX));
        }
        Self { text: text.into(), ends: ends.into() }
    }

    pub fn get(&self, index: usize) -> Option<&str> {
        let start = if index == 0 { 0 } else { *self.ends.get(index - 1)? };
        self.text.get(start as usize..*self.ends.get(index)? as usize)
    }

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.ends.len()).map(|i| &self[i])
    }
}

impl std::ops::Index<usize> for Cells {
    type Output = str;

    fn index(&self, index: usize) -> &str {
        self.get(index).expect("a row has as many cells as the header")
    }
}

/// Why a file is no table at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileProblem {
    Empty,
    NotText,
    NoRows,
    OpenQuote,
}

impl std::fmt::Display for FileProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Empty => "The file is empty",
            Self::NotText => "This is not a CSV file. Export it again as CSV (a text file), not as Excel or PDF",
            Self::NoRows => "The file has a header but no rows",
            Self::OpenQuote => {
                "The line with the names of the columns opens a quote (\") and does not close it. Mend that line and bring the file again"
            }
        })
    }
}
impl std::error::Error for FileProblem {}

/// Reads a CSV file of any usual encoding and delimiter.
pub fn read(bytes: &[u8]) -> Result<Sheet, FileProblem> {
    let (text, encoding) = decode(bytes)?;
    let delimiter = sniff(&text);
    let mut sheet = Sheet {
        headers: Vec::new(),
        rows: Vec::new(),
        problems: Vec::new(),
        refused: Vec::new(),
        blank_lines: 0,
        encoding: encoding.name(),
        delimiter: char::from(delimiter),
        sha256: Sha256::digest(bytes).into(),
        keys: Vec::new(),
    };
    let mut records = Records::new(&text, sheet.delimiter);
    while let Some(record) = records.next(&sheet.headers) {
        let cells: Vec<&str> = record.cells.iter().map(|cell| clean(cell)).collect();
        match record.fault {
            Some(_) if sheet.headers.is_empty() => return Err(FileProblem::OpenQuote),
            Some(fault) => sheet.refuse(record.line, &cells, fault),
            None if cells.iter().all(|c| c.is_empty()) => sheet.blank_lines += 1,
            None if sheet.headers.is_empty() => {
                sheet.keys = cells.iter().map(|h| header_key(h)).collect();
                sheet.headers = cells.into_iter().map(str::to_owned).collect();
            }
            None => sheet.push(record.line, &cells),
        }
    }
    match (sheet.headers.is_empty(), sheet.total()) {
        (true, _) => Err(FileProblem::Empty),
        (_, 0) => Err(FileProblem::NoRows),
        _ => Ok(sheet),
    }
}

impl Sheet {
    /// Rows and refused lines: what an import has to account for.
    pub fn total(&self) -> usize {
        self.rows.len() + self.refused.len()
    }

    /// Index of a column by its name, in whatever case and punctuation; the first if there are several.
    pub fn column(&self, name: &str) -> Option<usize> {
        let key = header_key(name);
        self.keys.iter().position(|k| *k == key)
    }

    /// The cell of a row in a named column; "" when the file lacks the column.
    pub fn get<'r>(&self, row: &'r Row, name: &str) -> &'r str {
        self.column(name).map_or("", |i| &row.cells[i])
    }

    /// All values of a named column, with their lines.
    pub fn values<'s>(&'s self, name: &str) -> impl Iterator<Item = (u64, &'s str)> + use<'s> {
        let index = self.column(name);
        self.rows.iter().filter_map(move |row| Some((row.line, &row.cells[index?])))
    }

    fn push(&mut self, line: u64, cells: &[&str]) {
        let (wanted, had) = (self.headers.len(), cells.len());
        let row = self.row(line, cells);
        if had < wanted {
            let message = format!("The row has {had} of {wanted} columns; the rest was taken as empty");
            self.problems.push(RowProblem::new(line, None, message));
        } else if row.surplus.iter().any(|s| !s.is_empty()) {
            let message = format!("The row has {had} columns where the header has {wanted}; check for a comma without quotes");
            self.problems.push(RowProblem::new(line, None, message));
        }
        self.rows.push(row);
    }

    fn refuse(&mut self, line: u64, cells: &[&str], fault: Fault) {
        let problem = match fault {
            Fault::OpenQuote { column } => {
                let name = self.headers.get(column).map(String::as_str);
                RowProblem::new(line, name, "A quote is opened here and not closed; close it or take it out")
            }
            Fault::Rest { opened } => RowProblem::new(
                line,
                None,
                format!("No whole row, and the quote opened in line {opened} is not closed; it may belong there"),
            ),
        };
        self.refused.push((self.row(line, cells), problem));
    }

    fn row(&self, line: u64, cells: &[&str]) -> Row {
        let wanted = self.headers.len();
        Row { line, cells: Cells::new(cells, wanted), surplus: cells.iter().skip(wanted).map(|&s| s.to_owned()).collect() }
    }
}

/// Lower case, punctuation dropped, one space between words: how headers are compared.
pub fn header_key(header: &str) -> String {
    let spaced: String = header.to_lowercase().chars().map(|c| if c.is_alphanumeric() { c } else { ' ' }).collect();
    platform::text::collapse(&spaced)
}

/// One cell without what spreadsheets wrap around it: `="2"` → `2`, `'+1256…` → `+1256…`, outer spaces.
/// An apostrophe also guards formulas in our own exports (`'=1+1`), so it goes before `= + - @` and digits only.
pub fn clean(cell: &str) -> &str {
    let cell = cell.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\u{feff}' | '\u{200b}' | '\0'));
    let cell = cell.strip_prefix("=\"").and_then(|c| c.strip_suffix('"')).unwrap_or(cell);
    let guarded = cell.strip_prefix('\'').filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit() || "=+-@(".contains(c)));
    guarded.unwrap_or(cell).trim()
}

fn decode(bytes: &[u8]) -> Result<(Cow<'_, str>, &'static Encoding), FileProblem> {
    if bytes.is_empty() {
        return Err(FileProblem::Empty);
    }
    // Excel workbooks, PDF, old Excel.
    if [&b"PK\x03\x04"[..], b"%PDF", b"\xd0\xcf\x11\xe0"].iter().any(|magic| bytes.starts_with(magic)) {
        return Err(FileProblem::NotText);
    }
    let encoding = Encoding::for_bom(bytes).map_or_else(|| guess(bytes), |(encoding, _)| encoding);
    let (text, _, _) = encoding.decode(bytes);
    if text.contains('\0') {
        return Err(FileProblem::NotText);
    }
    // Old Macs end lines with a carriage return alone; lines are counted by the other one.
    let text = if text.contains('\r') { Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n")) } else { text };
    Ok((text, encoding))
}

/// Without a byte order mark: UTF-16 shows as zeros in every other byte; what is no UTF-8 is Windows-1252.
fn guess(bytes: &[u8]) -> &'static Encoding {
    let head = &bytes[..bytes.len().min(1000)];
    let zeros = |at: usize| head.iter().skip(at).step_by(2).filter(|b| **b == 0).count();
    if zeros(1) > head.len() / 4 {
        UTF_16LE
    } else if zeros(0) > head.len() / 4 {
        UTF_16BE
    } else if std::str::from_utf8(bytes).is_ok() {
        UTF_8
    } else {
        WINDOWS_1252
    }
}

/// The delimiter that the header line has most of, outside quotes.
fn sniff(text: &str) -> u8 {
    let line = text.lines().find(|l| !l.trim().is_empty()).unwrap_or_default();
    let count = |delimiter: char| {
        let mut quoted = false;
        line.chars()
            .filter(|&c| {
                quoted ^= c == '"';
                c == delimiter && !quoted
            })
            .count()
    };
    [b',', b';', b'\t', b'|'].into_iter().rev().max_by_key(|d| count(char::from(*d))).unwrap_or(b',')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(bytes: &[u8]) -> Vec<Vec<String>> {
        read(bytes).unwrap().rows.into_iter().map(|r| r.cells.iter().map(str::to_owned).collect()).collect()
    }

    #[test]
    fn d2_a_byte_order_mark_does_not_eat_the_first_column() {
        let sheet = read(include_bytes!("../../../../testdata/square/faults/bom.csv")).unwrap();
        assert_eq!(sheet.headers[0], "Reference ID");
        assert_eq!(sheet.get(&sheet.rows[0], "reference id"), "A-1001");
    }

    #[test]
    fn d2_wrapped_ids_and_guarded_phones_are_unwrapped() {
        assert_eq!(
            cells(include_bytes!("../../../../testdata/square/faults/wrapped.csv")),
            [["2", "00123", "+12053643725", "'Bubba' Smith"]]
        );
    }

    #[test]
    fn d2_old_encodings() {
        for bytes in [
            &include_bytes!("../../../../testdata/square/faults/windows-1252.csv")[..],
            include_bytes!("../../../../testdata/square/faults/utf-16le.csv"),
            include_bytes!("../../../../testdata/square/faults/utf-16be-no-bom.csv"),
            include_bytes!("../../../../testdata/square/faults/semicolon.csv"),
            include_bytes!("../../../../testdata/square/faults/tab.csv"),
        ] {
            let sheet = read(bytes).unwrap();
            assert_eq!(sheet.get(&sheet.rows[0], "First Name"), "Zoë", "{}", sheet.encoding);
        }
    }

    #[test]
    fn d2_ragged_and_blank_rows_are_reported_not_dropped() {
        let sheet = read(include_bytes!("../../../../testdata/square/faults/ragged.csv")).unwrap();
        assert_eq!(sheet.rows.len(), 4);
        let lines: Vec<u64> = sheet.problems.iter().map(|p| p.line).collect();
        assert_eq!(lines, [3, 5], "of the file, blank lines counted");
        assert_eq!(sheet.rows[2].surplus, ["surplus"]);
        assert_eq!(sheet.rows.last().unwrap().line, 8, "the first of its two lines");
    }

    #[test]
    fn d2_lines_of_old_macs_are_counted() {
        let sheet = read(b"First Name,Last Name\rAnn,Lee\rBob,Fox\r").unwrap();
        assert_eq!(sheet.rows.iter().map(|r| r.line).collect::<Vec<_>>(), [2, 3]);
    }

    #[test]
    fn no_table_says_why() {
        assert_eq!(read(b"").err(), Some(FileProblem::Empty));
        assert_eq!(read(b"PK\x03\x04rest").err(), Some(FileProblem::NotText));
        assert_eq!(read(b"a,b\n").err(), Some(FileProblem::NoRows));
        assert_eq!(read(b"\n \n").err(), Some(FileProblem::Empty));
        assert_eq!(read(b"a,\"b\n1,2\n").err(), Some(FileProblem::OpenQuote));
    }
}
