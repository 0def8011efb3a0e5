//! A form's fields as typed, by name, to show them again when the form is refused.

use std::collections::BTreeMap;

use serde::Deserialize;

use platform::error::FieldErrors;

/// Typed values by field name; an absent one reads as empty.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct Fields(BTreeMap<String, String>);

impl Fields {
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    pub fn owned(&self, name: &str) -> String {
        self.get(name).to_owned()
    }

    pub fn is_on(&self, name: &str) -> bool {
        matches!(self.get(name), "on" | "true" | "yes")
    }

    /// Reads "yes" or "no"; returns `None` for anything else.
    pub fn yes_no(&self, name: &str) -> Option<bool> {
        match self.get(name) {
            "yes" => Some(true),
            "no" => Some(false),
            _ => None,
        }
    }

    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.insert(name.into(), value.into());
    }

    /// Returns the pairs of `list[i].label` and `list[i].part` by index; a missing row gives a pair of empty texts.
    pub fn list(&self, list: &str, part: &str) -> Vec<(String, String)> {
        (0..self.len(list, part)).map(|i| (self.owned(&format!("{list}[{i}].label")), self.owned(&format!("{list}[{i}].{part}")))).collect()
    }

    /// Returns the number of rows: one more than the highest index below 100.
    pub fn len(&self, list: &str, part: &str) -> usize {
        let prefix = format!("{list}[");
        let index = |name: &String| name.strip_prefix(&prefix)?.strip_suffix(&format!("].{part}"))?.parse::<usize>().ok();
        self.0.keys().filter_map(index).filter(|i| *i < 100).max().map_or(0, |i| i + 1)
    }

    /// Reads a date. Returns `None` if the field is empty, or if it is invalid, which adds an error.
    pub fn date(&self, name: &str, errors: &mut FieldErrors) -> Option<chrono::NaiveDate> {
        match self.get(name).trim() {
            "" => None,
            typed => platform::localtime::parse_date(typed).map_err(|e| errors.add(name, e)).ok(),
        }
    }
}
