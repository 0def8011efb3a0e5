//! A simulation of Stripe for the demo; it moves no money. It answers the API calls that Rounds makes, shows a payment page marked as a
//! simulation, and sends signed events to the real webhook URL. Every route answers 404 unless the process was started as the demo, which
//! no setting can do.

mod api;
mod hosted;

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{LazyLock, Mutex},
};

use serde_json::{Value, json};

use platform::{
    app::App,
    error::{Error, Result},
    secrets::{Secret, hex, hmac_sha256, random_token},
};

pub use api::{create_customer, create_refund, create_session, expire_session, retrieve_session};
pub use hosted::{answer, page};

const PREFIX: &str = "/demo/stripe";

/// Base URL of the simulation: this process, on the loopback interface if `listen` is unspecified.
pub fn base_url(listen: SocketAddr) -> String {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    format!("http://{}{PREFIX}", SocketAddr::new(ip, listen.port()))
}

/// The simulation's API key; it is valid nowhere else.
pub fn key() -> Secret {
    Secret::from("sk_simulated")
}

/// The simulation's account id, new in each process, since customers and payment pages do not outlive it.
pub fn account() -> &'static str {
    static ACCOUNT: LazyLock<String> = LazyLock::new(|| fresh("acct"));
    &ACCOUNT
}

/// The secret that the simulation signs its events with, derived from the server's key.
pub fn webhook_secret(server_key: &[u8]) -> Secret {
    Secret::new(format!("whsec_{}", hex(&hmac_sha256(server_key, b"simulated stripe"))))
}

/// A simulated Checkout session. Amounts are in minor units.
#[derive(Debug, Clone)]
struct Session {
    id: String,
    status: &'static str,
    lines: Vec<(String, i64)>,
    currency: String,
    client_reference_id: String,
    success_url: String,
    cancel_url: String,
    expires_at: i64,
    metadata: BTreeMap<String, String>,
    payment_intent: String,
}

impl Session {
    fn total(&self) -> i64 {
        self.lines.iter().map(|l| l.1).sum()
    }

    fn json(&self, app: &App) -> Value {
        let is_open = self.status == "open";
        json!({
            "id": self.id, "object": "checkout.session", "status": self.status, "amount_total": self.total(), "currency": self.currency,
            "payment_status": if self.status == "complete" { "paid" } else { "unpaid" },
            "payment_intent": (!is_open).then_some(&self.payment_intent), "client_reference_id": self.client_reference_id,
            "metadata": self.metadata, "expires_at": self.expires_at,
            "url": is_open.then(|| app.url(&format!("{PREFIX}/pay/{}", self.id))),
        })
    }
}

/// The simulation's state, kept in memory until the process ends.
#[derive(Default)]
struct State {
    sessions: BTreeMap<String, Session>,
    /// Payment intent → minor units refunded.
    refunded: BTreeMap<String, i64>,
    /// Idempotency key → first response.
    answers: BTreeMap<String, Value>,
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

/// Sends a signed event to this server's webhook, as Stripe would.
async fn tell(app: &App, kind: &str, object: Value) -> Result<()> {
    let now = app.clock.now().timestamp();
    let event =
        json!({ "id": fresh("evt"), "object": "event", "type": kind, "created": now, "livemode": false, "data": { "object": object } });
    let body = event.to_string();
    let Some(secret) = &app.stripe_webhook_secret else { return Err(Error::NotFound) };
    let mut signed = format!("{now}.").into_bytes();
    signed.extend(body.as_bytes());
    let signature = format!("t={now},v1={}", hex(&hmac_sha256(secret.expose().as_bytes(), &signed)));
    let url = format!("{}/api/webhooks/stripe", app.stripe.base().trim_end_matches(PREFIX));
    let sent = reqwest::Client::new().post(url).header("stripe-signature", signature).body(body).send().await.map_err(Error::internal)?;
    if sent.status().is_success() { Ok(()) } else { Err(Error::internal(format!("our webhook answered {}", sent.status()))) }
}
