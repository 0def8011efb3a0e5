//! Tests of the client against a mock server over real HTTP.

use std::{collections::HashSet, time::Duration};

use chrono::{TimeZone as _, Utc};
use serde_json::json;
use wiremock::{
    Mock, MockServer, Request, ResponseTemplate,
    matchers::{body_string_contains, header, method, path},
};

use super::*;
use crate::money::Currency;

async fn stripe(server: &MockServer) -> Stripe {
    let patience = Patience { attempts: 3, first_wait: Duration::from_millis(5), timeout: Duration::from_millis(200) };
    StripeApi::new(&server.uri(), patience).unwrap().with_key(Secret::from("sk_test_123"))
}

fn refund() -> NewRefund {
    NewRefund { payment_intent: "pi_1".into(), amount_minor: Some(500), metadata: [("org_id".to_owned(), "o1".to_owned())].into() }
}

fn refunded() -> ResponseTemplate {
    ResponseTemplate::new(200)
        .set_body_json(json!({ "id": "re_1", "status": "succeeded", "amount": 500, "currency": "usd", "payment_intent": { "id": "pi_1" } }))
}

fn keys(requests: &[Request]) -> HashSet<String> {
    requests.iter().map(|r| r.headers["idempotency-key"].to_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn retries_with_the_same_key_until_it_is_done() {
    let server = MockServer::start().await;
    for status in [503, 409] {
        let busy = ResponseTemplate::new(status).set_body_json(json!({ "error": { "message": "busy" } }));
        Mock::given(method("POST")).respond_with(busy).up_to_n_times(1).mount(&server).await;
    }
    Mock::given(path("/v1/refunds"))
        .and(header("authorization", "Bearer sk_test_123"))
        .and(header("stripe-version", API_VERSION))
        .and(body_string_contains("payment_intent=pi_1&amount=500&metadata%5Borg_id%5D=o1"))
        .respond_with(refunded())
        .mount(&server)
        .await;
    let made = stripe(&server).await.create_refund(&refund(), "refund-7").await.unwrap();
    assert_eq!((made.id.as_str(), made.payment_intent.as_deref()), ("re_1", Some("pi_1")));
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests.len(), 3);
    assert_eq!(keys(&requests), HashSet::from(["refund-7".to_owned()]));
}

#[tokio::test]
async fn a_lost_answer_is_in_doubt_and_bounded() {
    let server = MockServer::start().await;
    let slow = refunded().set_delay(Duration::from_secs(2));
    Mock::given(method("POST")).respond_with(slow).mount(&server).await;
    let failed = stripe(&server).await.create_refund(&refund(), "refund-8").await.unwrap_err();
    assert_eq!(failed.kind, StripeErrorKind::InDoubt);
    let requests = server.received_requests().await.unwrap();
    assert_eq!((requests.len(), keys(&requests).len()), (3, 1));
}

#[tokio::test]
async fn what_never_left_may_be_tried_later() {
    let patience = Patience { attempts: 2, first_wait: Duration::from_millis(1), ..Patience::default() };
    // A port that was just released, so nothing listens on it.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let api = StripeApi::new(&format!("http://{free}"), patience).unwrap();
    let failed = api.with_key(Secret::from("sk")).create_refund(&refund(), "k").await.unwrap_err();
    assert_eq!(failed.kind, StripeErrorKind::Retryable);
}

#[tokio::test]
async fn definite_answers_are_not_retried() {
    for (status, said, kind) in [
        (402, "Your card was declined.", StripeErrorKind::Declined),
        (401, "Invalid API Key provided: sk_test_****123", StripeErrorKind::BadKey),
        (400, "No such payment_intent", StripeErrorKind::Invalid),
    ] {
        let server = MockServer::start().await;
        let answer = ResponseTemplate::new(status).set_body_json(json!({ "error": { "message": said, "code": "c" } }));
        Mock::given(method("POST")).respond_with(answer).mount(&server).await;
        let failed = stripe(&server).await.create_refund(&refund(), "k").await.unwrap_err();
        assert_eq!((failed.kind, failed.code.as_deref()), (kind, Some("c")));
        assert!(!failed.message.contains("sk_test"));
        assert_eq!(server.received_requests().await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_session_says_what_is_paid_and_for_what() {
    let server = MockServer::start().await;
    let open = json!({
        "id": "cs_1", "url": "https://checkout.example/cs_1", "status": "open", "payment_status": "unpaid",
        "payment_intent": null, "amount_total": 13_500, "currency": "usd", "expires_at": 1_795_200_000,
    });
    Mock::given(method("POST"))
        .and(path("/v1/checkout/sessions"))
        .respond_with(ResponseTemplate::new(200).set_body_json(open))
        .mount(&server)
        .await;
    let new = NewSession {
        currency: Currency::USD,
        lines: vec![
            SessionLine { name: "Invoice INV-0107".into(), amount_minor: 12_500 },
            SessionLine { name: "Tip".into(), amount_minor: 1_000 },
        ],
        customer: Some("cus_1".into()),
        email: Some("unused@example.com".into()),
        client_reference_id: "inv".into(),
        success_url: "https://rounds.example/p/x?paid=1&s={CHECKOUT_SESSION_ID}".into(),
        cancel_url: "https://rounds.example/p/x".into(),
        expires_at: Utc.timestamp_opt(1_795_200_000, 0).unwrap(),
        metadata: [("invoice_id".to_owned(), "i1".to_owned())].into(),
    };
    let made = stripe(&server).await.create_session(&new, "session-1").await.unwrap();
    assert_eq!(made.expires_at, Some(new.expires_at));
    let requests = server.received_requests().await.unwrap();
    let form: std::collections::HashMap<String, String> =
        reqwest::Url::parse(&format!("http://x/?{}", String::from_utf8_lossy(&requests[0].body)))
            .unwrap()
            .query_pairs()
            .into_owned()
            .collect();
    for (key, value) in [
        ("mode", "payment"),
        ("customer", "cus_1"),
        ("line_items[0][price_data][unit_amount]", "12500"),
        ("line_items[1][price_data][product_data][name]", "Tip"),
        ("line_items[1][price_data][currency]", "usd"),
        ("metadata[invoice_id]", "i1"),
        ("payment_intent_data[metadata][invoice_id]", "i1"),
        ("expires_at", "1795200000"),
        ("success_url", new.success_url.as_str()),
    ] {
        assert_eq!(form.get(key).map(String::as_str), Some(value), "{key}");
    }
    assert!(!form.contains_key("customer_email"));
}

#[tokio::test]
async fn ids_cannot_leave_their_path() {
    let server = MockServer::start().await;
    let failed = stripe(&server).await.retrieve_session("../account").await.unwrap_err();
    assert_eq!(failed.kind, StripeErrorKind::Invalid);
    assert!(server.received_requests().await.unwrap().is_empty());
}
