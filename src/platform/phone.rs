//! Phone numbers as people type them: kept as typed, matched as E.164.

use std::str::FromStr;

use phonenumber::{Mode, country};
use unicode_normalization::UnicodeNormalization as _;

use super::text;

/// A typed phone number that is plausible in the business's region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phone {
    /// The number as typed, without what was around it: spreadsheet wrapping, invisible marks, a word for what kind it is.
    pub typed: String,
    /// `+12566887695`, without extension.
    pub e164: String,
    /// Digits of an extension ("x12", "ext. 12").
    pub extension: Option<String>,
    /// The word typed with it ("cell", "h:"), as a label: `mobile`, `home`, `work`, `fax`.
    pub label: Option<&'static str>,
}

/// Why a text is not a phone number; the message is for the person who typed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PhoneError {
    Empty,
    TooShort,
    TooLong,
    NotANumber,
}

impl std::fmt::Display for PhoneError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Empty => "Type a phone number",
            Self::TooShort => "That phone number is too short",
            Self::TooLong => "That phone number is too long",
            Self::NotANumber => "That does not look like a phone number",
        })
    }
}
impl std::error::Error for PhoneError {}

/// Parses a number typed in `region` (ISO 3166, "US"): `(256) 688-7695 x2`, `'+1256…`, `="2566887695"`, `1-800-FLOWERS`.
/// Numbers of the North American plan need not be assigned: real lists hold retired and made-up ones.
pub fn parse(typed: &str, region: &str) -> Result<Phone, PhoneError> {
    let cleaned = clean(typed);
    if cleaned.is_empty() {
        return Err(PhoneError::Empty);
    }
    let (typed, label) = split_label(&cleaned);
    let (main, extension) = split_extension(typed);
    let spelled = spell_out(main);
    let number = digits(&spelled);
    match number.len() {
        0 => return Err(PhoneError::NotANumber),
        1..=6 => return Err(PhoneError::TooShort),
        16.. => return Err(PhoneError::TooLong),
        _ => {}
    }
    if spelled.chars().any(char::is_alphabetic) {
        return Err(PhoneError::NotANumber);
    }
    let e164 = match north_american(&spelled, &number, region) {
        Some(e164) => e164,
        None => by_library(&spelled, region).ok_or(match number.len() {
            ..=9 => PhoneError::TooShort,
            _ => PhoneError::NotANumber,
        })?,
    };
    Ok(Phone { typed: typed.to_owned(), e164, extension, label })
}

/// Returns the last four digits, or `None` if there are fewer.
pub fn tail4(number: &str) -> Option<String> {
    let digits = digits(number);
    (digits.len() >= 4).then(|| digits[digits.len() - 4..].to_owned())
}

/// Returns the ASCII digits of `text`.
pub fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// Whether a search query looks like a phone number or the tail of one: at least four digits, and only phone punctuation beside them.
pub fn looks_like_phone(query: &str) -> bool {
    let query = clean(query);
    digits(&query).len() >= 4 && query.chars().all(|c| c.is_ascii_digit() || "+-(). /".contains(c))
}

/// Formats a number as people in `region` write it: `(256) 688-7695`, or `+49 1512 3456789` for other countries.
pub fn display(e164: &str, region: &str) -> String {
    if let Some(local) = e164.strip_prefix("+1").filter(|n| n.len() == 10 && n.is_ascii()) {
        let (area, exchange, line) = (&local[..3], &local[3..6], &local[6..]);
        return if is_north_american(region) { format!("({area}) {exchange}-{line}") } else { format!("+1 {area}-{exchange}-{line}") };
    }
    let Ok(number) = phonenumber::parse(None, e164) else {
        return e164.to_owned();
    };
    let home = country::Id::from_str(region).ok();
    let mode = if home.is_some() && number.country().id() == home { Mode::National } else { Mode::International };
    number.format().mode(mode).to_string()
}

/// Formats a typed number as people in `region` write it. Numbers with letters ("1-800-FLOWERS") and text that is no number stay as typed.
pub fn shown(typed: &str, region: &str) -> String {
    let cleaned = clean(typed);
    let (main, extension) = split_extension(split_label(&cleaned).0);
    if main.chars().any(char::is_alphabetic) {
        return typed.to_owned();
    }
    let number = digits(main);
    let local = if number.len() == 11 { number.strip_prefix('1') } else { Some(number.as_str()).filter(|_| !main.starts_with('+')) };
    // Ten digits are formatted without the library, whether assigned or not: lists are shown often, and the library is slow.
    let e164 = match local.filter(|l| l.len() == 10 && is_north_american(region)) {
        Some(local) => format!("+1{local}"),
        None => match parse(main, region) {
            Ok(phone) => phone.e164,
            Err(_) => return typed.to_owned(),
        },
    };
    let number = display(&e164, region);
    extension.map_or(number.clone(), |ext| format!("{number} ext. {ext}"))
}

/// The extension typed with a number.
pub fn extension(typed: &str) -> Option<String> {
    let cleaned = clean(typed);
    split_extension(split_label(&cleaned).0).1
}

/// Returns the dial string of a number as typed or in E.164: digits, then the extension after a pause (`,`).
pub fn dialled(typed: &str) -> String {
    let cleaned = clean(typed);
    let (main, extension) = split_extension(split_label(&cleaned).0);
    let number: String = spell_out(main).chars().filter(|c| c.is_ascii_digit() || *c == '+').collect();
    extension.map_or(number.clone(), |ext| format!("{number},{ext}"))
}

/// The number in plain characters: without what spreadsheets put around it (`="2"`, a leading apostrophe), without the invisible marks that come
/// along when it is copied, full-width digits and every kind of hyphen and space made plain, `(+49) 1512…` without the brackets.
fn clean(typed: &str) -> String {
    let plain: String = typed
        .nfkc()
        .filter(|c| !text::is_invisible(*c))
        .map(|c| match c {
            '‐'..='―' | '−' => '-',
            c if c.is_whitespace() => ' ',
            c => c,
        })
        .collect();
    let plain = plain.trim();
    let plain = plain.strip_prefix("=\"").and_then(|t| t.strip_suffix('"')).unwrap_or(plain).trim_start_matches('\'').trim();
    let plain = plain.strip_prefix("tel:").unwrap_or(plain);
    match plain.strip_prefix('(').filter(|rest| rest.trim_start().starts_with('+')) {
        Some(rest) => rest.replacen(')', "", 1).trim().to_owned(),
        None => plain.to_owned(),
    }
}

/// What people write beside a number, and the label it becomes.
const LABELS: [(&str, &[&str]); 4] = [
    ("mobile", &["cell phone", "cell", "mobile", "mob", "c", "m"]),
    ("home", &["home", "landline", "house", "h"]),
    ("work", &["work", "office", "business", "w", "o"]),
    ("fax", &["fax", "f"]),
];

/// Splits a word from before or behind a number: `256-555-0186 (cell)`, `h: 256-555-0186`. A single letter counts only with a colon or brackets.
fn split_label(typed: &str) -> (&str, Option<&'static str>) {
    let is_number = |at: usize| typed[at..].trim_start_matches('(').starts_with(|c: char| c.is_ascii_digit() || c == '+');
    let start = typed.char_indices().map(|(at, _)| at).find(|at| is_number(*at)).unwrap_or(0);
    let end = typed.rfind(|c: char| c.is_ascii_digit()).map_or(typed.len(), |at| at + 1);
    let label_of = |word: &str| {
        let bare = word.trim_matches(|c: char| !c.is_ascii_alphabetic()).to_ascii_lowercase();
        let is_marked = bare.len() > 1 || word.contains([':', '(']);
        LABELS.iter().find(|(_, words)| is_marked && words.contains(&bare.as_str())).map(|(label, _)| *label)
    };
    if let Some(label) = label_of(&typed[..start]) {
        return (typed[start..].trim(), Some(label));
    }
    match label_of(&typed[end.max(start)..]) {
        Some(label) => (typed[..end].trim(), Some(label)),
        None => (typed, None),
    }
}

fn split_extension(typed: &str) -> (&str, Option<String>) {
    let lower = typed.to_ascii_lowercase();
    for mark in ["extension", "ext.", "ext", "x", "#"] {
        let Some(at) = lower.find(mark).filter(|&at| at > 0) else {
            continue;
        };
        let extension = digits(&typed[at..]);
        let only = lower[at + mark.len()..].chars().all(|c| c.is_ascii_digit() || " .:".contains(c));
        if only && (1..=7).contains(&extension.len()) && digits(&typed[..at]).len() >= 7 {
            return (&typed[..at], Some(extension));
        }
    }
    (typed, None)
}

/// Replaces letters by keypad digits, only in vanity numbers ("1-800-FLOWERS"): at least three digits, 10 or 11 digits and letters in all.
fn spell_out(main: &str) -> String {
    let letters = main.chars().filter(char::is_ascii_alphabetic).count();
    let count = digits(main).len();
    if letters == 0 || count < 3 || !(10..=11).contains(&(count + letters)) {
        return main.to_owned();
    }
    main.chars()
        .map(|c| match c.to_ascii_lowercase() {
            'a'..='c' => '2',
            'd'..='f' => '3',
            'g'..='i' => '4',
            'j'..='l' => '5',
            'm'..='o' => '6',
            'p'..='s' => '7',
            't'..='v' => '8',
            'w'..='z' => '9',
            _ => c,
        })
        .collect()
}

fn is_north_american(region: &str) -> bool {
    matches!(region, "US" | "CA" | "PR" | "VI" | "GU" | "BM" | "BS" | "JM")
}

/// Returns a North American number (NXX-NXX-XXXX) in E.164 without the library, whose metadata is slow to load. `None` for any other.
fn north_american(typed: &str, number: &str, region: &str) -> Option<String> {
    let plus = typed.trim_start().starts_with('+');
    let local = match number.len() {
        10 if !plus && is_north_american(region) => number,
        11 if plus || is_north_american(region) => number.strip_prefix('1')?,
        _ => return None,
    };
    let starts_well = |at: usize| matches!(local.as_bytes()[at], b'2'..=b'9');
    (starts_well(0) && starts_well(3)).then(|| format!("+1{local}"))
}

fn by_library(typed: &str, region: &str) -> Option<String> {
    // A number without a country code must be valid in the default region. One with `+` need only be possible, and is parsed without the
    // region, whose trunk prefix would otherwise be removed from it (the 1 of a German mobile, in the US).
    let plus = typed.trim_start().starts_with('+');
    let number = phonenumber::parse(country::Id::from_str(region).ok().filter(|_| !plus), typed).ok()?;
    (plus || phonenumber::is_valid(&number)).then(|| number.format().mode(Mode::E164).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_way_the_same_number_is_typed() {
        for typed in [
            "2053643725",
            "(205) 364-3725",
            "205.364.3725",
            "205-364-3725",
            "1 205 364 3725",
            "+12053643725",
            "'+12053643725",
            "=\"2053643725\"",
            " 205 364 3725 ",
            "205/364-3725",
        ] {
            assert_eq!(parse(typed, "US").map(|p| p.e164), Ok("+12053643725".into()), "{typed}");
        }
    }

    #[test]
    fn what_comes_along_when_a_number_is_copied() {
        for typed in [
            "\u{202a}+49 1512 3456789\u{202c}",
            "\u{200e}+49\u{a0}1512\u{a0}3456789",
            "(+49) 1512 3456789",
            "（＋４９） １５１２ ３４５６７８９",
            "\u{feff}+49 1512\u{2011}3456789",
            "tel:+49-1512–3456789",
        ] {
            assert_eq!(parse(typed, "US").map(|p| p.e164), Ok("+4915123456789".into()), "{typed}");
            assert_eq!(dialled(typed), "+4915123456789", "{typed}");
        }
        for (typed, region, e164) in [
            ("+44 (0)20 7946 0958", "US", "+442079460958"),
            ("+33 6 12 34 56 78", "US", "+33612345678"),
            ("+55 11 91234-5678", "US", "+5511912345678"),
            ("+86 138 0013 8000", "US", "+8613800138000"),
            ("06 12 34 56 78", "FR", "+33612345678"),
        ] {
            assert_eq!(parse(typed, region).map(|p| p.e164), Ok(e164.into()), "{typed}");
        }
        assert!(looks_like_phone("256–555‑0186"));
    }

    #[test]
    fn a_word_beside_the_number_is_its_label() {
        for (typed, label) in [
            ("256-555-0186 (cell)", "mobile"),
            ("256-555-0186 cell", "mobile"),
            ("c: 256-555-0186", "mobile"),
            ("h: (256) 555-0186", "home"),
            ("Office (256) 555-0186", "work"),
            ("(256) 555-0186 (w)", "work"),
            ("Fax: 256.555.0186", "fax"),
        ] {
            let phone = parse(typed, "US").unwrap();
            assert_eq!((phone.e164.as_str(), phone.label), ("+12565550186", Some(label)), "{typed}");
            assert_eq!(shown(typed, "US"), "(256) 555-0186", "{typed}");
            assert!(!phone.typed.contains(char::is_alphabetic), "{}", phone.typed);
        }
        assert_eq!(parse("256-555-0186 x7 cell", "US").unwrap().extension.as_deref(), Some("7"));
        assert_eq!(parse("1-800-FLOWERS", "US").unwrap().label, None);
    }

    #[test]
    fn extensions_vanity_and_other_countries() {
        let p = parse("256-688-7695 ext. 12", "US").unwrap();
        assert_eq!((p.e164.as_str(), p.extension.as_deref()), ("+12566887695", Some("12")));
        assert_eq!(parse("(256) 688-7695 x4", "US").unwrap().extension.as_deref(), Some("4"));
        assert_eq!(parse("1-800-FLOWERS", "US").unwrap().e164, "+18003569377");
        assert_eq!(parse("+44 20 7946 0958", "US").unwrap().e164, "+442079460958");
        assert_eq!(parse("020 7946 0958", "GB").unwrap().e164, "+442079460958");
    }

    #[test]
    fn what_is_no_number_says_why() {
        for (typed, why) in [
            ("", PhoneError::Empty),
            ("'", PhoneError::Empty),
            ("none", PhoneError::NotANumber),
            ("12345", PhoneError::TooShort),
            ("688-7695", PhoneError::TooShort),
            ("12345678901234567", PhoneError::TooLong),
            ("call Bob 2566887695", PhoneError::NotANumber),
            ("0000000000", PhoneError::NotANumber),
        ] {
            assert_eq!(parse(typed, "US"), Err(why), "{typed}");
        }
    }

    #[test]
    fn tails_queries_and_display() {
        assert_eq!(tail4("(256) 688-7695").as_deref(), Some("7695"));
        assert_eq!(tail4("12"), None);
        assert!(looks_like_phone("7695") && looks_like_phone("(256) 688-76") && looks_like_phone("'+1256"));
        assert!(!looks_like_phone("769") && !looks_like_phone("8798 Governors") && !looks_like_phone("a@b.c"));
        assert_eq!(display("+12566887695", "US"), "(256) 688-7695");
        assert_eq!(display("+12566887695", "GB"), "+1 256-688-7695");
        assert_eq!(display("+442079460958", "GB"), "020 7946 0958");
        assert_eq!(display("+442079460958", "US"), "+44 20 7946 0958");
    }

    #[test]
    fn shown_alike_and_dialled_with_the_extension() {
        for typed in ["2566887695", "+1 256.688.7695", "256-688-7695"] {
            assert_eq!(shown(typed, "US"), "(256) 688-7695");
        }
        assert_eq!(shown("256-688-7695 x12", "US"), "(256) 688-7695 ext. 12");
        assert_eq!(shown("1-800-FLOWERS", "US"), "1-800-FLOWERS");
        assert_eq!(shown("ask Bob", "US"), "ask Bob");
        assert_eq!(shown("+49 1512 3456789", "US"), "+49 1512 3456789");
        assert_eq!(parse("+49 1512 3456789", "US").unwrap().e164, "+4915123456789");
        assert_eq!(shown("", "US"), "");
        assert_eq!(dialled("+1 (256) 688-7695 ext. 12"), "+12566887695,12");
        assert_eq!(dialled("1-800-FLOWERS"), "18003569377");
    }

    proptest! {
        #[test]
        fn never_panics(typed in "\\PC{0,24}") {
            shown(&typed, "US");
            dialled(&typed);
            if let Ok(phone) = parse(&typed, "US") {
                prop_assert!(phone.e164.starts_with('+'));
                display(&phone.e164, "US");
            }
        }
    }
}
