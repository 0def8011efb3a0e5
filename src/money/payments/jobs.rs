//! Background jobs of payments: processing Stripe's events, refunding at Stripe, closing payment pages whose amount is no longer due.

use std::collections::BTreeMap;

use graphile_worker::{IntoTaskHandlerResult, TaskHandler, WorkerContext};
use serde::{Deserialize, Serialize};

use super::{
    account::{self, Accounts},
    actions::{Applied, ApplyEvent, CloseCheckout, Closed, FailEvent, PROCESS_WEBHOOK, REFUND_PAYMENT, RefundOutcome, SettleRefund},
    checkout,
    data::{self, Checkout},
};
use crate::invoices::{self, actions::EXPIRE_CHECKOUT};
use office::business::{
    self,
    actions::{CLOSE_CHECKOUTS, ForgetReplacedKeys},
};
use platform::{
    action::Meta,
    app::App,
    error::{Error, Result},
    ids::{InvoiceId, OrgId, RefundId, WebhookEventId},
    stripe::{NewRefund, StripeErrorKind},
    tenant::{Read, Write},
};

fn app(ctx: &WorkerContext) -> Result<App> {
    ctx.get_ext::<App>().cloned().ok_or_else(|| Error::internal("the worker was started without the app"))
}

/// Processes one stored event.
#[derive(Serialize, Deserialize)]
pub struct ProcessWebhook {
    pub org: OrgId,
    pub event: WebhookEventId,
}

impl TaskHandler for ProcessWebhook {
    const IDENTIFIER: &'static str = PROCESS_WEBHOOK;

    async fn run(self, ctx: WorkerContext) -> impl IntoTaskHandlerResult {
        process(&app(&ctx)?, self.org, self.event).await
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
    pub org: OrgId,
    pub refund: RefundId,
}

impl TaskHandler for RefundAtStripe {
    const IDENTIFIER: &'static str = REFUND_PAYMENT;

    async fn run(self, ctx: WorkerContext) -> impl IntoTaskHandlerResult {
        refund(&app(&ctx)?, self.org, self.refund).await
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
    pub org: OrgId,
    pub invoice: InvoiceId,
}

impl TaskHandler for ExpireCheckout {
    const IDENTIFIER: &'static str = EXPIRE_CHECKOUT;

    async fn run(self, ctx: WorkerContext) -> impl IntoTaskHandlerResult {
        expire(&app(&ctx)?, self.org, self.invoice).await
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
pub struct CloseCheckouts {
    pub org: OrgId,
}

impl TaskHandler for CloseCheckouts {
    const IDENTIFIER: &'static str = CLOSE_CHECKOUTS;

    async fn run(self, ctx: WorkerContext) -> impl IntoTaskHandlerResult {
        close_elsewhere(&app(&ctx)?, self.org).await
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
