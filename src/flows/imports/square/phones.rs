//! Phone numbers in cells: several in one, and what spreadsheets make of them.

use super::Cells;
use crate::imports::RowProblem;
use platform::phone;

/// A phone number as typed in the file. Without `e164` nobody can tell which number it is: it is kept as a note, never dialled or matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhoneCell {
    pub typed: String,
    pub e164: Option<String>,
}

impl PhoneCell {
    /// The line of a note that keeps a number nobody can read.
    pub fn note(&self) -> Option<String> {
        self.e164.is_none().then(|| format!("Phone in the file: {}", self.typed))
    }
}

/// The numbers of a row, in the columns that mean `column`, each once.
pub(super) fn phones(cells: &Cells<'_>, column: &str, warnings: &mut Vec<RowProblem>) -> Vec<PhoneCell> {
    let mut phones: Vec<PhoneCell> = Vec::new();
    for cell in cells.texts(column) {
        for found in read(cell, &cells.options().region) {
            let phone = found.unwrap_or_else(|(typed, why)| {
                warnings.push(cells.problem(column, format!("{why}: “{typed}”; kept in a note")));
                PhoneCell { typed, e164: None }
            });
            if phones.iter().all(|p| if phone.e164.is_none() { p.typed != phone.typed } else { p.e164 != phone.e164 }) {
                phones.push(phone);
            }
        }
    }
    phones
}

type Found = Result<PhoneCell, (String, String)>;

/// The numbers of one cell; of one that is none, its text and why.
fn read(cell: &str, region: &str) -> Vec<Found> {
    // "256 555 0102 / 256 555 0103" is two numbers; in "256/555-0102" the slash belongs to the number.
    let is_whole = |n: &str| phone::digits(n).len() >= 7;
    let parts =
        cell.split([';', ',', '\n', '|']).flat_map(|part| part.split(" ::: ")).flat_map(|part| part.split(" or ")).flat_map(|part| {
            match part.split_once('/') {
                Some((one, other)) if is_whole(one) && is_whole(other) => vec![one, other],
                _ => vec![part],
            }
        });
    parts.map(str::trim).filter(|p| !p.is_empty()).flat_map(|part| numbers(part, region)).collect()
}

/// The number of a text, or the two that stand side by side in it.
fn numbers(part: &str, region: &str) -> Vec<Found> {
    let typed = match from_spreadsheet(part) {
        Ok(typed) => typed,
        Err(why) => return vec![Err((part.to_owned(), why.to_owned()))],
    };
    let number = |typed: &str| {
        let typed = typed.trim();
        phone::parse(typed, region).map(|p| PhoneCell { typed: typed.to_owned(), e164: Some(p.e164) })
    };
    let why = match number(&typed) {
        Ok(one) => return vec![Ok(one)],
        Err(why) => why,
    };
    let two = typed.match_indices(' ').find_map(|(at, _)| Some([number(&typed[..at]).ok()?, number(&typed[at..]).ok()?]));
    two.map_or_else(|| vec![Err((part.to_owned(), why.to_string()))], |two| two.map(Ok).to_vec())
}

/// A number without what a spreadsheet did to it: `2565550187.0` → `2565550187`, `1.2565550187E+10` → `12565550187`. `1.25655501E+10` has lost
/// its last digits.
fn from_spreadsheet(part: &str) -> Result<String, &'static str> {
    if let Some((whole, zeros)) = part.split_once('.')
        && !zeros.is_empty()
        && zeros.bytes().all(|b| b == b'0')
        && whole.trim_start_matches('+').len() >= 7
        && whole.trim_start_matches('+').bytes().all(|b| b.is_ascii_digit())
    {
        return Ok(whole.to_owned());
    }
    let Some((mantissa, power)) = part.split_once(['e', 'E']) else { return Ok(part.to_owned()) };
    let (digits, point) = (mantissa.replacen(['.', ','], "", 1), mantissa.find(['.', ',']).unwrap_or(mantissa.len()));
    let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    match power.trim_start_matches('+').parse::<usize>() {
        Ok(power) if is_number && digits.len() == point + power => Ok(digits),
        Ok(_) if is_number => Err("A spreadsheet has cut this number"),
        _ => Ok(part.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_where_they_can_be_read() {
        for (cell, wanted) in [
            ("2565550187.0", vec![Ok("+12565550187")]),
            ("1.2565550187E+10", vec![Ok("+12565550187")]),
            ("2.565550187e9", vec![Ok("+12565550187")]),
            ("1.25655501E+10", vec![Err("1.25655501E+10")]),
            ("256-555-0101 256-555-0102", vec![Ok("+12565550101"), Ok("+12565550102")]),
            ("2565550101 2565550102", vec![Ok("+12565550101"), Ok("+12565550102")]),
            ("(256) 555-0101 (256) 555-0102", vec![Ok("+12565550101"), Ok("+12565550102")]),
            ("256 555 0101 / 256 555 0102", vec![Ok("+12565550101"), Ok("+12565550102")]),
            ("256-555-0101 ::: 256-555-0102", vec![Ok("+12565550101"), Ok("+12565550102")]),
            ("256-555-0101 or 256-555-0102", vec![Ok("+12565550101"), Ok("+12565550102")]),
            ("205/364-3725", vec![Ok("+12053643725")]),
            ("256.555.0101", vec![Ok("+12565550101")]),
            ("256-555-0101 x12", vec![Ok("+12565550101")]),
            ("12345", vec![Err("12345")]),
            ("none", vec![Err("none")]),
        ] {
            let found = read(cell, "US");
            let seen: Vec<Result<&str, &str>> =
                found.iter().map(|f| f.as_ref().map(|p| p.e164.as_deref().unwrap()).map_err(|(typed, _)| typed.as_str())).collect();
            assert_eq!(seen, wanted, "{cell}");
        }
    }
}
