//! The appointments history. Its headers vary, and it contains neither ids nor recurring bookings.

use super::{Address, Cells, Options, Orders, Parsed, PhoneCell, date_orders, each};
use crate::imports::RowProblem;
use crate::imports::csv::Sheet;
use crate::imports::dates;
use crate::imports::recognise::Mapping;
use chrono::{Duration, NaiveDateTime};
use platform::{phone, text};
use sha2::{Digest, Sha256};
use std::collections::HashMap;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppointmentStatus {
    Pending,
    Accepted,
    CancelledByCustomer,
    CancelledByBusiness,
    Declined,
    NoShow,
}

/// A past or future appointment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppointmentRow {
    pub line: u64,
    /// Substitute for the id that the file lacks: a hash of start, creation time, client and street.
    pub source_key: String,
    pub status: AppointmentStatus,
    /// Local time in the business's time zone.
    pub starts_at: NaiveDateTime,
    pub ends_at: NaiveDateTime,
    pub created_at: Option<NaiveDateTime>,
    /// Names of catalogue items, in order.
    pub services: Vec<String>,
    pub address: Option<Address>,
    pub client_name: String,
    pub client_email: Option<String>,
    pub client_phone: Option<PhoneCell>,
    pub staff: String,
    pub note_from_client: String,
    pub note_from_business: String,
}

/// Reads the appointments history.
pub fn appointments(sheet: &Sheet, mapping: &Mapping, options: &Options) -> Parsed<AppointmentRow> {
    let (orders, questions) = date_orders(sheet, mapping, &["Start", "End", "Created At"], options);
    let mut seen: HashMap<String, u64> = HashMap::new();
    let mut parsed = each(sheet, mapping, |cells, warnings| {
        let row = appointment(cells, &orders, options, warnings)?;
        if let Some(first) = seen.get(&row.source_key) {
            return Err(cells.problem("Start", format!("The same appointment stands in line {first}; that one was taken")));
        }
        seen.insert(row.source_key.clone(), row.line);
        Ok(row)
    });
    parsed.questions = questions;
    parsed
}

fn appointment(
    cells: &Cells<'_>,
    orders: &Orders,
    options: &Options,
    warnings: &mut Vec<RowProblem>,
) -> Result<AppointmentRow, RowProblem> {
    let at = |column: &str| {
        let typed = cells.text(column);
        let order = orders.get(column).copied();
        dates::parse_date_time(typed, order).ok_or_else(|| cells.problem(column, format!("“{typed}” could not be read as a day and time")))
    };
    let (starts_at, ends_at) = (at("Start")?, at("End")?);
    if ends_at <= starts_at {
        return Err(cells.problem("End", "The appointment ends before it starts"));
    }
    if ends_at - starts_at > Duration::days(7) {
        return Err(cells.problem("End", "The appointment takes more than seven days"));
    }
    let client_phone = client_phone(cells, options, warnings);
    let mut row = AppointmentRow {
        line: cells.row.line,
        source_key: String::new(),
        status: status(cells)?,
        starts_at,
        ends_at,
        created_at: at("Created At").ok(),
        services: services(cells.text("Service")),
        address: Address::from_line(cells.text("Address")),
        client_name: cells.owned("Client Name"),
        client_email: text::email(cells.text("Client Email")),
        client_phone,
        staff: cells.owned("Staff"),
        note_from_client: cells.text("Note from client").trim().to_owned(),
        note_from_business: cells.text("Note from business").trim().to_owned(),
    };
    row.source_key = source_key(cells, &row);
    if row.services.is_empty() {
        warnings.push(cells.problem("Service", "No service is named; the visit comes without lines"));
    }
    Ok(row)
}

fn status(cells: &Cells<'_>) -> Result<AppointmentStatus, RowProblem> {
    let typed = cells.text("Status");
    Ok(match crate::imports::csv::header_key(typed).as_str() {
        "" | "accepted" | "confirmed" | "completed" | "booked" => AppointmentStatus::Accepted,
        "pending" | "requested" => AppointmentStatus::Pending,
        "cancelled by customer" | "canceled by customer" | "cancelled by client" => AppointmentStatus::CancelledByCustomer,
        "cancelled by seller" | "canceled by seller" | "cancelled by business" | "cancelled" | "canceled" => {
            AppointmentStatus::CancelledByBusiness
        }
        "declined" => AppointmentStatus::Declined,
        "no show" | "noshow" => AppointmentStatus::NoShow,
        _ => return Err(cells.problem("Status", format!("The status “{typed}” is not known"))),
    })
}

fn services(cell: &str) -> Vec<String> {
    cell.split(" + ").map(text::collapse).filter(|s| !s.is_empty()).collect()
}

fn client_phone(cells: &Cells<'_>, options: &Options, warnings: &mut Vec<RowProblem>) -> Option<PhoneCell> {
    let typed = cells.text("Client Phone");
    if typed.is_empty() {
        return None;
    }
    let parsed = phone::parse(typed, &options.region);
    if let Err(why) = &parsed {
        warnings.push(cells.problem("Client Phone", format!("{why}: “{typed}”; kept as it is")));
    }
    Some(PhoneCell { typed: typed.to_owned(), e164: parsed.ok().map(|p| p.e164) })
}

/// Computes a key that stays the same in a later export, even if status, notes or services change.
fn source_key(cells: &Cells<'_>, row: &AppointmentRow) -> String {
    let mut hash = Sha256::new();
    let phone = row.client_phone.as_ref().map_or("", |p| p.e164.as_deref().unwrap_or(&p.typed));
    let street = row.address.as_ref().map_or("", |a| a.street.as_str());
    let parts = [
        &row.starts_at.to_string(),
        cells.text("Created At"),
        &row.client_name.to_lowercase(),
        row.client_email.as_deref().unwrap_or_default(),
        phone,
        &street.to_lowercase(),
    ];
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    platform::secrets::hex(&hash.finalize()[..16])
}
