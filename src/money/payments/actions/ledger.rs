//! Effects of payments and refunds: the sums stored with payment and invoice, receipts, and notices to the owner.

use office::notices::{self, NewNotice};
use rust_decimal::Decimal;
use serde_json::json;

use super::{about, words};
use crate::{
    invoices::{self, InvoiceState, actions::Settled},
    payments::{
        PaymentState,
        data::{self, Payment},
        jobs::ExpireCheckout,
    },
};
use customers::contacts;
use messages::outbox::{self, MessageKind, NewMessage};
use platform::{
    action::Cx,
    error::Result,
    ids::{InvoiceId, PaymentId},
};

/// Adds a notice about the payment for the owner; does nothing if `dedup_key` was used before.
pub(super) async fn notice(cx: &mut Cx<'_>, kind: &str, payment: PaymentId, body: &str, dedup_key: &str) -> Result<()> {
    let new = NewNotice { kind, subject_kind: "payment", subject: payment.0, body, dedup_key };
    notices::add(cx, new).await?;
    Ok(())
}

/// Recomputes an invoice's paid sum and state: payments succeeded (also if refunded or disputed since) less refunds, without tips.
/// A refund reduces the amount first and the tip last. An open payment page is closed if its amount is no longer the amount due.
pub(super) async fn settle_invoice(cx: &mut Cx<'_>, id: InvoiceId, reopen: bool) -> Result<Settled> {
    let paid = sqlx::query_scalar!(
        r#"select coalesce(sum(amount - least(refunded, amount)), 0) as "paid!" from payments
            where invoice_id = $1 and state in ('succeeded', 'refunded', 'disputed')"#,
        id.0
    )
    .fetch_one(cx.db())
    .await?;
    let settled = invoices::actions::recount(cx, id, paid, reopen).await?;
    let has_page = sqlx::query_scalar!(
        r#"select exists (select from checkout_sessions where invoice_id = $1 and state in ('creating', 'open')) as "open!""#,
        id.0
    )
    .fetch_one(cx.db())
    .await?;
    if has_page {
        cx.enqueue(ExpireCheckout { invoice: id }).await?;
    }
    Ok(settled)
}

/// Recomputes a payment's refunded sum and state. Returns the increase of the refunded sum, in the payment's currency.
///
/// Stripe's total and its single refunds may arrive in any order, so the larger sum counts, unless a refund failed.
pub(super) async fn settle_refunds(cx: &mut Cx<'_>, id: PaymentId) -> Result<Decimal> {
    let row = sqlx::query!(
        r#"
        select p.state as "state: PaymentState", p.amount + p.tip as "whole!", p.refunded, p.provider_refunded,
               coalesce((select sum(r.amount) from refunds r where r.payment_id = p.id and r.state = 'succeeded'), 0) as "by_rows!",
               exists (select from refunds r where r.payment_id = p.id and r.state = 'failed') as "any_failed!"
          from payments p where p.id = $1
        "#,
        id.0
    )
    .fetch_one(cx.db())
    .await?;
    let said = if row.any_failed { row.by_rows } else { row.by_rows.max(row.provider_refunded) };
    let refunded = said.min(row.whole);
    let state = match row.state {
        PaymentState::Succeeded | PaymentState::Refunded if refunded >= row.whole && refunded > Decimal::ZERO => PaymentState::Refunded,
        PaymentState::Refunded => PaymentState::Succeeded,
        other => other,
    };
    sqlx::query!("update payments set refunded = $2, state = $3 where id = $1", id.0, refunded, state as PaymentState)
        .execute(cx.db())
        .await?;
    let more = refunded - row.refunded;
    if more > Decimal::ZERO {
        let payment = data::payment(cx.db(), id).await?;
        let payload = json!({ "amount": more, "refunded": refunded, "currency": payment.currency, "invoice_id": payment.invoice_id });
        cx.event("payment.refunded", about(&payment), payload).await?;
    }
    Ok(more)
}

/// Follows up on a succeeded payment: event, receipt, and a notice to the owner if the invoice is void or overpaid.
pub(super) async fn received(cx: &mut Cx<'_>, id: PaymentId, send_receipt: bool) -> Result<()> {
    let payment = data::payment(cx.db(), id).await?;
    let payload = json!({ "amount": payment.amount, "tip": payment.tip, "currency": payment.currency, "method": payment.method,
                          "invoice_id": payment.invoice_id });
    cx.event("payment.succeeded", about(&payment), payload).await?;
    if send_receipt {
        receipt(cx, &payment).await?;
    }
    let Some(invoice_id) = payment.invoice_id else { return Ok(()) };
    let invoice = invoices::data::invoice(cx.db(), invoice_id).await?;
    let (money, title) = (invoice.money(), invoice.title());
    if invoice.state == InvoiceState::Void {
        let body = format!("{} was paid on {title}, which is void. Refund it, or issue a new invoice.", words(payment.amount, money));
        notice(cx, "paid_void_invoice", id, &body, &format!("paid_void_invoice:{id}")).await?;
    } else if invoice.overpaid() > Decimal::ZERO {
        let body =
            format!("{title} was overpaid by {}. Refund the difference, or settle it with the customer.", words(invoice.overpaid(), money));
        invoices::actions::notice(cx, "overpayment", invoice_id, &body, &format!("overpayment:{id}")).await?;
    }
    Ok(())
}

/// Queues the receipt, once per payment; does nothing if the customer has no email address.
async fn receipt(cx: &mut Cx<'_>, payment: &Payment) -> Result<()> {
    let Some(contact) = payment.contact_id else { return Ok(()) };
    if contacts::data::summary(cx.db(), contact).await?.email.is_none() {
        return Ok(());
    }
    let message = NewMessage {
        contact_id: Some(contact),
        dedup_key: Some(format!("receipt:{}", payment.id)),
        ..NewMessage::about(MessageKind::Receipt, "payment", payment.id.0)
    };
    outbox::queue(cx, message).await?;
    Ok(())
}
