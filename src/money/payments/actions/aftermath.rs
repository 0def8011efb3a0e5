//! Events after a payment: full and partial refunds, and disputes.

use rust_decimal::Decimal;
use serde_json::json;

use super::{
    about,
    apply::{Applied, known},
    ledger,
    refund::{failed, state_of},
    words,
};
use crate::payments::{PaymentState, data::Payment};
use platform::{action::Cx, error::Result, ids::RefundId, stripe::Event};

/// Recomputes payment and invoice after a refund. `reopens` makes the refunded amount due again.
async fn after_refund(cx: &mut Cx<'_>, payment: &Payment, reopens: bool) -> Result<Applied> {
    ledger::settle_refunds(cx, payment.id).await?;
    if let Some(invoice) = payment.invoice_id {
        ledger::settle_invoice(cx, invoice, reopens).await?;
    }
    Ok(Applied::Done)
}

/// Notifies the owner of a refund made in Stripe's dashboard; once per payment, even if several events report it.
async fn refunded_outside(cx: &mut Cx<'_>, payment: &Payment, amount: Decimal) -> Result<()> {
    let name = payment.contact_name.as_deref().unwrap_or("a customer");
    let body = format!("{} was refunded to {name} at Stripe, not through Rounds.", words(amount, payment.money()));
    ledger::notice(cx, "refunded_at_stripe", payment.id, &body, &format!("refunded_at_stripe:{}", payment.id)).await
}

/// Applies `charge.refunded`, which carries the total refunded of a payment.
pub(super) async fn refunded_in_all(cx: &mut Cx<'_>, event: &Event) -> Result<Applied> {
    let Some(payment) = known(cx, event.payment_intent.as_deref()).await? else { return Ok(Applied::Waiting) };
    if !matches!(payment.state, PaymentState::Succeeded | PaymentState::Refunded | PaymentState::Disputed) {
        return Ok(Applied::Waiting);
    }
    let in_all = payment.money().from_minor(event.amount_refunded.unwrap_or_default());
    sqlx::query!("update payments set provider_refunded = greatest(provider_refunded, $2) where id = $1", payment.id.0, in_all)
        .execute(cx.db())
        .await?;
    let by_rows = sqlx::query_scalar!(
        r#"select coalesce(sum(amount), 0) as "sum!" from refunds where payment_id = $1 and state <> 'failed'"#,
        payment.id.0
    )
    .fetch_one(cx.db())
    .await?;
    if in_all > by_rows {
        refunded_outside(cx, &payment, in_all - by_rows).await?;
    }
    after_refund(cx, &payment, false).await
}

/// Applies an event of a single refund, matched by `refund_id` in its metadata or by Stripe's id; an unknown one was made at Stripe and
/// is added. The state only moves forward: pending, succeeded, failed.
pub(super) async fn refund(cx: &mut Cx<'_>, event: &Event) -> Result<Applied> {
    let Some(payment) = known(cx, event.payment_intent.as_deref()).await? else { return Ok(Applied::Waiting) };
    if !matches!(payment.state, PaymentState::Succeeded | PaymentState::Refunded | PaymentState::Disputed) {
        return Ok(Applied::Waiting);
    }
    let (Some(provider_id), Some(minor)) = (event.object_id.clone(), event.amount) else {
        return Ok(Applied::Ignored("The refund has no amount.".into()));
    };
    let ours = event.metadata.get("refund_id").and_then(|id| id.parse::<RefundId>().ok());
    let state = state_of(event.status.as_deref().unwrap_or_default());
    let row = sqlx::query!(
        r#"select id as "id: RefundId", state, reopens from refunds where payment_id = $1 and (id = $2 or provider_refund_id = $3)"#,
        payment.id.0,
        ours.map(|r| r.0),
        provider_id
    )
    .fetch_optional(cx.db())
    .await?;
    let (id, was, reopens) = if let Some(row) = row {
        sqlx::query!("update refunds set provider_refund_id = $2 where id = $1", row.id.0, provider_id).execute(cx.db()).await?;
        (row.id, row.state, row.reopens)
    } else {
        let (id, amount) = (RefundId::new(), payment.money().from_minor(minor));
        sqlx::query!(
            "insert into refunds (id, payment_id, amount, reason, state, provider_refund_id, refunded_at) values ($1, $2, $3, 'Refunded at Stripe', 'pending', $4, $5)",
            id.0,
            payment.id.0,
            amount,
            provider_id,
            event.created
        )
        .execute(cx.db())
        .await?;
        refunded_outside(cx, &payment, amount).await?;
        (id, "pending".to_owned(), false)
    };
    let settles = was == "pending" && state == "succeeded";
    if settles {
        sqlx::query!("update refunds set state = 'succeeded' where id = $1", id.0).execute(cx.db()).await?;
    } else if was != "failed" && state == "failed" {
        failed(cx, &payment, id, "The bank did not take the refund.").await?;
    }
    after_refund(cx, &payment, settles && reopens).await
}

pub(super) async fn dispute_opened(cx: &mut Cx<'_>, event: &Event) -> Result<Applied> {
    let Some(payment) = known(cx, event.payment_intent.as_deref()).await? else { return Ok(Applied::Waiting) };
    let is_over = sqlx::query_scalar!(
        r#"select exists (select from webhook_events where payment_intent = $1 and event_type = 'charge.dispute.closed' and state = 'processed') as "over!""#,
        event.payment_intent
    )
    .fetch_one(cx.db())
    .await?;
    if is_over {
        return Ok(Applied::Done);
    }
    sqlx::query!("update payments set state = 'disputed' where id = $1 and state in ('succeeded', 'refunded')", payment.id.0)
        .execute(cx.db())
        .await?;
    let (name, whole) = (payment.contact_name.as_deref().unwrap_or("A customer"), words(payment.whole(), payment.money()));
    let reason = event.reason.as_deref().unwrap_or("no reason given").replace('_', " ");
    let body = format!("{name} disputes a payment of {whole} ({reason}). Answer it in Stripe before its deadline.");
    ledger::notice(cx, "dispute", payment.id, &body, &format!("dispute:{}", payment.id)).await?;
    let payload = json!({ "amount": payment.whole(), "currency": payment.currency, "invoice_id": payment.invoice_id });
    cx.event("payment.disputed", about(&payment), payload).await?;
    Ok(Applied::Done)
}

pub(super) async fn dispute_closed(cx: &mut Cx<'_>, event: &Event) -> Result<Applied> {
    let Some(payment) = known(cx, event.payment_intent.as_deref()).await? else { return Ok(Applied::Waiting) };
    let is_lost = event.status.as_deref() == Some("lost");
    let state = if is_lost { PaymentState::Disputed } else { PaymentState::Succeeded };
    sqlx::query!(
        "update payments set state = $2 where id = $1 and state in ('succeeded', 'refunded', 'disputed')",
        payment.id.0,
        state as PaymentState
    )
    .execute(cx.db())
    .await?;
    let whole = words(payment.whole(), payment.money());
    let body = if is_lost {
        let amount = payment.money().from_minor(event.amount.unwrap_or_default()).min(payment.refundable);
        if amount > Decimal::ZERO {
            sqlx::query!(
                "insert into refunds (id, payment_id, amount, reason, state, provider_refund_id, refunded_at) values ($1, $2, $3, 'Dispute lost', 'succeeded', $4, $5)
                 on conflict do nothing",
                RefundId::new().0,
                payment.id.0,
                amount,
                event.object_id,
                event.created
            )
            .execute(cx.db())
            .await?;
        }
        format!("The dispute about {whole} is lost; the money went back to the customer.")
    } else {
        format!("The dispute about {whole} is closed in your favour.")
    };
    ledger::notice(cx, "dispute_closed", payment.id, &body, &format!("dispute_closed:{}", payment.id)).await?;
    let payload = json!({ "amount": payment.whole(), "currency": payment.currency, "lost": is_lost });
    cx.event("payment.dispute_closed", about(&payment), payload).await?;
    after_refund(cx, &payment, false).await
}
