//! The moment everything else depends on: the close-out, as pages without script post it, and as a program does.

use chrono::Duration;
use platform::role::Role;
use serde_json::{Value, json};

use crate::support::{Actor, Business, TestApp};

/// A customer with a ticket at nine today: one flexible line, one per unit, the price an estimate.
pub async fn ticket(b: &Business<'_>, technician: &Actor) -> (String, String) {
    let contact = b
        .owner
        .act("contact.create", json!({ "first_name": "Jane", "last_name": "Smith", "emails": [{ "address": "jane@example.com" }] }))
        .await;
    let contact = contact.data()["id"].as_str().unwrap().to_owned();
    let ticket = b
        .owner
        .act(
            "ticket.create",
            json!({
                "contact_id": contact, "starts_at": "2026-11-24T15:00:00Z", "ends_at": "2026-11-24T18:30:00Z",
                "member_ids": [technician.member], "is_price_estimated": true,
                "lines": [
                    { "kind": "flexible", "description": "Interior and exterior windows", "quantity": "1" },
                    { "kind": "per_unit", "description": "Screen cleaning", "quantity": "20", "unit_price": "5.00" },
                ],
            }),
        )
        .await
        .data();
    (contact, ticket["id"].as_str().unwrap().to_owned())
}

pub fn fields<'a>(go: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut f = vec![
        ("worked_hours", "3"),
        ("worked_minutes", "22"),
        ("lines[0].description", "Interior and exterior windows"),
        ("lines[0].kind", "flexible"),
        ("lines[0].quantity", "1"),
        ("lines[0].unit_price", "562"),
        ("lines[1].description", "Screen cleaning"),
        ("lines[1].kind", "per_unit"),
        ("lines[1].quantity", "20"),
        ("lines[1].unit_price", "5.00"),
        ("prices_confirmed", "yes"),
        ("notes", "Elderly woman, very nice. 20+ screens. Dog named Biscuit, keep gate closed."),
        ("next", "reach_out"),
        ("months", "6"),
        ("go", go),
    ];
    for (k, v) in more {
        f.retain(|(name, _)| name != k);
        if !v.is_empty() {
            f.push((k, v));
        }
    }
    f
}

/// The names and values of the fields of a page's form, as a browser without script would post them.
pub fn form_of(html: &str) -> Vec<(String, String)> {
    let attr = |tag: &str, name: &str| -> Option<String> {
        let at = tag.find(&format!(" {name}=\""))? + name.len() + 3;
        Some(tag[at..].split('"').next()?.replace("&#38;", "&").replace("&#39;", "'").replace("&amp;", "&"))
    };
    let form = html.split("data-wizard").nth(1).and_then(|f| f.split("</form>").next()).expect("the page has the wizard's form");
    form.split('<')
        .filter(|t| t.starts_with("input"))
        .filter(|t| !(t.contains("type=\"checkbox\"") || t.contains("type=\"radio\"")) || t.contains(" checked"))
        .filter_map(|t| Some((attr(t, "name")?, attr(t, "value").unwrap_or_default())))
        .collect()
}

#[tokio::test]
async fn a_technician_closes_a_ticket_out_step_by_step_without_script() {
    let t = TestApp::new().await;
    let mut b = t.business("Crystal Clear").await;
    let tech = b.member(Role::Staff, "Marcy").await;
    let (contact, id) = ticket(&b, &tech).await;
    let step = |s: &str| format!("/tickets/{id}/closeout/{s}");

    // Unconfirmed prices keep the person on the first step, with what was typed still there.
    let refused =
        tech.post(&step("what"), &fields("next", &[("prices_confirmed", ""), ("lines[0].unit_price", "562.50")])).await.expect(422);
    assert!(refused.body.contains("562.50") && refused.body.contains("Confirm that these are the final prices"), "{}", refused.body);
    // No step can be skipped: completing before review is refused, and a later step shows the first one that does not hold.
    tech.act("closeout.complete", json!({ "ticket_id": id })).await.expect(409);
    let jumped = tech.get(&step("review")).await.expect(200);
    assert!(jumped.body.contains("data-step=\"what\" data-title=\"What was done\">"), "the first step is the one shown");

    assert_eq!(tech.post(&step("what"), &fields("next", &[])).await.expect(303).location(), step("notes"));
    assert_eq!(tech.post(&step("notes"), &fields("next", &[])).await.expect(303).location(), step("next"));
    tech.post(&step("next"), &fields("next", &[("next", "")])).await.expect(422);
    assert_eq!(tech.post(&step("next"), &fields("next", &[])).await.expect(303).location(), step("review"));
    let review = tech.get(&step("review")).await.expect(200);
    assert!(
        review.body.contains("dog (Biscuit)") && review.body.contains("$662.00") && review.body.contains("3 h 22 min"),
        "{}",
        review.body
    );
    assert!(review.body.len() < 60_000);

    // Half done: nothing counts yet.
    let open = tech.data(&format!("type=tickets&id={id}")).await.data();
    assert_eq!(open["state"], "scheduled");

    let mut posted = form_of(&review.body);
    posted.push(("go".into(), "complete".into()));
    posted.push(("notes".into(), "Elderly woman, very nice. 20+ screens. Dog named Biscuit, keep gate closed.".into()));
    let posted: Vec<(&str, &str)> = posted.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let done = tech.post(&step("review"), &posted).await;
    assert_eq!(done.status.as_u16(), 303, "{}", done.body);
    assert_eq!(done.location(), step("money"));
    // P3: the same form again gives the same answer, and makes nothing twice.
    assert_eq!(tech.post(&step("review"), &posted).await.expect(303).location(), step("money"));

    let closed = b.owner.data(&format!("type=tickets&id={id}&include=line_items")).await.data();
    assert_eq!((closed["state"].as_str(), closed["worked_minutes"].as_i64()), (Some("closed"), Some(202)), "{closed}");
    assert_eq!(closed["total"].as_str(), Some("662.00"));
    let messages = b.owner.data(&format!("type=messages&contact_id={contact}")).await.data();
    let reach_outs: Vec<&Value> = messages.as_array().unwrap().iter().filter(|m| m["kind"] == "reach_out").collect();
    assert_eq!(reach_outs.len(), 1);
    assert!(reach_outs[0]["send_at"].as_str().unwrap().starts_with("2027-05-24T15:00"), "{}", reach_outs[0]);
    assert_eq!(t.count("select count(*) from attributes where state = 'confirmed' and key = 'pet'").await, 1);
    assert_eq!(t.count("select count(*) from notes where ticket_id is not null").await, 1);

    // Closed is closed, for the app's role too.
    b.owner.act("ticket.update", json!({ "ticket_id": id, "instructions": "x" })).await.expect(409);
    let (org, sql) = (b.org.0.to_string(), format!("update tickets set instructions = 'x' where id = '{id}'"));
    let mut db = <sqlx::PgConnection as sqlx::Connection>::connect(&t.url("rounds_app")).await.unwrap();
    sqlx::query("select set_config('app.org_id', $1, false)").bind(org).execute(&mut db).await.unwrap();
    assert!(sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut db).await.unwrap_err().to_string().contains("closed"));

    // Money: the way is recorded once.
    tech.post(&step("money"), &[("how", "")]).await.expect(422);
    tech.post(&step("money"), &[("how", "paid_already")]).await.expect(303);
    assert!(tech.get(&step("money")).await.expect(200).body.contains("paid already"));
}

/// P3, flows.md 1: two technicians on one ticket: the second sees who did it and when, with what they typed still there.
#[tokio::test]
async fn p3_the_second_one_keeps_what_was_typed() {
    let t = TestApp::new().await;
    let mut b = t.business("Crystal Clear").await;
    let (one, two) = (b.member(Role::Staff, "Marcy").await, b.member(Role::Staff, "Dale").await);
    let (_, id) = ticket(&b, &one).await;
    let step = |s: &str| format!("/tickets/{id}/closeout/{s}");
    let draft = json!({
        "worked_minutes": 60, "prices_confirmed": true, "notes": "Card 4111 1111 1111 1111 was on the table", "next": { "kind": "no" },
        "lines": [{ "kind": "flexible", "description": "Windows", "quantity": "1", "unit_price": "100" }],
    });
    one.act("closeout.save", json!({ "ticket_id": id, "draft": draft, "step": "review" })).await.data();
    t.advance(Duration::minutes(5));
    one.act("closeout.complete", json!({ "ticket_id": id })).await.data();
    let late = two.post(&step("review"), &fields("complete", &[("notes", "Left the blue ladder")])).await.expect(409);
    assert!(
        late.body.contains("This visit was closed in the meantime, by Marcy") && late.body.contains("Left the blue ladder"),
        "{}",
        late.body
    );
    let late = two.post(&step("what"), &fields("next", &[("lines[0].unit_price", "731.25")])).await.expect(409);
    assert!(late.body.contains("731.25"));
    assert_eq!(t.count("select count(*) from notes where body like '%[REDACTED]%'").await, 1);
    assert_eq!(t.count("select count(*) from notes where body like '%4111%'").await, 0);
    assert_eq!(t.count("select count(*) from closeouts where draft::text like '%4111%'").await, 0);
}

/// Notes sent ahead while the next visit was not chosen yet, and held up on the way, take nothing back from the review that came before them.
#[tokio::test]
async fn p3_notes_sent_ahead_may_arrive_last() {
    let t = TestApp::new().await;
    let mut b = t.business("Crystal Clear").await;
    let tech = b.member(Role::Staff, "Marcy").await;
    let (_, id) = ticket(&b, &tech).await;
    let draft = |next: serde_json::Value| {
        json!({ "worked_minutes": 60, "prices_confirmed": true, "notes": "Dog named Biscuit", "next": next,
            "lines": [{ "kind": "flexible", "description": "Windows", "quantity": "1", "unit_price": "100" }] })
    };
    let reach = json!({ "kind": "reach_out", "months": 6, "body": null });
    tech.act("closeout.save", json!({ "ticket_id": id, "draft": draft(reach.clone()), "step": "review" })).await.data();
    let late = tech.act("closeout.save", json!({ "ticket_id": id, "draft": draft(json!({ "kind": "undecided" })) })).await.data();
    assert_eq!((&late["step"], &late["draft"]["next"]), (&json!("review"), &reach));
    tech.act("closeout.complete", json!({ "ticket_id": id })).await.expect(200);
}

/// P3 under fire: the same completing sent twenty times at once closes once.
#[tokio::test]
async fn p3_a_double_tap_completes_once() {
    let t = TestApp::new().await;
    let mut b = t.business("Crystal Clear").await;
    let tech = b.member(Role::Staff, "Marcy").await;
    let (_, id) = ticket(&b, &tech).await;
    let next =
        json!({ "kind": "book", "starts_at": "2027-05-25T15:00:00Z", "ends_at": "2027-05-25T18:00:00Z", "technicians": [tech.member] });
    let draft = json!({ "worked_minutes": 60, "prices_confirmed": true, "notes": "Dog named Biscuit", "next": next,
        "lines": [{ "kind": "flexible", "description": "Windows", "quantity": "1", "unit_price": "100" }] });
    tech.act("closeout.save", json!({ "ticket_id": id, "draft": draft, "step": "review" })).await.data();
    let tries = (0..20).map(|_| {
        let (tech, id) = (tech.clone(), id.clone());
        tokio::spawn(async move {
            tech.act_with("closeout.complete", json!({ "ticket_id": id }), &[("idempotency-key", "tap")], json!({})).await
        })
    });
    let mut answers = Vec::new();
    for answer in tries {
        let answer = answer.await.unwrap();
        answers.push(answer.data());
    }
    assert!(answers.windows(2).all(|w| w[0] == w[1]), "everybody gets the first one's answer");
    assert_eq!(t.count("select count(*) from tickets").await, 2);
    assert_eq!(t.count("select count(*) from notes").await, 1);
}

/// A taken slot for the next visit is said where it is chosen, with what is free instead; taken only later, it refuses the whole completing:
/// nothing is half done, nothing typed is lost.
#[tokio::test]
async fn a_clash_of_the_next_visit_closes_nothing() {
    let t = TestApp::new().await;
    let mut b = t.business("Crystal Clear").await;
    let tech = b.member(Role::Staff, "Marcy").await;
    let (contact, id) = ticket(&b, &tech).await;
    b.owner
        .act("ticket.create", json!({ "contact_id": contact, "starts_at": "2027-05-25T15:00:00Z", "ends_at": "2027-05-25T18:00:00Z", "member_ids": [tech.member] }))
        .await
        .data();
    let step = |s: &str| format!("/tickets/{id}/closeout/{s}");
    let member = tech.member.unwrap().to_string();
    let booked = [
        ("next", "book"),
        ("next_date", "2027-05-25"),
        ("next_time", "10:30"),
        ("next_minutes", "120"),
        ("next_technicians", member.as_str()),
    ];
    let at_next = r#"data-step="next" data-title="Next visit">"#;
    let clash = tech.post(&step("next"), &fields("next", &booked)).await.expect(409).body;
    assert!(clash.contains(at_next) && clash.contains("Marcy is booked") && clash.contains("Book it anyway, because"), "{clash}");
    assert!(clash.contains(r#"name="free" value="2027-05-25T13:00""#) && !clash.contains("data-theirs"), "{clash}");
    assert!(clash.contains("2027-05-25") && clash.contains("10:30") && clash.contains("Dog named Biscuit"), "{clash}");
    // The free time that is pressed goes on at once; somebody else takes it before all is complete.
    let with = |name: &'static str, value: &'static str| [&booked[..], &[(name, value)]].concat();
    tech.post(&step("next"), &fields("", &with("free", "2027-05-25T13:00"))).await.expect(303);
    assert_eq!(
        b.owner.data(&format!("type=closeouts&ticket_id={id}")).await.data()[0]["draft"]["next"]["starts_at"],
        "2027-05-25T18:00:00Z"
    );
    let clash = tech.post(&step("review"), &fields("complete", &booked)).await.expect(409).body;
    assert!(clash.contains(at_next) && clash.contains("Free instead") && !clash.contains("data-theirs"), "{clash}");
    assert_eq!(t.count("select count(*) from tickets where state = 'closed'").await, 0);
    let half = b.owner.data("type=closeouts").await.data();
    assert_eq!(half.as_array().unwrap().len(), 1);
    // Nothing said, or too much: beside the field, with what was typed.
    let abandon = format!("/tickets/{id}/closeout/abandon");
    assert!(tech.post(&abandon, &[("reason", " ")]).await.expect(422).body.contains("Please say why."));
    let long = "wrong house ".repeat(50);
    let refused = tech.post(&abandon, &[("reason", long.as_str())]).await.expect(422).body;
    assert!(
        refused.contains("at most 500 characters") && refused.contains(long.trim_end()) && !refused.contains("data-refused"),
        "{refused}"
    );
    let given_up = tech.post(&abandon, &[("reason", "wrong house")]).await.expect(303);
    assert!(tech.get(given_up.location()).await.expect(200).body.contains(&format!(r#"name="draft-done" content="closeout-{id}""#)));
    assert_eq!(b.owner.data("type=closeouts").await.data().as_array().unwrap().len(), 0);
    // Before anything was kept it is no error either.
    tech.post(&abandon, &[("reason", "wrong house")]).await.expect(303);
    // On purpose, with the reason, it is booked all the same.
    tech.post(&step("next"), &fields("next", &with("next_override", "Both crews"))).await.expect(303);
    tech.post(&step("review"), &fields("complete", &with("next_override", "Both crews"))).await.expect(303);
    assert_eq!(t.count("select count(*) from tickets where override_reason = 'Both crews'").await, 1);
}

#[tokio::test]
async fn reaching_out_needs_no_email_and_is_refused_where_it_is_not_wanted() {
    let t = TestApp::new().await;
    let mut b = t.business("Crystal Clear").await;
    let lee = b.member(Role::Staff, "Lee").await;
    let (_, ticket) = ticket(&b, &lee).await;
    let to = |step: &str| format!("/tickets/{ticket}/closeout/{step}");
    let wanted = async |consent: Option<bool>| {
        sqlx::query("update contacts set email_consent = $1").bind(consent).execute(&t.admin).await.unwrap();
    };
    wanted(Some(false)).await;
    let page = lee.get(&to("what")).await.expect(200).body;
    assert!(page.contains(r#"value="reach_out" disabled"#) && page.contains("does not want messages like this."), "{page}");
    // Without script, and from a phone that did not know: at the step itself, with everything kept.
    let refused = lee.post(&to("next"), &fields("next", &[])).await.expect(422).body;
    assert!(refused.contains("book the next visit now, or say no") && refused.contains("Dog named Biscuit"), "{refused}");
    assert!(refused.contains(r#"data-step="next" data-title="Next visit">"#), "{refused}");
    lee.post(&to("next"), &fields("next", &[("next", "no")])).await.expect(303);
    let late = lee.post(&to("review"), &fields("complete", &[])).await.expect(422).body;
    assert!(late.contains(r#"data-step="next" data-title="Next visit">"#), "{late}");
    assert_eq!(t.count("select count(*) from tickets where state = 'closed'").await, 0);
    // Without an email address it is planned all the same, and the step says how it goes.
    wanted(None).await;
    sqlx::query("delete from contact_emails").execute(&t.admin).await.unwrap();
    let page = lee.get(&to("next")).await.expect(200).body;
    assert!(!page.contains(r#"value="reach_out" disabled"#) && page.contains("we ask you to call or text"), "{page}");
    lee.post(&to("next"), &fields("next", &[])).await.expect(303);
    lee.post(&to("review"), &fields("complete", &[])).await.expect(303);
    let planned = b.owner.data("type=messages&kind=reach_out").await.data()[0].clone();
    assert_eq!((planned["state"].clone(), planned["channel"].clone()), (json!("queued"), json!("phone")));
}
