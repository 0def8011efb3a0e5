//! Payment providers: who opens payment pages, takes the money and tells of it. Each has a folder here, with its settings page, its webhook and
//! its vocabulary. The ledger knows [`Provider`] and [`Event`] alone. A new provider is a folder, its lines in [`REAL`], [`actions`] and
//! [`routes`], and a line in the menu.

pub mod simulated;
pub mod stripe;

use std::{fmt, future::Future, pin::Pin};

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::account::Account;
use platform::{
    action,
    app::App,
    ids::{CheckoutId, ContactId, InvoiceId, OrgId, RefundId},
    money::Currency,
    role::Permission,
    route::{Route, get, post},
    secrets::Secret,
};

/// The providers that move money, the preferred one first.
pub const REAL: [&dyn Provider; 1] = [&stripe::Stripe];

/// The provider of this name; `None` for an unknown one, and for the simulation outside the demo.
pub fn named(app: &App, name: &str) -> Option<&'static dyn Provider> {
    if app.is_demo && name == simulated::NAME {
        return Some(&simulated::Simulated);
    }
    REAL.into_iter().find(|p| p.name() == name)
}

/// The word that people know a payment's source by: "Stripe".
pub fn word(source: &str) -> &'static str {
    let all = REAL.into_iter().chain([&simulated::Simulated as &dyn Provider]);
    all.into_iter().find(|p| p.name() == source).map_or("the payment provider", |p| p.word())
}

/// The actions that are a provider's own: connecting an account.
pub fn actions() -> Vec<action::Entry> {
    vec![action::entry::<stripe::actions::SetStripe>()]
}

/// The routes of every provider: settings pages, webhooks, and the simulation's payment page.
pub fn routes() -> Vec<Route> {
    use platform::route::Access::{Member, Public};
    vec![
        get("/settings/stripe", Member(Permission::ManageSettings), stripe::settings::show),
        post("/settings/stripe", Member(Permission::ManageSettings), stripe::settings::save),
        post("/settings/stripe/check", Member(Permission::ManageSettings), stripe::settings::check),
        post("/settings/stripe/disconnect", Member(Permission::ManageSettings), stripe::settings::disconnect),
        // What Stripe tells us: the signature decides.
        post("/api/webhooks/stripe", Public, stripe::webhook::of_instance).accepts(stripe::webhook::MAX_EVENT),
        post("/api/webhooks/stripe/{id}", Public, stripe::webhook::of_connection).accepts(stripe::webhook::MAX_EVENT),
        // A stand-in for a provider's page; nothing here unless this process is the demo.
        get("/demo/stripe/pay/{session}", Public, simulated::page),
        post("/demo/stripe/pay/{session}", Public, simulated::answer),
    ]
}

/// The answer of a call to a provider.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Refusal>> + Send + 'a>>;

/// A payment provider. Each call goes out at most once for each record: the record's id, or the words sent, make the idempotency key.
pub trait Provider: fmt::Debug + Send + Sync {
    /// The name in records and addresses: `stripe`.
    fn name(&self) -> &'static str;

    /// The name that people know: "Stripe".
    fn word(&self) -> &'static str;

    /// The keys from the instance's settings, which serve a single business: secret key and webhook secret.
    fn of_instance(&self, app: &App) -> Option<(Secret, Option<Secret>)>;

    /// Whether `key` moves real money; `None` if it does not show.
    fn is_live(&self, key: &Secret) -> Option<bool>;

    /// The smallest and the largest amount of one payment.
    fn limits(&self, currency: Currency) -> (Decimal, Decimal);

    /// Reads a stored event; `None` if it is not one.
    fn read(&self, body: &str) -> Option<Event>;

    /// Asks whose account it is: a name or an id.
    fn check<'a>(&'a self, at: &'a Account) -> Answer<'a, String>;

    /// Creates a customer and returns the provider's id.
    fn create_customer<'a>(&'a self, at: &'a Account, new: &'a NewCustomer) -> Answer<'a, String>;

    /// Opens a payment page.
    fn open_page<'a>(&'a self, at: &'a Account, new: &'a NewPage) -> Answer<'a, Page>;

    /// Closes a payment page and says how it ended; `None` if the account does not know it.
    fn close_page<'a>(&'a self, at: &'a Account, page: &'a str) -> Answer<'a, Option<Closed>>;

    /// Refunds a payment or a part of it.
    fn refund<'a>(&'a self, at: &'a Account, new: &'a NewRefund) -> Answer<'a, RefundMade>;
}

/// Why a call did not work, by what can be done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Not done, or nobody knows: the same call may be made again.
    Passing,
    /// The key is wrong, revoked or lacks a right.
    Key,
    /// The account has no object with the id that was named.
    Missing,
    /// Refused for good.
    Final,
}

/// A call that did not work. `message` is the provider's own, for the owner; it holds no secret.
#[derive(Debug, Clone)]
pub struct Refusal {
    pub why: Why,
    pub message: String,
}

/// A customer to create.
#[derive(Debug, Clone)]
pub struct NewCustomer {
    pub org: OrgId,
    pub contact: ContactId,
    pub name: String,
    pub email: Option<String>,
    /// The id of a deleted customer that this one takes the place of; else empty.
    pub replaces: String,
}

/// A payment page to open. Amounts are in minor units of `currency`.
#[derive(Debug, Clone)]
pub struct NewPage {
    pub id: CheckoutId,
    pub org: OrgId,
    pub invoice: InvoiceId,
    /// What is paid, such as "Invoice INV-0107".
    pub title: String,
    pub currency: Currency,
    pub minor: i64,
    pub tip_minor: i64,
    pub customer: Option<String>,
    /// Where the customer lands after paying, and after turning back.
    pub success_url: String,
    pub cancel_url: String,
    pub expires_at: DateTime<Utc>,
}

/// An answer to opening a payment page.
#[derive(Debug, Clone)]
pub enum Page {
    /// The provider's id of the page, and its address.
    Open { page: String, url: String },
    /// An earlier call opened it, and it has ended since.
    Ended(Closed),
}

/// How a payment page ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Closed {
    Complete,
    Expired,
}

impl Closed {
    /// The word in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Expired => "expired",
        }
    }
}

/// A refund to make, of the provider's payment `payment`.
#[derive(Debug, Clone)]
pub struct NewRefund {
    pub id: RefundId,
    pub org: OrgId,
    pub payment: String,
    pub minor: i64,
    pub currency: Currency,
}

/// A refund that was made: the provider's id, and how far it is.
#[derive(Debug, Clone)]
pub struct RefundMade {
    pub refund: String,
    pub state: RefundState,
}

/// How far a refund is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RefundState {
    Pending,
    Succeeded,
    Failed,
}

impl RefundState {
    /// The word in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }
}

/// What a provider tells, in the ledger's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    pub occurred_at: DateTime<Utc>,
    /// Whether it is about real money.
    pub is_live: bool,
    /// The business that it names.
    pub org: Option<String>,
    /// The provider's id of the payment: one id is one payment, whichever of its events arrives first.
    pub payment: Option<String>,
    /// The payment page that has ended with it.
    pub ended: Option<Ended>,
    /// `None` if the ledger has no use for it.
    pub news: Option<News>,
}

/// A payment page that has ended, by our id or the provider's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    pub checkout: Option<CheckoutId>,
    pub page: Option<String>,
    pub closed: Closed,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum News {
    Paid {
        charge: Charge,
        /// False while the bank has yet to confirm it.
        is_settled: bool,
    },
    Failed {
        charge: Charge,
        /// The bank's words.
        reason: Option<String>,
    },
    Refunded(Refunded),
    Disputed(Disputed),
}

/// Money asked of a customer. Amounts are in minor units of `currency`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    /// The invoice, as the provider names it.
    pub invoice: String,
    pub checkout: Option<CheckoutId>,
    /// The provider's id of the payment page.
    pub page: Option<String>,
    /// In all, with the tip.
    pub minor: i64,
    pub tip_minor: i64,
    /// ISO 4217, in any case.
    pub currency: String,
    /// Paid from a bank account rather than by card.
    pub is_bank: bool,
}

/// A refund, in minor units of the payment's currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refunded {
    One {
        refund: String,
        /// The refund of ours that it is.
        ours: Option<RefundId>,
        minor: i64,
        state: RefundState,
    },
    /// What has been refunded of the payment so far.
    InAll { minor: i64 },
}

/// A customer's bank wants the money back. Amounts are in minor units of the payment's currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Disputed {
    Opened { reason: Option<String> },
    Won,
    Lost { dispute: Option<String>, minor: i64 },
}
