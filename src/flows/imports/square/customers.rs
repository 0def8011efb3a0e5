//! Customers: Square's export (`export-YYYYMMDD-HHMMSS.csv`), our own, and any other table of people.

use super::{Address, Cells, PhoneCell, phones};
use crate::imports::RowProblem;
use crate::imports::dates;
use chrono::NaiveDate;
use platform::text;
use rust_decimal::Decimal;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// One customer of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomerRow {
    pub line: u64,
    /// The id of the file (`Square Customer ID`, our own), the key that re-imports match on. In a file without ids, a hash of name, email, phone and street.
    pub source_id: String,
    /// A hash of the row as it stands in a file without ids: read with other columns, it is the same customer.
    pub row_key: Option<String>,
    /// This row came in before, read with other columns: what they made of it is corrected.
    pub is_read_anew: bool,
    /// The contact that our own export made this row of.
    pub own_id: Option<Uuid>,
    /// Displayed name; for card sales without a name, the street or the end of the id.
    pub name: String,
    pub first_name: String,
    pub last_name: String,
    pub nickname: String,
    pub company: String,
    /// Valid addresses, in lower case.
    pub emails: Vec<String>,
    pub phones: Vec<PhoneCell>,
    pub address: Option<Address>,
    pub further: Vec<Address>,
    /// `1948-03-12` if the date is unambiguous or the user chose its order, else as typed.
    pub birthday: Option<String>,
    pub memo: String,
    pub tags: Vec<String>,
    pub first_visit: Option<NaiveDate>,
    pub last_visit: Option<NaiveDate>,
    pub transaction_count: u32,
    /// In the business's currency.
    pub lifetime_spend: Option<Decimal>,
    /// Consent to marketing mail; `None` if the customer was never asked.
    pub email_consent: Option<bool>,
    /// Consent to text messages.
    pub sms_consent: Option<bool>,
    /// Archived where the file comes from.
    pub is_archived: bool,
    /// Header and value of unmapped columns.
    pub extra: Vec<(String, String)>,
}

impl CustomerRow {
    /// The memo, with what the file has in place of a phone.
    pub fn note(&self) -> String {
        let unread = self.phones.iter().filter_map(PhoneCell::note);
        std::iter::once(self.memo.clone()).chain(unread).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
    }
}

pub(super) fn customer(cells: &Cells<'_>, warnings: &mut Vec<RowProblem>) -> Result<CustomerRow, RowProblem> {
    let own_id: Option<Uuid> = cells.text("Rounds ID").parse().ok();
    let has_ids = cells.has("Square Customer ID");
    let source_id = own_id.map_or_else(|| source_id(cells), |id| id.to_string());
    if source_id.is_empty() && has_ids {
        return Err(cells.problem("Square Customer ID", "The row has no customer id, so it could not be found again"));
    }
    let (mut first_name, mut last_name) = (cells.owned("First Name"), cells.owned("Last Name"));
    if first_name.is_empty() && last_name.is_empty() && own_id.is_none() {
        (first_name, last_name) = text::split_name(cells.text("Full Name"));
    }
    let (emails, phones) = (emails(cells, warnings), phones::phones(cells, "Phone Number", warnings));
    let (address, further) = addresses(cells, warnings);
    let mut row = CustomerRow {
        line: cells.row.line,
        row_key: None,
        is_read_anew: false,
        own_id,
        name: String::new(),
        first_name,
        last_name,
        nickname: cells.owned("Nickname"),
        company: cells.owned("Company Name"),
        emails,
        phones,
        address,
        further,
        birthday: birthday(cells, warnings),
        memo: cells.texts("Memo").map(str::trim).collect::<Vec<_>>().join("\n"),
        tags: tags(cells),
        first_visit: visit(cells, "First Visit", warnings),
        last_visit: visit(cells, "Last Visit", warnings),
        transaction_count: cells.text("Transaction Count").replace(',', "").parse().unwrap_or(0),
        lifetime_spend: cells.amount("Lifetime Spend", &mut Vec::new()).unwrap_or_else(|problem| {
            warnings.push(problem);
            None
        }),
        email_consent: consent(cells.text("Email Subscription Status")),
        sms_consent: consent(cells.text("Text Messages")),
        is_archived: own_id.is_some() && !cells.text("Archived").is_empty(),
        extra: extra(cells),
        source_id,
    };
    row.name = name(&row, cells, warnings)?;
    if row.source_id.is_empty() {
        row.source_id = stand_in_id(&row);
        row.row_key = Some(row_key(cells));
    }
    Ok(row)
}

/// The id of the file. Short ids of two programs may be alike, so that of another program than Square comes with its column's name.
fn source_id(cells: &Cells<'_>) -> String {
    let (id, header) = (cells.owned("Square Customer ID"), cells.header("Square Customer ID"));
    match header {
        _ if id.is_empty() => id,
        "square customer id" | "customer id" => id,
        // One row a property: `client_property`.
        "j id" => format!("jobber:{}", id.split('_').next().unwrap_or_default()),
        other => format!("{other}:{id}"),
    }
}

fn extra(cells: &Cells<'_>) -> Vec<(String, String)> {
    let unknown = cells.reader.unknown.iter().map(|(i, header)| (header.clone(), cells.at(*i).to_owned()));
    unknown.filter(|(_, value)| !value.is_empty()).collect()
}

/// Computes the key of a row if the file has no ids.
fn stand_in_id(row: &CustomerRow) -> String {
    let phone = row.phones.first().map_or("", |p| p.e164.as_deref().unwrap_or(&p.typed));
    let street = row.address.as_ref().map_or(String::new(), |a| text::fold(&a.street));
    let name = row.name.to_lowercase();
    hash([name.as_str(), row.emails.first().map_or("", String::as_str), phone, &street].into_iter())
}

fn row_key(cells: &Cells<'_>) -> String {
    hash(cells.row.cells.iter())
}

fn hash<'p>(parts: impl Iterator<Item = &'p str>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    format!("row-{}", platform::secrets::hex(&hash.finalize()[..16]))
}

/// Picks the displayed name. A card sale without a name gets its street or the end of its id, so that its visits and notes are not lost.
fn name(row: &CustomerRow, cells: &Cells<'_>, warnings: &mut Vec<RowProblem>) -> Result<String, RowProblem> {
    let person = text::collapse(&format!("{} {}", row.first_name, row.last_name));
    let own = if row.own_id.is_some() { cells.owned("Full Name") } else { String::new() };
    let known = [
        own.as_str(),
        &person,
        &row.company,
        &row.nickname,
        row.emails.first().map_or("", String::as_str),
        row.phones.first().map_or("", |p| &p.typed),
    ];
    if let Some(name) = known.iter().find(|n| !n.is_empty()) {
        return Ok((*name).to_owned());
    }
    let street = row.address.as_ref().map_or("", |a| a.street.as_str());
    let has_history = row.transaction_count > 0 || !row.memo.is_empty();
    if street.is_empty() && !has_history {
        return Err(cells.problem("First Name", "No name, company, phone, email, address or visit: nothing to know this customer by"));
    }
    let tail: String = row.source_id.chars().rev().take(4).collect::<Vec<_>>().into_iter().rev().collect();
    let name = if street.is_empty() { format!("Card sale {tail}") } else { street.to_owned() };
    warnings.push(cells.problem("First Name", format!("No name, phone or email; called “{name}” until somebody knows better")));
    Ok(name)
}

fn emails(cells: &Cells<'_>, warnings: &mut Vec<RowProblem>) -> Vec<String> {
    let mut emails = Vec::new();
    for cell in cells.texts("Email Address") {
        // Several addresses in a cell are separated by a comma, a semicolon or ` ::: `, or by a space if the cell has more than one @.
        let spaces = cell.matches('@').count() > 1;
        let between = |c: char| matches!(c, ',' | ';') || (spaces && c.is_whitespace());
        for typed in cell.split(" ::: ").flat_map(|part| part.split(between)).map(str::trim).filter(|e| !e.is_empty()) {
            match text::email(typed) {
                Some(email) if emails.contains(&email) => {}
                Some(email) => emails.push(email),
                None => warnings.push(cells.problem("Email Address", format!("“{typed}” is not an email address; left out"))),
            }
        }
    }
    emails
}

/// The first address and the others, each place once.
fn addresses(cells: &Cells<'_>, warnings: &mut Vec<RowProblem>) -> (Option<Address>, Vec<Address>) {
    let in_parts =
        cells.reader.addresses.iter().filter_map(|columns| columns.address(|i| cells.at(i), !cells.text("Rounds ID").is_empty()));
    let mut found: Vec<Address> = Vec::new();
    let mut add = |mut address: Address| {
        if address.mend_zip() {
            let message = format!("A leading zero was cut; read as {}", address.postal_code);
            warnings.push(cells.problem("Postal Code", message));
        }
        match found.iter_mut().find(|known| known.is_same_place(&address)) {
            Some(known) => *known = known.filled_from(&address),
            None => found.push(address),
        }
    };
    in_parts.for_each(&mut add);
    let whole = cells.texts("Whole Address").flat_map(|cell| cell.split(" ::: ")).flat_map(|cell| cell.split(';'));
    whole.filter_map(|line| Address::from_line(&line.replace('\n', ", "))).for_each(&mut add);
    let mut found = found.into_iter();
    (found.next(), found.collect())
}

fn tags(cells: &Cells<'_>) -> Vec<String> {
    let mut tags: Vec<String> = Vec::new();
    let listed = cells.texts("Tags").flat_map(|cell| cell.split(" ::: ")).flat_map(|cell| cell.split([',', ';'])).map(text::collapse);
    // Google's own groups begin with a star.
    let listed = listed.filter(|tag| !tag.is_empty() && !tag.starts_with('*'));
    let told = [("Instant Profile", "Card sale"), ("Blocked from online booking", "No online booking")];
    let told = told.into_iter().filter(|(column, _)| cells.yes(column)).map(|(_, tag)| tag.to_owned());
    for tag in listed.chain(told) {
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    tags
}

fn consent(cell: &str) -> Option<bool> {
    match cell.to_lowercase().as_str() {
        "subscribed" | "yes" | "y" | "true" | "1" | "opted in" => Some(true),
        "unsubscribed" | "bounced" | "no" | "n" | "false" | "0" | "opted out" => Some(false),
        _ => None,
    }
}

fn birthday(cells: &Cells<'_>, warnings: &mut Vec<RowProblem>) -> Option<String> {
    let typed = cells.text("Birthday");
    if typed.is_empty() {
        return None;
    }
    let today = cells.options().today;
    let Some(date) = dates::parse_birthday(typed, cells.order("Birthday"), today) else { return Some(typed.to_owned()) };
    if date > today {
        warnings.push(cells.problem("Birthday", format!("“{typed}” lies in the future; left out")));
        return None;
    }
    if dates::has_short_year(typed) {
        warnings.push(cells.problem("Birthday", format!("“{typed}” was read as {}", date.format("%-d %B %Y"))));
    }
    Some(date.to_string())
}

fn visit(cells: &Cells<'_>, column: &str, warnings: &mut Vec<RowProblem>) -> Option<NaiveDate> {
    let typed = cells.text(column);
    let date = dates::parse_date(typed, cells.order(column));
    if date.is_none() && !typed.is_empty() {
        warnings.push(cells.problem(column, format!("“{typed}” could not be read as a date; left out")));
    }
    date
}
