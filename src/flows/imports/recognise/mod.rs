//! Recognises the kind of a file and the meaning of its columns, by header names, never by position.

mod columns;

pub use self::columns::Column;
use self::columns::{APPOINTMENTS, CATALOGUE, CUSTOMERS, ITEMS, OWN_ID, OWN_MARKS, TRANSACTIONS};
use super::csv::{Sheet, header_key};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};
use std::sync::LazyLock;

/// The kinds of files that Rounds imports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    SquareCustomers,
    SquareCatalogue,
    SquareTransactions,
    SquareItems,
    SquareAppointments,
}

impl Kind {
    pub const ALL: [Self; 5] =
        [Self::SquareCustomers, Self::SquareCatalogue, Self::SquareTransactions, Self::SquareItems, Self::SquareAppointments];

    /// The name used in the database and on the command line.
    pub fn key(self) -> &'static str {
        match self {
            Self::SquareCustomers => "square_customers",
            Self::SquareCatalogue => "square_catalogue",
            Self::SquareTransactions => "square_transactions",
            Self::SquareItems => "square_items",
            Self::SquareAppointments => "square_appointments",
        }
    }

    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.key() == key)
    }

    /// The name shown to people.
    pub fn label(self) -> &'static str {
        match self {
            Self::SquareCustomers => "Customers",
            Self::SquareCatalogue => "Square item library",
            Self::SquareTransactions => "Square transactions",
            Self::SquareItems => "Square items detail",
            Self::SquareAppointments => "Square appointments",
        }
    }

    /// The columns that Rounds reads.
    pub fn columns(self) -> &'static [Column] {
        match self {
            Self::SquareCustomers => CUSTOMERS,
            Self::SquareCatalogue => CATALOGUE,
            Self::SquareTransactions => TRANSACTIONS,
            Self::SquareItems => ITEMS,
            Self::SquareAppointments => APPOINTMENTS,
        }
    }
}

/// Result of recognising a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recognised {
    Known(Kind),
    /// Close enough to a kind to ask the user to map columns. `missing` lists the identifying columns it lacks, by Square's names.
    Almost {
        kind: Kind,
        missing: Vec<&'static str>,
    },
    Unknown,
}

/// Minimum number of known columns for `Almost`.
const WORTH_ASKING: usize = 3;

/// Whether a header (as it is compared) is the name of a column of any kind.
pub fn is_column(key: &str) -> bool {
    static KEYS: LazyLock<HashSet<String>> =
        LazyLock::new(|| Kind::ALL.iter().flat_map(|k| k.columns()).flat_map(|c| c.names).map(|name| header_key(name)).collect());
    KEYS.contains(key)
}

/// Recognises a file by its headers.
pub fn recognise(sheet: &Sheet) -> Recognised {
    let score = |kind: Kind| {
        let map = Mapping::guess(kind, sheet);
        let all = kind.columns();
        let there = all.iter().filter(|c| map.index(c.name()).is_some()).count();
        let missing: Vec<&'static str> = all.iter().filter(|c| c.is_mark && map.index(c.name()).is_none()).map(Column::name).collect();
        (missing, there, all.len())
    };
    let mut scored: Vec<_> = Kind::ALL.into_iter().map(|kind| (kind, score(kind))).collect();
    let own = Mapping::guess(Kind::SquareCustomers, sheet);
    if own.index(OWN_ID).is_some() {
        return Recognised::Known(own.kind);
    }
    // Fewest identifying columns missing first, then the largest share of known columns.
    scored.sort_by_key(|(_, (missing, there, all))| (missing.len(), usize::MAX - there * 1000 / all));
    // A file that lacks what the nearest kind needs, and tells as much of people, is a list of people.
    let people = scored.iter().position(|(kind, _)| *kind == Kind::SquareCustomers).unwrap_or_default();
    let lacks = Mapping::guess(scored[0].0, sheet).missing();
    let nearest = if !lacks.is_empty() && scored[people].1.1 >= scored[0].1.1 { people } else { 0 };
    let (kind, (missing, there, _)) = scored.swap_remove(nearest);
    match missing.is_empty() {
        true => Recognised::Known(kind),
        false if there >= WORTH_ASKING => Recognised::Almost { kind, missing },
        false => Recognised::Unknown,
    }
}

/// Maps columns of the file to fields: guessed from header names, corrected by the user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mapping {
    pub kind: Kind,
    /// Field, by Square's name of the column → column indices in the file.
    #[serde(deserialize_with = "one_or_many")]
    pub columns: BTreeMap<String, Vec<usize>>,
}

/// Before several columns could mean one field, a mapping was stored with one number for each.
fn one_or_many<'de, D: serde::Deserializer<'de>>(from: D) -> Result<BTreeMap<String, Vec<usize>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Stored {
        One(usize),
        Many(Vec<usize>),
    }
    let stored: BTreeMap<String, Stored> = BTreeMap::deserialize(from)?;
    let many = |stored| match stored {
        Stored::One(column) => vec![column],
        Stored::Many(columns) => columns,
    };
    Ok(stored.into_iter().map(|(field, columns)| (field, many(columns))).collect())
}

/// A header without its first number: "e mail 2 value" → "e mail value".
fn without_number(key: &str) -> String {
    let mut words: Vec<&str> = key.split(' ').collect();
    if let Some(at) = words.iter().position(|w| w.bytes().all(|b| b.is_ascii_digit())) {
        words.remove(at);
    }
    words.join(" ")
}

impl Mapping {
    pub fn guess(kind: Kind, sheet: &Sheet) -> Self {
        let mut mapping = Self { kind, columns: BTreeMap::new() };
        let is_own = kind == Kind::SquareCustomers && OWN_MARKS.iter().all(|name| sheet.column(name).is_some());
        if is_own && let Some(id) = sheet.column("ID") {
            mapping.columns.insert(OWN_ID.to_owned(), vec![id]);
        }
        let plain: Vec<String> = match kind {
            Kind::SquareCustomers => sheet.keys().iter().map(|key| without_number(key)).collect(),
            _ => Vec::new(),
        };
        for keys in [sheet.keys(), &plain] {
            for column in kind.columns() {
                mapping.add(column, keys);
            }
        }
        mapping
    }

    /// Maps the columns with these names that are not mapped yet.
    fn add(&mut self, column: &Column, keys: &[String]) {
        for name in column.names.iter().map(|name| header_key(name)) {
            let used: Vec<usize> = self.columns.values().flatten().copied().collect();
            let found = keys.iter().enumerate().filter(|(i, key)| **key == name && !used.contains(i)).map(|(i, _)| i);
            if column.is_many {
                let found: Vec<usize> = found.collect();
                if !found.is_empty() {
                    self.columns.entry(column.name().to_owned()).or_default().extend(found);
                }
            } else if let Some(first) = found.min().filter(|_| !self.columns.contains_key(column.name())) {
                self.columns.insert(column.name().to_owned(), vec![first]);
            }
        }
    }

    /// The columns that mean this, in the order of the file.
    pub fn indices(&self, name: &str) -> &[usize] {
        self.columns.get(name).map_or(&[], Vec::as_slice)
    }

    /// The first of them.
    pub fn index(&self, name: &str) -> Option<usize> {
        self.indices(name).first().copied()
    }

    /// The field that a column of the file is mapped to.
    pub fn field(&self, index: usize) -> Option<&str> {
        self.columns.iter().find(|(_, columns)| columns.contains(&index)).map(|(name, _)| name.as_str())
    }

    /// Required fields that no column is mapped to. Of people, something to know them by.
    pub fn missing(&self) -> Vec<&'static str> {
        let known_by =
            ["Full Name", "First Name", "Last Name", "Company Name", "Email Address", "Phone Number", "Square Customer ID", OWN_ID];
        if self.kind == Kind::SquareCustomers && known_by.iter().all(|name| self.index(name).is_none()) {
            return vec!["Full Name"];
        }
        self.kind.columns().iter().filter(|c| c.is_needed && self.index(c.name()).is_none()).map(Column::name).collect()
    }

    /// Whether the file is a list of people that says of nobody how to reach them.
    pub fn reaches_nobody(&self) -> bool {
        let is_there = |name| self.index(name).is_some();
        self.kind == Kind::SquareCustomers && !is_there("Phone Number") && !is_there("Email Address")
    }

    /// Index and header of the file's unmapped columns.
    pub fn unknown<'s>(&self, sheet: &'s Sheet) -> Vec<(usize, &'s str)> {
        sheet.headers.iter().enumerate().filter(|(i, _)| self.field(*i).is_none()).map(|(i, h)| (i, h.as_str())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imports::csv;

    fn kind_of(bytes: &[u8]) -> Recognised {
        recognise(&csv::read(bytes).unwrap())
    }

    #[test]
    fn each_export_is_known_by_its_headers() {
        for (bytes, kind) in [
            (&include_bytes!("../../../../testdata/square/customers.csv")[..], Kind::SquareCustomers),
            (include_bytes!("../../../../testdata/square/catalogue.csv"), Kind::SquareCatalogue),
            (include_bytes!("../../../../testdata/square/transactions.csv"), Kind::SquareTransactions),
            (include_bytes!("../../../../testdata/square/items.csv"), Kind::SquareItems),
            (include_bytes!("../../../../testdata/square/appointments.csv"), Kind::SquareAppointments),
        ] {
            assert_eq!(kind_of(bytes), Recognised::Known(kind));
            assert_eq!(Kind::from_key(kind.key()), Some(kind));
        }
    }

    #[test]
    fn order_case_and_punctuation_do_not_matter() {
        let known = Recognised::Known(Kind::SquareCustomers);
        assert_eq!(kind_of(b"PHONE number,email_address,last-name,first name,square customer id\n1,2,3,4,5\n"), known);
        let labels = b"Starts At;Ends At;Services;Customer;Team Member\na;b;c;d;e\n";
        assert_eq!(kind_of(labels), Recognised::Known(Kind::SquareAppointments));
    }

    #[test]
    fn an_almost_known_file_says_what_is_missing() {
        let got = kind_of(b"First Name,Last Name,Email Address,Phone Number\na,b,c,d\n");
        let missing = vec!["Square Customer ID"];
        assert_eq!(got, Recognised::Almost { kind: Kind::SquareCustomers, missing });
        assert_eq!(kind_of(b"a,b\n1,2\n"), Recognised::Unknown);
    }
}
