//! Requests to Stripe, and the few fields that are read from its responses. Amounts are in minor units, currencies ISO 4217 codes.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::Form;
use crate::money::Currency;

/// A customer to create at Stripe. `metadata` carries our business and contact ids.
#[derive(Clone, Debug, Default)]
pub struct NewCustomer {
    pub name: Option<String>,
    pub email: Option<String>,
    pub metadata: BTreeMap<String, String>,
}

/// One row of Stripe's payment page; a tip is a row of its own.
#[derive(Clone, Debug)]
pub struct SessionLine {
    pub name: String,
    pub amount_minor: i64,
}

/// A Checkout Session that takes one payment.
#[derive(Clone, Debug)]
pub struct NewSession {
    pub currency: Currency,
    pub lines: Vec<SessionLine>,
    /// Stripe's customer id; if `None`, `email` prefills the form.
    pub customer: Option<String>,
    pub email: Option<String>,
    pub client_reference_id: String,
    pub success_url: String,
    pub cancel_url: String,
    /// 30 minutes to 24 hours from now.
    pub expires_at: DateTime<Utc>,
    /// Set on the session and on its payment, so that an event of either identifies the invoice.
    pub metadata: BTreeMap<String, String>,
}

/// A refund of a payment intent, in full if `amount_minor` is `None`.
#[derive(Clone, Debug)]
pub struct NewRefund {
    pub payment_intent: String,
    pub amount_minor: Option<i64>,
    pub metadata: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Customer {
    pub id: String,
    #[serde(default)]
    pub email: Option<String>,
    #[serde(default)]
    pub deleted: bool,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Session {
    pub id: String,
    /// URL of the payment page; `None` once the session is no longer open.
    #[serde(default)]
    pub url: Option<String>,
    /// `open`, `complete`, `expired`
    #[serde(default)]
    pub status: Option<String>,
    /// `unpaid`, `paid`, `no_payment_required`; a complete session may still be unpaid
    pub payment_status: String,
    #[serde(default, deserialize_with = "id_or_object")]
    pub payment_intent: Option<String>,
    #[serde(default)]
    pub amount_total: Option<i64>,
    #[serde(default)]
    pub currency: Option<String>,
    #[serde(default, with = "chrono::serde::ts_seconds_option")]
    pub expires_at: Option<DateTime<Utc>>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Refund {
    pub id: String,
    /// `pending`, `requires_action`, `succeeded`, `failed`, `canceled`
    #[serde(default)]
    pub status: Option<String>,
    pub amount: i64,
    pub currency: String,
    #[serde(default, deserialize_with = "id_or_object")]
    pub payment_intent: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Account {
    pub id: String,
    #[serde(default)]
    pub country: Option<String>,
    #[serde(default)]
    pub default_currency: Option<String>,
    #[serde(default)]
    pub charges_enabled: bool,
    #[serde(default)]
    pub business_profile: Option<BusinessProfile>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct BusinessProfile {
    #[serde(default)]
    pub name: Option<String>,
}

/// Returns the id of a field, which holds the id itself or, if expanded, the whole object.
pub fn id_of(value: &Value) -> Option<String> {
    value.as_str().or_else(|| value["id"].as_str()).map(str::to_owned)
}

fn id_or_object<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(id_of(&Value::deserialize(from)?))
}

fn pair(key: impl Into<String>, value: impl ToString) -> (String, String) {
    (key.into(), value.to_string())
}

fn metadata(form: &mut Form, prefix: &str, metadata: &BTreeMap<String, String>) {
    form.extend(metadata.iter().map(|(key, value)| pair(format!("{prefix}[{key}]"), value)));
}

impl NewCustomer {
    pub(super) fn form(&self) -> Form {
        let mut form = Form::new();
        form.extend(self.name.as_ref().map(|name| pair("name", name)));
        form.extend(self.email.as_ref().map(|email| pair("email", email)));
        metadata(&mut form, "metadata", &self.metadata);
        form
    }
}

impl NewSession {
    pub(super) fn form(&self) -> Form {
        let mut form = vec![
            pair("mode", "payment"),
            pair("client_reference_id", &self.client_reference_id),
            pair("success_url", &self.success_url),
            pair("cancel_url", &self.cancel_url),
            pair("expires_at", self.expires_at.timestamp()),
        ];
        match (&self.customer, &self.email) {
            (Some(id), _) => form.push(pair("customer", id)),
            (None, Some(email)) => form.push(pair("customer_email", email)),
            (None, None) => {}
        }
        let currency = self.currency.code().to_lowercase();
        for (i, line) in self.lines.iter().enumerate() {
            let at = format!("line_items[{i}]");
            form.push(pair(format!("{at}[quantity]"), 1));
            form.push(pair(format!("{at}[price_data][currency]"), &currency));
            form.push(pair(format!("{at}[price_data][unit_amount]"), line.amount_minor));
            form.push(pair(format!("{at}[price_data][product_data][name]"), &line.name));
        }
        metadata(&mut form, "metadata", &self.metadata);
        metadata(&mut form, "payment_intent_data[metadata]", &self.metadata);
        form
    }
}

impl NewRefund {
    pub(super) fn form(&self) -> Form {
        let mut form = vec![pair("payment_intent", &self.payment_intent)];
        form.extend(self.amount_minor.map(|amount| pair("amount", amount)));
        metadata(&mut form, "metadata", &self.metadata);
        form
    }
}
