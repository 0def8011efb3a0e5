//! What is kept of an uploaded file: its text, with card and social security numbers taken out of its free text.

use super::Reading;
use crate::imports::{
    Choices,
    csv::{self, Sheet},
    recognise::{Kind, Mapping, Recognised, recognise},
    square::Options,
};
use platform::redact;
use sha2::{Digest, Sha256};

/// A file to be stored, read once.
#[derive(Debug)]
pub struct Kept {
    pub reading: Reading,
    /// Of the file as it was uploaded.
    pub sha256: [u8; 32],
    /// The encoding that it was read with.
    pub encoding: &'static str,
    pub was_redacted: bool,
}

/// Recognises an uploaded file and redacts it. `expected` is the kind the user chose, if any. The error is a message for the user.
pub fn keep(bytes: Vec<u8>, expected: Option<Kind>, options: Options) -> Result<Kept, String> {
    let sha256 = Sha256::digest(&bytes).into();
    let (text, encoding) = csv::decode(bytes).map_err(|e| e.to_string())?;
    let sheet = Sheet::of(text).map_err(|e| e.to_string())?;
    let kind = match (recognise(&sheet), expected) {
        (Recognised::Known(kind), Some(wanted)) if kind != wanted => {
            return Err(format!("This looks like {}, not {}.", kind.label(), wanted.label()));
        }
        (Recognised::Known(kind), _) => kind,
        // The user maps the columns on the preview.
        (Recognised::Almost { kind, .. }, wanted) => wanted.unwrap_or(kind),
        (Recognised::Unknown, wanted) => wanted.unwrap_or(Kind::SquareCustomers),
    };
    let redacted = redacted(&sheet, &free_text(&sheet, kind));
    let was_redacted = redacted.is_some();
    let sheet = match redacted {
        Some(text) => {
            drop(sheet);
            Sheet::of(text).map_err(|e| e.to_string())?
        }
        None => sheet,
    };
    Ok(Kept { reading: Reading::of(sheet, kind, options, &Choices::default()), sha256, encoding: encoding.name(), was_redacted })
}

/// Words in a header that say what its column holds. A number of cards is looked for first: it is never kept.
const CARDS: [&str; 7] = ["card", "cards", "cc", "credit", "pan", "ssn", "social"];
#[rustfmt::skip]
const NUMBERS: [&str; 38] = [
    "phone", "phones", "mobile", "cell", "tel", "telephone", "fax", "id", "ids", "gtin", "upc", "ean", "isbn", "barcode", "sku", "token", "number",
    "no", "nr", "reference", "ref", "serial", "vin", "tracking", "amount", "price", "total", "sales", "cost", "fee", "fees", "tax", "date", "time",
    "zip", "postcode", "email", "emails",
];

/// Fields whose cells are numbers by their meaning; free text is every other.
#[rustfmt::skip]
const NUMBER_FIELDS: [&str; 17] = [
    "Square Customer ID", "Rounds ID", "Reference ID", "Phone Number", "Email Address", "Postal Code", "Birthday", "Token", "SKU", "Price",
    "Transaction ID", "Payment ID", "Customer ID", "Client Phone", "Client Email", "Start", "End",
];

/// How many rows tell what an unknown column holds.
const LOOKED_AT: usize = 200;

/// Which columns hold free text: by what they mean, by the words of their header, else by their first cells.
fn free_text(sheet: &Sheet, kind: Kind) -> Vec<bool> {
    let mapping = Mapping::guess(kind, sheet);
    let head: Vec<csv::Row> = sheet.rows().take(LOOKED_AT).collect();
    let by_cells = |column: usize| {
        let cells = || head.iter().map(|row| &row.cells[column]).filter(|cell| !cell.is_empty());
        let long = || cells().filter(|cell| (13..=19).contains(&cell.bytes().filter(u8::is_ascii_digit).count()));
        let is_text = cells().any(|cell| cell.chars().filter(|c| c.is_alphabetic()).count() > 1);
        // One long number of ten looks like that of a card; a column of cards looks so throughout.
        cells().next().is_none() || is_text || long().filter(|cell| redact::redact(cell).found).count() * 5 > long().count() * 4
    };
    let is_free = |(column, key): (usize, &String)| {
        let has = |words: &[&str]| key.split(' ').any(|word| words.contains(&word));
        match mapping.field(column) {
            Some(field) if NUMBER_FIELDS.contains(&field) => false,
            _ if has(&CARDS) => true,
            _ if has(&NUMBERS) => false,
            Some(_) => true,
            None => by_cells(column),
        }
    };
    sheet.keys().iter().enumerate().map(is_free).collect()
}

/// The text with the numbers in the columns of free text taken out; `None` if there are none.
fn redacted(sheet: &Sheet, free: &[bool]) -> Option<String> {
    let mut out: Option<String> = None;
    let mut at = 0;
    for (row, piece) in sheet.pieces() {
        let found = match row {
            Some(index) => sheet.replaced(index, |column, cell| {
                let is_free = free.get(column).copied().unwrap_or(true);
                // Most cells have too few digits to be looked at.
                let may_be = is_free && cell.bytes().filter(u8::is_ascii_digit).count() >= 9;
                may_be.then(|| redact::redact(cell)).filter(|r| r.found).map(|r| r.text)
            }),
            None => None,
        };
        match (&mut out, found) {
            (Some(out), found) => out.push_str(found.as_deref().unwrap_or(piece)),
            (None, Some(found)) => {
                let mut text = String::with_capacity(sheet.text().len());
                text.push_str(&sheet.text()[..at]);
                text.push_str(&found);
                out = Some(text);
            }
            (None, None) => {}
        }
        at += piece.len();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(text: &str) -> String {
        keep(text.as_bytes().to_vec(), None, Options::default()).unwrap().reading.text().to_owned()
    }

    #[test]
    fn only_free_text_is_redacted() {
        let file = "ID,Name,Phone,GTIN,Fax Nr,Notes,Loyalty\n\
            4111111111111111,Ann,0049 155 340 21279,4006381333931,4111 1111 1111 1111,\"card 4111 1111 1111 1111, thanks\",4111111111111111\n\
            4111111111111112,Bob,,,,ssn 219-09-9999,1234567890123456\n\
            4111111111111113,Cy,,,,,1234567890123457\n";
        let text = kept(file);
        let expected = file.replace("card 4111 1111 1111 1111", "card [REDACTED]").replace("219-09-9999", "[REDACTED]");
        assert_eq!(text, expected, "the loyalty numbers are no cards, but for one of three");
        assert!(!kept("Name,Payment card\nAnn,4111 1111 1111 1111\nBob,12\n").contains("4111"));
        assert!(!kept("Name,Kept\nAnn,4111111111111111\nBob,5500005555555559\n").contains("4111"));
        assert!(!kept("Name,Notes,Email\nAnn,\"card 4111 1111 1111 1111,a@b.co\nBob,,\n").contains("4111"), "in a refused line too");
    }
}
