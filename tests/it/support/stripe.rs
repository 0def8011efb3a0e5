//! A stand-in for Stripe: keeps sessions, honours idempotency keys, and signs the events a test tells of.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use platform::{
    secrets::{Secret, hex, hmac_sha256},
    stripe::{Patience, StripeApi},
};
use serde_json::{Value, json};
use wiremock::{Mock, MockServer, Request as Asked, Respond, ResponseTemplate, matchers::any};

use super::TestApp;

pub const SECRET: &str = "whsec_test";

#[derive(Default)]
pub struct Kept {
    /// Session → "open", "expired", "complete".
    pub sessions: BTreeMap<String, String>,
    /// What each session was made with.
    pub forms: BTreeMap<String, BTreeMap<String, String>>,
    pub customers: usize,
    /// Session or customer → the key of the account that it is of. What is not here, Stripe does not know.
    pub owners: BTreeMap<String, String>,
    pub refunds: Vec<BTreeMap<String, String>>,
    answers: BTreeMap<String, Value>,
    /// Every call fails with this status as long as it is set.
    pub down: Option<u16>,
}

impl Kept {
    pub fn open(&self) -> Vec<String> {
        self.sessions.iter().filter(|(_, s)| *s == "open").map(|(id, _)| id.clone()).collect()
    }
}

struct Answers(Arc<Mutex<Kept>>);

impl Respond for Answers {
    fn respond(&self, asked: &Asked) -> ResponseTemplate {
        let mut kept = self.0.lock().unwrap();
        if let Some(status) = kept.down {
            return ResponseTemplate::new(status).set_body_json(json!({ "error": { "message": "down" } }));
        }
        let header = |name: &str| asked.headers.get(name).map(|v| v.to_str().unwrap().to_owned()).unwrap_or_default();
        let account = header("authorization");
        let key = header("idempotency-key");
        let key = if key.is_empty() { key } else { format!("{account} {key}") };
        if let Some(first) = kept.answers.get(&key).filter(|_| !key.is_empty()) {
            return ResponseTemplate::new(200).set_body_json(first);
        }
        let form: BTreeMap<String, String> = serde_html_form::from_bytes(&asked.body).unwrap_or_default();
        let path = asked.url.path().to_owned();
        let refuse = |message: &str| ResponseTemplate::new(400).set_body_json(json!({ "error": { "message": message } }));
        let missing =
            || ResponseTemplate::new(404).set_body_json(json!({ "error": { "message": "No such thing", "code": "resource_missing" } }));
        let session = |id: &str, status: &str| {
            json!({ "id": id, "status": status, "payment_status": if status == "complete" { "paid" } else { "unpaid" },
                    "url": (status == "open").then(|| format!("https://checkout.stripe.com/c/pay/{id}")) })
        };
        let answer = if path == "/v1/customers" {
            kept.customers += 1;
            let id = format!("cus_{}", kept.customers);
            kept.owners.insert(id.clone(), account);
            json!({ "id": id })
        } else if path == "/v1/checkout/sessions" {
            if form.get("customer").is_some_and(|c| kept.owners.get(c) != Some(&account)) {
                return missing();
            }
            let id = format!("cs_{}", kept.sessions.len() + 1);
            kept.owners.insert(id.clone(), account);
            kept.sessions.insert(id.clone(), "open".into());
            kept.forms.insert(id.clone(), form);
            session(&id, "open")
        } else if path == "/v1/refunds" {
            kept.refunds.push(form.clone());
            json!({ "id": format!("re_{}", kept.refunds.len()), "status": "succeeded", "amount": form["amount"].parse::<i64>().unwrap(), "currency": "usd",
                    "payment_intent": form["payment_intent"] })
        } else if let Some(id) = path.strip_prefix("/v1/checkout/sessions/") {
            let (id, is_expire) = id.strip_suffix("/expire").map_or((id, false), |id| (id, true));
            let Some(state) = kept.sessions.get(id).cloned().filter(|_| kept.owners.get(id) == Some(&account)) else { return missing() };
            if is_expire && state != "open" {
                return refuse("only open sessions can be expired");
            }
            if is_expire {
                kept.sessions.insert(id.into(), "expired".into());
            }
            session(id, if is_expire { "expired" } else { &state })
        } else {
            return refuse("unknown");
        };
        if !key.is_empty() {
            kept.answers.insert(key, answer.clone());
        }
        ResponseTemplate::new(200).set_body_json(answer)
    }
}

pub struct FakeStripe {
    pub kept: Arc<Mutex<Kept>>,
    server: MockServer,
}

impl FakeStripe {
    pub async fn start() -> Self {
        let kept = Arc::new(Mutex::new(Kept::default()));
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(Answers(kept.clone())).mount(&server).await;
        Self { kept, server }
    }

    pub fn api(&self) -> StripeApi {
        StripeApi::new(&self.server.uri(), Patience { attempts: 1, ..Patience::default() }).unwrap()
    }
}

impl TestApp {
    /// With a stand-in for Stripe behind the instance-wide key.
    pub async fn with_stripe() -> (Self, FakeStripe) {
        let stripe = FakeStripe::start().await;
        let t = Self::with(|setup| {
            setup.stripe = stripe.api();
            setup.stripe_key = Some(Secret::from("sk_test_instance"));
            setup.stripe_webhook_secret = Some(Secret::from(SECRET));
        })
        .await;
        (t, stripe)
    }

    /// Sends a signed event, as Stripe does; the status that comes back.
    pub async fn told(&self, event: &Value) -> StatusCode {
        self.told_at("/api/webhooks/stripe", SECRET, event.to_string()).await
    }

    pub async fn told_at(&self, path: &str, secret: &str, body: String) -> StatusCode {
        let now = self.clock.now().timestamp();
        let tag = hex(&hmac_sha256(secret.as_bytes(), format!("{now}.{body}").as_bytes()));
        let request = Request::post(path).header("stripe-signature", format!("t={now},v1={tag}")).body(Body::from(body)).unwrap();
        self.nobody().send(request).await.status
    }

    /// An event of Stripe's about `object`, made now.
    pub fn event(&self, id: &str, kind: &str, object: Value) -> Value {
        json!({ "id": id, "object": "event", "type": kind, "created": self.clock.now().timestamp(), "livemode": false, "data": { "object": object } })
    }

    /// What must hold after any run of events: payments, refunds, invoices and notices, without ids and times of making.
    pub async fn ledger(&self) -> Vec<String> {
        let mut all = Vec::new();
        for sql in [
            "select concat_ws('|', state, method, amount, tip, refunded, provider_payment_id, invoice_id is not null) from payments order by provider_payment_id",
            "select concat_ws('|', amount, state, provider_refund_id) from refunds order by provider_refund_id",
            "select concat_ws('|', number, state, paid) from invoices order by number",
            "select kind from notices order by kind",
            "select concat_ws('|', kind, state) from messages order by kind",
            "select name from events where name like 'payment.%' or name = 'invoice.paid' order by name",
        ] {
            let rows: Vec<String> = sqlx::query_scalar(sql).fetch_all(&self.admin).await.unwrap();
            all.push(rows.join("; "));
        }
        all
    }
}
