//! The customer's "Pay" button: opens a Stripe payment page for the amount due now. An invoice has at most one page that can be paid, even
//! if the button is pressed repeatedly or in several tabs.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::{
    account::{self, Account, Accounts},
    actions::{BeginCheckout, CheckoutOpened, CloseCheckout, Closed, Next, Order, RememberCustomer},
    data,
};
use crate::invoices;
use customers::contacts;
use platform::{
    action::Meta,
    app::App,
    error::{Error, Result},
    ids::InvoiceId,
    stripe::{NewCustomer, NewSession, SessionLine, StripeError, StripeErrorKind},
    tenant::{Read, Write},
};

/// Result of opening a payment page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// URL of the payment page to redirect to.
    Go(String),
    /// An earlier page was paid just now; its webhook event has not arrived yet.
    Paid,
}

/// Maximum attempts; more are needed only if the amount keeps changing meanwhile.
const ROUNDS: usize = 5;

/// Opens the payment page of the link's invoice. `read` has verified the link; `page` is the URL of the customer's invoice page; `tip` is
/// in the invoice's currency. Returns a provider error if the business can't take online payments or Stripe fails.
pub async fn open(app: &App, write: &Write, mut read: Read, page: &str, tip: Decimal) -> Result<Opened> {
    let link = read.link().await?;
    let id = InvoiceId(link.subject_id);
    let org = read.who.org;
    let accounts = account::all(read.db(), app, org).await?;
    let account = accounts.present.clone().filter(|a| a.is_heard);
    let account =
        account.ok_or_else(|| Error::Provider("This business does not take payments online yet. Please ask how to pay.".into()))?;
    let invoice = invoices::data::invoice(read.db(), id).await?;
    let contact = contacts::data::summary(read.db(), invoice.contact_id).await?;
    let customer = data::provider_customer(read.db(), invoice.contact_id, &account.name).await?;
    // Returns the database connection to the pool before calling Stripe.
    drop(read);
    let mut customer = match customer {
        Some(there) => there,
        None => new_customer(write, &account, &contact, "").await?,
    };
    for _ in 0..ROUNDS {
        let begin = BeginCheckout { tip, account: account.name.clone(), customer: Some(customer.clone()) };
        match write.act(&Meta::default(), begin).await? {
            Next::Go(url) => return Ok(Opened::Go(url)),
            Next::Create(order) => {
                let theirs = order.customer.clone();
                if create(write, &account, page, order).await? == Made::UnknownCustomer && theirs.as_ref() == Some(&customer) {
                    // The customer was deleted in Stripe.
                    customer = new_customer(write, &account, &contact, &customer).await?;
                }
            }
            Next::Expire { id, session, account } => {
                let closed = close(&accounts, account.as_deref(), &session).await?;
                write.act(&Meta::default(), CloseCheckout { id, closed }).await?;
                if closed == Closed::Complete {
                    return Ok(Opened::Paid);
                }
            }
        }
    }
    Err(Error::conflict("What is due is being changed right now. Please try again in a moment."))
}

/// Creates the contact's customer at Stripe. `gone` is the id of a deleted one to replace, else empty; it makes the idempotency key differ.
async fn new_customer(write: &Write, account: &Account, contact: &contacts::Summary, gone: &str) -> Result<String> {
    let metadata = BTreeMap::from([("org_id".to_owned(), write.who.org.to_string()), ("contact_id".to_owned(), contact.id.to_string())]);
    let new = NewCustomer { name: Some(contact.name.clone()).filter(|n| !n.is_empty()), email: contact.email.clone(), metadata };
    // Name and email are part of the idempotency key: Stripe rejects a key that is reused with other parameters.
    let words = format!("{}|{}|{}{gone}", contact.id, contact.name, contact.email.as_deref().unwrap_or_default());
    let key = format!("customer-{}", &platform::secrets::sha256_hex(&words)[..32]);
    let made = account.stripe.create_customer(&new, &key).await.map_err(|e| words_of(&e))?;
    write.act(&Meta::default(), RememberCustomer { account: account.name.clone(), customer: made.id.clone() }).await?;
    Ok(made.id)
}

/// Result of creating a payment page.
#[derive(Debug, PartialEq, Eq)]
enum Made {
    Done,
    /// Stripe does not know the customer; a new one must be created.
    UnknownCustomer,
}

async fn create(write: &Write, account: &Account, page: &str, order: Order) -> Result<Made> {
    let money = invoices::currency(&order.currency);
    let minor = |amount| money.to_minor(amount).ok_or_else(|| Error::conflict("This amount is too large to be paid online."));
    let mut lines = vec![SessionLine { name: format!("Invoice {}", order.number), amount_minor: minor(order.amount)? }];
    let tip = minor(order.tip)?;
    if tip > 0 {
        lines.push(SessionLine { name: "Tip".into(), amount_minor: tip });
    }
    let metadata = BTreeMap::from([
        ("org_id".to_owned(), write.who.org.to_string()),
        ("invoice_id".to_owned(), order.invoice_id.to_string()),
        ("checkout_id".to_owned(), order.id.to_string()),
        ("tip_minor".to_owned(), tip.to_string()),
    ]);
    let new = NewSession {
        currency: money,
        lines,
        customer: order.customer.clone(),
        email: None,
        client_reference_id: order.invoice_id.to_string(),
        success_url: format!("{page}?paid=1"),
        cancel_url: page.to_owned(),
        expires_at: order.expires_at,
        metadata,
    };
    match account.stripe.create_session(&new, &format!("checkout-{}", order.id)).await {
        Ok(session) => {
            let Some(url) = session.url.clone() else {
                // Without a URL the session has ended: the idempotency key replayed an earlier one.
                let closed = if session.status.as_deref() == Some("complete") { Closed::Complete } else { Closed::Expired };
                write.act(&Meta::default(), CloseCheckout { id: order.id, closed }).await?;
                return Ok(Made::Done);
            };
            let is_wanted = write.act(&Meta::default(), CheckoutOpened { id: order.id, session: session.id.clone(), url }).await?;
            if !is_wanted {
                expire(account, &session.id).await.map_err(|e| words_of(&e))?;
            }
            Ok(Made::Done)
        }
        Err(e) => {
            // A definite rejection: the next attempt needs a new idempotency key. If the result is unknown, the key is kept.
            if matches!(e.kind, StripeErrorKind::Invalid | StripeErrorKind::BadKey | StripeErrorKind::Declined) {
                write.act(&Meta::default(), CloseCheckout { id: order.id, closed: Closed::Expired }).await?;
            }
            // The customer is the only object that the request refers to.
            if e.is_missing() && order.customer.is_some() { Ok(Made::UnknownCustomer) } else { Err(words_of(&e)) }
        }
    }
}

/// Expires a payment page and returns how it ended: `Complete` if it was paid before. `opened_with` names the account it was opened with.
/// If that account's key is gone, tries the present account, which may be the same one with another key; if the page is unknown there too,
/// it counts as expired.
pub async fn close(accounts: &Accounts, opened_with: Option<&str>, session: &str) -> Result<Closed> {
    let past = accounts.past.iter().find(|a| Some(a.name.as_str()) == opened_with);
    if let Some(past) = past {
        match expire(past, session).await {
            Ok(Some(closed)) => return Ok(closed),
            Ok(None) => {}
            Err(e) if e.kind == StripeErrorKind::BadKey => {}
            Err(e) => return Err(words_of(&e)),
        }
    }
    let Some(present) = &accounts.present else { return Ok(Closed::Expired) };
    let closed = expire(present, session).await.map_err(|e| words_of(&e))?;
    if closed.is_none() {
        tracing::warn!("a payment page of another account could not be closed there");
    }
    Ok(closed.unwrap_or(Closed::Expired))
}

/// Expires a session. Returns `None` if the account does not have it.
async fn expire(account: &Account, session: &str) -> Result<Option<Closed>, StripeError> {
    let known = match account.stripe.expire_session(session).await {
        Ok(_) => return Ok(Some(Closed::Expired)),
        Err(e) if e.kind == StripeErrorKind::Invalid && !e.is_missing() => account.stripe.retrieve_session(session).await,
        Err(e) => Err(e),
    };
    match known {
        Ok(now) => Ok(Some(if now.status.as_deref() == Some("complete") { Closed::Complete } else { Closed::Expired })),
        Err(e) if e.is_missing() => Ok(None),
        Err(e) => Err(e),
    }
}

fn words_of(e: &StripeError) -> Error {
    tracing::warn!(kind = ?e.kind, code = e.code, "Stripe did not open a payment page");
    let reason = match e.kind {
        StripeErrorKind::BadKey => "This business's connection to Stripe does not work at the moment.",
        StripeErrorKind::Invalid | StripeErrorKind::Declined => "Stripe did not accept this payment page.",
        StripeErrorKind::Retryable | StripeErrorKind::InDoubt => "Stripe does not answer at the moment.",
    };
    Error::Provider(format!("{reason} Nothing was charged. Please try again."))
}
