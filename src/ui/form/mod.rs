//! A form as one value: what was typed, its errors, its hidden fields, and what others saved meanwhile. Handlers take it as their extractor,
//! make actions from it, and hand it to the page, whose fields it builds. Rows of a repeated group are written as in an action's errors:
//! `lines[3].unit_price`.

mod answer;
mod rows;
mod stale;

use std::{fmt::Display, str::FromStr};

use axum::extract::{FromRequest, Request};
use serde::Deserialize;

use super::{Field, Head, Meta, Value, field};
use platform::{
    action,
    app::App,
    conflict::Conflict,
    error::{Error, FieldErrors, Result},
    form::{Posted, percent_encode},
};

pub use rows::Row;
pub use stale::Stale;

/// A form's typed values by name, in the order sent, and what became of it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(from = "Vec<(String, String)>")]
pub struct Form {
    typed: Vec<(String, String)>,
    pub errors: FieldErrors,
    /// The idempotency key, the version and the business that it was sent with.
    pub meta: action::Meta,
    /// Why it was refused as a whole; empty if it was not.
    pub notice: String,
    /// What others saved meanwhile, beside what was typed.
    pub stale: Vec<Stale>,
    conflict: Option<Conflict>,
    status: axum::http::StatusCode,
}

impl From<Vec<(String, String)>> for Form {
    fn from(typed: Vec<(String, String)>) -> Self {
        Self { typed, ..Self::default() }
    }
}

impl FromRequest<App> for Form {
    type Rejection = Error;

    async fn from_request(request: Request, app: &App) -> Result<Self> {
        let posted = Posted::from_request(request, app).await?;
        Ok(Self { meta: posted.meta, ..posted.fields.into() })
    }
}

/// What was typed.
impl Form {
    /// Returns the first value of a field as it was sent; empty if the field is missing.
    pub fn raw(&self, name: &str) -> &str {
        self.typed.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v)
    }

    /// Returns the first value of a field, trimmed; empty if the field is missing.
    pub fn get(&self, name: &str) -> &str {
        self.raw(name).trim()
    }

    pub fn owned(&self, name: &str) -> String {
        self.get(name).to_owned()
    }

    /// Returns the trimmed value; `None` if it is empty or missing.
    pub fn some(&self, name: &str) -> Option<&str> {
        Some(self.get(name)).filter(|v| !v.is_empty())
    }

    /// Whether the field was sent, even if empty.
    pub fn has(&self, name: &str) -> bool {
        self.typed.iter().any(|(n, _)| n == name)
    }

    /// Returns all values of a field that may be sent several times.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.typed.iter().filter(|(n, _)| n == name).map(|(_, v)| v.trim()).collect()
    }

    /// Whether `value` is one of the field's values.
    pub fn chose(&self, name: &str, value: impl Display) -> bool {
        self.all(name).contains(&value.to_string().as_str())
    }

    /// Returns the names and values of all fields.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.typed.iter().map(|(name, value)| (name.as_str(), value.trim()))
    }

    /// Whether a box is ticked.
    pub fn is_on(&self, name: &str) -> bool {
        matches!(self.get(name), "on" | "true" | "yes" | "1")
    }

    /// Reads "yes" or "no"; `None` for anything else.
    pub fn yes_no(&self, name: &str) -> Option<bool> {
        match self.get(name) {
            "yes" => Some(true),
            "no" => Some(false),
            _ => None,
        }
    }

    /// Parses a field, such as an id; `None` if it is empty or malformed.
    pub fn parsed<T: FromStr>(&self, name: &str) -> Option<T> {
        self.get(name).parse().ok()
    }

    /// Parses all values of a field; malformed ones are left out.
    pub fn all_parsed<T: FromStr>(&self, name: &str) -> Vec<T> {
        self.all(name).iter().filter_map(|v| v.parse().ok()).collect()
    }

    /// Reads a field that may stay empty. Returns `None` if it is empty, or if `parse` refuses it, which adds the field's error.
    pub fn read<T, E: Display>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
        if self.get(name).is_empty() { None } else { self.must(name, parse) }
    }

    /// Reads a field that is needed: `parse` decides what an empty one means. Returns `None` if it is refused, which adds the field's error.
    pub fn must<T, E: Display>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
        parse(self.get(name)).map_err(|e| self.errors.add(name, e.to_string())).ok()
    }

    /// Returns the fields as a query string, without `names` and empty values.
    pub fn query_without(&self, names: &[&str]) -> String {
        let kept = self.typed.iter().filter(|(n, v)| !names.contains(&n.as_str()) && !v.is_empty());
        kept.map(|(n, v)| format!("{}={}", percent_encode(n), percent_encode(v))).collect::<Vec<_>>().join("&")
    }

    /// Renames fields, as of pages of an earlier release; `to` returns `None` for those that keep their name.
    pub fn rename(&mut self, to: impl Fn(&str) -> Option<String>) {
        for (name, _) in &mut self.typed {
            if let Some(new) = to(name) {
                *name = new;
            }
        }
    }

    /// Returns those of the fields `names` that are not empty.
    pub fn only(&self, names: &[&str]) -> Vec<(String, String)> {
        self.typed.iter().filter(|(n, v)| names.contains(&n.as_str()) && !v.is_empty()).cloned().collect()
    }
}

/// A form to be filled in.
impl Form {
    /// Sets a field, replacing its values.
    pub fn set(&mut self, name: impl Into<String>, value: impl Value) {
        let name = name.into();
        self.typed.retain(|(n, _)| *n != name);
        self.typed.push((name, value.text()));
    }

    /// Adds a value to a field that may have several.
    pub fn add(&mut self, name: impl Into<String>, value: impl Value) {
        self.typed.push((name.into(), value.text()));
    }

    /// Removes a field and returns its value.
    pub fn take(&mut self, name: &str) -> Option<String> {
        let at = self.typed.iter().position(|(n, _)| n == name)?;
        Some(self.typed.remove(at).1)
    }

    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Value) -> Self {
        self.set(name, value);
        self
    }

    /// Sets a box's field to "on" or leaves it out.
    #[must_use]
    pub fn tick(self, name: &str, is_on: bool) -> Self {
        if is_on { self.with(name, "on") } else { self }
    }

    /// Adds the fields of `other`.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.typed.extend(other.typed);
        self
    }

    /// Sets the version of the record that the form edits, unless it was sent with one.
    #[must_use]
    pub fn version(mut self, version: i32) -> Self {
        self.meta.if_version.get_or_insert(version);
        self
    }

    /// Returns the hidden fields: after refused input with the same idempotency key, otherwise with a new one.
    pub fn hidden(&self, head: &Head) -> Meta {
        let meta = field::meta(head).version(self.meta.if_version);
        match &self.meta.key {
            Some(key) => meta.key(key),
            None => meta,
        }
    }
}

/// A field that is sent as it is.
#[derive(askama::Template)]
#[template(ext = "html", source = r#"<input type="hidden" name="{{ name }}" value="{{ value }}">"#)]
pub struct Kept<'f> {
    name: String,
    value: &'f str,
}

impl askama::filters::HtmlSafe for Kept<'_> {}

macro_rules! builders {
    ($($kind:ident),+) => {
        /// Fields that show what was typed and their errors. See `field` for the kinds.
        impl Form {
            $(pub fn $kind(&self, name: impl AsRef<str>, label: impl AsRef<str>) -> Field {
                self.fill(field::$kind(name.as_ref(), label.as_ref()), name.as_ref())
            })+

            pub fn input(&self, kind: &'static str, name: &str, label: &str) -> Field {
                self.fill(field::input(kind, name, label), name)
            }

            pub fn check(&self, name: impl AsRef<str>, label: impl AsRef<str>) -> Field {
                field::check(name.as_ref(), label.as_ref()).checked(self.is_on(name.as_ref())).errors(&self.errors)
            }
        }
    };
}
builders!(text, email, tel, number, money, date, time, area, select, radios);

impl Form {
    /// Returns the field as a hidden one.
    pub fn kept(&self, name: impl AsRef<str>) -> Kept<'_> {
        Kept { name: name.as_ref().to_owned(), value: self.raw(name.as_ref()) }
    }

    fn fill(&self, field: Field, name: &str) -> Field {
        field.value(self.raw(name)).errors(&self.errors)
    }
}

#[cfg(test)]
mod tests;
