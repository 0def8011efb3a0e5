//! Extracts attributes from technicians' notes by rules, without a model.
//!
//! Each attribute carries the words it was found in, so that a person can check it.
//! The caller redacts the notes first (`platform::redact`).

pub mod model;
mod rules;

use regex::{Captures, Regex};
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::sync::LazyLock;

/// The confidence of a finding; a person confirms each, whatever its confidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    Low,
    Medium,
    High,
}

impl Confidence {
    /// Returns the value that the database keeps, between 0 and 1.
    pub fn score(self) -> Decimal {
        Decimal::new(
            match self {
                Self::Low => 50,
                Self::Medium => 75,
                Self::High => 95,
            },
            2,
        )
    }
}

/// One attribute found in notes: `pet: dog (Biscuit)`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Found {
    pub key: String,
    pub value: String,
    pub confidence: Confidence,
    /// The byte range of the notes that it was found in, always on character boundaries.
    pub words: Range<usize>,
}

/// The keys that rules and models use; people may add their own.
pub const KEYS: [&str; 20] = [
    "access",
    "access_code",
    "billing",
    "demographic",
    "equipment",
    "hazard",
    "history",
    "pet",
    "pet_note",
    "preference_contact",
    "preference_day",
    "preference_technician",
    "preference_time",
    "property",
    "property_screen_count",
    "property_window_count",
    "referral",
    "scope",
    "season",
    "temperament",
];

/// One rule: a pattern, the attribute's key, and a template of its value (see `expand`).
struct Rule {
    pattern: Regex,
    key: &'static str,
    value: &'static str,
    confidence: Confidence,
}

static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    rules::TABLE
        .iter()
        .map(|&(key, pattern, value, confidence)| Rule {
            pattern: Regex::new(pattern).expect("the patterns are constants, compiled by the tests"),
            key,
            value,
            confidence,
        })
        .collect()
});

/// The longest value kept, in characters; a longer one is cut at a word.
const LONGEST: usize = 120;

/// Finds attributes in notes, ordered by position; each pair of key and value is returned once.
pub fn extract(notes: &str) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    // The ranges already matched for a key, those of repeated values included.
    let mut spoken: Vec<(&str, Range<usize>)> = Vec::new();
    for rule in RULES.iter() {
        for captures in rule.pattern.captures_iter(notes) {
            let words = captures.get_match().range();
            let said = |(key, range): &(&str, Range<usize>)| *key == rule.key && overlaps(range, &words);
            if words.is_empty() || negated(notes, words.start, rule.key) || spoken.iter().any(said) {
                continue;
            }
            spoken.push((rule.key, words.clone()));
            let value = expand(rule.value, &captures);
            let again = found.iter().any(|f| f.key == rule.key && f.value.eq_ignore_ascii_case(&value));
            if !again && !value.is_empty() {
                found.push(Found { key: rule.key.to_owned(), value, confidence: rule.confidence, words });
            }
        }
    }
    found.sort_by_key(|f| (f.words.start, f.words.end));
    found
}

fn overlaps(a: &Range<usize>, b: &Range<usize>) -> bool {
    a.start < b.end && b.start < a.end
}

/// Whether one of the two words before negates the finding: "no dog", "not elderly", "doesn't need ladder".
fn negated(notes: &str, start: usize, key: &str) -> bool {
    if !matches!(key, "pet" | "demographic" | "equipment" | "temperament" | "property") {
        return false;
    }
    let before = notes[..start].rsplit(['.', ',', ';', '/', '\n', '(', '-']).next().unwrap_or_default().to_lowercase();
    before
        .split_whitespace()
        .rev()
        .take(2)
        .any(|word| matches!(word, "no" | "not" | "never" | "without" | "w/o" | "isn't" | "isnt" | "doesn't" | "doesnt" | "don't" | "dont"))
}

/// Fills a template: `$1` is the group as typed, `%1` the group in lower case. Collapses spaces.
fn expand(template: &str, captures: &Captures<'_>) -> String {
    let mut out = String::new();
    let mut chars = template.chars().peekable();
    while let Some(c) = chars.next() {
        let group = chars.peek().and_then(|d| d.to_digit(10));
        match (c, group) {
            ('$' | '%', Some(group)) => {
                chars.next();
                let text = captures.get(group as usize).map_or("", |m| m.as_str());
                if text.is_empty() {
                    drop_connector(&mut out);
                } else if c == '%' {
                    out.push_str(&text.to_lowercase());
                } else {
                    out.push_str(&calmed(text));
                }
            }
            _ => out.push(c),
        }
    }
    shorten(&platform::text::collapse(&out).replace(" )", ")").replace(" ()", ""))
}

/// Lowers text in capitals after the first letter ("BISCUIT" → "Biscuit"); up to three letters may be an abbreviation and stay.
fn calmed(text: &str) -> String {
    let shouted = text.chars().filter(|c| c.is_alphabetic()).count() > 3 && !text.chars().any(char::is_lowercase);
    if !shouted {
        return text.to_owned();
    }
    let mut in_word = false;
    text.chars()
        .flat_map(|c| {
            let lower = std::mem::replace(&mut in_word, c.is_alphabetic());
            if lower { c.to_lowercase().collect::<Vec<_>>() } else { vec![c] }
        })
        .collect()
}

/// Removes a trailing connector when its group is empty: "elderly woman with" → "elderly woman".
fn drop_connector(out: &mut String) {
    let head = out.trim_end();
    let kept = [" with", " for", " on", " in"].iter().find_map(|word| head.strip_suffix(word)).map(str::len);
    if let Some(kept) = kept.filter(|_| out.ends_with(' ')) {
        out.truncate(kept);
    }
}

fn shorten(value: &str) -> String {
    let value = value.trim_matches(|c: char| c.is_whitespace() || ",;.:-".contains(c));
    if value.chars().count() <= LONGEST {
        return value.to_owned();
    }
    let cut: String = value.chars().take(LONGEST).collect();
    cut.rsplit_once(' ').map_or(cut.clone(), |(head, _)| head.to_owned())
}

#[cfg(test)]
mod tests;
