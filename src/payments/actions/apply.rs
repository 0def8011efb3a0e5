//! Working off an event of Stripe's: once, in one transaction with the state that says so. Events may come twice, late and in any order; what is on
//! record afterwards is the same. One payment intent is one payment, whichever of its events tells of it first.

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    about, ledger,
    refund::{failed, locked, state_of},
    webhook::{MAX_TRIES, give_up, queue},
    words,
};
use crate::{
    invoices::{self, data::Invoice},
    payments::{
        PaymentMethod, PaymentState,
        data::{self, Payment},
    },
    platform::{
        action::{Action, Cx},
        error::{Error, Result},
        ids::{CheckoutId, InvoiceId, PaymentId, RefundId, WebhookEventId},
        money::Currency,
        role::Permission,
        stripe::Event,
    },
};

/// Works a stored event off. For the job alone.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct ApplyEvent {
    pub event_id: WebhookEventId,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Applied {
    Done,
    /// Of no use to us; says why.
    Ignored(String),
    /// It speaks of a payment that we have not heard of yet.
    Waiting,
    Failed,
    /// Worked off before.
    Already,
}

impl Action for ApplyEvent {
    const NAME: &'static str = "payment.apply_event";
    const NEEDS: Permission = Permission::HandleMoney;
    type Output = Applied;

    async fn run(self, cx: &mut Cx<'_>) -> Result<Applied> {
        let id = self.event_id;
        let row = sqlx::query!("select body, state, attempts from webhook_events where id = $1 for update", id.0)
            .fetch_optional(cx.db())
            .await?
            .ok_or(Error::NotFound)?;
        if row.state != "received" {
            return Ok(Applied::Already);
        }
        let Some(event) = serde_json::from_str(&row.body).ok().as_ref().and_then(Event::read) else {
            give_up(cx, id, "It is not an event that Rounds can read.").await?;
            return Ok(Applied::Failed);
        };
        let applied = apply(cx, &event).await?;
        let (state, error) = match &applied {
            Applied::Ignored(reason) => ("ignored", Some(reason.as_str())),
            Applied::Waiting if row.attempts + 1 < MAX_TRIES => ("received", Some("It speaks of a payment that is not known yet.")),
            Applied::Waiting => return unmatched(cx, id, &event).await,
            _ => ("processed", None),
        };
        sqlx::query!(
            "update webhook_events set state = $2, error = $3, attempts = attempts + 1,
                    processed_at = case when $2 = 'processed' then app.now() end where id = $1",
            id.0,
            state,
            error
        )
        .execute(cx.db())
        .await?;
        Ok(applied)
    }
}

/// Its payment never came: a dispute is for a person; the rest belongs to money taken outside of Rounds.
async fn unmatched(cx: &mut Cx<'_>, id: WebhookEventId, event: &Event) -> Result<Applied> {
    if event.object == "dispute" {
        give_up(cx, id, "A payment is disputed that Rounds does not know. Look at it in Stripe.").await?;
        return Ok(Applied::Failed);
    }
    let reason = "It speaks of a payment that was not taken through Rounds.";
    sqlx::query!("update webhook_events set state = 'ignored', error = $2, attempts = attempts + 1 where id = $1", id.0, reason)
        .execute(cx.db())
        .await?;
    Ok(Applied::Ignored(reason.into()))
}

async fn apply(cx: &mut Cx<'_>, event: &Event) -> Result<Applied> {
    if event.metadata.get("org_id").is_some_and(|org| *org != cx.who.org.to_string()) {
        return Ok(Applied::Ignored("It belongs to another business.".into()));
    }
    if let Some(intent) = &event.payment_intent {
        // Two events of one payment at the same time take turns.
        let key = format!("payment:{}:{intent}", cx.who.org);
        sqlx::query!("select pg_advisory_xact_lock(hashtextextended($1, 0)) is null as locked", key).fetch_one(cx.db()).await?;
    }
    match event.kind.as_str() {
        "checkout.session.completed" => {
            close_checkout(cx, event, "complete").await?;
            match event.payment_status.as_deref() {
                Some("paid") => credit(cx, event, event.amount_total, PaymentState::Succeeded, false).await,
                Some("unpaid") => credit(cx, event, event.amount_total, PaymentState::Pending, true).await,
                _ => Ok(Applied::Ignored("Nothing had to be paid.".into())),
            }
        }
        "checkout.session.async_payment_succeeded" => credit(cx, event, event.amount_total, PaymentState::Succeeded, true).await,
        "checkout.session.async_payment_failed" => fail(cx, event, event.amount_total, true).await,
        "checkout.session.expired" => {
            close_checkout(cx, event, "expired").await?;
            Ok(Applied::Done)
        }
        "payment_intent.succeeded" => credit(cx, event, event.amount_received.or(event.amount), PaymentState::Succeeded, false).await,
        "payment_intent.payment_failed" => fail(cx, event, event.amount, false).await,
        "charge.refunded" => refunded_in_all(cx, event).await,
        "refund.created" | "refund.updated" | "refund.failed" | "charge.refund.updated" => refund(cx, event).await,
        "charge.dispute.created" => dispute_opened(cx, event).await,
        "charge.dispute.closed" => dispute_closed(cx, event).await,
        _ => Ok(Applied::Ignored("Rounds has no use for this kind of event.".into())),
    }
}

async fn close_checkout(cx: &mut Cx<'_>, event: &Event, state: &str) -> Result<()> {
    let ours = event.metadata.get("checkout_id").and_then(|id| id.parse::<CheckoutId>().ok());
    sqlx::query!(
        "update checkout_sessions set state = $3 where (id = $1 or provider_session_id = $2) and state in ('creating', 'open')",
        ours.map(|c| c.0),
        event.object_id,
        state
    )
    .execute(cx.db())
    .await?;
    Ok(())
}

/// What an event says about a payment, in our terms.
struct Told {
    intent: String,
    invoice: Option<Invoice>,
    checkout: Option<CheckoutId>,
    money: Currency,
    amount: Decimal,
    tip: Decimal,
}

/// `None`: it is no payment of an invoice of ours.
async fn told(cx: &mut Cx<'_>, event: &Event, minor: Option<i64>) -> Result<Option<Told>> {
    let (Some(intent), Some(minor)) = (event.payment_intent.clone(), minor) else { return Ok(None) };
    let Some(named) = event.metadata.get("invoice_id").or(event.client_reference_id.as_ref()) else { return Ok(None) };
    let currency = event.currency.clone().unwrap_or_default();
    let money = Currency::from_code(&currency).unwrap_or(invoices::currency(&cx.who.currency));
    let who = cx.who;
    let invoice = match named.parse::<InvoiceId>() {
        Ok(id) => match invoices::data::locked(cx.db(), who, id).await {
            Ok(invoice) => Some(invoice).filter(|i| i.currency.eq_ignore_ascii_case(&currency)),
            Err(Error::NotFound) => None,
            Err(e) => return Err(e),
        },
        Err(_) => None,
    };
    let whole = money.from_minor(minor);
    let tip = event.metadata.get("tip_minor").and_then(|t| t.parse().ok()).map(|t| money.from_minor(t)).unwrap_or_default();
    let tip = tip.clamp(Decimal::ZERO, whole.max(Decimal::ZERO));
    let checkout = match event.metadata.get("checkout_id").and_then(|id| id.parse::<CheckoutId>().ok()) {
        Some(id) => {
            sqlx::query_scalar!(r#"select id as "id: CheckoutId" from checkout_sessions where id = $1"#, id.0)
                .fetch_optional(cx.db())
                .await?
        }
        None => None,
    };
    Ok(Some(Told { intent, invoice, checkout, money, amount: whole - tip, tip }))
}

async fn known(cx: &mut Cx<'_>, intent: Option<&str>) -> Result<Option<Payment>> {
    let id = sqlx::query_scalar!(r#"select id as "id: PaymentId" from payments where provider_payment_id = $1"#, intent)
        .fetch_optional(cx.db())
        .await?;
    match id {
        Some(id) => locked(cx, id).await.map(Some),
        None => Ok(None),
    }
}

/// Puts a payment of Stripe's on record, or brings what is known of it further. Credited once.
async fn credit(cx: &mut Cx<'_>, event: &Event, minor: Option<i64>, state: PaymentState, is_bank: bool) -> Result<Applied> {
    let Some(told) = told(cx, event, minor).await? else {
        return Ok(Applied::Ignored("It is no payment of an invoice.".into()));
    };
    let method = if is_bank { PaymentMethod::Bank } else { PaymentMethod::Card };
    let id = match known(cx, Some(&told.intent)).await? {
        None => insert(cx, event, &told, state, method, None).await?,
        Some(there) => {
            let is_news = state == PaymentState::Succeeded && matches!(there.state, PaymentState::Pending | PaymentState::Failed);
            if is_bank {
                sqlx::query!("update payments set method = 'bank' where id = $1", there.id.0).execute(cx.db()).await?;
            }
            if !is_news {
                return Ok(Applied::Done);
            }
            sqlx::query!(
                "update payments set state = 'succeeded', amount = $2, tip = $3, received_at = $4, failure = null where id = $1",
                there.id.0,
                told.amount,
                told.tip,
                event.created
            )
            .execute(cx.db())
            .await?;
            there.id
        }
    };
    if state != PaymentState::Succeeded {
        return Ok(Applied::Done);
    }
    match &told.invoice {
        Some(invoice) => {
            ledger::settle_invoice(cx, invoice.id, false).await?;
        }
        None => {
            let amount = words(told.amount + told.tip, told.money);
            let body = format!("{amount} came in at Stripe for an invoice that Rounds does not know. Look at it in Stripe.");
            ledger::notice(cx, "payment_without_invoice", id, &body, &format!("payment_without_invoice:{id}")).await?;
        }
    }
    ledger::received(cx, id, true).await?;
    wake(cx, &told.intent).await?;
    Ok(Applied::Done)
}

async fn insert(
    cx: &mut Cx<'_>,
    event: &Event,
    told: &Told,
    state: PaymentState,
    method: PaymentMethod,
    failure: Option<&str>,
) -> Result<PaymentId> {
    let id = PaymentId::new();
    let invoice = told.invoice.as_ref();
    sqlx::query!(
        "insert into payments (id, contact_id, invoice_id, ticket_id, state, method, amount, tip, currency, received_at, provider_payment_id, provider_session_id,
                               checkout_id, failure, source)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 'stripe')",
        id.0,
        invoice.map(|i| i.contact_id.0),
        invoice.map(|i| i.id.0),
        invoice.and_then(|i| i.ticket_id).map(|t| t.0),
        state as PaymentState,
        method as PaymentMethod,
        told.amount,
        told.tip,
        told.money.code(),
        (state == PaymentState::Succeeded).then_some(event.created),
        told.intent,
        event.object_id.as_ref().filter(|_| event.object == "checkout.session"),
        told.checkout.map(|c| c.0),
        failure
    )
    .execute(cx.db())
    .await?;
    Ok(id)
}

/// The events that came before their payment are worked off now.
async fn wake(cx: &mut Cx<'_>, intent: &str) -> Result<()> {
    // Those given up meanwhile too: refunds were taken for somebody else's, disputes put before a person.
    let waiting = sqlx::query_scalar!(
        r#"update webhook_events set state = 'received', attempts = 1, error = null
            where payment_intent = $1 and attempts > 0
              and (state = 'received' or (state in ('ignored', 'failed') and event_type like any (array['charge.%', 'refund.%'])))
           returning id as "id: WebhookEventId""#,
        intent
    )
    .fetch_all(cx.db())
    .await?;
    let ids: Vec<_> = waiting.iter().map(|id| id.0).collect();
    sqlx::query!(
        "update notices set resolved_at = app.now(), resolved_by = app.actor() where subject_kind = 'webhook_event' and subject_id = any ($1) and resolved_at is null",
        &ids
    )
    .execute(cx.db())
    .await?;
    for id in waiting {
        queue(cx, id).await?;
    }
    Ok(())
}

/// The bank said no. A later success of the same payment overrides it, never the other way round.
async fn fail(cx: &mut Cx<'_>, event: &Event, minor: Option<i64>, is_bank: bool) -> Result<Applied> {
    let Some(told) = told(cx, event, minor).await? else {
        return Ok(Applied::Ignored("It is no payment of an invoice.".into()));
    };
    let failure = event.reason.clone().unwrap_or_else(|| "The bank declined.".into());
    let method = if is_bank { PaymentMethod::Bank } else { PaymentMethod::Card };
    let id = match known(cx, Some(&told.intent)).await? {
        None => insert(cx, event, &told, PaymentState::Failed, method, Some(&failure)).await?,
        Some(there) if there.state == PaymentState::Pending => {
            sqlx::query!("update payments set state = 'failed', failure = $2 where id = $1", there.id.0, failure).execute(cx.db()).await?;
            there.id
        }
        Some(_) => return Ok(Applied::Done),
    };
    let payment = data::payment(cx.db(), id).await?;
    let payload = json!({ "amount": payment.whole(), "currency": payment.currency, "invoice_id": payment.invoice_id });
    cx.event("payment.failed", about(&payment), payload).await?;
    if is_bank {
        // The customer saw "thank you" days ago and does not know.
        let who = payment.contact_name.as_deref().unwrap_or("a customer");
        let body = format!("The bank payment of {} from {who} did not go through: {failure}", words(payment.whole(), told.money));
        ledger::notice(cx, "payment_failed", id, &body, &format!("payment_failed:{id}")).await?;
    }
    Ok(Applied::Done)
}

async fn after_refund(cx: &mut Cx<'_>, payment: &Payment) -> Result<Applied> {
    ledger::settle_refunds(cx, payment.id).await?;
    if let Some(invoice) = payment.invoice_id {
        ledger::settle_invoice(cx, invoice, false).await?;
    }
    Ok(Applied::Done)
}

/// Told once a payment, however Stripe words it.
async fn refunded_outside(cx: &mut Cx<'_>, payment: &Payment, amount: Decimal) -> Result<()> {
    let name = payment.contact_name.as_deref().unwrap_or("a customer");
    let body = format!("{} was refunded to {name} at Stripe, not through Rounds.", words(amount, payment.money()));
    ledger::notice(cx, "refunded_at_stripe", payment.id, &body, &format!("refunded_at_stripe:{}", payment.id)).await
}

/// `charge.refunded`: how much of a payment has been given back in all.
async fn refunded_in_all(cx: &mut Cx<'_>, event: &Event) -> Result<Applied> {
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
    after_refund(cx, &payment).await
}

/// A single refund: ours by its metadata, else by Stripe's id, else one made at Stripe. Its state only goes forward: pending, succeeded, failed.
async fn refund(cx: &mut Cx<'_>, event: &Event) -> Result<Applied> {
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
        r#"select id as "id: RefundId", state from refunds where payment_id = $1 and (id = $2 or provider_refund_id = $3)"#,
        payment.id.0,
        ours.map(|r| r.0),
        provider_id
    )
    .fetch_optional(cx.db())
    .await?;
    let (id, was) = if let Some(row) = row {
        sqlx::query!("update refunds set provider_refund_id = $2 where id = $1", row.id.0, provider_id).execute(cx.db()).await?;
        (row.id, row.state)
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
        (id, "pending".to_owned())
    };
    match (was.as_str(), state) {
        ("pending", "succeeded") => {
            sqlx::query!("update refunds set state = 'succeeded' where id = $1", id.0).execute(cx.db()).await?;
        }
        ("pending" | "succeeded", "failed") => failed(cx, &payment, id, "The bank did not take the refund.").await?,
        _ => {}
    }
    after_refund(cx, &payment).await
}

async fn dispute_opened(cx: &mut Cx<'_>, event: &Event) -> Result<Applied> {
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

async fn dispute_closed(cx: &mut Cx<'_>, event: &Event) -> Result<Applied> {
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
    after_refund(cx, &payment).await
}
