//! The customer's "Pay" button: opens a payment page for the amount due now. An invoice has at most one page that can be paid, even if the button
//! is pressed repeatedly or in several tabs.

use rust_decimal::Decimal;

use super::{
    account::{self, Account, Accounts},
    actions::{BeginCheckout, CheckoutOpened, CloseCheckout, Next, Order, RememberCustomer, ReportRefusal},
    data,
    providers::{Closed, NewCustomer, NewPage, Page, Refusal, Why},
};
use crate::invoices;
use customers::contacts;
use platform::{
    action::Meta,
    app::App,
    error::{Error, Result},
    ids::InvoiceId,
    tenant::{Read, Write},
};

/// Result of opening a payment page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// URL of the payment page to redirect to.
    Go(String),
    /// An earlier page was paid just now; its event has not arrived yet.
    Paid,
}

/// Maximum attempts; more are needed only if the amount keeps changing meanwhile.
const ROUNDS: usize = 5;

/// A failure of ours, or the provider's.
enum Failure {
    Ours(Error),
    Theirs(Refusal),
}

impl From<Error> for Failure {
    fn from(e: Error) -> Self {
        Self::Ours(e)
    }
}

impl From<Refusal> for Failure {
    fn from(e: Refusal) -> Self {
        Self::Theirs(e)
    }
}

/// Opens the payment page of the link's invoice. `read` has verified the link; `page` is the URL of the customer's invoice page; `tip` is
/// in the invoice's currency. Returns a provider error if the business can't take online payments or the provider fails; what it refuses for
/// good is put before the owner.
pub async fn open(app: &App, write: &Write, mut read: Read, page: &str, tip: Decimal) -> Result<Opened> {
    let link = read.link().await?;
    let org = read.who.org;
    let accounts = account::all(read.db(), app, org).await?;
    let account = accounts.payable().cloned();
    let account =
        account.ok_or_else(|| Error::Provider("This business does not take payments online yet. Please ask how to pay.".into()))?;
    let invoice = invoices::data::invoice(read.db(), InvoiceId(link.subject_id)).await?;
    let contact = contacts::data::summary(read.db(), invoice.contact_id).await?;
    let customer = data::provider_customer(read.db(), invoice.contact_id, &account.name).await?;
    // Returns the database connection to the pool before calling the provider.
    drop(read);
    match attempt(write, &accounts, &account, &contact, customer, page, tip).await {
        Ok(opened) => Ok(opened),
        Err(Failure::Ours(e)) => Err(e),
        Err(Failure::Theirs(refusal)) => {
            let provider = account.provider;
            tracing::warn!(why = ?refusal.why, provider = provider.name(), "a payment page was not opened");
            if refusal.why == Why::Passing {
                let word = provider.word();
                return Err(Error::Provider(format!("{word} does not answer at the moment. Nothing was charged. Please try again.")));
            }
            let report = ReportRefusal { provider: provider.name().to_owned(), reason: refusal.message };
            write.act(&Meta::default(), report).await?;
            Err(Error::Provider(
                "This can't be paid online at the moment. Nothing was charged, and we know of it. Please ask how to pay.".into(),
            ))
        }
    }
}

async fn attempt(
    write: &Write,
    accounts: &Accounts,
    account: &Account,
    contact: &contacts::Summary,
    customer: Option<String>,
    page: &str,
    tip: Decimal,
) -> Result<Opened, Failure> {
    let mut customer = match customer {
        Some(there) => there,
        None => new_customer(write, account, contact, "").await?,
    };
    for _ in 0..ROUNDS {
        let provider = account.provider.name().to_owned();
        let begin = BeginCheckout { tip, provider, account: account.name.clone(), customer: Some(customer.clone()) };
        match write.act(&Meta::default(), begin).await? {
            Next::Go(url) => return Ok(Opened::Go(url)),
            Next::Create(order) => {
                let theirs = order.customer.clone();
                if create(write, account, page, order).await? == Made::UnknownCustomer && theirs.as_ref() == Some(&customer) {
                    // The customer was deleted at the provider.
                    customer = new_customer(write, account, contact, &customer).await?;
                }
            }
            Next::Expire { id, session, account } => {
                let closed = close(accounts, account.as_deref(), &session).await?;
                write.act(&Meta::default(), CloseCheckout { id, closed }).await?;
                if closed == Closed::Complete {
                    return Ok(Opened::Paid);
                }
            }
        }
    }
    Err(Error::conflict("What is due is being changed right now. Please try again in a moment.").into())
}

/// Creates the contact's customer at the provider. `gone` is the id of a deleted one to replace, else empty.
async fn new_customer(write: &Write, account: &Account, contact: &contacts::Summary, gone: &str) -> Result<String, Failure> {
    let (name, email) = (contact.name.clone(), contact.email.clone());
    let new = NewCustomer { org: write.who.org, contact: contact.id, name, email, replaces: gone.to_owned() };
    let customer = account.provider.create_customer(account, &new).await?;
    write.act(&Meta::default(), RememberCustomer { account: account.name.clone(), customer: customer.clone() }).await?;
    Ok(customer)
}

/// Result of creating a payment page.
#[derive(Debug, PartialEq, Eq)]
enum Made {
    Done,
    /// The provider does not know the customer; a new one must be created.
    UnknownCustomer,
}

async fn create(write: &Write, account: &Account, page: &str, order: Order) -> Result<Made, Failure> {
    let money = order.currency;
    let minor = |amount| money.to_minor(amount).ok_or_else(|| Error::conflict("This amount is too large to be paid online."));
    let new = NewPage {
        id: order.id,
        org: write.who.org,
        invoice: order.invoice_id,
        title: format!("Invoice {}", order.number),
        currency: money,
        minor: minor(order.amount)?,
        tip_minor: minor(order.tip)?,
        customer: order.customer.clone(),
        success_url: format!("{page}?paid=1"),
        cancel_url: page.to_owned(),
        expires_at: order.expires_at,
    };
    match account.provider.open_page(account, &new).await {
        Ok(Page::Open { page: session, url }) => {
            let is_wanted = write.act(&Meta::default(), CheckoutOpened { id: order.id, session: session.clone(), url }).await?;
            if !is_wanted {
                account.provider.close_page(account, &session).await?;
            }
            Ok(Made::Done)
        }
        Ok(Page::Ended(closed)) => {
            write.act(&Meta::default(), CloseCheckout { id: order.id, closed }).await?;
            Ok(Made::Done)
        }
        Err(e) => {
            // A definite rejection: the next attempt needs a new idempotency key. If the result is unknown, the key is kept.
            if e.why != Why::Passing {
                write.act(&Meta::default(), CloseCheckout { id: order.id, closed: Closed::Expired }).await?;
            }
            // The customer is the only object that the request refers to.
            if e.why == Why::Missing && order.customer.is_some() { Ok(Made::UnknownCustomer) } else { Err(e.into()) }
        }
    }
}

/// Closes a payment page and returns how it ended: `Complete` if it was paid before. `opened_with` names the account it was opened with.
/// If that account's key is gone, tries the present accounts, one of which may be the same one with another key; if the page is unknown there
/// too, it counts as expired.
pub async fn close(accounts: &Accounts, opened_with: Option<&str>, session: &str) -> Result<Closed, Refusal> {
    let past = accounts.past.iter().find(|a| Some(a.name.as_str()) == opened_with);
    if let Some(past) = past {
        match past.provider.close_page(past, session).await {
            Ok(Some(closed)) => return Ok(closed),
            Ok(None) => {}
            Err(e) if e.why == Why::Key => {}
            Err(e) => return Err(e),
        }
    }
    let same = accounts.present.iter().filter(|a| Some(a.name.as_str()) == opened_with);
    let others = accounts.present.iter().filter(|a| Some(a.name.as_str()) != opened_with);
    for account in same.chain(others) {
        if let Some(closed) = account.provider.close_page(account, session).await? {
            return Ok(closed);
        }
    }
    if !accounts.present.is_empty() {
        tracing::warn!("a payment page of another account could not be closed there");
    }
    Ok(Closed::Expired)
}
