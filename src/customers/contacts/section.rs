//! What pages of joint records show of a customer: the cards `templates/contacts/_*.html`.

use platform::ids::ContactId;
use serde::{Deserialize, Serialize};

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
