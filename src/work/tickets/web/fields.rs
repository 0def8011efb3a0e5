//! A visit's time as typed, and small forms made of a few fields.

use askama::Template;
use chrono::{DateTime, Duration, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use chrono_tz::Tz;

use crate::tickets::overlap::{Booked, Free, Slot};
use platform::localtime::{parse_date, parse_time, to_utc, wall};
use ui::Form;

/// Reads `date`, `time` and `minutes` in wall time of `zone`; `kept` is the visit's current start, see [`instant`]. Returns `None` and adds
/// field errors if one is invalid.
pub fn slot(form: &mut Form, zone: Tz, kept: Option<DateTime<Utc>>) -> Option<Slot> {
    let (date, time) = (form.must("date", parse_date), form.must("time", parse_time));
    let minutes = form.must("minutes", parse_minutes);
    let starts = instant(date?, time?, zone, kept);
    Some((starts, starts + Duration::minutes(minutes?)))
}

/// Renames an action's error fields to those that [`slot`] reads.
pub fn slot_field(field: &str) -> String {
    match field {
        "ends_at" => "minutes",
        "starts_at" => "date",
        other => other,
    }
    .to_owned()
}

/// Converts wall time of `zone` to UTC, by the rule of `to_utc` for skipped and repeated times. Returns `kept` if it reads the same to the
/// minute, since a form shows neither seconds nor which of two repeated hours is meant.
pub fn instant(date: NaiveDate, time: NaiveTime, zone: Tz, kept: Option<DateTime<Utc>>) -> DateTime<Utc> {
    let minute = |at: NaiveDateTime| at.format("%Y-%m-%dT%H:%M").to_string();
    let typed = minute(date.and_time(time));
    kept.filter(|k| minute(wall(*k, zone)) == typed).unwrap_or_else(|| to_utc(date, time, zone))
}

/// Parses a duration ("90", "1:30", "1 h 30", "2h") to minutes. An error message unless it is 1 minute to a week.
pub fn parse_minutes(text: &str) -> Result<i64, &'static str> {
    const ODD: &str = "Enter minutes, like 90, or hours, like 1:30.";
    let text = text.trim().to_lowercase().replace("min", "").replace('m', "");
    let number = |t: &str| -> Result<i64, &'static str> {
        let t = t.trim();
        if t.is_empty() { Ok(0) } else { t.parse::<u16>().map(i64::from).map_err(|_| ODD) }
    };
    let minutes = match text.split_once([':', 'h']) {
        Some((hours, rest)) => number(hours)? * 60 + number(rest)?,
        None if text.trim().is_empty() => return Err("How long does it take?"),
        None => number(&text)?,
    };
    if (1..=10_080).contains(&minutes) { Ok(minutes) } else { Err(ODD) }
}

/// A part of a small form.
pub enum Piece {
    Field(Box<ui::Field>),
    Pair(Box<ui::Field>, Box<ui::Field>),
    /// The choice of technicians, with a checkbox each.
    Team {
        legend: &'static str,
        error: String,
        members: Vec<Tick>,
    },
}

pub struct Tick {
    pub value: String,
    pub label: String,
    pub checked: bool,
}

impl From<ui::Field> for Piece {
    fn from(field: ui::Field) -> Self {
        Self::Field(Box::new(field))
    }
}

impl Piece {
    pub fn pair(left: ui::Field, right: ui::Field) -> Self {
        Self::Pair(Box::new(left), Box::new(right))
    }
}

/// A link to an alternative time.
pub struct Offer {
    pub href: String,
    pub words: String,
}

/// Links to free times, in wall time of `zone`; `href` is the page of the form at that time.
pub fn offers(free: &[Free], zone: Tz, href: impl Fn(&Free) -> String) -> Vec<Offer> {
    free.iter().map(|f| Offer { href: href(f), words: ui::format::span(f.starts_at, f.ends_at, zone) }).collect()
}

/// The free times that a clash offers.
pub fn free(form: &Form) -> &[Free] {
    form.case::<Booked>().map_or(&[], |booked| &booked.alternatives)
}

/// A page of a few fields and one button.
#[derive(Template)]
#[template(path = "tickets/form.html")]
pub struct SmallForm {
    pub head: ui::Head,
    pub action: String,
    pub form: Form,
    pub offers: Vec<Offer>,
    pub pieces: Vec<Piece>,
    pub submit: &'static str,
    pub is_warning: bool,
    /// A secondary form with only a button: action and label.
    pub other: Option<(String, &'static str)>,
    /// Set if a phone may queue the form while offline: its label, and the path of the record's page.
    pub queue: Option<(&'static str, String)>,
}

impl SmallForm {
    pub fn new(head: ui::Head, action: String, submit: &'static str, form: Form, pieces: Vec<Piece>) -> Self {
        Self { head, action, form, offers: vec![], pieces, submit, is_warning: false, other: None, queue: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_that_comes_twice_stays_the_one_it_is() {
        let zone = chrono_tz::America::Chicago;
        let (first, second): (DateTime<Utc>, DateTime<Utc>) =
            ("2026-11-01T06:30:20Z".parse().unwrap(), "2026-11-01T07:30:20Z".parse().unwrap());
        let read = |kept| instant(parse_date("2026-11-01").unwrap(), parse_time("01:30").unwrap(), zone, kept);
        assert_eq!((read(Some(second)), read(Some(first))), (second, first));
        assert_eq!(read(None), first - Duration::seconds(20));
        assert_eq!(read(Some(first - Duration::hours(2))), first - Duration::seconds(20));
    }

    #[test]
    fn durations_as_people_type_them() {
        for (text, minutes) in [("90", 90), ("1:30", 90), ("1 h 30", 90), ("2h", 120), ("45 min", 45), ("1 h 30 min", 90)] {
            assert_eq!(parse_minutes(text), Ok(minutes), "{text}");
        }
        for text in ["", "0", "-5", "soon", "1.5"] {
            assert!(parse_minutes(text).is_err(), "{text}");
        }
    }
}
