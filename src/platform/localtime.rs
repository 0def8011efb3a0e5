//! Converts between UTC, in which all times are stored, and the local wall clock.

use chrono::{DateTime, Days, Duration, LocalResult, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};

/// The instant at which the wall clock of `zone` shows `date` and `time`.
///
/// A time that the clock skips moves forward by the gap; one that it shows twice means the first occurrence (`domain.md`, Series).
pub fn to_utc(date: NaiveDate, time: NaiveTime, zone: Tz) -> DateTime<Utc> {
    let wall = date.and_time(time);
    match zone.from_local_datetime(&wall) {
        LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => at.to_utc(),
        LocalResult::None => after_gap(wall, zone),
    }
}

/// Reads a skipped wall time with the offset that held before the gap, which moves it forward by the gap's length.
fn after_gap(wall: NaiveDateTime, zone: Tz) -> DateTime<Utc> {
    // The longest gap so far is a whole day (Samoa, 2011).
    (1..=50)
        .filter_map(|half_hours| wall.checked_sub_signed(Duration::minutes(30 * half_hours)).map(|w| (w, half_hours)))
        .find_map(|(before, half_hours)| {
            let at = zone.from_local_datetime(&before).latest()?;
            Some(at.to_utc() + Duration::minutes(30 * half_hours))
        })
        .unwrap_or_else(|| wall.and_utc())
}

/// Returns the local date and time in `zone` at an instant.
pub fn wall(at: DateTime<Utc>, zone: Tz) -> NaiveDateTime {
    at.with_timezone(&zone).naive_local()
}

/// Returns the local date in `zone` at an instant.
pub fn local_date(at: DateTime<Utc>, zone: Tz) -> NaiveDate {
    wall(at, zone).date()
}

/// Returns the first instant of a local day and that of the next day (exclusive end). They are 23 to 25 hours apart, mostly 24.
pub fn day_bounds(date: NaiveDate, zone: Tz) -> (DateTime<Utc>, DateTime<Utc>) {
    let next = date.checked_add_days(Days::new(1)).unwrap_or(date);
    (to_utc(date, NaiveTime::MIN, zone), to_utc(next, NaiveTime::MIN, zone))
}

/// Returns the same day `months` later (earlier if negative), or the last day of a month that is too short. `None` if out of range.
///
/// Count from the first date of a series, not from the last result: after a short month, the 31st would be lost.
pub fn add_months(date: NaiveDate, months: i32) -> Option<NaiveDate> {
    let by = Months::new(months.unsigned_abs());
    if months < 0 { date.checked_sub_months(by) } else { date.checked_add_months(by) }
}

/// Reads `<input type=date>`: `2026-03-08`, years 1900 to 2199.
pub fn parse_date(text: &str) -> Result<NaiveDate, &'static str> {
    use chrono::Datelike as _;
    NaiveDate::parse_from_str(text.trim(), "%Y-%m-%d")
        .ok()
        .filter(|d| (1900..2200).contains(&d.year()))
        .ok_or("Enter a date, like 2026-03-08.")
}

/// Reads `<input type=time>`: `09:30`, or with seconds.
pub fn parse_time(text: &str) -> Result<NaiveTime, &'static str> {
    let text = text.trim();
    NaiveTime::parse_from_str(text, "%H:%M")
        .or_else(|_| NaiveTime::parse_from_str(text, "%H:%M:%S"))
        .map_err(|_| "Enter a time, like 09:30.")
}

/// Reads `<input type=datetime-local>`: `2026-03-08T09:30`; a space is accepted for the `T`.
pub fn parse_date_time(text: &str) -> Result<NaiveDateTime, &'static str> {
    let text = text.trim();
    let (date, time) = text.split_once(['T', ' ']).ok_or("Enter a date and a time.")?;
    Ok(parse_date(date)?.and_time(parse_time(time)?))
}

/// Reads an IANA zone name.
pub fn parse_zone(name: &str) -> Result<Tz, &'static str> {
    name.trim().parse().map_err(|_| "We don't know this time zone. Choose one from the list, or type a large city near you.")
}

/// Finds the zone that a person typed: a label of the list, an IANA name in any case, or the city a zone is named after.
pub fn find_zone(typed: &str) -> Option<Tz> {
    let same = |name: &str| name.replace('_', " ").eq_ignore_ascii_case(&typed.trim().replace('_', " "));
    let listed = COMMON.iter().find(|(_, label)| same(label)).map(|(zone, _)| *zone);
    let named = || TZ_VARIANTS.iter().find(|zone| same(zone.name())).copied();
    let of_city = || TZ_VARIANTS.iter().find(|zone| zone.name().rsplit('/').next().is_some_and(same)).copied();
    listed.or_else(named).or_else(of_city)
}

/// Returns the zones most people live in, by region: IANA name and label. Any other is typed and found by [`find_zone`].
pub fn common_zones() -> impl Iterator<Item = (&'static str, &'static str)> {
    COMMON.iter().map(|(zone, label)| (zone.name(), *label))
}

const COMMON: [(Tz, &str); 64] = [
    (Tz::America__New_York, "US Eastern (New York)"),
    (Tz::America__Chicago, "US Central (Chicago)"),
    (Tz::America__Denver, "US Mountain (Denver)"),
    (Tz::America__Phoenix, "US Arizona (Phoenix)"),
    (Tz::America__Los_Angeles, "US Pacific (Los Angeles)"),
    (Tz::America__Anchorage, "US Alaska (Anchorage)"),
    (Tz::Pacific__Honolulu, "US Hawaii (Honolulu)"),
    (Tz::America__Puerto_Rico, "Puerto Rico"),
    (Tz::America__Toronto, "Canada Eastern (Toronto)"),
    (Tz::America__Winnipeg, "Canada Central (Winnipeg)"),
    (Tz::America__Edmonton, "Canada Mountain (Edmonton)"),
    (Tz::America__Vancouver, "Canada Pacific (Vancouver)"),
    (Tz::America__Halifax, "Canada Atlantic (Halifax)"),
    (Tz::America__St_Johns, "Canada Newfoundland (St John’s)"),
    (Tz::America__Mexico_City, "Mexico (Mexico City)"),
    (Tz::America__Bogota, "Colombia (Bogotá)"),
    (Tz::America__Lima, "Peru (Lima)"),
    (Tz::America__Santiago, "Chile (Santiago)"),
    (Tz::America__Sao_Paulo, "Brazil (São Paulo)"),
    (Tz::America__Argentina__Buenos_Aires, "Argentina (Buenos Aires)"),
    (Tz::Europe__London, "UK (London)"),
    (Tz::Europe__Dublin, "Ireland (Dublin)"),
    (Tz::Europe__Lisbon, "Portugal (Lisbon)"),
    (Tz::Europe__Madrid, "Spain (Madrid)"),
    (Tz::Europe__Paris, "France (Paris)"),
    (Tz::Europe__Brussels, "Belgium (Brussels)"),
    (Tz::Europe__Amsterdam, "Netherlands (Amsterdam)"),
    (Tz::Europe__Berlin, "Germany (Berlin)"),
    (Tz::Europe__Zurich, "Switzerland (Zurich)"),
    (Tz::Europe__Vienna, "Austria (Vienna)"),
    (Tz::Europe__Rome, "Italy (Rome)"),
    (Tz::Europe__Prague, "Czechia (Prague)"),
    (Tz::Europe__Warsaw, "Poland (Warsaw)"),
    (Tz::Europe__Copenhagen, "Denmark (Copenhagen)"),
    (Tz::Europe__Oslo, "Norway (Oslo)"),
    (Tz::Europe__Stockholm, "Sweden (Stockholm)"),
    (Tz::Europe__Helsinki, "Finland (Helsinki)"),
    (Tz::Europe__Athens, "Greece (Athens)"),
    (Tz::Europe__Bucharest, "Romania (Bucharest)"),
    (Tz::Europe__Istanbul, "Türkiye (Istanbul)"),
    (Tz::Africa__Cairo, "Egypt (Cairo)"),
    (Tz::Africa__Lagos, "Nigeria (Lagos)"),
    (Tz::Africa__Johannesburg, "South Africa (Johannesburg)"),
    (Tz::Africa__Nairobi, "Kenya (Nairobi)"),
    (Tz::Asia__Jerusalem, "Israel (Jerusalem)"),
    (Tz::Asia__Dubai, "Emirates (Dubai)"),
    (Tz::Asia__Karachi, "Pakistan (Karachi)"),
    (Tz::Asia__Kolkata, "India (Kolkata)"),
    (Tz::Asia__Bangkok, "Thailand (Bangkok)"),
    (Tz::Asia__Jakarta, "Indonesia (Jakarta)"),
    (Tz::Asia__Singapore, "Singapore"),
    (Tz::Asia__Manila, "Philippines (Manila)"),
    (Tz::Asia__Hong_Kong, "Hong Kong"),
    (Tz::Asia__Shanghai, "China (Shanghai)"),
    (Tz::Asia__Seoul, "Korea (Seoul)"),
    (Tz::Asia__Tokyo, "Japan (Tokyo)"),
    (Tz::Australia__Perth, "Australia Western (Perth)"),
    (Tz::Australia__Darwin, "Australia Northern (Darwin)"),
    (Tz::Australia__Adelaide, "Australia South (Adelaide)"),
    (Tz::Australia__Brisbane, "Australia Queensland (Brisbane)"),
    (Tz::Australia__Sydney, "Australia Eastern (Sydney)"),
    (Tz::Australia__Hobart, "Australia Tasmania (Hobart)"),
    (Tz::Pacific__Auckland, "New Zealand (Auckland)"),
    (Tz::UTC, "UTC"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(zone: Tz, wall: &str) -> String {
        let at = parse_date_time(wall).unwrap();
        to_utc(at.date(), at.time(), zone).format("%Y-%m-%dT%H:%M").to_string()
    }

    #[test]
    fn t4_skipped_and_repeated_wall_times() {
        let (chicago, berlin) = (Tz::America__Chicago, Tz::Europe__Berlin);
        let (lord_howe, phoenix) = (Tz::Australia__Lord_Howe, Tz::America__Phoenix);
        for (zone, wall, expected) in [
            // North, spring: 02:30 does not exist and becomes 03:30.
            (chicago, "2026-03-08T01:59", "2026-03-08T07:59"),
            (chicago, "2026-03-08T02:30", "2026-03-08T08:30"),
            (chicago, "2026-03-08T03:00", "2026-03-08T08:00"),
            (berlin, "2026-03-29T02:00", "2026-03-29T01:00"),
            // North, autumn: 01:30 occurs twice; the first is used.
            (chicago, "2026-11-01T01:30", "2026-11-01T06:30"),
            (chicago, "2026-11-01T02:00", "2026-11-01T08:00"),
            (berlin, "2026-10-25T02:30", "2026-10-25T00:30"),
            // South, half an hour: spring in October, autumn in April.
            (lord_howe, "2026-10-04T02:15", "2026-10-03T15:45"),
            (lord_howe, "2026-10-04T02:30", "2026-10-03T15:30"),
            (lord_howe, "2026-04-05T01:45", "2026-04-04T14:45"),
            // No daylight saving at all.
            (phoenix, "2026-03-08T02:30", "2026-03-08T09:30"),
            (phoenix, "2026-11-01T01:30", "2026-11-01T08:30"),
            // A whole day that was skipped.
            (Tz::Pacific__Apia, "2011-12-30T10:00", "2011-12-30T20:00"),
        ] {
            assert_eq!(utc(zone, wall), expected, "{zone} {wall}");
        }
    }

    #[test]
    fn t4_nine_stays_nine_on_each_day_near_a_change() {
        for zone in [Tz::America__Chicago, Tz::Europe__Berlin, Tz::Australia__Lord_Howe, Tz::America__Phoenix] {
            let mut date = parse_date("2026-01-01").unwrap();
            let nine = parse_time("09:00").unwrap();
            while date < parse_date("2027-01-01").unwrap() {
                assert_eq!(wall(to_utc(date, nine, zone), zone), date.and_time(nine));
                let (from, to) = day_bounds(date, zone);
                assert_eq!((local_date(from, zone), local_date(to - Duration::seconds(1), zone)), (date, date));
                date = date.succ_opt().unwrap();
            }
        }
    }

    #[test]
    fn day_bounds_follow_the_clock() {
        let hours = |zone, date| {
            let (from, to) = day_bounds(parse_date(date).unwrap(), zone);
            (to - from).num_minutes()
        };
        assert_eq!(hours(Tz::America__Chicago, "2026-03-08"), 23 * 60);
        assert_eq!(hours(Tz::America__Chicago, "2026-11-01"), 25 * 60);
        assert_eq!(hours(Tz::Australia__Lord_Howe, "2026-10-04"), 23 * 60 + 30);
        assert_eq!(hours(Tz::America__Phoenix, "2026-03-08"), 24 * 60);
        // Midnight itself is skipped in Beirut.
        assert_eq!(hours(Tz::Asia__Beirut, "2026-03-29"), 23 * 60);
    }

    #[test]
    fn t7_months_are_clamped_not_lost() {
        let from = parse_date("2026-08-31").unwrap();
        let after = |months| add_months(from, months).unwrap().to_string();
        assert_eq!(after(6), "2027-02-28");
        assert_eq!(after(12), "2027-08-31");
        assert_eq!(after(18), "2028-02-29");
        assert_eq!(after(-2), "2026-06-30");
    }

    #[test]
    fn reads_inputs_and_lists_zones() {
        assert!(parse_date("08/03/2026").is_err() && parse_date("0026-03-08").is_err());
        assert!(parse_time("25:00").is_err() && parse_date_time("2026-03-08").is_err());
        for (id, label) in common_zones() {
            assert_eq!(find_zone(label).map(Tz::name), Some(id));
            assert!(parse_zone(id).is_ok());
        }
        for (typed, zone) in [("america/chicago", "America/Chicago"), (" boise ", "America/Boise"), ("new york", "America/New_York")] {
            assert_eq!(find_zone(typed).map(Tz::name), Some(zone));
        }
        assert!(find_zone("Mars").is_none() && find_zone("").is_none() && parse_zone("Mars").is_err());
    }
}
