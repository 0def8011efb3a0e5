//! Where the table begins: its delimiter, and lines above the names of its columns.

use super::{header_key, records::Records};
use crate::imports::{RowProblem, recognise};

const DELIMITERS: [char; 4] = [',', ';', '\t', '|'];
/// How many lines may stand above the names of the columns.
const MOST_ABOVE: usize = 10;

/// The start of a table.
pub struct Head {
    pub delimiter: char,
    /// Where the names of the columns stand, in bytes, and their line.
    pub at: usize,
    pub line: u64,
    /// The lines that were skipped.
    pub skipped: Vec<RowProblem>,
}

/// Finds the start of the table in a text whose lines end with `\n`.
pub fn find(text: &str) -> Head {
    let mut head = Head { delimiter: ',', at: 0, line: 1, skipped: Vec::new() };
    let first = text.lines().next().unwrap_or_default();
    let named = first.trim_matches(['"', ' ']).to_lowercase();
    match named.strip_prefix("sep=").map(|d| d.chars().next().unwrap_or('\t')).filter(|d| DELIMITERS.contains(d)) {
        Some(delimiter) => {
            head.delimiter = delimiter;
            head.skip(text, first.len(), "This line names the delimiter only");
        }
        None => head.delimiter = sniff(text),
    }
    head.skip_titles(text);
    head
}

impl Head {
    fn skip(&mut self, text: &str, length: usize, why: &str) {
        self.skipped.push(RowProblem::new(self.line, None, format!("{why}; skipped")));
        self.line += 1 + text[self.at..self.at + length].matches('\n').count() as u64;
        self.at = (self.at + length + 1).min(text.len());
    }

    /// Skips lines with one cell, as titles are, if a line with three or with the name of a known column follows.
    fn skip_titles(&mut self, text: &str) {
        let mut records = Records::new(text, self.delimiter, self.at, self.line);
        let mut titles = Vec::new();
        for _ in 0..=MOST_ABOVE {
            let Some(record) = records.next(&[]).filter(|r| r.fault.is_none()) else { return };
            let filled: Vec<&str> = record.cells.iter().map(|c| c.trim()).filter(|c| !c.is_empty()).collect();
            let is_known = |cell: &&str| recognise::is_column(&header_key(cell));
            match filled.len() {
                0 => {}
                1 if !is_known(&filled[0]) => titles.push((record.line, record.start)),
                count if titles.is_empty() || (count < 3 && !filled.iter().any(is_known)) => return,
                _ => {
                    let why = "This line stands above the names of the columns; skipped";
                    self.skipped.extend(titles.iter().map(|(line, _)| RowProblem::new(*line, None, why)));
                    (self.at, self.line) = (record.start, record.line);
                    return;
                }
            }
        }
    }
}

/// The delimiter that the first line has most of, outside quotes; with a title above the table, that the first lines have most of.
fn sniff(text: &str) -> char {
    let lines = || text.lines().filter(|l| !l.trim().is_empty());
    let count = |line: &str, delimiter: char| {
        let mut quoted = false;
        let outside = |c: &char| {
            quoted ^= *c == '"';
            *c == delimiter && !quoted
        };
        line.chars().filter(outside).count()
    };
    let most = |of: &dyn Fn(char) -> usize| DELIMITERS.into_iter().rev().max_by_key(|d| of(*d)).filter(|d| of(*d) > 1);
    let first = lines().next().unwrap_or_default();
    most(&|d| count(first, d))
        .or_else(|| most(&|d| lines().take(MOST_ABOVE).map(|line| count(line, d)).sum()))
        .or_else(|| DELIMITERS.into_iter().find(|d| count(first, *d) > 0))
        .unwrap_or(',')
}
