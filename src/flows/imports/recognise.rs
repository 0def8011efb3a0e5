//! Recognises the kind of a file and the meaning of its columns, by header names, never by position.

use super::csv::Sheet;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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
            Self::SquareCustomers => "Square customers",
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

/// A column of a kind: its header names (Square's present one first), whether it identifies the kind, and whether rows require it.
#[derive(Debug)]
pub struct Column {
    pub names: &'static [&'static str],
    pub is_mark: bool,
    pub is_needed: bool,
}

impl Column {
    pub fn name(&self) -> &'static str {
        self.names[0]
    }
}

const fn needed(names: &'static [&'static str]) -> Column {
    Column { names, is_mark: true, is_needed: true }
}
/// A column that every export has, but that a file compiled by hand may lack.
const fn mark(names: &'static [&'static str]) -> Column {
    Column { names, is_mark: true, is_needed: false }
}
const fn also(names: &'static [&'static str]) -> Column {
    Column { names, is_mark: false, is_needed: false }
}

const CUSTOMERS: &[Column] = &[
    mark(&["Square Customer ID", "Customer ID"]),
    mark(&["First Name", "Given Name"]),
    mark(&["Last Name", "Surname", "Family Name"]),
    mark(&["Email Address", "Email", "E-mail", "Emails"]),
    mark(&["Phone Number", "Phone", "Mobile", "Phones"]),
    also(&["Full Name", "Name", "Customer Name", "Client Name"]),
    also(&["Reference ID"]),
    also(&["Nickname"]),
    also(&["Company Name", "Company"]),
    also(&["Street Address 1", "Address Line 1", "Address", "Street"]),
    also(&["Street Address 2", "Address Line 2", "Unit"]),
    also(&["City", "Town"]),
    also(&["State", "Region"]),
    also(&["Postal Code", "Zip", "Zip Code"]),
    also(&["Birthday"]),
    also(&["Memo", "Notes", "Note"]),
    also(&["Creation Source"]),
    also(&["First Visit"]),
    also(&["Last Visit"]),
    also(&["Transaction Count"]),
    also(&["Lifetime Spend"]),
    also(&["Email Subscription Status"]),
    also(&["Instant Profile"]),
    also(&["Blocked from online booking"]),
];

const CATALOGUE: &[Column] = &[
    needed(&["Token"]),
    needed(&["Item Name"]),
    needed(&["Price"]),
    also(&["Variation Name"]),
    also(&["Customer-facing Name"]),
    also(&["Unit and Precision", "Unit"]),
    also(&["SKU"]),
    also(&["Description"]),
    also(&["Categories", "Category"]),
    also(&["Reporting Category"]),
    also(&["Item Type"]),
    also(&["Archived"]),
    also(&["Duration", "Service Duration"]),
];

const TRANSACTIONS: &[Column] = &[
    needed(&["Date"]),
    needed(&["Time"]),
    mark(&["Gross Sales"]),
    needed(&["Total Collected"]),
    needed(&["Transaction ID"]),
    also(&["Time Zone"]),
    also(&["Discounts"]),
    also(&["Net Sales"]),
    also(&["Tax"]),
    also(&["Tip"]),
    also(&["Partial Refunds"]),
    also(&["Source"]),
    also(&["Card"]),
    also(&["Cash"]),
    also(&["Square Gift Card"]),
    also(&["Other Tender"]),
    also(&["Other Tender Type"]),
    also(&["Tender Note"]),
    also(&["Fees"]),
    also(&["Payment ID"]),
    also(&["Staff Name"]),
    also(&["Description"]),
    also(&["Event Type"]),
    also(&["Customer ID"]),
    also(&["Customer Name"]),
    also(&["Refund Reason"]),
    also(&["Transaction Status"]),
];

const ITEMS: &[Column] = &[
    needed(&["Date"]),
    needed(&["Time"]),
    needed(&["Item"]),
    mark(&["Qty", "Quantity"]),
    needed(&["Transaction ID"]),
    also(&["Time Zone"]),
    also(&["Category"]),
    also(&["Price Point Name"]),
    also(&["Gross Sales"]),
    also(&["Discounts"]),
    also(&["Net Sales"]),
    also(&["Tax"]),
    also(&["Notes"]),
    also(&["Event Type"]),
    also(&["Customer ID"]),
    also(&["Customer Name"]),
    also(&["Unit"]),
    also(&["Employee"]),
];

const APPOINTMENTS: &[Column] = &[
    needed(&["Start", "Start Time", "Starts At", "Appointment Start", "Start Date"]),
    needed(&["End", "End Time", "Ends At", "Appointment End", "End Date"]),
    mark(&["Service", "Services", "Service Name", "Appointment"]),
    needed(&["Client Name", "Client", "Customer Name", "Customer"]),
    also(&["Status", "Appointment Status"]),
    also(&["Created At", "Created", "Booked At", "Date Created"]),
    also(&["Address", "Location Address", "Client Address", "Customer Address"]),
    also(&["Location Type"]),
    also(&["Location Name", "Location"]),
    also(&["Client Email", "Customer Email", "Email", "Email Address"]),
    also(&["Client Phone", "Customer Phone", "Phone", "Phone Number", "Client Phone Number"]),
    also(&["Staff", "Staff Member", "Staff Name", "Employee", "Team Member"]),
    also(&["Note from client", "Client Note", "Customer Note", "Notes from client"]),
    also(&["Note from business", "Business Note", "Staff Note", "Seller Note", "Internal Note", "Notes from business"]),
];

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
    // Fewest identifying columns missing first, then the largest share of known columns.
    scored.sort_by_key(|(_, (missing, there, all))| (missing.len(), usize::MAX - there * 1000 / all));
    let (kind, (missing, there, _)) = scored.swap_remove(0);
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
    /// Field, by Square's name of the column → column index in the file.
    pub columns: BTreeMap<String, usize>,
}

impl Mapping {
    pub fn guess(kind: Kind, sheet: &Sheet) -> Self {
        let find = |column: &Column| column.names.iter().find_map(|name| sheet.column(name));
        let columns = kind.columns().iter().filter_map(|column| Some((column.name().to_owned(), find(column)?))).collect();
        Self { kind, columns }
    }

    pub fn index(&self, name: &str) -> Option<usize> {
        self.columns.get(name).copied()
    }

    /// The field that a column of the file is mapped to.
    pub fn field(&self, index: usize) -> Option<&str> {
        self.columns.iter().find(|(_, i)| **i == index).map(|(name, _)| name.as_str())
    }

    /// Required fields that no column is mapped to.
    pub fn missing(&self) -> Vec<&'static str> {
        self.kind.columns().iter().filter(|c| c.is_needed && self.index(c.name()).is_none()).map(Column::name).collect()
    }

    /// Index and header of the file's unmapped columns.
    pub fn unknown<'s>(&self, sheet: &'s Sheet) -> Vec<(usize, &'s str)> {
        let used: Vec<usize> = self.columns.values().copied().collect();
        sheet.headers.iter().enumerate().filter(|(i, _)| !used.contains(i)).map(|(i, h)| (i, h.as_str())).collect()
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
            (&include_bytes!("../../../testdata/square/customers.csv")[..], Kind::SquareCustomers),
            (include_bytes!("../../../testdata/square/catalogue.csv"), Kind::SquareCatalogue),
            (include_bytes!("../../../testdata/square/transactions.csv"), Kind::SquareTransactions),
            (include_bytes!("../../../testdata/square/items.csv"), Kind::SquareItems),
            (include_bytes!("../../../testdata/square/appointments.csv"), Kind::SquareAppointments),
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
