//! How the rows of a file are written, seen in its lines: with how many columns, and whether a space follows each delimiter.

use super::{Cell, is_whole, split};

/// How many columns a whole row has: all that the header has, though columns without a name may be missing at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Width {
    pub least: usize,
    pub most: usize,
}

impl Width {
    pub fn of<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        names.enumerate().fold(Self { least: 0, most: 0 }, |width, (i, name)| Self {
            least: if name.trim().is_empty() { width.least } else { i + 1 },
            most: i + 1,
        })
    }

    /// Columns beyond the header's may be there as long as they are empty.
    pub(super) fn fits(self, cells: &[Cell]) -> bool {
        cells.len() >= self.least && cells.iter().skip(self.most).all(|c| c.raw.trim().is_empty())
    }
}

/// How rows are written. The default is that of a file not looked at yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Style {
    pub width: Width,
    /// A space follows each delimiter: it does not tell prose from rows then.
    pub is_spaced: bool,
}

/// How many lines are looked at.
const LOOKED_AT: usize = 500;

impl Style {
    pub fn is_known(&self) -> bool {
        self.width.most > 0
    }

    /// Of the lines below a header of this width. A file in which two lines of three are rows with the same number of cells, fewer than the
    /// header has, and in which no line has all of them, has rows of that width.
    pub fn of(text: &str, delimiter: char, width: Width) -> Self {
        let (mut lines, mut whole, mut spaced, mut by_count) = (0, 0, 0, vec![0; width.most + 1]);
        for line in text.lines().filter(|l| !l.trim().is_empty()).take(LOOKED_AT) {
            let cells = split(line, delimiter).0;
            lines += 1;
            if cells.len() < 2 || cells.iter().any(|c| c.is_open() || c.is_stray()) {
                continue;
            }
            whole += usize::from(is_whole(&cells, width));
            spaced += usize::from(cells[1..].iter().all(|c| c.raw.starts_with(' ')));
            by_count[cells.len().min(width.most)] += 1;
        }
        let is_most = |count: usize| count > 2 && count * 3 >= lines * 2;
        let least = (2..width.least).find(|n| whole == 0 && is_most(by_count[*n])).unwrap_or(width.least);
        Self { width: Width { least, ..width }, is_spaced: is_most(spaced) }
    }
}
