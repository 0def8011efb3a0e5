//! Events after a payment: full and partial refunds, and disputes.

use std::collections::BTreeSet;

use rust_decimal::Decimal;
use serde_json::json;

use super::{
    about,
    apply::{Applied, Heard, known},
    ledger,
    refund::failed,
    words,
};
use crate::payments::{
    PaymentState,
    data::Payment,
    providers::{Disputed, Event, News, RefundState, Refunded},
};
use platform::{action::Cx, error::Result, ids::RefundId};

/// Recomputes payment and invoice after a refund. `reopens` makes the refunded amount due again.
async fn after_refund(cx: &mut Cx<'_>, payment: &Payment, reopens: bool) -> Result<Applied> {
    ledger::settle_refunds(cx, payment.id).await?;
    if let Some(invoice) = payment.invoice_id {
        ledger::settle_invoice(cx, invoice, reopens).await?;
    }
    Ok(Applied::Done)
}

/// What the provider has told of the event's payment so far, the event at hand included.
async fn told_so_far(cx: &mut Cx<'_>, heard: &Heard) -> Result<Vec<News>> {
    let bodies = sqlx::query_scalar!(
        "select body from webhook_events where payment_intent = $1 and provider = $2 and state = 'processed'",
        heard.event.payment,
        heard.provider.name()
    )
    .fetch_all(cx.db())
    .await?;
    let earlier = bodies.iter().filter_map(|body| heard.provider.read(body));
    Ok(earlier.chain([heard.event.clone()]).filter_map(|event: Event| event.news).collect())
}

/// Notifies the owner of a refund made at the provider and not through Rounds: one notice a refund, however it is told.
///
/// Such a refund comes as a refund of its own, as a new total of the payment, or as both, in any order. So the refunds are counted both ways, and
/// the larger number stands: the rows, and the totals less those that Rounds' own refunds brought about.
async fn refunded_outside(cx: &mut Cx<'_>, heard: &Heard, payment: &Payment, body: &str) -> Result<()> {
    let told = told_so_far(cx, heard).await?;
    let total = |news: &News| if let News::Refunded(Refunded::InAll { minor }) = news { Some(*minor) } else { None };
    let totals = told.iter().filter_map(total).collect::<BTreeSet<_>>().len();
    let rows = sqlx::query!(
        r#"select count(*) filter (where origin = 'provider') as "outside!",
                  count(*) filter (where origin = 'own' and (state <> 'failed' or provider_refund_id is not null)) as "own!"
             from refunds where payment_id = $1"#,
        payment.id.0
    )
    .fetch_one(cx.db())
    .await?;
    let outside = rows.outside.max(i64::try_from(totals).unwrap_or(i64::MAX) - rows.own);
    for n in 1..=outside {
        ledger::notice(cx, "refunded_at_stripe", payment.id, body, &format!("refunded_at_stripe:{}:{n}", payment.id)).await?;
    }
    Ok(())
}

fn may_be_refunded(payment: &Payment) -> bool {
    matches!(payment.state, PaymentState::Succeeded | PaymentState::Refunded | PaymentState::Disputed)
}

/// Applies the total that has been refunded of a payment, in minor units.
pub(super) async fn refunded_in_all(cx: &mut Cx<'_>, heard: &Heard, minor: i64) -> Result<Applied> {
    let payment = known(cx, heard.event.payment.as_deref()).await?.filter(may_be_refunded);
    let Some(payment) = payment else { return Ok(Applied::Waiting) };
    let in_all = payment.money().from_minor(minor);
    sqlx::query!("update payments set provider_refunded = greatest(provider_refunded, $2) where id = $1", payment.id.0, in_all)
        .execute(cx.db())
        .await?;
    let name = payment.contact_name.as_deref().unwrap_or("a customer");
    let (so_far, provider) = (words(in_all, payment.money()), heard.provider.word());
    let body = format!("Money was refunded to {name} at {provider}, not through Rounds: {so_far} of this payment so far.");
    refunded_outside(cx, heard, &payment, &body).await?;
    after_refund(cx, &payment, false).await
}

/// A single refund as an event tells it.
pub(super) struct OneRefund<'a> {
    /// The provider's id.
    pub id: &'a str,
    /// The refund of ours that it names.
    pub ours: Option<RefundId>,
    pub minor: i64,
    pub state: RefundState,
}

/// Applies an event of a single refund, matched by the id that Rounds gave it or by the provider's; an unknown one was made at the provider and
/// is added. The state only moves forward: pending, succeeded, failed.
pub(super) async fn refund(cx: &mut Cx<'_>, heard: &Heard, told: OneRefund<'_>) -> Result<Applied> {
    let payment = known(cx, heard.event.payment.as_deref()).await?.filter(may_be_refunded);
    let Some(payment) = payment else { return Ok(Applied::Waiting) };
    let row = sqlx::query!(
        r#"select id as "id: RefundId", state, reopens from refunds where payment_id = $1 and (id = $2 or provider_refund_id = $3)"#,
        payment.id.0,
        told.ours.map(|r| r.0),
        told.id
    )
    .fetch_optional(cx.db())
    .await?;
    let (id, was, reopens) = if let Some(row) = row {
        sqlx::query!("update refunds set provider_refund_id = $2 where id = $1", row.id.0, told.id).execute(cx.db()).await?;
        (row.id, row.state, row.reopens)
    } else {
        let (id, amount) = (RefundId::new(), payment.money().from_minor(told.minor));
        sqlx::query!(
            "insert into refunds (id, payment_id, amount, reason, state, origin, provider_refund_id, refunded_at) values ($1, $2, $3, $4, 'pending', 'provider', $5, $6)",
            id.0,
            payment.id.0,
            amount,
            format!("Refunded at {}", heard.provider.word()),
            told.id,
            heard.event.occurred_at
        )
        .execute(cx.db())
        .await?;
        let name = payment.contact_name.as_deref().unwrap_or("a customer");
        let body = format!("{} was refunded to {name} at {}, not through Rounds.", words(amount, payment.money()), heard.provider.word());
        refunded_outside(cx, heard, &payment, &body).await?;
        (id, "pending".to_owned(), false)
    };
    let settles = was == "pending" && told.state == RefundState::Succeeded;
    if settles {
        sqlx::query!("update refunds set state = 'succeeded' where id = $1", id.0).execute(cx.db()).await?;
    } else if was != "failed" && told.state == RefundState::Failed {
        failed(cx, &payment, id, "The bank did not take the refund.").await?;
    }
    after_refund(cx, &payment, settles && reopens).await
}

pub(super) async fn dispute(cx: &mut Cx<'_>, heard: &Heard, told: &Disputed) -> Result<Applied> {
    let Some(payment) = known(cx, heard.event.payment.as_deref()).await? else { return Ok(Applied::Waiting) };
    match told {
        Disputed::Opened { reason } => opened(cx, heard, &payment, reason.as_deref()).await,
        Disputed::Won => closed(cx, heard, &payment, None).await,
        Disputed::Lost { dispute, minor } => closed(cx, heard, &payment, Some((dispute.as_deref(), *minor))).await,
    }
}

async fn opened(cx: &mut Cx<'_>, heard: &Heard, payment: &Payment, reason: Option<&str>) -> Result<Applied> {
    let is_over = |news: &News| matches!(news, News::Disputed(Disputed::Won | Disputed::Lost { .. }));
    if told_so_far(cx, heard).await?.iter().any(is_over) {
        return Ok(Applied::Done);
    }
    sqlx::query!("update payments set state = 'disputed' where id = $1 and state in ('succeeded', 'refunded')", payment.id.0)
        .execute(cx.db())
        .await?;
    let (name, whole) = (payment.contact_name.as_deref().unwrap_or("A customer"), words(payment.whole(), payment.money()));
    let reason = reason.unwrap_or("no reason given").replace('_', " ");
    let provider = heard.provider.word();
    let body = format!("{name} disputes a payment of {whole} ({reason}). Answer it in {provider} before its deadline.");
    ledger::notice(cx, "dispute", payment.id, &body, &format!("dispute:{}", payment.id)).await?;
    let payload = json!({ "amount": payment.whole(), "currency": payment.currency, "invoice_id": payment.invoice_id });
    cx.event("payment.disputed", about(payment), payload).await?;
    Ok(Applied::Done)
}

/// Closes a dispute. `lost`: the dispute's id and the amount that went back, in minor units; `None` if it was won.
async fn closed(cx: &mut Cx<'_>, heard: &Heard, payment: &Payment, lost: Option<(Option<&str>, i64)>) -> Result<Applied> {
    let state = if lost.is_some() { PaymentState::Disputed } else { PaymentState::Succeeded };
    sqlx::query!(
        "update payments set state = $2 where id = $1 and state in ('succeeded', 'refunded', 'disputed')",
        payment.id.0,
        state as PaymentState
    )
    .execute(cx.db())
    .await?;
    let whole = words(payment.whole(), payment.money());
    let body = if let Some((dispute, minor)) = lost {
        let amount = payment.money().from_minor(minor).min(payment.refundable);
        if amount > Decimal::ZERO {
            sqlx::query!(
                "insert into refunds (id, payment_id, amount, reason, state, origin, provider_refund_id, refunded_at)
                 values ($1, $2, $3, 'Dispute lost', 'succeeded', 'dispute', $4, $5) on conflict do nothing",
                RefundId::new().0,
                payment.id.0,
                amount,
                dispute,
                heard.event.occurred_at
            )
            .execute(cx.db())
            .await?;
        }
        format!("The dispute about {whole} is lost; the money went back to the customer.")
    } else {
        format!("The dispute about {whole} is closed in your favour.")
    };
    ledger::notice(cx, "dispute_closed", payment.id, &body, &format!("dispute_closed:{}", payment.id)).await?;
    let payload = json!({ "amount": payment.whole(), "currency": payment.currency, "lost": lost.is_some() });
    cx.event("payment.dispute_closed", about(payment), payload).await?;
    after_refund(cx, payment, false).await
}
