//! What follows from events: the jobs of slices above the one whose event it is, queued in the event's transaction.

use serde::Deserialize;

use flows::{
    confirm::{actions::What, jobs::ConfirmTicket},
    delivery::jobs::SendMessage,
};
use money::payments::jobs::ExpireCheckout;
use platform::{
    error::Result,
    ids::{InvoiceId, MessageId, TicketId},
    jobs::Pending,
    reactions::{Happened, Reaction},
};

/// Handed down in `App`.
pub const REACTIONS: &[Reaction] = &[
    Reaction { event: "ticket.scheduled", job: ticket_scheduled },
    Reaction { event: "ticket.updated", job: ticket_handed_over },
    Reaction {
        event: "ticket.moved",
        job: |e| tell_customer(e, if e.read::<Moved>()?.is_new_customer { What::Asked } else { What::Moved }),
    },
    Reaction { event: "ticket.cancelled", job: |e| tell_customer(e, What::Cancelled) },
    Reaction { event: "message.due", job: |e| e.queue(SendMessage { message: MessageId(e.subject.id) }) },
    Reaction { event: "invoice.voided", job: |e| e.queue(ExpireCheckout { invoice: InvoiceId(e.subject.id) }) },
];

/// What a change of a ticket's slot says of its customer.
#[derive(Deserialize)]
struct Told {
    sequence: i32,
    tell_customer: bool,
}

#[derive(Deserialize)]
struct Moved {
    is_new_customer: bool,
}

/// Also for a customer who is not told: the job withdraws the visit's queued messages.
fn tell_customer(event: Happened<'_>, what: What) -> Result<Option<Pending>> {
    let Told { sequence, tell_customer } = event.read()?;
    event.queue(ConfirmTicket { ticket: TicketId(event.subject.id), sequence, what, tell: tell_customer })
}

/// Nothing is queued about a new visit, so there is nothing to withdraw.
fn ticket_scheduled(event: Happened<'_>) -> Result<Option<Pending>> {
    if event.read::<Told>()?.tell_customer { tell_customer(event, What::Asked) } else { Ok(None) }
}

/// Only a change of customer says who is to be told.
fn ticket_handed_over(event: Happened<'_>) -> Result<Option<Pending>> {
    if event.payload.get("contact_id").is_some() { tell_customer(event, What::Asked) } else { Ok(None) }
}
