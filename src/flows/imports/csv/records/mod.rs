//! Text → records. A quote that is opened and never closed costs its own row, not the rows after it.
//!
//! A quoted cell may span lines: notes and addresses of real exports do. The cell is believed if the row around it reads well:
//!
//! 1. the quote is closed before the file ends;
//! 2. nothing but spaces stands between a closing quote and the next delimiter or the end of the line;
//! 3. the row has the header's number of columns;
//! 4. none of its further lines looks like a row of its own: one with the columns of a row, or one that opens a quoted cell and has the
//!    columns of a row, or of which the rest stands below.
//!
//! Otherwise the row's first line is refused, and reading goes on at the very next line. The lines after it that are no whole rows are
//! the rest of the broken cell: each is refused too, until a whole row comes. So every line is in a record that was read, is blank, or is
//! refused with its number. A row that is believed although a line inside it could be a row with cells missing is marked for a look.
//!
//! How many columns a row has, and whether a space follows its delimiters, is seen in the lines of the file (`style`): some files have
//! fewer cells than their header in every row.

mod style;

use self::style::{Style, Width};
use std::borrow::Cow;

/// The most bytes that a cell may have.
pub const LONGEST_CELL: usize = 100_000;

/// One row of the text, or one line of it that is refused.
#[derive(Debug)]
pub struct Record<'t> {
    /// Its first line, counted from 1.
    pub line: u64,
    /// Not cleaned yet. Of a refused line: as it reads when its open quote is an ordinary character.
    pub cells: Vec<Cow<'t, str>>,
    pub fault: Option<Fault>,
    /// Its last line, if a line inside one of its cells could be another row.
    pub to_check: Option<u64>,
    /// Where it stands in the text, in bytes.
    pub start: usize,
    pub length: usize,
}

/// Why a line is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The cell of this column, counted from 0, opens a quote that is not closed.
    OpenQuote { column: u32 },
    /// No whole row, and in the line named the quote was opened.
    Rest { opened: u32 },
    /// The cell of this column has more than `LONGEST_CELL` bytes.
    LongCell { column: u32 },
}

/// Reads record by record.
pub struct Records<'t> {
    text: &'t str,
    /// Where the next record begins.
    at: usize,
    /// The line that it begins in.
    line: u64,
    delimiter: char,
    style: Style,
    /// The refused line whose rest may follow.
    opened: Option<u64>,
}

impl<'t> Records<'t> {
    /// Of a text whose lines end with `\n`, from its byte `at` in line `line` on; `delimiter` is an ASCII character.
    pub fn new(text: &'t str, delimiter: char, at: usize, line: u64) -> Self {
        Self { text, at, line, delimiter, style: Style::default(), opened: None }
    }

    /// The next record, blank lines included; `headers` is empty until the header has been read. `None` at the end of the text.
    pub fn next(&mut self, headers: &[String]) -> Option<Record<'t>> {
        let rest = &self.text[self.at..];
        if rest.is_empty() {
            return None;
        }
        let most = if headers.is_empty() { usize::MAX } else { headers.len() };
        let (cells, length) = split_row(rest, self.delimiter, most);
        let spans_lines = rest[..length].contains('\n');
        let width = self.width(headers, &cells);
        let is_open = cells.last().is_some_and(Cell::is_open);
        if is_open || (spans_lines && !self.reads_well(length, &cells, width)) {
            return Some(self.refuse_line(width));
        }
        let is_blank = cells.iter().all(|c| c.raw.trim().is_empty());
        if !is_blank && (spans_lines || self.ends_a_broken_cell(&cells, width)) {
            self.opened = None;
        }
        let long = cells.iter().position(|c| c.raw.len() > LONGEST_CELL).map(|column| Fault::LongCell { column: small(column) });
        let fault = long.or(self.opened.filter(|_| !is_blank).map(|opened| Fault::Rest { opened: small(opened) }));
        let last = self.line + newlines(&rest[..length]);
        let to_check = (spans_lines && cells.iter().any(|c| c.may_hold_a_row(self.delimiter))).then_some(last);
        let cells = cells.iter().map(Cell::text).collect();
        let record = Record { line: self.line, cells, fault, to_check, start: self.at, length };
        self.skip(length);
        Some(record)
    }

    /// The columns of a whole row. Once the header is known, the lines below it are looked at for it.
    fn width(&mut self, headers: &[String], cells: &[Cell]) -> Width {
        if headers.is_empty() {
            return Width::of(cells.iter().map(|c| c.raw));
        }
        if !self.style.is_known() {
            self.style = Style::of(&self.text[self.at..], self.delimiter, Width::of(headers.iter().map(String::as_str)));
        }
        self.style.width
    }

    /// Whether a row that spans lines is believed: rules 2 to 4 above. The row is the first `length` bytes of what is left.
    fn reads_well(&self, length: usize, cells: &[Cell], width: Width) -> bool {
        if !width.fits(cells) || cells.iter().any(Cell::is_stray) {
            return false;
        }
        let alone = |line: &'t str| split(line, self.delimiter).0;
        let (text, after) = self.text[self.at..].split_at(length);
        let last = text.lines().count() - 1;
        for (n, line) in text.lines().enumerate().skip(1) {
            let cells = alone(line);
            // With two columns, the end of a cell and the cells behind it look like a row in any case. With one, any line does.
            let is_told_apart = width.least > 2 || (width.least == 2 && n < last);
            if is_told_apart && (self.is_row(&cells, width) || self.begins_row(&cells, width)) {
                return false;
            }
        }
        // If a row begins in one of them, the rest of its last cell stands below: a line with which no row begins.
        let begins = |line: &'t str| {
            let cells = alone(line);
            cells.len() > 1 && leaves_open(&cells)
        };
        let next = after.lines().find(|line| !line.trim().is_empty()).map(alone);
        let has_rest_below = next.is_some_and(|next| !is_whole(&next, width) && !leaves_open(&next));
        !(has_rest_below && text.lines().skip(1).any(begins))
    }

    /// Whether one line by itself is a whole row and no prose, where a space follows each comma; a line that ends a cell is judged up to
    /// there.
    fn is_row(&self, cells: &[Cell], width: Width) -> bool {
        let end = cells.iter().position(Cell::is_stray).map_or(cells.len(), |stray| stray + 1);
        let is_prose = end > 1 && !self.style.is_spaced && cells[1..end].iter().all(|c| c.raw.starts_with(' '));
        is_whole(cells, width) && !is_prose
    }

    /// Whether one line by itself opens a quote and, were that an ordinary character, would have the columns of a row.
    fn begins_row(&self, cells: &[Cell], width: Width) -> bool {
        let Some((open, before)) = cells.split_last().filter(|(open, before)| open.is_open() && !before.is_empty()) else { return false };
        let inside: Vec<&str> = open.raw.split(self.delimiter).collect();
        let count = before.len() + inside.len();
        let is_prose = !self.style.is_spaced && inside[1..].iter().all(|c| c.starts_with(' ')) && inside.len() > 1;
        leaves_open(cells) && (width.least..=width.most).contains(&count) && !is_prose
    }

    /// Whether the row is no rest of the broken cell above.
    fn ends_a_broken_cell(&self, cells: &[Cell], width: Width) -> bool {
        self.is_row(cells, width) && (width.least != 2 || !cells.iter().any(Cell::is_stray))
    }

    /// The line that opens a quote, refused.
    fn refuse_line(&mut self, width: Width) -> Record<'t> {
        let line = self.text[self.at..].split('\n').next().unwrap_or_default();
        let (cells, column) = literal(line, self.delimiter, width.most);
        let fault = Some(Fault::OpenQuote { column: small(column) });
        let record = Record { line: self.line, cells, fault, to_check: None, start: self.at, length: line.len() };
        self.opened = Some(self.line);
        self.skip(line.len());
        record
    }

    /// Goes on behind `length` bytes and the end of their line.
    fn skip(&mut self, length: usize) {
        self.line += 1 + newlines(&self.text[self.at..self.at + length]);
        self.at += length;
        self.at += usize::from(self.text[self.at..].starts_with('\n'));
    }
}

/// Lines and columns are counted in four bytes: a file has at most so many bytes.
pub fn small<N: TryInto<u32>>(number: N) -> u32 {
    number.try_into().unwrap_or(u32::MAX)
}

fn newlines(text: &str) -> u64 {
    text.bytes().filter(|b| *b == b'\n').count() as u64
}

/// The cells of a row that `Records` found, or of the first line of one that it refused (`is_literal`): a quote is an ordinary character there.
pub fn cells(text: &str, delimiter: char, most: usize, is_literal: bool) -> Vec<Cow<'_, str>> {
    if is_literal { literal(text, delimiter, most).0 } else { split(text, delimiter).0.iter().map(Cell::text).collect() }
}

/// A row's text with cells replaced where `with` (column, cell with its quotes) gives another text. `None` if none is.
pub fn replaced(text: &str, delimiter: char, with: impl Fn(usize, &str) -> Option<String>) -> Option<String> {
    let (mut out, mut is_other) = (String::new(), false);
    for (column, cell) in split(text, delimiter).0.iter().enumerate() {
        if column > 0 {
            out.push(delimiter);
        }
        let other = with(column, cell.raw);
        is_other |= other.is_some();
        out.push_str(other.as_deref().unwrap_or(cell.raw));
    }
    is_other.then_some(out)
}

/// The cells of a line whose last quote is an ordinary character, and the column that it stands in.
fn literal(line: &str, delimiter: char, most: usize) -> (Vec<Cow<'_, str>>, usize) {
    let (mut cells, _) = split(line, delimiter);
    let open = cells.pop().map_or("", |cell| cell.raw);
    let column = cells.len();
    let mut inside: Vec<&str> = open.split(delimiter).collect();
    if column + inside.len() > most {
        inside = vec![open];
    }
    let inside = inside.into_iter().map(|cell| Cow::Owned(cell.replace("\"\"", "\"")));
    (cells.iter().map(Cell::text).chain(inside).collect(), column)
}

/// Whether one line by itself has the columns of a row. The end of a cell that began above has not: its quote stands in the first
/// cell and not around it.
fn is_whole(cells: &[Cell], width: Width) -> bool {
    let is_closed = !cells.last().is_some_and(Cell::is_open);
    is_closed && width.fits(cells) && !cells[0].is_stray()
}

/// Whether one line by itself leaves a quote open, as the beginning of a row does whose last cell there goes on below.
fn leaves_open(cells: &[Cell]) -> bool {
    cells.last().is_some_and(Cell::is_open) && !cells.iter().any(Cell::is_stray)
}

/// One cell as it stands in the text.
struct Cell<'t> {
    raw: &'t str,
    /// Where its closing quote is, if the cell is quoted.
    close: Option<usize>,
}

impl<'t> Cell<'t> {
    fn is_quoted(&self) -> bool {
        self.raw.starts_with('"')
    }

    /// The text ends inside its quotes.
    fn is_open(&self) -> bool {
        self.is_quoted() && self.close.is_none()
    }

    /// A quote stands where none belongs: before the end of a quoted cell, or in one that is not quoted (`="2"` of spreadsheets excepted).
    fn is_stray(&self) -> bool {
        match self.close {
            Some(close) => !self.raw[close + 1..].trim().is_empty(),
            None => !self.is_quoted() && self.raw.contains('"') && !self.raw.starts_with('='),
        }
    }

    /// Whether a row with cells missing may stand in it: a further line has a delimiter that no space follows, as in prose.
    fn may_hold_a_row(&self, delimiter: char) -> bool {
        let Some(close) = self.close else { return false };
        let is_tight =
            |line: &str| line.match_indices(delimiter).any(|(at, d)| !line[at + d.len()..].starts_with(' ') && line.len() > at + d.len());
        self.raw[1..close].lines().skip(1).any(is_tight)
    }

    /// Its text without the quotes around it, doubled ones single.
    fn text(&self) -> Cow<'t, str> {
        let Some(close) = self.close else { return Cow::Borrowed(self.raw) };
        let (inside, after) = (&self.raw[1..close], &self.raw[close + 1..]);
        if after.is_empty() && !inside.contains('"') { Cow::Borrowed(inside) } else { Cow::Owned(inside.replace("\"\"", "\"") + after) }
    }
}

/// The cells of the row that the text begins with, and its length in bytes without the end of its last line.
fn split(text: &str, delimiter: char) -> (Vec<Cell<'_>>, usize) {
    split_row(text, delimiter, usize::MAX)
}

/// As `split`, but stops at the cell with which a row of several lines can no longer be believed: a stray quote, or more than `most` columns. Without
/// that, each line after a quote that is out of step would be read to the end of the file.
fn split_row(text: &str, delimiter: char, most: usize) -> (Vec<Cell<'_>>, usize) {
    let (mut cells, mut start, mut spans_lines) = (Vec::new(), 0, false);
    loop {
        let rest = &text[start..];
        let close = closing_quote(rest);
        let unquoted = match close {
            Some(close) => start + close + 1,
            None if rest.starts_with('"') => text.len(),
            None => start,
        };
        let end = text[unquoted..].find([delimiter, '\n']).map_or(text.len(), |length| unquoted + length);
        let cell = Cell { raw: &text[start..end], close };
        spans_lines |= cell.raw.contains('\n');
        let is_lost = spans_lines && (cell.is_stray() || (cells.len() >= most && !cell.raw.trim().is_empty()));
        cells.push(cell);
        if is_lost || !text[end..].starts_with(delimiter) {
            return (cells, end);
        }
        start = end + delimiter.len_utf8();
    }
}

/// Where the quote closes with which the text begins; `None` if it begins with none or does not close it within the longest cell. A doubled
/// quote is text.
fn closing_quote(text: &str) -> Option<usize> {
    let mut from = text.strip_prefix('"').map(|_| 1)?;
    loop {
        let within = &text.as_bytes()[from..text.len().min(LONGEST_CELL + 2).max(from)];
        let at = from + within.iter().position(|b| *b == b'"')?;
        if !text[at + 1..].starts_with('"') {
            return Some(at);
        }
        from = at + 2;
    }
}

#[cfg(test)]
mod tests;
