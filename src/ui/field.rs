//! The one form field: label, value, hint and error, for every kind of input. See `templates/components/field.html`.

use std::fmt::Display;

use askama::Template;
use uuid::Uuid;

use super::Head;
use platform::error::FieldErrors;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Input(&'static str),
    Area,
    Select,
    Radios,
    Check,
}

/// One option of a select or a radio group.
#[derive(Debug, Clone)]
pub struct Choice {
    pub value: String,
    pub label: String,
    pub hint: String,
    /// Shown but disabled; the hint says why.
    pub is_off: bool,
    /// What a service costs, for the running total of the lines; empty without a price.
    pub price: String,
}

impl Choice {
    pub fn new(value: impl Display, label: impl Display) -> Self {
        Self { value: value.to_string(), label: label.to_string(), hint: String::new(), is_off: false, price: String::new() }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Display) -> Self {
        self.hint = hint.to_string();
        self
    }

    /// Sets the price that an empty price field stands for while this is chosen; see `Currency::plain`.
    #[must_use]
    pub fn price(self, price: Option<String>) -> Self {
        Self { price: price.unwrap_or_default(), ..self }
    }

    /// Disables the choice; `why` becomes its hint.
    #[must_use]
    pub fn off(self, why: impl Display) -> Self {
        Self { is_off: true, ..self.hint(why) }
    }
}

/// A type that can be a field's value: text, numbers, amounts, ids, or an `Option` of them (`None` shows as empty).
pub trait Value {
    fn text(&self) -> String;
}

macro_rules! value { ($($t:ty),+ $(,)?) => { $(impl Value for $t { fn text(&self) -> String { self.to_string() } })+ } }
value!(str, String, i16, i32, i64, u8, u16, u32, u64, usize, bool, Uuid, rust_decimal::Decimal, chrono::NaiveDate);

impl Value for chrono::NaiveTime {
    fn text(&self) -> String {
        self.format("%H:%M").to_string()
    }
}

impl<T: Value> Value for Option<T> {
    fn text(&self) -> String {
        self.as_ref().map(Value::text).unwrap_or_default()
    }
}

impl<T: Value + ?Sized> Value for &T {
    fn text(&self) -> String {
        (**self).text()
    }
}

/// A form field under construction; `Display` renders it as escaped HTML.
#[derive(Template, Debug, Clone)]
#[template(path = "components/field.html")]
#[must_use]
pub struct Field {
    kind: Kind,
    name: String,
    id: String,
    label: String,
    value: String,
    hint: String,
    error: String,
    prefix: String,
    suffix: String,
    choices: Vec<Choice>,
    attrs: Vec<(&'static str, String)>,
    required: bool,
    optional: bool,
    checked: bool,
    hidden_label: bool,
}

impl askama::filters::HtmlSafe for Field {}

fn field(kind: Kind, name: &str, label: &str) -> Field {
    let id: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    Field {
        kind,
        name: name.into(),
        id: format!("f-{id}"),
        label: label.into(),
        value: String::new(),
        hint: String::new(),
        error: String::new(),
        prefix: String::new(),
        suffix: String::new(),
        choices: Vec::new(),
        attrs: Vec::new(),
        required: false,
        optional: false,
        checked: false,
        hidden_label: false,
    }
}

pub fn text(name: &str, label: &str) -> Field {
    field(Kind::Input("text"), name, label)
}

pub fn email(name: &str, label: &str) -> Field {
    field(Kind::Input("email"), name, label)
        .attr("inputmode", "email")
        .auto("email")
        .attr("autocapitalize", "off")
        .attr("spellcheck", "false")
}

pub fn tel(name: &str, label: &str) -> Field {
    field(Kind::Input("tel"), name, label).attr("inputmode", "tel").auto("tel")
}

/// A whole number: a text field with the numeric keypad, so that a refused form comes back with the text as typed.
pub fn number(name: &str, label: &str) -> Field {
    field(Kind::Input("text"), name, label).attr("inputmode", "numeric").auto("off")
}

/// An amount or a quantity with decimals; set the currency's symbol with `prefix`.
pub fn money(name: &str, label: &str) -> Field {
    field(Kind::Input("text"), name, label).attr("inputmode", "decimal").auto("off")
}

pub fn date(name: &str, label: &str) -> Field {
    field(Kind::Input("date"), name, label)
}

pub fn time(name: &str, label: &str) -> Field {
    field(Kind::Input("time"), name, label)
}

/// Any other `type` of input: `search`, `url`, `password`, `file`, `month`.
pub fn input(kind: &'static str, name: &str, label: &str) -> Field {
    field(Kind::Input(kind), name, label)
}

pub fn area(name: &str, label: &str) -> Field {
    field(Kind::Area, name, label)
}

pub fn select(name: &str, label: &str) -> Field {
    field(Kind::Select, name, label)
}

pub fn radios(name: &str, label: &str) -> Field {
    field(Kind::Radios, name, label)
}

/// A checkbox; sends `on` if ticked, else nothing.
pub fn check(name: &str, label: &str) -> Field {
    field(Kind::Check, name, label).value("on")
}

impl Field {
    pub fn value(mut self, value: impl Value) -> Self {
        self.value = value.text();
        self
    }

    /// Shows the field's message in `errors`, if there is one.
    pub fn errors(mut self, errors: &FieldErrors) -> Self {
        self.error = errors.of(&self.name).unwrap_or_default().into();
        self
    }

    pub fn error(mut self, message: Option<&str>) -> Self {
        self.error = message.unwrap_or_default().into();
        self
    }

    pub fn hint(mut self, hint: impl Display) -> Self {
        self.hint = hint.to_string();
        self
    }

    /// Text inside the box before the input, such as `$`; `suffix` comes after it, such as `min`.
    pub fn prefix(mut self, text: impl Display) -> Self {
        self.prefix = text.to_string();
        self
    }

    pub fn suffix(mut self, text: impl Display) -> Self {
        self.suffix = text.to_string();
        self
    }

    pub fn choices(mut self, choices: &[Choice]) -> Self {
        self.choices = choices.to_vec();
        self
    }

    /// Adds a choice to a select or radio group.
    pub fn choice(mut self, value: impl Display, label: impl Display) -> Self {
        self.choices.push(Choice::new(value, label));
        self
    }

    /// Makes the field required; the browser checks it before the server does.
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// Shows "optional" beside the label.
    pub fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    pub fn checked(mut self, checked: impl super::format::Given<bool>) -> Self {
        self.checked = checked.given();
        self
    }

    /// Sets `autocomplete`.
    pub fn auto(self, value: &str) -> Self {
        self.attr("autocomplete", value)
    }

    /// Sets `enterkeyhint`.
    pub fn enter(self, value: &str) -> Self {
        self.attr("enterkeyhint", value)
    }

    /// Gives the field the focus when the page opens.
    pub fn focus(self) -> Self {
        self.attr("autofocus", "")
    }

    /// Hides the label from all but screen readers.
    pub fn quiet(mut self) -> Self {
        self.hidden_label = true;
        self
    }

    /// Sets any further attribute (`maxlength`, `data-redact`, `min`, `list`); a second value replaces the first.
    pub fn attr(mut self, name: &'static str, value: impl Display) -> Self {
        self.attrs.retain(|a| a.0 != name);
        self.attrs.push((name, value.to_string()));
        self
    }

    fn described(&self) -> Option<String> {
        let hint = (!self.hint.is_empty()).then(|| format!("{}-h", self.id));
        let error = (!self.error.is_empty()).then(|| format!("{}-e", self.id));
        match (hint, error) {
            (Some(h), Some(e)) => Some(format!("{e} {h}")),
            (h, e) => h.or(e),
        }
    }

    fn boxed(&self) -> bool {
        !self.prefix.is_empty() || !self.suffix.is_empty()
    }
}

/// The hidden fields of every form that writes: idempotency key, the business it is rendered for, the version it edits.
#[derive(Template, Debug, Clone)]
#[template(
    ext = "html",
    source = r#"<input type="hidden" name="_key" value="{{ key }}"><input type="hidden" name="_org" value="{{ org }}">{% if !version.is_empty() %}<input type="hidden" name="_version" value="{{ version }}">{% endif %}"#
)]
#[must_use]
pub struct Meta {
    key: String,
    org: Uuid,
    version: String,
}

impl askama::filters::HtmlSafe for Meta {}

/// Returns hidden fields with a new idempotency key; call it once per form on the page.
pub fn meta(head: &Head) -> Meta {
    Meta { key: Uuid::now_v7().to_string(), org: head.org, version: String::new() }
}

impl Meta {
    /// Sets the version of the record that the form edits.
    pub fn version(mut self, version: impl Value) -> Self {
        self.version = version.text();
        self
    }

    /// Reuses the idempotency key of the refused submission.
    pub fn key(mut self, key: impl Display) -> Self {
        self.key = key.to_string();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_field_keeps_its_value_and_names_its_message() {
        let errors = FieldErrors(vec![platform::error::FieldError {
            field: "email".into(),
            message: "That is <no> address".into(),
            code: "invalid".into(),
        }]);
        let html = email("email", "Email").value("a\"b@c").hint("For receipts").errors(&errors).to_string();
        assert!(html.contains(r#"value="a&#34;b@c""#), "{html}");
        assert!(html.contains(r#"aria-invalid="true""#), "{html}");
        assert!(html.contains(r#"aria-describedby="f-email-e f-email-h""#), "{html}");
        assert!(html.contains("That is &#60;no&#62; address"), "{html}");
        assert!(html.contains(r#"<label for="f-email">"#), "{html}");
    }

    #[test]
    fn selects_radios_and_boxes_show_what_was_chosen() {
        let html = select("zone", "Zone").choice("a", "A").choice("b", "B").value("b").to_string();
        assert!(html.contains(r#"<option value="b" selected>B"#), "{html}");
        let html = radios("zone", "Zone").choice("a", "A").choice("b", "B").value(Some("a")).to_string();
        assert!(html.contains(r#"value="a" checked"#), "{html}");
        assert!(!html.contains(r#"value="b" checked"#), "{html}");
        assert!(check("ok", "Fine").checked(true).to_string().contains("checked"));
    }
}
