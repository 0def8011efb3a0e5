//! A business as such: who belongs to it, its settings, its accounts at providers, and the first-day checklist.

pub mod actions;
pub mod data;
pub mod web;

use crate::platform::{localtime::parse_zone, money::Currency};

/// Countries on offer with their usual currency, the likeliest first; any other ISO code is accepted from programs.
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

/// The country a new business is likely in, from its zone and currency.
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
    // A currency is named after its country, but for those that are shared.
    let code = currency.get(..2).unwrap_or_default();
    COUNTRIES.iter().find(|(c, _)| *c == code && code != "EU").map_or("US", |(c, _)| c)
}

pub(crate) fn check_zone(zone: &str, (): &()) -> garde::Result {
    parse_zone(zone).map(|_| ()).map_err(garde::Error::new)
}

pub(crate) fn check_currency(code: &str, (): &()) -> garde::Result {
    Currency::from_code(code).map(|_| ()).ok_or_else(|| garde::Error::new("Choose a currency from the list."))
}

pub(crate) fn check_name(name: &str, (): &()) -> garde::Result {
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
