//! Live pages: what a stream tells, to whom, from where on, and when it ends.

use std::{collections::BTreeSet, time::Duration};

use axum::{
    Extension, Router,
    body::{Body, BodyDataStream},
    http::{Request, StatusCode, header},
};
use doors::live::{self, Cursor, data};
use futures_util::StreamExt;
use platform::{
    ids::OrgId,
    role::Role,
    tenant::{Door, Origin, Read},
};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgConnection};
use tokio::{sync::watch, time::timeout};
use tower::ServiceExt;
use uuid::Uuid;

use crate::support::{Actor, Business, TestApp};

/// Longer than any stream may take here; a test that gets that far has failed.
const LONG: Duration = Duration::from_secs(20);

/// An open stream.
struct Stream {
    body: BodyDataStream,
    rest: String,
}

/// One message: its cursor and what it says. A block without data (retry, heartbeat) is none.
#[derive(Debug, Clone)]
struct Told {
    id: String,
    said: Value,
}

impl Stream {
    async fn open(router: &Router, actor: &Actor, after: Option<&str>) -> Self {
        let mut request = Request::get("/live").header(header::COOKIE, actor.cookie.clone().unwrap());
        if let Some(after) = after {
            request = request.header("last-event-id", after);
        }
        let response = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
        assert!(!response.headers().contains_key(header::CONTENT_ENCODING));
        let mut stream = Self { body: response.into_body().into_data_stream(), rest: String::new() };
        let first = stream.block().await.expect("a stream begins by saying where it is");
        assert!(first.contains("retry:2000\n") || first.contains("retry: 2000\n"), "{first}");
        stream
    }

    /// The next block; none at the end.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.rest.split_once("\n\n") {
                let whole = (format!("{block}\n"), rest.to_owned());
                self.rest = whole.1;
                return Some(whole.0);
            }
            let bytes = timeout(LONG, self.body.next()).await.expect("the stream says something or ends")?.unwrap();
            self.rest.push_str(std::str::from_utf8(&bytes).unwrap());
        }
    }

    async fn told(&mut self) -> Option<Told> {
        loop {
            let block = self.block().await?;
            let field = |name: &str| block.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(':')).map(|v| v.trim_start().to_owned());
            if let (Some(id), Some(data)) = (field("id"), field("data")) {
                return Some(Told { id, said: serde_json::from_str(&data).unwrap() });
            }
        }
    }

    /// Names of the next `n` messages.
    async fn names(&mut self, n: usize) -> Vec<String> {
        let mut names = Vec::new();
        for _ in 0..n {
            names.push(self.told().await.expect("the stream goes on").said["name"].as_str().unwrap().to_owned());
        }
        names
    }

    /// Reads on until the end; what was told on the way.
    async fn until_the_end(&mut self) -> usize {
        let mut told = 0;
        while self.told().await.is_some() {
            told += 1;
        }
        told
    }
}

/// An event straight into the table, in the transaction at hand.
async fn happens(db: &mut PgConnection, org: OrgId, name: &str) -> Uuid {
    let id = Uuid::now_v7();
    sqlx::query("select set_config('app.org_id', $1, true)").bind(org.0.to_string()).execute(&mut *db).await.unwrap();
    sqlx::query("insert into events (name, subject_kind, subject_id) values ($1, 'ticket', $2)")
        .bind(name)
        .bind(id)
        .execute(db)
        .await
        .unwrap();
    id
}

async fn contact(actor: &Actor, name: &str) -> String {
    let made = actor.act("contact.create", json!({ "first_name": name, "emails": [{ "address": "a.person@example.org" }] })).await;
    made.expect(200).data()["id"].as_str().unwrap().to_owned()
}

/// A booked visit; `from` is an hour of 25 November 2026, UTC.
async fn visit(b: &Business<'_>, contact: &str, technician: &Actor, from: u32) -> String {
    let made = b
        .owner
        .act(
            "ticket.create",
            json!({ "contact_id": contact, "starts_at": format!("2026-11-25T{from:02}:00:00Z"), "ends_at": format!("2026-11-25T{:02}:00:00Z", from + 1),
                    "member_ids": [technician.member.unwrap()], "lines": [{ "kind": "fixed", "description": "Windows", "quantity": "1", "unit_price": "100" }] }),
        )
        .await;
    made.expect(200).data()["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_change_is_told_by_id_alone_and_a_stream_goes_on_where_it_was() {
    let t = TestApp::new().await;
    let b = t.business("Clear Panes").await;
    contact(&b.owner, "Before").await;
    let mut stream = Stream::open(&t.router, &b.owner, None).await;
    let id = contact(&b.owner, "Vivian").await;
    let first = stream.told().await.unwrap();
    assert_eq!((&first.said["name"], &first.said["id"]), (&json!("contact.created"), &json!(id)), "a fresh stream begins now");
    assert_eq!(first.said["who"], json!(b.owner.member.unwrap()));
    let fields: Vec<&String> = first.said.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["at", "contact", "id", "kind", "name", "who"]);
    assert!(!first.said.to_string().contains("Vivian") && !first.said.to_string().contains("example.org"));
    drop(stream);

    for name in ["Wendy", "Xaver"] {
        contact(&b.owner, name).await;
    }
    let mut again = Stream::open(&t.router, &b.owner, Some(&first.id)).await;
    let (second, third) = (again.told().await.unwrap(), again.told().await.unwrap());
    let cursors: Vec<Cursor> = [&first, &second, &third].iter().map(|m| m.id.parse().unwrap()).collect();
    assert!(cursors.is_sorted());
    contact(&b.owner, "Yvonne").await;
    assert_eq!(again.names(1).await, ["contact.created"]);

    // A page hears of what was committed after it was made, however long its script took to come.
    let page = b.owner.get("/").await.expect(200).body;
    let since = page.split("data-since=\"").nth(1).and_then(|r| r.split('"').next()).unwrap().to_owned();
    let late = contact(&b.owner, "Zoe").await;
    let mut told = Stream::open(&t.router, &b.owner, Some(&since)).await;
    loop {
        if told.told().await.unwrap().said["id"] == json!(late) {
            break;
        }
    }
    // A place this database has not reached is another database's.
    let mut lost = Stream::open(&t.router, &b.owner, Some("99999999999.7")).await;
    contact(&b.owner, "Now").await;
    assert_eq!(lost.names(1).await, ["contact.created"]);
}

#[tokio::test]
async fn none_is_skipped_when_the_first_to_begin_is_the_last_to_commit() {
    let t = TestApp::new().await;
    let b = t.business("Clear Panes").await;
    let mut stream = Stream::open(&t.router, &b.owner, None).await;
    let mut read = Read::of_org(&t.app, b.org).await.unwrap();
    let begin = data::start(read.db(), None).await.unwrap();
    drop(read);
    let look = async || {
        let door = Door::Org(b.org, "job");
        let mut read = Read::through(&t.app, &door, &Origin::default(), false).await.unwrap();
        data::look(&mut read, begin).await.unwrap()
    };

    let mut slow = t.admin.begin().await.unwrap();
    let early = happens(&mut slow, b.org, "ticket.moved").await;
    let mut quick = t.admin.begin().await.unwrap();
    let late = happens(&mut quick, b.org, "ticket.closed").await;
    quick.commit().await.unwrap();

    let held = look().await;
    assert!(held.changes.is_empty() && held.is_waiting && held.cursor == begin, "{held:?}");
    slow.commit().await.unwrap();

    let ids: Vec<Value> = vec![stream.told().await.unwrap().said["id"].clone(), stream.told().await.unwrap().said["id"].clone()];
    assert_eq!(ids, [json!(early), json!(late)]);
    let all = look().await;
    assert_eq!(all.changes.iter().map(|(_, c)| c.id).collect::<Vec<_>>(), [early, late]);
    assert!(!all.is_waiting);
}

#[tokio::test]
async fn too_much_at_once_is_told_as_one() {
    let t = TestApp::new().await;
    let b = t.business("Clear Panes").await;
    let mut stream = Stream::open(&t.router, &b.owner, None).await;
    let mut tx = t.admin.begin().await.unwrap();
    for _ in 0..150 {
        happens(&mut tx, b.org, "ticket.updated").await;
    }
    tx.commit().await.unwrap();
    assert_eq!(stream.told().await.unwrap().said, json!({ "name": "live.missed" }));
    contact(&b.owner, "After").await;
    assert_eq!(stream.names(1).await, ["contact.created"]);
}

#[tokio::test]
async fn a_business_never_hears_of_another() {
    let t = TestApp::new().await;
    let (a, b) = (t.business("Panes A").await, t.business("Panes B").await);
    let (mut of_a, mut of_b) = (Stream::open(&t.router, &a.owner, None).await, Stream::open(&t.router, &b.owner, None).await);
    let hammer = async |org: OrgId| {
        let mut ids = BTreeSet::new();
        for _ in 0..60 {
            let mut tx = t.admin.begin().await.unwrap();
            ids.insert(happens(&mut tx, org, "ticket.updated").await.to_string());
            tx.commit().await.unwrap();
        }
        ids
    };
    let hear = async |stream: &mut Stream| {
        let mut ids = BTreeSet::new();
        while ids.len() < 60 {
            ids.insert(stream.told().await.unwrap().said["id"].as_str().unwrap().to_owned());
        }
        ids
    };
    let (did_a, did_b, heard_a, heard_b) = tokio::join!(hammer(a.org), hammer(b.org), hear(&mut of_a), hear(&mut of_b));
    assert_eq!((did_a, did_b), (heard_a, heard_b));
}

#[tokio::test]
async fn a_technician_who_sees_own_tickets_hears_of_those() {
    let t = TestApp::new().await;
    let mut b = t.business("Clear Panes").await;
    let (sam, kim) = (b.member(Role::Staff, "Sam").await, b.member(Role::Staff, "Kim").await);
    sqlx::query("update orgs set staff_see_all_tickets = false where id = $1").bind(b.org.0).execute(&t.admin).await.unwrap();
    let (vivian, wendy) = (contact(&b.owner, "Vivian").await, contact(&b.owner, "Wendy").await);
    let (own, other) = (visit(&b, &vivian, &sam, 15).await, visit(&b, &wendy, &kim, 15).await);
    let mut stream = Stream::open(&t.router, &sam, None).await;
    let mut desk = Stream::open(&t.router, &b.owner, None).await;

    b.owner.act("ticket.update", json!({ "ticket_id": other, "instructions": "Ring twice" })).await.expect(200);
    b.owner.act("contact.update", json!({ "contact_id": wendy, "first_name": "Wanda" })).await.expect(200);
    b.owner.act("ticket.update", json!({ "ticket_id": own, "instructions": "Ring once" })).await.expect(200);
    let mut heard = Vec::new();
    let mut hear = async |until: (&str, &str)| loop {
        let told = stream.told().await.unwrap().said;
        heard.push((told["name"].as_str().unwrap().to_owned(), told["id"].as_str().unwrap().to_owned()));
        if heard.last().is_some_and(|(name, id)| (name.as_str(), id.as_str()) == until) {
            break;
        }
    };
    hear(("ticket.updated", &own)).await;
    // Taken off the visit: heard once more, then no longer.
    b.owner
        .act("ticket.assign", json!({ "ticket_id": own, "member_ids": [kim.member.unwrap()], "override_reason": "Sam is ill" }))
        .await
        .expect(200);
    b.owner.act("ticket.update", json!({ "ticket_id": own, "instructions": "Ring thrice" })).await.expect(200);
    let next = visit(&b, &vivian, &sam, 18).await;

    hear(("ticket.scheduled", &next)).await;
    let expected = [("ticket.updated", &own), ("ticket.assigned", &own), ("ticket.scheduled", &next)];
    assert_eq!(heard, expected.map(|(name, id)| (name.to_owned(), id.clone())));
    assert_eq!(desk.told().await.unwrap().said["id"], json!(other), "who sees all hears of all");
    t.nobody().get("/live").await.expect(303);
}

#[tokio::test]
async fn a_stream_ends_with_its_session_its_business_and_its_place() {
    let t = TestApp::new().await;
    let mut b = t.business("Clear Panes").await;
    let (sam, kim) = (b.member(Role::Staff, "Sam").await, b.member(Role::Staff, "Kim").await);
    let elsewhere = t.business("Other Panes").await;

    // Revoked.
    let mut stream = Stream::open(&t.router, &sam, None).await;
    let end = "update sessions set revoked_at = now() where user_id = (select user_id from members where id = $1)";
    sqlx::query(end).bind(sam.member.unwrap().0).execute(&t.admin).await.unwrap();
    contact(&b.owner, "Vivian").await;
    assert_eq!(stream.until_the_end().await, 0);

    // Gone over to another business in another tab.
    let mut stream = Stream::open(&t.router, &kim, None).await;
    let over = "with me as (select user_id, name, email from members where id = $1),
                     there as (insert into members (id, org_id, user_id, role, state, name, email) select gen_random_uuid(), $2, user_id, 'staff', 'active', name, email from me)
                update sessions set org_id = $2 where user_id = (select user_id from me)";
    sqlx::query(over).bind(kim.member.unwrap().0).bind(elsewhere.org.0).execute(&t.admin).await.unwrap();
    contact(&elsewhere.owner, "Of another business").await;
    contact(&b.owner, "Wendy").await;
    assert_eq!(stream.until_the_end().await, 0);

    // One too many: the oldest makes room and is told to stay away for a while.
    let mut streams = Vec::new();
    for _ in 0..7 {
        streams.push(Stream::open(&t.router, &b.owner, None).await);
    }
    let last = streams[0].block().await.unwrap();
    assert!(last.contains("300000"), "{last}");
    assert_eq!(streams[0].until_the_end().await, 0);
    contact(&b.owner, "Xaver").await;
    for stream in &mut streams[1..] {
        assert_eq!(stream.names(1).await, ["contact.created"]);
    }
}

#[tokio::test]
async fn streams_end_when_the_process_is_told_to_stop_and_the_listener_lets_the_pool_close() {
    let t = TestApp::new().await;
    let b = t.business("Clear Panes").await;
    let (tell, stop) = watch::channel(false);
    let router = t.router.clone().layer(Extension(live::Stop(stop)));
    let mut stream = Stream::open(&router, &b.owner, None).await;
    contact(&b.owner, "Vivian").await;
    assert_eq!(stream.names(1).await, ["contact.created"]);
    tell.send_replace(true);
    assert_eq!(stream.until_the_end().await, 0);
    drop(stream);
    timeout(LONG, t.app.pool.close()).await.expect("nothing holds a connection for good");
}

#[tokio::test]
async fn a_lost_listener_comes_back_and_nothing_is_missed() {
    let t = TestApp::new().await;
    let b = t.business("Clear Panes").await;
    let mut stream = Stream::open(&t.router, &b.owner, None).await;
    contact(&b.owner, "Vivian").await;
    assert_eq!(stream.names(1).await, ["contact.created"]);
    let listeners = "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and query ilike 'listen%'";
    let cut = sqlx::query(AssertSqlSafe(listeners)).execute(&t.admin).await.unwrap();
    assert_eq!(cut.rows_affected(), 1, "one listener, however many streams");
    contact(&b.owner, "Wendy").await;
    assert_eq!(stream.names(1).await, ["contact.created"]);
}
