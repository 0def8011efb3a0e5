//! What the process holds: one value, cheap to clone, handed to every request and job. The command line and the tests build it.

use std::{ops::Deref, sync::Arc};

use axum::{body::Bytes, http::request::Parts};
use sqlx::PgPool;

use super::{
    clock::Clock,
    ids::{MemberId, OrgId},
    llm::Llm,
    mail::{Mailbox, Mailer},
    secrets::{Keyring, Secret},
    stripe::StripeApi,
    tenant::Who,
};

/// Who may make a business from the sign-in page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SignUp {
    Open,
    /// Only as long as there is none.
    #[default]
    FirstOnly,
    Closed,
}

/// What an `App` is built from.
pub struct Setup {
    pub pool: PgPool,
    pub clock: Clock,
    /// Where customers reach us, without a slash at the end: `https://rounds.example`.
    pub public_url: String,
    pub keyring: Keyring,
    /// Signs public links; at least 32 bytes.
    pub server_key: Vec<u8>,
    /// True only when started as the demo: simulated Stripe, mail shown in the browser.
    pub is_demo: bool,
    pub trust_proxy: bool,
    pub sign_up: SignUp,
    /// Where mail goes.
    pub mailer: Mailer,
    /// The instance's sending address; a business's own name is put before it.
    pub mail_from: Mailbox,
    /// Stripe's address; each business has its own key (`business::data::stripe`).
    pub stripe: StripeApi,
    /// The instance's language model; without one, rules read the notes alone.
    pub llm: Option<Llm>,
    /// The instance-wide secret key: a single business's, or the simulation's in the demo.
    pub stripe_key: Option<Secret>,
    /// Signs what comes to the instance-wide webhook address.
    pub stripe_webhook_secret: Option<Secret>,
    /// Jobs worked on at once.
    pub job_concurrency: usize,
}

/// Everything a request or job may use. Only the platform opens transactions on the pool; slices go through `Read` and `Write`.
#[derive(Clone)]
pub struct App(Arc<Setup>);

impl App {
    pub fn new(setup: Setup) -> Self {
        Self(Arc::new(setup))
    }

    /// A full address of ours, for mails and providers.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.public_url)
    }

    /// The host name customers reach us by: part of Message-IDs and calendar UIDs.
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

/// Whose request it is: ids only.
pub type Asker = (OrgId, Option<MemberId>);

/// Filled in once it is known who is asking, for the request's log line.
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
