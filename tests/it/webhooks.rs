//! Stripe's events: once, in any order, through any crash; never believed without a signature, never dropped.

use money::payments::{actions::ApplyEvent, jobs};
use platform::{
    action::{Action, Cx, Meta},
    error::{Error, Result},
    ids::{OrgId, WebhookEventId},
    role::Permission,
    tenant::Write,
};
use serde_json::{Value, json};

use crate::{
    invoices::{invoice, issued},
    support::{Business, TestApp},
};

fn metadata(b: &Business<'_>, invoice: &str) -> Value {
    json!({ "org_id": b.org, "invoice_id": invoice, "tip_minor": "500" })
}

/// Everything Stripe says about one payment of $100 with $5 tip that is then refunded by $30 and disputed.
fn story(t: &TestApp, b: &Business<'_>, invoice: &str) -> Vec<Value> {
    let meta = metadata(b, invoice);
    let session = json!({ "id": "cs_1", "object": "checkout.session", "payment_intent": "pi_1", "amount_total": 10500, "currency": "usd",
                          "payment_status": "paid", "status": "complete", "metadata": meta });
    let intent =
        json!({ "id": "pi_1", "object": "payment_intent", "amount": 10500, "amount_received": 10500, "currency": "usd", "metadata": meta });
    let refund = json!({ "id": "re_9", "object": "refund", "amount": 3000, "currency": "usd", "payment_intent": "pi_1", "status": "succeeded", "metadata": {} });
    let charge = json!({ "id": "ch_1", "object": "charge", "amount": 10500, "amount_refunded": 3000, "currency": "usd", "payment_intent": "pi_1", "metadata": {} });
    let dispute = json!({ "id": "dp_1", "object": "dispute", "amount": 10500, "currency": "usd", "payment_intent": "pi_1", "charge": "ch_1", "reason": "fraudulent" });
    vec![
        t.event("evt_a", "checkout.session.completed", session),
        t.event("evt_b", "payment_intent.succeeded", intent),
        t.event("evt_c", "refund.created", refund),
        t.event("evt_d", "charge.refunded", charge),
        t.event("evt_e", "charge.dispute.created", dispute),
    ]
}

fn orders(n: usize) -> Vec<Vec<usize>> {
    if n == 0 {
        return vec![vec![]];
    }
    orders(n - 1).into_iter().flat_map(|o| (0..n).map(move |at| [&o[..at], &[n - 1], &o[at..]].concat())).collect()
}

/// Works off whatever is open once, straight through the job's function. One that waits for its payment says so, and is tried again.
async fn work(t: &TestApp, org: OrgId) {
    let open: Vec<WebhookEventId> =
        sqlx::query_scalar("select id from webhook_events where state = 'received' order by id").fetch_all(&t.admin).await.unwrap();
    for id in open {
        let _waiting = jobs::process(&t.app, org, id).await;
    }
}

/// M3: every order of the five events, each told twice: the same books.
#[tokio::test]
async fn m3_all_orders_give_the_same_books() {
    let (t, _stripe) = TestApp::with_stripe().await;
    let b = t.business("Crystal Clear").await;
    let (id, _) = issued(&b, "100.00").await;
    let events = story(&t, &b, &id);
    let mut first: Option<Vec<String>> = None;
    for order in orders(events.len()) {
        for i in &order {
            for _ in 0..2 {
                assert_eq!(t.told(&events[*i]).await, 200);
            }
            work(&t, b.org).await;
        }
        work(&t, b.org).await;
        work(&t, b.org).await;
        assert_eq!(t.count("select count(*) from webhook_events where state = 'processed'").await, 5, "{order:?}");
        let ledger = t.ledger().await;
        match &first {
            None => {
                assert!(ledger[0].starts_with("disputed|card|100.00|5.00|30.00|pi_1"), "{ledger:?}");
                assert!(ledger[2].contains("INV-0001|paid|70.00"), "{ledger:?}");
                first = Some(ledger);
            }
            Some(first) => assert_eq!(&ledger, first, "{order:?}"),
        }
        // Back to the start.
        for sql in [
            "delete from webhook_events",
            "delete from refunds",
            "delete from payments",
            "delete from notices",
            "delete from messages",
            "delete from events where name like 'payment.%' or name = 'invoice.paid'",
            "update invoices set paid = 0, state = 'issued'",
        ] {
            sqlx::query(sql).execute(&t.admin).await.unwrap();
        }
    }
}

/// M3, M4: ten replays; both events of one payment, either first: one credit, one receipt, one event.
#[tokio::test]
async fn m3_m4_replays_and_both_events_credit_once() {
    for first in [0, 1] {
        let (t, _stripe) = TestApp::with_stripe().await;
        let b = t.business("Crystal Clear").await;
        let (id, page) = issued(&b, "100.00").await;
        let events = story(&t, &b, &id);
        for _ in 0..10 {
            for i in [first, 1 - first] {
                assert_eq!(t.told(&events[i]).await, 200);
            }
            t.drain().await;
        }
        let paid = invoice(&b, &id).await;
        assert_eq!((&paid["state"], &paid["paid"], paid["payments"].as_array().unwrap().len()), (&json!("paid"), &json!("100.00"), 1));
        assert_eq!(paid["payments"][0]["tip"], "5.00");
        assert_eq!(t.count("select count(*) from messages where kind = 'receipt'").await, 1);
        assert_eq!(t.count("select count(*) from events where name in ('payment.succeeded', 'invoice.paid')").await, 2);
        assert_eq!(t.count("select count(*) from webhook_events").await, 2);
        assert!(t.nobody().get(&page).await.body.contains("Paid. Thank you!"));
    }
}

/// The work of an event, and then the power fails.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize, schemars::JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
struct ApplyAndDie {
    event_id: WebhookEventId,
}

impl Action for ApplyAndDie {
    const NAME: &'static str = "test.apply_and_die";
    const NEEDS: Permission = Permission::HandleMoney;
    type Output = ();

    async fn run(self, cx: &mut Cx<'_>) -> Result<()> {
        cx.run(ApplyEvent { event_id: self.event_id }).await?;
        Err(Error::internal("killed"))
    }
}

/// M3: killed after the work and before its commit, the event is still to be worked off, and is, once.
#[tokio::test]
async fn m3_a_crash_in_between_loses_and_doubles_nothing() {
    let (t, _stripe) = TestApp::with_stripe().await;
    let b = t.business("Crystal Clear").await;
    let (id, _) = issued(&b, "100.00").await;
    for event in &story(&t, &b, &id)[..2] {
        t.told(event).await;
        let event_id: WebhookEventId =
            sqlx::query_scalar("select id from webhook_events where state = 'received'").fetch_one(&t.admin).await.unwrap();
        let write = Write::of_org(&t.app, b.org, "job").await.unwrap();
        let before = t.ledger().await;
        for _ in 0..3 {
            write.act(&Meta::default(), ApplyAndDie { event_id }).await.unwrap_err();
            assert_eq!(t.ledger().await, before);
        }
        t.drain().await;
    }
    assert_eq!(invoice(&b, &id).await["paid"], "100.00");
    assert_eq!(t.count("select count(*) from payments").await, 1);
    assert_eq!(t.count("select count(*) from webhook_events where state = 'processed'").await, 2);
}

/// Not signed, signed by another, for another connection: 400, and nothing is kept.
#[tokio::test]
async fn only_what_is_signed_for_this_connection() {
    let (t, _stripe) = TestApp::with_stripe().await;
    let (a, b) = (t.business("Crystal Clear").await, t.business("Other Panes").await);
    for (business, secret) in [(&a, "whsec_of_a"), (&b, "whsec_of_b")] {
        let keys = json!({ "secret_key": "sk_test_1234567890", "webhook_secret": secret });
        business.owner.act("connection.set_stripe", keys).await.expect(200);
    }
    let id_of = async |org: OrgId| -> String {
        sqlx::query_scalar("select id::text from connections where org_id = $1").bind(org.0).fetch_one(&t.admin).await.unwrap()
    };
    let at = format!("/api/webhooks/stripe/{}", id_of(a.org).await);
    let (invoice_id, _) = issued(&a, "100.00").await;
    let event = story(&t, &a, &invoice_id)[1].to_string();
    assert_eq!(t.told_at(&at, "whsec_of_b", event.clone()).await, 400);
    assert_eq!(t.told_at(&at, "", event.clone()).await, 400);
    assert_eq!(t.told_at("/api/webhooks/stripe/0198b7a0-0000-7000-8000-000000000000", "whsec_of_a", event.clone()).await, 400);
    assert_eq!(t.count("select count(*) from webhook_events").await, 0);
    assert_eq!(t.told_at(&at, "whsec_of_a", event.clone()).await, 200);
    // The same words at the other's address, well signed there: they name another business and credit nobody.
    let other = format!("/api/webhooks/stripe/{}", id_of(b.org).await);
    assert_eq!(t.told_at(&other, "whsec_of_b", event).await, 200);
    t.drain().await;
    assert_eq!(invoice(&a, &invoice_id).await["state"], "paid");
    assert_eq!(t.count("select count(*) from payments").await, 1);
    let theirs = b.owner.data("type=webhook_events").await.data();
    assert_eq!((theirs.as_array().unwrap().len(), &theirs[0]["state"]), (1, &json!("ignored")));
}

/// What is odd is recorded and put before the owner: paid though void, too much, an unknown invoice, a lost dispute, a bank payment that failed late.
#[tokio::test]
async fn what_is_odd_comes_before_the_owner() {
    let (t, _stripe) = TestApp::with_stripe().await;
    let b = t.business("Crystal Clear").await;
    let (void, _) = issued(&b, "100.00").await;
    b.owner.act("invoice.void", json!({ "invoice_id": void, "reason": "Wrong" })).await.expect(200);
    let (twice, _) = issued(&b, "50.00").await;
    let (bank, _) = issued(&b, "70.00").await;
    let intent = |id: &str, invoice: &str, amount: i64| {
        json!({ "id": id, "object": "payment_intent", "amount": amount, "amount_received": amount, "currency": "usd",
                "metadata": { "org_id": b.org, "invoice_id": invoice } })
    };
    let pending = |status: &str| {
        json!({ "id": "cs_7", "object": "checkout.session", "payment_intent": "pi_bank", "amount_total": 7000, "currency": "usd", "payment_status": status,
                "metadata": { "org_id": b.org, "invoice_id": bank } })
    };
    let dispute = |status: &str| json!({ "id": "dp_1", "object": "dispute", "amount": 5000, "currency": "usd", "payment_intent": "pi_2", "status": status });
    for (n, (kind, object)) in [
        ("payment_intent.succeeded", intent("pi_1", &void, 10000)),
        ("payment_intent.succeeded", intent("pi_2", &twice, 5000)),
        ("payment_intent.succeeded", intent("pi_3", &twice, 5000)),
        ("payment_intent.succeeded", intent("pi_4", "INV-1", 1500)),
        ("checkout.session.completed", pending("unpaid")),
        ("checkout.session.async_payment_failed", pending("unpaid")),
        ("charge.dispute.created", dispute("needs_response")),
        ("charge.dispute.closed", dispute("lost")),
        ("customer.created", json!({ "id": "cus_1", "object": "customer", "currency": "usd" })),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(t.told(&t.event(&format!("evt_{n}"), kind, object)).await, 200);
        t.drain().await;
    }
    let notices: Vec<String> = sqlx::query_scalar("select kind from notices order by kind").fetch_all(&t.admin).await.unwrap();
    assert_eq!(notices, ["dispute", "dispute_closed", "overpayment", "paid_void_invoice", "payment_failed", "payment_without_invoice"]);
    assert_eq!(t.count("select count(*) from payments where state in ('succeeded', 'disputed', 'failed')").await, 5);
    assert_eq!(invoice(&b, &void).await["state"], "void");
    assert_eq!(invoice(&b, &bank).await["state"], "issued");
    // Signed, but nothing we can read: kept, failed, before the owner, and can be worked off again by hand.
    assert_eq!(t.told_at("/api/webhooks/stripe", "whsec_test", "hello".into()).await, 200);
    let failed = b.owner.data("type=webhook_events&state=failed").await.data()[0]["id"].as_str().unwrap().to_owned();
    assert!(b.owner.get("/settings/webhooks?state=failed").await.expect(200).body.contains("Work it off again"));
    b.owner.post(&format!("/settings/webhooks/{failed}/reprocess"), &[]).await.expect(303);
    t.drain().await;
    assert_eq!(b.owner.data("type=webhook_events&state=failed").await.data().as_array().unwrap().len(), 1);
    assert_eq!(t.count("select count(*) from notices where kind = 'webhook_failed' and resolved_at is null").await, 1);
}

/// Refunds made in Stripe's own pages make one notice each, told by a total, by a refund of its own, or by both, in any order.
#[tokio::test]
async fn each_refund_at_stripe_is_told_once() {
    let (t, _stripe) = TestApp::with_stripe().await;
    let b = t.business("Crystal Clear").await;
    let (id, _) = issued(&b, "100.00").await;
    let paid = story(&t, &b, &id).remove(1);
    let charge = |total: i64| json!({ "id": "ch_1", "object": "charge", "amount": 10500, "amount_refunded": total, "currency": "usd", "payment_intent": "pi_1" });
    let refund = |id: &str, amount: i64| json!({ "id": id, "object": "refund", "amount": amount, "currency": "usd", "payment_intent": "pi_1", "status": "succeeded" });
    let totals = [t.event("evt_1", "charge.refunded", charge(3000)), t.event("evt_2", "charge.refunded", charge(5000))];
    let single = [t.event("evt_3", "refund.created", refund("re_1", 3000)), t.event("evt_4", "refund.created", refund("re_2", 2000))];
    let all = [&totals[0], &totals[1], &single[0], &single[1]];
    let mut ways: Vec<Vec<&Value>> = orders(4).into_iter().map(|order| order.into_iter().map(|i| all[i]).collect()).collect();
    ways.extend([totals.iter().collect(), totals.iter().rev().collect(), single.iter().collect()]);
    for way in ways {
        t.told(&paid).await;
        for event in &way {
            t.told(event).await;
            work(&t, b.org).await;
        }
        assert_eq!(t.count("select count(*) from notices where kind = 'refunded_at_stripe'").await, 2, "{way:?}");
        assert_eq!(invoice(&b, &id).await["payments"][0]["refunded"], "50.00", "{way:?}");
        for table in ["webhook_events", "refunds", "payments", "notices", "messages"] {
            sqlx::query(sqlx::AssertSqlSafe(format!("delete from {table}"))).execute(&t.admin).await.unwrap();
        }
        sqlx::query("update invoices set paid = 0, state = 'issued'").execute(&t.admin).await.unwrap();
    }
}

/// Test money for a live key, live money for a test key, money in a currency that Rounds keeps no books in: nothing is booked, the owner is told.
#[tokio::test]
async fn money_of_the_other_mode_pays_nothing() {
    let (t, _stripe) = TestApp::with_stripe().await;
    let b = t.business("Crystal Clear").await;
    let (id, _) = issued(&b, "100.00").await;
    let mut live = story(&t, &b, &id).remove(1);
    live["livemode"] = json!(true);
    t.told(&live).await;
    b.owner.act("connection.set_stripe", json!({ "secret_key": "sk_live_1", "webhook_secret": "whsec_live" })).await.expect(200);
    let connection: String = sqlx::query_scalar("select id::text from connections").fetch_one(&t.admin).await.unwrap();
    let at = format!("/api/webhooks/stripe/{connection}");
    let mut test = story(&t, &b, &id).remove(1);
    test["id"] = json!("evt_test");
    t.told_at(&at, "whsec_live", test.to_string()).await;
    let mut odd = live.clone();
    (odd["id"], odd["data"]["object"]["currency"]) = (json!("evt_odd"), json!("xxx"));
    t.told_at(&at, "whsec_live", odd.to_string()).await;
    t.drain().await;
    assert_eq!(invoice(&b, &id).await["state"], "issued");
    assert_eq!(t.count("select count(*) from payments").await, 0);
    assert_eq!(t.count("select count(*) from webhook_events where state = 'failed'").await, 3);
    let told: Vec<String> = sqlx::query_scalar("select body from notices order by body").fetch_all(&t.admin).await.unwrap();
    assert!(told.len() == 3 && told[0].contains("live money") && told[1].contains("test money") && told[2].contains("XXX"), "{told:?}");
    // What was refused stays refused when it is worked off again.
    let failed = b.owner.data("type=webhook_events&state=failed").await.data()[0]["id"].as_str().unwrap().to_owned();
    b.owner.act("webhook.reprocess", json!({ "event_id": failed })).await.expect(200);
    t.drain().await;
    assert_eq!(t.count("select count(*) from payments").await, 0);
    // The right mode pays.
    live["id"] = json!("evt_live");
    t.told_at(&at, "whsec_live", live.to_string()).await;
    t.drain().await;
    assert_eq!(invoice(&b, &id).await["state"], "paid");
}
