//! Appointments as calendar files (RFC 5545, invitations after RFC 5546).

use chrono::{DateTime, Utc};
use icalendar::{Calendar, Component as _, Event, EventLike as _, EventStatus, Property};
use uuid::Uuid;

/// The file's `METHOD`: what it asks the recipient's calendar to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Add the appointment, or replace the one with the same UID and a lower sequence.
    Request,
    /// Remove the appointment with the same UID.
    Cancel,
    /// A plain listing, for a feed or a download.
    Publish,
}

impl Method {
    /// The value of `METHOD:` and of the MIME part's `method` parameter.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Request => "REQUEST",
            Self::Cancel => "CANCEL",
            Self::Publish => "PUBLISH",
        }
    }
}

/// A name and a mail address.
#[derive(Clone, Debug)]
pub struct Party {
    pub name: String,
    pub email: String,
}

/// One appointment as a customer's or technician's calendar shows it.
#[derive(Clone, Debug)]
pub struct Appointment {
    pub ticket: Uuid,
    /// The instance's host name, part of the UID.
    pub host: String,
    /// 0 when first sent, one more each time it is moved or cancelled.
    pub sequence: u32,
    /// When this version was made.
    pub stamp: DateTime<Utc>,
    pub start: DateTime<Utc>,
    pub end: DateTime<Utc>,
    pub summary: String,
    pub description: String,
    pub location: String,
    pub url: Option<String>,
    pub organizer: Option<Party>,
    pub attendee: Option<Party>,
    pub cancelled: bool,
}

impl Appointment {
    /// Returns the UID, the same for every version of the appointment, so that calendars move it instead of adding another.
    pub fn uid(&self) -> String {
        format!("ticket-{}@{}", self.ticket, self.host)
    }

    fn event(&self) -> Event {
        let mut event = Event::with_uid(&self.uid());
        event
            .sequence(self.sequence)
            .timestamp(self.stamp)
            .starts(self.start)
            .ends(self.end)
            .summary(&text(&self.summary))
            .status(if self.cancelled { EventStatus::Cancelled } else { EventStatus::Confirmed });
        if !self.description.is_empty() {
            event.description(&text(&self.description));
        }
        if !self.location.is_empty() {
            event.location(&text(&self.location));
        }
        if let Some(url) = &self.url {
            event.append_property(Property::new("URL", one_line(url)));
        }
        if let Some(party) = &self.organizer {
            event.append_property(party.property("ORGANIZER"));
        }
        if let Some(party) = &self.attendee {
            let mut attendee = party.property("ATTENDEE");
            attendee.add_parameter("ROLE", "REQ-PARTICIPANT").add_parameter("PARTSTAT", "NEEDS-ACTION").add_parameter("RSVP", "FALSE");
            event.append_multi_property(attendee);
        }
        event.done()
    }
}

impl Party {
    fn property(&self, key: &str) -> Property {
        // A parameter value can't contain a double quote; the library adds its own where they are needed.
        let name = one_line(&self.name).replace('"', "'");
        let mut property = Property::new(key, format!("mailto:{}", one_line(&self.email)));
        if !name.is_empty() {
            property.add_parameter("CN", &name);
        }
        property
    }
}

/// Returns the calendar file of one appointment. With [`Method::Cancel`] its status is cancelled even if the record's is not.
pub fn appointment(method: Method, appointment: &Appointment) -> String {
    let mut appointment = appointment.clone();
    appointment.cancelled |= method == Method::Cancel;
    let mut calendar = calendar(method);
    calendar.push(appointment.event());
    calendar.to_string()
}

/// Returns a calendar feed of many appointments, titled `name`.
pub fn feed(name: &str, appointments: &[Appointment]) -> String {
    let mut calendar = calendar(Method::Publish);
    calendar.name(&text(name));
    for appointment in appointments {
        calendar.push(appointment.event());
    }
    calendar.to_string()
}

fn calendar(method: Method) -> Calendar {
    let mut calendar = Calendar::empty();
    for (key, value) in [("VERSION", "2.0"), ("PRODID", "-//Rounds//Rounds//EN"), ("CALSCALE", "GREGORIAN"), ("METHOD", method.as_str())] {
        calendar.append_property(Property::new(key, value));
    }
    calendar
}

/// Cleans a text value: line breaks stay, as the library escapes them; other control characters are removed.
fn text(value: &str) -> String {
    value.replace("\r\n", "\n").replace('\r', "\n").chars().filter(|c| *c == '\n' || !c.is_control()).collect()
}

/// Cleans a value that the library writes unescaped: control characters are removed, so that nothing in it can end the line.
fn one_line(value: &str) -> String {
    value.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone as _;

    use super::*;

    fn example() -> Appointment {
        let at = |hour| Utc.with_ymd_and_hms(2026, 11, 24, hour, 0, 0).unwrap();
        Appointment {
            ticket: Uuid::from_u128(7),
            host: "rounds.example".into(),
            sequence: 0,
            stamp: at(1),
            start: at(15),
            end: at(17),
            summary: "Window cleaning; inside, outside".into(),
            description: "Bring the ladder.\r\nGate code 12\\34".into(),
            location: "12 Överby Way, Huntsville, AL 35801, behind the very long yellow building on the left".into(),
            url: Some("https://rounds.example/c/abc?x=1,2;3".into()),
            organizer: Some(Party { name: "Clear \"View\", LLC".into(), email: "office@clear.example".into() }),
            attendee: Some(Party { name: "Ann\r\nATTENDEE:mailto:evil@example.com".into(), email: "ann@example.com".into() }),
            cancelled: false,
        }
    }

    fn unfolded(ics: &str) -> Vec<String> {
        ics.replace("\r\n ", "").split("\r\n").map(str::to_owned).collect()
    }

    #[test]
    fn s5_one_uid_and_a_rising_sequence_through_three_moves_and_a_cancellation() {
        let mut versions = Vec::new();
        for sequence in 0..=4 {
            let mut version = example();
            version.sequence = sequence;
            version.start += chrono::Duration::hours(sequence.into());
            let method = if sequence == 4 { Method::Cancel } else { Method::Request };
            versions.push(unfolded(&appointment(method, &version)));
        }
        for (sequence, lines) in versions.iter().enumerate() {
            let has = |line: &str| lines.iter().filter(|l| *l == line).count() == 1;
            assert!(has("UID:ticket-00000000-0000-0000-0000-000000000007@rounds.example"));
            assert!(has(&format!("SEQUENCE:{sequence}")));
            assert!(has("DTSTAMP:20261124T010000Z"));
            let (method, status) = if sequence == 4 { ("CANCEL", "CANCELLED") } else { ("REQUEST", "CONFIRMED") };
            assert!(has(&format!("METHOD:{method}")) && has(&format!("STATUS:{status}")));
        }
        assert!(versions[2].contains(&"DTSTART:20261124T170000Z".to_owned()));
    }

    #[test]
    fn escapes_folds_and_lets_nothing_in() {
        let ics = appointment(Method::Request, &example());
        assert!(ics.ends_with("END:VCALENDAR\r\n"));
        assert!(ics.split("\r\n").all(|line| line.len() <= 75), "{ics}");
        assert!(!ics.replace("\r\n", "").contains(['\r', '\n']));
        let lines = unfolded(&ics);
        for line in [
            "SUMMARY:Window cleaning\\; inside\\, outside",
            "DESCRIPTION:Bring the ladder.\\nGate code 12\\\\34",
            "URL:https://rounds.example/c/abc?x=1,2;3",
            "ORGANIZER;CN=\"Clear 'View', LLC\":mailto:office@clear.example",
            "DTEND:20261124T170000Z",
        ] {
            assert!(lines.iter().any(|l| l == line), "{line}\n{ics}");
        }
        assert_eq!(lines.iter().filter(|l| l.starts_with("ATTENDEE")).count(), 1);
    }

    #[test]
    fn a_feed_lists_many() {
        let ics = feed("Rounds: Sam", &[example(), example()]);
        assert_eq!(ics.matches("BEGIN:VEVENT").count(), 2);
        assert!(ics.contains("METHOD:PUBLISH"));
    }
}
