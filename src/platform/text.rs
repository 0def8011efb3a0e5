//! Normalises text: email addresses, names, search words.

use unicode_normalization::UnicodeNormalization as _;

/// Trims, lower-cases and checks an email address. Returns `None` if it is not valid.
pub fn email(typed: &str) -> Option<String> {
    let visible: String = typed.chars().filter(|c| !is_invisible(*c)).collect();
    let typed = visible.trim().trim_start_matches('\'');
    let typed = typed.strip_prefix("mailto:").unwrap_or(typed);
    // Mail programs copy `Ann Doe <ann@example.com>`; a single bracket is a typing error. A sentence leaves its full stop behind.
    let typed = match typed.split_once('<') {
        Some((name, address)) if !name.contains('@') => address.strip_suffix('>')?,
        Some(_) => return None,
        None => typed,
    };
    let typed = typed.trim_end_matches(['.', ',', ';']).to_lowercase();
    let (local, domain) = typed.rsplit_once('@')?;
    let local_ok = !local.is_empty()
        && local.len() <= 64
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && local.chars().all(|c| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c));
    let domain_ok = domain.len() <= 253
        && domain.contains('.')
        && domain.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_alphanumeric() || c == '-')
        })
        && domain.rsplit('.').next().is_some_and(|tld| tld.chars().count() >= 2);
    (local_ok && domain_ok).then_some(typed)
}

/// Reduces white space to one space between words, and none around them. Invisible marks go, except those that join letters (in Persian names,
/// in emoji) while there is anything to join.
pub fn collapse(text: &str) -> String {
    let joins = |c: char| matches!(c, '\u{200c}' | '\u{200d}');
    let kept: String = text.chars().filter(|c| !is_invisible(*c) || joins(*c)).collect();
    if kept.chars().all(|c| joins(c) || c.is_whitespace()) {
        return String::new();
    }
    kept.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Splits into first and last name: "Mary Ann van der Berg" → ("Mary Ann", "van der Berg"); "Berg, Mary" → ("Mary", "Berg"). A single
/// word is a first name.
pub fn split_name(full: &str) -> (String, String) {
    let full = collapse(full);
    if let Some((last, first)) = full.split_once(',') {
        let suffix = matches!(first.trim().trim_end_matches('.'), "Jr" | "Sr" | "II" | "III" | "IV" | "MD" | "PhD");
        if !suffix {
            return (first.trim().to_owned(), last.trim().to_owned());
        }
    }
    let words: Vec<&str> = full.split(' ').collect();
    if words.len() < 2 {
        return (full, String::new());
    }
    let particle =
        |w: &str| matches!(w, "van" | "von" | "der" | "den" | "de" | "del" | "della" | "di" | "da" | "la" | "le" | "ter" | "bin" | "al");
    let suffix = |w: &str| matches!(w.trim_matches(['.', ',']), "Jr" | "Sr" | "II" | "III" | "IV");
    let mut last = words.len() - 1;
    if suffix(words[last]) && last > 1 {
        last -= 1;
    }
    while last > 1 && particle(words[last - 1]) {
        last -= 1;
    }
    (words[..last].join(" "), words[last..].join(" "))
}

/// Up to two capital letters: "Jesus Wilson" → "JW".
pub fn initials(name: &str) -> String {
    let words: Vec<&str> = name.split_whitespace().filter(|w| w.starts_with(char::is_alphanumeric)).collect();
    let first = words.first().and_then(|w| w.chars().next());
    let last = words.iter().skip(1).next_back().and_then(|w| w.chars().next());
    first.into_iter().chain(last).flat_map(char::to_uppercase).collect()
}

/// How words and what is searched are compared: decomposed, lower case, without accents and invisible marks, one kind of apostrophe and hyphen.
/// The function `app.fold` is the same rule inside the database; `fold_cases.json` holds cases that both must pass.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let mut out = String::with_capacity(text.len());
    for c in text.nfkd().flat_map(char::to_lowercase) {
        match c {
            // Combining marks.
            '\u{300}'..='\u{36f}' => {}
            c if is_invisible(c) => {}
            // Letters that Unicode does not decompose, and the marks that keyboards and word processors set.
            'ø' => out.push('o'),
            'đ' | 'ð' => out.push('d'),
            'ł' => out.push('l'),
            'ı' => out.push('i'),
            'ħ' => out.push('h'),
            'ŧ' => out.push('t'),
            'ß' => out.push_str("ss"),
            'æ' => out.push_str("ae"),
            'œ' => out.push_str("oe"),
            'þ' => out.push_str("th"),
            'ʼ' | '‘' | '’' | '′' => out.push('\''),
            '‐' | '‑' | '‒' | '–' | '—' => out.push('-'),
            c => out.push(c),
        }
    }
    out
}

/// Whether a character is invisible and only steers how text is set: zero-width spaces and joiners, directions, the soft hyphen, the byte order
/// mark. They come along when names and numbers are copied from elsewhere.
pub fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Returns the folded words of a search, without punctuation around them.
pub fn search_words(query: &str) -> Vec<String> {
    fold(query)
        .split_whitespace()
        .map(|w| w.trim_matches(|c: char| !c.is_alphanumeric() && c != '@' && c != '+'))
        .filter(|w| !w.is_empty())
        .map(str::to_owned)
        .collect()
}

/// `Clear View Windows!` → `clear-view-windows`; empty if no ASCII letter or digit is left.
pub fn slug(text: &str) -> String {
    fold(text).split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty()).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emails() {
        assert_eq!(email(" Jesus.Wilson@Yahoo.COM "), Some("jesus.wilson@yahoo.com".into()));
        assert_eq!(email("<a+b@x.co>"), Some("a+b@x.co".into()));
        for typed in ["Pat <pat@example.com>", "pat@example.com.", "\u{200b}pat@example.com\u{feff}", "pat@example.com, "] {
            assert_eq!(email(typed), Some("pat@example.com".into()), "{typed}");
        }
        assert_eq!(email("pat@a.co <pat@b.co>"), None);
        assert_eq!(email("zoë@büro.de"), Some("zoë@büro.de".into()));
        for bad in ["", "a", "a@", "@b.c", "a@b", "a b@c.de", "a@b..de", ".a@b.de", "a@b.d", "a@-b.de", "a@b.de, c@d.ef", "none"] {
            assert_eq!(email(bad), None, "{bad}");
        }
    }

    #[test]
    fn names() {
        let split = |n| {
            let (a, b) = split_name(n);
            format!("{a}|{b}")
        };
        assert_eq!(split("Veronica  Holden"), "Veronica|Holden");
        assert_eq!(split("Holden, Veronica"), "Veronica|Holden");
        assert_eq!(split("Mary Ann van der Berg"), "Mary Ann|van der Berg");
        assert_eq!(split("Sammy Davis, Jr."), "Sammy|Davis, Jr.");
        assert_eq!(split("Cher"), "Cher|");
        assert_eq!(split(""), "|");
        assert_eq!(initials("Jesus de la Wilson"), "JW");
        assert_eq!(initials("émile"), "É");
        assert_eq!(initials(" "), "");
    }

    #[test]
    fn words_are_compared_folded() {
        let cases: Vec<(String, String)> = serde_json::from_str(include_str!("fold_cases.json")).unwrap();
        for (typed, folded) in cases {
            assert_eq!(fold(&typed), folded, "{typed}");
        }
        assert_eq!(search_words("  Holden, \"Huntsville\" +1256 "), ["holden", "huntsville", "+1256"]);
        assert_eq!(slug("Clear View  Windows!"), "clear-view-windows");
        assert_eq!(collapse(" a \n b\t"), "a b");
        assert_eq!(collapse("\u{200b}\u{202e} \u{200d}"), "", "a name must be seen");
        assert_eq!(collapse("\u{202a}Reza\u{202c} نیک\u{200c}نام"), "Reza نیک\u{200c}نام");
    }
}
