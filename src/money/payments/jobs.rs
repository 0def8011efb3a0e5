//! Background jobs of payments: processing the providers' events, refunding, checking keys, closing payment pages whose amount is no longer due.

use serde::{Deserialize, Serialize};

use super::{
    account::{self, Account, Accounts},
    actions::{Applied, ApplyEvent, CloseCheckout, FailEvent, ForgetReplacedKeys, RecordCheck, RefundOutcome, SettleRefund},
    checkout,
    data::{self, Checkout},
    providers::{self, Closed, NewRefund, Why},
};
use crate::invoices;
use office::connections;
use platform::{
    action::Meta,
    app::App,
    error::{Error, Result},
    ids::{ConnectionId, InvoiceId, OrgId, RefundId, WebhookEventId},
    jobs::{Job, Waiting},
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

/// Makes a refund at the payment's provider. The refund's id is the idempotency key, so a retry does not refund twice.
#[derive(Serialize, Deserialize)]
pub struct RefundAtProvider {
    pub refund: RefundId,
}

impl Job for RefundAtProvider {
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
    let accounts = account::all(read.db(), app, org).await?;
    drop(read);
    let (Some(payment), "pending") = (row.provider_payment_id, row.state.as_str()) else { return Ok(()) };
    let write = Write::of_org(app, org, "job").await?;
    let settle = async |outcome| write.act(&Meta::default(), SettleRefund { refund_id: id, outcome }).await.map(|_| ());
    let Some(account) = accounts.of_source(&row.source) else {
        let provider = providers::word(&row.source);
        return settle(RefundOutcome::Refused { error: format!("The connection to {provider} is gone. Refund it in {provider}.") }).await;
    };
    let currency = row.currency;
    let minor = currency.to_minor(row.amount).ok_or_else(|| Error::internal("a refund beyond what minor units hold"))?;
    match account.provider.refund(account, &NewRefund { id, org, payment, minor, currency }).await {
        Ok(made) => settle(RefundOutcome::Made { provider_id: made.refund, state: made.state }).await,
        // The job is retried: with the same idempotency key, that is safe even if the provider did receive the request.
        Err(e) if e.why == Why::Passing => Err(Error::Provider(e.message)),
        Err(e) => settle(RefundOutcome::Refused { error: e.message }).await,
    }
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
        Some(session) => {
            let closed = checkout::close(accounts, live.account.as_deref(), session).await;
            closed.map_err(|e| Error::Provider(e.message))?
        }
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
    let keys = connections::keys(read.db(), app, org).await?;
    let accounts = account::all(read.db(), app, org).await?;
    let present: Vec<String> = accounts.present.iter().map(|a| a.name.clone()).collect();
    let pages = data::checkouts_elsewhere(read.db(), &present).await?;
    drop(read);
    let write = Write::of_org(app, org, "job").await?;
    for page in &pages {
        close(&write, &accounts, page).await?;
    }
    for key in keys {
        write.act(&Meta::default(), ForgetReplacedKeys { provider: key.provider, first: key.replaced.len() }).await?;
    }
    Ok(())
}

/// Checks the key of a connection to a provider.
#[derive(Debug, Serialize, Deserialize)]
pub struct CheckConnection {
    pub connection: ConnectionId,
}

impl Job for CheckConnection {
    const NAME: &'static str = "check_connection";
    type Of = OrgId;

    fn key(&self) -> String {
        self.connection.to_string()
    }

    async fn run(self, app: &App, org: OrgId) -> Result<()> {
        let mut read = Read::of_org(app, org).await?;
        let keys = connections::keys(read.db(), app, org).await?;
        drop(read);
        let Some(own) = keys.into_iter().find(|k| k.connection == self.connection) else { return Ok(()) };
        check(&Write::of_org(app, org, "job").await?, &own.provider).await.map(|_| ())
    }
}

/// Checks the business's key for `provider` outside any transaction and records the result. Returns the account's name or the provider's error
/// message, or `None` if it is not connected.
pub async fn check(write: &Write, provider: &str) -> Result<Option<Result<String, String>>> {
    let (app, org) = (write.app(), write.who.org);
    let mut read = Read::of_org(app, org).await?;
    let keys = connections::keys(read.db(), app, org).await?;
    drop(read);
    let Some(own) = keys.into_iter().find(|k| k.provider == provider) else { return Ok(None) };
    let (Some(provider), Some(key)) = (providers::named(app, provider), own.secret_key) else { return Ok(None) };
    let account = Account::of_key(app, provider, key, own.webhook_secret.is_some());
    let answer = provider.check(&account).await.map_err(|e| e.message);
    let record = RecordCheck { connection_id: own.connection, account: answer.clone().ok(), error: answer.clone().err() };
    write.act(&Meta::default(), record).await?;
    Ok(Some(answer))
}
