//! Parses addresses from exports: in one cell or several, with gate codes in between and states in any spelling.

use crate::imports::recognise::Mapping;
use customers::contacts::likeness::street_key;
use platform::text::{collapse, fold};
use regex::Regex;
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;

/// A place of service. Any field may be empty, but not all of them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Address {
    pub street: String,
    /// "Apt 4", "Unit B".
    pub unit: String,
    pub city: String,
    /// Two-letter code for US states and Canadian provinces, otherwise as written.
    pub region: String,
    pub postal_code: String,
    /// Access notes found in the second address line, such as "gate code 4411#".
    pub access: String,
}

static ACCESS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?i)\b(gate( code)?|codes?|lock ?box|key ?pad|keys? (under|in|at|from|with|code)|combo|dogs?|call|knock|ring|back ?door|side ?door|door code|enter|park)\b|\bpin( code)?:? *#?\d",
    )
    .expect("a constant pattern")
});

static UNIT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^(?:(?:apt|apartment|unit|suite|ste|room|rm|floor|fl|bldg|building|lot|trailer|space|spc|#)\b\.? *#? *[a-z0-9-]{1,6}|# *[a-z0-9-]{1,6})\b")
        .expect("a constant pattern")
});

/// A second address line, apart: the unit, and the notes on how to get in. "Suite 200; call on arrival" → "Suite 200" and "call on arrival".
fn unit_and_access(second: &str) -> (String, String) {
    let (mut unit, mut access): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
    for part in second.split([';', ',', '\n']).map(str::trim).filter(|p| !p.is_empty()) {
        match (ACCESS.is_match(part), UNIT.find(part)) {
            (false, _) => unit.push(part),
            (true, None) => access.push(part),
            // "Apt 4 gate code 4411"
            (true, Some(found)) => {
                let (first, rest) = part.split_at(found.end());
                unit.push(first);
                access.push(rest.trim_start_matches([' ', '-', '–', '.', ':', '(']).trim_end_matches(')'));
            }
        }
    }
    (unit.join(", "), access.join(", "))
}

/// The columns of one address of a customer, by their position in the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Columns([Option<usize>; 6]);

/// The fields of an address.
pub(super) const FIELDS: [&str; 6] = ["Street Address 1", "Street Address 2", "City", "State", "Postal Code", "Access Notes"];

impl Columns {
    /// Groups a file's columns: walked from left to right, the next address begins with the first field that the one before has already.
    pub(super) fn of(mapping: &Mapping) -> Vec<Self> {
        let mut all: Vec<(usize, usize)> =
            FIELDS.iter().enumerate().flat_map(|(field, name)| mapping.indices(name).iter().map(move |column| (*column, field))).collect();
        all.sort_unstable();
        let mut groups: Vec<Self> = Vec::new();
        for (column, field) in all {
            match groups.last_mut().filter(|g| g.0[field].is_none()) {
                Some(group) => group.0[field] = Some(column),
                None => {
                    groups.push(Self::default());
                    if let Some(group) = groups.last_mut() {
                        group.0[field] = Some(column);
                    }
                }
            }
        }
        groups
    }

    /// The address in these cells; `is_ours` if we wrote them, so that unit and access are apart already.
    pub(super) fn address<'c>(&self, cell: impl Fn(usize) -> &'c str, is_ours: bool) -> Option<Address> {
        let [street, second, city, region, postal, access] = self.0.map(|column| column.map_or("", &cell));
        let (unit, found) = if is_ours { (second.to_owned(), String::new()) } else { unit_and_access(second) };
        let mut address = Address::from_cells(street, "", city, region, postal).unwrap_or_default();
        (address.unit, address.access) = (unit, found);
        let access = [collapse(access), std::mem::take(&mut address.access)];
        address.access = access.iter().filter(|a| !a.is_empty()).cloned().collect::<Vec<_>>().join(", ");
        (address != Address::default()).then_some(address)
    }
}

impl Address {
    /// Builds an address from separate cells; returns `None` if all are empty.
    pub(super) fn from_cells(street: &str, second: &str, city: &str, region: &str, postal: &str) -> Option<Self> {
        let (unit, access) = unit_and_access(&second.lines().map(collapse).collect::<Vec<_>>().join("\n"));
        let address = Self {
            street: collapse(street),
            unit,
            city: collapse(city),
            region: region_code(region),
            postal_code: collapse(postal),
            access,
        };
        (address != Self::default()).then_some(address)
    }

    /// Whether both may be the same place: same street; same unit, or one without; same city or ZIP code, or too few of them to differ.
    pub fn is_same_place(&self, other: &Self) -> bool {
        let agree = |a: &str, b: &str| a.is_empty() || b.is_empty() || fold(a) == fold(b);
        let both = |a: &str, b: &str| !a.is_empty() && fold(a) == fold(b);
        let zip = |a: &Self| a.postal_code.split('-').next().unwrap_or_default().to_owned();
        let is_same_town = both(&self.city, &other.city)
            || both(&zip(self), &zip(other))
            || (agree(&self.city, &other.city) && agree(&zip(self), &zip(other)));
        street_key(&self.street) == street_key(&other.street) && agree(&self.unit, &other.unit) && is_same_town
    }

    /// Fills empty fields from `other`.
    #[must_use]
    pub fn filled_from(&self, other: &Self) -> Self {
        let or = |a: &String, b: &String| if a.is_empty() { b.clone() } else { a.clone() };
        Self {
            street: or(&self.street, &other.street),
            unit: or(&self.unit, &other.unit),
            city: or(&self.city, &other.city),
            region: or(&self.region, &other.region),
            postal_code: or(&self.postal_code, &other.postal_code),
            access: or(&self.access, &other.access),
        }
    }

    /// Parses an address from one cell, such as `8798 Governors Dr SW, Hazel Green, Alabama, 35750` or `…, AL 35750`.
    pub(super) fn from_line(line: &str) -> Option<Self> {
        let mut parts: Vec<String> = line.split(',').map(collapse).filter(|p| !p.is_empty()).collect();
        if parts.len() > 3 && matches!(parts.last().map(|p| p.to_lowercase()).as_deref(), Some("us" | "usa" | "united states")) {
            parts.pop();
        }
        // "AL 35750" in one part, or "Harvest 35749".
        if let Some((state, zip)) = parts.last().and_then(|p| p.rsplit_once(' '))
            && zip.starts_with(|c: char| c.is_ascii_digit())
            && parts.len() > 1
            && (region_code(state).len() == 2 || is_zip(zip))
        {
            let (state, zip) = (state.to_owned(), zip.to_owned());
            parts.pop();
            parts.extend([state, zip]);
        }
        let postal = take_last(&mut parts, |p| p.chars().filter(char::is_ascii_digit).count() >= 3 && p.len() <= 10 && !p.contains(' '));
        let region = take_last(&mut parts, |p| region_code(p).len() == 2);
        let city = if parts.len() > 1 { parts.pop().unwrap_or_default() } else { String::new() };
        let (street, second) = match parts.split_first() {
            Some((street, rest)) => (street.clone(), rest.join(", ")),
            None => (String::new(), String::new()),
        };
        Self::from_cells(&street, &second, &city, &region, &postal)
    }

    /// Restores leading zeros that a spreadsheet dropped from a ZIP code ("2134" in Massachusetts). Returns whether it was changed.
    pub(super) fn mend_zip(&mut self) -> bool {
        let north_east = matches!(self.region.as_str(), "CT" | "MA" | "ME" | "NH" | "NJ" | "RI" | "VT" | "PR" | "VI");
        let (first, rest) = self.postal_code.split_once('-').unwrap_or((&self.postal_code, ""));
        if !north_east || !(3..5).contains(&first.len()) || !first.bytes().all(|b| b.is_ascii_digit()) {
            return false;
        }
        let plus = if rest.is_empty() { String::new() } else { format!("-{rest}") };
        self.postal_code = format!("{first:0>5}{plus}");
        true
    }
}

/// Whether `text` is a ZIP code like 35750 or 35750-1234.
fn is_zip(text: &str) -> bool {
    let (five, plus) = text.split_once('-').unwrap_or((text, "0000"));
    five.len() == 5 && plus.len() == 4 && five.bytes().chain(plus.bytes()).all(|b| b.is_ascii_digit())
}

fn take_last(parts: &mut Vec<String>, is: impl Fn(&str) -> bool) -> String {
    if parts.len() > 1 && parts.last().is_some_and(|p| is(p)) { parts.pop().unwrap_or_default() } else { String::new() }
}

/// Maps a state or province to its code: `Alabama`, `al`, `Ala.` → `AL`; anything else stays as written.
pub fn region_code(region: &str) -> String {
    let plain = collapse(region);
    let key = plain.to_lowercase().replace('.', "");
    STATES.iter().find(|(code, name)| code.eq_ignore_ascii_case(&key) || *name == key).map_or(plain, |(code, _)| (*code).to_owned())
}

#[rustfmt::skip]
const STATES: &[(&str, &str)] = &[
    ("AL", "alabama"), ("AL", "ala"), ("AK", "alaska"), ("AZ", "arizona"), ("AR", "arkansas"), ("CA", "california"), ("CO", "colorado"),
    ("CT", "connecticut"), ("DE", "delaware"), ("DC", "district of columbia"), ("FL", "florida"), ("FL", "fla"), ("GA", "georgia"),
    ("HI", "hawaii"), ("ID", "idaho"), ("IL", "illinois"), ("IN", "indiana"), ("IA", "iowa"), ("KS", "kansas"), ("KY", "kentucky"),
    ("LA", "louisiana"), ("ME", "maine"), ("MD", "maryland"), ("MA", "massachusetts"), ("MI", "michigan"), ("MN", "minnesota"),
    ("MS", "mississippi"), ("MO", "missouri"), ("MT", "montana"), ("NE", "nebraska"), ("NV", "nevada"), ("NH", "new hampshire"),
    ("NJ", "new jersey"), ("NM", "new mexico"), ("NY", "new york"), ("NC", "north carolina"), ("ND", "north dakota"), ("OH", "ohio"),
    ("OK", "oklahoma"), ("OR", "oregon"), ("PA", "pennsylvania"), ("PR", "puerto rico"), ("RI", "rhode island"), ("SC", "south carolina"),
    ("SD", "south dakota"), ("TN", "tennessee"), ("TN", "tenn"), ("TX", "texas"), ("UT", "utah"), ("VT", "vermont"), ("VA", "virginia"),
    ("VI", "virgin islands"), ("WA", "washington"), ("WV", "west virginia"), ("WI", "wisconsin"), ("WY", "wyoming"),
    ("AB", "alberta"), ("BC", "british columbia"), ("MB", "manitoba"), ("NB", "new brunswick"), ("NL", "newfoundland and labrador"),
    ("NS", "nova scotia"), ("ON", "ontario"), ("PE", "prince edward island"), ("QC", "quebec"), ("SK", "saskatchewan"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_line_is_unit_and_access_apart() {
        for (second, unit, access) in [
            ("Pin Oak Apts 12", "Pin Oak Apts 12", ""),
            ("Suite 200; call on arrival", "Suite 200", "call on arrival"),
            ("Apt 4 gate code 4411#", "Apt 4", "gate code 4411#"),
            ("gate code 4411#", "", "gate code 4411#"),
            ("Unit B, dogs in yard", "Unit B", "dogs in yard"),
            ("Key West Condos", "Key West Condos", ""),
            ("Door 3", "Door 3", ""),
            ("PIN 4411", "", "PIN 4411"),
            ("#12", "#12", ""),
            ("Bldg C, Apt 4", "Bldg C, Apt 4", ""),
            ("Keys under the mat", "", "Keys under the mat"),
            ("", "", ""),
        ] {
            assert_eq!(unit_and_access(second), (unit.to_owned(), access.to_owned()), "{second}");
        }
    }

    #[test]
    fn one_line_and_several_cells() {
        let a = Address::from_line("8798 Governors Dr SW, Hazel Green, Alabama, 35750").unwrap();
        assert_eq!(
            (a.street.as_str(), a.city.as_str(), a.region.as_str(), a.postal_code.as_str()),
            ("8798 Governors Dr SW", "Hazel Green", "AL", "35750")
        );
        let a = Address::from_line("12 Oak St, Apt 4, Madison, al 35758-1234, USA").unwrap();
        assert_eq!((a.unit.as_str(), a.city.as_str(), a.postal_code.as_str()), ("Apt 4", "Madison", "35758-1234"));
        let a = Address::from_line("1 Elm St, Harvest 35749").unwrap();
        assert_eq!((a.street.as_str(), a.city.as_str(), a.postal_code.as_str()), ("1 Elm St", "Harvest", "35749"));
        assert_eq!(Address::from_line("12 Oak St").unwrap().street, "12 Oak St");
        assert_eq!(Address::from_line(" , ,"), None);
        let a = Address::from_cells("1 Elm", "gate code 4411#", "Boston", "massachusetts", "2134").unwrap();
        assert_eq!((a.access.as_str(), a.unit.as_str(), a.region.as_str()), ("gate code 4411#", "", "MA"));
        let mut a = a;
        assert!(a.mend_zip());
        assert_eq!(a.postal_code, "02134");
        assert_eq!(region_code("Bayern"), "Bayern");
    }
}
