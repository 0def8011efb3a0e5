//! The column mapping on a file's preview: one select per column, and the posted choices.

use std::collections::BTreeMap;

use ui::Form;

use super::Import;
use crate::imports::{
    actions::ColumnChoice,
    csv::ENCODINGS,
    reading::{Reading, SeenColumn},
    recognise::{Column, Kind},
};

/// The part of the preview that shows the column mapping.
pub struct Columns {
    pub kind: ui::Field,
    /// How the file's letters are read, if that can be chosen.
    pub encoding: Option<ui::Field>,
    pub fields: Vec<ui::Field>,
    pub recognised: usize,
    /// Number of empty, unmapped columns, which are not shown.
    pub empty: usize,
    pub missing: Vec<&'static str>,
    /// Whether the section is expanded, because columns are missing or unmapped.
    pub is_open: bool,
    /// The stored values of the selects, to detect changes.
    before: BTreeMap<String, String>,
}

impl Columns {
    /// Whether the posted mapping differs from the stored one, which the preview was made from.
    pub fn differ(&self, form: &Form) -> bool {
        self.before.iter().any(|(name, value)| form.has(name) && form.get(name) != value)
    }
}

fn name(column: &SeenColumn) -> String {
    format!("column_{}", column.column)
}

/// Builds the selects, showing posted values instead of stored ones if there are any.
pub fn of(reading: &Reading, import: &Import, form: &Form) -> Columns {
    let mut fields = vec![ui::Choice::new("", "Leave out")];
    fields.extend(reading.kind.columns().iter().map(|c: &Column| ui::Choice::new(c.name(), c.name())));
    let shown = |c: &&SeenColumn| c.field.is_some() || !c.sample.is_empty();
    let now = |name: &str, stored: &str| if form.has(name) { form.owned(name) } else { stored.to_owned() };
    let select = |c: &SeenColumn| {
        let stored = c.field.as_deref().unwrap_or_default();
        let label = if c.header.is_empty() { format!("Column {}", c.column + 1) } else { c.header.clone() };
        let hint = if c.sample.is_empty() { "Empty".to_owned() } else { format!("Such as: {}", c.sample) };
        ui::select(&name(c), &label).choices(&fields).value(now(&name(c), stored)).hint(hint)
    };
    let kinds: Vec<ui::Choice> = Kind::ALL.into_iter().map(|k| ui::Choice::new(k.key(), k.label())).collect();
    let mut before: BTreeMap<_, _> = reading.columns.iter().filter(shown).map(|c| (name(c), c.field.clone().unwrap_or_default())).collect();
    before.insert("kind".into(), import.kind.clone());
    let choices = &import.choices;
    let read_with = choices.chosen_encoding.as_ref().or(choices.encoding.as_ref()).filter(|_| choices.may_choose_encoding());
    if let Some(read_with) = read_with {
        before.insert("encoding".into(), read_with.clone());
    }
    let shown: Vec<&SeenColumn> = reading.columns.iter().filter(shown).collect();
    Columns {
        encoding: read_with.map(|name| encoding(name, now("encoding", name))),
        kind: ui::select("kind", "This file holds").choices(&kinds).value(now("kind", &import.kind)),
        recognised: shown.iter().filter(|c| c.field.is_some()).count(),
        empty: reading.columns.len() - shown.len(),
        is_open: !reading.missing.is_empty()
            || reading.reaches_nobody()
            || read_with.is_some()
            || shown.iter().any(|c| c.field.is_none())
            || form.has("kind"),
        missing: reading.missing.clone(),
        fields: shown.into_iter().map(select).collect(),
        before,
    }
}

/// Asks how the letters of the file are to be read.
fn encoding(read_with: &str, value: String) -> ui::Field {
    let mut choices: Vec<ui::Choice> = ENCODINGS.iter().map(|(name, words)| ui::Choice::new(*name, *words)).collect();
    if !ENCODINGS.iter().any(|(name, _)| *name == read_with) {
        choices.push(ui::Choice::new(read_with, read_with));
    }
    ui::select("encoding", "Letters are written in").choices(&choices).value(value).hint("Change it if names look wrong.")
}

/// The column choices of a posted preview.
pub fn chosen(form: &Form) -> Vec<ColumnChoice> {
    let choice = |(name, field): (&str, &str)| {
        let column = name.strip_prefix("column_")?.parse().ok()?;
        (!field.is_empty()).then(|| ColumnChoice { column, field: field.to_owned() })
    };
    form.fields().filter_map(choice).collect()
}
