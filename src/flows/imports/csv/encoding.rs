//! Bytes → text. What is no UTF-8 is guessed by its letters; the guess can be corrected afterwards, for the text still holds every byte.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, MACINTOSH, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use super::FileProblem;

/// The encodings that a person can choose from, with their words.
pub const CHOICES: [(&str, &str); 12] = [
    ("windows-1252", "Western European (Windows)"),
    ("macintosh", "Western European (old Mac)"),
    ("windows-1250", "Central European (Windows)"),
    ("ISO-8859-2", "Central European (ISO)"),
    ("windows-1251", "Cyrillic (Windows)"),
    ("KOI8-U", "Cyrillic (KOI8)"),
    ("windows-1253", "Greek"),
    ("windows-1254", "Turkish"),
    ("Shift_JIS", "Japanese"),
    ("gb18030", "Chinese, simplified"),
    ("Big5", "Chinese, traditional"),
    ("EUC-KR", "Korean"),
];

/// The text of a file with `\n` at its line ends, and the encoding it was read with.
pub fn decode(bytes: Vec<u8>) -> Result<(String, &'static Encoding), FileProblem> {
    if bytes.is_empty() {
        return Err(FileProblem::Empty);
    }
    // Excel workbooks, PDF, old Excel.
    if [&b"PK\x03\x04"[..], b"%PDF", b"\xd0\xcf\x11\xe0"].iter().any(|magic| bytes.starts_with(magic)) {
        return Err(FileProblem::NotText);
    }
    let encoding = Encoding::for_bom(&bytes).map_or_else(|| guess(&bytes), |(encoding, _)| encoding);
    let text = if encoding == UTF_8 {
        // Without a copy where nothing has to be replaced: a file may have 200 MB.
        String::from_utf8(bytes).unwrap_or_else(|broken| String::from_utf8_lossy(broken.as_bytes()).into_owned())
    } else {
        encoding.decode(&bytes).0.into_owned()
    };
    if text.contains('\0') {
        return Err(FileProblem::NotText);
    }
    Ok((with_plain_ends(text), encoding))
}

/// The text as if it had been read with another encoding; `from` is the one that it was read with.
pub fn read_again(text: &str, from: &'static Encoding, with: &'static Encoding) -> String {
    with_plain_ends(with.decode_without_bom_handling(&from.encode(text).0).0.into_owned())
}

/// Old Macs end lines with a carriage return alone; lines are counted by the other one. A byte order mark is no text.
fn with_plain_ends(text: String) -> String {
    if !text.contains(['\r', '\u{feff}']) {
        return text;
    }
    let mut text = text.into_bytes();
    let (mut from, mut to) = (if text.starts_with("\u{feff}".as_bytes()) { 3 } else { 0 }, 0);
    while from < text.len() {
        let is_return = text[from] == b'\r';
        text[to] = if is_return { b'\n' } else { text[from] };
        from += if is_return && text.get(from + 1) == Some(&b'\n') { 2 } else { 1 };
        to += 1;
    }
    text.truncate(to);
    String::from_utf8(text).unwrap_or_default()
}

/// Without a byte order mark: UTF-16 shows as zeros in every other byte; the rest by its letters.
fn guess(bytes: &[u8]) -> &'static Encoding {
    let head = &bytes[..bytes.len().min(1000)];
    let zeros = |at: usize| head.iter().skip(at).step_by(2).filter(|b| **b == 0).count();
    if zeros(1) > head.len() / 4 {
        return UTF_16LE;
    } else if zeros(0) > head.len() / 4 {
        return UTF_16BE;
    } else if std::str::from_utf8(bytes).is_ok() {
        return UTF_8;
    }
    if has_few_western_letters(bytes) {
        return WINDOWS_1252;
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(bytes, true);
    let found = detector.guess(None, Utf8Detection::Deny);
    // The detector knows no encoding of Macs.
    let is_western = [WINDOWS_1252, encoding_rs::WINDOWS_1254, encoding_rs::WINDOWS_1257, encoding_rs::WINDOWS_1258].contains(&found);
    let is_mac = Letters::of(MACINTOSH, bytes).sum() > Letters::of(found, bytes).sum();
    if is_mac && (is_western || bytes.contains(&b'\r') && !bytes.contains(&b'\n')) { MACINTOSH } else { found }
}

/// A few letters are too little for the detector: if they read as Western ones, that is what most files hold.
fn has_few_western_letters(bytes: &[u8]) -> bool {
    let letters = Letters::of(WINDOWS_1252, bytes);
    let stand_together = bytes.windows(3).any(|w| w.iter().all(|b| !b.is_ascii()));
    letters.others == 0 && (1..4).contains(&letters.western) && !stand_together
}

/// What the bytes above ASCII are in an encoding.
struct Letters {
    /// Small letters of Western languages, and capitals that begin a word.
    western: i64,
    /// What neither these have nor signs of prose.
    others: i64,
}

impl Letters {
    fn of(encoding: &'static Encoding, bytes: &[u8]) -> Self {
        let text = encoding.decode_without_bom_handling(bytes).0;
        let (mut before, mut seen) = (' ', Self { western: 0, others: 0 });
        for c in text.chars() {
            match c {
                _ if c.is_ascii() => {}
                'à'..='ö' | 'ø'..='ÿ' | 'œ' | 'ß' => seen.western += 1,
                'À'..='Ö' | 'Ø'..='Þ' | 'Œ' if !before.is_alphabetic() => seen.western += 1,
                '’' | '‘' | '“' | '”' | '–' | '—' | '…' | '€' | '£' | '°' | '\u{a0}' => {}
                _ => seen.others += 1,
            }
            before = c;
        }
        seen
    }

    fn sum(&self) -> i64 {
        self.western - self.others
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use encoding_rs::{ISO_8859_2, SHIFT_JIS, WINDOWS_1250, WINDOWS_1251};

    #[test]
    fn letters_of_other_countries_are_read_as_written() {
        for (encoding, names) in [
            (MACINTOSH, "Émile Zola\rRenée Müller\rJosé Peña\rFrançois Lefèvre"),
            (WINDOWS_1252, "Émile Zola\nRenée Müller\nJosé Peña\nFrançois O’Brien"),
            (WINDOWS_1250, "Łukasz Wójcik\nŻaneta Gołąb\nKrzysztof Świątek\nMałgorzata Dąbrowska"),
            (ISO_8859_2, "Łukasz Wójcik\nŻaneta Gołąb\nKrzysztof Świątek\nMałgorzata Dąbrowska"),
            (WINDOWS_1251, "Ольга Иванова\nПётр Смирнов\nАнна Кузнецова\nСергей Попов"),
            (SHIFT_JIS, "山田太郎\n佐藤花子\nスズキ イチロー\n東京都千代田区"),
        ] {
            let bytes = encoding.encode(&format!("Name,City\n{names}")).0.into_owned();
            let (text, found) = decode(bytes).unwrap();
            assert!(text.ends_with(&names.replace('\r', "\n")), "{} taken as {}: {text}", encoding.name(), found.name());
        }
    }

    #[test]
    fn a_wrong_guess_is_read_again_from_the_text_alone() {
        for encoding in CHOICES.map(|(name, _)| Encoding::for_label(name.as_bytes()).unwrap()) {
            let bytes = ISO_8859_2.encode("Łukasz,Gołąb").0.into_owned();
            let (wrong, _, had_errors) = encoding.decode(&bytes);
            if !had_errors {
                assert_eq!(read_again(&wrong, encoding, ISO_8859_2), "Łukasz,Gołąb", "{}", encoding.name());
            }
        }
    }
}
