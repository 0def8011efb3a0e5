//! Date parsing. The order of day and month is inferred from the whole column; if it is ambiguous, the user is asked (known bug D1).

use chrono::{Months, NaiveDate, NaiveDateTime, NaiveTime};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// Order of day and month in numeric dates that do not begin with the year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DateOrder {
    MonthFirst,
    DayFirst,
}

/// Result of inferring a column's date order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnDates {
    /// No dates, or only unambiguous ones (`2026-07-18`, `Jul 18, 2026`).
    Plain,
    Known(DateOrder),
    /// Both orders are possible; the user is asked, with these samples.
    Ambiguous {
        samples: Vec<String>,
    },
    /// Some values can only be month first, others only day first; holds (line, value) of one each.
    Contradictory {
        month_first: (u64, String),
        day_first: (u64, String),
    },
}

/// What the dates of a column show, or of several columns written by one program.
#[derive(Debug, Clone, Default)]
pub struct Shown {
    /// (line, value) of the first that can only be read so.
    month_first: Option<(u64, String)>,
    day_first: Option<(u64, String)>,
    samples: Vec<String>,
}

/// How many ambiguous values are shown.
const SAMPLES: usize = 3;

impl Shown {
    pub fn add(&mut self, line: u64, value: &str) {
        let Some((a, b, _)) = three_numbers(date_part(value).0).filter(|(a, _, _)| *a <= 31) else { return };
        if b > 12 && a <= 12 {
            self.month_first.get_or_insert((line, value.to_owned()));
        } else if a > 12 && b <= 12 {
            self.day_first.get_or_insert((line, value.to_owned()));
        } else if a != b && self.samples.len() < SAMPLES && !self.samples.iter().any(|s| s == value) {
            self.samples.push(value.to_owned());
        }
    }

    /// What several columns show together.
    pub fn of<'s>(all: impl Iterator<Item = &'s Self>) -> Self {
        all.fold(Self::default(), |mut sum, one| {
            sum.month_first = sum.month_first.or_else(|| one.month_first.clone());
            sum.day_first = sum.day_first.or_else(|| one.day_first.clone());
            sum.samples.extend(one.samples.iter().take(SAMPLES - sum.samples.len().min(SAMPLES)).cloned());
            sum
        })
    }

    pub fn order(self) -> ColumnDates {
        match (self.month_first, self.day_first) {
            (Some(month_first), Some(day_first)) => ColumnDates::Contradictory { month_first, day_first },
            (Some(_), None) => ColumnDates::Known(DateOrder::MonthFirst),
            (None, Some(_)) => ColumnDates::Known(DateOrder::DayFirst),
            (None, None) if self.samples.is_empty() => ColumnDates::Plain,
            (None, None) => ColumnDates::Ambiguous { samples: self.samples },
        }
    }
}

/// Parses a date in the formats of exports. `order` applies to numeric dates that do not begin with the year; without it, such a date is
/// parsed only if both orders give the same day or just one is valid.
pub fn parse_date(text: &str, order: Option<DateOrder>) -> Option<NaiveDate> {
    let text = date_part(text).0;
    if let Some(date) = with_month_name(text) {
        return Some(date);
    }
    let (a, b, c) = three_numbers(text)?;
    if a > 31 {
        return NaiveDate::from_ymd_opt(i32::try_from(a).ok()?, b, c);
    }
    let year = i32::try_from(match c {
        0..=68 => 2000 + c,
        69..=99 => 1900 + c,
        _ => c,
    })
    .ok()?;
    let month_first = NaiveDate::from_ymd_opt(year, a, b);
    let day_first = NaiveDate::from_ymd_opt(year, b, a);
    match order {
        Some(DateOrder::MonthFirst) => month_first,
        Some(DateOrder::DayFirst) => day_first,
        None if month_first == day_first || day_first.is_none() => month_first,
        None => day_first.filter(|_| month_first.is_none()),
    }
}

/// Parses a birthday: as a date, but a year of two digits is the latest that does not lie in the future.
pub fn parse_birthday(text: &str, order: Option<DateOrder>, today: NaiveDate) -> Option<NaiveDate> {
    let date = parse_date(text, order)?;
    if date > today && has_short_year(text) { date.checked_sub_months(Months::new(1200)) } else { Some(date) }
}

/// Whether a date's year has two digits.
pub fn has_short_year(text: &str) -> bool {
    let text = date_part(text).0;
    three_numbers(text).is_some_and(|(first, _, year)| first <= 31 && year < 100 && !text.ends_with(&format!("{year:04}")))
}

/// Parses a time of day, such as `12:59:30`, `2:30:00 PM`, `08:15am` or `8 am`.
pub fn parse_time(text: &str) -> Option<NaiveTime> {
    let lower = text.trim().to_lowercase().replace(['.', '\u{202f}', '\u{a0}'], " ");
    let compact: String = lower.split_whitespace().collect();
    let (clock, half) = match (compact.strip_suffix("am"), compact.strip_suffix("pm")) {
        (Some(clock), _) => (clock, Some(0)),
        (_, Some(clock)) => (clock, Some(12)),
        _ => (compact.as_str(), None),
    };
    let mut parts = clock.split(':');
    let mut next = || parts.next().map_or(Some(0), |p| p.parse::<u32>().ok());
    let (hour, minute, second) = (next()?, next()?, next()?);
    if parts.next().is_some() || (half.is_none() && !clock.contains(':')) {
        return None;
    }
    let hour = match half {
        Some(_) if !(1..=12).contains(&hour) => return None,
        Some(half) => hour % 12 + half,
        None => hour,
    };
    NaiveTime::from_hms_opt(hour, minute, second)
}

/// Parses a date with a time, such as `07/24/2024 08:15am` or `2026-07-18T12:59:30`.
pub fn parse_date_time(text: &str, order: Option<DateOrder>) -> Option<NaiveDateTime> {
    let (date, time) = date_part(text);
    Some(parse_date(date, order)?.and_time(parse_time(time)?))
}

/// Maps a time zone's name in a file, such as `Central Time (US & Canada)`, `America/Chicago` or `CST`, to the zone.
pub fn zone(name: &str) -> Option<Tz> {
    let name = name.trim();
    let key = super::csv::header_key(name);
    Some(match key.as_str() {
        "central time us canada" | "central time" | "cst" | "cdt" | "ct" => Tz::America__Chicago,
        "eastern time us canada" | "eastern time" | "est" | "edt" | "et" => Tz::America__New_York,
        "mountain time us canada" | "mountain time" | "mst" | "mdt" | "mt" => Tz::America__Denver,
        "pacific time us canada" | "pacific time" | "pst" | "pdt" | "pt" => Tz::America__Los_Angeles,
        "arizona" => Tz::America__Phoenix,
        "alaska" | "alaska time" | "akst" | "akdt" => Tz::America__Anchorage,
        "hawaii" | "hawaii time" | "hst" => Tz::Pacific__Honolulu,
        "indiana east" => Tz::America__Indiana__Indianapolis,
        "atlantic time canada" | "ast" | "adt" => Tz::America__Halifax,
        "newfoundland" => Tz::America__St_Johns,
        "saskatchewan" => Tz::America__Regina,
        "puerto rico" => Tz::America__Puerto_Rico,
        "london" | "edinburgh" | "gmt" | "bst" => Tz::Europe__London,
        "dublin" => Tz::Europe__Dublin,
        "utc" | "z" => Tz::UTC,
        "paris" => Tz::Europe__Paris,
        "berlin" => Tz::Europe__Berlin,
        "madrid" => Tz::Europe__Madrid,
        "sydney" | "canberra" => Tz::Australia__Sydney,
        "melbourne" => Tz::Australia__Melbourne,
        "brisbane" => Tz::Australia__Brisbane,
        "adelaide" => Tz::Australia__Adelaide,
        "perth" => Tz::Australia__Perth,
        "auckland" | "wellington" => Tz::Pacific__Auckland,
        "tokyo" => Tz::Asia__Tokyo,
        _ => return Tz::from_str(name).ok(),
    })
}

/// Splits "date time". A date may contain spaces, so the time starts at the first word with a colon.
fn date_part(text: &str) -> (&str, &str) {
    let text = text.trim();
    if let Some((date, time)) = text.split_once('T').filter(|(d, _)| three_numbers(d).is_some()) {
        return (date, time.trim_end_matches('Z'));
    }
    let Some(colon) = text.find(':') else {
        return (text, "");
    };
    let start = text[..colon].rfind(' ').map_or(0, |at| at + 1);
    (text[..start].trim_end_matches([' ', ',']), &text[start..])
}

fn three_numbers(text: &str) -> Option<(u32, u32, u32)> {
    let mut parts = text.split(['/', '-', '.']);
    let mut next = || {
        let part = parts.next()?.trim();
        (1..=4).contains(&part.len()).then(|| part.parse::<u32>().ok())?
    };
    let three = (next()?, next()?, next()?);
    parts.next().is_none().then_some(three)
}

fn with_month_name(text: &str) -> Option<NaiveDate> {
    text.contains(|c: char| c.is_ascii_alphabetic()).then_some(())?;
    let flat = text.replace([',', '-', '.'], " ");
    let flat = platform::text::collapse(&flat);
    ["%b %d %Y", "%B %d %Y", "%d %b %Y", "%d %B %Y", "%Y %b %d", "%a %b %d %Y"]
        .iter()
        .find_map(|format| NaiveDate::parse_from_str(&flat, format).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imports::csv;

    fn of(bytes: &[u8]) -> ColumnDates {
        let mut shown = Shown::default();
        csv::read(bytes).unwrap().rows().for_each(|row| shown.add(row.line, &row.cells[0]));
        shown.order()
    }

    #[test]
    fn d1_the_order_comes_from_the_whole_column_or_is_asked() {
        assert_eq!(of(include_bytes!("../../../testdata/square/faults/day-month.csv")), ColumnDates::Known(DateOrder::DayFirst));
        assert_eq!(of(include_bytes!("../../../testdata/square/faults/month-day.csv")), ColumnDates::Known(DateOrder::MonthFirst));
        assert_eq!(
            of(include_bytes!("../../../testdata/square/faults/ambiguous.csv")),
            ColumnDates::Ambiguous { samples: vec!["05/10/2026".into(), "07/08/2026".into()] }
        );
        assert_eq!(of(b"Date\n2026-07-18\nJul 4, 2026\n04/04/2026\n"), ColumnDates::Plain);
        assert!(matches!(of(b"Date\n13/10/2026\n10/13/2026\n"), ColumnDates::Contradictory { day_first: (2, _), month_first: (3, _) }));
    }

    #[test]
    fn d1_without_an_answer_nothing_is_swapped_silently() {
        assert_eq!(parse_date("05/10/2026", None), None);
        assert_eq!(parse_date("05/10/2026", Some(DateOrder::MonthFirst)), NaiveDate::from_ymd_opt(2026, 5, 10));
        assert_eq!(parse_date("05/10/2026", Some(DateOrder::DayFirst)), NaiveDate::from_ymd_opt(2026, 10, 5));
        assert_eq!(parse_date("13/10/2026", Some(DateOrder::MonthFirst)), None);
        assert_eq!(parse_date("13/10/2026", None), NaiveDate::from_ymd_opt(2026, 10, 13));
        assert_eq!(parse_date("2026-02-30", None), None);
        assert_eq!(parse_date("7/4/55", Some(DateOrder::MonthFirst)), NaiveDate::from_ymd_opt(2055, 7, 4));
        assert_eq!(parse_date("18 Jul 2026", None), NaiveDate::from_ymd_opt(2026, 7, 18));
    }

    #[test]
    fn times_and_zones() {
        let at = |h, m, s| NaiveTime::from_hms_opt(h, m, s);
        for (text, want) in [
            ("12:59:30", at(12, 59, 30)),
            ("2:30:00 PM", at(14, 30, 0)),
            ("08:15am", at(8, 15, 0)),
            ("12:00am", at(0, 0, 0)),
            ("12:05 p.m.", at(12, 5, 0)),
            ("8 am", at(8, 0, 0)),
            ("25:00", None),
            ("13:00pm", None),
            ("", None),
            ("soon", None),
        ] {
            assert_eq!(parse_time(text), want, "{text}");
        }
        let start = parse_date_time("07/24/2024 08:15am", Some(DateOrder::MonthFirst)).unwrap();
        assert_eq!(start.to_string(), "2024-07-24 08:15:00");
        assert_eq!(parse_date_time("2026-07-18T12:59:30", None).unwrap().to_string(), "2026-07-18 12:59:30");
        assert_eq!(parse_date_time("Jul 18, 2026, 2:30 PM", None).unwrap().to_string(), "2026-07-18 14:30:00");
        assert_eq!(zone("Central Time (US & Canada)"), Some(Tz::America__Chicago));
        assert_eq!(zone("America/Chicago"), Some(Tz::America__Chicago));
        assert_eq!(zone("Nowhere"), None);
    }
}
