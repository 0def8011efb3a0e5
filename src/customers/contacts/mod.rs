//! Contacts: the people and organisations that the business deals with, and their addresses, notes, facts and consents.

pub mod actions;
pub mod data;
pub mod extract;
pub mod jobs;
pub mod likeness;
pub mod personal;
pub mod query;
pub mod search;
pub mod section;
pub mod sheet;
pub mod web;

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use platform::ids::{AddressId, AttributeId, ConsentId, ContactId, DuplicateId, EmailId, MemberId, NoteId, PhoneId, TicketId};

/// How a contact relates to the business.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "contact_relation", rename_all = "snake_case")]
pub enum Relation {
    #[default]
    Customer,
    Vendor,
    Other,
}

impl Relation {
    pub const ALL: [Self; 3] = [Self::Customer, Self::Vendor, Self::Other];

    pub fn name(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Vendor => "vendor",
            Self::Other => "other",
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::Customer => "Customer",
            Self::Vendor => "Vendor",
            Self::Other => "Other",
        }
    }
}

/// Whether a person has confirmed a fact. A dropped fact is kept but not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "attribute_state", rename_all = "snake_case")]
pub enum AttributeState {
    Proposed,
    Confirmed,
    Dropped,
}

/// A contact's own columns; `version` guards against stale edits.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Contact {
    pub id: ContactId,
    pub relation: Relation,
    pub is_organisation: bool,
    /// The display name in lists and mails, derived from the name parts.
    pub name: String,
    pub first_name: String,
    pub last_name: String,
    pub nickname: String,
    pub company: String,
    pub tags: Vec<String>,
    /// `morning` or `afternoon`.
    pub preferred_time: Option<String>,
    pub preferred_member_id: Option<MemberId>,
    /// `email`, `phone`, `sms` or `letter`.
    pub preferred_channel: Option<String>,
    /// Consent to marketing mail; null if the customer was never asked.
    pub email_consent: Option<bool>,
    pub sms_consent: Option<bool>,
    pub birthday: Option<String>,
    pub customer_since: Option<NaiveDate>,
    pub source: String,
    pub archived_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub version: i32,
}

impl Contact {
    pub fn is_archived(&self) -> bool {
        self.archived_at.is_some()
    }

    /// `archived` or `active`.
    pub fn state(&self) -> &'static str {
        if self.is_archived() { "archived" } else { "active" }
    }
}

/// The part of a contact that other slices need to show it or to write to it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Summary {
    pub id: ContactId,
    pub name: String,
    pub first_name: String,
    /// The first email address, as typed.
    pub email: Option<String>,
    /// The first phone number, as typed.
    pub phone: Option<String>,
    pub is_archived: bool,
    pub email_consent: Option<bool>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Email {
    pub id: EmailId,
    pub label: String,
    pub address: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Phone {
    pub id: PhoneId,
    pub label: String,
    /// The number as typed.
    pub typed: String,
    /// The number in E.164, or its digits if it is not a valid number.
    pub number: String,
}

/// A place of service.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Address {
    pub id: AddressId,
    pub contact_id: ContactId,
    pub label: String,
    pub street: String,
    pub unit: String,
    pub city: String,
    pub region: String,
    pub postal_code: String,
    pub country: String,
    pub access_notes: String,
    /// IANA time zone, set only if it differs from the business's.
    pub time_zone: Option<String>,
    pub neighbourhood: String,
    pub is_primary: bool,
    pub archived_at: Option<DateTime<Utc>>,
    pub version: i32,
}

impl Address {
    /// Returns the address on one line: `12 Oak St, Unit 3, Huntsville, AL 35801`.
    pub fn one_line(&self) -> String {
        one_line(&self.street, &self.unit, &self.city, &self.region, &self.postal_code)
    }
}

/// Joins the non-empty parts of an address with commas, region and postal code with a space.
pub fn one_line(street: &str, unit: &str, city: &str, region: &str, postal_code: &str) -> String {
    let area = [region, postal_code].iter().filter(|p| !p.is_empty()).copied().collect::<Vec<_>>().join(" ");
    [street, unit, city, &area].iter().filter(|p| !p.is_empty()).copied().collect::<Vec<_>>().join(", ")
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Note {
    pub id: NoteId,
    pub contact_id: ContactId,
    pub ticket_id: Option<TicketId>,
    pub body: String,
    pub source: String,
    pub created_at: DateTime<Utc>,
    /// The author's name; empty if the author is not a member.
    pub by: String,
}

/// A structured fact: `pet: dog (Biscuit)`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Attribute {
    pub id: AttributeId,
    pub contact_id: ContactId,
    pub key: String,
    pub value: String,
    pub state: AttributeState,
    /// `typed`, `rules`, `model` or `import`.
    pub source: String,
    /// 0 to 1; null for a fact that a person typed.
    pub confidence: Option<Decimal>,
    pub ticket_id: Option<TicketId>,
    pub confirmed_by: Option<MemberId>,
    pub confirmed_at: Option<DateTime<Utc>>,
    pub version: i32,
}

/// One recorded change of consent.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Consent {
    pub id: ConsentId,
    pub channel: String,
    pub given: bool,
    pub source: String,
    pub wording: String,
    pub at: DateTime<Utc>,
}

/// Another contact that may be the same person.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Duplicate {
    pub id: DuplicateId,
    pub other_id: ContactId,
    pub other_name: String,
    pub score: i32,
    pub reason: String,
}

/// Returns the name for lists and mails: the first non-empty of person, company, nickname, phone and email.
/// For an organisation the company comes before the person. Returns an empty text if all parts are empty.
pub fn display_name(parts: &Parts<'_>) -> String {
    let person = [parts.first_name, parts.last_name].iter().filter(|p| !p.is_empty()).copied().collect::<Vec<_>>().join(" ");
    let order: [&str; 5] = if parts.is_organisation {
        [parts.company, &person, parts.nickname, parts.phone, parts.email]
    } else {
        [&person, parts.company, parts.nickname, parts.phone, parts.email]
    };
    order.into_iter().find(|p| !p.is_empty()).unwrap_or_default().to_owned()
}

/// The parts of a contact that `display_name` chooses from.
#[derive(Debug, Clone, Copy, Default)]
pub struct Parts<'a> {
    pub is_organisation: bool,
    pub first_name: &'a str,
    pub last_name: &'a str,
    pub nickname: &'a str,
    pub company: &'a str,
    /// The first phone as typed.
    pub phone: &'a str,
    pub email: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_comes_from_the_first_part_there_is() {
        let phone_only = Parts { phone: "(256) 688-7695", email: "a@b.co", ..Parts::default() };
        assert_eq!(display_name(&phone_only), "(256) 688-7695");
        let both = Parts { first_name: "Ann", last_name: "Lee", company: "Lee Realty", ..Parts::default() };
        assert_eq!(display_name(&both), "Ann Lee");
        assert_eq!(display_name(&Parts { is_organisation: true, ..both }), "Lee Realty");
        assert_eq!(display_name(&Parts::default()), "");
    }

    #[test]
    fn an_address_reads_as_one_line_whatever_is_missing() {
        assert_eq!(one_line("12 Oak St", "", "Huntsville", "AL", "35801"), "12 Oak St, Huntsville, AL 35801");
        assert_eq!(one_line("", "", "Madison", "", ""), "Madison");
    }
}
