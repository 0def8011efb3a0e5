//! `kill -9` at random moments during a scripted day, with a real process, a real database and a real mail server. Whoever acts sends each act
//! again under its key until it is answered, as a phone does. Afterwards every invariant holds, and nothing was mailed or paid twice.

use std::{
    collections::HashMap,
    net::TcpListener,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use platform::{audit, role::Role};
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use crate::support::{TestApp, smtp::Sink};

/// The server as a process that is killed and started again.
struct Server {
    port: u16,
    database_url: String,
    data: std::path::PathBuf,
    smtp: String,
}

impl Server {
    fn start(&self) -> Child {
        Command::new(env!("CARGO_BIN_EXE_rounds"))
            .arg("serve")
            .env("ROUNDS_LISTEN", format!("127.0.0.1:{}", self.port))
            .env("ROUNDS_PUBLIC_URL", format!("http://127.0.0.1:{}", self.port))
            .env("ROUNDS_DATA_DIR", &self.data)
            // The harness's own: it verifies the audit chain.
            .env("ROUNDS_SECRETS__SERVER_KEY", "a server key of at least thirty-two bytes")
            .env("DATABASE_URL", &self.database_url)
            .env("ROUNDS_MAIL__SMTP_URL", &self.smtp)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("the binary starts")
    }
}

impl Server {
    async fn answers(&self) -> bool {
        reqwest::get(format!("http://127.0.0.1:{}/healthz", self.port)).await.is_ok_and(|a| a.status().is_success())
    }
}

/// A phone: sends an act again, under the same key, until there is an answer.
#[derive(Clone)]
struct Phone {
    http: reqwest::Client,
    url: String,
    cookie: String,
}

impl Phone {
    async fn act(&self, name: &str, key: &str, data: Value) -> Value {
        let (domain, action) = name.split_once('.').unwrap();
        let body = json!({ "domain": domain, "action": action, "data": data }).to_string();
        let began = Instant::now();
        loop {
            let sent = self
                .http
                .post(format!("{}/api/actions", self.url))
                .header("cookie", &self.cookie)
                .header("x-rounds-csrf", "1")
                .header("content-type", "application/json")
                .header("idempotency-key", key)
                .body(body.clone())
                .send()
                .await;
            if let Ok(answer) = sent {
                let status = answer.status();
                let text = answer.text().await.unwrap_or_default();
                if status.is_success()
                    && let Ok(json) = serde_json::from_str::<Value>(&text)
                {
                    return json["data"].clone();
                }
                assert!(status.is_server_error() || status.is_success(), "{name} {key}: {status} {text}");
            }
            assert!(began.elapsed() < Duration::from_mins(1), "{name} {key} was never answered");
            tokio::time::sleep(Duration::from_millis(60)).await;
        }
    }

    /// One visit, from booking to paid in cash.
    async fn visit(&self, n: usize, member: &str) {
        let k = |what: &str| format!("{what}-{n}");
        let emails = json!([{ "address": format!("customer{n}@example.com") }]);
        let contact = self
            .act("contact.create", &k("contact"), json!({ "first_name": "Customer", "last_name": n.to_string(), "emails": emails }))
            .await;
        let day = chrono::NaiveDate::from_ymd_opt(2027, 3, 1).unwrap() + chrono::Duration::days(i64::try_from(n).unwrap());
        let ticket = self
            .act(
                "ticket.create",
                &k("ticket"),
                json!({ "contact_id": contact["id"], "starts_at": format!("{day}T15:00:00Z"), "ends_at": format!("{day}T17:00:00Z"), "member_ids": [member],
                        "lines": [{ "kind": "flexible", "description": "Windows", "quantity": "1" }] }),
            )
            .await;
        let id = &ticket["id"];
        self.act("ticket.clock_in", &k("in"), json!({ "ticket_id": id })).await;
        self.act("ticket.clock_out", &k("out"), json!({ "ticket_id": id })).await;
        let draft = json!({ "worked_minutes": 95, "prices_confirmed": true, "notes": format!("Dog named Biscuit{n}"), "next": { "kind": "reach_out", "months": 6 },
            "lines": [{ "kind": "flexible", "description": "Windows", "quantity": "1", "unit_price": "150.00" }] });
        self.act("closeout.save", &k("save"), json!({ "ticket_id": id, "draft": draft, "step": "review" })).await;
        self.act("closeout.complete", &k("complete"), json!({ "ticket_id": id })).await;
        let invoice = self.act("invoice.create_from_ticket", &k("invoice"), json!({ "ticket_id": id })).await;
        self.act("invoice.send", &k("send"), json!({ "invoice_id": invoice["id"] })).await;
        let payment = json!({ "invoice_id": invoice["id"], "method": "cash", "amount": "150.00" });
        self.act("payment.record", &k("pay"), payment).await;
    }
}

const VISITS: usize = 12;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_of_kill_minus_nine_loses_nothing_and_does_nothing_twice() {
    let t = TestApp::new().await;
    let sink = Sink::start().await;
    let mut b = t.business("Crystal Clear").await;
    let owner = b.owner.clone();
    let tech = b.member(Role::Staff, "Marcy").await;
    sqlx::query("update sessions set expires_at = now() + interval '2 days', created_at = now(), last_seen_at = now()")
        .execute(&t.admin)
        .await
        .unwrap();
    let data = std::env::temp_dir().join(format!("rounds-crash-{}", std::process::id()));
    // Below the ports that other tests' connections are given while this server is down.
    let port = (0..500)
        .map(|n| 20_000 + u16::try_from((std::process::id() + n) % 9_000).unwrap())
        .find(|p| TcpListener::bind(("127.0.0.1", *p)).is_ok());
    let port = port.expect("one of five hundred ports is free");
    let server = Arc::new(Server { port, database_url: t.url("rounds_app"), data: data.clone(), smtp: sink.url() });

    let (over, kills) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let killer = {
        let (server, over, kills) = (server.clone(), over.clone(), kills.clone());
        tokio::spawn(async move {
            // Moments that differ from run to run, but are told: the seed is the process's own.
            let mut seed = u64::from(std::process::id()).wrapping_mul(6_364_136_223_846_793_005) | 1;
            let mut child = server.start();
            while !over.load(Ordering::Relaxed) {
                // It is killed at work, not on its way up; one that could not start (a port not yet free) is started again.
                if !server.answers().await {
                    if child.try_wait().unwrap().is_some() {
                        child = server.start();
                    }
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
                seed ^= seed << 13;
                seed ^= seed >> 7;
                seed ^= seed << 17;
                tokio::time::sleep(Duration::from_millis(150 + seed % 700)).await;
                if over.load(Ordering::Relaxed) || kills.load(Ordering::Relaxed) >= 12 {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
                child.kill().await.unwrap();
                kills.fetch_add(1, Ordering::Relaxed);
                child = server.start();
            }
            child
        })
    };

    let phone = Phone { http: reqwest::Client::new(), url: format!("http://127.0.0.1:{port}"), cookie: owner.cookie.clone().unwrap() };
    let member = tech.member.unwrap().to_string();
    for n in 0..VISITS {
        phone.visit(n, &member).await;
    }
    over.store(true, Ordering::Relaxed);
    let mut child = killer.await.unwrap();
    settle(&t).await;
    child.kill().await.unwrap();
    let _ = std::fs::remove_dir_all(&data);
    assert!(kills.load(Ordering::Relaxed) >= 3, "it was killed at least three times");
    everything_once(&t, &sink).await;
    audit::seal(&t.app, b.org).await.unwrap();
    assert_eq!(audit::verify(&t.app, b.org).await.unwrap().faults, Vec::<String>::new());
}

/// Waits until no message is due any more: the minute's sweep picks up what a killed worker had taken.
async fn settle(t: &TestApp) {
    let began = Instant::now();
    while t.count("select count(*) from messages where state = 'queued' and send_at <= now()").await > 0 {
        assert!(began.elapsed() < Duration::from_mins(3), "messages were left lying");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
}

async fn everything_once(t: &TestApp, sink: &Sink) {
    let visits = i64::try_from(VISITS).unwrap();
    for (what, sql) in [
        ("contacts", "select count(*) from contacts"),
        ("closed tickets", "select count(*) from tickets where state = 'closed' and worked_minutes = 95 and total = 150"),
        ("tickets", "select count(*) from tickets"),
        ("notes", "select count(*) from notes"),
        ("clock entries", "select count(*) from clock_entries where clocked_out_at is not null"),
        ("completed close-outs", "select count(*) from closeouts where state = 'completed'"),
        ("reach-outs", "select count(*) from messages where kind = 'reach_out' and state = 'queued'"),
        ("invoices", "select count(*) from invoices where state = 'paid' and paid = total and total = 150"),
        ("numbers without gaps", "select max(seq) from invoices"),
        ("payments", "select count(*) from payments where state = 'succeeded' and amount = 150"),
        ("stored PDFs", "select count(*) from files where kind = 'invoice_pdf'"),
    ] {
        assert_eq!(t.count(sql).await, visits, "{what}");
    }
    let mut mails: HashMap<String, u32> = HashMap::new();
    for mail in sink.received() {
        *mails.entry(mail.header("Message-ID").unwrap_or_default().to_owned()).or_default() += 1;
    }
    assert!(mails.values().all(|n| *n == 1), "a mail went out twice: {mails:?}");
    // What was handed over is known as sent, or put before a person; nothing in between.
    let sent = t.count("select count(*) from messages where state = 'sent'").await;
    let doubtful = t.count("select count(*) from messages where state in ('sending', 'in_doubt')").await;
    let arrived = i64::try_from(mails.len()).unwrap();
    assert!(sent <= arrived && arrived <= sent + doubtful, "{sent} sent, {doubtful} in doubt, {arrived} arrived");
}
