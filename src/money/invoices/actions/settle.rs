use serde::{Deserialize, Serialize};
use serde_json::json;

use super::about;
use crate::invoices::{InvoiceState, data};
use platform::{action::Cx, error::Result, ids::InvoiceId};

/// An invoice's state after its payments changed.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Settled {
    pub state: InvoiceState,
    /// Whether this change made it paid.
    pub became_paid: bool,
}

/// Stores `paid` (payments less refunds, in the invoice's currency) and the resulting state. The caller has locked the invoice and written
/// the payments.
///
/// A paid invoice stays paid after a refund unless `reopen` is set, which makes the refunded amount due again.
pub async fn recount(cx: &mut Cx<'_>, id: InvoiceId, paid: rust_decimal::Decimal, reopen: bool) -> Result<Settled> {
    let was = data::invoice(cx.db(), id).await?;
    let state = match was.state {
        InvoiceState::Void | InvoiceState::Draft => was.state,
        _ if paid >= was.total => InvoiceState::Paid,
        InvoiceState::Paid if !reopen => InvoiceState::Paid,
        _ if paid > rust_decimal::Decimal::ZERO => InvoiceState::PartiallyPaid,
        _ if was.sent_at.is_some() => InvoiceState::Sent,
        _ => InvoiceState::Issued,
    };
    sqlx::query!("update invoices set paid = $2, state = $3 where id = $1", id.0, paid, state as InvoiceState).execute(cx.db()).await?;
    let became_paid = state == InvoiceState::Paid && was.state != InvoiceState::Paid;
    if became_paid {
        let payload = json!({ "number": was.number, "amount": was.total, "currency": was.currency });
        cx.event("invoice.paid", about(&was), payload).await?;
    }
    Ok(Settled { state, became_paid })
}
