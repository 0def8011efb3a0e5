//! Pages of tickets: list, booking, small forms, calendar and day sheet. A ticket's own page is in `views::ticket`.

mod calendar;
mod change;
mod clock;
pub mod fields;
mod grid;
mod index;
mod lines;
mod moving;
mod new;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use rust_decimal::Decimal;

pub use calendar::{calendar, sheet};
pub use change::{assign, assign_form, cancel, cancel_form, edit, edit_form};
pub use clock::{correct, correct_form};
pub use index::index;
pub use lines::{add_line, add_line_form, remove_line, update_line, update_line_form};
pub use moving::{reschedule, reschedule_form};
pub use new::{create, new};

use super::{Confirmation, TicketState};
use platform::tenant::Who;
use ui::Tone;

/// The pill for a ticket's state.
pub fn state_pill(state: TicketState) -> ui::Pill {
    let tone = match state {
        TicketState::Scheduled | TicketState::Cancelled => Tone::Idle,
        TicketState::InProgress => Tone::Info,
        TicketState::Closed => Tone::Good,
    };
    ui::pill(state.word(), tone)
}

/// The pill for the customer's answer.
pub fn confirmation_pill(confirmation: Confirmation) -> ui::Pill {
    let tone = match confirmation {
        Confirmation::Accepted => Tone::Good,
        Confirmation::NotAsked => Tone::Idle,
        Confirmation::Asked => Tone::Wait,
        Confirmation::Declined | Confirmation::ChangeRequested => Tone::Bad,
    };
    ui::pill(confirmation.word(), tone)
}

/// The pills of a ticket in a list: the customer's answer while it is scheduled, its state afterwards.
pub fn pills(state: TicketState, confirmation: Confirmation) -> Vec<ui::Pill> {
    match state {
        TicketState::Scheduled => vec![confirmation_pill(confirmation)],
        other => vec![state_pill(other)],
    }
}

/// The total as text: "$662.00", "from $100.00" or "no price yet"; empty if prices are hidden.
pub fn price(who: &Who, total: Decimal, has_open_price: bool) -> String {
    if !who.sees_prices() {
        return String::new();
    }
    let amount = who.currency.format(total);
    match (has_open_price, total.is_zero()) {
        (true, true) => "no price yet".into(),
        (true, false) => format!("from {amount}"),
        _ => amount,
    }
}

/// The name of the zone `place` if its offset at `at` differs from that of `reader`; otherwise empty.
pub fn zone_note(at: DateTime<Utc>, place: Tz, reader: Tz) -> String {
    use chrono::Offset as _;
    let offset = |zone: Tz| at.with_timezone(&zone).offset().fix();
    if offset(place) == offset(reader) { String::new() } else { ui::format::zone(at, place) }
}
