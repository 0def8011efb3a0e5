//! Small parts of a page: state pills, icons, empty states, pagers, progress bars, the error summary.

use std::fmt;

use askama::{Template, filters::HtmlSafe};

use platform::{
    assets,
    error::{FieldError, FieldErrors},
};

/// The look of a state: each tone has a colour and a shape; the pill's word names the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Confirmed, paid, done. Tick, green.
    Good,
    /// Waiting for someone: not confirmed, estimated, due. Ring, amber.
    Wait,
    /// Needs a person now: declined, overdue, failed. Exclamation mark, red.
    Bad,
    /// Under way: in progress, sending. Arrow, the accent colour.
    Info,
    /// Neutral: draft, cancelled, void. Grey.
    Idle,
}

impl Tone {
    /// The class that carries colour and shape.
    pub fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Wait => "wait",
            Self::Bad => "bad",
            Self::Info => "info",
            Self::Idle => "idle",
        }
    }
}

/// A state: `{{ ui::pill("Confirmed", ui::Tone::Good) }}`.
#[derive(Template, Debug, Clone)]
#[template(ext = "html", source = r#"<span class="pill {{ tone.class() }}">{{ word }}</span>"#)]
pub struct Pill {
    word: String,
    tone: Tone,
}

impl HtmlSafe for Pill {}

pub fn pill(word: impl fmt::Display, tone: impl super::format::Given<Tone>) -> Pill {
    Pill { word: word.to_string(), tone: tone.given() }
}

/// The state of an empty list, with the first step to take:
/// `{{ ui::empty("customers", "No customers yet", "Add the first one, or import them.").action("/contacts/new", "Add a customer") }}`.
#[derive(Template, Debug, Clone)]
#[template(
    ext = "html",
    source = r#"<section class="empty">{{ super::icon(icon) }}<h2>{{ title }}</h2><p>{{ words }}</p>{% if let Some((href, label)) = action %}<a class="btn go" href="{{ href }}">{{ label }}</a>{% endif %}</section>"#
)]
pub struct Empty {
    icon: &'static str,
    title: String,
    words: String,
    action: Option<(String, String)>,
}

impl HtmlSafe for Empty {}

pub fn empty(icon: &'static str, title: &str, words: &str) -> Empty {
    Empty { icon, title: title.into(), words: words.into(), action: None }
}

impl Empty {
    #[must_use]
    pub fn action(mut self, href: impl fmt::Display, label: impl fmt::Display) -> Self {
        self.action = Some((href.to_string(), label.to_string()));
        self
    }
}

/// Cursor pagination: links to the first and the next page, if there are any.
/// `{{ ui::pager(next_href, first_href) }}` with `Option<String>` each.
#[derive(Template, Debug, Clone)]
#[template(
    ext = "html",
    source = r#"{% if first.is_some() || next.is_some() %}<nav class="pages" aria-label="Pages">{% if let Some(href) = first %}<a class="btn small" href="{{ href }}">‹ First page</a>{% endif %}{% if let Some(href) = next %}<a class="btn small" href="{{ href }}" rel="next">Show more ›</a>{% endif %}</nav>{% endif %}"#
)]
pub struct Pager {
    next: Option<String>,
    first: Option<String>,
}

impl HtmlSafe for Pager {}

pub fn pager(next: impl super::Value, first: impl super::Value) -> Pager {
    Pager { next: Some(next.text()).filter(|h| !h.is_empty()), first: Some(first.text()).filter(|h| !h.is_empty()) }
}

/// All messages of a refused form, with links to their fields; takes the focus. Renders nothing if there are no errors.
/// Put it first in the form: `{{ ui::summary(errors) }}`.
#[derive(Template, Debug, Clone)]
#[template(
    ext = "html",
    source = r##"{% if !errors.is_empty() %}<div class="errors" role="alert" tabindex="-1" autofocus id="errors"><h2>{% if errors.len() == 1 %}One thing needs another look{% else %}{{ errors.len() }} things need another look{% endif %}</h2><p>Nothing was saved yet; what you typed is still here.</p><ul data-reason>{% for e in errors %}<li>{% if e.field.is_empty() %}{{ e.message }}{% else %}<a href="#f-{{ Self::anchor(e) }}">{{ e.message }}</a>{% endif %}</li>{% endfor %}</ul></div>{% endif %}"##
)]
pub struct Summary {
    errors: Vec<FieldError>,
}

impl HtmlSafe for Summary {}

impl Summary {
    fn anchor(error: &FieldError) -> String {
        error.field.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect()
    }
}

pub fn summary(errors: &FieldErrors) -> Summary {
    Summary { errors: errors.0.clone() }
}

/// The steps of a wizard as a bar: `{{ ui::steps(1, 4) }}`. Screen readers read "Step 1 of 4".
#[derive(Template, Debug, Clone)]
#[template(
    ext = "html",
    source = r#"<div class="prog" role="img" aria-label="Step {{ at }} of {{ of }}">{% for i in 1..=of %}<i{% if i <= at %} class="on"{% endif %}></i>{% endfor %}</div>"#
)]
pub struct Steps {
    at: usize,
    of: usize,
}

impl HtmlSafe for Steps {}

pub fn steps(at: impl super::format::Given<usize>, of: impl super::format::Given<usize>) -> Steps {
    Steps { at: at.given(), of: of.given() }
}

/// A line drawing. It is decorative: the label beside it carries the meaning.
#[derive(Debug, Clone, Copy)]
pub struct Icon<T>(T);

impl<T: AsRef<str>> HtmlSafe for Icon<T> {}

impl<T: AsRef<str>> fmt::Display for Icon<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, r#"<svg class="i" aria-hidden="true"><use href="{}#{}"/></svg>"#, assets::url("icons.svg"), self.0.as_ref())
    }
}

/// Returns the icon `name`, a symbol of `static/icons/icons.svg`: the phone keeps that file, so that no page carries the drawings.
pub fn icon<T: AsRef<str>>(name: T) -> Icon<T> {
    Icon(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_links_to_the_fields_and_has_the_focus() {
        let mut errors = FieldErrors::default();
        errors.add("lines[0].price", "Give the line a price");
        let html = summary(&errors).to_string();
        assert!(html.contains("href=\"#f-lines-0--price\"") && html.contains("autofocus"), "{html}");
        assert_eq!(summary(&FieldErrors::default()).to_string(), "");
        let field = super::super::money("lines[0].price", "Price").to_string();
        assert!(field.contains("id=\"f-lines-0--price\""), "{field}");
    }
}
