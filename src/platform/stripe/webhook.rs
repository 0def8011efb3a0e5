//! Signed events from Stripe: verified over the raw body, read from plain JSON.

use std::{collections::BTreeMap, fmt};

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::types::id_of;
use crate::secrets::{Secret, hmac_matches, unhex};

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

/// The fields of an event that Rounds acts on; `None` if the event's object lacks them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub id: String,
    /// `checkout.session.completed`, `charge.refunded`, …
    pub kind: String,
    pub created: DateTime<Utc>,
    pub livemode: bool,
    /// `checkout.session`, `payment_intent`, `charge`, `refund`, `dispute`
    pub object: String,
    pub object_id: Option<String>,
    pub payment_intent: Option<String>,
    pub charge: Option<String>,
    pub client_reference_id: Option<String>,
    /// In minor units, as are the next three.
    pub amount: Option<i64>,
    pub amount_received: Option<i64>,
    pub amount_total: Option<i64>,
    pub amount_refunded: Option<i64>,
    /// Lower-case ISO code, as Stripe writes it.
    pub currency: Option<String>,
    /// Of a session: `paid`, `unpaid`, `no_payment_required`.
    pub payment_status: Option<String>,
    pub status: Option<String>,
    /// The reason of a dispute, or the bank's message about a failed payment.
    pub reason: Option<String>,
    pub metadata: BTreeMap<String, String>,
}

impl Event {
    /// Reads a verified body. Returns `None` if it is not an event.
    pub fn read(body: &Value) -> Option<Self> {
        let object = &body["data"]["object"];
        let text = |key: &str| object[key].as_str().map(str::to_owned);
        let number = |key: &str| object[key].as_i64();
        let kind = text("object")?;
        let is = |name: &str| (kind == name).then(|| text("id")).flatten();
        let metadata = object["metadata"].as_object().into_iter().flatten();
        Some(Self {
            id: body["id"].as_str()?.to_owned(),
            kind: body["type"].as_str()?.to_owned(),
            created: DateTime::from_timestamp(body["created"].as_i64()?, 0)?,
            livemode: body["livemode"].as_bool().unwrap_or(false),
            object_id: text("id"),
            payment_intent: is("payment_intent").or_else(|| id_of(&object["payment_intent"])),
            charge: is("charge").or_else(|| id_of(&object["charge"])),
            client_reference_id: text("client_reference_id"),
            amount: number("amount"),
            amount_received: number("amount_received"),
            amount_total: number("amount_total"),
            amount_refunded: number("amount_refunded"),
            currency: text("currency"),
            payment_status: text("payment_status"),
            status: text("status"),
            reason: object["last_payment_error"]["message"].as_str().map(str::to_owned).or_else(|| text("reason")),
            metadata: metadata.filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned()))).collect(),
            object: kind,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::{hex, hmac_sha256};

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
            let event = Event::read(&json).unwrap();
            assert!(event.object_id.is_some() && event.currency.as_deref() == Some("usd"), "{event:?}");
            seen.insert(path.file_stem().unwrap().to_string_lossy().into_owned(), event);
        }
        assert_eq!(seen.len(), 12);
        for (name, event) in &seen {
            assert!(name.starts_with(&event.kind), "{name}");
        }
        let completed = &seen["checkout.session.completed"];
        assert_eq!(completed.amount_total, Some(1500));
        assert_eq!(completed.client_reference_id.as_deref(), Some("INV-1"));
        assert_eq!(completed.payment_status.as_deref(), Some("paid"));
        assert_eq!(seen["checkout.session.completed.unpaid"].payment_status.as_deref(), Some("unpaid"));
        assert_eq!(seen["charge.refunded"].amount_refunded, Some(500));
        let intent = &seen["payment_intent.succeeded"];
        assert_eq!((intent.amount_received, &intent.payment_intent), (Some(1500), &intent.object_id));
        assert_eq!(seen["charge.dispute.created"].charge.as_deref(), Some("ch_1PgafuB7WZ01zgkWXYmPNZs8"));
    }
}
