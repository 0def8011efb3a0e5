//! The one way to show why a form was refused: what others saved meanwhile beside what was typed, the reason, the errors of its fields.

use askama::Template;

use super::Form;
use crate::{Choice, Value};
use platform::conflict::Conflict;

/// A value that somebody else saved while the form was open, and the typed one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stale {
    pub label: &'static str,
    pub theirs: String,
    pub yours: String,
}

impl Stale {
    pub fn new(label: &'static str, theirs: impl Value, yours: impl Value) -> Self {
        Self { label, theirs: theirs.text(), yours: yours.text() }
    }
}

/// The box above a refused form; empty otherwise.
#[derive(Template)]
#[template(path = "components/refusal.html")]
pub struct Refusal<'f> {
    form: &'f Form,
}

impl askama::filters::HtmlSafe for Refusal<'_> {}

impl Form {
    /// Returns what to show above the form's fields: `{{ form.refusal() }}`.
    pub fn refusal(&self) -> Refusal<'_> {
        Refusal { form: self }
    }

    /// Whether somebody else saved the record since the form was shown.
    pub fn is_stale(&self) -> bool {
        matches!(self.conflict, Some(Conflict::Stale { .. }))
    }

    /// Whether it was sent before, with other content.
    pub fn is_repeated(&self) -> bool {
        matches!(self.conflict, Some(Conflict::Repeated))
    }

    /// Whether it was sent and refused.
    pub fn is_refused(&self) -> bool {
        !self.status.is_success()
    }

    /// Whether a conflict refused it.
    pub fn is_conflict(&self) -> bool {
        self.conflict.is_some()
    }

    /// Returns the slice's own case of the conflict, if it is a `T`.
    pub fn case<T: 'static>(&self) -> Option<&T> {
        self.conflict.as_ref()?.case()
    }

    /// Returns the form that edits a record: filled with the saved values, or the refused one. A stale one gets the version of `saved`, and
    /// shows which of the fields `labels` (name, label) differ; `emails[].address` is that of all rows.
    #[must_use]
    pub fn editing(saved: Self, refused: Option<Self>, labels: &[(&str, &'static str)]) -> Self {
        let Some(mut form) = refused else { return saved };
        form.meta.if_version = form.meta.if_version.or(saved.meta.if_version);
        if form.is_stale() {
            let rows = labels.iter().map(|(name, label)| Stale::new(label, saved.joined(name), form.joined(name)));
            form.stale = rows.filter(|row| row.theirs != row.yours).collect();
        }
        form
    }

    /// Returns a field's values, or those of all rows (`emails[].address`), as one text.
    fn joined(&self, name: &str) -> String {
        let values: Vec<&str> = match name.split_once("[].") {
            Some((list, field)) => self.rows(list).iter().map(|row| self.get(&row.at(field))).collect(),
            None => self.all(name),
        };
        values.into_iter().filter(|v| !v.is_empty()).collect::<Vec<_>>().join(", ")
    }

    /// Spells out a choice among the stale values: its label instead of its value.
    pub fn spell(&mut self, label: &str, choices: &[Choice]) {
        let word = |value: &str| choices.iter().find(|c| c.value == value).map_or_else(|| value.to_owned(), |c| c.label.clone());
        for row in self.stale.iter_mut().filter(|row| row.label == label) {
            (row.theirs, row.yours) = (word(&row.theirs), word(&row.yours));
        }
    }
}
