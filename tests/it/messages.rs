//! Messages: one act, one mail, whatever happens between queueing and sending; failures end before a person; consent is kept.

use chrono::Duration;
use flows::delivery;
use platform::{
    ids::{MessageId, OrgId},
    role::Role,
};
use serde_json::{Value, json};

use crate::support::{Business, TestApp, post::ics};

/// A customer with an address to write to; consent to marketing as given.
pub async fn customer(b: &Business<'_>, email: &str, consent: Option<bool>) -> String {
    let new = json!({
        "first_name": "Jane", "last_name": "Smith", "emails": [{ "address": email }], "email_consent": consent, "consent_wording": "Asked at the door",
        "address": { "street": "12 Oak Lane", "city": "Madison", "region": "AL", "postal_code": "35758" },
    });
    b.owner.act("contact.create", new).await.data()["id"].as_str().unwrap().to_owned()
}

/// A visit on Friday 27 November, 9:00 in Chicago, that the customer is asked about.
pub async fn visit(b: &Business<'_>, contact: &str) -> String {
    let address = b.owner.data(&format!("type=addresses&contact_id={contact}")).await.data()[0]["id"].clone();
    let new = json!({
        "contact_id": contact, "address_id": address, "starts_at": "2026-11-27T15:00:00Z", "ends_at": "2026-11-27T17:00:00Z", "is_price_estimated": true,
        "lines": [{ "kind": "fixed", "description": "Windows, inside and out", "quantity": "1", "unit_price": "120.00" }],
    });
    b.owner.act("ticket.create", new).await.data()["id"].as_str().unwrap().to_owned()
}

async fn message(b: &Business<'_>, query: &str) -> Value {
    b.owner.data(&format!("type=messages&{query}")).await.data()[0].clone()
}

async fn open_notices(t: &TestApp) -> i64 {
    t.count("select count(*) from notices where resolved_at is null").await
}

#[tokio::test]
async fn s3_one_act_one_mail() {
    let (t, sink) = TestApp::with_post().await;
    let b = t.business("Crystal Clear").await;
    let contact = customer(&b, "jane@example.com", None).await;
    let ticket = visit(&b, &contact).await;
    t.drain().await;
    assert_eq!(sink.received().len(), 1);
    let mail = sink.received()[0].mail();
    assert_eq!(mail.subject, "Please confirm: Fri 27 Nov 2026 with Crystal Clear");
    for part in
        ["When: Fri 27 Nov 2026, 9:00–11:00 CST", "Where: 12 Oak Lane, Madison", "$120.00 (Estimated)", "Accept: http://rounds.test/c/"]
    {
        assert!(mail.text.contains(part), "{part}\n{}", mail.text);
    }
    assert!(mail.html.len() < 20 * 1024 && mail.html.contains("Decline"));
    // The job that queued it runs again (its worker died before it could say so), the sweeper ticks: nothing new.
    let again = json!({ "org": b.org, "ticket": ticket, "sequence": 0, "what": "asked", "tell": true });
    sqlx::query("select graphile_worker.add_job('confirm_ticket', $1::json)").bind(again).execute(&t.admin).await.unwrap();
    for _ in 0..20 {
        t.drain().await;
        t.advance(Duration::minutes(1));
    }
    assert_eq!(sink.received().len(), 1);
    // Asked again by hand, the button pressed twice: one more, under another Message-ID.
    for _ in 0..2 {
        b.owner.act_with("confirmation.ask", json!({ "ticket_id": ticket }), &[("Idempotency-Key", "ask-1")], json!({})).await.expect(200);
    }
    b.owner.act("confirmation.ask", json!({ "ticket_id": ticket })).await.expect(200);
    t.drain().await;
    assert_eq!(sink.received().len(), 2, "a question that still waits is not asked twice");
    assert_ne!(sink.received()[0].header("Message-ID"), sink.received()[1].header("Message-ID"));
}

#[tokio::test]
async fn s2_nothing_is_sent_about_a_slot_that_changed_meanwhile() {
    let (t, sink) = TestApp::with_post().await;
    let b = t.business("Crystal Clear").await;
    let contact = customer(&b, "jane@example.com", None).await;
    let ticket = visit(&b, &contact).await;
    // Moved before anything went out: the customer hears of the new time alone.
    let moved = json!({ "ticket_id": ticket, "starts_at": "2026-11-30T15:00:00Z", "ends_at": "2026-11-30T17:00:00Z" });
    b.owner.act("ticket.reschedule", moved).await.expect(200);
    t.drain().await;
    assert_eq!(sink.received().len(), 1);
    assert!(sink.received()[0].mail().text.contains("Mon 30 Nov 2026"));
    // Queued, then cancelled without telling: withdrawn.
    let other = visit(&b, &contact).await;
    b.owner.act("ticket.cancel", json!({ "ticket_id": other, "reason": "Rain" })).await.expect(200);
    t.drain().await;
    assert_eq!(sink.received().len(), 1);
    // Even where the row is still there, what it says is checked against the ticket when it is sent.
    let third = visit(&b, &contact).await;
    sqlx::query("delete from graphile_worker._private_jobs").execute(&t.admin).await.unwrap();
    b.owner.act("confirmation.ask", json!({ "ticket_id": third })).await.expect(200);
    sqlx::query("update tickets set sequence = sequence + 1 where id = $1::uuid").bind(&third).execute(&t.admin).await.unwrap();
    t.drain().await;
    assert_eq!(sink.received().len(), 1);
    let m = message(&b, &format!("subject_id={third}")).await;
    assert_eq!(m["state"], json!("cancelled"));
    assert!(m["error"].as_str().unwrap().contains("moved"), "{m}");
}

#[tokio::test]
async fn s5_one_calendar_entry_however_often_it_moves() {
    let (t, sink) = TestApp::with_post().await;
    let b = t.business("Crystal Clear").await;
    let contact = customer(&b, "jane@example.com", None).await;
    let ticket = visit(&b, &contact).await;
    t.drain().await;
    for day in ["2026-11-30", "2026-12-01", "2026-12-02"] {
        let moved = json!({ "ticket_id": ticket, "starts_at": format!("{day}T15:00:00Z"), "ends_at": format!("{day}T17:00:00Z") });
        b.owner.act("ticket.reschedule", moved).await.expect(200);
        t.drain().await;
    }
    b.owner.act("ticket.cancel", json!({ "ticket_id": ticket, "reason": "Storm", "tell_customer": true })).await.expect(200);
    t.drain().await;
    let mails: Vec<_> = sink.received().iter().map(crate::support::smtp::Received::mail).collect();
    let told: Vec<_> = mails.iter().map(|m| (ics(m, "UID"), ics(m, "SEQUENCE"), ics(m, "METHOD"))).collect();
    let uid = format!("ticket-{ticket}@rounds.test");
    let expected: Vec<_> = [("0", "REQUEST"), ("1", "REQUEST"), ("2", "REQUEST"), ("3", "REQUEST"), ("4", "CANCEL")]
        .into_iter()
        .map(|(sequence, method)| (vec![uid.as_str()], vec![sequence], vec![method]))
        .collect();
    assert_eq!(told, expected);
    assert!(mails[4].subject.starts_with("Cancelled:") && mails[3].subject.starts_with("New time:"));
}

#[tokio::test]
async fn failures_are_tried_again_given_up_or_put_before_a_person() {
    let (t, sink) = TestApp::with_post().await;
    let b = t.business("Crystal Clear").await;
    // Refused twice, then taken: tried again by the clock, sent once.
    visit(&b, &customer(&b, "flaky2@example.com", None).await).await;
    t.drain().await;
    let m = message(&b, "filter=pending").await;
    assert_eq!((m["state"].as_str(), m["attempts"].as_i64()), (Some("queued"), Some(1)), "{m}");
    for _ in 0..10 {
        t.advance(Duration::minutes(1));
        t.drain().await;
    }
    assert_eq!(sink.received().len(), 1);
    assert_eq!(message(&b, "filter=done").await["attempts"], json!(3));
    assert_eq!(open_notices(&t).await, 0);
    // Refused for good: failed, one notice; by hand it can be sent again or put aside.
    visit(&b, &customer(&b, "perm550@example.com", None).await).await;
    t.drain().await;
    let m = message(&b, "filter=trouble").await;
    assert_eq!(m["state"], json!("failed"));
    assert!(m["error"].as_str().unwrap().contains("550"), "{m}");
    assert_eq!(open_notices(&t).await, 1);
    let id = m["id"].as_str().unwrap();
    b.owner.act("message.retry", json!({ "id": id })).await.expect(200);
    assert_eq!(open_notices(&t).await, 0);
    t.drain().await;
    assert_eq!(open_notices(&t).await, 1);
    b.owner.post(&format!("/messages/{id}/cancel"), &[]).await.expect(303);
    assert_eq!(open_notices(&t).await, 0);
    // Taken, but the line was cut before the answer: in doubt, never sent again by itself.
    visit(&b, &customer(&b, "drop@example.com", None).await).await;
    t.drain().await;
    for _ in 0..30 {
        t.advance(Duration::minutes(30));
        t.drain().await;
    }
    assert_eq!(sink.received().iter().filter(|r| r.to == ["drop@example.com"]).count(), 1);
    let m = message(&b, "filter=trouble").await;
    assert_eq!(m["state"], json!("in_doubt"));
    let id = m["id"].as_str().unwrap();
    let page = b.owner.get(&format!("/messages/{id}")).await.expect(200);
    assert!(page.body.contains("Mark as sent") && page.body.contains("Send again"), "{}", page.body);
    b.owner.act("message.mark_sent", json!({ "id": id })).await.expect(200);
    assert_eq!(open_notices(&t).await, 0);
    b.owner.act("message.retry", json!({ "id": id })).await.expect(409);
}

#[tokio::test]
async fn two_workers_send_one_mail_and_a_dead_one_leaves_doubt() {
    let (t, sink) = TestApp::with_post().await;
    let b = t.business("Crystal Clear").await;
    let contact = customer(&b, "jane@example.com", None).await;
    let ticket = visit(&b, &contact).await;
    sqlx::query("delete from graphile_worker._private_jobs").execute(&t.admin).await.unwrap();
    let asked = b.owner.act("confirmation.ask", json!({ "ticket_id": ticket })).await.data();
    let id: MessageId = asked["message_id"].as_str().unwrap().parse().unwrap();
    let org: OrgId = b.org;
    let sends = (0..8).map(|_| {
        tokio::spawn({
            let app = t.app.clone();
            async move { delivery::deliver(&app, org, id).await.unwrap() }
        })
    });
    let sent: Vec<_> = sends.collect::<Vec<_>>().into_iter().collect();
    let mut did = 0;
    for send in sent {
        did += usize::from(send.await.unwrap().is_some());
    }
    assert_eq!((did, sink.received().len()), (1, 1));
    // A worker that died while sending: nobody knows, so nobody sends again.
    sqlx::query("update messages set state = 'sending', sending_at = $1").bind(t.clock.now()).execute(&t.admin).await.unwrap();
    t.advance(Duration::minutes(5));
    t.drain().await;
    assert_eq!(message(&b, "filter=all").await["state"], json!("sending"), "still somebody's");
    t.advance(Duration::minutes(6));
    t.drain().await;
    assert_eq!(message(&b, "filter=trouble").await["state"], json!("in_doubt"));
    assert_eq!((sink.received().len(), open_notices(&t).await), (1, 1));
}

#[tokio::test]
async fn s1_a_missed_day_sends_one_useful_mail_or_none() {
    let (t, sink) = TestApp::with_post().await;
    let b = t.business("Crystal Clear").await;
    let contact = customer(&b, "jane@example.com", Some(true)).await;
    let plan = json!({ "contact_id": contact, "body": "Hello {{first_name}}", "send_at": "2026-11-25T15:00:00Z" });
    b.owner.act("message.schedule", plan).await.expect(200);
    let ticket = visit(&b, &contact).await;
    sqlx::query("delete from graphile_worker._private_jobs").execute(&t.admin).await.unwrap();
    b.owner.act("confirmation.ask", json!({ "ticket_id": ticket })).await.expect(200);
    // The workers stood still until after the visit: the question is worthless, the other message is not.
    t.advance(Duration::days(5));
    for _ in 0..100 {
        t.drain().await;
    }
    let to: Vec<_> = sink.received().iter().map(|r| r.mail().text).collect();
    assert_eq!(to.len(), 1, "{to:?}");
    assert!(to[0].contains("Hello Jane"));
    assert_eq!(message(&b, "kind=confirmation").await["state"], json!("expired"));
}

#[tokio::test]
async fn l4_unsubscribing_takes_a_press_of_a_button_and_stops_marketing_alone() {
    let (t, sink) = TestApp::with_post().await;
    let b = t.business("Crystal Clear").await;
    let contact = customer(&b, "jane@example.com", None).await;
    let plan = |more: Value| {
        let mut plan = json!({ "contact_id": contact, "subject": "Spring?", "send_at": "2026-11-24T15:00:00Z" });
        plan.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        plan
    };
    // Never asked: the sender has to say how they know.
    let refused = b.owner.act("message.schedule", plan(json!({}))).await.expect(422);
    assert_eq!(refused.json()["error"]["details"][0]["field"], json!("consent_basis"));
    b.owner.act("message.schedule", plan(json!({ "consent_basis": "Asked for it at the door" }))).await.expect(200);
    t.drain().await;
    let received = sink.received()[0].clone();
    assert_eq!(received.header("List-Unsubscribe-Post"), Some("List-Unsubscribe=One-Click"));
    let url = received.header("List-Unsubscribe").unwrap().trim_matches(['<', '>']).to_owned();
    let path = url.strip_prefix("http://rounds.test").unwrap();
    assert!(received.mail().links.contains(&url));

    b.owner.act("message.schedule", plan(json!({ "consent_basis": "By phone", "send_at": "2026-11-26T15:00:00Z" }))).await.expect(200);
    let before = t.dump().await;
    let nobody = t.nobody();
    assert!(nobody.get(path).await.expect(200).body.contains("<form method=\"post\">"));
    assert_eq!(t.dump().await, before, "reading the page changes nothing");
    // What a mail program posts: no session, no page of ours before it.
    let request = axum::http::Request::post(path).header("content-type", "application/x-www-form-urlencoded");
    nobody.send(request.body("List-Unsubscribe=One-Click".into()).unwrap()).await.expect(200);
    assert_eq!(t.count("select count(*) from consents where not given and channel = 'email'").await, 1);
    let refused = b.owner.act("message.schedule", plan(json!({ "consent_basis": "By phone" }))).await.expect(422);
    assert!(refused.body.contains("does not want messages like this"), "{}", refused.body);
    // What was planned before does not go out; the appointment's mail does.
    visit(&b, &contact).await;
    t.advance(Duration::days(2));
    t.drain().await;
    let subjects: Vec<_> = sink.received().iter().map(|r| r.mail().subject).collect();
    assert_eq!(subjects.len(), 2, "{subjects:?}");
    assert!(subjects[1].starts_with("Please confirm"));
}

#[tokio::test]
async fn the_business_says_it_in_its_own_words() {
    let (t, sink) = TestApp::with_post().await;
    let b = t.business("Crystal Clear").await;
    let contact = customer(&b, "jane@example.com", Some(true)).await;
    let settings = "/settings/messages/confirmation";
    let refused = b.owner.post(settings, &[("subject", "See you {{appointment_day}}"), ("body", "Hi {{first_name}}")]).await.expect(422);
    assert!(refused.body.contains("There is no {{appointment_day}}") && refused.body.contains("{{appointment_date}}"), "{}", refused.body);
    assert!(refused.body.contains("See you {{appointment_day}}"), "what was typed is still there");
    let words = [("subject", "See you {{appointment_date}}"), ("body", "Hi {{first_name}}, <b>we</b> come {{appointment_time}}.")];
    let ticket = visit(&b, &contact).await;
    let preview = b.owner.post(settings, &[words[0], words[1], ("only", "preview")]).await.expect(200);
    assert!(preview.body.contains("See you Fri 27 Nov 2026") && preview.body.contains("As Jane Smith would read it"), "{}", preview.body);
    let slips = [("subject", "See you"), ("body", "Hi {{nope}} {{first_name}}"), ("only", "preview")];
    assert!(b.owner.post(settings, &slips).await.expect(422).body.contains("There is no {{nope}}"), "the preview says what Save would");
    let open = [("subject", "See you"), ("body", "Hi {{customer_name, we come.")];
    assert!(b.owner.post(settings, &open).await.expect(422).body.contains("is not closed"));
    b.owner.act("template.set", json!({ "kind": "confirmation", "subject": "Hi", "body": "Card 4111 1111 1111 1111" })).await.data();
    assert_eq!(t.count("select count(*) from message_templates where body = 'Card [REDACTED]'").await, 1);
    b.owner.post(settings, &words).await.expect(303);
    t.drain().await;
    let mail = sink.received()[0].mail();
    assert_eq!(mail.subject, "See you Fri 27 Nov 2026");
    assert!(mail.text.contains("Hi Jane, <b>we</b> come 9:00–11:00 CST.") && mail.html.contains("&#60;b&#62;we"), "{}", mail.html);
    b.owner.post("/settings/messages/confirmation/reset", &[]).await.expect(303);
    assert_eq!(b.owner.data("type=message_templates&kind=confirmation").await.data()[0]["is_own"], json!(false));

    // A planned message: seen as the customer will read it, changed, guarded against a stale edit, taken back.
    let planned = [
        ("contact_id", contact.as_str()),
        ("subject", "Spring, {{first_name}}?"),
        ("body", "Shall we come again?"),
        ("date", "2027-03-01"),
        ("time", "09:00"),
    ];
    let made = b.owner.post("/messages", &planned).await.expect(303).location().to_owned();
    let page = b.owner.get(&made).await.expect(200);
    assert!(page.body.contains("Spring, Jane?") && page.body.contains("Mon 1 Mar 2027, 9:00"), "{}", page.body);
    let edit = [("subject", "May, {{first_name}}?"), ("body", "Shall we?"), ("date", "2027-05-03"), ("time", "10:00"), ("_version", "1")];
    b.owner.post(&made, &edit).await.expect(303);
    let stale = b.owner.post(&made, &[("subject", "June?"), edit[1], edit[2], edit[3], edit[4]]).await.expect(409);
    assert!(stale.body.contains("June?") && stale.body.contains("May, Jane?"), "both versions: {}", stale.body);
    b.owner.post(&format!("{made}/cancel"), &[]).await.expect(303);
    let list = b.owner.get("/messages?search=smith&state=cancelled").await.expect(200);
    assert!(list.body.contains("Jane Smith"), "{}", list.body);
    // Without a script the customer is found by a search with links; an invoice starts in the same way.
    for form in ["/messages/new", "/invoices/new"] {
        let found = b.owner.get(&format!("{form}?search=smi&contact_id=")).await.expect(200).body;
        assert!(found.contains(&format!("{form}?contact_id={contact}")), "{found}");
    }
    for path in ["/messages", "/messages/new", "/settings/messages", &format!("/messages/new?contact_id={contact}")] {
        b.owner.get(path).await.expect(200);
    }
    b.owner.get("/demo/mail").await.expect(404);
    let _ = ticket;
}

/// An invoice reads sent once the mail server took it; its mail carries the stored PDF and the customer's link. One receipt a payment.
#[tokio::test]
async fn an_invoice_is_sent_when_its_mail_is() {
    let (t, sink) = TestApp::with_post().await;
    let b = t.business("Crystal Clear").await;
    let state = async || -> String { sqlx::query_scalar("select state::text from invoices").fetch_one(&t.admin).await.unwrap() };
    let contact = customer(&b, "flaky2@example.com", Some(false)).await;
    let lines = json!([{ "description": "Windows", "quantity": "1", "unit_price": "120.00" }]);
    let invoice = b.owner.act("invoice.create", json!({ "contact_id": contact, "lines": lines })).await.data()["id"].clone();
    b.owner.act("invoice.send", json!({ "invoice_id": invoice, "message": "It was a pleasure." })).await.expect(200);
    t.drain().await;
    assert_eq!(state().await, "issued", "put off by the mail server");
    for _ in 0..5 {
        t.advance(Duration::minutes(1));
        t.drain().await;
    }
    assert_eq!((state().await.as_str(), sink.received().len()), ("sent", 1));
    let mail = sink.received()[0].mail();
    assert!(mail.attachments.iter().any(|a| a.ends_with(".pdf")) && mail.links.iter().any(|l| l.contains("/i/")), "{mail:?}");
    assert!(mail.text.contains("It was a pleasure.") && mail.text.contains("To pay: $120.00"), "{}", mail.text);
    let paid = json!({ "invoice_id": invoice, "amount": "120.00", "method": "check", "send_receipt": true });
    b.owner.act("payment.record", paid).await.expect(200);
    for _ in 0..3 {
        t.drain().await;
        t.advance(Duration::minutes(5));
    }
    let receipt = sink.received().last().unwrap().mail();
    assert_eq!(sink.received().len(), 2);
    assert!(receipt.subject.starts_with("Receipt: $120.00") && !receipt.text.contains("Still to pay"), "{}", receipt.text);
}

/// A customer with a phone alone is reached out to by a person; whoever presses Done first is on record, once.
#[tokio::test]
async fn without_email_a_person_is_asked_to_call_or_text() {
    let (t, sink) = TestApp::with_post().await;
    let mut b = t.business("Crystal Clear").await;
    let ada = b.member(Role::Admin, "Ada").await;
    let lee = b.member(Role::Staff, "Lee").await;
    let new = async |name: &str, phones: Value| -> String {
        b.owner.act("contact.create", json!({ "first_name": name, "last_name": "Lane", "phones": phones })).await.data()["id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let phone = json!([{ "number": "(256) 555-0199" }]);
    let (ann, bea, cid) = (new("Ann", phone.clone()).await, new("Bea", phone).await, new("Cid", json!([])).await);
    for contact in [&ann, &bea, &cid] {
        let plan = json!({ "contact_id": contact, "send_at": "2026-11-25T15:00:00Z", "consent_basis": "Asked at the door" });
        b.owner.act("message.schedule", plan).await.expect(200);
    }
    let of = async |contact: &str| message(&b, &format!("contact_id={contact}")).await;
    assert_eq!((of(&ann).await["channel"].clone(), of(&bea).await["channel"].clone()), (json!("phone"), json!("phone")));
    assert!(b.owner.get("/messages").await.expect(200).body.contains("by phone or text"));
    // An address that comes in between: it is mailed.
    b.owner.act("contact.update", json!({ "contact_id": bea, "emails": [{ "address": "bea@example.com" }] })).await.expect(200);
    assert_eq!(of(&bea).await["channel"], json!("email"));
    t.advance(Duration::days(2));
    t.drain().await;
    assert_eq!(sink.received().iter().map(|r| r.to.clone()).collect::<Vec<_>>(), [["bea@example.com"]]);
    assert_eq!((of(&bea).await["state"].clone(), of(&ann).await["state"].clone()), (json!("sent"), json!("by_hand")));

    let home = b.owner.get("/").await.expect(200).body;
    assert!(home.contains("Reach out to Ann Lane: call or text") && home.contains("href=\"tel:2565550199\""), "{home}");
    assert!(home.contains("href=\"sms:2565550199?&#38;body=Hello%20Ann%2C%20this%20is%20Crystal%20Clear."), "{home}");
    assert!(home.contains("Reach out to Cid Lane: no phone, no email") && home.contains(&format!("/contacts/{cid}")), "{home}");
    assert!(!home.contains("Bea Lane") && !home.contains("Reply to this mail"), "{home}");
    assert!(!lee.get("/").await.expect(200).body.contains("Ann Lane"));

    // Put off, and back when its time comes, once.
    let id = of(&ann).await["id"].as_str().unwrap().to_owned();
    let page = b.owner.get(&format!("/messages/{id}")).await.expect(200).body;
    assert!(page.contains("What to say") && page.contains(">Done</button>"), "{page}");
    b.owner.act("message.update", json!({ "id": id, "send_at": "2026-12-01T15:00:00Z" })).await.expect(200);
    assert!(!b.owner.get("/").await.expect(200).body.contains("Ann Lane"));
    b.owner.act("message.done", json!({ "id": id })).await.expect(409);
    t.advance(Duration::days(7));
    t.drain().await;

    // Two press Done at the same time: one of them did it, and both are told so.
    let path = format!("/messages/{id}/done");
    let (first, second) = tokio::join!(b.owner.post(&path, &[("home", "true")]), ada.post(&path, &[("home", "true")]));
    assert_eq!((first.expect(303).location(), second.expect(303).location()), ("/", "/"));
    b.owner.act("message.done", json!({ "id": id })).await.expect(200);
    assert_eq!(t.count("select count(*) from events where name = 'message.done'").await, 1);
    assert_eq!(of(&ann).await["state"], json!("told"));
    assert!(!b.owner.get("/").await.expect(200).body.contains("Ann Lane"));
    let timeline = b.owner.get(&format!("/contacts/{ann}/timeline")).await.expect(200).body;
    assert!(timeline.contains("Reached out by phone or text"), "{timeline}");
    b.owner.act("message.cancel", json!({ "id": id })).await.expect(409);
    // The other one is taken back on home; nothing was ever sent to either.
    let other = of(&cid).await["id"].as_str().unwrap().to_owned();
    assert_eq!(b.owner.post(&format!("/messages/{other}/cancel"), &[("home", "true")]).await.expect(303).location(), "/");
    assert!(!b.owner.get("/").await.expect(200).body.contains("Cid Lane"));
    assert_eq!(sink.received().len(), 1);
}

/// An address that goes away before a message is due, and one that comes after: by phone, then by mail; a customer who said no is not called either.
#[tokio::test]
async fn the_way_is_chosen_when_it_is_due() {
    let (t, sink) = TestApp::with_post().await;
    let b = t.business("Crystal Clear").await;
    let (kept, gone) = (customer(&b, "jane@example.com", Some(true)).await, customer(&b, "joan@example.com", Some(true)).await);
    for contact in [&kept, &gone] {
        b.owner.act("message.schedule", json!({ "contact_id": contact, "send_at": "2026-11-25T15:00:00Z" })).await.expect(200);
    }
    b.owner.act("contact.update", json!({ "contact_id": gone, "emails": [] })).await.expect(200);
    sqlx::query("update contacts set email_consent = false where id = $1::uuid").bind(&kept).execute(&t.admin).await.unwrap();
    t.advance(Duration::days(2));
    t.drain().await;
    assert_eq!(sink.received().len(), 0);
    assert_eq!(message(&b, &format!("contact_id={kept}")).await["state"], json!("cancelled"));
    let waits = message(&b, &format!("contact_id={gone}")).await;
    assert_eq!(waits["state"], json!("by_hand"));
    b.owner.act("contact.update", json!({ "contact_id": gone, "emails": [{ "address": "joan@example.org" }] })).await.expect(200);
    b.owner.act("message.send_now", json!({ "id": waits["id"] })).await.expect(200);
    t.drain().await;
    assert_eq!(sink.received()[0].to, ["joan@example.org"]);
}

/// The words' preview has an example for everything that can be put in, for a business without a single visit too.
#[tokio::test]
async fn a_preview_leaves_no_variable_as_it_is_written() {
    let t = TestApp::new().await;
    let b = t.business("Crystal Clear").await;
    for kind in ["confirmation", "moved", "cancellation", "invoice", "receipt", "reach_out"] {
        let templates = b.owner.data(&format!("type=message_templates&kind={kind}")).await.data();
        let variables = templates[0]["variables"].as_array().unwrap().clone();
        let body = variables.iter().map(|v| format!("<{{{{{}}}}}>", v.as_str().unwrap())).collect::<Vec<_>>().join("\n");
        let typed = [("subject", "For {{first_name}}"), ("body", body.as_str()), ("only", "preview")];
        let page = b.owner.post(&format!("/settings/messages/{kind}"), &typed).await.expect(200).body;
        let shown = page.split("<pre id=\"out\">").nth(1).unwrap().split("</pre>").next().unwrap();
        assert!(!shown.contains("{{") && !shown.contains("&#60;&#62;"), "{kind}: {shown}");
        assert!(shown.contains("Please leave the side gate unlocked."), "{kind}: {shown}");
        // The script previews from the same values.
        let vars = page.split("data-vars=\"").nth(1).unwrap().split('"').next().unwrap();
        assert!(variables.iter().all(|v| vars.contains(v.as_str().unwrap())), "{kind}: {vars}");
    }
}
