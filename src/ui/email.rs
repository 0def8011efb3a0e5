//! The layout of every mail: one column, a real text part, buttons that are links, safe in dark mode, under 20 KB.
//! Depends on no slice; each slice builds an `Email` from its own text and links.

use askama::Template;

use platform::error::{Error, Result};

/// The content of a mail, from which its text and HTML are rendered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Email {
    pub subject: String,
    /// The sender's name, shown as the heading.
    pub from: String,
    /// Plain text; empty lines separate paragraphs.
    pub body: String,
    /// Labelled values: "When", "Where", "Price".
    pub facts: Vec<Fact>,
    pub buttons: Vec<Button>,
    /// Small print: the business's address and phone, and why the mail was sent.
    pub footer: Vec<String>,
    pub unsubscribe: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    pub label: String,
    pub value: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Button {
    pub label: String,
    pub url: String,
    /// Set for the action that most recipients will take.
    pub is_main: bool,
}

#[derive(Template)]
#[template(path = "emails/shell.html")]
struct Html<'a> {
    mail: &'a Email,
}

#[derive(Template)]
#[template(path = "emails/shell.txt")]
struct Text<'a> {
    mail: &'a Email,
}

impl Email {
    #[must_use]
    pub fn fact(mut self, label: &str, value: impl Into<String>) -> Self {
        let value = value.into();
        if !value.is_empty() {
            self.facts.push(Fact { label: label.to_owned(), value });
        }
        self
    }

    #[must_use]
    pub fn button(mut self, label: &str, url: impl Into<String>, is_main: bool) -> Self {
        self.buttons.push(Button { label: label.to_owned(), url: url.into(), is_main });
        self
    }

    fn paragraphs(&self) -> Vec<Vec<&str>> {
        self.body.split("\n\n").map(|p| p.lines().collect::<Vec<_>>()).filter(|p| !p.is_empty()).collect()
    }

    pub fn html(&self) -> Result<String> {
        Html { mail: self }.render().map_err(Error::internal)
    }

    pub fn text(&self) -> Result<String> {
        let text = Text { mail: self }.render().map_err(Error::internal)?;
        Ok(format!("{}\n", text.trim()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_people_typed_and_stays_small() {
        let mail = Email {
            subject: "A & B".into(),
            from: "Clear <View>".into(),
            body: "Hello <script>,\n\nfirst\nsecond".into(),
            footer: vec!["1 Main St".into()],
            unsubscribe: Some("https://rounds.example/u/abc".into()),
            ..Email::default()
        }
        .fact("When", "Tue 24 Nov, 9:00–12:30 CST")
        .button("Accept", "https://rounds.example/c/abc", true);
        let (html, text) = (mail.html().unwrap(), mail.text().unwrap());
        assert!(!html.contains("<script>") && html.contains("first<br>second") && html.contains("href=\"https://rounds.example/c/abc\""));
        assert!(html.len() < 8 * 1024, "{}", html.len());
        for part in
            ["Hello <script>,", "When: Tue 24 Nov, 9:00–12:30 CST", "Accept: https://rounds.example/c/abc", "https://rounds.example/u/abc"]
        {
            assert!(text.contains(part), "{part}\n{text}");
        }
        assert!(!text.contains("\n\n\n"), "{text:?}");
    }
}
