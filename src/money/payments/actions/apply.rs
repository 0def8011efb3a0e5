//! Processing of Stripe's events: each once, in one transaction with the event's own state. Events may arrive twice, late and in any order;
//! the result is the same. One payment intent is one payment, whichever of its events arrives first.

use office::notices;
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    about, aftermath, ledger,
    refund::locked,
    webhook::{MAX_TRIES, give_up, queue},
    words,
};
use crate::{
    invoices::{self, data::Invoice},
    payments::{
        PaymentMethod, PaymentState,
        data::{self, Payment},
    },
};
use platform::{
    action::{Action, Cx},
    error::{Error, Result},
    ids::{CheckoutId, InvoiceId, PaymentId, WebhookEventId},
    money::Currency,
    role::Permission,
    stripe::Event,
};

/// Processes a stored event. Only for the job.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct ApplyEvent {
    pub event_id: WebhookEventId,
}

/// Result of processing an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Applied {
    Done,
    /// Not relevant to Rounds, with the reason.
    Ignored(String),
    /// It refers to a payment that is not known yet.
    Waiting,
    Failed,
    /// It was processed before.
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

/// Ends an event whose payment stayed unknown: a dispute fails and raises a notice; others are ignored as payments taken outside Rounds.
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
        // Serializes concurrent events of one payment.
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
        "charge.refunded" => aftermath::refunded_in_all(cx, event).await,
        "refund.created" | "refund.updated" | "refund.failed" | "charge.refund.updated" => aftermath::refund(cx, event).await,
        "charge.dispute.created" => aftermath::dispute_opened(cx, event).await,
        "charge.dispute.closed" => aftermath::dispute_closed(cx, event).await,
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

/// A payment as described by an event.
struct Told {
    intent: String,
    invoice: Option<Invoice>,
    checkout: Option<CheckoutId>,
    money: Currency,
    amount: Decimal,
    tip: Decimal,
}

/// Reads the payment of `minor` minor units from an event. Returns `None` if the event names no payment intent, amount or invoice; the
/// invoice itself is `None` if it is unknown or in another currency.
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

pub(super) async fn known(cx: &mut Cx<'_>, intent: Option<&str>) -> Result<Option<Payment>> {
    let id = sqlx::query_scalar!(r#"select id as "id: PaymentId" from payments where provider_payment_id = $1"#, intent)
        .fetch_optional(cx.db())
        .await?;
    match id {
        Some(id) => locked(cx, id).await.map(Some),
        None => Ok(None),
    }
}

/// Records a Stripe payment, or updates a recorded one that now succeeded. A payment is credited only once. `is_bank` marks a bank payment.
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

/// Queues the events that arrived before their payment.
async fn wake(cx: &mut Cx<'_>, intent: &str) -> Result<()> {
    // Includes events given up meanwhile: refunds that were ignored and disputes that failed because their payment was unknown.
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
    notices::resolve_of(cx, "webhook_event", &ids).await?;
    for id in waiting {
        queue(cx, id).await?;
    }
    Ok(())
}

/// Records a failed payment. A later success of the same payment overrides the failure; a failure never overrides a success.
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
        // A bank payment fails days after the customer saw the confirmation page, so the owner has to inform them.
        let who = payment.contact_name.as_deref().unwrap_or("a customer");
        let body = format!("The bank payment of {} from {who} did not go through: {failure}", words(payment.whole(), told.money));
        ledger::notice(cx, "payment_failed", id, &body, &format!("payment_failed:{id}")).await?;
    }
    Ok(Applied::Done)
}
