//! Tickets: a ticket is the appointment, with its state, lines, technicians, clock and the customer's answer.

pub mod actions;
pub mod data;
pub mod overlap;
pub mod section;
pub mod web;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Lines have the kinds of the catalogue's services.
pub use crate::catalogue::ServiceKind as LineKind;
use platform::{
    money::{Currency, round},
    role::Permission,
    tenant::Who,
};

/// The state of a ticket. Closed and cancelled are final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "ticket_state", rename_all = "snake_case")]
pub enum TicketState {
    Scheduled,
    InProgress,
    Closed,
    Cancelled,
}

impl TicketState {
    pub const ALL: [Self; 4] = [Self::Scheduled, Self::InProgress, Self::Closed, Self::Cancelled];

    pub fn name(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::InProgress => "in_progress",
            Self::Closed => "closed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The label shown on pages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Scheduled => "Scheduled",
            Self::InProgress => "In progress",
            Self::Closed => "Closed",
            Self::Cancelled => "Cancelled",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.name() == name)
    }

    pub fn is_open(self) -> bool {
        matches!(self, Self::Scheduled | Self::InProgress)
    }

    /// Whether a ticket may change from this state to `next`.
    pub fn may_become(self, next: Self) -> bool {
        matches!(
            (self, next),
            (Self::Scheduled, Self::InProgress | Self::Cancelled) | (Self::InProgress, Self::Scheduled | Self::Closed | Self::Cancelled)
        )
    }
}

/// The customer's confirmation of the current slot. Only a person can set an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "ticket_confirmation", rename_all = "snake_case")]
pub enum Confirmation {
    NotAsked,
    Asked,
    Accepted,
    Declined,
    ChangeRequested,
}

impl Confirmation {
    pub const ALL: [Self; 5] = [Self::NotAsked, Self::Asked, Self::Accepted, Self::Declined, Self::ChangeRequested];

    pub fn name(self) -> &'static str {
        match self {
            Self::NotAsked => "not_asked",
            Self::Asked => "asked",
            Self::Accepted => "accepted",
            Self::Declined => "declined",
            Self::ChangeRequested => "change_requested",
        }
    }

    /// The label shown on pages.
    pub fn word(self) -> &'static str {
        match self {
            Self::NotAsked => "Not asked yet",
            Self::Asked => "Not confirmed yet",
            Self::Accepted => "Confirmed",
            Self::Declined => "Declined",
            Self::ChangeRequested => "Wants another time",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.name() == name)
    }
}

/// A customer's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    Accepted,
    Declined,
    ChangeRequested,
}

impl Answer {
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "accepted" => Some(Self::Accepted),
            "declined" => Some(Self::Declined),
            "change_requested" => Some(Self::ChangeRequested),
            _ => None,
        }
    }
}

impl From<Answer> for Confirmation {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Accepted => Self::Accepted,
            Answer::Declined => Self::Declined,
            Answer::ChangeRequested => Self::ChangeRequested,
        }
    }
}

/// How a closed ticket is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Settlement {
    Payment,
    Invoice,
    PaidAlready,
    HandledElsewhere,
}

impl Settlement {
    pub fn name(self) -> &'static str {
        match self {
            Self::Payment => "payment",
            Self::Invoice => "invoice",
            Self::PaidAlready => "paid_already",
            Self::HandledElsewhere => "handled_elsewhere",
        }
    }
}

/// `quantity × unit_price`, rounded to the currency's smallest unit. `None` without a price, or on overflow.
pub fn line_total(quantity: Decimal, unit_price: Option<Decimal>, currency: Currency) -> Option<Decimal> {
    Some(round(quantity.checked_mul(unit_price?)?, currency))
}

/// The median of durations in minutes; `None` if there are none.
pub fn median(mut minutes: Vec<i32>) -> Option<i32> {
    minutes.sort_unstable();
    let n = minutes.len();
    match n {
        0 => None,
        _ if n % 2 == 1 => Some(minutes[n / 2]),
        _ => Some(i32::midpoint(minutes[n / 2 - 1], minutes[n / 2])),
    }
}

/// The whole minutes during which at least one technician was clocked in. A running clock counts until `now`.
pub fn clocked_minutes(clock: &[data::ClockEntry], now: DateTime<Utc>) -> i32 {
    union_minutes(clock.iter().map(|e| (e.clocked_in_at, e.clocked_out_at.unwrap_or(now))).collect())
}

/// The length of the union of the spans, in whole minutes.
fn union_minutes(mut spans: Vec<(DateTime<Utc>, DateTime<Utc>)>) -> i32 {
    spans.sort_unstable();
    let mut total = chrono::Duration::zero();
    let mut end: Option<DateTime<Utc>> = None;
    for (from, to) in spans {
        let from = end.map_or(from, |e| e.max(from));
        if to > from {
            total += to - from;
        }
        end = Some(end.map_or(to, |e| e.max(to)));
    }
    i32::try_from(total.num_minutes()).unwrap_or(i32::MAX)
}

/// Names of the actions that the member may run on the ticket in its state. Pages show their buttons accordingly.
pub fn allowed_actions(who: &Who, ticket: &data::Ticket) -> Vec<&'static str> {
    if !who.can(Permission::WriteRecords) {
        return vec![];
    }
    match ticket.state {
        TicketState::Scheduled => vec![
            "ticket.update",
            "ticket.reschedule",
            "ticket.assign",
            "ticket.cancel",
            "ticket.clock_in",
            "ticket.add_line",
            "ticket.update_line",
            "ticket.remove_line",
            "ticket.close",
            "confirmation.record",
        ],
        TicketState::InProgress => vec![
            "ticket.update",
            "ticket.assign",
            "ticket.cancel",
            "ticket.clock_in",
            "ticket.clock_out",
            "ticket.undo_clock_in",
            "ticket.correct_clock",
            "ticket.add_line",
            "ticket.update_line",
            "ticket.remove_line",
            "ticket.close",
        ],
        TicketState::Closed if ticket.settlement.is_none() => vec!["ticket.settle"],
        TicketState::Closed | TicketState::Cancelled => vec![],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn final_states_have_no_way_out() {
        for from in TicketState::ALL {
            for to in TicketState::ALL {
                assert!(from.is_open() || !from.may_become(to), "{from:?} → {to:?}");
                assert!(!from.may_become(from));
            }
        }
        assert!(!TicketState::Scheduled.may_become(TicketState::Closed));
    }

    #[test]
    fn two_at_once_take_the_time_of_one() {
        let at = |minute: i64| DateTime::from_timestamp(minute * 60, 0).unwrap();
        assert_eq!(union_minutes(vec![(at(0), at(60)), (at(0), at(60))]), 60);
        assert_eq!(union_minutes(vec![(at(90), at(120)), (at(0), at(60)), (at(30), at(70))]), 100);
    }

    #[test]
    fn the_median_of_up_to_three() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![90]), Some(90));
        assert_eq!(median(vec![90, 121]), Some(105));
        assert_eq!(median(vec![300, 60, 90]), Some(90));
    }
}
