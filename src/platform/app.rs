//! The state of the process: one value, cheap to clone, handed to every request and job. The command line and the tests build it.

use std::{ops::Deref, sync::Arc};

use axum::{body::Bytes, http::request::Parts};
use sqlx::PgPool;

use super::{
    clock::Clock,
    ids::{MemberId, OrgId},
    llm::Llm,
    mail::{Mailbox, Mailer},
    menu::MenuEntry,
    migrate::Schema,
    reactions::Reaction,
    registry::Registry,
    secrets::{Keyring, Secret},
    stripe::StripeApi,
    tenant::Who,
};

/// Who may create a business from the sign-in page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SignUp {
    Open,
    /// Anyone, until the first business exists.
    #[default]
    FirstOnly,
    Closed,
}

/// The settings and services that an [`App`] holds.
pub struct Setup {
    pub pool: PgPool,
    /// The schema this binary brings; `/readyz` compares the database's.
    pub schema: Schema,
    /// Every action and data type.
    pub registry: &'static Registry,
    /// Every page that the menu leads to.
    pub menu: &'static [MenuEntry],
    /// What follows from events.
    pub reactions: &'static [Reaction],
    pub clock: Clock,
    /// The address at which customers reach this instance, without a trailing slash: `https://rounds.example`.
    pub public_url: String,
    pub keyring: Keyring,
    /// HMAC key of public links and audit seals; at least 32 bytes.
    pub server_key: Vec<u8>,
    /// True only when started as the demo: payments are simulated, mail is shown in the browser.
    pub is_demo: bool,
    pub trust_proxy: bool,
    pub sign_up: SignUp,
    /// The transport of outgoing mail.
    pub mailer: Mailer,
    /// The instance's sending address; a business's own name is put before it.
    pub mail_from: Mailbox,
    /// The client of Stripe's API; each business has its own key.
    pub stripe: StripeApi,
    /// The instance's language model; if `None`, notes are read by rules alone.
    pub llm: Option<Llm>,
    /// Stripe's instance-wide secret key, for an instance with a single business.
    pub stripe_key: Option<Secret>,
    /// The secret with which Stripe signs deliveries to the instance-wide webhook address.
    pub stripe_webhook_secret: Option<Secret>,
    /// Jobs that run at the same time.
    pub job_concurrency: usize,
}

/// Everything a request or job may use. Only the platform opens transactions on the pool; slices go through `Read` and `Write`.
#[derive(Clone)]
pub struct App(Arc<Setup>);

impl App {
    pub fn new(setup: Setup) -> Self {
        Self(Arc::new(setup))
    }

    /// Returns the absolute URL of `path`, for mails and providers.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.public_url)
    }

    /// Returns the host name of `public_url`: part of Message-IDs and calendar UIDs.
    pub fn host(&self) -> &str {
        let authority = self.public_url.split("://").last().unwrap_or_default();
        authority.split([':', '/']).next().unwrap_or_default()
    }
}

impl Deref for App {
    type Target = Setup;
    fn deref(&self) -> &Setup {
        &self.0
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("App")
    }
}

/// A request's id, set by the observing middleware.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

/// The business and member that a request comes from, as ids.
pub type Asker = (OrgId, Option<MemberId>);

/// The asker for the request's log line, filled in once the request is authenticated.
#[derive(Debug, Clone, Default)]
pub struct Seen(pub Arc<std::sync::Mutex<Option<Asker>>>);

/// The form of this request as it came, for the page that offers to send it again.
#[derive(Debug, Clone, Default)]
pub struct Sent(pub Arc<std::sync::Mutex<Bytes>>);

pub(super) fn seen(parts: &Parts, who: &Who) {
    if let Some(seen) = parts.extensions.get::<Seen>()
        && let Ok(mut slot) = seen.0.lock()
    {
        *slot = Some((who.org, who.member));
    }
}
