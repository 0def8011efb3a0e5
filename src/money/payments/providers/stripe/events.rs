//! Signed events from Stripe: verified over the raw body, read from plain JSON.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::payments::providers::{Charge, Closed, Disputed, Ended, Event, News, RefundState, Refunded};
use platform::{
    secrets::{Secret, hmac_matches, unhex},
    stripe::id_of,
};

/// Largest difference, either way, between the signature's time and ours, in seconds.
pub const TOLERANCE_SECS: i64 = 300;

/// Why a delivery is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookError {
    /// The `Stripe-Signature` header is missing or malformed.
    Malformed,
    /// Signed correctly, but too long ago (or in the future): a replay or a wrong clock.
    Old,
    /// No signature matches any of the secrets.
    Mismatch,
    /// Signed by Stripe, but not JSON: keep it and show it to a person.
    NotJson,
}

impl fmt::Display for WebhookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "the signature header is missing or malformed",
            Self::Old => "the signature's time is outside the tolerance",
            Self::Mismatch => "the signature does not match",
            Self::NotJson => "the signed body is not JSON",
        })
    }
}

impl std::error::Error for WebhookError {}

/// Checks `Stripe-Signature` (`t=…,v1=…[,v1=…]`) over the raw body against each secret (several while one is rotated); returns the body.
pub fn verify(raw_body: &[u8], header: &str, secrets: &[Secret], now: DateTime<Utc>) -> Result<Value, WebhookError> {
    let mut time = None;
    let mut tags = Vec::new();
    for part in header.split(',') {
        match part.trim().split_once('=') {
            Some(("t", value)) => time = Some(value),
            Some(("v1", value)) => tags.extend(unhex(value)),
            _ => {}
        }
    }
    let time = time.filter(|_| !tags.is_empty()).ok_or(WebhookError::Malformed)?;
    let at: i64 = time.parse().map_err(|_| WebhookError::Malformed)?;
    let parts: [&[u8]; 3] = [time.as_bytes(), b".", raw_body];
    let genuine = secrets.iter().any(|secret| tags.iter().any(|tag| hmac_matches(secret.expose().as_bytes(), &parts, tag)));
    if !genuine {
        return Err(WebhookError::Mismatch);
    }
    if now.timestamp().abs_diff(at) > TOLERANCE_SECS.unsigned_abs() {
        return Err(WebhookError::Old);
    }
    serde_json::from_slice(raw_body).map_err(|_| WebhookError::NotJson)
}

/// Reads a verified body. Returns `None` if it is not an event.
///
/// Only the fields needed are read, from plain JSON: a typed parser fails on correctly signed events of older API versions.
pub fn read(body: &Value) -> Option<Event> {
    let object = Object(&body["data"]["object"]);
    let (kind, what) = (body["type"].as_str()?, object.text("object")?);
    body["id"].as_str()?;
    let closed = match kind {
        "checkout.session.completed" => Some(Closed::Complete),
        "checkout.session.expired" => Some(Closed::Expired),
        _ => None,
    };
    Some(Event {
        occurred_at: DateTime::from_timestamp(body["created"].as_i64()?, 0)?,
        is_live: body["livemode"].as_bool().unwrap_or(false),
        org: object.metadata("org_id"),
        payment: if what == "payment_intent" { object.text("id") } else { id_of(&object.0["payment_intent"]) },
        ended: closed.map(|closed| Ended { checkout: object.parsed("checkout_id"), page: object.text("id"), closed }),
        news: news(kind, &object),
    })
}

/// The object that an event is about.
struct Object<'a>(&'a Value);

impl Object<'_> {
    fn text(&self, key: &str) -> Option<String> {
        self.0[key].as_str().map(str::to_owned)
    }

    fn number(&self, key: &str) -> Option<i64> {
        self.0[key].as_i64()
    }

    /// What Rounds told Stripe with the payment page or the refund.
    fn metadata(&self, key: &str) -> Option<String> {
        self.0["metadata"][key].as_str().map(str::to_owned)
    }

    fn parsed<T: FromStr>(&self, key: &str) -> Option<T> {
        self.metadata(key)?.parse().ok()
    }

    /// The bank's words about a failed payment, or the reason of a dispute.
    fn reason(&self) -> Option<String> {
        self.0["last_payment_error"]["message"].as_str().map(str::to_owned).or_else(|| self.text("reason"))
    }

    /// The payment of `minor` minor units; `None` if it names no amount or invoice.
    fn charge(&self, minor: Option<i64>, is_bank: bool) -> Option<Charge> {
        let is_session = self.text("object").as_deref() == Some("checkout.session");
        Some(Charge {
            invoice: self.metadata("invoice_id").or_else(|| self.text("client_reference_id"))?,
            checkout: self.parsed("checkout_id"),
            page: self.text("id").filter(|_| is_session),
            minor: minor?,
            tip_minor: self.parsed("tip_minor").unwrap_or_default(),
            currency: self.text("currency").unwrap_or_default(),
            is_bank,
        })
    }

    /// `None` if the refund has no amount.
    fn refund(&self) -> Option<Refunded> {
        let state = refund_state(self.text("status").as_deref());
        Some(Refunded::One { refund: self.text("id")?, ours: self.parsed("refund_id"), minor: self.number("amount")?, state })
    }

    fn closed_dispute(&self) -> Disputed {
        if self.text("status").as_deref() == Some("lost") {
            Disputed::Lost { dispute: self.text("id"), minor: self.number("amount").unwrap_or_default() }
        } else {
            Disputed::Won
        }
    }
}

fn news(kind: &str, object: &Object<'_>) -> Option<News> {
    let paid = |minor, is_settled, is_bank| Some(News::Paid { charge: object.charge(minor, is_bank)?, is_settled });
    let failed = |minor, is_bank| Some(News::Failed { charge: object.charge(minor, is_bank)?, reason: object.reason() });
    let total = object.number("amount_total");
    match kind {
        // A complete session may be unpaid: the bank decides later.
        "checkout.session.completed" => match object.text("payment_status").as_deref() {
            Some("paid") => paid(total, true, false),
            Some("unpaid") => paid(total, false, true),
            _ => None,
        },
        "checkout.session.async_payment_succeeded" => paid(total, true, true),
        "checkout.session.async_payment_failed" => failed(total, true),
        "payment_intent.succeeded" => paid(object.number("amount_received").or_else(|| object.number("amount")), true, false),
        "payment_intent.payment_failed" => failed(object.number("amount"), false),
        "charge.refunded" => Some(News::Refunded(Refunded::InAll { minor: object.number("amount_refunded").unwrap_or_default() })),
        "refund.created" | "refund.updated" | "refund.failed" | "charge.refund.updated" => object.refund().map(News::Refunded),
        "charge.dispute.created" => Some(News::Disputed(Disputed::Opened { reason: object.reason() })),
        "charge.dispute.closed" => Some(News::Disputed(object.closed_dispute())),
        _ => None,
    }
}

/// Reads Stripe's refund status: `pending`, `requires_action`, `succeeded`, `failed`, `canceled`.
pub fn refund_state(status: Option<&str>) -> RefundState {
    match status {
        Some("succeeded") => RefundState::Succeeded,
        Some("failed" | "canceled") => RefundState::Failed,
        _ => RefundState::Pending,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    use platform::secrets::{hex, hmac_sha256};

    fn sign(secret: &str, time: i64, body: &[u8]) -> String {
        let mut message = format!("{time}.").into_bytes();
        message.extend(body);
        hex(&hmac_sha256(secret.as_bytes(), &message))
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn believes_only_what_is_signed_now_with_a_known_secret() {
        let body = br#"{"id":"evt_1"}"#;
        let (old, new) = (Secret::from("whsec_old"), Secret::from("whsec_new"));
        let both = [new.clone(), old];
        let now = 1_795_196_872;
        let tag = sign("whsec_old", now, body);
        let header = format!("t={now},v1={tag},v0=ignored");
        let check = |body: &[u8], header: &str, secrets: &[Secret], seconds| verify(body, header, secrets, at(seconds)).map(|_| ());

        assert_eq!(check(body, &header, &both, now), Ok(()));
        assert_eq!(check(body, &header, &both, now + 300), Ok(()));
        assert_eq!(check(body, &header, &both, now + 301), Err(WebhookError::Old));
        assert_eq!(check(body, &header, &both, now - 301), Err(WebhookError::Old));
        assert_eq!(check(body, &header, &[new], now), Err(WebhookError::Mismatch));
        assert_eq!(check(br#"{"id":"evt_2"}"#, &header, &both, now), Err(WebhookError::Mismatch));
        // The time is signed too.
        assert_eq!(check(body, &header.replace("t=1", "t=2"), &both, now), Err(WebhookError::Mismatch));
        // Stripe sends several signatures while it rolls a secret: one match is enough.
        let several = format!("t={now},v1={},v1={tag}", "0".repeat(64));
        assert_eq!(check(body, &several, &both, now), Ok(()));
        for bad in ["", "t=1", &format!("v1={tag}"), &format!("t={now},v1=zz"), &format!("t=x,v1={tag}")] {
            assert_eq!(check(body, bad, &both, now), Err(WebhookError::Malformed), "{bad}");
        }
        let unsigned = format!("t={now},v1={}", sign("", now, body));
        assert_eq!(check(body, &unsigned, &[], now), Err(WebhookError::Mismatch));
        let text = format!("t={now},v1={}", sign("whsec_new", now, b"hello"));
        assert_eq!(check(b"hello", &text, &both, now), Err(WebhookError::NotJson));
    }

    #[test]
    fn reads_every_event_that_matters() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/stripe/events");
        let mut seen = BTreeMap::new();
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            let body = std::fs::read(&path).unwrap();
            let now = 1_795_196_900;
            let header = format!("t={now},v1={}", sign("whsec_test", now, &body));
            let json = verify(&body, &header, &[Secret::from("whsec_test")], at(now)).unwrap();
            let event = read(&json).unwrap();
            seen.insert(path.file_stem().unwrap().to_string_lossy().into_owned(), event);
        }
        assert_eq!(seen.len(), 12);
        let charge = |name: &str| match &seen[name].news {
            Some(News::Paid { charge, is_settled }) => (charge.clone(), Some(*is_settled)),
            Some(News::Failed { charge, .. }) => (charge.clone(), None),
            other => panic!("{name}: {other:?}"),
        };
        let (paid, is_settled) = charge("checkout.session.completed");
        assert_eq!((paid.minor, paid.invoice.as_str(), paid.currency.as_str(), is_settled), (1500, "INV-1", "usd", Some(true)));
        assert_eq!(seen["checkout.session.completed"].ended.as_ref().unwrap().closed, Closed::Complete);
        assert_eq!(charge("checkout.session.completed.unpaid").1, Some(false));
        assert_eq!(seen["payment_intent.succeeded"].news, None, "made by hand in Stripe: it names no invoice");
        assert!(seen["payment_intent.succeeded"].payment.is_some());
        assert_eq!(seen["checkout.session.expired"].ended.as_ref().unwrap().closed, Closed::Expired);
        assert_eq!(seen["charge.refunded"].news, Some(News::Refunded(Refunded::InAll { minor: 500 })));
        assert!(matches!(seen["refund.created"].news, Some(News::Refunded(Refunded::One { .. }))));
        assert!(matches!(seen["charge.dispute.created"].news, Some(News::Disputed(Disputed::Opened { reason: Some(_) }))));
    }
}
