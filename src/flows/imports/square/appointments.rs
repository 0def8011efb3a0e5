//! The appointments history. Its headers vary, and it contains neither ids nor recurring bookings.

use super::{Address, Cells, PhoneCell, phones};
use crate::imports::RowProblem;
use crate::imports::dates;
use chrono::{Duration, NaiveDateTime};
use platform::{phone, text};
use sha2::{Digest, Sha256};

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
    /// The first number that can be read.
    pub client_phone: Option<PhoneCell>,
    pub other_phones: Vec<PhoneCell>,
    pub staff: String,
    pub note_from_client: String,
    pub note_from_business: String,
}

pub(super) fn appointment(cells: &Cells<'_>, warnings: &mut Vec<RowProblem>) -> Result<AppointmentRow, RowProblem> {
    let at = |column: &str| {
        let typed = cells.text(column);
        let order = cells.order(column);
        dates::parse_date_time(typed, order).ok_or_else(|| cells.problem(column, format!("“{typed}” could not be read as a day and time")))
    };
    let (starts_at, ends_at) = (at("Start")?, at("End")?);
    if ends_at <= starts_at {
        return Err(cells.problem("End", "The appointment ends before it starts"));
    }
    if ends_at - starts_at > Duration::days(7) {
        return Err(cells.problem("End", "The appointment takes more than seven days"));
    }
    let mut phones = phones::phones(cells, "Client Phone", warnings);
    let client_phone = phones.iter().position(|p| p.e164.is_some()).map(|i| phones.remove(i));
    let created_at = at("Created At").ok();
    let address = address(cells, warnings);
    let client_email = client_email(cells, warnings);
    let mut row = AppointmentRow {
        line: cells.row.line,
        source_key: String::new(),
        status: status(cells)?,
        starts_at,
        ends_at,
        created_at,
        services: services(cells.text("Service")),
        address,
        client_name: cells.owned("Client Name"),
        client_email,
        other_phones: phones,
        client_phone,
        staff: cells.owned("Staff"),
        note_from_client: cells.text("Note from client").trim().to_owned(),
        note_from_business: cells.text("Note from business").trim().to_owned(),
    };
    row.source_key = source_key(cells, &row);
    if row.created_at.is_none() && !cells.text("Created At").is_empty() {
        warnings.push(cells.problem("Created At", format!("“{}” could not be read as a day and time; left out", cells.text("Created At"))));
    }
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

fn client_email(cells: &Cells<'_>, warnings: &mut Vec<RowProblem>) -> Option<String> {
    let typed = cells.text("Client Email");
    let email = text::email(typed);
    if email.is_none() && !typed.is_empty() {
        warnings.push(cells.problem("Client Email", format!("“{typed}” is not an email address; left out")));
    }
    email
}

fn address(cells: &Cells<'_>, warnings: &mut Vec<RowProblem>) -> Option<Address> {
    let mut address = Address::from_line(cells.text("Address"))?;
    if address.mend_zip() {
        warnings.push(cells.problem("Address", format!("A leading zero was cut; read as {}", address.postal_code)));
    }
    Some(address)
}

/// Computes a key that stays the same in a later export, even if status, notes or services change.
fn source_key(cells: &Cells<'_>, row: &AppointmentRow) -> String {
    let mut hash = Sha256::new();
    // As the whole cell reads: a key of an earlier release must stay the same.
    let typed = cells.text("Client Phone");
    let phone = phone::parse(typed, &cells.options().region).map_or_else(|_| typed.to_owned(), |p| p.e164);
    let street = row.address.as_ref().map_or("", |a| a.street.as_str());
    let parts = [
        &row.starts_at.to_string(),
        cells.text("Created At"),
        &row.client_name.to_lowercase(),
        row.client_email.as_deref().unwrap_or_default(),
        &phone,
        &street.to_lowercase(),
    ];
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    platform::secrets::hex(&hash.finalize()[..16])
}
