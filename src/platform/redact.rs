//! Replaces card and social security numbers in free text (`domain.md`, "Sensitive data in free text").
//!
//! The same steps are in `static/js/redact.js` and in the database function `app.redact`;
//! all three are tested against the table of cases in `redact_cases.json`.

/// The text that replaces a redacted number.
pub const MASK: &str = "[REDACTED]";

/// Free text that may be stored, and whether anything was replaced in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redacted {
    pub text: String,
    pub found: bool,
}

/// The text as groups of digits and the gaps around them: `gaps[i]`, `digits[i]`, `gaps[i + 1]`, …
struct Pieces<'t> {
    digits: Vec<&'t str>,
    gaps: Vec<&'t str>,
}

/// Replaces card numbers (13 to 19 digits, Luhn) and social security numbers; keeps everything else.
pub fn redact(text: &str) -> Redacted {
    let pieces = split(text);
    let ssn = social_security(&pieces);
    let kept = kept(&pieces, &ssn);
    let spans = spans(&pieces, &ssn, &kept);
    if spans.is_empty() {
        return Redacted { text: text.to_owned(), found: false };
    }
    let mut out = String::with_capacity(text.len());
    let mut i = 0;
    out.push_str(pieces.gaps[0]);
    while i < pieces.digits.len() {
        if let Some((_, last)) = spans.iter().find(|(first, _)| *first == i) {
            out.push_str(MASK);
            i = *last;
        } else {
            out.push_str(pieces.digits[i]);
        }
        out.push_str(pieces.gaps[i + 1]);
        i += 1;
    }
    Redacted { text: out, found: true }
}

fn split(text: &str) -> Pieces<'_> {
    let mut pieces = Pieces { digits: Vec::new(), gaps: Vec::new() };
    let bytes = text.as_bytes();
    let (mut at, mut gap) = (0, 0);
    while at < bytes.len() {
        if bytes[at].is_ascii_digit() {
            pieces.gaps.push(&text[gap..at]);
            let start = at;
            while at < bytes.len() && bytes[at].is_ascii_digit() {
                at += 1;
            }
            pieces.digits.push(&text[start..at]);
            gap = at;
        } else {
            at += 1;
        }
    }
    pieces.gaps.push(&text[gap..]);
    pieces
}

impl Pieces<'_> {
    fn len(&self, i: usize) -> usize {
        self.digits.get(i).map_or(0, |d| d.len())
    }
    /// Whether the groups from `i` on have these lengths and `gap` accepts each gap between them.
    fn shape(&self, i: usize, lengths: &[usize], gap: impl Fn(&str) -> bool) -> bool {
        lengths.iter().enumerate().all(|(k, &want)| self.len(i + k) == want && (k == 0 || gap(self.gaps[i + k])))
    }
    fn touches_letter(&self, i: usize) -> bool {
        let id = |c: u8| c.is_ascii_alphabetic() || c == b'_';
        self.gaps[i].bytes().last().is_some_and(|c| id(c) || c == b'$') || self.gaps[i + 1].bytes().next().is_some_and(id)
    }
}

fn joins(gap: &str) -> bool {
    (1..=3).contains(&gap.chars().count()) && gap.chars().all(|c| matches!(c, ' ' | '-' | '\u{a0}' | '\u{2011}' | '\u{2013}'))
}

/// Returns the social security numbers, as (first group, last group).
fn social_security(p: &Pieces<'_>) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut i = 0;
    while i < p.digits.len() {
        if p.len(i) == 9 && labelled(p.gaps[i]) && !starts_with_letter(p.gaps[i + 1]) {
            found.push((i, i));
        } else if written_in_three(p, i) {
            found.push((i, i + 2));
            i += 2;
        }
        i += 1;
    }
    found
}

fn starts_with_letter(gap: &str) -> bool {
    gap.bytes().next().is_some_and(|c| c.is_ascii_alphabetic() || c == b'_')
}

fn written_in_three(p: &Pieces<'_>, i: usize) -> bool {
    let hyphens = p.shape(i, &[3, 2, 4], |gap| gap == "-");
    let spaces = p.shape(i, &[3, 2, 4], |gap| gap == " ");
    if !(hyphens || spaces) || p.touches_letter(i) || p.touches_letter(i + 2) {
        return false;
    }
    if p.gaps[i].ends_with(['+', '-']) || (hyphens && p.gaps[i + 3].starts_with('-')) {
        return false;
    }
    let (area, group, serial) = (p.digits[i], p.digits[i + 1], p.digits[i + 2]);
    // Never issued: area 000, 666 and 900 to 999, group 00, serial 0000.
    area != "000" && area != "666" && !area.starts_with('9') && group != "00" && serial != "0000"
}

/// Whether the text before nine digits ends in "SSN" or "social security", optionally followed by number, no., is, : or #.
fn labelled(before: &str) -> bool {
    let lower = before.to_ascii_lowercase();
    let word = |c: char| c.is_ascii_alphanumeric();
    let trimmed = |s: &str| {
        let rest = s.trim_end_matches(|c| !word(c)).to_owned();
        (s[rest.len()..].chars().count() <= 4).then_some(rest)
    };
    let Some(mut rest) = trimmed(&lower) else {
        return false;
    };
    for _ in 0..2 {
        let shorter = ["number", "no", "num", "is"]
            .iter()
            .find_map(|extra| rest.strip_suffix(extra))
            .filter(|shorter| shorter.ends_with(|c| !word(c)));
        let Some(shorter) = shorter else { break };
        let Some(shorter) = trimmed(shorter) else {
            return false;
        };
        rest = shorter;
    }
    ["ssn", "social security"].iter().any(|label| rest.strip_suffix(label).is_some_and(|head| !head.ends_with(word)))
}

/// Marks the groups that belong to a phone number, ZIP code, id, date, amount or SSN, and so to no card.
fn kept(p: &Pieces<'_>, ssn: &[(usize, usize)]) -> Vec<bool> {
    let mut kept = vec![false; p.digits.len()];
    for &(first, last) in ssn {
        kept[first..=last].fill(true);
    }
    for i in 0..p.digits.len() {
        let len = p.len(i);
        let next = p.gaps[i + 1];
        // ids, phones without separators, the ends of a UUID
        if p.touches_letter(i)
            || len == 10
            || len == 12
            || (len == 11 && p.digits[i].starts_with('1'))
            || (len == 8 && next == "-" && p.len(i + 1) == 4)
        {
            kept[i] = true;
        }
        // phone 256-688-7695, date 2026-11-15 or 11-15-2026, ZIP+4
        let one = |gap: &str| gap == "-" || gap == " ";
        let hyphen = |gap: &str| gap == "-";
        if p.shape(i, &[3, 3, 4], one) {
            kept[i..i + 3].fill(true);
        }
        if p.shape(i, &[4, 2, 2], hyphen) || p.shape(i, &[2, 2, 4], hyphen) {
            kept[i..i + 3].fill(true);
        }
        if p.shape(i, &[5, 4], hyphen) {
            kept[i..i + 2].fill(true);
        }
        // 1,284.00 and 11/15/2026 and 17:30
        let after = p.len(i + 1);
        if (next == "." && (1..=2).contains(&after)) || (next == "," && after == 3) {
            kept[i..=i + 1].fill(true);
        }
        if (next == "/" || next == ":") && after > 0 {
            kept[i] |= len <= 2;
            kept[i + 1] |= after <= 2 || after == 4;
        }
        if p.gaps[i].ends_with('+') {
            keep_international(p, i, &mut kept);
        }
    }
    kept
}

/// Marks the groups of a phone number after `+`, until ten digits are reached.
fn keep_international(p: &Pieces<'_>, first: usize, kept: &mut [bool]) {
    let (mut i, mut count) = (first, 0);
    while i < p.digits.len() && count < 10 && (i == first || joins(p.gaps[i])) {
        kept[i] = true;
        count += p.len(i);
        i += 1;
    }
}

/// Returns the groups to replace, as (first group, last group).
fn spans(p: &Pieces<'_>, ssn: &[(usize, usize)], kept: &[bool]) -> Vec<(usize, usize)> {
    let mut spans = ssn.to_vec();
    let mut i = 0;
    while i < p.digits.len() {
        if kept[i] {
            i += 1;
            continue;
        }
        let mut last = i;
        while last + 1 < p.digits.len() && !kept[last + 1] && joins(p.gaps[last + 1]) {
            last += 1;
        }
        if luhn(&p.digits[i..=last]) {
            spans.push((i, last));
        } else {
            cards_within(p, i, last, &mut spans);
        }
        i = last + 1;
    }
    spans
}

/// Finds cards next to other numbers ("4111 1111 1111 1111 123"): only digits grouped as on a card.
fn cards_within(p: &Pieces<'_>, mut i: usize, last: usize, spans: &mut Vec<(usize, usize)>) {
    while i <= last {
        let end = (i..=last.min(i + 4)).rev().find(|&end| card_shape(&p.digits[i..=end]) && luhn(&p.digits[i..=end]));
        if let Some(end) = end {
            spans.push((i, end));
            i = end;
        }
        i += 1;
    }
}

fn card_shape(groups: &[&str]) -> bool {
    let lengths: Vec<usize> = groups.iter().map(|g| g.len()).collect();
    matches!(lengths[..], [13..=19] | [4, 4, 4, 4] | [4, 4, 4, 4, 3] | [4, 6, 5 | 4] | [4, 4, 5] | [8, 8])
}

/// Whether the groups are 13 to 19 digits with a valid check digit (ISO/IEC 7812-1, annex B).
fn luhn(groups: &[&str]) -> bool {
    let count: usize = groups.iter().map(|g| g.len()).sum();
    if !(13..=19).contains(&count) {
        return false;
    }
    let digits = groups.iter().rev().flat_map(|g| g.bytes().rev());
    let sum: u32 = digits
        .enumerate()
        .map(|(place, digit)| {
            let value = u32::from(digit - b'0') * (1 + u32::from(place % 2 == 1));
            value / 10 + value % 10
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::process::{Command, Stdio};

    #[derive(serde::Deserialize)]
    struct Case {
        r#in: String,
        out: String,
    }

    fn cases() -> Vec<Case> {
        serde_json::from_str(include_str!("redact_cases.json")).unwrap()
    }

    #[test]
    fn every_case_of_the_shared_table() {
        assert!(cases().len() >= 40);
        for case in cases() {
            let got = redact(&case.r#in);
            assert_eq!(got.text, case.out, "in: {}", case.r#in);
            assert_eq!(got.found, case.r#in != case.out, "in: {}", case.r#in);
        }
    }

    #[test]
    fn the_script_answers_the_same() {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
        let program = format!(
            "import {{ redact }} from '{root}/static/js/redact.js';
             import {{ readFileSync }} from 'node:fs';
             for (const c of JSON.parse(readFileSync('{root}/src/platform/redact_cases.json')))
               if (redact(c.in) !== c.out) {{ console.error(c.in, '->', redact(c.in)); process.exit(1) }}"
        );
        let done = Command::new("node")
            .args(["--input-type=module", "-e", &program])
            .stdout(Stdio::null())
            .output()
            .expect("node is needed to test static/js");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    proptest! {
        #[test]
        fn never_panics_and_is_settled_after_one_pass(text in "([0-9]{1,6}|[ \\-+.,/:]|[a-z]{1,3}|SSN |é){0,30}") {
            let once = redact(&text);
            prop_assert_eq!(once.found, once.text != text);
            prop_assert!(!redact(&once.text).found || once.text.contains(MASK));
        }
    }
}
