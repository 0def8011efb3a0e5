//! Writes of invoices, one file per verb.

mod create;
mod issue;
mod lines;
mod link;
mod send;
mod settle;
mod update;
mod void;

pub use create::{CreateFromTicket, CreateInvoice, Created};
pub use issue::{IssueInvoice, Issued};
pub use link::{RenewLink, Renewed};
pub use send::{How, MarkSendFailed, MarkSent, SendInvoice, Sent};
pub use settle::{Settled, recount};
pub use update::UpdateInvoice;
pub use void::{VoidInvoice, Voided};

use super::data::Invoice;
use office::notices::{self, NewNotice};
use platform::{
    action::{Cx, Subject},
    error::Result,
    ids::InvoiceId,
};

pub fn about(invoice: &Invoice) -> Subject {
    Subject { kind: "invoice", id: invoice.id.0, contact: Some(invoice.contact_id) }
}

/// Adds a notice about the invoice for the owner; does nothing if `dedup_key` was used before.
pub async fn notice(cx: &mut Cx<'_>, kind: &str, invoice: InvoiceId, body: &str, dedup_key: &str) -> Result<()> {
    let new = NewNotice { kind, subject_kind: "invoice", subject: invoice.0, body, dedup_key };
    notices::add(cx, new).await?;
    Ok(())
}

fn reason_given(reason: &str, _: &()) -> garde::Result {
    match reason.trim().chars().count() {
        0 => Err(garde::Error::new("Please say why.")),
        1..=500 => Ok(()),
        _ => Err(garde::Error::new("A reason has at most 500 characters.")),
    }
}

fn note_fits(note: &str, _: &()) -> garde::Result {
    if note.len() > 4000 { Err(garde::Error::new("A note has at most 4,000 characters.")) } else { Ok(()) }
}

fn terms_fit(days: &Option<i32>, _: &()) -> garde::Result {
    if days.is_none_or(|d| (0..=365).contains(&d)) { Ok(()) } else { Err(garde::Error::new("Terms are from 0 to 365 days.")) }
}
