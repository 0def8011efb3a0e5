//! Payments: by hand, through the payment page, refunds, and what is put before the owner.

use money::payments::jobs;
use platform::{ids::WebhookEventId, money::Currency};
use serde_json::json;

use crate::{
    invoices::{customer, draft, invoice, issued, link},
    support::TestApp,
};

async fn notices(t: &TestApp) -> Vec<String> {
    sqlx::query_scalar("select kind from notices where resolved_at is null order by kind").fetch_all(&t.admin).await.unwrap()
}

/// By hand: a part leaves the rest due, too much goes to the owner, a bounced check is owed again.
#[tokio::test]
async fn by_hand_in_parts_and_too_much() {
    let t = TestApp::new().await;
    let b = t.business("Crystal Clear").await;
    let (id, page) = issued(&b, "100.00").await;
    let pay = |amount: &str, method: &str| json!({ "invoice_id": id, "amount": amount, "method": method, "tip": "5.00" });
    for wrong in ["0", "1.005", "9999999999.99", "79228162514264337593543950335"] {
        b.owner.act("payment.record", pay(wrong, "cash")).await.expect(422);
    }
    for day in ["-9999-01-01", "0001-01-01", "2031-01-01"] {
        let odd = json!({ "invoice_id": id, "amount": "1", "method": "cash", "received_on": day });
        b.owner.act("payment.record", odd).await.expect(422);
    }
    b.owner.act("payment.record", pay("40.00", "check")).await.expect(200);
    let part = invoice(&b, &id).await;
    assert_eq!((&part["state"], &part["paid"], &part["amount_due"]), (&json!("partially_paid"), &json!("40.00"), &json!("60.00")));
    assert!(t.nobody().get(&page).await.body.contains("$60.00"));
    // By the page, the same form sent twice.
    let form = [("_key", "pay-1"), ("amount", "80"), ("method", "cash"), ("tip", "")];
    for _ in 0..2 {
        b.owner.post(&format!("/invoices/{id}/payments/new"), &form).await.expect(303);
    }
    let paid = invoice(&b, &id).await;
    assert_eq!((&paid["state"], &paid["paid"], paid["payments"].as_array().unwrap().len()), (&json!("paid"), &json!("120.00"), 2));
    assert_eq!((notices(&t).await, &paid["amount_due"]), (vec!["overpayment".to_owned()], &json!("0.00")));
    // Sent again with other content, as after going back: asked once more, nothing typed is lost.
    let other = [("_key", "pay-1"), ("amount", "81"), ("method", "cash"), ("note", "For the gutters")];
    let asked = b.owner.post(&format!("/invoices/{id}/payments/new"), &other).await.expect(409).body;
    assert!(asked.contains("value=\"81\"") && asked.contains("For the gutters"), "{asked}");
    // Neither a draft nor what was paid too much is open in the books.
    draft(&b, &customer(&b, None).await, "30.00").await;
    let export = b.owner.act("export.create", json!({ "kind": "invoices" })).await.data()["id"].as_str().unwrap().to_owned();
    t.drain().await;
    let file = b.owner.get(&format!("/settings/export/{export}")).await.expect(200).body;
    let mut reader = csv::Reader::from_reader(file.trim_start_matches('\u{feff}').as_bytes());
    let at = reader.headers().unwrap().iter().position(|c| c == "Open").unwrap();
    let open: Vec<String> = reader.records().map(|r| r.unwrap()[at].to_owned()).collect();
    assert_eq!(open, ["0", "0"]);
    b.owner.act("invoice.void", json!({ "invoice_id": id, "reason": "x" })).await.expect(409);
    let list = b.owner.get("/payments?method=check").await.expect(200).body;
    assert!(list.contains("$40.00") && !list.contains("$80.00"), "{list}");
    // The check bounced.
    let check = paid["payments"].as_array().unwrap().iter().find(|p| p["method"] == "check").unwrap()["id"].clone();
    let refund = |amount: &str| json!({ "payment_id": check, "amount": amount, "reason": "Bounced", "reopen": true });
    b.owner.act("payment.refund", refund("45.01")).await.expect(422);
    b.owner.act("payment.refund", refund("45.00")).await.expect(200);
    let open = invoice(&b, &id).await;
    assert_eq!((&open["state"], &open["paid"], &open["amount_due"]), (&json!("partially_paid"), &json!("80.00"), &json!("20.00")));
    b.owner.get(&format!("/payments/{}", check.as_str().unwrap())).await.expect(200);
    b.owner.act("payment.refund", refund("1.00")).await.expect(409);
}

/// M5: two taps, two tabs, reopening: one page can be paid; another amount closes the old one.
#[tokio::test]
async fn m5_one_payment_page_at_a_time() {
    let (t, stripe) = TestApp::with_stripe().await;
    let b = t.business("Crystal Clear").await;
    let (id, page) = issued(&b, "100.00").await;
    let nobody = t.nobody();
    let shown = nobody.get(&page).await.expect(200);
    assert!(shown.body.contains("Pay $100.00") && shown.body.len() < 10 * 1024, "{}", shown.body.len());
    assert!(!shown.body.contains(&id), "no internal id");
    assert_eq!(shown.headers["referrer-policy"], "no-referrer");
    // Three taps at once.
    let pay = || nobody.post(&page, &[]);
    let (one, two, three) = tokio::join!(pay(), pay(), pay());
    let to = one.location().to_owned();
    assert!(to.starts_with("https://checkout.stripe.com/"), "{} {}", one.status, one.body);
    assert_eq!((two.location(), three.location()), (to.as_str(), to.as_str()));
    assert_eq!(stripe.kept.lock().unwrap().sessions.len(), 1);
    t.advance(chrono::Duration::hours(2));
    assert_eq!(pay().await.location(), to, "reopened later: the same page");
    assert_eq!(stripe.kept.lock().unwrap().customers, 1);
    // With a tip the amount is another: the old page is closed, one is open.
    let tipped = nobody.post(&page, &[("tip", "20")]).await.expect(303);
    assert_ne!(tipped.location(), to);
    {
        let kept = stripe.kept.lock().unwrap();
        assert_eq!(kept.open().len(), 1);
        let form = &kept.forms[&kept.open()[0]];
        assert_eq!((form["line_items[1][price_data][unit_amount]"].as_str(), form["metadata[tip_minor]"].as_str()), ("2000", "2000"));
    }
    // A payment by hand changes what is due: a job closes the page.
    b.owner.act("payment.record", json!({ "invoice_id": id, "amount": "30", "method": "cash" })).await.expect(200);
    t.drain().await;
    assert_eq!(stripe.kept.lock().unwrap().open().len(), 0);
    nobody.post(&page, &[]).await.expect(303);
    // Paid at Stripe, the webhook not here yet: pressing Pay again, with a tip even, opens nothing.
    let open = stripe.kept.lock().unwrap().open()[0].clone();
    stripe.kept.lock().unwrap().sessions.insert(open, "complete".into());
    let back = nobody.post(&page, &[("tip", "own"), ("tip_own", "3.00")]).await.expect(303);
    assert_eq!(back.location(), format!("{page}?paid=1"));
    assert!(nobody.get(&format!("{page}?paid=1")).await.body.contains("waiting for the bank"));
    assert_eq!(stripe.kept.lock().unwrap().open().len(), 0);
}

/// Another key: the pages of the old account are closed at that account, its customers are not named to the new one, and paying goes on.
#[tokio::test]
async fn m5_another_key_leaves_no_old_page_open() {
    let (t, stripe) = TestApp::with_stripe().await;
    let b = t.business("Crystal Clear").await;
    let contact = customer(&b, None).await;
    let mut pages = Vec::new();
    for _ in 0..3 {
        let id = draft(&b, &contact, "100.00").await;
        b.owner.act("invoice.issue", json!({ "invoice_id": id })).await.expect(200);
        pages.push(link(&b, &id).await);
    }
    let nobody = t.nobody();
    let set = |key: &str, secret: &str| b.owner.act("connection.set_stripe", json!({ "secret_key": key, "webhook_secret": secret }));
    // A key alone takes no money: nobody would learn of it.
    set("sk_test_a", "").await.expect(200);
    assert!(!nobody.get(&pages[0]).await.body.contains("Pay $"));
    assert!(b.owner.get("/settings/stripe").await.body.contains("until the signing secret is saved"));
    set("", "whsec_a").await.expect(200);
    assert!(nobody.get(&pages[0]).await.body.contains("Pay $100.00"));
    let at_a = nobody.post(&pages[0], &[]).await.expect(303).location().to_owned();
    set("sk_live_b", "whsec_b").await.expect(200);
    // Faster than the job: the same invoice, and one more of the same customer.
    let at_b = nobody.post(&pages[0], &[]).await.expect(303).location().to_owned();
    assert_ne!(at_a, at_b);
    nobody.post(&pages[1], &[("tip", "20")]).await.expect(303);
    assert_eq!(stripe.kept.lock().unwrap().open(), ["cs_2", "cs_3"]);
    t.drain().await;
    assert_eq!(stripe.kept.lock().unwrap().open(), ["cs_2", "cs_3"]);
    // Nobody presses anything: the job closes them, here and there.
    set("sk_live_c", "whsec_c").await.expect(200);
    t.drain().await;
    assert_eq!(stripe.kept.lock().unwrap().open(), Vec::<String>::new());
    assert_eq!(t.count("select count(*) from checkout_sessions where state <> 'expired'").await, 0);
    assert_eq!(t.count("select count(*) from connections where secrets ? 'replaced'").await, 0);
    // A customer deleted in Stripe is made anew.
    nobody.post(&pages[0], &[]).await.expect(303);
    stripe.kept.lock().unwrap().owners.retain(|id, _| !id.starts_with("cus_"));
    nobody.post(&pages[2], &[]).await.expect(303);
    // Voided under another key: the old page goes all the same. Disconnected: the last one, and the keys.
    b.owner.act("connection.disconnect", json!({})).await.expect(200);
    t.drain().await;
    assert_eq!(stripe.kept.lock().unwrap().open(), Vec::<String>::new());
    assert_eq!(t.count("select count(*) from connections where secrets = '{}'").await, 1);
}

/// M5: while the bank decides, that money is not asked for again.
#[tokio::test]
async fn m5_what_the_bank_decides_on_is_not_paid_again() {
    let (t, _stripe) = TestApp::with_stripe().await;
    let b = t.business("Crystal Clear").await;
    let (id, page) = issued(&b, "100.00").await;
    let nobody = t.nobody();
    let session = |status: &str| {
        json!({ "id": "cs_7", "object": "checkout.session", "payment_intent": "pi_bank", "amount_total": 10000, "currency": "usd", "payment_status": status,
                "metadata": { "org_id": b.org, "invoice_id": id } })
    };
    t.told(&t.event("evt_1", "checkout.session.completed", session("unpaid"))).await;
    t.drain().await;
    let waiting = nobody.get(&page).await.expect(200).body;
    assert!(waiting.contains("waiting for the bank") && !waiting.contains("Pay $") && !waiting.contains("how to pay"), "{waiting}");
    assert!(nobody.post(&page, &[]).await.expect(409).body.contains("Nothing more has to be paid"));
    t.told(&t.event("evt_2", "checkout.session.async_payment_failed", session("unpaid"))).await;
    t.drain().await;
    assert!(nobody.get(&page).await.body.contains("Pay $100.00"));
    nobody.post(&page, &[]).await.expect(303);
}

/// Stripe away: it says so, offers retry, and the retry is the same payment page.
#[tokio::test]
async fn stripe_away_is_said_and_tried_again() {
    let (t, stripe) = TestApp::with_stripe().await;
    let b = t.business("Crystal Clear").await;
    let (id, page) = issued(&b, "100.00").await;
    let nobody = t.nobody();
    nobody.post(&page, &[("tip", "own"), ("tip_own", "x")]).await.expect(422);
    stripe.kept.lock().unwrap().down = Some(500);
    let sorry = nobody.post(&page, &[]).await.expect(502).body;
    assert!(sorry.contains("Nothing was charged") && sorry.contains("<button"), "{sorry}");
    stripe.kept.lock().unwrap().down = None;
    nobody.post(&page, &[]).await.expect(303);
    assert_eq!(stripe.kept.lock().unwrap().sessions.len(), 1);
    assert_eq!(t.count("select count(*) from checkout_sessions").await, 1);
    // A replaced link shows nothing and opens nothing; the new one does.
    let renewed = b.owner.act("invoice.renew_link", json!({ "invoice_id": id })).await.data();
    let new = renewed["url"].as_str().unwrap().trim_start_matches("http://rounds.test").to_owned();
    assert!(nobody.get(&new).await.expect(200).body.contains("Pay $100.00"));
    let gone = nobody.get(&page).await.expect(410).body;
    assert!(!gone.contains("100.00"), "{gone}");
    nobody.post(&page, &[]).await.expect(410);
    nobody.get("/i/guess").await.expect(404);
}

/// A refund through Stripe: pending until it answers, once; told again by the webhook it stays one.
#[tokio::test]
async fn refunds_at_stripe_once() {
    let (t, stripe) = TestApp::with_stripe().await;
    let b = t.business("Crystal Clear").await;
    let (id, _) = issued(&b, "100.00").await;
    let meta = json!({ "org_id": b.org, "invoice_id": id, "tip_minor": "1000" });
    let pi =
        json!({ "id": "pi_1", "object": "payment_intent", "amount": 11000, "amount_received": 11000, "currency": "usd", "metadata": meta });
    t.told(&t.event("evt_1", "payment_intent.succeeded", pi)).await;
    t.drain().await;
    let payment = invoice(&b, &id).await["payments"][0].clone();
    assert_eq!((&payment["amount"], &payment["tip"], &payment["state"]), (&json!("100.00"), &json!("10.00"), &json!("succeeded")));
    let refund = json!({ "payment_id": payment["id"], "amount": "60", "reason": "A pane was missed" });
    let made = b.owner.act("payment.refund", refund.clone()).await.data();
    assert_eq!(made["state"], "pending");
    b.owner.act("payment.refund", refund).await.expect(422);
    t.drain().await;
    assert_eq!(stripe.kept.lock().unwrap().refunds.len(), 1);
    let re = json!({ "id": "re_1", "object": "refund", "amount": 6000, "currency": "usd", "payment_intent": "pi_1", "status": "succeeded",
                     "metadata": { "refund_id": made["id"] } });
    t.told(&t.event("evt_2", "refund.created", re)).await;
    let charge =
        json!({ "id": "ch_1", "object": "charge", "amount": 11000, "amount_refunded": 6000, "currency": "usd", "payment_intent": "pi_1" });
    t.told(&t.event("evt_3", "charge.refunded", charge)).await;
    t.drain().await;
    let after = invoice(&b, &id).await;
    assert_eq!((&after["state"], &after["paid"]), (&json!("paid"), &json!("40.00")), "given back is not owed again");
    assert_eq!(after["payments"][0]["refunded"], "60.00");
    assert_eq!(b.owner.data("type=refunds").await.data().as_array().unwrap().len(), 1);
    assert_eq!(notices(&t).await, Vec::<String>::new());
    // Owed again, once Stripe has settled it.
    let again = json!({ "payment_id": payment["id"], "amount": "10", "reason": "Paid for another", "reopen": true });
    b.owner.act("payment.refund", again).await.expect(200);
    assert_eq!(invoice(&b, &id).await["state"], "paid");
    t.drain().await;
    let open = invoice(&b, &id).await;
    assert_eq!((&open["state"], &open["amount_due"]), (&json!("partially_paid"), &json!("70.00")));
}

/// Paid and given back in full reads "Refunded", to the business and to the customer; a part given back stays paid.
#[tokio::test]
async fn given_back_in_full_reads_refunded() {
    let t = TestApp::new().await;
    let b = t.business("Crystal Clear").await;
    let (id, page) = issued(&b, "100.00").await;
    b.owner.act("payment.record", json!({ "invoice_id": id, "amount": "100", "method": "cash", "tip": "5" })).await.expect(200);
    let payment = invoice(&b, &id).await["payments"][0]["id"].clone();
    let pages = async || {
        [b.owner.get(&format!("/invoices/{id}")).await.body, b.owner.get("/invoices").await.body, t.nobody().get(&page).await.body]
    };
    for (amount, reads_refunded) in [("40", false), ("65", true)] {
        b.owner.act("payment.refund", json!({ "payment_id": payment, "amount": amount, "reason": "Wrong house" })).await.expect(200);
        assert_eq!(invoice(&b, &id).await["state"], "paid");
        for shown in pages().await {
            assert_eq!(shown.contains(">Refunded<"), reads_refunded, "{shown}");
        }
    }
    assert!(pages().await[2].contains("given back"));
}

/// The demo's simulated provider, through the same inbox as Stripe's events; elsewhere its addresses do not exist and its name means nothing.
#[tokio::test]
async fn simulated_payments_only_in_the_demo() {
    use money::payments::providers::{named, simulated};
    let t = TestApp::with(|setup| setup.is_demo = true).await;
    assert!(named(&t.app, simulated::NAME).is_some());
    let b = t.business("Crystal Clear").await;
    let contact = customer(&b, None).await;
    let id = draft(&b, &contact, "100.00").await;
    b.owner.act("invoice.issue", json!({ "invoice_id": id })).await.expect(200);
    let shown = b.owner.get(&format!("/invoices/{id}/collect")).await.expect(200).body;
    let page = format!("/i/{}", shown.split("/i/").nth(1).unwrap().split(['<', '"']).next().unwrap());
    let nobody = t.nobody();
    let pay = nobody.post(&page, &[("tip", "10")]).await.expect(303);
    let hosted = pay.location().strip_prefix("http://rounds.test").unwrap().to_owned();
    let html = nobody.get(&hosted).await.expect(200).body;
    assert!(html.contains("Simulated: no money moves") && html.contains("$110.00"), "{html}");
    let declined = nobody.post(&hosted, &[("how", "decline")]).await.expect(200).body;
    assert!(declined.contains("declined"));
    let back = nobody.post(&hosted, &[("how", "succeed")]).await.expect(303);
    assert!(back.location().ends_with("?paid=1"));
    t.drain().await;
    let paid = invoice(&b, &id).await;
    assert_eq!((&paid["state"], &paid["payments"][0]["tip"]), (&json!("paid"), &json!("10.00")));
    assert_eq!(paid["payments"].as_array().unwrap().len(), 1);
    // Given back, once, by the job.
    let refund = json!({ "payment_id": paid["payments"][0]["id"], "amount": "30", "reason": "A pane was missed" });
    assert_eq!(b.owner.act("payment.refund", refund).await.data()["state"], "pending");
    t.drain().await;
    let after = invoice(&b, &id).await;
    assert_eq!((&after["payments"][0]["refunded"], &after["payments"][0]["source"]), (&json!("30.00"), &json!("simulated")));
    assert_eq!(b.owner.data("type=refunds").await.data().as_array().unwrap().len(), 1);

    let (real, _stripe) = TestApp::with_stripe().await;
    real.nobody().get(&hosted).await.expect(404);
    real.nobody().post(&hosted, &[("how", "succeed")]).await.expect(404);
    assert!(named(&real.app, simulated::NAME).is_none());
    // Not even an event in its name is believed.
    let c = real.business("Crystal Clear").await;
    let (owed, _) = issued(&c, "100.00").await;
    let charge = json!({ "invoice": owed, "minor": 10000, "tip_minor": 0, "currency": "USD", "is_bank": false });
    let body = json!({ "occurred_at": real.clock.now(), "is_live": false, "payment": "pi_1", "news": { "Paid": { "charge": charge, "is_settled": true } } });
    sqlx::query("insert into webhook_events (org_id, id, provider, event_id, event_type, body) values ($1, gen_random_uuid(), 'simulated', 'evt_1', 'x', $2)")
        .bind(c.org.0)
        .bind(body.to_string())
        .execute(&real.admin)
        .await
        .unwrap();
    let event: WebhookEventId = sqlx::query_scalar("select id from webhook_events").fetch_one(&real.admin).await.unwrap();
    jobs::process(&real.app, c.org, event).await.unwrap();
    assert_eq!(invoice(&c, &owed).await["state"], "issued");
    assert_eq!(real.count("select count(*) from webhook_events where state = 'failed'").await, 1);
}

/// What Stripe can't take is known before the customer is sent there, and what it refuses for good is told to the owner.
#[tokio::test]
async fn what_stripe_refuses_for_good_is_not_tried_again() {
    let (t, stripe) = TestApp::with_stripe().await;
    let b = t.business("Crystal Clear").await;
    let nobody = t.nobody();
    for (amount, offered) in [("0.30", false), ("0.49", false), ("0.50", true), ("999999.99", true), ("1000000.00", false)] {
        let (id, page) = issued(&b, amount).await;
        assert_eq!(nobody.get(&page).await.expect(200).body.contains("Pay $"), offered, "{amount}");
        let collect = b.owner.get(&format!("/invoices/{id}/collect")).await.expect(200).body;
        assert_eq!(collect.contains("can’t be paid online"), !offered, "{amount}");
        let pressed = nobody.post(&page, &[]).await;
        assert_eq!(pressed.status, if offered { 303 } else { 409 }, "{amount}: {}", pressed.body);
    }
    let (id, page) = issued(&b, "999990.00").await;
    let tipped = nobody.post(&page, &[("tip", "own"), ("tip_own", "10.00")]).await.expect(422).body;
    assert!(tipped.contains("With this tip it is more than $999,999.99"), "{tipped}");
    let sessions = stripe.kept.lock().unwrap().sessions.len();
    assert_eq!(sessions, 2, "only what can be paid reached Stripe");

    // A refusal for good: no "try again", and the owner hears of it once.
    stripe.kept.lock().unwrap().down = Some(400);
    for _ in 0..2 {
        let refused = nobody.post(&page, &[]).await.expect(502).body;
        assert!(
            refused.contains("Nothing was charged") && refused.contains("ask how to pay") && !refused.contains("try again"),
            "{refused}"
        );
    }
    assert_eq!(notices(&t).await, ["payment_refused"]);
    let told: String = sqlx::query_scalar("select body from notices").fetch_one(&t.admin).await.unwrap();
    assert!(told.contains("$999,990.00") && told.contains("Stripe says: down"), "{told}");
    // It works again: the notice is settled.
    stripe.kept.lock().unwrap().down = None;
    nobody.post(&page, &[]).await.expect(303);
    assert_eq!(notices(&t).await, Vec::<String>::new());
    // Away for a moment is something else.
    stripe.kept.lock().unwrap().down = Some(503);
    assert!(nobody.post(&page, &[("tip", "own"), ("tip_own", "1.00")]).await.expect(502).body.contains("try again"));
    assert_eq!(notices(&t).await, Vec::<String>::new());
    assert_eq!(invoice(&b, &id).await["state"], "issued");
}

/// A stored currency that Rounds does not know is an error; nothing is shown or booked in dollars instead.
#[tokio::test]
async fn an_unknown_currency_is_no_dollar() {
    let t = TestApp::new().await;
    let b = t.business("Crystal Clear").await;
    let stored = |code: &'static str| sqlx::query_scalar::<_, Currency>("select $1").bind(code).fetch_one(&t.admin);
    assert_eq!(stored("eur").await.unwrap(), Currency::EUR);
    assert!(stored("XTS").await.is_err());
    b.owner.get("/").await.expect(200);
    sqlx::query("update orgs set currency = 'XTS'").execute(&t.admin).await.unwrap();
    b.owner.get("/").await.expect(500);
}
