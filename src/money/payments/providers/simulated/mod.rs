//! A provider for the demo; it moves no money. Its payment page says that it is a simulation, and its events go the way of any provider's: stored,
//! then worked off by a job. It exists only if the process was started as the demo, which no setting can do: elsewhere [`super::named`] does not
//! know it, no account is of it, and its routes answer 404.

mod hosted;

use std::{
    collections::BTreeMap,
    sync::{LazyLock, Mutex},
};

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;

use super::{
    Answer, Charge, Closed, Ended, Event, NewCustomer, NewPage, NewRefund, News, Page, Provider, RefundMade, RefundState, Refunded,
    Refusal, Why,
};
use crate::payments::{account::Account, inbox};
use platform::{
    app::App,
    error::{Error, Result},
    ids::OrgId,
    money::Currency,
    secrets::{Secret, random_token},
};

pub use hosted::{answer, page};

pub const NAME: &str = "simulated";

#[derive(Debug)]
pub struct Simulated;

/// A simulated payment page.
#[derive(Debug, Clone)]
struct Session {
    id: String,
    /// `None` while it is open.
    closed: Option<Closed>,
    new: NewPage,
    payment: String,
}

impl Session {
    fn total(&self) -> i64 {
        self.new.minor + self.new.tip_minor
    }

    fn event(&self, at: DateTime<Utc>, news: News) -> Event {
        let ended = self.closed.map(|closed| Ended { checkout: Some(self.new.id), page: Some(self.id.clone()), closed });
        Event {
            occurred_at: at,
            is_live: false,
            org: Some(self.new.org.to_string()),
            payment: Some(self.payment.clone()),
            ended,
            news: Some(news),
        }
    }

    fn charge(&self) -> Charge {
        Charge {
            invoice: self.new.invoice.to_string(),
            checkout: Some(self.new.id),
            page: Some(self.id.clone()),
            minor: self.total(),
            tip_minor: self.new.tip_minor,
            currency: self.new.currency.code().to_owned(),
            is_bank: false,
        }
    }
}

/// The simulation's state, kept in memory until the process ends.
#[derive(Default)]
struct State {
    sessions: BTreeMap<String, Session>,
    /// Our id of a payment page or refund → the simulation's, so that a repeated call makes no second one.
    made: BTreeMap<String, String>,
}

static STATE: LazyLock<Mutex<State>> = LazyLock::new(Mutex::default);

fn state() -> std::sync::MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn only_in_demo(app: &App) -> Result<()> {
    if app.is_demo { Ok(()) } else { Err(Error::NotFound) }
}

fn fresh(prefix: &str) -> String {
    let random: String = random_token().chars().filter(char::is_ascii_alphanumeric).take(24).collect();
    format!("{prefix}_sim_{random}")
}

/// The simulation's account for every business of the demo. Its key is new in each process, since customers and payment pages do not outlive it.
pub fn account(app: &App) -> Account {
    static KEY: LazyLock<String> = LazyLock::new(|| fresh("sk"));
    Account::of_key(app, &Simulated, Secret::from(KEY.as_str()), true)
}

/// Tells the ledger of an event, as a webhook does.
async fn tell(app: &App, org: OrgId, kind: &str, event: &Event) -> Result<()> {
    only_in_demo(app)?;
    let body = serde_json::to_string(event)?;
    inbox::keep(app, org, &Simulated, inbox::Received { connection: None, id: fresh("evt"), kind: kind.to_owned(), body }).await
}

impl Provider for Simulated {
    fn name(&self) -> &'static str {
        NAME
    }

    fn word(&self) -> &'static str {
        "Stripe"
    }

    fn of_instance(&self, _: &App) -> Option<(Secret, Option<Secret>)> {
        None
    }

    fn is_live(&self, _: &Secret) -> Option<bool> {
        Some(false)
    }

    fn limits(&self, currency: Currency) -> (Decimal, Decimal) {
        super::stripe::Stripe.limits(currency)
    }

    fn read(&self, body: &str) -> Option<Event> {
        serde_json::from_str(body).ok()
    }

    fn check<'a>(&'a self, _: &'a Account) -> Answer<'a, String> {
        Box::pin(async { Ok("Simulation".to_owned()) })
    }

    fn create_customer<'a>(&'a self, _: &'a Account, _: &'a NewCustomer) -> Answer<'a, String> {
        Box::pin(async { Ok(fresh("cus")) })
    }

    fn open_page<'a>(&'a self, at: &'a Account, new: &'a NewPage) -> Answer<'a, Page> {
        Box::pin(async move {
            let mut state = state();
            let id = state.made.entry(new.id.to_string()).or_insert_with(|| fresh("cs")).clone();
            let session = state.sessions.entry(id.clone()).or_insert_with(|| Session {
                id: id.clone(),
                closed: None,
                new: new.clone(),
                payment: fresh("pi"),
            });
            let url = at.app.url(&format!("/demo/stripe/pay/{id}"));
            Ok(session.closed.map_or(Page::Open { page: id, url }, Page::Ended))
        })
    }

    fn close_page<'a>(&'a self, _: &'a Account, page: &'a str) -> Answer<'a, Option<Closed>> {
        Box::pin(async move { Ok(state().sessions.get_mut(page).map(|s| *s.closed.get_or_insert(Closed::Expired))) })
    }

    fn refund<'a>(&'a self, at: &'a Account, new: &'a NewRefund) -> Answer<'a, RefundMade> {
        Box::pin(async move {
            // The demo's invented payments have no session; they can be refunded too.
            let refund = state().made.entry(new.id.to_string()).or_insert_with(|| fresh("re")).clone();
            let news = News::Refunded(Refunded::One {
                refund: refund.clone(),
                ours: Some(new.id),
                minor: new.minor,
                state: RefundState::Succeeded,
            });
            let event = Event {
                occurred_at: at.app.clock.now(),
                is_live: false,
                org: Some(new.org.to_string()),
                payment: Some(new.payment.clone()),
                ended: None,
                news: Some(news),
            };
            let told = tell(&at.app, new.org, "refund.created", &event).await;
            told.map_err(|e| Refusal { why: Why::Passing, message: e.message() })?;
            Ok(RefundMade { refund, state: RefundState::Succeeded })
        })
    }
}
