//! Close-out: the wizard that ends in an immutable ticket. Its draft is a record of its own; the ticket changes only on completion.

pub mod actions;
pub mod data;
mod faults;
pub mod filling;
pub mod form;
pub mod jobs;
pub mod money;
mod page;
pub mod web;

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use customers::contacts::extract::{Found, extract};
use platform::{
    ids::{LineId, MemberId, ServiceId, TaxRateId},
    money::Currency,
};
use work::tickets::{LineKind, actions::NewLine, line_total};

pub use faults::{Given, REACH_OUT_MONTHS};

/// The wizard's steps, in order. None can be skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Time on site, services, prices.
    What,
    Notes,
    Next,
    Review,
}

impl Step {
    pub const ALL: [Self; 4] = [Self::What, Self::Notes, Self::Next, Self::Review];

    pub fn name(self) -> &'static str {
        match self {
            Self::What => "what",
            Self::Notes => "notes",
            Self::Next => "next",
            Self::Review => "review",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Self::What => "What was done",
            Self::Notes => "Notes",
            Self::Next => "Next visit",
            Self::Review => "Is this right?",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.name() == name)
    }

    /// 1 to 4.
    pub fn number(self) -> usize {
        Self::ALL.iter().position(|s| *s == self).map_or(1, |i| i + 1)
    }

    pub fn after(self) -> Option<Self> {
        Self::ALL.get(self.number()).copied()
    }

    pub fn before(self) -> Option<Self> {
        self.number().checked_sub(2).and_then(|i| Self::ALL.get(i)).copied()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "closeout_state", rename_all = "snake_case")]
pub enum CloseoutState {
    Open,
    Reviewed,
    Completed,
    Abandoned,
}

/// The technician's account of the visit. It is saved whole at every step.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Draft {
    /// Time on site, as the person states it; it may be more or less than the clock says.
    pub worked_minutes: Option<i32>,
    pub lines: Vec<DraftLine>,
    /// Whether the person has confirmed that all prices are final; required if the ticket's price was an estimate.
    pub prices_confirmed: bool,
    pub notes: String,
    pub next: Next,
    /// Facts found in the notes or added by hand, each with the person's decision (`keep`).
    pub attributes: Vec<DraftAttribute>,
    /// The hash of the ticket's lines that the draft was filled in on, as given in the saved draft or in a conflict. Left out, the saved
    /// draft's is used; empty, nothing is compared and this draft is taken.
    pub lines_seen: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DraftLine {
    /// The ticket's line; null for a line added at the visit.
    #[serde(default)]
    pub id: Option<LineId>,
    #[serde(default)]
    pub service_id: Option<ServiceId>,
    pub kind: LineKind,
    pub description: String,
    pub quantity: Decimal,
    #[serde(default)]
    pub unit_price: Option<Decimal>,
    #[serde(default)]
    pub tax_rate_id: Option<TaxRateId>,
}

impl DraftLine {
    /// Converts it to a line of a ticket.
    pub fn as_line(&self) -> NewLine {
        NewLine {
            service_id: self.service_id,
            kind: Some(self.kind),
            description: Some(self.description.clone()),
            quantity: Some(self.quantity),
            unit_price: self.unit_price,
            duration_minutes: None,
            tax_rate_id: self.tax_rate_id,
        }
    }
}

/// The follow-up to this visit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Next {
    /// Not answered yet; the wizard does not go on without an answer.
    #[default]
    Undecided,
    No,
    /// The next visit, booked now.
    Book {
        starts_at: DateTime<Utc>,
        ends_at: DateTime<Utc>,
        technicians: Vec<MemberId>,
        /// Why it is booked although a technician has another visit at that time.
        #[serde(default)]
        override_reason: Option<String>,
    },
    /// A message scheduled in that many months; without `body`, the business's template.
    ReachOut {
        months: u8,
        #[serde(default)]
        body: Option<String>,
    },
}

/// Where an attribute came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    Rules,
    Model,
    Typed,
}

impl Origin {
    pub fn name(self) -> &'static str {
        match self {
            Self::Rules => "rules",
            Self::Model => "model",
            Self::Typed => "typed",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DraftAttribute {
    pub key: String,
    pub value: String,
    pub keep: bool,
    pub origin: Origin,
    #[serde(default)]
    pub confidence: Option<Decimal>,
    /// The value found before the person changed it, so that reading the notes again does not add it again.
    #[serde(default)]
    pub was: Option<String>,
}

impl Draft {
    /// The sum of the lines; `None` as long as a price is open.
    pub fn total(&self, currency: Currency) -> Option<Decimal> {
        self.lines.iter().map(|l| line_total(l.quantity, l.unit_price, currency)).sum()
    }

    /// Returns this draft with the ticket's current lines (`fresh`). Lines added at the visit stay, and so does the price of a line that
    /// has none on the ticket.
    #[must_use]
    pub fn over(mut self, fresh: Self) -> Self {
        let mut lines = fresh.lines;
        for line in &mut lines {
            line.unit_price = line.unit_price.or_else(|| self.lines.iter().find(|l| l.id == line.id)?.unit_price);
        }
        self.lines.retain(|l| l.id.is_none());
        lines.append(&mut self.lines);
        Self { lines, prices_confirmed: fresh.prices_confirmed, lines_seen: fresh.lines_seen, ..self }
    }

    /// Merges what was found in the notes: new facts are added as kept; those that the person has dropped, changed or added stay as they
    /// are; those no longer in the notes are removed, unless the person has dropped or changed them.
    pub fn merge_found(&mut self, found: &[Found], origin: Origin) {
        let holds = |a: &DraftAttribute, f: &Found| a.key == f.key && a.value.eq_ignore_ascii_case(&f.value);
        self.attributes.retain(|a| a.origin != origin || !a.keep || a.was.is_some() || found.iter().any(|f| holds(a, f)));
        let known: BTreeSet<(String, String)> = self
            .attributes
            .iter()
            .flat_map(|a| [Some(&a.value), a.was.as_ref()].into_iter().flatten().map(|v| (a.key.clone(), v.to_lowercase())))
            .collect();
        for f in found {
            if !known.contains(&(f.key.clone(), f.value.to_lowercase())) {
                self.attributes.push(DraftAttribute {
                    key: f.key.clone(),
                    value: f.value.clone(),
                    keep: true,
                    origin,
                    confidence: Some(f.confidence.score()),
                    was: None,
                });
            }
        }
    }

    /// Extracts facts from the notes by rules and merges them.
    pub fn read_notes(&mut self) {
        let found = extract(&self.notes);
        self.merge_found(&found, Origin::Rules);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn draft() -> Draft {
        Draft {
            worked_minutes: Some(202),
            lines: vec![DraftLine {
                id: None,
                service_id: None,
                kind: LineKind::Flexible,
                description: "Interior and exterior windows".into(),
                quantity: Decimal::ONE,
                unit_price: Some(Decimal::from(562)),
                tax_rate_id: None,
            }],
            prices_confirmed: true,
            notes: "Elderly woman, very nice. 20+ screens. Dog named Biscuit, keep gate closed.".into(),
            next: Next::ReachOut { months: 6, body: None },
            ..Draft::default()
        }
    }

    #[test]
    fn reading_the_notes_again_keeps_the_persons_word() {
        let mut d = draft();
        d.read_notes();
        assert!(d.attributes.iter().any(|a| a.key == "pet" && a.value.contains("Biscuit")), "{:?}", d.attributes);
        let n = d.attributes.len();
        d.attributes.iter_mut().find(|a| a.key == "pet").unwrap().keep = false;
        d.attributes.push(DraftAttribute {
            key: "parking".into(),
            value: "behind the house".into(),
            keep: true,
            origin: Origin::Typed,
            confidence: None,
            was: None,
        });
        let access = d.attributes.iter_mut().find(|a| a.key == "access").unwrap();
        access.was = Some(std::mem::replace(&mut access.value, "the gate sticks".into()));
        d.read_notes();
        assert_eq!(d.attributes.len(), n + 1);
        assert!(d.attributes.iter().any(|a| a.value == "the gate sticks"), "{:?}", d.attributes);
        assert!(!d.attributes.iter().find(|a| a.key == "pet").unwrap().keep);
        d.notes = "20+ screens".into();
        d.read_notes();
        assert!(d.attributes.iter().any(|a| a.key == "parking"));
        assert!(d.attributes.iter().any(|a| a.value == "the gate sticks"), "{:?}", d.attributes);
        assert!(!d.attributes.iter().any(|a| a.key == "demographic"), "{:?}", d.attributes);
    }

    #[test]
    fn steps_follow_each_other() {
        assert_eq!(Step::What.after(), Some(Step::Notes));
        assert_eq!(Step::Review.after(), None);
        assert_eq!(Step::What.before(), None);
        assert_eq!(Step::Review.before(), Some(Step::Next));
        assert!(Step::ALL.iter().all(|s| Step::from_name(s.name()) == Some(*s)));
    }
}
