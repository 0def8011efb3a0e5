//! Formats dates, times, durations and addresses for people. All instants are given in UTC and shown in the `zone` given.

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use chrono_tz::Tz;

use platform::{form::percent_encode, phone};

/// A value passed directly or by reference: templates pass fields, loop variables and bindings with one `&` or several.
pub trait Given<T> {
    fn given(&self) -> T;
}

macro_rules! given { ($($t:ty),+ $(,)?) => { $(impl Given<$t> for $t { fn given(&self) -> $t { *self } })+ } }
given!(DateTime<Utc>, NaiveDate, Tz, bool, usize, super::Tone);

impl<T, R: Given<T> + ?Sized> Given<T> for &R {
    fn given(&self) -> T {
        (**self).given()
    }
}

/// A whole number, by value or by reference (templates pass fields by reference).
pub trait Whole {
    fn whole(&self) -> i64;
}

impl Whole for i64 {
    fn whole(&self) -> i64 {
        *self
    }
}

impl Whole for i32 {
    fn whole(&self) -> i64 {
        i64::from(*self)
    }
}

impl Whole for usize {
    fn whole(&self) -> i64 {
        i64::try_from(*self).unwrap_or(i64::MAX)
    }
}

impl<T: Whole> Whole for &T {
    fn whole(&self) -> i64 {
        (**self).whole()
    }
}

/// `Tue 24 Nov`.
pub fn day(at: impl Given<DateTime<Utc>>, zone: impl Given<Tz>) -> String {
    at.given().with_timezone(&zone.given()).format("%a %-d %b").to_string()
}

/// `Tue 24 Nov 2026`.
pub fn day_year(at: impl Given<DateTime<Utc>>, zone: impl Given<Tz>) -> String {
    at.given().with_timezone(&zone.given()).format("%a %-d %b %Y").to_string()
}

/// `Tue 24 Nov 2026` for a date without a time (due dates, issue dates).
pub fn date(date: impl Given<NaiveDate>) -> String {
    date.given().format("%a %-d %b %Y").to_string()
}

/// `Tuesday 24 November`: headings.
pub fn long_day(date: impl Given<NaiveDate>) -> String {
    date.given().format("%A %-d %B").to_string()
}

/// `9:00`.
pub fn time(at: impl Given<DateTime<Utc>>, zone: impl Given<Tz>) -> String {
    at.given().with_timezone(&zone.given()).format("%-H:%M").to_string()
}

/// `Tue 24 Nov, 9:00`.
pub fn moment(at: impl Given<DateTime<Utc>>, zone: impl Given<Tz>) -> String {
    at.given().with_timezone(&zone.given()).format("%a %-d %b, %-H:%M").to_string()
}

/// `Tue 24 Nov, 9:00`, or `Wed 24 Nov 2027, 9:00` if the year is not that of `now`.
pub fn moment_from(now: impl Given<DateTime<Utc>>, at: impl Given<DateTime<Utc>>, zone: impl Given<Tz>) -> String {
    let zone = &zone.given();
    let at = at.given().with_timezone(zone);
    let year = if at.format("%Y").to_string() == now.given().with_timezone(zone).format("%Y").to_string() { "" } else { " %Y" };
    at.format(&format!("%a %-d %b{year}, %-H:%M")).to_string()
}

/// `Tue 24 Nov, 9:00–12:30`; names the second day if it ends on another.
pub fn span(from: impl Given<DateTime<Utc>>, to: impl Given<DateTime<Utc>>, zone: impl Given<Tz>) -> String {
    let zone = &zone.given();
    let (from, to) = (from.given().with_timezone(zone), to.given().with_timezone(zone));
    let end = if from.date_naive() == to.date_naive() { "%-H:%M" } else { "%a %-d %b, %-H:%M" };
    format!("{}–{}", from.format("%a %-d %b, %-H:%M"), to.format(end))
}

/// The zone's abbreviation, for readers who may be in another zone: `CST`, or `+03` if it has none.
pub fn zone(at: impl Given<DateTime<Utc>>, zone: impl Given<Tz>) -> String {
    at.given().with_timezone(&zone.given()).format("%Z").to_string()
}

/// The distance between the days of `now` and `at` in `zone`: `today`, `in 2 days`, `3 weeks ago`.
pub fn relative(at: impl Given<DateTime<Utc>>, now: impl Given<DateTime<Utc>>, zone: impl Given<Tz>) -> String {
    let zone = &zone.given();
    relative_day(at.given().with_timezone(zone).date_naive(), now.given().with_timezone(zone).date_naive())
}

/// Like [`relative`], for dates without a time.
pub fn relative_day(date: impl Given<NaiveDate>, today: impl Given<NaiveDate>) -> String {
    let days = (date.given() - today.given()).num_days();
    let (count, unit) = match days.abs() {
        0 => return "today".into(),
        1 => return if days > 0 { "tomorrow" } else { "yesterday" }.into(),
        n @ 2..=13 => (n, "day"),
        n @ 14..=59 => (n / 7, "week"),
        n @ 60..=729 => (n / 30, "month"),
        n => (n / 365, "year"),
    };
    let s = if count == 1 { "" } else { "s" };
    if days > 0 { format!("in {count} {unit}{s}") } else { format!("{count} {unit}{s} ago") }
}

/// Minutes as `3 h 22 min`, `45 min`, `2 h`.
pub fn duration(minutes: impl Whole) -> String {
    let minutes = minutes.whole().max(0);
    match (minutes / 60, minutes % 60) {
        (0, m) => format!("{m} min"),
        (h, 0) => format!("{h} h"),
        (h, m) => format!("{h} h {m} min"),
    }
}

/// Seconds as hours and minutes of a running clock: `1:12`.
pub fn clock(seconds: impl Whole) -> String {
    let minutes = seconds.whole().max(0) / 60;
    format!("{}:{:02}", minutes / 60, minutes % 60)
}

/// Value of `<time datetime>`.
pub fn iso(at: impl Given<DateTime<Utc>>) -> String {
    at.given().format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Value of `<input type=date>` in the zone.
pub fn input_date(at: impl Given<DateTime<Utc>>, zone: impl Given<Tz>) -> String {
    at.given().with_timezone(&zone.given()).format("%Y-%m-%d").to_string()
}

/// Value of `<input type=time>` in the zone.
pub fn input_time(at: impl Given<DateTime<Utc>>, zone: impl Given<Tz>) -> String {
    at.given().with_timezone(&zone.given()).format("%H:%M").to_string()
}

/// `1 visit`, `5 visits`.
pub fn count(n: impl Whole, one: &str, many: &str) -> String {
    let n = n.whole();
    format!("{n} {}", if n == 1 { one } else { many })
}

/// Turns a key or an event's name into words: `property_screen_count` → "Property screen count", `ticket.clocked_in` → "Ticket clocked in".
pub fn sentence(key: &str) -> String {
    let words = key.replace(['_', '-', '.'], " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Formats a typed phone number as people in `country` (ISO 3166) write it: "(256) 688-7695".
pub fn phone(typed: &str, country: &str) -> String {
    phone::shown(typed, country)
}

/// `tel:` link of a phone number as typed or in E.164.
pub fn tel(number: &str) -> String {
    format!("tel:{}", phone::dialled(number))
}

/// `tel:` link of a stored phone: its number in E.164, which can be called from abroad, and the extension that was typed with it.
pub fn call(number: &str, typed: &str) -> String {
    phone::extension(typed).map_or_else(|| tel(number), |extension| format!("{},{extension}", tel(number)))
}

/// Returns a link that opens the phone's messages app with `text` ready to send: `?&body=` works on both iOS (which needs `&`) and Android
/// (`?`). The extension is left out, as it can't receive text messages.
pub fn sms(number: &str, text: &str) -> String {
    let dialled = phone::dialled(number);
    format!("sms:{}?&body={}", dialled.split(',').next().unwrap_or_default(), percent_encode(text))
}

/// Returns a link that opens `address` in the phone's map application: iOS and Android both pass `google.com/maps/dir` to an
/// installed application, and a desktop browser shows it. (`geo:` does nothing on iOS, `maps.apple.com` little on Android.)
pub fn maps(address: &str) -> String {
    format!("https://www.google.com/maps/dir/?api=1&destination={}", percent_encode(address))
}

/// Returns the seven days of the week that contains `date`, Monday first.
pub fn week_of(date: impl Given<NaiveDate>) -> Vec<NaiveDate> {
    date.given().week(chrono::Weekday::Mon).first_day().iter_days().take(7).collect()
}

/// `23 – 29 November`, `30 November – 6 December`.
pub fn day_range(from: impl Given<NaiveDate>, to: impl Given<NaiveDate>) -> String {
    let (from, to) = (from.given(), to.given());
    let start = if from.month() == to.month() { "%-d" } else { "%-d %B" };
    format!("{} – {}", from.format(start), to.format("%-d %B"))
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;
    use chrono_tz::{America::Chicago, Europe::Madrid};

    use super::*;

    fn at(d: u32, h: u32, m: u32) -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 11, d, h, m, 0).unwrap()
    }

    #[test]
    fn times_are_shown_in_the_zone() {
        assert_eq!(span(at(24, 15, 0), at(24, 18, 30), Chicago), "Tue 24 Nov, 9:00–12:30");
        assert_eq!(span(at(24, 22, 30), at(25, 0, 15), Madrid), "Tue 24 Nov, 23:30–Wed 25 Nov, 1:15");
        assert_eq!(day(at(24, 3, 0), Chicago), "Mon 23 Nov");
        assert_eq!(zone(at(24, 3, 0), Chicago), "CST");
        assert_eq!(input_time(at(24, 15, 5), Chicago), "09:05");
    }

    #[test]
    fn distance_counts_local_days() {
        // 23:30 and 0:30 local are an hour apart and a day apart.
        assert_eq!(relative(at(25, 6, 30), at(25, 5, 30), Chicago), "tomorrow");
        assert_eq!(relative(at(26, 15, 0), at(24, 15, 0), Chicago), "in 2 days");
        assert_eq!(relative(at(3, 15, 0), at(24, 15, 0), Chicago), "3 weeks ago");
        assert_eq!(relative(at(24, 23, 0), at(24, 15, 0), Chicago), "today");
    }

    #[test]
    fn durations_and_clocks() {
        assert_eq!((duration(202), duration(45), duration(120)), ("3 h 22 min".into(), "45 min".into(), "2 h".into()));
        assert_eq!(clock(4_365), "1:12");
        assert_eq!(clock(-5), "0:00");
    }

    #[test]
    fn keys_read_as_words() {
        assert_eq!(
            (sentence("property_screen_count"), sentence("ticket.clocked_in")),
            ("Property screen count".into(), "Ticket clocked in".into())
        );
        assert_eq!((sentence("éclairage"), sentence("")), ("Éclairage".into(), String::new()));
    }

    #[test]
    fn links_are_encoded() {
        assert_eq!(tel("(256) 555-0101"), "tel:2565550101");
        assert!(maps("88 Old Big Cove Rd, Ñ").ends_with("destination=88%20Old%20Big%20Cove%20Rd%2C%20%C3%91"));
    }
}
