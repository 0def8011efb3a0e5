//! The Stripe API calls that Rounds makes, answered as Stripe does.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{Session, fresh, key, only_in_demo, state, tell};
use platform::{
    app::App,
    error::{Error, Result},
};

type Form = BTreeMap<String, String>;

fn enter(app: &App, headers: &HeaderMap) -> Result<()> {
    only_in_demo(app)?;
    let bearer = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if bearer == format!("Bearer {}", key().expose()) { Ok(()) } else { Err(Error::Unauthorized) }
}

fn form(body: &str) -> Result<Form> {
    serde_html_form::from_str(body).map_err(Error::internal)
}

fn metadata(form: &Form) -> BTreeMap<String, String> {
    form.iter().filter_map(|(k, v)| Some((k.strip_prefix("metadata[")?.strip_suffix(']')?.to_owned(), v.clone()))).collect()
}

fn key_of(headers: &HeaderMap) -> String {
    headers.get("idempotency-key").and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned()
}

fn first_answer(headers: &HeaderMap) -> Option<Value> {
    state().answers.get(&key_of(headers)).cloned()
}

fn remember(headers: &HeaderMap, answer: &Value) {
    let key = key_of(headers);
    if !key.is_empty() {
        state().answers.insert(key, answer.clone());
    }
}

fn refuse(message: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({ "error": { "type": "invalid_request_error", "message": message } }))).into_response()
}

fn missing(message: &str) -> Response {
    let error = json!({ "error": { "type": "invalid_request_error", "code": "resource_missing", "message": message } });
    (StatusCode::NOT_FOUND, Json(error)).into_response()
}

/// `POST /demo/stripe/v1/customers`
pub async fn create_customer(State(app): State<App>, headers: HeaderMap, body: String) -> Result<Response> {
    enter(&app, &headers)?;
    let answer = first_answer(&headers).unwrap_or_else(|| json!({ "id": fresh("cus"), "object": "customer" }));
    remember(&headers, &answer);
    let _ = form(&body)?;
    Ok(Json(answer).into_response())
}

/// `POST /demo/stripe/v1/checkout/sessions`
pub async fn create_session(State(app): State<App>, headers: HeaderMap, body: String) -> Result<Response> {
    enter(&app, &headers)?;
    if let Some(there) = first_answer(&headers) {
        return Ok(Json(there).into_response());
    }
    let form = form(&body)?;
    let text = |name: &str| form.get(name).cloned().unwrap_or_default();
    let line = |i: usize| {
        let name = form.get(&format!("line_items[{i}][price_data][product_data][name]"))?.clone();
        let amount = form.get(&format!("line_items[{i}][price_data][unit_amount]"))?.parse().ok()?;
        Some((name, amount))
    };
    let session = Session {
        id: fresh("cs"),
        status: "open",
        lines: (0..).map_while(line).collect(),
        currency: text("line_items[0][price_data][currency]"),
        client_reference_id: text("client_reference_id"),
        success_url: text("success_url"),
        cancel_url: text("cancel_url"),
        expires_at: text("expires_at").parse().unwrap_or_default(),
        metadata: metadata(&form),
        payment_intent: fresh("pi"),
    };
    if session.total() <= 0 {
        return Ok(refuse("The total must be above zero."));
    }
    let answer = session.json(&app);
    state().sessions.insert(session.id.clone(), session);
    remember(&headers, &answer);
    Ok(Json(answer).into_response())
}

/// `GET /demo/stripe/v1/checkout/sessions/{session}`
pub async fn retrieve_session(State(app): State<App>, headers: HeaderMap, Path(id): Path<String>) -> Result<Response> {
    enter(&app, &headers)?;
    let session = state().sessions.get(&id).cloned();
    Ok(session.map_or_else(|| missing("No such session."), |s| Json(s.json(&app)).into_response()))
}

/// `POST /demo/stripe/v1/checkout/sessions/{session}/expire`
pub async fn expire_session(State(app): State<App>, headers: HeaderMap, Path(id): Path<String>) -> Result<Response> {
    enter(&app, &headers)?;
    Ok(match state().sessions.get_mut(&id) {
        Some(session) if session.status == "open" => {
            session.status = "expired";
            Json(session.json(&app)).into_response()
        }
        Some(_) => refuse("Only open sessions can be expired."),
        None => missing("No such session."),
    })
}

/// `POST /demo/stripe/v1/refunds`
pub async fn create_refund(State(app): State<App>, headers: HeaderMap, body: String) -> Result<Response> {
    enter(&app, &headers)?;
    if let Some(there) = first_answer(&headers) {
        return Ok(Json(there).into_response());
    }
    let form = form(&body)?;
    let intent = form.get("payment_intent").cloned().unwrap_or_default();
    let session = state().sessions.values().find(|s| s.payment_intent == intent).cloned();
    // The demo's invented payments have no session; they can be refunded too.
    let currency = session.as_ref().map_or_else(|| "usd".to_owned(), |s| s.currency.clone());
    let amount: i64 = form.get("amount").and_then(|a| a.parse().ok()).or_else(|| session.as_ref().map(Session::total)).unwrap_or_default();
    *state().refunded.entry(intent.clone()).or_default() += amount;
    let answer = json!({
        "id": fresh("re"), "object": "refund", "status": "succeeded", "amount": amount, "currency": currency, "payment_intent": intent,
        "metadata": metadata(&form),
    });
    remember(&headers, &answer);
    tell(&app, "refund.created", answer.clone()).await?;
    Ok(Json(answer).into_response())
}
