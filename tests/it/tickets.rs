//! Tickets through the real router: booking under a race, times that do not exist, answers by a person, the clock, closing.

use std::time::Instant;

use chrono::{DateTime, Duration, Utc};
use platform::{
    ids::{ContactId, MemberId, TicketId},
    localtime::{parse_date, parse_time, to_utc},
    role::Role,
};
use serde_json::{Value, json};
use uuid::Uuid;
use work::tickets::{Answer, TicketState, actions as a};

use crate::support::{Actor, Business, TestApp, start};

/// A customer with an address, straight into the tables.
async fn customer(t: &TestApp, b: &Business<'_>, name: &str, zone: Option<&str>) -> (Uuid, Uuid) {
    let (contact, address) = (Uuid::now_v7(), Uuid::now_v7());
    let mut tx = t.admin.begin().await.unwrap();
    sqlx::query("select set_config('app.org_id', $1, true)").bind(b.org.0.to_string()).execute(&mut *tx).await.unwrap();
    sqlx::query("insert into contacts (id, name) values ($1, $2)").bind(contact).bind(name).execute(&mut *tx).await.unwrap();
    sqlx::query("insert into addresses (id, contact_id, street, city, access_notes, time_zone) values ($1, $2, '123 Main St', 'Madison', 'Gate 4411', $3)")
        .bind(address)
        .bind(contact)
        .bind(zone)
        .execute(&mut *tx)
        .await
        .unwrap();
    sqlx::query("select app.index_contacts(array[$1])").bind(contact).execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    (contact, address)
}

async fn service(t: &TestApp, b: &Business<'_>, name: &str, kind: &str, price: Option<&str>, minutes: i32) -> Uuid {
    let id = Uuid::now_v7();
    sqlx::query(
        "insert into services (org_id, id, name, kind, price, duration_minutes) values ($1, $2, $3, $4::service_kind, $5::numeric, $6)",
    )
    .bind(b.org.0)
    .bind(id)
    .bind(name)
    .bind(kind)
    .bind(price)
    .bind(minutes)
    .execute(&t.admin)
    .await
    .unwrap();
    id
}

fn booking(contact: Uuid, at: DateTime<Utc>, minutes: i64, members: &[MemberId], lines: Value) -> Value {
    json!({ "contact_id": contact, "starts_at": at, "ends_at": at + Duration::minutes(minutes), "member_ids": members, "lines": lines })
}

async fn book(actor: &Actor, contact: Uuid, at: DateTime<Utc>, minutes: i64, members: &[MemberId], lines: Value) -> String {
    let data = actor.act("ticket.create", booking(contact, at, minutes, members, lines)).await.expect(200).data();
    data["id"].as_str().unwrap().to_owned()
}

async fn read(actor: &Actor, id: &str) -> Value {
    actor.data(&format!("type=tickets&id={id}&include=line_items,assignments,clock,answers,contact,address,audit_trail")).await.data()
}

#[tokio::test]
async fn p1_fifty_at_once_one_wins_each_slot_and_the_rest_get_alternatives() {
    let t = TestApp::new().await;
    let mut b = t.business("Crystal Clear").await;
    b.member(Role::Staff, "Marcy").await;
    b.member(Role::Staff, "Lee").await;
    let team = [b.members["Marcy"], b.members["Lee"]];
    let (contact, _) = customer(&t, &b, "Jane Smith", None).await;
    let at = start() + Duration::days(1);
    let began = Instant::now();
    // One technician or the other, or both named in either order: what deadlocks without an order of locks.
    let wishes = (0..50).map(|i| {
        let members: Vec<MemberId> = match i % 4 {
            0 => vec![team[0]],
            1 => vec![team[1]],
            2 => vec![team[0], team[1]],
            _ => vec![team[1], team[0]],
        };
        let (owner, data) = (b.owner.clone(), booking(contact, at, 60, &members, json!([])));
        tokio::spawn(async move { owner.act("ticket.create", data).await })
    });
    let mut won = 0;
    for wish in wishes.collect::<Vec<_>>() {
        let answer = wish.await.unwrap();
        if answer.status == 200 {
            won += 1;
            continue;
        }
        assert_eq!(answer.status, 409, "{}", answer.body);
        let current = &answer.json()["error"]["current"];
        let clash = &current["clashes"][0];
        assert!(clash["member"] == "Marcy" || clash["member"] == "Lee", "{current}");
        assert_eq!(clash["customer"], "Jane Smith");
        let free = current["alternatives"].as_array().unwrap();
        assert!(!free.is_empty() && free.iter().all(|f| f["starts_at"].as_str().unwrap() > "2026-11-25T"), "{current}");
    }
    assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
    let booked = t.count("select count(*) from assignments where is_open").await;
    assert!(won == 1 || won == 2, "{won} won");
    assert_eq!(booked, 2.min(i64::from(won) * 2).max(booked.min(2)), "each technician is booked once");
    let overlaps = t
        .count("select count(*) from assignments a join assignments b on a.member_id = b.member_id and a.id < b.id and a.slot && b.slot")
        .await;
    assert_eq!(overlaps, 0);
}

#[tokio::test]
async fn an_alternative_books_and_an_override_needs_its_reason() {
    let t = TestApp::new().await;
    let mut b = t.business("Crystal Clear").await;
    b.member(Role::Staff, "Marcy").await;
    let team = [b.members["Marcy"]];
    let (contact, _) = customer(&t, &b, "Jane Smith", None).await;
    let at = start() + Duration::days(1);
    book(&b.owner, contact, at, 90, &team, json!([])).await;
    let refused = b.owner.act("ticket.create", booking(contact, at + Duration::minutes(30), 60, &team, json!([]))).await.expect(409).json();
    assert!(
        refused["error"]["message"].as_str().unwrap().contains("Marcy is booked Wed 25 Nov, 9:00–10:30 (T-1, Jane Smith)."),
        "{refused}"
    );
    let free = refused["error"]["current"]["alternatives"][0].clone();
    let mut data = booking(contact, at, 60, &team, json!([]));
    data["starts_at"] = free["starts_at"].clone();
    data["ends_at"] = free["ends_at"].clone();
    b.owner.act("ticket.create", data).await.expect(200);
    let mut data = booking(contact, at, 60, &team, json!([]));
    data["override_reason"] = json!("  ");
    b.owner.act("ticket.create", data.clone()).await.expect(409);
    data["override_reason"] = json!("Two floors, two crews");
    let id = b.owner.act("ticket.create", data).await.expect(200).data()["id"].as_str().unwrap().to_owned();
    assert_eq!(read(&b.owner, &id).await["override_reason"], "Two floors, two crews");
    // Adjoining visits do not overlap; a cancelled one frees its time.
    book(&b.owner, contact, at + Duration::hours(5), 60, &team, json!([])).await;
    book(&b.owner, contact, at + Duration::hours(6), 60, &team, json!([])).await;
    b.owner.act("ticket.cancel", json!({ "ticket_id": id, "reason": "" })).await.expect(422);
    b.owner.act("ticket.cancel", json!({ "ticket_id": id, "reason": "Moved away", "charge_note": "$20" })).await.expect(200);
    b.owner.act("ticket.reschedule", json!({ "ticket_id": id, "starts_at": at, "ends_at": at + Duration::hours(1) })).await.expect(409);
}

#[tokio::test]
async fn p1_moving_and_assigning_are_refused_too() {
    let t = TestApp::new().await;
    let mut b = t.business("Crystal Clear").await;
    b.member(Role::Staff, "Marcy").await;
    b.member(Role::Staff, "Lee").await;
    let (marcy, lee) = (b.members["Marcy"], b.members["Lee"]);
    let (contact, _) = customer(&t, &b, "Jane Smith", None).await;
    let at = start() + Duration::days(1);
    book(&b.owner, contact, at, 60, &[marcy], json!([])).await;
    let other = book(&b.owner, contact, at + Duration::hours(2), 60, &[marcy], json!([])).await;
    let third = book(&b.owner, contact, at, 60, &[lee], json!([])).await;
    b.owner.act("ticket.reschedule", json!({ "ticket_id": other, "starts_at": at, "ends_at": at + Duration::hours(1) })).await.expect(409);
    b.owner.act("ticket.assign", json!({ "ticket_id": third, "member_ids": [marcy, lee] })).await.expect(409);
    let moved =
        json!({ "ticket_id": other, "starts_at": at + Duration::hours(1), "ends_at": at + Duration::hours(2), "member_ids": [marcy, lee] });
    b.owner.act("ticket.reschedule", moved).await.expect(200);
    let now = read(&b.owner, &other).await;
    assert_eq!((now["sequence"].as_i64(), now["assignments"].as_array().map(Vec::len)), (Some(1), Some(2)), "{now}");
    // The same time with somebody else is another assignment: told, and a new version.
    let same = |members: Value| json!({ "ticket_id": other, "starts_at": at + Duration::hours(1), "ends_at": at + Duration::hours(2), "member_ids": members });
    b.owner.act("ticket.reschedule", same(json!([lee]))).await.expect(200);
    b.owner.act("ticket.reschedule", same(json!([lee]))).await.expect(200);
    let then = read(&b.owner, &other).await;
    assert_eq!((then["version"].as_i64(), then["sequence"].as_i64()), (now["version"].as_i64().map(|v| v + 1), Some(1)), "{then}");
    assert_eq!(t.count("select count(*) from events where name = 'ticket.assigned'").await, 1);
    let trail = then["audit_trail"].as_array().unwrap();
    assert!(trail.iter().any(|e| e["table"] == "assignments" && e["op"] == "delete"), "{trail:?}");
    // The history says who, and when.
    let page = b.owner.get(&format!("/history/tickets/{other}")).await.expect(200).body;
    let text: String = page.split('<').filter_map(|p| p.split_once('>')).map(|(_, text)| text).collect::<Vec<_>>().join(" ");
    assert!(
        text.contains("Assignment removed")
            && text.contains("Technician")
            && text.contains("Marcy")
            && text.contains("Wed 25 Nov, 10:00–11:00"),
        "{text}"
    );
    assert!(text.contains("Jane Smith") && !text.contains(&marcy.to_string()), "{text}");
}

#[tokio::test]
async fn s4_confirmed_only_by_a_person_with_who_and_how() {
    let t = TestApp::new().await;
    let mut b = t.business("Crystal Clear").await;
    let model = b.member(Role::Staff, "Model").await;
    sqlx::query("update members set is_model = true where id = $1").bind(b.members["Model"].0).execute(&t.admin).await.unwrap();
    let (contact, _) = customer(&t, &b, "Jane Smith", None).await;
    // A last-minute booking confirms nothing by itself, nor does asking.
    let id = book(&b.owner, contact, start() + Duration::minutes(20), 60, &[], json!([])).await;
    assert_eq!(read(&b.owner, &id).await["confirmation"], "not_asked");
    let ticket: TicketId = id.parse().unwrap();
    let job = platform::tenant::Write::of_org(&t.app, b.org, "job").await.unwrap();
    let meta = platform::action::Meta::default();
    let version = read(&b.owner, &id).await["version"].clone();
    assert!(job.act(&meta, a::MarkAsked { ticket_id: ticket, sequence: 0 }).await.unwrap());
    assert_eq!(read(&b.owner, &id).await["version"], version, "asking makes nobody's form stale");
    let by_job = a::RecordAnswer { ticket_id: ticket, answer: Answer::Accepted, channel: a::Channel::Phone, wish: String::new() };
    assert!(job.act(&meta, by_job).await.is_err(), "a job is no person");
    let said = json!({ "ticket_id": id, "answer": "accepted", "channel": "phone" });
    model.act_with("confirmation.record", said.clone(), &[], json!({ "reasoning": "sounds fine" })).await.expect(403);
    b.owner.act("confirmation.answer", json!({ "ticket_id": id, "answer": "accepted" })).await.expect(403);
    assert_eq!(read(&b.owner, &id).await["confirmation"], "asked");
    b.owner.act("confirmation.record", said).await.expect(200);
    let now = read(&b.owner, &id).await;
    assert_eq!(now["confirmation"], "accepted");
    let answer = &now["answers"][0];
    assert_eq!((answer["channel"].as_str(), answer["member_name"].as_str()), (Some("phone"), Some("Taylor")), "{answer}");
    assert_eq!(answer["for_start"].as_str().unwrap().parse::<DateTime<Utc>>().unwrap(), start() + Duration::minutes(20));
    // Moved: the yes was to another time.
    let to = start() + Duration::days(2);
    b.owner.act("ticket.reschedule", json!({ "ticket_id": id, "starts_at": to, "ends_at": to + Duration::hours(1) })).await.expect(200);
    assert_eq!(read(&b.owner, &id).await["confirmation"], "not_asked");
    assert!(!job.act(&meta, a::MarkAsked { ticket_id: ticket, sequence: 0 }).await.unwrap(), "asked about the old time");
    b.owner
        .act("confirmation.record", json!({ "ticket_id": id, "answer": "declined", "channel": "in_person", "wish": "after Easter" }))
        .await
        .expect(200);
    let open = t.count("select count(*) from notices where resolved_at is null and kind = 'declined' and body like '%after Easter%'").await;
    assert_eq!(open, 1, "the owner is told");
    // Moved or cancelled, it needs nobody any more.
    let later = json!({ "ticket_id": id, "starts_at": to + Duration::days(1), "ends_at": to + Duration::days(2), "ask_customer": false });
    b.owner.act("ticket.reschedule", later).await.expect(200);
    assert_eq!(t.count("select count(*) from notices where resolved_at is null").await, 0);
    b.owner.act("confirmation.record", json!({ "ticket_id": id, "answer": "declined", "channel": "phone" })).await.expect(200);
    b.owner.act("ticket.cancel", json!({ "ticket_id": id, "reason": "Too often" })).await.expect(200);
    assert_eq!(t.count("select count(*) from notices where resolved_at is null").await, 0);
    let jobs: Vec<(String,)> =
        sqlx::query_as("select payload ->> 'what' from graphile_worker._private_jobs order by id").fetch_all(&t.admin).await.unwrap();
    assert_eq!(jobs.iter().map(|j| j.0.as_str()).collect::<Vec<_>>(), ["asked", "moved", "moved", "cancelled"]);
}

#[tokio::test]
async fn the_clock_runs_once_and_is_corrected_with_a_trace() {
    let t = TestApp::new().await;
    let mut b = t.business("Crystal Clear").await;
    let agent = b.member(Role::Agent, "Marcy").await;
    let team = [b.members["Marcy"]];
    let (contact, _) = customer(&t, &b, "Jane Smith", None).await;
    let first = book(&b.owner, contact, start(), 60, &team, json!([])).await;
    let second = book(&b.owner, contact, start() + Duration::hours(2), 60, &team, json!([])).await;
    // The phone is two hours ahead and sends what happened half an hour ago.
    let (ahead, now) = (Duration::hours(2), start());
    let tap = json!({ "ticket_id": first, "occurred_at": now + ahead - Duration::minutes(30), "device_now": now + ahead });
    let clock = agent.act("ticket.clock_in", tap.clone()).await.expect(200).data();
    assert_eq!(agent.act("ticket.clock_in", tap).await.expect(200).data(), clock, "the same clock");
    let entry = read(&agent, &first).await["clock"][0].clone();
    assert_eq!(entry["clocked_in_at"].as_str().unwrap().parse::<DateTime<Utc>>().unwrap(), now - Duration::minutes(30));
    assert_eq!(entry["device_offset_seconds"], 7200);
    let twice = agent.act("ticket.clock_in", json!({ "ticket_id": second })).await.expect(409).json();
    assert!(twice["error"]["message"].as_str().unwrap().contains("T-1"), "{twice}");
    assert_eq!(read(&agent, &first).await["state"], "in_progress");
    agent.act("ticket.undo_clock_in", json!({ "ticket_id": first })).await.expect(200);
    assert_eq!(read(&agent, &first).await["state"], "scheduled");
    agent.act("ticket.clock_out", json!({ "ticket_id": first })).await.expect(409);
    let clock = agent.act("ticket.clock_in", json!({ "ticket_id": first })).await.expect(200).data();
    t.advance(Duration::minutes(70));
    agent.act("ticket.clock_out", json!({ "ticket_id": first })).await.expect(200);
    let right = json!({ "clock_id": clock, "clocked_in_at": now - Duration::minutes(10), "clocked_out_at": now + Duration::minutes(70), "reason": "" });
    agent.act("ticket.correct_clock", right.clone()).await.expect(422);
    let mut right = right;
    right["reason"] = json!("Forgot to tap");
    agent.act("ticket.correct_clock", right).await.expect(200);
    let entry = read(&agent, &first).await["clock"][0].clone();
    assert_eq!(entry["original_in_at"].as_str().unwrap().parse::<DateTime<Utc>>().unwrap(), now);
    assert_eq!(entry["correction_reason"], "Forgot to tap");
    // Bounds: no other week, no two days on end, no two places at once; and a form that somebody was faster than shows both.
    let set = async |version: i32, came: DateTime<Utc>, went: DateTime<Utc>| {
        let data = json!({ "clock_id": clock, "clocked_in_at": came, "clocked_out_at": went, "reason": "Tapped late 4111 1111 1111 1111" });
        agent.act_with("ticket.correct_clock", data, &[], json!({ "if_version": version })).await
    };
    let (version, minutes) = (i32::try_from(entry["version"].as_i64().unwrap()).unwrap(), Duration::minutes);
    set(version, "0001-01-01T00:00:00Z".parse().unwrap(), now).await.expect(422);
    set(version, now - Duration::days(2), now).await.expect(422);
    set(version - 1, now, now + minutes(70)).await.expect(409);
    let elsewhere = agent.act("ticket.clock_in", json!({ "ticket_id": second })).await.expect(200).data();
    t.advance(minutes(30));
    agent.act("ticket.clock_out", json!({ "ticket_id": second })).await.expect(200);
    let both = set(version, now, now + minutes(80)).await.expect(422).body;
    assert!(both.contains("Marcy's clock ran on T-2 (Jane Smith) then: Tue 24 Nov, 10:10 to Tue 24 Nov, 10:40."), "{both}");
    set(version, now - minutes(10), now + minutes(70)).await.expect(200);
    assert_eq!(read(&agent, &first).await["clock"][0]["correction_reason"], "Tapped late [REDACTED]");
    let form = format!("/tickets/{second}/clock/{}", elsewhere.as_str().unwrap());
    let fields = |version: &'static str, time: &'static str| {
        let day = "2026-11-24";
        [("_version", version), ("in_date", day), ("in_time", "10:10"), ("out_date", day), ("out_time", time), ("reason", "Left earlier")]
    };
    assert!(agent.get(&form).await.expect(200).body.contains(r#"name="_version" value="2""#));
    agent.post(&form, &fields("2", "10:20")).await.expect(303);
    let stale = agent.post(&form, &fields("2", "10:30")).await.expect(409).body;
    assert!(
        stale.contains("<td>Tue 24 Nov, 10:20</td><td>2026-11-24 10:30</td>") && stale.contains(r#"name="_version" value="3""#),
        "{stale}"
    );
    // Closing takes the clock's time.
    let closed = agent.act("ticket.close", json!({ "ticket_id": first })).await.expect(200).data();
    assert_eq!(closed["worked_minutes"], 80);
}

#[tokio::test]
async fn closed_is_closed_also_by_direct_sql() {
    let t = TestApp::new().await;
    let mut b = t.business("Crystal Clear").await;
    b.member(Role::Staff, "Marcy").await;
    let (contact, _) = customer(&t, &b, "Jane Smith", None).await;
    let windows = service(&t, &b, "Interior and exterior windows", "flexible", None, 120).await;
    let screens = service(&t, &b, "Screen cleaning", "per_unit", Some("5.00"), 30).await;
    let lines = json!([{ "service_id": windows }, { "service_id": screens, "quantity": "20" }]);
    let mut data = booking(contact, start(), 120, &[b.members["Marcy"]], lines);
    data["is_price_estimated"] = json!(true);
    let id = b.owner.act("ticket.create", data).await.expect(200).data()["id"].as_str().unwrap().to_owned();
    let open = read(&b.owner, &id).await;
    assert_eq!((open["total"].as_str(), open["has_open_price"].as_bool()), (Some("100.00"), Some(true)), "{open}");
    let refused = b.owner.act("ticket.close", json!({ "ticket_id": id, "worked_minutes": 100 })).await.expect(422).json();
    let fields: Vec<&str> = refused["error"]["details"].as_array().unwrap().iter().map(|d| d["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["lines[0].unit_price", "prices_confirmed"]);
    let line = |i: usize, more: Value| {
        let mut line = json!({ "id": open["line_items"][i]["id"], "price_confirmed": true });
        more.as_object().unwrap().iter().for_each(|(k, v)| line[k] = v.clone());
        line
    };
    let lines = json!([line(0, json!({ "unit_price": "562.00" })), line(1, json!({ "quantity": "21" }))]);
    b.owner.act("ticket.close", json!({ "ticket_id": id, "lines": lines })).await.expect(422);
    let closed = b.owner.act("ticket.close", json!({ "ticket_id": id, "lines": lines, "worked_minutes": 202 })).await.expect(200).data();
    assert_eq!(closed["total"], "667.00");
    let done = read(&b.owner, &id).await;
    assert_eq!((done["state"].as_str(), done["is_price_estimated"].as_bool()), (Some("closed"), Some(false)));
    assert_eq!(done["allowed_actions"], json!(["ticket.settle"]));
    for (action, data) in [
        ("ticket.update", json!({ "ticket_id": id, "instructions": "x" })),
        ("ticket.clock_in", json!({ "ticket_id": id })),
        ("ticket.add_line", json!({ "ticket_id": id, "service_id": screens })),
        ("ticket.remove_line", json!({ "line_id": done["line_items"][0]["id"] })),
        ("ticket.cancel", json!({ "ticket_id": id, "reason": "x" })),
        ("ticket.close", json!({ "ticket_id": id, "worked_minutes": 1 })),
        ("confirmation.record", json!({ "ticket_id": id, "answer": "accepted", "channel": "phone" })),
    ] {
        b.owner.act(action, data).await.expect(409);
    }
    // As the product's own role, past every action.
    let mut db = <sqlx::PgConnection as sqlx::Connection>::connect(&t.url("rounds_app")).await.unwrap();
    for sql in [
        "update tickets set total = 1",
        "update tickets set state = 'scheduled', closed_at = null",
        "delete from tickets",
        "update ticket_lines set unit_price = 1, total = 1",
        "delete from ticket_lines",
        "insert into ticket_lines (id, ticket_id, position, kind, description, unit_price, total) select gen_random_uuid(), id, 9, 'fixed', 'x', 1, 1 from tickets",
        "update assignments set is_open = true",
        "insert into clock_entries (id, ticket_id, member_id, clocked_in_at) select gen_random_uuid(), ticket_id, member_id, now() from assignments",
    ] {
        use sqlx::Executor;
        db.execute("begin").await.unwrap();
        sqlx::query("select set_config('app.org_id', $1, true)").bind(b.org.0.to_string()).execute(&mut db).await.unwrap();
        let refused = db.execute(sql).await.expect_err(sql);
        assert!(refused.to_string().contains("ticket is closed"), "{sql}: {refused}");
        db.execute("rollback").await.unwrap();
    }
    b.owner.act("ticket.settle", json!({ "ticket_id": id, "settlement": "paid_already" })).await.expect(200);
    b.owner.act("ticket.settle", json!({ "ticket_id": id, "settlement": "invoice" })).await.expect(409);
}

#[tokio::test]
async fn an_agent_sees_and_changes_only_assigned_tickets_and_no_hidden_prices() {
    let t = TestApp::new().await;
    let mut b = t.business("Crystal Clear").await;
    let agent = b.member(Role::Agent, "Marcy").await;
    b.member(Role::Staff, "Lee").await;
    let (contact, _) = customer(&t, &b, "Jane Smith", None).await;
    let price = json!([{ "description": "Windows", "unit_price": "145.00" }]);
    let mine = book(&b.owner, contact, start(), 60, &[b.members["Marcy"]], price.clone()).await;
    let other = book(&b.owner, contact, start(), 60, &[b.members["Lee"]], price).await;
    agent.data(&format!("type=tickets&id={other}")).await.expect(404);
    let all = agent.data("type=tickets").await.data();
    assert_eq!(all.as_array().unwrap().iter().map(|r| r["id"].as_str().unwrap()).collect::<Vec<_>>(), [mine.as_str()]);
    agent.act("ticket.clock_in", json!({ "ticket_id": other })).await.expect(404);
    agent.act("ticket.clock_in", json!({ "ticket_id": mine, "member_id": b.members["Lee"] })).await.expect(403);
    agent.act("ticket.create", booking(contact, start() + Duration::days(3), 60, &[b.members["Lee"]], json!([]))).await.expect(422);
    // Nor does a booking open a customer who is not theirs to see.
    let (hidden, place) = customer(&t, &b, "Hugo Hidden", None).await;
    agent.act("ticket.create", booking(hidden, start() + Duration::days(3), 60, &[b.members["Marcy"]], json!([]))).await.expect(404);
    agent.act("ticket.update", json!({ "ticket_id": mine, "contact_id": hidden, "address_id": place })).await.expect(404);
    agent.get(&format!("/contacts/{hidden}")).await.expect(404);
    agent.act("ticket.create", booking(contact, start() + Duration::days(3), 60, &[b.members["Marcy"]], json!([]))).await.expect(200);
    sqlx::query("update orgs set staff_see_prices = false where id = $1").bind(b.org.0).execute(&t.admin).await.unwrap();
    let seen = read(&agent, &mine).await;
    assert_eq!((seen["total"].as_str(), seen["line_items"][0]["unit_price"].as_str()), (None, None), "{seen}");
    assert!(!seen.to_string().contains("145.00"), "{seen}");
}

#[tokio::test]
async fn the_proposed_duration_is_the_median_of_the_last_three() {
    let t = TestApp::new().await;
    let b = t.business("Crystal Clear").await;
    let (contact, address) = customer(&t, &b, "Jane Smith", None).await;
    let windows = service(&t, &b, "Windows", "fixed", Some("100"), 75).await;
    let gutters = service(&t, &b, "Gutters", "fixed", Some("80"), 30).await;
    let proposed = async |services: &[Uuid]| {
        let mut r = platform::tenant::Read::of_org(&t.app, b.org).await.unwrap();
        let services: Vec<_> = services.iter().map(|s| (*s).into()).collect();
        work::tickets::data::proposed_minutes(r.db(), ContactId(contact), Some(address.into()), &services).await.unwrap()
    };
    assert_eq!(proposed(&[windows, gutters]).await, 105);
    assert_eq!(proposed(&[]).await, 60);
    for (days, minutes) in [(40, 300), (30, 90), (20, 200), (10, 100)] {
        let mut data = booking(contact, start() - Duration::days(days), 60, &[], json!([{ "service_id": windows }]));
        data["address_id"] = json!(address);
        let id = b.owner.act("ticket.create", data).await.expect(200).data()["id"].clone();
        b.owner.act("ticket.close", json!({ "ticket_id": id, "worked_minutes": minutes })).await.expect(200);
    }
    assert_eq!(proposed(&[windows]).await, 100, "of 90, 200 and 100");
    assert_eq!(proposed(&[windows, gutters]).await, 105, "other services, another measure");
}

/// Any sequence of actions leaves the states only by the ways of `domain.md`.
#[tokio::test]
async fn states_change_only_along_their_ways() {
    let t = TestApp::new().await;
    let mut b = t.business("Crystal Clear").await;
    b.member(Role::Staff, "Marcy").await;
    let (contact, _) = customer(&t, &b, "Jane Smith", None).await;
    let acts: [(&str, Value); 5] = [
        ("ticket.clock_in", json!({})),
        ("ticket.undo_clock_in", json!({})),
        ("ticket.clock_out", json!({})),
        ("ticket.cancel", json!({ "reason": "Nobody home" })),
        ("ticket.close", json!({ "worked_minutes": 60 })),
    ];
    let mut seed = 7_u64;
    for round in 0..12 {
        let id = book(&b.owner, contact, start() + Duration::days(round), 60, &[b.members["Marcy"]], json!([])).await;
        let mut was = TicketState::Scheduled;
        for _ in 0..6 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let (name, mut data) = acts[usize::try_from(seed >> 33).unwrap() % acts.len()].clone();
            data["ticket_id"] = json!(id);
            if name.contains("cloc") {
                data["member_id"] = json!(b.members["Marcy"]);
            }
            let answer = b.owner.act(name, data).await;
            let now = TicketState::from_name(read(&b.owner, &id).await["state"].as_str().unwrap()).unwrap();
            // Closing without a clock-in passes through being in progress.
            let ok = now == was
                || was.may_become(now)
                || (name == "ticket.close" && was == TicketState::Scheduled && now == TicketState::Closed);
            assert!(ok, "{was:?} → {now:?} by {name}");
            assert!(answer.status.is_success() || now == was, "{name} failed and changed the state");
            assert!(
                was.is_open() || answer.status == 409 || (name == "ticket.cancel" && was == TicketState::Cancelled),
                "{name} on {was:?}"
            );
            was = now;
        }
        let _ = b.owner.act("ticket.clock_out", json!({ "ticket_id": id, "member_id": b.members["Marcy"] })).await;
    }
}

#[tokio::test]
async fn t4_times_that_do_not_exist_or_come_twice_in_create_and_move() {
    let t = TestApp::new().await;
    let b = t.business("Crystal Clear").await;
    let (contact, _) = customer(&t, &b, "Jane Smith", None).await;
    let local = |date: &str, time: &str| to_utc(parse_date(date).unwrap(), parse_time(time).unwrap(), chrono_tz::America::Chicago);
    // Chicago, 14 March 2027: 02:30 does not exist and becomes 03:30; 7 November 2027: 01:30 comes twice, the first is meant.
    for (date, time, expected) in [("2027-03-14", "02:30", "2027-03-14T08:30:00Z"), ("2027-11-07", "01:30", "2027-11-07T06:30:00Z")] {
        let expected: DateTime<Utc> = expected.parse().unwrap();
        assert_eq!(local(date, time), expected);
        let form = [("contact_id", contact.to_string()), ("date", date.into()), ("time", time.into()), ("minutes", "60".into())];
        let form: Vec<(&str, &str)> = form.iter().map(|(k, v)| (*k, v.as_str())).collect();
        let made = b.owner.post("/tickets", &form).await.expect(303);
        let id = made.location().rsplit('/').next().unwrap().to_owned();
        assert_eq!(read(&b.owner, &id).await["starts_at"].as_str().unwrap().parse::<DateTime<Utc>>().unwrap(), expected, "{date} {time}");
        let other = book(&b.owner, contact, start() + Duration::days(9), 60, &[], json!([])).await;
        b.owner.post(&format!("/tickets/{other}/move"), &[("date", date), ("time", time), ("minutes", "60")]).await.expect(303);
        let moved = read(&b.owner, &other).await;
        assert_eq!(moved["starts_at"].as_str().unwrap().parse::<DateTime<Utc>>().unwrap(), expected, "{moved}");
    }
}

#[tokio::test]
async fn pages_book_move_and_cancel_without_a_script() {
    let t = TestApp::new().await;
    let mut b = t.business("Crystal Clear").await;
    b.member(Role::Staff, "Marcy").await;
    let viewer = b.member(Role::Viewer, "Vera").await;
    let marcy = b.members["Marcy"].to_string();
    let (contact, address) = customer(&t, &b, "Jane Smith", None).await;
    let (contact, address) = (contact.to_string(), address.to_string());
    let windows = service(&t, &b, "Interior and exterior windows", "flexible", None, 90).await.to_string();
    let owner = &b.owner;
    let found = owner.get("/tickets/new?search=smi&date=2026-11-25").await.expect(200).body;
    assert!(
        found.contains(&format!("/tickets/new?date=2026-11-25&amp;contact={contact}"))
            || found.contains(&format!("/tickets/new?date=2026-11-25&#38;contact={contact}")),
        "{found}"
    );
    let form = owner
        .get(&format!("/tickets/new?contact={contact}&date=2026-11-25&time=10:00&technician={marcy}&service={windows}"))
        .await
        .expect(200)
        .body;
    assert!(form.contains("That time is free.") && form.contains("1 h 30 min"), "{form}");
    let fields = |time: &'static str, more: Vec<(&'static str, &'static str)>| {
        let mut f = vec![
            ("contact_id", contact.clone()),
            ("address_id", address.clone()),
            ("date", "2026-11-25".into()),
            ("time", time.into()),
            ("minutes", String::new()),
        ];
        f.extend([
            ("member_ids", marcy.clone()),
            ("lines[0].service_id", windows.clone()),
            ("estimated", "on".into()),
            ("instructions", "Use the back door".into()),
        ]);
        f.extend(more.into_iter().map(|(k, v)| (k, v.to_owned())));
        f
    };
    let post = async |path: &str, f: Vec<(&'static str, String)>| {
        let f: Vec<(&str, &str)> = f.iter().map(|(k, v)| (*k, v.as_str())).collect();
        owner.post(path, &f).await
    };
    let wrong = post("/tickets", fields("25:99", vec![("lines[0].unit_price", "free")])).await.expect(422).body;
    assert!(
        wrong.contains("Use the back door") && wrong.contains("Enter a time, like 09:30.") && wrong.contains("value=\"free\""),
        "{wrong}"
    );
    let made = post("/tickets", fields("10:00", vec![])).await.expect(303);
    let path = made.location().to_owned();
    let page = owner.get(&path).await.expect(200).body;
    for words in [
        "Jane Smith",
        "Wed 25 Nov, 10:00–11:30",
        "Gate 4411",
        "Use the back door",
        "Estimated",
        "no price yet",
        "Clock in",
        "Close out",
        "Not asked yet",
        "Marcy",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    // Named before saving, refused on saving with free times, booked with a reason.
    let named = post("/tickets", fields("11:00", vec![("check", "1")])).await.expect(200).body;
    assert!(named.contains("Marcy is booked Wed 25 Nov, 10:00–11:30") && named.contains("Free instead"), "{named}");
    let refused = post("/tickets", fields("11:00", vec![])).await.expect(409).body;
    assert!(refused.contains("override_reason") && refused.contains("Use the back door") && refused.contains("time=11%3A30"), "{refused}");
    let second = post("/tickets", fields("11:00", vec![("override_reason", "Two crews")])).await.expect(303).location().to_owned();
    let moved = |time: &'static str| {
        vec![("date", "2026-11-25".to_owned()), ("time", time.to_owned()), ("minutes", "60".into()), ("member_ids", marcy.clone())]
    };
    let clash = post(&format!("{second}/move"), moved("10:30")).await.expect(409).body;
    assert!(clash.contains("Marcy is booked") && clash.contains("value=\"10:30\""), "{clash}");
    post(&format!("{second}/move"), moved("14:00")).await.expect(303);
    // Every form opens; a stale edit shows both versions; a reason is asked for.
    for form in ["/edit", "/move", "/assign", "/cancel", "/confirmation", "/lines/new"] {
        owner.get(&format!("{path}{form}")).await.expect(200);
    }
    let version = read(owner, path.rsplit('/').next().unwrap()).await["version"].to_string();
    let edit = |words: &str| vec![("_version", version.clone()), ("instructions", words.to_owned()), ("address_id", address.clone())];
    post(&format!("{path}/edit"), edit("Front door")).await.expect(303);
    let stale = post(&format!("{path}/edit"), edit("Side door")).await.expect(409).body;
    assert!(stale.contains("Front door") && stale.contains("Side door") && stale.contains("Both versions"), "{stale}");
    let at = |address: &str| vec![("instructions", "Front door".to_owned()), ("address_id", address.to_owned())];
    post(&format!("{path}/edit"), at("")).await.expect(303);
    assert!(!owner.get(&path).await.expect(200).body.contains("123 Main St"), "no address was chosen");
    post(&format!("{path}/edit"), at(&address)).await.expect(303);
    assert!(owner.get(&path).await.expect(200).body.contains("123 Main St"));
    let line = read(owner, path.rsplit('/').next().unwrap()).await["line_items"][0]["id"].as_str().unwrap().to_owned();
    assert!(
        post(&format!("{path}/lines/{line}"), vec![("quantity", "many".into()), ("unit_price", "562".into())])
            .await
            .expect(422)
            .body
            .contains("many")
    );
    post(&format!("{path}/lines/{line}"), vec![("quantity", "1".into()), ("unit_price", "$562.00".into())]).await.expect(303);
    post(&format!("{path}/confirmation/record"), vec![("answer", "accepted".into()), ("channel", "phone".into())]).await.expect(303);
    let page = owner.get(&path).await.expect(200).body;
    assert!(page.contains("$562.00") && page.contains("Confirmed by phone, Tue 24 Nov, 9:00, recorded by Taylor"), "{page}");
    for view in [
        "/calendar?view=week&date=2026-11-25",
        "/calendar?view=day&date=2026-11-25",
        "/calendar?view=list",
        "/calendar/sheet?date=2026-11-25",
        "/tickets",
        "/tickets?search=smith&state=all",
    ] {
        let body = owner.get(view).await.expect(200).body;
        assert!(body.contains("Jane Smith"), "{view}: {body}");
    }
    t.advance(Duration::days(1));
    let home = owner.get("/").await.expect(200).body;
    assert!(home.contains("Wednesday 25 November") && home.contains("2 visits · $562.00 · 1 to confirm"), "{home}");
    post(&format!("{second}/cancel"), vec![("reason", String::new())]).await.expect(422);
    post(&format!("{second}/cancel"), vec![("reason", "Rain".into())]).await.expect(303);
    assert!(owner.get(&second).await.expect(200).body.contains("Rain"));
    // Clock by taps, corrected by form.
    viewer.get(&path).await.expect(200);
    post(&format!("{path}/clock-in"), vec![]).await.expect(303);
    t.advance(Duration::minutes(30));
    post(&format!("{path}/clock-out"), vec![]).await.expect(303);
    assert!(owner.get(&path).await.expect(200).body.contains("Taylor, in at 9:00, out at 9:30"));
}

#[tokio::test]
async fn a_note_of_the_visit_is_written_and_read_on_its_page() {
    let t = TestApp::new().await;
    let mut b = t.business("Crystal Clear").await;
    let agent = b.member(Role::Agent, "Lee").await;
    let (contact, _) = customer(&t, &b, "Jane Smith", None).await;
    let (other, _) = customer(&t, &b, "Vera Holden", None).await;
    let mine = book(&b.owner, contact, start() + Duration::days(1), 60, &[b.members["Lee"]], json!([])).await;
    let theirs = book(&b.owner, contact, start() + Duration::days(2), 60, &[b.members["Taylor"]], json!([])).await;
    let to = format!("/contacts/{contact}/notes");
    let wrote = agent.post(&to, &[("body", "Ring twice. Card 4242424242424242."), ("ticket_id", &mine)]).await.expect(303);
    assert_eq!(wrote.location(), format!("/tickets/{mine}"));
    let page = agent.get(&format!("/tickets/{mine}")).await.expect(200).body;
    assert!(page.contains("Ring twice. Card [REDACTED].") && page.contains("· Lee</time>"), "{page}");
    // Refused with the words kept, and still about the visit; never about a visit of others.
    let refused = agent.post(&to, &[("body", "  "), ("ticket_id", &mine)]).await.expect(422).body;
    assert!(refused.contains(&format!(r#"name="ticket_id" value="{mine}""#)), "{refused}");
    let note = |contact: Uuid, ticket: &str| json!({ "contact_id": contact, "ticket_id": ticket, "body": "Hello" });
    agent.act("note.create", note(contact, &theirs)).await.expect(404);
    b.owner.act("note.create", note(other, &mine)).await.expect(404);
    b.owner.act("note.create", note(contact, &theirs)).await.expect(200);
}

#[tokio::test]
async fn a_clock_that_runs_elsewhere_is_named_and_switched_from_the_ticket() {
    let t = TestApp::new().await;
    let mut b = t.business("Crystal Clear").await;
    let lee = b.member(Role::Staff, "Lee").await;
    let (contact, _) = customer(&t, &b, "Jane Smith", None).await;
    let (other, _) = customer(&t, &b, "Vera Holden", None).await;
    let first = book(&b.owner, contact, start(), 60, &[b.members["Lee"]], json!([])).await;
    let second = book(&b.owner, other, start() + Duration::hours(1), 60, &[b.members["Lee"]], json!([])).await;
    // Nothing runs: the ticket's own page says so, and so does the other door.
    let idle = lee.post(&format!("/tickets/{first}/clock-out"), &[]).await.expect(409).body;
    assert!(idle.contains("No clock is running on this ticket.") && idle.contains("<h1>Jane Smith</h1>"), "{idle}");
    lee.post(&format!("/tickets/{first}/clock-in"), &[]).await.expect(303);
    t.advance(Duration::minutes(50));
    let page = lee.post(&format!("/tickets/{second}/clock-in"), &[]).await.expect(409).body;
    assert!(page.contains("<h1>Vera Holden</h1>") && page.contains("clock is running on T-1 (Jane Smith)."), "{page}");
    assert!(page.contains(&format!(r#"href="/tickets/{first}">T-1, Jane Smith"#)) && page.contains(r#"name="switch""#), "{page}");
    let refused = lee.act("ticket.clock_in", json!({ "ticket_id": second })).await.expect(409).json();
    assert_eq!(refused["error"]["current"]["running"]["ticket_id"], first);
    let wrong = lee.post(&format!("/tickets/{second}/clock-out"), &[]).await.expect(409).body;
    assert!(wrong.contains(&format!(r#"action="/tickets/{first}/clock-out""#)), "{wrong}");
    // The button does both at one moment.
    lee.post(&format!("/tickets/{second}/clock-in"), &[("switch", "on")]).await.expect(303);
    let (left, here) = (read(&lee, &first).await["clock"][0].clone(), read(&lee, &second).await["clock"][0].clone());
    assert_eq!(left["clocked_out_at"], here["clocked_in_at"]);
    assert_eq!(here["clocked_out_at"], Value::Null);
    lee.act("ticket.clock_in", json!({ "ticket_id": first, "switch": true })).await.expect(200);
    assert_eq!(t.count("select count(*) from clock_entries where clocked_out_at is null").await, 1);
    // A cancelled visit says so on its page.
    b.owner.act("ticket.cancel", json!({ "ticket_id": second, "reason": "Rain" })).await.expect(200);
    let closed = lee.post(&format!("/tickets/{second}/clock-in"), &[("switch", "on")]).await.expect(409).body;
    assert!(closed.contains("<h1>Vera Holden</h1>") && closed.contains("role=\"alert\""), "{closed}");
}

#[tokio::test]
async fn a_stale_assignment_shows_both_versions() {
    let t = TestApp::new().await;
    let mut b = t.business("Crystal Clear").await;
    b.member(Role::Staff, "Marcy").await;
    b.member(Role::Staff, "Lee").await;
    let (contact, _) = customer(&t, &b, "Jane Smith", None).await;
    let id = book(&b.owner, contact, start() + Duration::days(1), 60, &[b.members["Marcy"]], json!([])).await;
    let (path, version) = (format!("/tickets/{id}/assign"), read(&b.owner, &id).await["version"].to_string());
    let (lee, marcy) = (b.members["Lee"].to_string(), b.members["Marcy"].to_string());
    b.owner.post(&path, &[("_version", &version), ("member_ids", &lee)]).await.expect(303);
    // Who opened the form before sees both, and saving again is the decision.
    let page = b.owner.post(&path, &[("_version", &version), ("member_ids", &marcy)]).await.expect(409).body;
    assert!(page.contains("<td>Lee</td><td>Marcy</td>") && page.contains(&format!(r#"value="{marcy}" checked"#)), "{page}");
    assert!(!page.contains("override_reason"), "{page}");
    let version = read(&b.owner, &id).await["version"].to_string();
    assert!(page.contains(&format!(r#"name="_version" value="{version}""#)), "{page}");
    let moved = [("_version", "1"), ("date", "2026-11-27"), ("time", "10:00"), ("minutes", "90"), ("member_ids", marcy.as_str())];
    let page = b.owner.post(&format!("/tickets/{id}/move"), &moved).await.expect(409).body;
    assert!(page.contains("<td>Wed 25 Nov, 9:00–10:00</td><td>2026-11-27 10:00, 90 min</td>") && page.contains("<td>Lee</td>"), "{page}");
}

#[tokio::test]
async fn what_does_not_fit_is_refused_in_words_and_no_card_number_stays() {
    let t = TestApp::new().await;
    let mut b = t.business("Crystal Clear").await;
    b.member(Role::Staff, "Marcy").await;
    let team = [b.members["Marcy"]];
    let (contact, _) = customer(&t, &b, "Jane Smith", None).await;
    let at = start() + Duration::days(1);
    let refused = async |action: &str, data: Value| {
        let answer = b.owner.act(action, data).await.expect(422).json();
        answer["error"]["details"][0]["field"].as_str().unwrap_or_default().to_owned()
    };
    let line = |quantity: &str, price: &str, words: &str| json!({ "description": words, "quantity": quantity, "unit_price": price });
    let (card, long) = ("Card 4111 1111 1111 1111", "ö".repeat(501));
    let much = line("99999", "999999", "Panes");
    assert_eq!(refused("ticket.create", booking(contact, at, 60, &team, json!([much]))).await, "lines[0].unit_price");
    let twice = json!([line("999", "9999999", "Panes"), line("999", "9999999", "Panes")]);
    assert_eq!(refused("ticket.create", booking(contact, at, 60, &team, twice)).await, "lines[1].unit_price");
    assert_eq!(refused("ticket.create", booking(contact, at, 60, &team, json!([line("1", "1", &long)]))).await, "lines[0].description");
    let far = "9921-01-01T09:00:00Z".parse().unwrap();
    assert_eq!(refused("ticket.create", booking(contact, far, 60, &team, json!([]))).await, "starts_at");
    book(&b.owner, contact, at, 60, &team, json!([])).await;
    let mut data = booking(contact, at, 60, &team, json!([line("1", "1", card)]));
    data["override_reason"] = json!(long);
    assert_eq!(refused("ticket.create", data.clone()).await, "override_reason");
    data["override_reason"] = json!(card);
    let id = b.owner.act("ticket.create", data).await.expect(200).data()["id"].clone();
    let add = json!({ "ticket_id": id, "description": "Panes", "quantity": "99999", "unit_price": "999999" });
    assert_eq!(refused("ticket.add_line", add).await, "unit_price");
    let path = format!("/tickets/{}", id.as_str().unwrap());
    let typed = [("description", "Panes"), ("quantity", "99999"), ("unit_price", "999999")];
    let page = b.owner.post(&format!("{path}/lines/new"), &typed).await.expect(422).body;
    assert!(page.contains("more than we can count") && page.contains(r#"value="999999""#), "{page}");
    assert_eq!(refused("ticket.cancel", json!({ "ticket_id": id, "reason": long })).await, "reason");
    assert_eq!(refused("ticket.cancel", json!({ "ticket_id": id, "reason": "Rain", "charge_note": long })).await, "charge_note");
    let wish = |n: usize| json!({ "ticket_id": id, "answer": "declined", "channel": "phone", "wish": "ö".repeat(n) });
    b.owner.act("confirmation.record", wish(2_000)).await.expect(200);
    assert_eq!(refused("confirmation.record", wish(2_001)).await, "wish");
    let kept = read(&b.owner, id.as_str().unwrap()).await;
    assert_eq!((&kept["override_reason"], &kept["line_items"][0]["description"]), (&json!("Card [REDACTED]"), &json!("Card [REDACTED]")));
}

/// Whoever switches crosswise or all at once: each tap is taken or told where the clock runs, and one clock runs at the end.
#[tokio::test]
async fn switching_all_at_once_loses_no_tap() {
    let t = TestApp::new().await;
    let mut b = t.business("Crystal Clear").await;
    let lee = b.member(Role::Staff, "Lee").await;
    let (contact, _) = customer(&t, &b, "Jane Smith", None).await;
    let mut tickets = vec![];
    for hour in 0..4 {
        tickets.push(book(&b.owner, contact, start() + Duration::hours(hour), 60, &[b.members["Lee"]], json!([])).await);
    }
    lee.act("ticket.clock_in", json!({ "ticket_id": tickets[0] })).await.expect(200);
    let taps = (0..24).map(|i| {
        let (lee, ticket, clock) = (lee.clone(), tickets[i % 4].clone(), t.clock.clone());
        tokio::spawn(async move {
            clock.advance(Duration::milliseconds(1));
            let (name, data) = if i % 6 == 5 {
                ("ticket.clock_out", json!({ "ticket_id": ticket }))
            } else {
                ("ticket.clock_in", json!({ "ticket_id": ticket, "switch": true }))
            };
            lee.act(name, data).await
        })
    });
    for tap in taps.collect::<Vec<_>>() {
        let answer = tap.await.unwrap();
        assert!(answer.status == 200 || answer.status == 409, "{} {}", answer.status, answer.body);
    }
    assert!(t.count("select count(*) from clock_entries where clocked_out_at is null").await <= 1);
}
