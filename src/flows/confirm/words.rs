//! Texts about a visit, shared by the mail, the customer's page and the printed sheet.

use messages::outbox::templates::Vars;
use platform::{money::Currency, tenant::Who};
use ui::format;
use work::tickets::data::{Line, Ticket};

/// `Tue 24 Nov 2026, 9:00–12:30 CST`: always with the time zone, since the reader may be elsewhere.
pub fn when(ticket: &Ticket) -> String {
    format!("{}, {}", format::day_year(ticket.starts_at, ticket.zone()), times(ticket))
}

/// `9:00–12:30 CST`; with both time zones if the clock changes in between: `0:30 CDT–3:30 CST`.
pub fn times(ticket: &Ticket) -> String {
    let zone = ticket.zone();
    let (from, to) = (ticket.starts_at.with_timezone(&zone), ticket.ends_at.with_timezone(&zone));
    let end = if from.date_naive() == to.date_naive() { format::time(ticket.ends_at, zone) } else { format::moment(ticket.ends_at, zone) };
    let (began, ended) = (format::zone(ticket.starts_at, zone), format::zone(ticket.ends_at, zone));
    let start = format::time(ticket.starts_at, zone);
    if began == ended { format!("{start}–{end} {ended}") } else { format!("{start} {began}–{end} {ended}") }
}

pub fn services(lines: &[Line]) -> String {
    lines.iter().map(|l| l.description.as_str()).collect::<Vec<_>>().join("\n")
}

/// Returns the price: "Estimated" until close-out confirms it, "from" while a price is open, "plus tax" if the invoice adds tax; empty
/// without lines.
pub fn price(ticket: &Ticket, lines: &[Line], currency: Currency) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let from = if ticket.has_open_price { "from " } else { "" };
    let estimated = if ticket.is_price_estimated { " (Estimated)" } else { "" };
    if ticket.has_open_price && ticket.total.is_zero() {
        return "Set at the visit".into();
    }
    format!("{from}{}{}{estimated}", currency.format(ticket.total), ticket.plus_tax())
}

/// The variables of messages about a visit.
pub fn vars(ticket: &Ticket, lines: &[Line], who: &Who) -> Vars {
    Vars::from([
        ("appointment_date", format::day_year(ticket.starts_at, ticket.zone())),
        ("appointment_time", times(ticket)),
        ("appointment_address", ticket.address.clone()),
        ("services", services(lines)),
        ("price", price(ticket, lines, who.currency)),
    ])
}
