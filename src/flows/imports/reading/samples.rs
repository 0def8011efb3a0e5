//! What a preview tells of a file: its effect in a few sentences, and the first records that its rows will become.

use super::{Reading, Rows};
use crate::imports::{
    recognise::Kind,
    square::{AppointmentRow, AppointmentStatus, CatalogueKind, CatalogueRow, CustomerRow, ItemRow, TransactionRow},
};

/// Preview of the record that a row will become.
#[derive(Debug, Clone)]
pub struct Sample {
    pub line: u64,
    pub title: String,
    pub detail: String,
}

impl Reading {
    /// Describes the effect of importing the file in a few sentences for the user.
    pub fn plan(&self) -> Vec<String> {
        match self.kind {
            Kind::SquareCustomers => vec![
                "Each customer comes with phones, emails and address; the memo becomes a note, and facts in it are proposed for you to confirm.".into(),
                "Customers that look alike are proposed as duplicates, never merged.".into(),
            ],
            Kind::SquareCatalogue => vec![
                "Each item becomes a service or product. “Variable” prices are set at close-out.".into(),
                "A service without a duration takes 60 minutes, a product none.".into(),
            ],
            Kind::SquareTransactions => {
                let mut plan = vec!["Each sale becomes a closed ticket with its payment, marked as imported. A visit that the appointments or items file tells of too becomes one ticket.".into()];
                if self.told > 0 {
                    plan.push(format!("{} sales name no customer: they are kept under “Walk-in sales”.", self.told));
                }
                plan
            }
            Kind::SquareItems => vec![format!(
                "The items of {} sales become the lines of their tickets, whichever of the two files comes first.",
                self.told
            )],
            Kind::SquareAppointments => vec![
                "Past visits become closed tickets, cancelled ones and no-shows cancelled tickets, coming ones scheduled tickets. Nobody gets a mail.".into(),
                "A client who is not among your customers is added.".into(),
            ],
        }
    }

    /// Previews of up to `count` rows: the latest sales and visits, the first of other rows.
    pub fn samples(&self, count: usize) -> Vec<Sample> {
        let mut rows = Rows::none(self.kind);
        let is_newest_first = !matches!(self.kind, Kind::SquareCustomers | Kind::SquareCatalogue);
        let mut places: Vec<_> = self.order.iter().filter(|p| p.turn > i64::MIN).collect();
        if is_newest_first {
            places.reverse();
        }
        for place in places.into_iter().take(count) {
            if let Ok(read) = self.read(place.index as usize, &mut Vec::new()) {
                rows.push(read);
            }
        }
        match rows {
            Rows::Customers(rows) => rows.iter().map(customer).collect(),
            Rows::Catalogue(rows) => rows.iter().map(item).collect(),
            Rows::Transactions(rows) => rows.iter().map(sale).collect(),
            Rows::Items(groups) => groups.iter().filter_map(|g| lines(g)).collect(),
            Rows::Appointments(rows) => rows.iter().map(appointment).collect(),
        }
    }
}

fn joined(parts: &[&str]) -> String {
    parts.iter().filter(|p| !p.is_empty()).copied().collect::<Vec<_>>().join(" · ")
}

fn customer(row: &CustomerRow) -> Sample {
    let address = row.address.as_ref().map(|a| joined(&[&a.street, &a.unit, &a.city, &a.access])).unwrap_or_default();
    let phone = row.phones.first().map_or("", |p| p.typed.as_str());
    let email = row.emails.first().map_or("", String::as_str);
    Sample { line: row.line, title: row.name.clone(), detail: joined(&[phone, email, &address, &row.memo]) }
}

fn item(row: &CatalogueRow) -> Sample {
    let kind = match row.kind {
        CatalogueKind::Fixed => "fixed price",
        CatalogueKind::Flexible => "price at close-out",
        CatalogueKind::PerUnit => "price per piece",
        CatalogueKind::Product => "product",
    };
    let price = row.price.map(|p| p.to_string()).unwrap_or_default();
    Sample { line: row.line, title: row.name.clone(), detail: joined(&[kind, &price, &row.category]) }
}

fn sale(row: &TransactionRow) -> Sample {
    let name = if row.customer_name.is_empty() { "Walk-in sales" } else { &row.customer_name };
    let what = if row.is_refund { "refund" } else { "closed ticket" };
    Sample {
        line: row.line,
        title: name.to_owned(),
        detail: joined(&[what, &row.at.format("%-d %b %Y, %H:%M").to_string(), &row.total.to_string()]),
    }
}

fn lines(group: &[ItemRow]) -> Option<Sample> {
    let first = group.first()?;
    let names: Vec<String> = group.iter().map(|r| format!("{} × {}", r.quantity, r.name)).collect();
    let title = if first.customer_name.is_empty() { "Walk-in sales" } else { &first.customer_name };
    Some(Sample {
        line: first.line,
        title: title.to_owned(),
        detail: joined(&[&first.at.format("%-d %b %Y").to_string(), &names.join(", ")]),
    })
}

fn appointment(row: &AppointmentRow) -> Sample {
    let status = match row.status {
        AppointmentStatus::Accepted => "accepted",
        AppointmentStatus::Pending => "not accepted yet",
        AppointmentStatus::CancelledByCustomer => "cancelled by customer",
        AppointmentStatus::CancelledByBusiness => "cancelled by us",
        AppointmentStatus::Declined => "declined",
        AppointmentStatus::NoShow => "no-show",
    };
    let when = row.starts_at.format("%-d %b %Y, %H:%M").to_string();
    Sample { line: row.line, title: row.client_name.clone(), detail: joined(&[&when, status, &row.services.join(" + "), &row.staff]) }
}
