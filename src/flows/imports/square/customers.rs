//! The customer export (`export-YYYYMMDD-HHMMSS.csv`).

use super::{Address, Cells, Options, Orders, Parsed, date_orders, each};
use crate::imports::RowProblem;
use crate::imports::csv::Sheet;
use crate::imports::dates;
use crate::imports::recognise::Mapping;
use chrono::NaiveDate;
use platform::{phone, text};
use rust_decimal::Decimal;
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// A phone number as typed in the file. Without `e164` it is not a valid number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhoneCell {
    pub typed: String,
    pub e164: Option<String>,
}

/// One customer of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomerRow {
    pub line: u64,
    /// `Square Customer ID`, the key that re-imports match on. In a file without that column, a hash of name, email, phone and street.
    pub source_id: String,
    pub reference: String,
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
    /// `1948-03-12` if the date is unambiguous or the user chose its order, else as typed.
    pub birthday: Option<String>,
    pub memo: String,
    pub creation_source: String,
    pub first_visit: Option<NaiveDate>,
    pub last_visit: Option<NaiveDate>,
    pub transaction_count: u32,
    /// In the business's currency.
    pub lifetime_spend: Option<Decimal>,
    /// Consent to marketing mail; `None` if the customer was never asked.
    pub email_consent: Option<bool>,
    /// Created by Square from a card sale.
    pub is_instant_profile: bool,
    pub is_blocked_online: bool,
    /// Header and value of unmapped columns.
    pub extra: Vec<(String, String)>,
}

/// Reads the customer export.
pub fn customers(sheet: &Sheet, mapping: &Mapping, options: &Options) -> Parsed<CustomerRow> {
    let (mut orders, mut questions) = date_orders(sheet, mapping, &["First Visit", "Last Visit"], options);
    let birthdays = date_orders(sheet, mapping, &["Birthday"], options);
    orders.extend(birthdays.0);
    questions.extend(birthdays.1);
    let unknown = mapping.unknown(sheet);
    let mut seen: HashMap<String, u64> = HashMap::new();
    let mut parsed = each(sheet, mapping, |cells, warnings| {
        let row = customer(cells, &orders, &unknown, options, warnings)?;
        if let Some(first) = seen.insert(row.source_id.clone(), row.line) {
            let message = format!("The same customer stands in line {first}; that one was taken");
            seen.insert(row.source_id, first);
            return Err(cells.problem("Square Customer ID", message));
        }
        Ok(row)
    });
    parsed.questions = questions;
    parsed
}

fn customer(
    cells: &Cells<'_>,
    orders: &Orders,
    unknown: &[(usize, &str)],
    options: &Options,
    warnings: &mut Vec<RowProblem>,
) -> Result<CustomerRow, RowProblem> {
    let source_id = cells.owned("Square Customer ID");
    let has_ids = cells.mapping.index("Square Customer ID").is_some();
    if source_id.is_empty() && has_ids {
        return Err(cells.problem("Square Customer ID", "The row has no customer id, so it could not be found again"));
    }
    let (mut first_name, mut last_name) = (cells.owned("First Name"), cells.owned("Last Name"));
    if first_name.is_empty() && last_name.is_empty() {
        (first_name, last_name) = text::split_name(cells.text("Full Name"));
    }
    let mut row = CustomerRow {
        line: cells.row.line,
        name: String::new(),
        reference: cells.owned("Reference ID"),
        first_name,
        last_name,
        nickname: cells.owned("Nickname"),
        company: cells.owned("Company Name"),
        emails: emails(cells, warnings),
        phones: phones(cells, options, warnings),
        address: address(cells, warnings),
        birthday: birthday(cells, orders),
        memo: cells.text("Memo").trim().to_owned(),
        creation_source: cells.owned("Creation Source"),
        first_visit: visit(cells, "First Visit", orders, warnings),
        last_visit: visit(cells, "Last Visit", orders, warnings),
        transaction_count: cells.text("Transaction Count").replace(',', "").parse().unwrap_or(0),
        lifetime_spend: cells.amount("Lifetime Spend").unwrap_or_else(|problem| {
            warnings.push(problem);
            None
        }),
        email_consent: match cells.text("Email Subscription Status").to_lowercase().as_str() {
            "subscribed" => Some(true),
            "unsubscribed" | "bounced" => Some(false),
            _ => None,
        },
        is_instant_profile: cells.yes("Instant Profile"),
        is_blocked_online: cells.yes("Blocked from online booking"),
        extra: unknown
            .iter()
            .filter_map(|(i, header)| Some(((*header).to_owned(), cells.row.cells.get(*i)?.to_owned())))
            .filter(|(_, value)| !value.is_empty())
            .collect(),
        source_id,
    };
    row.name = name(&row, cells, warnings)?;
    if !has_ids {
        row.source_id = stand_in_id(&row);
    }
    Ok(row)
}

/// Computes the key of a row if the file has no ids.
fn stand_in_id(row: &CustomerRow) -> String {
    let mut hash = Sha256::new();
    let phone = row.phones.first().map_or("", |p| p.e164.as_deref().unwrap_or(&p.typed));
    let street = row.address.as_ref().map_or(String::new(), |a| text::fold(&a.street));
    let name = row.name.to_lowercase();
    for part in [name.as_str(), row.emails.first().map_or("", String::as_str), phone, &street] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    format!("row-{}", platform::secrets::hex(&hash.finalize()[..16]))
}

/// Picks the displayed name. A card sale without a name gets its street or the end of its id, so that its visits and notes are not lost.
fn name(row: &CustomerRow, cells: &Cells<'_>, warnings: &mut Vec<RowProblem>) -> Result<String, RowProblem> {
    let person = text::collapse(&format!("{} {}", row.first_name, row.last_name));
    let known = [
        person.as_str(),
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
    let cell = cells.text("Email Address");
    let mut emails = Vec::new();
    // Several addresses in a cell are separated by a comma or semicolon, or by a space if the cell has more than one @.
    let spaces = cell.matches('@').count() > 1;
    let between = |c: char| matches!(c, ',' | ';') || (spaces && c.is_whitespace());
    for typed in cell.split(between).map(str::trim).filter(|e| !e.is_empty()) {
        match text::email(typed) {
            Some(email) if emails.contains(&email) => {}
            Some(email) => emails.push(email),
            None => warnings.push(cells.problem("Email Address", format!("“{typed}” is not an email address; left out"))),
        }
    }
    emails
}

fn phones(cells: &Cells<'_>, options: &Options, warnings: &mut Vec<RowProblem>) -> Vec<PhoneCell> {
    let cell = cells.text("Phone Number");
    let mut phones: Vec<PhoneCell> = Vec::new();
    // "256 555 0102 / 256 555 0103" is two numbers; in "256/555-0102" the slash belongs to the number.
    let is_whole = |n: &str| phone::digits(n).len() >= 7;
    let numbers = cell.split([';', ',']).flat_map(|part| match part.split_once('/') {
        Some((one, other)) if is_whole(one) && is_whole(other) => vec![one, other],
        _ => vec![part],
    });
    for typed in numbers.map(str::trim).filter(|p| !p.is_empty()) {
        let parsed = phone::parse(typed, &options.region);
        if let Err(why) = &parsed {
            warnings.push(cells.problem("Phone Number", format!("{why}: “{typed}”; kept as it is")));
        }
        let e164 = parsed.ok().map(|p| p.e164);
        if e164.is_none() || phones.iter().all(|p| p.e164 != e164) {
            phones.push(PhoneCell { typed: typed.to_owned(), e164 });
        }
    }
    phones
}

fn address(cells: &Cells<'_>, warnings: &mut Vec<RowProblem>) -> Option<Address> {
    let mut address = Address::from_cells(
        cells.text("Street Address 1"),
        cells.text("Street Address 2"),
        cells.text("City"),
        cells.text("State"),
        cells.text("Postal Code"),
    )?;
    if address.mend_zip() {
        let message = format!("A leading zero was cut; read as {}", address.postal_code);
        warnings.push(cells.problem("Postal Code", message));
    }
    Some(address)
}

fn birthday(cells: &Cells<'_>, orders: &Orders) -> Option<String> {
    let typed = cells.text("Birthday");
    if typed.is_empty() {
        return None;
    }
    Some(dates::parse_date(typed, orders.get("Birthday").copied()).map_or_else(|| typed.to_owned(), |d| d.to_string()))
}

fn visit(cells: &Cells<'_>, column: &str, orders: &Orders, warnings: &mut Vec<RowProblem>) -> Option<NaiveDate> {
    let typed = cells.text(column);
    let date = dates::parse_date(typed, orders.get(column).copied());
    if date.is_none() && !typed.is_empty() {
        warnings.push(cells.problem(column, format!("“{typed}” could not be read as a date; left out")));
    }
    date
}
