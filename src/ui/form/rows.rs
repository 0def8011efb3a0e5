//! Repeated groups of fields: `lines[0].quantity`, `lines[1].quantity`, as an action's errors name them.

use std::fmt;

use super::Form;

/// More rows than this are not read.
const MOST: usize = 200;

/// One row of a group, such as `lines[3]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row(String);

impl Row {
    /// `i` is the row's number, or the placeholder that a script replaces by it.
    pub fn of(list: &str, i: impl fmt::Display) -> Self {
        Self(format!("{list}[{i}]"))
    }

    /// Returns the name of a field of the row: `lines[3].quantity`.
    pub fn at(&self, field: &str) -> String {
        format!("{}.{field}", self.0)
    }
}

/// Splits `lines[3].quantity` into 3 and `quantity`, if the list is `lines`.
fn split<'n>(name: &'n str, list: &str) -> Option<(usize, &'n str)> {
    let (i, field) = name.strip_prefix(list)?.strip_prefix('[')?.split_once("].")?;
    Some((i.parse().ok().filter(|i| *i < MOST)?, field))
}

impl Form {
    fn numbers(&self, list: &str) -> Vec<usize> {
        let mut numbers: Vec<usize> = self.typed.iter().filter_map(|(name, _)| Some(split(name, list)?.0)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    /// Returns the rows that were sent, by number.
    pub fn rows(&self, list: &str) -> Vec<Row> {
        self.numbers(list).into_iter().map(|i| Row::of(list, i)).collect()
    }

    /// Returns the row after the last one.
    pub fn next_row(&self, list: &str) -> Row {
        Row::of(list, self.numbers(list).last().map_or(0, |last| last + 1))
    }

    /// Moves the errors of the action's rows to the form's: the action's row `n` was `rows[n]`.
    pub fn errors_at(&mut self, list: &str, rows: &[Row]) {
        self.errors.rename(|field| {
            let place = split(field, list).and_then(|(n, part)| Some(rows.get(n)?.at(part)));
            place.unwrap_or_else(|| field.to_owned())
        });
    }

    /// Numbers the rows anew from 0, without those that `keep` refuses: errors of the action's rows then stand at the form's.
    pub fn renumber(&mut self, list: &str, keep: impl Fn(&Self, &Row) -> bool) {
        let kept: Vec<usize> = self.numbers(list).into_iter().filter(|i| keep(self, &Row::of(list, i))).collect();
        self.typed.retain_mut(|(name, _)| {
            let Some((i, field)) = split(name, list) else { return true };
            let Some(new) = kept.iter().position(|k| *k == i) else { return false };
            *name = Row::of(list, new).at(field);
            true
        });
    }
}
