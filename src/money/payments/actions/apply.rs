//! Processing of providers' events: each once, in one transaction with the event's own state. Events may arrive twice, late and in any order;
//! the result is the same. One id of a provider's is one payment, whichever of its events arrives first.

use office::{connections, notices};
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
        providers::{self, Charge, Ended, Event, News, Provider, Refunded},
    },
};
use platform::{
    action::{Action, Cx},
    error::{Error, Result},
    ids::{CheckoutId, ConnectionId, InvoiceId, PaymentId, WebhookEventId},
    money::Currency,
    role::Permission,
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
        let row = sqlx::query!(
            r#"select provider, connection_id as "connection: ConnectionId", body, state, attempts from webhook_events where id = $1 for update"#,
            id.0
        )
        .fetch_optional(cx.db())
        .await?
        .ok_or(Error::NotFound)?;
        if row.state != "received" {
            return Ok(Applied::Already);
        }
        let provider = providers::named(cx.app, &row.provider);
        let Some((provider, event)) = provider.and_then(|p| Some((p, p.read(&row.body)?))) else {
            give_up(cx, id, "It is not an event that Rounds can read.").await?;
            return Ok(Applied::Failed);
        };
        let heard = Heard { provider, event };
        if let Some(error) = unbelievable(cx, row.connection, &heard).await? {
            give_up(cx, id, &error).await?;
            return Ok(Applied::Failed);
        }
        let applied = apply(cx, &heard).await?;
        let (state, error) = match &applied {
            Applied::Ignored(reason) => ("ignored", Some(reason.as_str())),
            Applied::Waiting if row.attempts + 1 < MAX_TRIES => ("received", Some("It speaks of a payment that is not known yet.")),
            Applied::Waiting => return unmatched(cx, id, &heard).await,
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

/// An event, and the provider that it comes from.
pub(super) struct Heard {
    pub provider: &'static dyn Provider,
    pub event: Event,
}

/// Why the books must not follow an event: test money for a live account or the other way round, or a currency that Rounds keeps no books in.
async fn unbelievable(cx: &mut Cx<'_>, connection: Option<ConnectionId>, heard: &Heard) -> Result<Option<String>> {
    let (app, org, event) = (cx.app, cx.who.org, &heard.event);
    let Some(news) = &event.news else { return Ok(None) };
    let key = match connection {
        Some(id) => connections::keys(cx.db(), app, org).await?.into_iter().find(|k| k.connection == id).and_then(|k| k.secret_key),
        None => heard.provider.of_instance(app).map(|(key, _)| key),
    };
    if key.and_then(|k| heard.provider.is_live(&k)).is_some_and(|is_live| is_live != event.is_live) {
        let (theirs, ours) = if event.is_live { ("live", "test") } else { ("test", "live") };
        return Ok(Some(format!("It is about {theirs} money, and the key is a {ours} key. Nothing was booked.")));
    }
    Ok(match news {
        News::Paid { charge, .. } | News::Failed { charge, .. } if Currency::from_code(&charge.currency).is_none() => Some(format!(
            "Rounds keeps no books in its currency, {}. Look at it in {}.",
            charge.currency.to_uppercase(),
            heard.provider.word()
        )),
        _ => None,
    })
}

/// Ends an event whose payment stayed unknown: a dispute fails and raises a notice; others are ignored as payments taken outside Rounds.
async fn unmatched(cx: &mut Cx<'_>, id: WebhookEventId, heard: &Heard) -> Result<Applied> {
    if matches!(heard.event.news, Some(News::Disputed(_))) {
        let error = format!("A payment is disputed that Rounds does not know. Look at it in {}.", heard.provider.word());
        give_up(cx, id, &error).await?;
        return Ok(Applied::Failed);
    }
    let reason = "It speaks of a payment that was not taken through Rounds.";
    sqlx::query!("update webhook_events set state = 'ignored', error = $2, attempts = attempts + 1 where id = $1", id.0, reason)
        .execute(cx.db())
        .await?;
    Ok(Applied::Ignored(reason.into()))
}

async fn apply(cx: &mut Cx<'_>, heard: &Heard) -> Result<Applied> {
    let event = &heard.event;
    if event.org.as_ref().is_some_and(|org| *org != cx.who.org.to_string()) {
        return Ok(Applied::Ignored("It belongs to another business.".into()));
    }
    if let Some(payment) = &event.payment {
        // Serializes concurrent events of one payment.
        let key = format!("payment:{}:{payment}", cx.who.org);
        sqlx::query!("select pg_advisory_xact_lock(hashtextextended($1, 0)) is null as locked", key).fetch_one(cx.db()).await?;
    }
    if let Some(ended) = &event.ended {
        close_checkout(cx, ended).await?;
    }
    match (&event.news, &event.payment) {
        (None, _) if event.ended.is_some() => Ok(Applied::Done),
        (None, _) => Ok(Applied::Ignored("Rounds has no use for this kind of event.".into())),
        (Some(News::Paid { charge, is_settled }), Some(payment)) => {
            let state = if *is_settled { PaymentState::Succeeded } else { PaymentState::Pending };
            let told = told(cx, payment, charge).await?;
            credit(cx, heard, &told, state).await
        }
        (Some(News::Failed { charge, reason }), Some(payment)) => {
            let told = told(cx, payment, charge).await?;
            fail(cx, heard, &told, reason.as_deref().unwrap_or("The bank declined.")).await
        }
        (Some(News::Paid { .. } | News::Failed { .. }), None) => Ok(Applied::Ignored("It is no payment of an invoice.".into())),
        (Some(News::Refunded(Refunded::InAll { minor })), _) => aftermath::refunded_in_all(cx, heard, *minor).await,
        (Some(News::Refunded(Refunded::One { refund, ours, minor, state })), _) => {
            aftermath::refund(cx, heard, aftermath::OneRefund { id: refund, ours: *ours, minor: *minor, state: *state }).await
        }
        (Some(News::Disputed(dispute)), _) => aftermath::dispute(cx, heard, dispute).await,
    }
}

async fn close_checkout(cx: &mut Cx<'_>, ended: &Ended) -> Result<()> {
    sqlx::query!(
        "update checkout_sessions set state = $3 where (id = $1 or provider_session_id = $2) and state in ('creating', 'open')",
        ended.checkout.map(|c| c.0),
        ended.page,
        ended.closed.name()
    )
    .execute(cx.db())
    .await?;
    Ok(())
}

/// A payment as described by an event.
struct Told<'a> {
    /// The provider's id.
    payment: &'a str,
    charge: &'a Charge,
    /// `None` if it is unknown or in another currency.
    invoice: Option<Invoice>,
    checkout: Option<CheckoutId>,
    money: Currency,
    amount: Decimal,
    tip: Decimal,
}

impl Told<'_> {
    fn method(&self) -> PaymentMethod {
        if self.charge.is_bank { PaymentMethod::Bank } else { PaymentMethod::Card }
    }
}

async fn told<'a>(cx: &mut Cx<'_>, payment: &'a str, charge: &'a Charge) -> Result<Told<'a>> {
    let money = Currency::from_code(&charge.currency).ok_or_else(|| Error::internal("an event in an unknown currency was let through"))?;
    let who = cx.who;
    let invoice = match charge.invoice.parse::<InvoiceId>() {
        Ok(id) => match invoices::data::locked(cx.db(), who, id).await {
            Ok(invoice) => Some(invoice).filter(|i| i.currency == money),
            Err(Error::NotFound) => None,
            Err(e) => return Err(e),
        },
        Err(_) => None,
    };
    let whole = money.from_minor(charge.minor);
    let tip = money.from_minor(charge.tip_minor).clamp(Decimal::ZERO, whole.max(Decimal::ZERO));
    let checkout = match charge.checkout {
        Some(id) => {
            sqlx::query_scalar!(r#"select id as "id: CheckoutId" from checkout_sessions where id = $1"#, id.0)
                .fetch_optional(cx.db())
                .await?
        }
        None => None,
    };
    Ok(Told { payment, charge, invoice, checkout, money, amount: whole - tip, tip })
}

pub(super) async fn known(cx: &mut Cx<'_>, payment: Option<&str>) -> Result<Option<Payment>> {
    let id = sqlx::query_scalar!(r#"select id as "id: PaymentId" from payments where provider_payment_id = $1"#, payment)
        .fetch_optional(cx.db())
        .await?;
    match id {
        Some(id) => locked(cx, id).await.map(Some),
        None => Ok(None),
    }
}

/// Records a provider's payment, or updates a recorded one that now succeeded. A payment is credited only once.
async fn credit(cx: &mut Cx<'_>, heard: &Heard, told: &Told<'_>, state: PaymentState) -> Result<Applied> {
    let id = match known(cx, Some(told.payment)).await? {
        None => insert(cx, heard, told, state, None).await?,
        Some(there) => {
            let is_news = state == PaymentState::Succeeded && matches!(there.state, PaymentState::Pending | PaymentState::Failed);
            if told.charge.is_bank {
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
                heard.event.occurred_at
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
            let (amount, provider) = (words(told.amount + told.tip, told.money), heard.provider.word());
            let body = format!("{amount} came in at {provider} for an invoice that Rounds does not know. Look at it in {provider}.");
            ledger::notice(cx, "payment_without_invoice", id, &body, &format!("payment_without_invoice:{id}")).await?;
        }
    }
    ledger::received(cx, id, true).await?;
    wake(cx, heard, told.payment).await?;
    Ok(Applied::Done)
}

async fn insert(cx: &mut Cx<'_>, heard: &Heard, told: &Told<'_>, state: PaymentState, failure: Option<&str>) -> Result<PaymentId> {
    let id = PaymentId::new();
    let invoice = told.invoice.as_ref();
    sqlx::query!(
        "insert into payments (id, contact_id, invoice_id, ticket_id, state, method, amount, tip, currency, received_at, provider_payment_id, provider_session_id,
                               checkout_id, failure, source)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        id.0,
        invoice.map(|i| i.contact_id.0),
        invoice.map(|i| i.id.0),
        invoice.and_then(|i| i.ticket_id).map(|t| t.0),
        state as PaymentState,
        told.method() as PaymentMethod,
        told.amount,
        told.tip,
        told.money.code(),
        (state == PaymentState::Succeeded).then_some(heard.event.occurred_at),
        told.payment,
        told.charge.page,
        told.checkout.map(|c| c.0),
        failure,
        heard.provider.name()
    )
    .execute(cx.db())
    .await?;
    Ok(id)
}

/// Queues the events that arrived before their payment: also those given up meanwhile, refunds that were ignored and disputes that failed.
async fn wake(cx: &mut Cx<'_>, heard: &Heard, payment: &str) -> Result<()> {
    let early = sqlx::query!(
        r#"select id as "id: WebhookEventId", body from webhook_events
            where payment_intent = $1 and provider = $2 and attempts > 0 and state in ('received', 'ignored', 'failed')"#,
        payment,
        heard.provider.name()
    )
    .fetch_all(cx.db())
    .await?;
    let follows = |body: &str| matches!(heard.provider.read(body).and_then(|e| e.news), Some(News::Refunded(_) | News::Disputed(_)));
    let ids: Vec<_> = early.into_iter().filter(|e| follows(&e.body)).map(|e| e.id.0).collect();
    sqlx::query!("update webhook_events set state = 'received', attempts = 1, error = null where id = any ($1)", &ids)
        .execute(cx.db())
        .await?;
    notices::resolve_of(cx, "webhook_event", &ids).await?;
    for id in ids {
        queue(cx, id.into()).await?;
    }
    Ok(())
}

/// Records a failed payment. A later success of the same payment overrides the failure; a failure never overrides a success.
async fn fail(cx: &mut Cx<'_>, heard: &Heard, told: &Told<'_>, failure: &str) -> Result<Applied> {
    let id = match known(cx, Some(told.payment)).await? {
        None => insert(cx, heard, told, PaymentState::Failed, Some(failure)).await?,
        Some(there) if there.state == PaymentState::Pending => {
            sqlx::query!("update payments set state = 'failed', failure = $2 where id = $1", there.id.0, failure).execute(cx.db()).await?;
            there.id
        }
        Some(_) => return Ok(Applied::Done),
    };
    let payment = data::payment(cx.db(), id).await?;
    let payload = json!({ "amount": payment.whole(), "currency": payment.currency, "invoice_id": payment.invoice_id });
    cx.event("payment.failed", about(&payment), payload).await?;
    if told.charge.is_bank {
        // A bank payment fails days after the customer saw the confirmation page, so the owner has to inform them.
        let who = payment.contact_name.as_deref().unwrap_or("a customer");
        let body = format!("The bank payment of {} from {who} did not go through: {failure}", words(payment.whole(), told.money));
        ledger::notice(cx, "payment_failed", id, &body, &format!("payment_failed:{id}")).await?;
    }
    Ok(Applied::Done)
}
