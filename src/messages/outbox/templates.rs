//! Templates of each kind of message: plain text with `{{variables}}`. The defaults are in `templates/emails/<kind>/`; a business may have
//! its own. The HTML around the text is always the same (`crate::emails`).

use std::collections::BTreeMap;

use sqlx::PgConnection;

use super::MessageKind;
use platform::error::Result;

/// Subject and body as written, with variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    pub subject: String,
    pub body: String,
    /// Whether the business wrote it; otherwise it is the default.
    pub is_own: bool,
}

/// The values of the variables in one message.
pub type Vars = BTreeMap<&'static str, String>;

macro_rules! words {
    ($kind:literal) => {
        (
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../templates/emails/", $kind, "/subject.txt")),
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../templates/emails/", $kind, "/body.txt")),
        )
    };
}

/// Returns the default template of a kind.
pub fn default(kind: MessageKind) -> Template {
    let (subject, body) = match kind {
        MessageKind::Confirmation => words!("confirmation"),
        MessageKind::Moved => words!("moved"),
        MessageKind::Cancellation => words!("cancellation"),
        MessageKind::Invoice => words!("invoice"),
        MessageKind::Receipt => words!("receipt"),
        MessageKind::ReachOut => words!("reach_out"),
        MessageKind::OwnerNotice => words!("owner_notice"),
    };
    Template { subject: subject.trim().to_owned(), body: body.trim().to_owned(), is_own: false }
}

/// The default text for reaching out by text message; the default mail asks for a reply to the mail.
pub const REACH_OUT_TEXT: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../templates/emails/reach_out/text.txt"));

/// Returns the template that a business uses: its own, else the default.
pub async fn of(db: &mut PgConnection, kind: MessageKind) -> Result<Template> {
    let own = sqlx::query!("select subject, body from message_templates where kind = $1", kind as MessageKind).fetch_optional(db).await?;
    Ok(own.map_or_else(|| default(kind), |t| Template { subject: t.subject, body: t.body, is_own: true }))
}

const ALWAYS: [(&str, &str); 5] = [
    ("customer_name", "the customer's name"),
    ("first_name", "the customer's first name"),
    ("business_name", "your business's name"),
    ("business_phone", "your phone number"),
    ("custom_message", "what you add for this customer"),
];
const VISIT: [(&str, &str); 5] = [
    ("appointment_date", "day of the appointment"),
    ("appointment_time", "start and end, with the time zone"),
    ("appointment_address", "where it takes place"),
    ("services", "what will be done"),
    ("price", "the price, or “Estimated”, or “from”"),
];
const BILL: [(&str, &str); 4] = [
    ("invoice_number", "the invoice's number"),
    ("invoice_total", "its total"),
    ("amount_due", "what is still to be paid"),
    ("due_date", "when it is due"),
];
const RECEIPT: [(&str, &str); 2] = [("amount_paid", "what was paid"), ("paid_on", "the day it was paid")];
const LAST_VISIT: [(&str, &str); 2] = [("last_visit", "day of the last visit"), ("last_services", "what was done then")];

/// Returns the variables of a kind, each with its description.
pub fn variables(kind: MessageKind) -> Vec<(&'static str, &'static str)> {
    let of_kind: &[&[(&str, &str)]] = match kind {
        MessageKind::Confirmation | MessageKind::Moved | MessageKind::Cancellation => &[&VISIT],
        MessageKind::Invoice => &[&BILL],
        MessageKind::Receipt => &[&BILL, &RECEIPT],
        MessageKind::ReachOut => &[&LAST_VISIT],
        MessageKind::OwnerNotice => &[&VISIT],
    };
    ALWAYS.iter().chain(of_kind.iter().copied().flatten()).copied().collect()
}

/// A piece of a template.
enum Piece<'a> {
    Text(&'a str),
    Variable(&'a str),
}

/// Splits a text at its `{{…}}`; an unclosed one is text.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((name, next)) = after.split_once("}}") else { break };
        out.push(Piece::Text(before));
        out.push(Piece::Variable(name.trim()));
        rest = next;
    }
    out.push(Piece::Text(rest));
    out
}

/// Checks the variables of a text. Returns an error message if a variable is not known for this kind (naming those that are) or not closed.
pub fn check(kind: MessageKind, text: &str) -> Result<(), String> {
    let known = variables(kind);
    // Line by line, as `render` fills them in.
    for piece in text.lines().flat_map(pieces) {
        match piece {
            Piece::Variable(name) if !known.iter().any(|(k, _)| *k == name) => {
                let names: Vec<String> = known.iter().map(|(k, _)| format!("{{{{{k}}}}}")).collect();
                return Err(format!("There is no {{{{{name}}}}}. You can use {}.", names.join(", ")));
            }
            Piece::Text(text) if text.contains("{{") => {
                let open: String = text.split_once("{{").map_or("", |t| t.1).chars().take(30).collect();
                return Err(format!("“{{{{{}” is not closed: it needs }}}} behind it.", open.trim_end()));
            }
            Piece::Variable(_) | Piece::Text(_) => {}
        }
    }
    Ok(())
}

/// Whether a text uses a variable.
pub fn has_variable(text: &str, name: &str) -> bool {
    pieces(text).iter().any(|p| matches!(p, Piece::Variable(v) if *v == name))
}

/// Fills in the variables. A variable without a value becomes empty; a line left empty by it is removed.
pub fn render(text: &str, vars: &Vars) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        let mut is_filled_empty = false;
        let mut out = String::new();
        for piece in pieces(line) {
            match piece {
                Piece::Text(t) => out.push_str(t),
                Piece::Variable(name) => {
                    let value = vars.get(name).map_or("", String::as_str);
                    is_filled_empty |= value.is_empty();
                    out.push_str(value);
                }
            }
        }
        let follows_gap = lines.last().is_none_or(|l| l.trim().is_empty());
        if out.trim().is_empty() && (is_filled_empty || follows_gap) {
            continue;
        }
        lines.push(out);
    }
    lines.join("\n").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_words_use_only_what_exists() {
        for kind in MessageKind::ALL {
            let t = default(kind);
            assert_eq!(check(kind, &t.subject), Ok(()));
            assert_eq!(check(kind, &t.body), Ok(()));
            assert!(!t.subject.contains('\n') && !t.body.is_empty());
        }
    }

    #[test]
    fn unknown_variables_are_named_with_those_that_exist() {
        let e = check(MessageKind::Invoice, "Hi {{customer_nam}}").unwrap_err();
        assert!(e.contains("{{customer_nam}}") && e.contains("{{customer_name}}") && e.contains("{{amount_due}}"), "{e}");
        let e = check(MessageKind::Invoice, "Hi {{customer_name\nYou owe {{amount_due}}").unwrap_err();
        assert!(e.contains("“{{customer_name” is not closed"), "{e}");
    }

    #[test]
    fn fills_in_and_leaves_no_holes() {
        let vars = Vars::from([("customer_name", "Ann {{business_name}}".to_owned()), ("custom_message", String::new())]);
        assert_eq!(render("Hello {{ customer_name }},\n\n{{custom_message}}\n\nBye", &vars), "Hello Ann {{business_name}},\n\nBye");
    }
}
