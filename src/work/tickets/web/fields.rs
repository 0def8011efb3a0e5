//! Form or query fields as raw text, so that invalid input can be shown again; and small forms made of a few fields.

use askama::Template;
use chrono::{DateTime, Duration, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use chrono_tz::Tz;
use serde::Deserialize;
use uuid::Uuid;

use platform::{
    error::FieldErrors,
    form::percent_encode,
    localtime::{parse_date, parse_time, to_utc, wall},
};

/// Fields in the order received; a name may occur more than once.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct Fields(pub Vec<(String, String)>);

impl Fields {
    /// The first value of a field, trimmed; empty if the field is missing.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v.trim())
    }

    pub fn some(&self, name: &str) -> Option<&str> {
        Some(self.get(name)).filter(|v| !v.is_empty())
    }

    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(n, _)| n == name)
    }

    pub fn all(&self, name: &str) -> Vec<&str> {
        self.0.iter().filter(|(n, _)| n == name).map(|(_, v)| v.trim()).collect()
    }

    /// All values of the field that are valid ids.
    pub fn ids<T: From<Uuid>>(&self, name: &str) -> Vec<T> {
        self.all(name).iter().filter_map(|v| v.parse::<Uuid>().ok()).map(T::from).collect()
    }

    pub fn id<T: From<Uuid>>(&self, name: &str) -> Option<T> {
        self.get(name).parse::<Uuid>().ok().map(T::from)
    }

    /// The fields as a query string, without `names`, empty values and names that start with an underscore.
    pub fn query_without(&self, names: &[&str]) -> String {
        let kept = self.0.iter().filter(|(n, v)| !names.contains(&n.as_str()) && !n.starts_with('_') && !v.is_empty());
        kept.map(|(n, v)| format!("{}={}", percent_encode(n), percent_encode(v))).collect::<Vec<_>>().join("&")
    }

    /// Parses `date`, `time` and `minutes` in wall time of `zone`; `kept` is the visit's current start, see [`instant`]. Returns `None` and
    /// adds field errors if one is invalid.
    pub fn slot(&self, zone: Tz, kept: Option<DateTime<Utc>>, errors: &mut FieldErrors) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        let date = parse_date(self.get("date")).map_err(|m| errors.add("date", m)).ok();
        let time = parse_time(self.get("time")).map_err(|m| errors.add("time", m)).ok();
        let minutes = parse_minutes(self.get("minutes")).map_err(|m| errors.add("minutes", m)).ok();
        let starts = instant(date?, time?, zone, kept);
        Some((starts, starts + Duration::minutes(minutes?)))
    }
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

/// One row of a stale edit: the saved and the typed value.
pub struct Stale {
    pub label: &'static str,
    pub theirs: String,
    pub yours: String,
}

/// A link to an alternative time.
pub struct Offer {
    pub href: String,
    pub words: String,
}

/// A page of a few fields and one button.
#[derive(Template)]
#[template(path = "tickets/form.html")]
pub struct SmallForm {
    pub head: ui::Head,
    pub action: String,
    pub version: Option<i32>,
    pub errors: FieldErrors,
    /// An error message above the form; empty if there is none.
    pub refused: String,
    pub stale: Vec<Stale>,
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
    pub fn new(head: ui::Head, action: String, submit: &'static str) -> Self {
        Self {
            head,
            action,
            version: None,
            errors: FieldErrors::default(),
            refused: String::new(),
            stale: vec![],
            offers: vec![],
            pieces: vec![],
            submit,
            is_warning: false,
            other: None,
            queue: None,
        }
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
