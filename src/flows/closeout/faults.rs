//! Validates the steps of the wizard, for the pages, the API and completing alike.

use std::collections::BTreeSet;

use chrono::{DateTime, Duration, Utc};
use rust_decimal::Decimal;

use super::{Draft, DraftLine, Next, Step};
use messages::outbox::{MessageKind, templates};
use platform::error::FieldErrors;

/// How many months ahead a reach-out may be.
pub const REACH_OUT_MONTHS: std::ops::RangeInclusive<u8> = 1..=24;
/// The highest total of a visit, in whole units of the currency: far below the limit of the money columns, taxes on top included.
const MOST: i64 = 100_000_000;
/// The longest visit.
const LONGEST: Duration = Duration::days(7);

/// The facts beside the draft that its validation needs.
#[derive(Debug, Clone, Copy)]
pub struct Given {
    /// Whether the ticket's price is an estimate.
    pub is_estimated: bool,
    pub now: DateTime<Utc>,
}

impl Draft {
    /// Returns the errors of a step. Rows are numbered in the draft's order.
    pub fn faults(&self, step: Step, given: Given) -> FieldErrors {
        let mut e = FieldErrors::default();
        match step {
            Step::What => self.what_faults(given.is_estimated, &mut e),
            Step::Notes => {
                if self.notes.chars().count() > 10_000 {
                    e.add("notes", "That is more than we can keep in one note. Shorten it a little.");
                }
            }
            Step::Next => self.next.faults(given.now, &mut e),
            Step::Review => self.attribute_faults(&mut e),
        }
        e
    }

    fn what_faults(&self, estimated: bool, e: &mut FieldErrors) {
        match self.worked_minutes {
            Some(1..=10_080) => {}
            _ => e.add("worked", "How long were you there? Hours and minutes."),
        }
        if self.lines.is_empty() {
            e.add("lines", "At least one service was done. If nobody was home, cancel the ticket instead.");
        }
        let mut seen = BTreeSet::new();
        for (i, line) in self.lines.iter().enumerate() {
            if line.id.is_some_and(|id| !seen.insert(id)) {
                e.add(&format!("lines[{i}].unit_price"), "This line is here twice. Take one of them off.");
            }
            line.faults(i, e);
        }
        if self.lines.iter().try_fold(Decimal::ZERO, |sum, l| sum.checked_add(l.amount()?)).is_none_or(|sum| sum > Decimal::from(MOST)) {
            e.add("lines", "All together this is more than a visit can come to. Look at the quantities and prices again.");
        }
        if estimated && !self.prices_confirmed {
            e.add("prices_confirmed", "The price was an estimate. Confirm that these are the final prices.");
        }
    }

    fn attribute_faults(&self, e: &mut FieldErrors) {
        for (i, a) in self.attributes.iter().enumerate().filter(|(_, a)| a.keep) {
            let field = format!("attributes[{i}].value");
            if a.key.trim().is_empty() || a.value.trim().is_empty() {
                e.add(&field, "Say what and which, or drop it.");
            }
            if a.key.trim().chars().count() > 60 || a.value.trim().chars().count() > 500 {
                e.add(&field, "That is too long for a fact: at most 60 characters for what, 500 for which.");
            }
            if a.confidence.is_some_and(|c| c < Decimal::ZERO || c > Decimal::ONE) {
                e.add(&field, "How sure a find is goes from 0 to 1.");
            }
        }
    }

    /// Returns the first step up to `up_to` that has errors, with these errors; `None` if all are valid. This enforces the steps' order.
    pub fn first_fault(&self, up_to: Step, given: Given) -> Option<(Step, FieldErrors)> {
        Step::ALL.into_iter().take_while(|s| *s <= up_to).map(|s| (s, self.faults(s, given))).find(|(_, e)| !e.is_empty())
    }
}

impl DraftLine {
    /// Returns quantity × price, zero if the price is open; `None` on overflow.
    fn amount(&self) -> Option<Decimal> {
        self.unit_price.map_or(Some(Decimal::ZERO), |p| self.quantity.checked_mul(p))
    }

    fn faults(&self, i: usize, e: &mut FieldErrors) {
        if self.description.trim().is_empty() {
            e.add(&format!("lines[{i}].description"), "What was done?");
        }
        let quantity = format!("lines[{i}].quantity");
        if self.quantity <= Decimal::ZERO || self.quantity >= Decimal::from(100_000) {
            e.add(&quantity, "How many? More than zero.");
        } else if self.quantity.normalize().scale() > 2 {
            e.add(&quantity, "How many? At most two decimals.");
        }
        let price = format!("lines[{i}].unit_price");
        match self.unit_price {
            None => e.add(&price, "What does it cost?"),
            Some(p) if p < Decimal::ZERO || p >= Decimal::from(1_000_000) => e.add(&price, "This price does not look right."),
            Some(p) if p.normalize().scale() > 2 => e.add(&price, "A price has at most two decimals."),
            Some(_) => {}
        }
    }
}

impl Next {
    fn faults(&self, now: DateTime<Utc>, e: &mut FieldErrors) {
        match self {
            Self::Undecided => e.add("next", "Say what comes next: book it, reach out later, or no."),
            Self::No => {}
            Self::Book { starts_at, ends_at, override_reason, .. } => {
                if ends_at <= starts_at {
                    e.add("next_time", "The next visit must end after it starts.");
                } else if *ends_at - *starts_at > LONGEST {
                    e.add("next_minutes", "A visit lasts at most a week.");
                }
                if *starts_at <= now {
                    e.add("next_date", "This is in the past. When do you come again?");
                }
                if override_reason.as_ref().is_some_and(|r| r.chars().count() > 500) {
                    e.add("next_override", "At most 500 characters.");
                }
            }
            Self::ReachOut { months, body } => {
                if !REACH_OUT_MONTHS.contains(months) {
                    e.add("months", "Between 1 and 24 months.");
                }
                let body = body.as_deref().unwrap_or_default();
                if body.chars().count() > 10_000 {
                    e.add("reach_body", "At most 10000 characters.");
                }
                if let Err(message) = templates::check(MessageKind::ReachOut, body) {
                    e.add("reach_body", message);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::closeout::{tests::draft, *};

    fn given(is_estimated: bool) -> Given {
        Given { is_estimated, now: "2026-11-24T15:00:00Z".parse().unwrap() }
    }

    #[test]
    fn no_step_can_be_skipped() {
        assert!(draft().first_fault(Step::Review, given(true)).is_none());
        let unconfirmed = Draft { prices_confirmed: false, ..draft() };
        assert_eq!(unconfirmed.first_fault(Step::Review, given(true)).unwrap().0, Step::What);
        assert!(unconfirmed.first_fault(Step::Review, given(false)).is_none());
        let undecided = Draft { next: Next::Undecided, ..draft() };
        assert!(undecided.first_fault(Step::Notes, given(true)).is_none());
        assert_eq!(undecided.first_fault(Step::Review, given(true)).unwrap().0, Step::Next);
        let mut unpriced = draft();
        unpriced.lines[0].unit_price = None;
        assert!(unpriced.first_fault(Step::Review, given(false)).unwrap().1.of("lines[0].unit_price").is_some());
        assert_eq!(unpriced.total(Currency::USD), None);
    }

    #[test]
    fn what_completing_would_refuse_is_said_at_its_step() {
        let fault = |change: &dyn Fn(&mut Draft)| {
            let mut d = draft();
            change(&mut d);
            d.first_fault(Step::Review, given(false)).map(|(_, e)| e.0[0].field.clone()).unwrap_or_default()
        };
        let book = |starts_at: &str| Next::Book {
            starts_at: starts_at.parse().unwrap(),
            ends_at: "2026-12-24T18:00:00Z".parse().unwrap(),
            technicians: vec![],
            override_reason: None,
        };
        assert_eq!(fault(&|_| ()), "");
        assert_eq!(fault(&|d| d.lines[0].quantity = "1.005".parse().unwrap()), "lines[0].quantity");
        assert_eq!(fault(&|d| d.lines[0].unit_price = Some("1.005".parse().unwrap())), "lines[0].unit_price");
        assert_eq!(
            fault(&|d| (d.lines[0].quantity, d.lines[0].unit_price) = (Decimal::from(99_999), Some(Decimal::from(999_999)))),
            "lines"
        );
        assert_eq!(
            fault(&|d| {
                d.lines[0].id = Some(LineId::new());
                d.lines.push(DraftLine { unit_price: Some(Decimal::from(10)), ..d.lines[0].clone() });
            }),
            "lines[1].unit_price"
        );
        assert_eq!(fault(&|d| d.next = book("2026-12-24T15:00:00Z")), "");
        assert_eq!(fault(&|d| d.next = book("2026-11-24T14:00:00Z")), "next_minutes");
        let past = |d: &mut Draft| {
            d.next = book("2026-12-24T15:00:00Z");
            d.first_fault(Step::Review, Given { now: "2026-12-24T16:00:00Z".parse().unwrap(), ..given(false) })
                .map(|(_, e)| e.0[0].field.clone())
        };
        assert_eq!(past(&mut draft()).as_deref(), Some("next_date"));
        assert_eq!(fault(&|d| d.next = Next::ReachOut { months: 6, body: Some("Hello {{nope}}".into()) }), "reach_body");
    }
}
