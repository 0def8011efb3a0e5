//! What happens around a close-out while it is filled in: the office changes the ticket, cancels it, closes it another way; and what completing
//! would refuse is said before.

use platform::role::Role;
use serde_json::{Value, json};

use crate::{
    closeout::{fields, form_of, ticket},
    support::{Actor, TestApp},
};

async fn lines(who: &Actor, id: &str) -> Vec<Value> {
    who.data(&format!("type=tickets&id={id}&include=line_items")).await.data()["line_items"].as_array().unwrap().clone()
}

/// The draft of somebody who did what the ticket says, at 150 for the windows.
async fn draft(who: &Actor, id: &str) -> Value {
    let mut lines = lines(who, id).await;
    for line in &mut lines {
        line.as_object_mut().unwrap().retain(|k, _| matches!(k.as_str(), "id" | "kind" | "description" | "quantity" | "unit_price"));
    }
    lines[0]["unit_price"] = json!("150");
    json!({ "worked_minutes": 60, "prices_confirmed": true, "notes": "", "next": { "kind": "no" }, "lines": lines })
}

/// flows.md, a stale edit: what the office changes while somebody closes out is neither undone nor does it undo; both are shown, a person chooses.
#[tokio::test]
async fn lines_changed_by_the_office_are_not_undone() {
    let t = TestApp::new().await;
    let mut b = t.business("Crystal Clear").await;
    let tech = b.member(Role::Staff, "Marcy").await;
    let (_, id) = ticket(&b, &tech).await;
    let mine = draft(&tech, &id).await;
    tech.act("closeout.save", json!({ "ticket_id": id, "draft": mine, "step": "review" })).await.data();
    let added = json!({ "ticket_id": id, "description": "Gutters", "quantity": "1", "unit_price": "80" });
    b.owner.act("ticket.add_line", added).await.data();
    b.owner.act("ticket.update_line", json!({ "line_id": mine["lines"][0]["id"], "unit_price": "222" })).await.data();
    // A program: both versions are in the answer, and saying which lines were seen is its word.
    let refused = tech.act("closeout.complete", json!({ "ticket_id": id })).await.expect(409).json()["error"]["current"].clone();
    assert_eq!((refused["lines"].as_array().unwrap().len(), &refused["yours"]["lines"][0]["unit_price"]), (3, &json!("150")));
    tech.act("closeout.complete", json!({ "ticket_id": id, "draft": mine })).await.expect(409);
    tech.act("closeout.save", json!({ "ticket_id": id, "draft": mine, "step": "review" })).await.expect(409);
    assert_eq!(t.count("select count(*) from tickets where state = 'closed'").await, 0);

    // A page without script: both stand on it.
    let review = format!("/tickets/{id}/closeout/review");
    let post = async |html: &str, go: &str| {
        let mut form = form_of(html);
        form.extend([("go".into(), go.into()), ("notes".into(), "Side door".into())]);
        let form: Vec<(&str, &str)> = form.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        tech.post(&review, &form).await
    };
    let page = tech.get(&review).await.expect(200).body;
    let both = post(&page, "complete").await.expect(409).body;
    assert!(both.contains("What the ticket says now") && both.contains("Gutters") && both.contains("$222.00"), "{both}");
    assert!(
        both.contains(r#"value="150""#) && both.contains("Side door") && both.contains(r#"data-step="what" data-title="What was done">"#),
        "{both}"
    );
    // Theirs is taken over: with the price still to be confirmed, the notes kept.
    let taken = post(&both, "theirs").await.expect(303);
    let page = tech.get(taken.location()).await.expect(200).body;
    assert!(page.contains("Gutters") && page.contains(r#"value="222.00""#) && page.contains("Side door"), "{page}");
    // Changed once more, mine is kept this time: going on from the page that shows both says so.
    b.owner.act("ticket.update_line", json!({ "line_id": mine["lines"][0]["id"], "unit_price": "333" })).await.data();
    let next = form_of(&page).into_iter().map(|(k, v)| if k == "prices_confirmed" { (k, String::new()) } else { (k, v) });
    let mut next: Vec<(String, String)> = next.filter(|(k, _)| k != "prices_confirmed").collect();
    next.extend([("prices_confirmed".into(), "yes".into()), ("next".into(), "no".into()), ("go".into(), "next".into())]);
    let send = async |form: &[(String, String)], go: &str| {
        let form: Vec<(&str, &str)> = form.iter().map(|(k, v)| (k.as_str(), if k == "go" { go } else { v.as_str() })).collect();
        tech.post(&review, &form).await
    };
    let both = send(&next, "next").await.expect(409).body;
    assert!(both.contains("$333.00") && both.contains(r#"value="222.00""#), "{both}");
    let seen = form_of(&both).into_iter().find(|(k, _)| k == "lines_seen").unwrap();
    next.retain(|(k, _)| k != "lines_seen");
    next.push(seen);
    send(&next, "next").await.expect(303);
    send(&next, "complete").await.expect(303);
    assert_eq!(b.owner.data(&format!("type=tickets&id={id}")).await.data()["total"], "402.00");
}

/// A ticket that is cancelled, or closed by a program, leaves no half-done close-out behind.
#[tokio::test]
async fn a_half_done_close_out_ends_with_its_ticket() {
    let t = TestApp::new().await;
    let mut b = t.business("Crystal Clear").await;
    let (tech, viewer) = (b.member(Role::Staff, "Marcy").await, b.member(Role::Viewer, "Vic").await);
    let half = async || b.owner.data("type=closeouts").await.data().as_array().unwrap().len();
    let (_, id) = ticket(&b, &tech).await;
    tech.act("closeout.start", json!({ "ticket_id": id })).await.data();
    assert_eq!(half().await, 1);
    // Who may not go on with it gets no link that refuses.
    assert!(tech.get("/").await.expect(200).body.contains(&format!("/tickets/{id}/closeout")));
    let home = viewer.get("/").await.expect(200).body;
    assert!(home.contains("Half-done close-outs") && !home.contains(&format!("/tickets/{id}/closeout")), "{home}");
    b.owner.act("ticket.cancel", json!({ "ticket_id": id, "reason": "Rain" })).await.data();
    assert_eq!(half().await, 0);
    assert_eq!(t.count("select count(*) from closeouts where state = 'abandoned'").await, 1);

    let (_, id) = ticket(&b, &tech).await;
    tech.act("closeout.start", json!({ "ticket_id": id })).await.data();
    let close = |lines: Value| json!({ "ticket_id": id, "worked_minutes": 60, "lines": lines });
    // An empty list is neither the lines as they stand nor a word on their prices.
    b.owner.act("ticket.close", close(json!([]))).await.expect(422);
    let windows = lines(&b.owner, &id).await[0]["id"].clone();
    let done = json!({ "id": windows, "description": "Windows", "quantity": "1", "unit_price": "100", "price_confirmed": true });
    b.owner.act("ticket.close", close(json!([done, done]))).await.expect(422);
    b.owner.act("ticket.close", close(json!([done]))).await.data();
    assert_eq!(half().await, 0);
    // How it was paid takes the invoice that it names.
    b.owner.act("ticket.settle", json!({ "ticket_id": id, "settlement": "payment" })).await.expect(422);
    let settled = b.owner.act("closeout.settle", json!({ "ticket_id": id, "settlement": "payment" })).await.data();
    assert!(settled["invoice_id"].is_string(), "{settled}");

    // One that was left over is given up all the same.
    let (_, id) = ticket(&b, &tech).await;
    tech.act("closeout.start", json!({ "ticket_id": id })).await.data();
    sqlx::raw_sql("alter table tickets disable trigger end_closeout").execute(&t.admin).await.unwrap();
    b.owner.act("ticket.cancel", json!({ "ticket_id": id, "reason": "Rain" })).await.data();
    assert_eq!(half().await, 0);
    tech.act("closeout.abandon", json!({ "ticket_id": id, "reason": "cancelled" })).await.data();
    assert_eq!(t.count("select count(*) from closeouts where state in ('open', 'reviewed')").await, 0);
}

/// What completing would refuse, or trip over, is refused at its step; nothing gets past the review that cannot be completed.
#[tokio::test]
async fn the_review_passes_only_what_can_be_completed() {
    let t = TestApp::new().await;
    let mut b = t.business("Crystal Clear").await;
    let tech = b.member(Role::Staff, "Marcy").await;
    let (_, other) = ticket(&b, &tech).await;
    let foreign = lines(&b.owner, &other).await[0]["id"].clone();
    b.owner.act("ticket.cancel", json!({ "ticket_id": other, "reason": "Rain" })).await.data();
    let (_, id) = ticket(&b, &tech).await;
    let good = draft(&tech, &id).await;
    let with = |path: &str, value: Value| {
        let mut draft = good.clone();
        *draft.pointer_mut(path).unwrap() = value;
        draft
    };
    let twice = json!([good["lines"][0], good["lines"][0]]);
    let book = |starts_at: &str, ends_at: &str| json!({ "kind": "book", "starts_at": starts_at, "ends_at": ends_at, "technicians": [] });
    for (draft, field) in [
        (with("/lines/0/quantity", json!("1.005")), "lines[0].quantity"),
        (with("/lines/0/unit_price", json!("1.005")), "lines[0].unit_price"),
        (with("/lines", json!([{ "kind": "fixed", "description": "All", "quantity": "99999", "unit_price": "999999" }])), "lines"),
        (with("/lines/0/id", foreign), "lines[0].unit_price"),
        (with("/lines", twice), "lines[1].unit_price"),
        (with("/next", json!({ "kind": "reach_out", "months": 6, "body": "Dear {{nope}}" })), "reach_body"),
        (with("/next", book("2026-11-23T15:00:00Z", "2026-11-23T16:00:00Z")), "next_date"),
    ] {
        let refused = tech.act("closeout.save", json!({ "ticket_id": id, "draft": draft, "step": "review" })).await.expect(422).json();
        assert_eq!(refused["error"]["details"][0]["field"], field, "{refused}");
    }
    tech.act("closeout.save", json!({ "ticket_id": id, "draft": good, "step": "review" })).await.data();
    let mut sure = good.clone();
    sure["attributes"] = json!([{ "key": "pet", "value": "dog", "keep": true, "origin": "typed", "confidence": "7.5" }]);
    tech.act("closeout.complete", json!({ "ticket_id": id, "draft": sure })).await.expect(422);

    // Pages: beside the field, in its row and at its step, whatever was taken off above it.
    let step = |s: &str| format!("/tickets/{id}/closeout/{s}");
    let booked = [("next", "book"), ("next_date", "2027-13-45"), ("next_time", "10:30"), ("next_minutes", "60"), ("lines[0].drop", "yes")];
    let page = tech.post(&step("next"), &fields("next", &booked)).await.expect(422).body;
    assert!(page.contains(r#"data-step="next" data-title="Next visit">"#) && page.contains("2027-13-45"), "{page}");
    let priced = [("lines[0].drop", "yes"), ("lines[1].quantity", "1.005")];
    let page = tech.post(&step("what"), &fields("next", &priced)).await.expect(422).body;
    assert!(page.contains("At most two decimals") && page.contains(r##"href="#f-lines-1--quantity""##), "{page}");

    // Closed out long after it was planned, the next visit is still to come, on the same weekday.
    let contact = b.owner.act("contact.create", json!({ "first_name": "Sam" })).await.data()["id"].clone();
    let old = json!({ "contact_id": contact, "starts_at": "2025-10-21T15:00:00Z", "ends_at": "2025-10-21T16:00:00Z", "lines": [] });
    let old = b.owner.act("ticket.create", old).await.data()["id"].as_str().unwrap().to_owned();
    let page = b.owner.get(&format!("/tickets/{old}/closeout")).await.expect(200).body;
    let proposed = form_of(&page).into_iter().find(|(k, _)| k == "next_date").unwrap().1;
    let proposed: chrono::NaiveDate = proposed.parse().unwrap();
    assert!(proposed > "2026-11-24".parse().unwrap(), "{proposed}");
    assert_eq!(chrono::Datelike::weekday(&proposed), chrono::Weekday::Tue);
}

/// domain.md, Roles: an agent closes out their own tickets, the follow-up included, without the right to send whatever they like.
#[tokio::test]
async fn an_agent_plans_the_follow_up_of_their_own_visit() {
    let t = TestApp::new().await;
    let mut b = t.business("Crystal Clear").await;
    let agent = b.member(Role::Agent, "Ann").await;
    let (contact, id) = ticket(&b, &agent).await;
    let to = |step: &str| format!("/tickets/{id}/closeout/{step}");
    agent.post(&to("next"), &fields("next", &[])).await.expect(303);
    agent.post(&to("review"), &fields("complete", &[])).await.expect(303);
    let planned = b.owner.data(&format!("type=messages&contact_id={contact}&kind=reach_out")).await.data();
    assert_eq!(planned.as_array().unwrap().len(), 1);
    let message = json!({ "contact_id": contact, "send_at": "2027-05-24T15:00:00Z", "consent_basis": "asked" });
    agent.act("message.schedule", message).await.expect(403);
}

/// A visit that costs nothing offers no payment and no invoice; an open one has no money page yet.
#[tokio::test]
async fn the_money_page_offers_what_works() {
    let t = TestApp::new().await;
    let b = t.business("Crystal Clear").await;
    let contact = b.owner.act("contact.create", json!({ "first_name": "Jane" })).await.data()["id"].clone();
    let line = json!({ "kind": "fixed", "description": "Look at the gutters", "quantity": "1", "unit_price": "0" });
    let slot = json!({ "contact_id": contact, "starts_at": "2026-11-24T15:00:00Z", "ends_at": "2026-11-24T16:00:00Z", "lines": [line] });
    let id = b.owner.act("ticket.create", slot).await.data()["id"].as_str().unwrap().to_owned();
    let money = format!("/tickets/{id}/closeout/money");
    assert_eq!(b.owner.get(&money).await.expect(303).location(), format!("/tickets/{id}"));
    b.owner.act("ticket.close", json!({ "ticket_id": id, "worked_minutes": 10 })).await.data();
    let page = b.owner.get(&money).await.expect(200).body;
    assert!(
        page.contains("Nothing is to be paid") && !page.contains(r#"value="payment""#) && !page.contains(r#"value="invoice""#),
        "{page}"
    );
}
