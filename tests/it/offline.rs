//! What a phone that comes back to the link meets on the server (F3): the same entry counts once, under its own member only; what was
//! changed meanwhile is said; the answer to a write brings the next page.

use axum::{body::Body, http::Request};
use chrono::Duration;
use platform::role::Role;
use serde_json::json;

use crate::{
    closeout::ticket,
    support::{Actor, Answer, TestApp},
};

/// A form as the service worker sends it.
async fn sent(who: &Actor, path: &str, fields: &[(&str, &str)], headers: &[(&str, &str)]) -> Answer {
    let mut request =
        Request::post(path).header("content-type", "application/x-www-form-urlencoded").header("sec-fetch-site", "same-origin");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    who.send(request.body(Body::from(serde_html_form::to_string(fields).unwrap())).unwrap()).await
}

#[tokio::test]
async fn the_page_after_a_write_comes_with_its_answer() {
    let t = TestApp::new().await;
    let mut b = t.business("Panes").await;
    let tech = b.member(Role::Staff, "Tess").await;
    let (_, id) = ticket(&b, &tech).await;
    let path = format!("/tickets/{id}");
    let key = [("x-rounds-key", "k-1"), ("x-rounds-follow", "1")];
    let page = sent(&tech, &format!("{path}/clock-in"), &[("_key", "k-1")], &key).await.expect(200);
    assert_eq!(page.headers["content-location"], path.as_str());
    assert_eq!(page.headers["x-rounds-key"], "k-1");
    assert_eq!(page.headers["x-rounds-who"], tech.member.unwrap().to_string().as_str());
    assert!(page.body.contains("Clocked in"), "{}", page.body);
    let cookies: Vec<_> = page.headers.get_all("set-cookie").iter().map(|c| c.to_str().unwrap()).collect();
    assert!(cookies.iter().all(|c| !c.starts_with("flash=")), "shown already: {cookies:?}");
    // Without the wish, the redirect; the key comes back on refusals too, and on nobody's pages.
    assert_eq!(sent(&tech, &format!("{path}/clock-in"), &[("_key", "k-1")], &key[..1]).await.expect(303).location(), path);
    let refused = sent(&tech, "/tickets/00000000-0000-7000-8000-000000000000/clock-in", &[], &key).await.expect(404);
    assert_eq!(refused.headers["x-rounds-key"], "k-1");
    assert!(refused.body.contains("data-reason"), "{}", refused.body);
    let nobody = sent(&t.nobody(), &format!("{path}/clock-in"), &[], &key).await.expect(401);
    assert!(nobody.headers.get("x-rounds-who").is_none());
}

#[tokio::test]
async fn f3_a_late_clock_in_counts_once_and_at_its_time_whatever_the_phone_says_when_it_tries() {
    let t = TestApp::new().await;
    let mut b = t.business("Panes").await;
    let tech = b.member(Role::Staff, "Tess").await;
    let (_, id) = ticket(&b, &tech).await;
    let path = format!("/tickets/{id}/clock-in");
    let now = crate::support::start();
    let tapped = (now - Duration::minutes(38)).to_rfc3339();
    for tries in 0..3 {
        let device = (now + Duration::seconds(tries)).to_rfc3339();
        let fields = [("_key", "late-1"), ("occurred_at", tapped.as_str()), ("device_now", device.as_str())];
        sent(&tech, &path, &fields, &[("x-rounds-key", "late-1")]).await.expect(303);
    }
    let entries = b.owner.data(&format!("type=clock_entries&ticket_id={id}")).await.data();
    assert_eq!(entries.as_array().unwrap().len(), 1, "{entries}");
    assert_eq!(
        entries[0]["clocked_in_at"].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap(),
        now - Duration::minutes(38)
    );
    assert!(entries[0]["sent_at"].is_string(), "marked as sent later: {entries}");
    assert!(tech.get(&format!("/tickets/{id}")).await.body.contains("tapped without a link, arrived"));
}

#[tokio::test]
async fn f3_an_entry_goes_only_under_the_member_who_made_it() {
    let t = TestApp::new().await;
    let mut b = t.business("Panes").await;
    let tess = b.member(Role::Staff, "Tess").await;
    let lee = b.member(Role::Staff, "Lee").await;
    let (_, id) = ticket(&b, &tess).await;
    let made_by = tess.member.unwrap().to_string();
    let refused =
        sent(&lee, &format!("/tickets/{id}/clock-in"), &[], &[("x-rounds-key", "k"), ("x-rounds-who", &made_by)]).await.expect(409);
    assert_eq!(refused.headers["x-rounds-who"], lee.member.unwrap().to_string().as_str());
    assert_eq!(t.count("select count(*) from clock_entries").await, 0);
}

#[tokio::test]
async fn f3_what_happened_meanwhile_is_said_with_who_and_when() {
    let t = TestApp::new().await;
    let mut b = t.business("Panes").await;
    let tech = b.member(Role::Staff, "Tess").await;
    let (_, id) = ticket(&b, &tech).await;
    let path = format!("/tickets/{id}/clock-in");
    let moved = json!({ "ticket_id": id, "starts_at": "2026-11-26T15:00:00Z", "ends_at": "2026-11-26T18:00:00Z" });
    b.owner.act("ticket.reschedule", moved).await.data();
    let planned = [("planned", "2026-11-24T15:00:00Z")];
    let refused = sent(&tech, &path, &planned, &[]).await.expect(409).body;
    assert!(refused.contains("This visit was moved from Tue 24 Nov, 09:00 to Thu 26 Nov, 09:00 in the meantime, by"), "{refused}");
    // Within the day it is the same visit; and the person may decide that it counts all the same.
    sent(&tech, &path, &[("planned", "2026-11-26T20:00:00Z")], &[]).await.expect(303);
    sent(&tech, &format!("/tickets/{id}/clock-undo"), &[], &[]).await.expect(303);
    sent(&tech, &path, &[], &[]).await.expect(303);
    sent(&tech, &format!("/tickets/{id}/clock-undo"), &[], &[]).await.expect(303);
    b.owner.act("ticket.cancel", json!({ "ticket_id": id, "reason": "Rain" })).await.data();
    let refused = sent(&tech, &path, &[], &[]).await.expect(409).body;
    assert!(refused.contains("This visit was cancelled in the meantime, by"), "{refused}");
}

#[tokio::test]
async fn f3_a_draft_saved_by_another_filling_in_is_not_written_over_unseen() {
    let t = TestApp::new().await;
    let mut b = t.business("Panes").await;
    let tech = b.member(Role::Staff, "Tess").await;
    let (_, id) = ticket(&b, &tech).await;
    let draft = |notes: &str| json!({ "notes": notes, "worked_minutes": 60 });
    let save = |who: Actor, notes: &'static str, key: &'static str, seen: i32| {
        let input = json!({ "ticket_id": id, "draft": draft(notes), "filling": { "key": key, "seen": seen } });
        async move { who.act("closeout.save", input).await }
    };
    save(tech.clone(), "from the phone", "phone", 0).await.data();
    // The phone has not seen its own savings: they are its own.
    save(tech.clone(), "more from the phone", "phone", 0).await.data();
    let refused = save(b.owner.clone(), "from the desk", "desk", 0).await.expect(409);
    assert!(refused.body.contains("saved this close-out too") && refused.body.contains("more from the phone"), "{}", refused.body);
    // Seen, it may be replaced; the same words are no conflict.
    save(b.owner.clone(), "from the desk", "desk", 2).await.data();
    save(tech.clone(), "from the desk", "phone", 0).await.data();
    save(tech.clone(), "again from the phone", "phone", 0).await.data();
    save(b.owner.clone(), "from the desk once more", "desk", 3).await.expect(409);
}

#[tokio::test]
async fn a_phone_is_told_the_pages_of_two_days_with_a_mark_that_changes() {
    let t = TestApp::new().await;
    let mut b = t.business("Panes").await;
    let tech = b.member(Role::Staff, "Tess").await;
    let (contact, id) = ticket(&b, &tech).await;
    let pages = |answer: Answer| -> std::collections::BTreeMap<String, String> {
        serde_json::from_value(json!(
            answer.json()["pages"]
                .as_array()
                .unwrap()
                .iter()
                .map(|p| (p[0].as_str().unwrap().to_owned(), p[1].clone()))
                .collect::<serde_json::Map<_, _>>()
        ))
        .unwrap()
    };
    let first = pages(tech.get("/keep").await.expect(200));
    for path in
        ["/".to_owned(), "/calendar".into(), format!("/tickets/{id}"), format!("/tickets/{id}/closeout"), format!("/contacts/{contact}")]
    {
        assert!(first.contains_key(&path), "{path} in {first:?}");
        tech.get(&path).await.expect(200);
    }
    tech.act("note.create", json!({ "contact_id": contact, "body": "Ring twice" })).await.data();
    let second = pages(tech.get("/keep").await.expect(200));
    let ticket_path = format!("/tickets/{id}");
    assert_ne!(first[&ticket_path], second[&ticket_path]);
    // Another business's phone hears nothing of it.
    let other = t.business("Others").await;
    let theirs = pages(other.owner.get("/keep").await.expect(200));
    assert!(theirs.keys().all(|p| !p.contains(&id) && !p.contains(&contact)), "{theirs:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_a_request_given_up_leaves_no_transaction_behind() {
    let t = TestApp::new().await;
    let b = t.business("Panes").await;
    // Given up at every moment of its life, the opening of its transaction among them.
    for micros in (0..4000).step_by(10) {
        let _ = tokio::time::timeout(std::time::Duration::from_micros(micros), b.owner.get("/contacts")).await;
    }
    for n in 0..40 {
        b.owner.get("/contacts").await.expect(200);
        b.owner.act("contact.create", json!({ "first_name": "Ann", "last_name": format!("Number {n}") })).await.data();
    }
    let left = "select count(*) from pg_stat_activity where datname = current_database() and state like 'idle in transaction%'";
    assert_eq!(t.count(left).await, 0);
}
