//! The customer's answer: only a press of a button on our page counts, it can be changed, and every old link says where things stand.

use chrono::Duration;
use platform::role::Role;
use serde_json::json;

use crate::{
    messages::{customer, visit},
    support::{Actor, Answer, TestApp, post::ics},
};

/// The path of the customer's page, from the mail.
fn path(links: &[String]) -> String {
    let link = links.iter().find(|l| l.contains("/c/")).expect("the mail leads to the page");
    link.strip_prefix("http://rounds.test").unwrap().to_owned()
}

async fn confirmation(t: &TestApp, ticket: &str) -> String {
    sqlx::query_scalar("select confirmation::text from tickets where id = $1::uuid").bind(ticket).fetch_one(&t.admin).await.unwrap()
}

async fn press(nobody: &Actor, path: &str, sequence: &str, answer: &str, wish: &str) -> Answer {
    let bare = path.split('?').next().unwrap();
    nobody.post(bare, &[("sequence", sequence), ("answer", answer), ("wish", wish)]).await
}

#[tokio::test]
async fn l3_following_every_link_of_every_mail_changes_nothing() {
    let (t, sink) = TestApp::with_post().await;
    let b = t.business("Crystal Clear").await;
    let contact = customer(&b, "jane@example.com", Some(true)).await;
    let ticket = visit(&b, &contact).await;
    t.drain().await;
    let plan = json!({ "contact_id": contact, "send_at": "2026-11-24T15:00:00Z" });
    b.owner.act("message.schedule", plan).await.expect(200);
    let moved = json!({ "ticket_id": ticket, "starts_at": "2026-11-30T15:00:00Z", "ends_at": "2026-11-30T17:00:00Z" });
    b.owner.act("ticket.reschedule", moved).await.expect(200);
    t.drain().await;
    let links: Vec<String> = sink.received().iter().flat_map(|r| r.mail().links).collect();
    assert!(links.iter().filter(|l| l.contains("/c/")).count() >= 6 && links.iter().any(|l| l.contains("/u/")), "{links:?}");
    let before = t.dump().await;
    let scanner = t.nobody();
    for link in &links {
        let path = link.strip_prefix("http://rounds.test").unwrap();
        let page = scanner.get(path).await.expect(200);
        assert!(!page.body.contains("<script"), "no page submits itself");
        let head = axum::http::Request::head(path).body(axum::body::Body::empty()).unwrap();
        scanner.send(head).await.expect(200);
        t.advance(Duration::minutes(1));
    }
    assert_eq!(t.dump().await, before);
}

#[tokio::test]
async fn s4_only_a_person_confirms_and_the_answer_can_be_changed() {
    let (t, sink) = TestApp::with_post().await;
    let b = t.business("Crystal Clear").await;
    sqlx::query("update orgs set phone = '(256) 555-0142'").execute(&t.admin).await.unwrap();
    let contact = customer(&b, "jane@example.com", None).await;
    let ticket = visit(&b, &contact).await;
    let state = async || confirmation(&t, &ticket).await;
    t.drain().await;
    t.advance(Duration::hours(20));
    t.drain().await;
    assert_eq!(state().await, "asked");

    let (nobody, path) = (t.nobody(), path(&sink.received()[0].mail().links));
    let page = nobody.get(&path).await.expect(200);
    assert!(page.body.len() < 8 * 1024, "{}", page.body.len());
    assert_eq!(page.headers["referrer-policy"], "no-referrer");
    for id in [&ticket, &contact, &b.org.to_string()] {
        assert!(!page.body.contains(id.as_str()), "no internal id on the page");
    }
    assert!(page.body.contains("9:00–11:00 CST") && page.body.contains("Estimated"), "{}", page.body);
    let accepted = press(&nobody, &path, "0", "accepted", "").await.expect(303).location().to_owned();
    assert!(nobody.get(&accepted).await.expect(200).body.contains("Confirmed. Thank you!"));
    assert_eq!(state().await, "accepted");

    // Another time: the customer has to say when; the owners get a notice and one mail each, in the customer's last words.
    let refused = press(&nobody, &path, "0", "change_requested", "").await.expect(422);
    assert!(refused.body.contains("Which days and times suit you?") && refused.body.contains("aria-invalid"), "{}", refused.body);
    press(&nobody, &path, "0", "declined", "").await.expect(303);
    press(&nobody, &path, "0", "change_requested", "Any weekday after 14:00 {{customer_name}}").await.expect(303);
    assert_eq!(state().await, "change_requested");
    t.advance(Duration::minutes(3));
    t.drain().await;
    let mails = sink.received();
    assert_eq!(mails.len(), 2);
    assert_eq!(mails[1].to, std::slice::from_ref(&b.owner.email));
    assert!(mails[1].mail().text.contains("Any weekday after 14:00 {{customer_name}}"), "{}", mails[1].mail().text);
    assert_eq!(t.count("select count(*) from notices where kind = 'wants_another_time' and resolved_at is null").await, 1);
    t.advance(Duration::minutes(2));
    press(&nobody, &path, "0", "accepted", "").await.expect(303);
    assert_eq!(t.count("select count(*) from notices where resolved_at is null").await, 0);
    assert_eq!(t.count("select count(*) from ticket_answers where link_id is not null").await, 4);
    // Pressed twice, or by an old page that Back brought up: the same answer is one, another one counts. A mangled link is still a link.
    for (answer, answers) in [("accepted", 4), ("declined", 5), ("declined", 5), ("accepted", 6)] {
        nobody.post(path.split('?').next().unwrap(), &[("_key", "k1"), ("sequence", "0"), ("answer", answer)]).await.expect(303);
        assert_eq!(state().await, answer);
        assert_eq!(t.count("select count(*) from ticket_answers").await, answers);
    }
    t.advance(Duration::minutes(3));
    t.drain().await;
    assert_eq!(sink.received().len(), 2, "what was taken back within two minutes is not told");
    let bare = path.split('?').next().unwrap();
    nobody.get(&format!("{bare}?v=abc&v=1&to=%zz")).await.expect(200);

    // From midnight before the day it is too late here.
    t.clock.set("2026-11-27T05:59:00Z".parse().unwrap());
    press(&nobody, &path, "0", "declined", "").await.expect(303);
    t.clock.set("2026-11-27T06:00:00Z".parse().unwrap());
    press(&nobody, &path, "0", "accepted", "").await.expect(409);
    let late = nobody.get(&path).await.expect(200);
    assert!(late.body.contains("You declined") && late.body.contains("tel:2565550142") && !late.body.contains("<form"), "{}", late.body);
    assert_eq!(state().await, "declined");
}

#[tokio::test]
async fn old_links_say_where_things_stand() {
    let (t, sink) = TestApp::with_post().await;
    let b = t.business("Crystal Clear").await;
    let contact = customer(&b, "jane@example.com", None).await;
    let ticket = visit(&b, &contact).await;
    t.drain().await;
    let (nobody, path) = (t.nobody(), path(&sink.received()[0].mail().links));
    press(&nobody, &path, "0", "accepted", "").await.expect(303);
    let moved = json!({ "ticket_id": ticket, "starts_at": "2026-11-30T15:00:00Z", "ends_at": "2026-11-30T17:00:00Z" });
    b.owner.act("ticket.reschedule", moved).await.expect(200);
    t.drain().await;
    let page = nobody.get(&path).await.expect(200);
    assert!(page.body.contains("This appointment has a new time") && page.body.contains("Mon 30 Nov 2026"), "{}", page.body);
    // A page that was open since before the move can't confirm the new time.
    let stale = press(&nobody, &path, "0", "accepted", "").await.expect(409);
    assert!(stale.body.contains("moved") && stale.body.contains("Mon 30 Nov 2026"), "{}", stale.body);
    assert_eq!(confirmation(&t, &ticket).await, "asked");

    t.advance(Duration::minutes(2));
    b.owner.act("confirmation.renew_link", json!({ "ticket_id": ticket })).await.expect(200);
    let gone = nobody.get(&path).await.expect(410);
    assert!(gone.body.contains("This link was replaced") && !gone.body.contains("30 Nov"), "{}", gone.body);
    press(&nobody, &path, "1", "accepted", "").await.expect(410);
    let asked = b.owner.act("confirmation.ask", json!({ "ticket_id": ticket, "link_only": true })).await.data();
    let fresh = asked["url"].as_str().unwrap().strip_prefix("http://rounds.test").unwrap().to_owned();
    b.owner.act("ticket.cancel", json!({ "ticket_id": ticket, "reason": "Storm" })).await.expect(200);
    let cancelled = nobody.get(&fresh).await.expect(200);
    assert!(cancelled.body.contains("This appointment is cancelled") && !cancelled.body.contains("<form"), "{}", cancelled.body);

    // Guessing leads nowhere, and too much of anything is refused.
    t.advance(Duration::minutes(2));
    nobody.get("/c/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").await.expect(404);
    nobody.get(&fresh.replace("/c/", "/u/")).await.expect(404);
    let mut last = 200;
    for _ in 0..31 {
        last = nobody.get(&fresh).await.status.as_u16();
    }
    assert_eq!(last, 429);
}

#[tokio::test]
async fn a_customer_without_email_is_asked_by_paper_code_or_text() {
    let (t, sink) = TestApp::with_post().await;
    let b = t.business("Crystal Clear").await;
    let new = json!({ "first_name": "Edna", "phones": [{ "number": "(256) 555-0199" }] });
    let contact = b.owner.act("contact.create", new).await.data()["id"].as_str().unwrap().to_owned();
    let ticket = visit(&b, &contact).await;
    t.drain().await;
    assert!(sink.received().is_empty());
    assert_eq!(confirmation(&t, &ticket).await, "not_asked", "nobody was asked yet");
    let panel = format!("/tickets/{ticket}/confirmation");
    b.owner.post(&format!("{panel}/ask"), &[("link_only", "true")]).await.expect(303);
    assert_eq!(confirmation(&t, &ticket).await, "asked");
    let page = b.owner.get(&panel).await.expect(200);
    for part in ["<svg", "href=\"sms:", "data-copy=\"http://rounds.test/c/", "/confirmation/print", "No email address"] {
        assert!(page.body.contains(part), "{part}\n{}", page.body);
    }
    let sheet = b.owner.get(&format!("{panel}/print")).await.expect(200);
    assert!(sheet.body.contains("http://rounds.test/c/") && sheet.body.contains("<svg"));
    b.owner.post(&format!("{panel}/record"), &[("answer", "accepted")]).await.expect(422);
    b.owner.post(&format!("{panel}/record"), &[("answer", "accepted"), ("channel", "phone")]).await.expect(303);
    let page = b.owner.get(&panel).await.expect(200);
    assert!(page.body.contains("recorded by Taylor"), "{}", page.body);
}

/// The visit goes to another customer, then to their other house two zones away: the first one's link is dead, the second one is asked about theirs.
#[tokio::test]
async fn another_customers_visit_is_not_the_first_ones_to_see() {
    let (t, sink) = TestApp::with_post().await;
    let b = t.business("Crystal Clear").await;
    let jane = customer(&b, "jane@example.com", None).await;
    let vera = customer(&b, "vera@example.com", None).await;
    let ticket = visit(&b, &jane).await;
    t.drain().await;
    let (nobody, janes) = (t.nobody(), path(&sink.received()[0].mail().links));
    press(&nobody, &janes, "0", "declined", "").await.expect(303);
    let place = |street: &str, zone: &str| json!({ "contact_id": vera, "street": street, "city": "Elsewhere", "time_zone": zone });
    let near = b.owner.act("address.create", place("9 Elm St", "America/Chicago")).await.expect(200).data()["id"].clone();
    b.owner.act("ticket.update", json!({ "ticket_id": ticket, "contact_id": vera, "address_id": near })).await.expect(200);
    for answer in [nobody.get(&janes).await, press(&nobody, &janes, "0", "accepted", "").await] {
        let gone = answer.expect(410).body;
        assert!(!gone.contains("Elm St") && !gone.contains("Windows"), "{gone}");
    }
    assert_eq!(confirmation(&t, &ticket).await, "not_asked");
    assert_eq!(t.count("select count(*) from notices where resolved_at is null").await, 0);
    t.advance(Duration::minutes(1));
    t.drain().await;
    let mails = sink.received();
    assert_eq!((mails.len(), mails[1].to.as_slice()), (2, ["vera@example.com".to_owned()].as_slice()));
    assert!(mails[1].mail().text.contains("9 Elm St") && confirmation(&t, &ticket).await == "asked");
    let veras = path(&mails[1].mail().links);
    press(&nobody, &veras, "1", "accepted", "").await.expect(303);

    // Nine o'clock stays nine o'clock where it is now, which is another time: she is asked again.
    let far = b.owner.act("address.create", place("1 Ocean Ave", "America/Los_Angeles")).await.expect(200).data()["id"].clone();
    b.owner.act("ticket.update", json!({ "ticket_id": ticket, "address_id": far })).await.expect(200);
    t.advance(Duration::minutes(3));
    t.drain().await;
    let moved = sink.received().into_iter().find(|r| r.mail().text.contains("1 Ocean Ave")).expect("a mail about the new time").mail();
    assert!(moved.subject.starts_with("New time") && moved.text.contains("9:00–11:00 PST"), "{}", moved.text);
    assert!(ics(&moved, "SEQUENCE").contains(&"2") && ics(&moved, "DTSTART").contains(&"20261127T170000Z"), "{moved:?}");
    // Taken off again: no address, and the business's own zone.
    b.owner.act("ticket.update", json!({ "ticket_id": ticket, "no_address": true })).await.expect(200);
    let now = b.owner.data(&format!("type=tickets&id={ticket}")).await.data();
    assert_eq!((&now["address_id"], &now["sequence"], &now["starts_at"]), (&json!(null), &json!(3), &json!("2026-11-27T15:00:00Z")));
}

#[tokio::test]
async fn a_visit_of_the_same_day_is_confirmed_by_phone_and_the_link_is_not_for_viewers() {
    let (t, sink) = TestApp::with_post().await;
    let mut b = t.business("Crystal Clear").await;
    let viewer = b.member(Role::Viewer, "Vic").await;
    sqlx::query("update orgs set phone = '(256) 555-0142'").execute(&t.admin).await.unwrap();
    b.owner.act("tax_rate.create", json!({ "name": "Sales tax", "percent": "9", "is_default": true })).await.expect(200);
    let contact = customer(&b, "jane@example.com", None).await;
    let book = async |from: &str, until: &str| {
        let lines = json!([{ "description": "Windows", "unit_price": "120.00" }]);
        let new = json!({ "contact_id": contact, "starts_at": from, "ends_at": until, "lines": lines });
        b.owner.act("ticket.create", new).await.expect(200).data()["id"].as_str().unwrap().to_owned()
    };
    book("2026-11-24T20:00:00Z", "2026-11-24T21:00:00Z").await;
    t.drain().await;
    let mail = sink.received()[0].mail();
    assert!(mail.text.contains("please call (256) 555-0142") && !mail.text.contains("/c/"), "{}", mail.text);
    // Half past one comes twice that night: the visit begins in the first and ends after the second. The tax comes on top.
    let ticket = book("2027-11-07T06:30:00Z", "2027-11-07T09:30:00Z").await;
    t.drain().await;
    let mail = sink.received()[1].mail();
    assert!(mail.text.contains("1:30 CDT–3:30 CST") && mail.text.contains("$120.00 plus tax"), "{}", mail.text);
    let page = t.nobody().get(&path(&mail.links)).await.expect(200).body;
    assert!(page.contains("$120.00 plus tax"), "{page}");
    assert!(b.owner.get(&format!("/tickets/{ticket}")).await.expect(200).body.contains("$120.00 plus tax"));
    let message = b.owner.data(&format!("type=messages&subject_id={ticket}")).await.data()[0]["id"].as_str().unwrap().to_owned();
    let looks = [
        format!("/tickets/{ticket}/confirmation"),
        format!("/messages/{message}"),
        format!("/api/data?type=messages&id={message}"),
        format!("/history/messages/{message}"),
        format!("/api/data?type=audit_trail&table=messages&record_id={message}"),
    ];
    for look in looks {
        assert!(b.owner.get(&look).await.expect(200).body.contains("/c/"), "{look}");
        let seen = viewer.get(&look).await.expect(200).body;
        assert!(!seen.contains("/c/"), "{look}: {seen}");
    }
    viewer.get(&format!("/tickets/{ticket}/confirmation/print")).await.expect(403);
}
