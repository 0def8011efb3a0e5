//! The connection to the database is cut during COMMIT, 200 times and more: each write takes effect once, and its answer is true.

use std::collections::BTreeMap;

use axum::http::header;
use flows::imports;
use office::identity::{self, actions::sign_in_link};
use platform::{
    ids::{ImportId, SignInId},
    role::Role,
};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use crate::support::{
    Actor, Answer, Business, TestApp,
    cut::{Between, Cut},
};

const CUTS: [Cut; 3] = [Cut::Before, Cut::After, Cut::Late];
type Rows = BTreeMap<String, i64>;

/// How many rows each table has; what a rolled-back attempt also leaves (rate limits) is not counted.
async fn rows(t: &TestApp) -> Rows {
    let sql: String = sqlx::query_scalar(
        "select string_agg(format('select %L, count(*) from %s', c.oid::regclass, c.oid::regclass), ' union all ')
           from pg_class c join pg_namespace n on n.oid = c.relnamespace
          where c.relkind = 'r' and (n.nspname = 'public' and c.relname <> 'rate_limits' or c.relname = '_private_jobs')",
    )
    .fetch_one(&t.admin)
    .await
    .unwrap();
    let rows: Vec<(String, i64)> = sqlx::query_as(AssertSqlSafe(sql)).fetch_all(&t.admin).await.unwrap();
    rows.into_iter().collect()
}

fn grown(before: &Rows, after: &Rows) -> Rows {
    after.iter().filter(|(table, n)| before[*table] != **n).map(|(table, n)| (table.clone(), n - before[table])).collect()
}

/// Somebody at work, whose every write is cut (or none, to know what each should do).
struct Day<'t> {
    t: &'t TestApp,
    actor: &'t Actor,
    between: &'t Between,
    cut: Option<Cut>,
    n: usize,
    /// By step: which tables grew by how much.
    done: Vec<(String, Rows)>,
}

impl Day<'_> {
    async fn step(&mut self, name: &str, write: impl AsyncFn() -> Answer) -> Answer {
        let (before, cuts) = (rows(self.t).await, self.between.cuts());
        if let Some(cut) = self.cut {
            self.between.arm(cut);
        }
        let answer = write().await;
        let is_done = answer.status.is_success() || answer.status.is_redirection();
        assert!(is_done, "{name}, cut {:?}: {} {}", self.cut, answer.status, answer.body);
        assert_eq!(self.between.cuts() - cuts, usize::from(self.cut.is_some()), "{name} was cut {:?}", self.cut);
        self.done.push((name.to_owned(), grown(&before, &rows(self.t).await)));
        answer
    }

    /// A program's act, then the same under the same key: the same answer, and nothing more.
    async fn act(&mut self, name: &str, data: Value) -> Value {
        let (actor, key) = (self.actor.clone(), Uuid::now_v7().to_string());
        let send = async || actor.act_with(name, data.clone(), &[("Idempotency-Key", &key)], json!({})).await;
        let first = self.step(name, send).await.data();
        let before = rows(self.t).await;
        assert_eq!(send().await.data(), first, "{name} again");
        assert_eq!(grown(&before, &rows(self.t).await), Rows::new(), "{name} again");
        first
    }

    async fn act_without_key(&mut self, name: &str, data: Value) -> Value {
        let actor = self.actor.clone();
        self.step(&format!("{name} without a key"), async || actor.act(name, data.clone()).await).await.data()
    }

    async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> String {
        let (actor, key) = (self.actor.clone(), Uuid::now_v7().to_string());
        let fields: Vec<(&str, &str)> = [("_key", key.as_str())].into_iter().chain(fields.iter().copied()).collect();
        let name = path.rsplit('/').next().unwrap_or_default().to_owned();
        let answer = self.step(&format!("page {name}"), async || actor.post(path, &fields).await).await;
        answer.location().to_owned()
    }

    /// A customer from the first call to the last payment.
    async fn customer(&mut self, technician: &str) {
        let n = self.n;
        let contact = self.act("contact.create", json!({ "first_name": format!("Ida{n}"), "last_name": "Owens" })).await["id"].clone();
        self.act("contact.update", json!({ "contact_id": contact, "company": "Owens & Co" })).await;
        self.act_without_key("note.create", json!({ "contact_id": contact, "body": "Gate 4411" })).await;
        self.act("service.create", json!({ "name": format!("Exterior {n}"), "kind": "fixed", "price": "100.00" })).await;
        let day = chrono::NaiveDate::from_ymd_opt(2027, 3, 1).unwrap() + chrono::Duration::days(i64::try_from(n).unwrap());
        let ticket = json!({ "contact_id": contact, "starts_at": format!("{day}T15:00:00Z"), "ends_at": format!("{day}T17:00:00Z"),
            "member_ids": [technician], "lines": [{ "kind": "flexible", "description": "Windows", "quantity": "1" }] });
        let ticket = self.act("ticket.create", ticket).await["id"].clone();
        self.act("ticket.update", json!({ "ticket_id": ticket, "instructions": "Ring twice" })).await;
        self.act("ticket.clock_in", json!({ "ticket_id": ticket })).await;
        self.act("ticket.clock_out", json!({ "ticket_id": ticket })).await;
        let draft = json!({ "worked_minutes": 95, "prices_confirmed": true, "notes": "Dog named Biscuit", "next": { "kind": "reach_out", "months": 6 },
            "lines": [{ "kind": "flexible", "description": "Windows", "quantity": "1", "unit_price": "150.00" }] });
        self.act_without_key("closeout.save", json!({ "ticket_id": ticket, "draft": draft, "step": "review" })).await;
        self.act("closeout.complete", json!({ "ticket_id": ticket })).await;
        let invoice = self.act("invoice.create_from_ticket", json!({ "ticket_id": ticket })).await["id"].clone();
        self.act("invoice.issue", json!({ "invoice_id": invoice })).await;
        self.act("payment.record", json!({ "invoice_id": invoice, "method": "cash", "amount": "150.00" })).await;
    }

    /// The same person with a browser.
    async fn pages(&mut self) {
        let name = format!("Ann{}", self.n);
        let contact = self.post("/contacts/new", &[("first_name", &name), ("address.city", "Madison")]).await;
        self.post(&format!("{contact}/notes"), &[("body", "Pays later")]).await;
        self.post(&format!("{contact}/archive"), &[]).await;
        self.post(&format!("{contact}/restore"), &[]).await;
        let email = format!("pat{}@example.com", self.n);
        self.post("/settings/team", &[("name", "Pat"), ("email", &email), ("role", "staff")]).await;
        let day = chrono::NaiveDate::from_ymd_opt(2028, 3, 1).unwrap() + chrono::Duration::days(i64::try_from(self.n).unwrap());
        let contact = contact.rsplit('/').next().unwrap_or_default().to_owned();
        let when = [("date", day.to_string()), ("time", "10:00".into()), ("minutes", "60".into()), ("contact_id", contact)];
        let when: Vec<(&str, &str)> = when.iter().map(|(k, v)| (*k, v.as_str())).collect();
        let ticket = self.post("/tickets", &when).await;
        self.post(&format!("{ticket}/clock-in"), &[]).await;
        self.post(&format!("{ticket}/clock-out"), &[]).await;
    }
}

/// W1: every cut ends as if there had been none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w1_a_lost_answer_to_commit_is_neither_a_failure_nor_a_second_effect() {
    let t = TestApp::new().await;
    let between = Between::start(&t);
    let app = t.on_pool(between.pool().await);
    let mut b = app.business("Crystal Clear").await;
    let technician = b.member(Role::Staff, "Marcy").await.member.unwrap().to_string();
    let owner = b.owner.clone();
    let mut expected = Vec::new();
    // The first day also makes what a business has once (its counters); the second, uncut as well, is what each other one must be like.
    for (n, cut) in [None, None].into_iter().chain(CUTS.into_iter().cycle().take(10).map(Some)).enumerate() {
        let mut day = Day { t: &t, actor: &owner, between: &between, cut, n, done: Vec::new() };
        day.customer(&technician).await;
        day.pages().await;
        if cut.is_none() {
            expected = day.done;
        } else {
            assert_eq!(day.done, expected, "{cut:?}");
        }
    }
    assert!(between.cuts() >= 200, "{}", between.cuts());
    assert_eq!(t.count("select max(seq) - count(*) from invoices where seq is not null").await, 0, "numbers without gaps");
}

fn cookie(answer: &Answer, name: &str) -> Option<String> {
    let all = answer.headers.get_all(header::SET_COOKIE);
    let set = all.iter().filter_map(|v| v.to_str().ok()).find(|v| v.starts_with(&format!("{name}=")))?;
    Some(set.split(';').next()?.to_owned())
}

/// What happens outside of any business: asking for a mail, signing in, making a business, joining one, leaving.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w1_a_lost_answer_to_commit_lets_people_in_once() {
    let t = TestApp::new().await;
    let between = Between::start(&t);
    let app = t.on_pool(between.pool().await);
    let b = app.business("Crystal Clear").await;
    for (n, cut) in (1_i64..).zip(CUTS) {
        let email = format!("robin{n}@example.com");
        b.owner.act("member.invite", json!({ "email": email, "name": "Robin", "role": "staff" })).await.expect(200);
        // Asking: one row, one mail.
        let mut robin = app.nobody();
        between.arm(cut);
        robin.cookie = cookie(&robin.post("/sign-in", &[("email", &email)]).await.expect(303), "rounds_browser");
        let ids: Vec<Uuid> = sqlx::query_scalar("select id from sign_ins where email = $1").bind(&email).fetch_all(&t.admin).await.unwrap();
        assert_eq!(ids.len(), 1, "{cut:?}");
        assert_eq!(t.count("select count(*) from graphile_worker._private_jobs where payload ->> 'sign_in' is not null").await, n);
        // Coming in by code: one session, and it works.
        between.arm(cut);
        let code = identity::code(&app.app, SignInId(ids[0]));
        let answer = robin.post("/sign-in/code", &[("code", &code)]).await.expect(303);
        robin.cookie = cookie(&answer, "rounds_session");
        robin.get("/businesses").await.expect(200);
        // Accepting the invitation, making a business of one's own, and coming in by link to make a second session.
        between.arm(cut);
        robin.post(&format!("/businesses/{}/enter", b.org), &[]).await.expect(303);
        let id = Uuid::now_v7().to_string();
        between.arm(cut);
        let own = [("id", id.as_str()), ("name", "Own"), ("person", "Robin"), ("time_zone", "UTC"), ("currency", "USD")];
        robin.post("/businesses", &own).await.expect(303);
        let mut other = app.nobody();
        let link = sign_in_link(&app.app, &email).await.unwrap();
        between.arm(cut);
        let answer = other.post(link.strip_prefix("http://rounds.test").unwrap(), &[]).await.expect(303);
        other.cookie = cookie(&answer, "rounds_session");
        other.get("/settings/sessions").await.expect(200);
        // Ending the very session that asks: the second attempt finds its door closed, and the answer all the same.
        let session: Uuid = sqlx::query_scalar(
            "select s.id from sessions s join users u on u.id = s.user_id where u.email = $1 order by s.created_at, s.id limit 1",
        )
        .bind(&email)
        .fetch_one(&t.admin)
        .await
        .unwrap();
        between.arm(cut);
        let ended = robin.act("session.revoke", json!({ "id": session })).await.data();
        assert_eq!(ended["ended"], 1, "{cut:?}");
        between.arm(cut);
        other.post("/sign-out", &[]).await.expect(303);
        other.get("/settings/sessions").await.expect(303);
    }
    assert_eq!(between.cuts(), CUTS.len() * 7);
    for (what, sql, wanted) in [
        ("sessions", "select count(*) from sessions s join users u on u.id = s.user_id where u.email like 'robin%'", 6),
        ("ended", "select count(*) from sessions where revoked_at is not null", 6),
        ("businesses", "select count(*) from orgs where name = 'Own'", 3),
        ("founded", "select count(*) from events where name = 'business.created'", 3),
        ("joined", "select count(*) from events where name = 'member.joined'", 3),
        ("revoked", "select count(*) from events where name = 'session.revoked'", 3),
    ] {
        assert_eq!(t.count(sql).await, wanted, "{what}");
    }
}

/// A job's writes have no key of their own: every COMMIT of an import is cut in turn.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w1_a_lost_answer_to_commit_imports_every_row_once() {
    let t = TestApp::new().await;
    let between = Between::start(&t);
    let app = t.on_pool(between.pool().await);
    let b = app.business("Crystal Clear").await;
    let mut people = 0;
    for cut in CUTS {
        for passing in 0.. {
            let file = format!("First Name,Last Name,Phone Number\nAnn,Lee{people},\nBob,Ray{people},\n,,\n");
            let made =
                b.owner.act("import.preview", json!({ "file_name": "c.csv", "content": file, "kind": "square_customers" })).await.data();
            b.owner.act("import.run", json!({ "import_id": made["id"] })).await.data();
            let id: ImportId = made["id"].as_str().unwrap().parse().unwrap();
            between.arm_after(passing, cut);
            imports::jobs::run(&app.app, b.org, id).await.unwrap();
            people += 2;
            assert_eq!(t.count("select count(*) from contacts").await, people, "{cut:?} after {passing}");
            assert_eq!(t.count("select count(*) from imports where state <> 'done'").await, 0);
            if between.disarm() {
                break;
            }
        }
    }
    assert!(between.cuts() >= 6, "{}", between.cuts());
}

/// The database stays away after the cut: the answer says that nobody knows, and the same form or key settles it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w1_what_nobody_knows_is_said_and_settled_by_the_same_key() {
    let t = TestApp::new().await;
    let between = Between::start(&t);
    let app = t.on_pool(between.pool().await);
    let b: Business<'_> = app.business("Crystal Clear").await;
    for (n, cut) in (1_i64..).zip(CUTS) {
        let key = Uuid::now_v7().to_string();
        let send = async || {
            b.owner.act_with("contact.create", json!({ "first_name": format!("Ida{n}") }), &[("Idempotency-Key", &key)], json!({})).await
        };
        between.arm_for_good(cut);
        let unknown = send().await.expect(503);
        let error = &unknown.json()["error"];
        assert_eq!((&error["code"], &error["in_doubt"]), (&json!("UNAVAILABLE"), &json!(true)));
        assert!(error["message"].as_str().unwrap().contains("We don't know whether it was saved"), "{error}");
        assert!(error["message"].as_str().unwrap().contains("same Idempotency-Key") && unknown.headers.contains_key(header::RETRY_AFTER));
        between.mend();
        answered(send).await.data();

        let key = Uuid::now_v7().to_string();
        let last_name = format!("Lee{n}");
        let form = [("_key", key.as_str()), ("first_name", "Ann"), ("last_name", last_name.as_str())];
        between.arm_for_good(cut);
        let unknown = b.owner.post("/contacts/new", &form).await.expect(503);
        assert!(unknown.body.contains("Was it saved?") && unknown.body.contains(">Check</button>"), "{}", unknown.body);
        for (name, value) in form {
            assert!(unknown.body.contains(&format!("name=\"{name}\" value=\"{value}\"")), "Check sends the same form: {}", unknown.body);
        }
        between.mend();
        let checked = answered(async || b.owner.post("/contacts/new", &form).await).await.expect(303);
        b.owner.get(checked.location()).await.expect(200);
        assert_eq!(t.count("select count(*) from contacts").await, 2 * n, "{cut:?}");
    }
}

/// Sends until the pool has let go of its dead connections.
async fn answered(send: impl AsyncFn() -> Answer) -> Answer {
    for _ in 0..20 {
        let answer = send().await;
        if answer.status.as_u16() != 503 {
            return answer;
        }
    }
    send().await
}
