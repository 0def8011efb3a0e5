//! Bytes of a spreadsheet export → rows: encodings, delimiters, open quotes, spreadsheet wrapping, ragged rows.
//!
//! A file stands in memory once, as text; of each row only its place is kept, and its cells are read when they are asked for.

mod encoding;
mod head;
mod records;

pub use encoding::{CHOICES as ENCODINGS, decode, read_again};

pub use self::records::small;
use self::records::{Fault, LONGEST_CELL, Records};
use super::RowProblem;

/// The most rows of a file.
pub const MOST_ROWS: usize = 1_000_000;
/// The most columns of a file.
pub const MOST_COLUMNS: usize = 1_000;

/// A file read as a table. Every line of it is in a row, is refused, is blank, or stands above the names of the columns.
#[derive(Debug, Clone)]
pub struct Sheet {
    text: String,
    pub headers: Vec<String>,
    pub delimiter: char,
    /// Lines without text, and rows without a cell that has any.
    pub blank_lines: u64,
    /// Lines above the names of the columns.
    pub skipped: Vec<RowProblem>,
    marks: Vec<Mark>,
    keys: Vec<String>,
}

/// The place of a row, or of a line that is refused.
#[derive(Debug, Clone, Copy)]
struct Mark {
    start: u32,
    length: u32,
    line: u32,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Row,
    /// Believed, though another row may stand inside it; its last line.
    ToCheck(u32),
    Refused(Fault),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub line: u64,
    /// Cleaned, as many as there are headers.
    pub cells: Cells,
    /// Cells beyond the last header.
    pub surplus: Vec<String>,
    /// How many cells the row has.
    pub had: usize,
}

/// The cells of a row in one piece.
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

    /// Whether a cell holds this.
    pub fn contain(&self, text: &str) -> bool {
        self.text.contains(text)
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
    TooManyRows,
    TooManyColumns,
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
            Self::TooManyRows => "The file has more than 1,000,000 rows. Split it and bring its parts one after the other",
            Self::TooManyColumns => "The file has more than 1,000 columns. Take out those that are not needed and bring it again",
        })
    }
}
impl std::error::Error for FileProblem {}

/// Reads a CSV file of any usual encoding and delimiter.
pub fn read(bytes: impl Into<Vec<u8>>) -> Result<Sheet, FileProblem> {
    Sheet::of(decode(bytes.into())?.0)
}

impl Sheet {
    /// Finds the rows of a text whose lines end with `\n`.
    pub fn of(text: String) -> Result<Self, FileProblem> {
        let head = head::find(&text);
        let (delimiter, skipped) = (head.delimiter, head.skipped);
        let (mut headers, mut marks, mut blank_lines) = (Vec::new(), Vec::new(), 0);
        let mut records = Records::new(&text, delimiter, head.at, head.line);
        while let Some(record) = records.next(&headers) {
            let state = match record.fault {
                Some(_) if headers.is_empty() => return Err(FileProblem::OpenQuote),
                Some(fault) => State::Refused(fault),
                None if record.cells.iter().all(|c| clean(c).is_empty()) => {
                    blank_lines += 1;
                    continue;
                }
                None if headers.is_empty() => {
                    headers = record.cells.iter().map(|cell| clean(cell).to_owned()).collect();
                    if headers.len() > MOST_COLUMNS {
                        return Err(FileProblem::TooManyColumns);
                    }
                    continue;
                }
                None => record.to_check.map_or(State::Row, |last| State::ToCheck(small(last))),
            };
            if marks.len() == MOST_ROWS {
                return Err(FileProblem::TooManyRows);
            }
            marks.push(Mark { start: small(record.start), length: small(record.length), line: small(record.line), state });
        }
        if headers.is_empty() {
            return Err(FileProblem::Empty);
        }
        if marks.is_empty() {
            return Err(FileProblem::NoRows);
        }
        let keys = headers.iter().map(|h| header_key(h)).collect();
        Ok(Self { text, headers, delimiter, blank_lines, skipped, marks, keys })
    }

    /// Rows and refused lines: what an import has to account for.
    pub fn total(&self) -> usize {
        self.marks.len()
    }

    /// The `index`th row or refused line, which keeps its cells too.
    pub fn row(&self, index: usize) -> Row {
        let mark = self.marks[index];
        let (wanted, start) = (self.headers.len(), mark.start as usize);
        let is_literal = matches!(mark.state, State::Refused(Fault::OpenQuote { .. }));
        let cells = records::cells(&self.text[start..start + mark.length as usize], self.delimiter, wanted, is_literal);
        let cells: Vec<&str> = cells.iter().map(|cell| clean(cell)).collect();
        Row {
            line: mark.line.into(),
            surplus: cells.iter().skip(wanted).map(|&s| s.to_owned()).collect(),
            had: cells.len(),
            cells: Cells::new(&cells, wanted),
        }
    }

    /// Why the `index`th is no row, if it is none (the rule stands in `records`).
    pub fn refusal(&self, index: usize) -> Option<RowProblem> {
        let mark = self.marks[index];
        let State::Refused(fault) = mark.state else { return None };
        let of = |column: u32, message: String| {
            RowProblem::new(mark.line.into(), self.headers.get(column as usize).map(String::as_str), message)
        };
        Some(match fault {
            Fault::OpenQuote { column } => {
                let is_near = self.text.len() - mark.start as usize <= LONGEST_CELL;
                let within = if is_near { "" } else { " within 100,000 characters" };
                of(column, format!("A quote is opened here and not closed{within}; close it or take it out"))
            }
            Fault::LongCell { column } => of(column, "The cell has more than 100,000 characters; shorten it".to_owned()),
            Fault::Rest { opened } => {
                of(u32::MAX, format!("No whole row, and the quote opened in line {opened} is not closed; it may belong there"))
            }
        })
    }

    /// What is to be checked in the `index`th row: another row inside it, cells missing or too many.
    pub fn remark(&self, index: usize, row: &Row) -> Option<RowProblem> {
        let (mark, wanted, had) = (self.marks[index], self.headers.len(), row.had);
        let message = match mark.state {
            State::ToCheck(last) => {
                format!("This row spans lines {} to {last}; check that no other row is inside", mark.line)
            }
            State::Row if had < wanted => format!("The row has {had} of {wanted} columns; the rest was taken as empty"),
            State::Row if row.surplus.iter().any(|s| !s.is_empty()) => {
                format!("The row has {had} columns where the header has {wanted}; check for a comma without quotes")
            }
            State::Row | State::Refused(_) => return None,
        };
        Some(RowProblem::new(mark.line.into(), None, message))
    }

    /// The rows, without the refused lines.
    pub fn rows(&self) -> impl Iterator<Item = Row> {
        (0..self.total()).filter(|i| !matches!(self.marks[*i].state, State::Refused(_))).map(|i| self.row(i))
    }

    /// Index of a column by its name, in whatever case and punctuation; the first if there are several.
    pub fn column(&self, name: &str) -> Option<usize> {
        let key = header_key(name);
        self.keys.iter().position(|k| *k == key)
    }

    /// The names of the columns as they are compared.
    pub fn keys(&self) -> &[String] {
        &self.keys
    }

    /// The cell of a row in a named column; "" when the file lacks the column.
    pub fn get<'r>(&self, row: &'r Row, name: &str) -> &'r str {
        self.column(name).map_or("", |i| &row.cells[i])
    }

    /// The first line of the `index`th row.
    pub fn line(&self, index: usize) -> u64 {
        self.marks[index].line.into()
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// The `index`th row as it stands in the text, with cells replaced where `with` (column, cell with its quotes) gives another text. `None`
    /// if none is.
    pub fn replaced(&self, index: usize, with: impl Fn(usize, &str) -> Option<String>) -> Option<String> {
        let mark = self.marks[index];
        let start = mark.start as usize;
        records::replaced(&self.text[start..start + mark.length as usize], self.delimiter, with)
    }

    /// The text, in pieces that are each a row (with its line end), the head, or what stands between: joined, they are the whole. A row comes
    /// with its index.
    pub fn pieces(&self) -> impl Iterator<Item = (Option<usize>, &str)> {
        let mut at = 0;
        let mut marks = self.marks.iter().enumerate().peekable();
        std::iter::from_fn(move || {
            let next = marks.peek().map_or(self.text.len(), |(_, mark)| mark.start as usize);
            let (index, end) =
                if at < next { (None, next) } else { marks.next().map(|(i, m)| (Some(i), (m.start + m.length) as usize))? };
            let piece = &self.text[at..end];
            at = end;
            Some((index, piece))
        })
    }
}

/// Lower case, punctuation dropped, one space between words: how headers are compared.
pub fn header_key(header: &str) -> String {
    let spaced: String = header.to_lowercase().chars().map(|c| if c.is_alphanumeric() { c } else { ' ' }).collect();
    platform::text::collapse(&spaced)
}

/// One cell without what spreadsheets wrap around it: `="2"` → `2`, `'+1256…` → `+1256…`, outer spaces.
/// An apostrophe also guards formulas in our own exports (`'=1+1`), so it goes before `= + - @`, digits and another one only.
pub fn clean(cell: &str) -> &str {
    let cell = cell.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\u{feff}' | '\u{200b}' | '\0'));
    let cell = cell.strip_prefix("=\"").and_then(|c| c.strip_suffix('"')).unwrap_or(cell);
    let guarded = cell.strip_prefix('\'').filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit() || "=+-@('".contains(c)));
    guarded.unwrap_or(cell).trim()
}

#[cfg(test)]
mod tests;
