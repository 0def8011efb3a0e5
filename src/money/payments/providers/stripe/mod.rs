//! Stripe: Checkout pages, refunds, and the events that tell of them (`providers.md`).

pub mod actions;
mod events;
pub mod settings;
pub mod webhook;

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::{Answer, Closed, Event, NewCustomer, NewPage, NewRefund, Page, Provider, RefundMade, Refusal, Why};
use crate::payments::account::Account;
use platform::{
    app::App,
    money::Currency,
    secrets::{Secret, sha256_hex},
    stripe::{self as api, NewSession, SessionLine, StripeError, StripeErrorKind},
};

pub const NAME: &str = "stripe";

/// The smallest charge by currency, in minor units (<https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts>). A currency that
/// is not here has no minimum of its own: Stripe converts it, and refuses what is then too small.
const SMALLEST: [(&str, i64); 20] = [
    ("USD", 50),
    ("EUR", 50),
    ("GBP", 30),
    ("CAD", 50),
    ("AUD", 50),
    ("NZD", 50),
    ("CHF", 50),
    ("SEK", 300),
    ("NOK", 300),
    ("DKK", 250),
    ("JPY", 50),
    ("PLN", 200),
    ("CZK", 1500),
    ("RON", 200),
    ("INR", 50),
    ("SGD", 50),
    ("HKD", 400),
    ("MXN", 1000),
    ("BRL", 50),
    ("AED", 200),
];

/// The largest charge: eight digits of minor units.
const LARGEST: i64 = 99_999_999;

#[derive(Debug)]
pub struct Stripe;

fn client(at: &Account) -> api::Stripe {
    at.app.stripe.with_key(at.key.clone())
}

impl From<StripeError> for Refusal {
    fn from(e: StripeError) -> Self {
        let why = match e.kind {
            StripeErrorKind::Retryable | StripeErrorKind::InDoubt => Why::Passing,
            StripeErrorKind::BadKey => Why::Key,
            StripeErrorKind::Invalid if e.is_missing() => Why::Missing,
            StripeErrorKind::Invalid | StripeErrorKind::Declined => Why::Final,
        };
        Self { why, message: e.message }
    }
}

impl Provider for Stripe {
    fn name(&self) -> &'static str {
        NAME
    }

    fn word(&self) -> &'static str {
        "Stripe"
    }

    fn of_instance(&self, app: &App) -> Option<(Secret, Option<Secret>)> {
        Some((app.stripe_key.clone()?, app.stripe_webhook_secret.clone()))
    }

    fn is_live(&self, key: &Secret) -> Option<bool> {
        let key = key.expose();
        let starts = |mode: &str| ["sk", "rk"].iter().any(|kind| key.starts_with(&format!("{kind}_{mode}_")));
        if starts("live") { Some(true) } else { starts("test").then_some(false) }
    }

    fn limits(&self, currency: Currency) -> (Decimal, Decimal) {
        let smallest = SMALLEST.iter().find(|(code, _)| *code == currency.code()).map_or(1, |(_, minor)| *minor);
        (currency.from_minor(smallest), currency.from_minor(LARGEST))
    }

    fn read(&self, body: &str) -> Option<Event> {
        events::read(&serde_json::from_str(body).ok()?)
    }

    fn check<'a>(&'a self, at: &'a Account) -> Answer<'a, String> {
        Box::pin(async move {
            let account = client(at).retrieve_account().await.map_err(|e| match e.kind {
                StripeErrorKind::BadKey => {
                    let message = "Stripe does not accept this key. Copy it again, and check that it may read the account.";
                    Refusal { why: Why::Key, message: message.to_owned() }
                }
                _ => e.into(),
            })?;
            Ok(account.business_profile.and_then(|p| p.name).unwrap_or(account.id))
        })
    }

    fn create_customer<'a>(&'a self, at: &'a Account, new: &'a NewCustomer) -> Answer<'a, String> {
        Box::pin(async move {
            let metadata = BTreeMap::from([("org_id".to_owned(), new.org.to_string()), ("contact_id".to_owned(), new.contact.to_string())]);
            // Name and email are part of the idempotency key: Stripe rejects a key that is reused with other parameters.
            let words = format!("{}|{}|{}{}", new.contact, new.name, new.email.as_deref().unwrap_or_default(), new.replaces);
            let name = Some(new.name.clone()).filter(|n| !n.is_empty());
            let customer = api::NewCustomer { name, email: new.email.clone(), metadata };
            Ok(client(at).create_customer(&customer, &format!("customer-{}", &sha256_hex(&words)[..32])).await?.id)
        })
    }

    fn open_page<'a>(&'a self, at: &'a Account, new: &'a NewPage) -> Answer<'a, Page> {
        Box::pin(async move {
            let session = client(at).create_session(&session(new), &format!("checkout-{}", new.id)).await?;
            let ended = if session.status.as_deref() == Some("complete") { Closed::Complete } else { Closed::Expired };
            // Without a URL the session has ended: the idempotency key replayed an earlier one.
            Ok(session.url.map_or(Page::Ended(ended), |url| Page::Open { page: session.id, url }))
        })
    }

    fn close_page<'a>(&'a self, at: &'a Account, page: &'a str) -> Answer<'a, Option<Closed>> {
        Box::pin(async move {
            let stripe = client(at);
            let known = match stripe.expire_session(page).await {
                Ok(_) => return Ok(Some(Closed::Expired)),
                Err(e) if e.kind == StripeErrorKind::Invalid && !e.is_missing() => stripe.retrieve_session(page).await,
                Err(e) => Err(e),
            };
            match known {
                Ok(now) => Ok(Some(if now.status.as_deref() == Some("complete") { Closed::Complete } else { Closed::Expired })),
                Err(e) if e.is_missing() => Ok(None),
                Err(e) => Err(e.into()),
            }
        })
    }

    fn refund<'a>(&'a self, at: &'a Account, new: &'a NewRefund) -> Answer<'a, RefundMade> {
        Box::pin(async move {
            let metadata = BTreeMap::from([("org_id".to_owned(), new.org.to_string()), ("refund_id".to_owned(), new.id.to_string())]);
            let refund = api::NewRefund { payment_intent: new.payment.clone(), amount_minor: Some(new.minor), metadata };
            let made = client(at).create_refund(&refund, &format!("refund-{}", new.id)).await?;
            Ok(RefundMade { refund: made.id, state: events::refund_state(made.status.as_deref()) })
        })
    }
}

fn session(new: &NewPage) -> NewSession {
    let mut lines = vec![SessionLine { name: new.title.clone(), amount_minor: new.minor }];
    if new.tip_minor > 0 {
        lines.push(SessionLine { name: "Tip".into(), amount_minor: new.tip_minor });
    }
    NewSession {
        currency: new.currency,
        lines,
        customer: new.customer.clone(),
        email: None,
        client_reference_id: new.invoice.to_string(),
        success_url: new.success_url.clone(),
        cancel_url: new.cancel_url.clone(),
        expires_at: new.expires_at,
        metadata: BTreeMap::from([
            ("org_id".to_owned(), new.org.to_string()),
            ("invoice_id".to_owned(), new.invoice.to_string()),
            ("checkout_id".to_owned(), new.id.to_string()),
            ("tip_minor".to_owned(), new.tip_minor.to_string()),
        ]),
    }
}
