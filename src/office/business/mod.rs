//! The business itself: its team, settings and first-day checklist.

pub mod actions;
pub mod data;
pub mod jobs;
pub mod logo;
pub mod web;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use platform::{localtime::parse_zone, money::Currency};

/// A step of the first-day checklist, in the order shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    Details,
    Hours,
    Services,
    Customers,
    Stripe,
    Ticket,
    Invoice,
}

impl Step {
    pub const ALL: [Self; 7] = [Self::Details, Self::Hours, Self::Services, Self::Customers, Self::Stripe, Self::Ticket, Self::Invoice];

    pub fn name(self) -> &'static str {
        match self {
            Self::Details => "details",
            Self::Hours => "hours",
            Self::Services => "services",
            Self::Customers => "customers",
            Self::Stripe => "stripe",
            Self::Ticket => "ticket",
            Self::Invoice => "invoice",
        }
    }

    pub fn words(self) -> &'static str {
        match self {
            Self::Details => "Say who you are: address, phone, email",
            Self::Hours => "Set your working hours",
            Self::Services => "List your services and prices",
            Self::Customers => "Bring your customers: import them, or add the first",
            Self::Stripe => "Connect Stripe, to be paid online",
            Self::Ticket => "Book the first ticket",
            Self::Invoice => "Send the first invoice",
        }
    }

    pub fn href(self) -> &'static str {
        match self {
            Self::Details => "/settings/business",
            Self::Hours => "/settings/hours",
            Self::Services => "/catalogue",
            Self::Customers => "/imports",
            Self::Stripe => "/settings/stripe",
            Self::Ticket => "/tickets/new",
            Self::Invoice => "/invoices",
        }
    }
}

/// Countries offered in forms (code, name), the likeliest first. The API accepts any other ISO code too.
pub const COUNTRIES: &[(&str, &str)] = &[
    ("US", "United States"),
    ("CA", "Canada"),
    ("GB", "United Kingdom"),
    ("IE", "Ireland"),
    ("AU", "Australia"),
    ("NZ", "New Zealand"),
    ("DE", "Germany"),
    ("AT", "Austria"),
    ("BE", "Belgium"),
    ("BR", "Brazil"),
    ("CH", "Switzerland"),
    ("CZ", "Czechia"),
    ("DK", "Denmark"),
    ("ES", "Spain"),
    ("FI", "Finland"),
    ("FR", "France"),
    ("GR", "Greece"),
    ("HK", "Hong Kong"),
    ("HU", "Hungary"),
    ("IN", "India"),
    ("IT", "Italy"),
    ("JP", "Japan"),
    ("MX", "Mexico"),
    ("NL", "Netherlands"),
    ("NO", "Norway"),
    ("PH", "Philippines"),
    ("PL", "Poland"),
    ("PT", "Portugal"),
    ("RO", "Romania"),
    ("SE", "Sweden"),
    ("SG", "Singapore"),
    ("TH", "Thailand"),
    ("TR", "Türkiye"),
    ("ZA", "South Africa"),
];

/// The likely country of a new business, guessed from its time zone and currency; US if neither helps.
fn likely_country(zone: &str, currency: &str) -> &'static str {
    let by_zone = [
        ("Europe/London", "GB"),
        ("Europe/Dublin", "IE"),
        ("Europe/Berlin", "DE"),
        ("Europe/Vienna", "AT"),
        ("Europe/Paris", "FR"),
        ("Europe/Madrid", "ES"),
        ("Europe/Rome", "IT"),
        ("Europe/Amsterdam", "NL"),
        ("Europe/Brussels", "BE"),
        ("Europe/Lisbon", "PT"),
        ("Europe/Athens", "GR"),
        ("Europe/Helsinki", "FI"),
    ];
    if let Some((_, country)) = by_zone.iter().find(|(z, _)| *z == zone) {
        return country;
    }
    // A currency code begins with its country's code, except shared ones such as EUR.
    let code = currency.get(..2).unwrap_or_default();
    COUNTRIES.iter().find(|(c, _)| *c == code && code != "EU").map_or("US", |(c, _)| c)
}

pub fn check_zone(zone: &str, (): &()) -> garde::Result {
    parse_zone(zone).map(|_| ()).map_err(garde::Error::new)
}

pub fn check_currency(code: &str, (): &()) -> garde::Result {
    Currency::from_code(code).map(|_| ()).ok_or_else(|| garde::Error::new("Choose a currency from the list."))
}

pub fn check_name(name: &str, (): &()) -> garde::Result {
    match name.trim().chars().count() {
        0 => Err(garde::Error::new("A name is needed.")),
        1..=120 => Ok(()),
        _ => Err(garde::Error::new("A name has at most 120 characters.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn countries_are_guessed_from_zone_and_currency() {
        for (zone, currency, country) in [
            ("America/Chicago", "USD", "US"),
            ("Europe/Berlin", "EUR", "DE"),
            ("Europe/Zurich", "CHF", "CH"),
            ("Australia/Sydney", "AUD", "AU"),
            ("Europe/Riga", "EUR", "US"),
        ] {
            assert_eq!(likely_country(zone, currency), country, "{zone}");
        }
    }
}
