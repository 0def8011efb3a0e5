//! What pages of joint records show of payments: those of an invoice (`templates/payments/_received.html`), and one in a list.

use super::data::{self, Payment};
use crate::invoices::{self, data::Invoice};
use platform::{
    error::Result,
    role::Capability,
    tenant::{Read, Who},
};

/// An invoice's payments.
pub struct Received {
    pub rows: Vec<PaymentRow>,
    /// Whether the business uses payments: they then link to their pages and can be recorded.
    pub is_used: bool,
    pub may_record: bool,
    /// What is still due of an open invoice.
    pub due: Option<String>,
}

/// Reads an invoice's payments. The caller has checked that the member may see the invoice and its amounts.
pub async fn received(r: &mut Read, invoice: &Invoice) -> Result<Received> {
    let rows = data::by_invoice(r.db(), invoice.id).await?.into_iter().map(|p| row(&r.who, p)).collect();
    Ok(Received {
        rows,
        is_used: r.who.has(Capability::Payments),
        may_record: invoices::allowed_actions(&r.who, invoice).contains(&"payment.record"),
        due: invoice.state.is_open().then(|| invoice.money().format(invoice.amount_due)),
    })
}

/// A payment formatted for pages.
pub struct PaymentRow {
    pub payment: Payment,
    pub amount: String,
    pub words: String,
    pub can_refund: bool,
}

/// Formats a payment for a list, such as "Card · by Stripe · and $5.00 tip · $10.00 refunded".
pub fn row(who: &Who, payment: Payment) -> PaymentRow {
    let money = payment.money();
    let mut words = vec![payment.method.word().to_owned()];
    if payment.is_online {
        words.push(format!("by {}", super::providers::word(&payment.source)));
    }
    if !payment.reference.is_empty() {
        words.push(payment.reference.clone());
    }
    if !payment.tip.is_zero() {
        words.push(format!("and {} tip", money.format(payment.tip)));
    }
    if !payment.refunded.is_zero() {
        words.push(format!("{} refunded", money.format(payment.refunded)));
    }
    if let Some(failure) = &payment.failure {
        words.push(failure.clone());
    }
    PaymentRow {
        amount: money.format(payment.amount),
        words: words.join(" · "),
        can_refund: super::allowed_actions(who, &payment).contains(&"payment.refund"),
        payment,
    }
}
