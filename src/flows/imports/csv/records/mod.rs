//! Text → records. A quote that is opened and never closed costs its own row, not the rows after it.
//!
//! A quoted cell may span lines: notes and addresses of real exports do. The cell is believed if the row around it reads well:
//!
//! 1. the quote is closed before the file ends;
//! 2. nothing but spaces stands between a closing quote and the next delimiter or the end of the line;
//! 3. the row has the header's number of columns;
//! 4. none of its further lines looks like a row of its own: one with the header's number of columns, or one that opens a quoted cell
//!    of which the rest stands below.
//!
//! Otherwise the row's first line is refused, and reading goes on at the very next line. The lines after it that are no whole rows are
//! the rest of the broken cell: each is refused too, until a whole row comes. So every line is in a record that was read, is blank, or is
//! refused with its number.

use std::borrow::Cow;

/// One row of the text, or one line of it that is refused.
#[derive(Debug)]
pub struct Record<'t> {
    /// Its first line, counted from 1.
    pub line: u64,
    /// Not cleaned yet. Of a refused line: as it reads when its open quote is an ordinary character.
    pub cells: Vec<Cow<'t, str>>,
    pub fault: Option<Fault>,
}

/// Why a line is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The cell of this column, counted from 0, opens a quote that is not closed.
    OpenQuote { column: usize },
    /// No whole row, and in the line named the quote was opened.
    Rest { opened: u64 },
}

/// Reads record by record.
pub struct Records<'t> {
    rest: &'t str,
    /// Of the first character of `rest`.
    line: u64,
    delimiter: char,
    /// The refused line whose rest may follow.
    opened: Option<u64>,
}

impl<'t> Records<'t> {
    /// Of a text whose lines end with `\n`; `delimiter` is an ASCII character.
    pub fn new(text: &'t str, delimiter: char) -> Self {
        Self { rest: text, line: 1, delimiter, opened: None }
    }

    /// The next record, blank lines included; `headers` is empty until the header has been read. `None` at the end of the text.
    pub fn next(&mut self, headers: &[String]) -> Option<Record<'t>> {
        if self.rest.is_empty() {
            return None;
        }
        let most = if headers.is_empty() { usize::MAX } else { headers.len() };
        let (cells, length) = split_row(self.rest, self.delimiter, most);
        let text = &self.rest[..length];
        let spans_lines = text.contains('\n');
        let width = if headers.is_empty() { Width::of(cells.iter().map(|c| c.raw)) } else { Width::of(headers.iter().map(String::as_str)) };
        let is_open = cells.last().is_some_and(Cell::is_open);
        if is_open || (spans_lines && !self.reads_well(length, &cells, width)) {
            return Some(self.refuse_line(width));
        }
        let is_blank = cells.iter().all(|c| c.raw.trim().is_empty());
        if !is_blank && (spans_lines || is_row(&cells, width)) {
            self.opened = None;
        }
        let fault = self.opened.filter(|_| !is_blank).map(|opened| Fault::Rest { opened });
        let record = Record { line: self.line, cells: cells.iter().map(Cell::text).collect(), fault };
        self.skip(length);
        Some(record)
    }

    /// Whether a row that spans lines is believed: rules 2 to 4 above. The row is the first `length` bytes of what is left.
    fn reads_well(&self, length: usize, cells: &[Cell], width: Width) -> bool {
        if !width.fits(cells) || cells.iter().any(Cell::is_stray) {
            return false;
        }
        let alone = |line: &'t str| split(line, self.delimiter).0;
        let (text, after) = self.rest.split_at(length);
        // Without a second column any line of a cell looks like a row.
        if width.least > 1 && text.lines().skip(1).any(|line| is_row(&alone(line), width)) {
            return false;
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

    /// The line that opens a quote, refused.
    fn refuse_line(&mut self, width: Width) -> Record<'t> {
        let line = self.rest.split('\n').next().unwrap_or_default();
        let (mut cells, _) = split(line, self.delimiter);
        let open = cells.pop().map_or("", |cell| cell.raw);
        let column = cells.len();
        let mut literal: Vec<&str> = open.split(self.delimiter).collect();
        if column + literal.len() > width.most {
            literal = vec![open];
        }
        let literal = literal.into_iter().map(|cell| Cow::Owned(cell.replace("\"\"", "\"")));
        let cells = cells.iter().map(Cell::text).chain(literal).collect();
        let record = Record { line: self.line, cells, fault: Some(Fault::OpenQuote { column }) };
        self.opened = Some(self.line);
        self.skip(line.len());
        record
    }

    /// Goes on behind `length` bytes and the end of their line.
    fn skip(&mut self, length: usize) {
        let (read, rest) = self.rest.split_at(length);
        self.line += 1 + read.matches('\n').count() as u64;
        self.rest = rest.strip_prefix('\n').unwrap_or(rest);
    }
}

/// How many columns a whole row has: all that the header has, though columns without a name may be missing at its end.
#[derive(Clone, Copy)]
struct Width {
    least: usize,
    most: usize,
}

impl Width {
    fn of<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        names.enumerate().fold(Self { least: 0, most: 0 }, |width, (i, name)| Self {
            least: if name.trim().is_empty() { width.least } else { i + 1 },
            most: i + 1,
        })
    }

    /// Columns beyond the header's may be there as long as they are empty.
    fn fits(self, cells: &[Cell]) -> bool {
        cells.len() >= self.least && cells.iter().skip(self.most).all(|c| c.raw.trim().is_empty())
    }
}

/// Whether one line by itself has the columns of a row. The end of a cell that began above has not: its quote stands in the first
/// cell and not around it.
fn is_whole(cells: &[Cell], width: Width) -> bool {
    let is_closed = !cells.last().is_some_and(Cell::is_open);
    is_closed && width.fits(cells) && !cells[0].is_stray()
}

/// Whether one line by itself is a whole row and no prose, where a space follows each comma; a line that ends a cell is judged up to there.
fn is_row(cells: &[Cell], width: Width) -> bool {
    let end = cells.iter().position(Cell::is_stray).map_or(cells.len(), |stray| stray + 1);
    let is_prose = end > 1 && cells[1..end].iter().all(|c| c.raw.starts_with(' '));
    is_whole(cells, width) && !is_prose
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

/// Where the quote closes with which the text begins; `None` if it begins with none or never closes it. A doubled quote is text.
fn closing_quote(text: &str) -> Option<usize> {
    let mut from = text.strip_prefix('"').map(|_| 1)?;
    loop {
        let at = from + text[from..].find('"')?;
        if !text[at + 1..].starts_with('"') {
            return Some(at);
        }
        from = at + 2;
    }
}

#[cfg(test)]
mod tests;
