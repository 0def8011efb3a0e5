//! Background jobs of payments: processing Stripe's events, refunding at Stripe, closing payment pages whose amount is no longer due.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    account::{self, Accounts},
    actions::{Applied, ApplyEvent, CloseCheckout, Closed, FailEvent, RefundOutcome, SettleRefund},
    checkout,
    data::{self, Checkout},
};
use crate::invoices;
use office::business::{self, actions::ForgetReplacedKeys};
use platform::{
    action::Meta,
    app::App,
    error::{Error, Result},
    ids::{InvoiceId, OrgId, RefundId, WebhookEventId},
    jobs::{Job, Waiting},
    stripe::{NewRefund, StripeErrorKind},
    tenant::{Read, Write},
};

/// Processes one stored event.
#[derive(Serialize, Deserialize)]
pub struct ProcessWebhook {
    pub event: WebhookEventId,
}

impl Job for ProcessWebhook {
    const NAME: &'static str = "process_webhook";
    type Of = OrgId;
    const WAITING: Option<Waiting<Self>> = Some(("waiting_webhooks", |id| Self { event: WebhookEventId(id) }));

    fn key(&self) -> String {
        self.event.to_string()
    }

    async fn run(self, app: &App, org: OrgId) -> Result<()> {
        process(app, org, self.event).await
    }
}

/// Processes an event in one transaction. On an error, the event stays unprocessed with the error noted, and the job is retried.
pub async fn process(app: &App, org: OrgId, event: WebhookEventId) -> Result<()> {
    let write = Write::of_org(app, org, "job").await?;
    match write.act(&Meta::default(), ApplyEvent { event_id: event }).await {
        Ok(Applied::Waiting) => Err(Error::conflict("It speaks of a payment that is not known yet.")),
        Ok(_) => Ok(()),
        Err(e) if e.is_passing() => Err(e),
        Err(e) => {
            write.act(&Meta::default(), FailEvent { event_id: event, error: e.message() }).await?;
            Err(e)
        }
    }
}

/// Makes a refund at Stripe. The refund's id is the idempotency key, so a retry does not refund twice.
#[derive(Serialize, Deserialize)]
pub struct RefundAtStripe {
    pub refund: RefundId,
}

impl Job for RefundAtStripe {
    const NAME: &'static str = "refund_payment";
    type Of = OrgId;
    const WAITING: Option<Waiting<Self>> = Some(("waiting_refunds", |id| Self { refund: RefundId(id) }));

    fn key(&self) -> String {
        self.refund.to_string()
    }

    async fn run(self, app: &App, org: OrgId) -> Result<()> {
        refund(app, org, self.refund).await
    }
}

async fn refund(app: &App, org: OrgId, id: RefundId) -> Result<()> {
    let mut read = Read::of_org(app, org).await?;
    let row = data::refund_at_provider(read.db(), id).await?;
    let account = account::of(read.db(), app, org).await?;
    drop(read);
    let (Some(intent), "pending") = (row.provider_payment_id, row.state.as_str()) else { return Ok(()) };
    let write = Write::of_org(app, org, "job").await?;
    let Some(account) = account else {
        let error = "The connection to Stripe is gone. Refund it in Stripe.".to_owned();
        write.act(&Meta::default(), SettleRefund { refund_id: id, outcome: RefundOutcome::Refused { error } }).await?;
        return Ok(());
    };
    let new = NewRefund {
        payment_intent: intent,
        amount_minor: invoices::currency(&row.currency).to_minor(row.amount),
        metadata: BTreeMap::from([("org_id".to_owned(), org.to_string()), ("refund_id".to_owned(), id.to_string())]),
    };
    let outcome = match account.stripe.create_refund(&new, &format!("refund-{id}")).await {
        Ok(made) => RefundOutcome::Made { provider_id: made.id, status: made.status.unwrap_or_else(|| "pending".into()) },
        // The job is retried: with the same idempotency key, that is safe even if Stripe did receive the request.
        Err(e) if matches!(e.kind, StripeErrorKind::Retryable | StripeErrorKind::InDoubt) => return Err(Error::Provider(e.message)),
        Err(e) => RefundOutcome::Refused { error: e.message },
    };
    write.act(&Meta::default(), SettleRefund { refund_id: id, outcome }).await?;
    Ok(())
}

/// Closes an invoice's open payment page if its amount is no longer the amount due.
#[derive(Serialize, Deserialize)]
pub struct ExpireCheckout {
    pub invoice: InvoiceId,
}

impl Job for ExpireCheckout {
    const NAME: &'static str = "expire_checkout";
    type Of = OrgId;

    fn key(&self) -> String {
        self.invoice.to_string()
    }

    async fn run(self, app: &App, org: OrgId) -> Result<()> {
        expire(app, org, self.invoice).await
    }
}

async fn expire(app: &App, org: OrgId, id: InvoiceId) -> Result<()> {
    let mut read = Read::of_org(app, org).await?;
    let invoice = invoices::data::invoice(read.db(), id).await?;
    let Some(live) = data::live_checkout(read.db(), id).await? else { return Ok(()) };
    if live.amount == data::payable(read.db(), &invoice).await? {
        return Ok(());
    }
    let accounts = account::all(read.db(), app, org).await?;
    drop(read);
    close(&Write::of_org(app, org, "job").await?, &accounts, &live).await
}

async fn close(write: &Write, accounts: &Accounts, live: &Checkout) -> Result<()> {
    let closed = match &live.provider_session_id {
        Some(session) => checkout::close(accounts, live.account.as_deref(), session).await?,
        None => Closed::Expired,
    };
    write.act(&Meta::default(), CloseCheckout { id: live.id, closed }).await
}

/// Closes payment pages opened with a key that the business has replaced, since payments there would not be recorded. Then deletes the key.
#[derive(Serialize, Deserialize)]
pub struct CloseCheckouts {}

impl Job for CloseCheckouts {
    const NAME: &'static str = "close_checkouts";
    type Of = OrgId;

    fn key(&self) -> String {
        String::new()
    }

    async fn run(self, app: &App, org: OrgId) -> Result<()> {
        close_elsewhere(app, org).await
    }
}

async fn close_elsewhere(app: &App, org: OrgId) -> Result<()> {
    let mut read = Read::of_org(app, org).await?;
    let replaced = business::data::replaced_stripe_keys(read.db(), app, org).await?.len();
    let accounts = account::all(read.db(), app, org).await?;
    let pages = data::checkouts_elsewhere(read.db(), accounts.present.as_ref().map(|a| a.name.as_str())).await?;
    drop(read);
    let write = Write::of_org(app, org, "job").await?;
    for page in &pages {
        close(&write, &accounts, page).await?;
    }
    write.act(&Meta::default(), ForgetReplacedKeys { first: replaced }).await
}
