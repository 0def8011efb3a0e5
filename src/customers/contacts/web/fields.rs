//! A form's fields as typed, by name: what is shown again when something does not fit.

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

    /// "yes", "no", or neither.
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

    /// Pairs of `list[i].label` and `list[i].part`, in order, gaps closed at the end only.
    pub fn list(&self, list: &str, part: &str) -> Vec<(String, String)> {
        (0..self.len(list, part)).map(|i| (self.owned(&format!("{list}[{i}].label")), self.owned(&format!("{list}[{i}].{part}")))).collect()
    }

    /// One more than the highest index typed.
    pub fn len(&self, list: &str, part: &str) -> usize {
        let prefix = format!("{list}[");
        let index = |name: &String| name.strip_prefix(&prefix)?.strip_suffix(&format!("].{part}"))?.parse::<usize>().ok();
        self.0.keys().filter_map(index).filter(|i| *i < 100).max().map_or(0, |i| i + 1)
    }

    /// A date field; a wrong one is an error of its own.
    pub fn date(&self, name: &str, errors: &mut FieldErrors) -> Option<chrono::NaiveDate> {
        match self.get(name).trim() {
            "" => None,
            typed => platform::localtime::parse_date(typed).map_err(|e| errors.add(name, e)).ok(),
        }
    }
}
