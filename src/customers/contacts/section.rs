//! What pages of joint records show of a customer: the cards `templates/contacts/_*.html`.

use serde::{Deserialize, Serialize};

use super::{Address, Attribute, AttributeState, Consent, Contact, Duplicate, Email, Phone, data, personal};
use platform::{error::Result, ids::ContactId, role::Permission, tenant::Read};

/// A customer on the page of another record: how to reach them, and what is known of them (`templates/contacts/_facts.html`).
#[derive(Debug, Clone, Deserialize)]
pub struct Brief {
    pub id: ContactId,
    /// The first phone number, as typed.
    pub phone: Option<String>,
    pub email: Option<String>,
    /// Confirmed facts, by key.
    pub facts: Vec<Fact>,
}

/// A confirmed attribute: pets, access, equipment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Fact {
    pub key: String,
    pub value: String,
}

impl Brief {
    /// What a visitor must know before the door: access, pets, equipment and hazards.
    pub fn warnings(&self) -> Vec<String> {
        let facts = self.facts.iter().filter(|f| {
            ["access", "pet", "gate", "equipment", "hazard", "alarm", "parking", "key"].iter().any(|k| f.key.to_lowercase().contains(k))
        });
        facts.map(|f| format!("{}: {}", ui::format::sentence(&f.key), f.value)).collect()
    }
}

/// A customer on their own page. The cards read a field `profile`, and `refused` for what was typed into their small forms.
pub struct Profile {
    pub contact: Contact,
    /// The business's country, which decides how phone numbers are written.
    pub country: String,
    pub emails: Vec<Email>,
    pub phones: Vec<Phone>,
    pub addresses: Vec<Address>,
    pub attributes: Vec<Attribute>,
    pub duplicates: Vec<Duplicate>,
    pub consents: Vec<Consent>,
    pub technician: Option<String>,
    pub allowed: Vec<&'static str>,
}

/// Reads a customer's profile. The caller has checked that the member may see the customer.
pub async fn profile(r: &mut Read, id: ContactId) -> Result<Profile> {
    let who = r.who.clone();
    let contact = data::contact(r.db(), id).await?;
    let personal::Reach { emails, phones, addresses } = personal::reach(r.db(), id).await?;
    let data::Known { attributes, consents, duplicates, technician } = data::known(r.db(), id).await?;
    Ok(Profile {
        country: who.country.clone(),
        emails,
        phones,
        addresses,
        attributes,
        duplicates: if who.can(Permission::WriteRecords) { duplicates } else { Vec::new() },
        consents,
        technician,
        allowed: data::allowed_actions(&who, &contact),
        contact,
    })
}

impl Profile {
    pub fn may(&self, action: &str) -> bool {
        self.allowed.contains(&action)
    }

    pub fn proposed(&self) -> impl Iterator<Item = &Attribute> {
        self.attributes.iter().filter(|a| a.state == AttributeState::Proposed)
    }

    pub fn confirmed(&self) -> impl Iterator<Item = &Attribute> {
        self.attributes.iter().filter(|a| a.state == AttributeState::Confirmed)
    }

    pub fn has_preferences(&self) -> bool {
        let c = &self.contact;
        c.preferred_time.is_some()
            || self.technician.is_some()
            || c.preferred_channel.is_some()
            || c.birthday.is_some()
            || c.customer_since.is_some()
            || c.email_consent.is_some()
            || c.sms_consent.is_some()
    }
}
