//! A client of Stripe's HTTP API.
//!
//! Plain `reqwest` rather than async-stripe, on purpose: that client has no timeout, no retry and no idempotency key by
//! default; its idempotent strategy never retries, and its retrying ones use a new random key per call; and its typed
//! event parser fails on correctly signed events of older API versions. Here one operation keeps one key through all
//! its attempts, and only the fields that are needed are read, from plain JSON.

mod types;

use std::{fmt, time::Duration};

use reqwest::{Method, StatusCode, header::RETRY_AFTER};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::secrets::Secret;
pub use types::{Account, Customer, NewCustomer, NewRefund, NewSession, Refund, Session, SessionLine, id_of};

/// Stripe's own address; tests and simulations set another.
pub const BASE_URL: &str = "https://api.stripe.com";

/// Pinned, so that responses keep their shape whichever version is the account's default.
const API_VERSION: &str = "2025-03-31.basil";

const TIMEOUT: Duration = Duration::from_secs(20);

/// Retries and timeout of one operation.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    pub attempts: u32,
    /// Pause before the second attempt; doubles with each further one.
    pub first_wait: Duration,
    pub timeout: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { attempts: 4, first_wait: Duration::from_millis(500), timeout: TIMEOUT }
    }
}

/// The connection pool that all businesses share.
#[derive(Clone, Debug)]
pub struct StripeApi {
    http: reqwest::Client,
    base: String,
    patience: Patience,
}

/// The API with the secret key of one business.
#[derive(Clone, Debug)]
pub struct Stripe {
    api: StripeApi,
    key: Secret,
}

/// The kinds of failure, by what the caller can do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StripeErrorKind {
    /// Certainly not done; a later retry with the same key may succeed.
    Retryable,
    /// The bank or card declined.
    Declined,
    /// The key is wrong, revoked or lacks a right.
    BadKey,
    /// Stripe refuses the request itself; a retry would fail as well.
    Invalid,
    /// The response was lost, so it may have been done. A retry is safe only with the same key.
    InDoubt,
}

/// A failed call. `message` is for people and does not contain the secret key.
#[derive(Clone, Debug)]
pub struct StripeError {
    pub kind: StripeErrorKind,
    pub message: String,
    /// Stripe's error code, such as `card_declined` or `resource_missing`.
    pub code: Option<String>,
}

impl StripeError {
    /// Whether the account has no object with the requested id.
    pub fn is_missing(&self) -> bool {
        self.code.as_deref() == Some("resource_missing")
    }
}

impl fmt::Display for StripeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for StripeError {}

type Form = Vec<(String, String)>;

impl StripeApi {
    /// Creates a client for `base_url` ([`BASE_URL`], or the address of a simulation).
    pub fn new(base_url: &str, patience: Patience) -> Result<Self, StripeError> {
        // This has no effect if the process already installed a TLS provider.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .timeout(patience.timeout)
            .connect_timeout(Duration::from_secs(10))
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|e| error(StripeErrorKind::Retryable, &format!("The connection to Stripe could not be set up: {e}")))?;
        Ok(Self { http, base: base_url.trim_end_matches('/').to_owned(), patience })
    }

    /// The base URL of calls, without a trailing slash.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Returns a client that acts as the business that owns `key`, over the same connections.
    pub fn with_key(&self, key: Secret) -> Stripe {
        Stripe { api: self.clone(), key }
    }
}

impl Stripe {
    /// Retrieves the account of the key, which "Test connection" shows.
    pub async fn retrieve_account(&self) -> Result<Account, StripeError> {
        self.get("/v1/account").await
    }

    /// Creates a customer, once per `idempotency_key`.
    pub async fn create_customer(&self, new: &NewCustomer, idempotency_key: &str) -> Result<Customer, StripeError> {
        self.post("/v1/customers", &new.form(), idempotency_key).await
    }

    /// Creates a Checkout Session in payment mode, once per `idempotency_key`.
    pub async fn create_session(&self, new: &NewSession, idempotency_key: &str) -> Result<Session, StripeError> {
        self.post("/v1/checkout/sessions", &new.form(), idempotency_key).await
    }

    pub async fn retrieve_session(&self, id: &str) -> Result<Session, StripeError> {
        self.get(&format!("/v1/checkout/sessions/{}", segment(id)?)).await
    }

    /// Closes an open session, so that it can't be paid any more. Errors: `Invalid` if it is complete or expired.
    pub async fn expire_session(&self, id: &str) -> Result<Session, StripeError> {
        let path = format!("/v1/checkout/sessions/{}/expire", segment(id)?);
        self.post(&path, &Form::new(), &format!("expire-{id}")).await
    }

    /// Refunds a payment or a part of it, once per `idempotency_key`.
    pub async fn create_refund(&self, new: &NewRefund, idempotency_key: &str) -> Result<Refund, StripeError> {
        self.post("/v1/refunds", &new.form(), idempotency_key).await
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, StripeError> {
        read(self.call(Method::GET, path, None, None).await?)
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, form: &Form, key: &str) -> Result<T, StripeError> {
        read(self.call(Method::POST, path, Some(form), Some(key)).await?)
    }

    /// Performs one operation, with the same key in every attempt.
    async fn call(&self, method: Method, path: &str, form: Option<&Form>, key: Option<&str>) -> Result<Value, StripeError> {
        let patience = self.api.patience;
        let mut doubtful = false;
        let mut attempt = 1;
        loop {
            let failed = match self.attempt(&method, path, form, key).await {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            doubtful |= failed.may_have_arrived && method != Method::GET;
            if !failed.again || attempt >= patience.attempts {
                return Err(failed.into_error(doubtful));
            }
            tokio::time::sleep(wait(patience, attempt, failed.retry_after)).await;
            attempt += 1;
        }
    }

    async fn attempt(&self, method: &Method, path: &str, form: Option<&Form>, key: Option<&str>) -> Result<Value, Failed> {
        let url = format!("{}{path}", self.api.base);
        let mut request = self.api.http.request(method.clone(), url).bearer_auth(self.key.expose()).header("Stripe-Version", API_VERSION);
        if let Some(form) = form {
            request = request.form(form);
        }
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        let response = request.send().await.map_err(Failed::network)?;
        let status = response.status();
        let header = |name: &str| response.headers().get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
        let should_retry = header("stripe-should-retry");
        let retry_after = header(RETRY_AFTER.as_str()).and_then(|s| s.parse().ok()).map(Duration::from_secs);
        let body = response.bytes().await.map_err(Failed::network)?;
        let json = serde_json::from_slice::<Value>(&body);
        match json {
            Ok(answer) if status.is_success() => Ok(answer),
            // A success status with an unreadable body still means that it was done.
            Err(_) if status.is_success() => Err(Failed::unreadable()),
            json => Err(Failed::answered(status, &json.unwrap_or_default(), should_retry.as_deref(), retry_after)),
        }
    }
}

/// A failed attempt.
struct Failed {
    again: bool,
    may_have_arrived: bool,
    retry_after: Option<Duration>,
    error: StripeError,
}

impl Failed {
    fn network(cause: reqwest::Error) -> Self {
        let before = cause.is_connect() || cause.is_builder();
        let words = if cause.is_timeout() { "Stripe did not answer in time." } else { "Stripe could not be reached." };
        Self {
            again: !cause.is_builder(),
            may_have_arrived: !before,
            retry_after: None,
            error: error(if cause.is_builder() { StripeErrorKind::Invalid } else { StripeErrorKind::Retryable }, words),
        }
    }

    fn unreadable() -> Self {
        Self {
            again: true,
            may_have_arrived: true,
            retry_after: None,
            error: error(StripeErrorKind::Retryable, "Stripe's answer could not be read."),
        }
    }

    fn answered(status: StatusCode, body: &Value, should_retry: Option<&str>, retry_after: Option<Duration>) -> Self {
        let detail = &body["error"];
        let said = detail["message"].as_str();
        let (kind, message) = match status.as_u16() {
            401 => (StripeErrorKind::BadKey, "Stripe does not accept the secret key. Check it under Settings.".to_owned()),
            403 => (StripeErrorKind::BadKey, "The Stripe key lacks a permission that this needs.".to_owned()),
            402 => (StripeErrorKind::Declined, said.unwrap_or("The payment was declined.").to_owned()),
            409 | 429 => (StripeErrorKind::Retryable, "Stripe is busy with this account.".to_owned()),
            500.. => (StripeErrorKind::Retryable, "Stripe has a problem of its own.".to_owned()),
            _ => (StripeErrorKind::Invalid, said.unwrap_or("Stripe refused the request.").to_owned()),
        };
        let again = match should_retry {
            Some("true") => true,
            Some("false") => false,
            _ => kind == StripeErrorKind::Retryable,
        };
        Self {
            again,
            may_have_arrived: status.is_server_error(),
            retry_after,
            error: StripeError { kind, message, code: detail["code"].as_str().map(str::to_owned) },
        }
    }

    /// Returns `InDoubt` if an earlier attempt may have arrived and this failure is not definite. A definite answer settles the
    /// doubt, as the key is the same.
    fn into_error(self, doubtful: bool) -> StripeError {
        let mut error = self.error;
        if doubtful && error.kind == StripeErrorKind::Retryable {
            error.kind = StripeErrorKind::InDoubt;
            error.message.push_str(" It may have gone through all the same.");
        }
        error
    }
}

fn error(kind: StripeErrorKind, message: &str) -> StripeError {
    StripeError { kind, message: message.to_owned(), code: None }
}

/// Exponential backoff with up to 50 % jitter, so that clients do not retry together; at least `retry_after`, at most 10 s.
fn wait(patience: Patience, attempt: u32, retry_after: Option<Duration>) -> Duration {
    let doubled = patience.first_wait * 2_u32.pow(attempt.min(6) - 1);
    let spread = doubled.mul_f64(1.0 + rand::random::<f64>() / 2.0);
    spread.max(retry_after.unwrap_or_default()).min(Duration::from_secs(10))
}

/// Returns `id` for use in a path. Errors: `Invalid` if it does not look like an id of Stripe's.
fn segment(id: &str) -> Result<&str, StripeError> {
    if !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        Ok(id)
    } else {
        Err(error(StripeErrorKind::Invalid, "That is not an id of Stripe's."))
    }
}

fn read<T: DeserializeOwned>(answer: Value) -> Result<T, StripeError> {
    serde_json::from_value(answer).map_err(|_| error(StripeErrorKind::InDoubt, "Stripe's answer lacks a field that Rounds needs."))
}

#[cfg(test)]
mod tests;
