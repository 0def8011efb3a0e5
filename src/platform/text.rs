//! Normalises text: email addresses, names, search words.

/// Trims, lower-cases and checks an email address. Returns `None` if it is not valid.
pub fn email(typed: &str) -> Option<String> {
    let typed = typed.trim().trim_start_matches('\'');
    let typed = typed.strip_prefix("mailto:").unwrap_or(typed);
    // Mail programs copy `<ann@example.com>`; a single bracket is a typing error.
    let typed = typed.strip_prefix('<').map_or(Some(typed), |t| t.strip_suffix('>'))?.to_lowercase();
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

/// Reduces white space to one space between words, and none around them.
pub fn collapse(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
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

/// Lower-cases and removes the accents of Latin letters, to compare search words and names.
pub fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars().flat_map(char::to_lowercase) {
        match unaccented(c) {
            Some(plain) => out.push_str(plain),
            // Combining marks of decomposed text.
            None if ('\u{300}'..='\u{36f}').contains(&c) => {}
            None => out.push(c),
        }
    }
    out
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

fn unaccented(c: char) -> Option<&'static str> {
    Some(match c {
        'à'..='å' | 'ā' | 'ă' | 'ą' | 'ạ' | 'ả' | 'ấ' | 'ầ' | 'ẩ' | 'ẫ' | 'ậ' | 'ắ' | 'ằ' | 'ẳ' | 'ẵ' | 'ặ' => {
            "a"
        }
        'æ' => "ae",
        'ç' | 'ć' | 'č' | 'ĉ' => "c",
        'ď' | 'đ' | 'ð' => "d",
        'è'..='ë' | 'ē' | 'ĕ' | 'ė' | 'ę' | 'ě' | 'ẹ' | 'ẻ' | 'ẽ' | 'ế' | 'ề' | 'ể' | 'ễ' | 'ệ' => "e",
        'ğ' | 'ģ' => "g",
        'ì'..='ï' | 'ī' | 'į' | 'ı' | 'ỉ' | 'ị' => "i",
        'ł' | 'ľ' | 'ļ' => "l",
        'ñ' | 'ń' | 'ň' | 'ņ' => "n",
        'ò'..='ö' | 'ø' | 'ō' | 'ő' | 'ơ' | 'ọ' | 'ỏ' | 'ố' | 'ồ' | 'ổ' | 'ỗ' | 'ộ' | 'ớ' | 'ờ' | 'ở' | 'ỡ' | 'ợ' => {
            "o"
        }
        'œ' => "oe",
        'ŕ' | 'ř' => "r",
        'ś' | 'š' | 'ş' | 'ș' => "s",
        'ß' => "ss",
        'ť' | 'ţ' | 'ț' => "t",
        'ù'..='ü' | 'ū' | 'ů' | 'ű' | 'ų' | 'ư' | 'ụ' | 'ủ' | 'ứ' | 'ừ' | 'ử' | 'ữ' | 'ự' => "u",
        'ý' | 'ÿ' | 'ỳ' | 'ỵ' | 'ỷ' | 'ỹ' => "y",
        'ź' | 'ž' | 'ż' => "z",
        '\u{2018}' | '\u{2019}' => "'",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emails() {
        assert_eq!(email(" Jesus.Wilson@Yahoo.COM "), Some("jesus.wilson@yahoo.com".into()));
        assert_eq!(email("<a+b@x.co>"), Some("a+b@x.co".into()));
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
        assert_eq!(fold("Zoë NGUYỄN Straße"), "zoe nguyen strasse");
        assert_eq!(fold("Zoe\u{308}"), "zoe");
        assert_eq!(search_words("  Holden, \"Huntsville\" +1256 "), ["holden", "huntsville", "+1256"]);
        assert_eq!(slug("Clear View  Windows!"), "clear-view-windows");
        assert_eq!(collapse(" a \n b\t"), "a b");
    }
}
