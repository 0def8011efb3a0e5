//! What a stranger can hold of the server: time, connections, memory. And what a full disk looks like from outside.

use std::time::Duration;

use app::server::{Limits, serve};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
    time::timeout,
};

use crate::support::TestApp;

/// A server on a real port with small limits. Dropping the sender stops nothing: send `true`.
async fn server(t: &TestApp) -> (std::net::SocketAddr, watch::Sender<bool>, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let limits = Limits { head: Duration::from_millis(400), per_address: Some(8), grace: Duration::from_secs(2) };
    let (stop, stopped) = watch::channel(false);
    (address, stop, tokio::spawn(serve(listener, t.router.clone(), limits, stopped)))
}

/// Everything that comes back until the server closes the connection, within two seconds.
async fn rest(tcp: &mut TcpStream) -> Option<String> {
    let mut text = Vec::new();
    timeout(Duration::from_secs(2), tcp.read_to_end(&mut text)).await.ok().map(|_| String::from_utf8_lossy(&text).into_owned())
}

async fn ask(address: std::net::SocketAddr, request: &str) -> String {
    let mut tcp = TcpStream::connect(address).await.unwrap();
    tcp.write_all(request.as_bytes()).await.unwrap();
    rest(&mut tcp).await.expect("the server answers and closes")
}

#[tokio::test]
async fn a_half_sent_request_and_a_crowd_from_one_address_are_let_go() {
    let t = TestApp::new().await;
    let (address, stop, running) = server(&t).await;
    let health = "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    assert!(ask(address, health).await.starts_with("HTTP/1.1 200"));

    let mut crowd = Vec::new();
    for n in 0..8 {
        let mut tcp = TcpStream::connect(address).await.unwrap();
        tcp.write_all(&b"GET /healthz HTTP/1.1\r\nhost: x\r\n"[..10 + n]).await.unwrap();
        crowd.push(tcp);
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(ask(address, health).await, "", "the ninth is let go without an answer");
    for mut tcp in crowd {
        let end = rest(&mut tcp).await.expect("a half-sent head is given up");
        assert!(end.is_empty() || end.starts_with("HTTP/1.1 408"), "{end}");
    }
    assert!(ask(address, health).await.starts_with("HTTP/1.1 200"), "there is room again");

    stop.send(true).unwrap();
    timeout(Duration::from_secs(3), running).await.expect("it stops").unwrap();
}

#[tokio::test]
async fn a_large_body_is_refused_before_it_is_read() {
    let t = TestApp::new().await;
    let b = t.business("Clear View").await;
    let (address, _stop, _running) = server(&t).await;
    // Only the head is sent: whoever waited for the body would not answer.
    let head = |path: &str, length: usize, more: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\norigin: http://x\r\nconnection: close\r\n{more}content-type: application/x-www-form-urlencoded\r\ncontent-length: {length}\r\n\r\n"
        )
    };
    let signature = "stripe-signature: t=1,v1=00\r\n";
    for path in ["/u/x", "/c/x", "/i/x", "/sign-in", "/businesses"] {
        let answer = ask(address, &head(path, 65 * 1024, "")).await;
        assert!(answer.starts_with("HTTP/1.1 413"), "{path}: {answer}");
    }
    let none = uuid::Uuid::now_v7();
    for (path, more) in [("/api/webhooks/stripe".to_owned(), ""), (format!("/api/webhooks/stripe/{none}"), signature)] {
        let answer = ask(address, &head(&path, 1000, more)).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "a stranger's webhook is refused unread: {answer}");
        let answer = ask(address, &head(&path, 2 * 1024 * 1024, more)).await;
        assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    }
    let nobody = ask(address, &head("/api/actions", 20 * 1024 * 1024, "authorization: Bearer x\r\n")).await;
    assert!(nobody.starts_with("HTTP/1.1 401"), "{nobody}");
    let cookie = format!("cookie: {}\r\n", b.owner.cookie.as_deref().unwrap());
    let member = ask(address, &head("/contacts/new", 1024 * 1024 + 1, &cookie)).await;
    assert!(member.starts_with("HTTP/1.1 413"), "{member}");
}

#[tokio::test]
async fn a_full_disk_is_told_and_the_instance_is_not_ready() {
    let t = TestApp::new().await;
    let b = t.business("Clear View").await;
    assert!(t.nobody().get("/readyz").await.expect(200).body.contains("disk ok"));
    let full = "create function full_disk() returns trigger language plpgsql as $$ begin raise exception 'could not extend file' using errcode = '53100'; end $$;
                create trigger full_disk before insert on contacts for each row execute function full_disk();";
    sqlx::raw_sql(full).execute(&t.admin).await.unwrap();
    let answer = b.owner.act("contact.create", json!({ "first_name": "Ann" })).await.expect(503);
    assert!(answer.body.contains("disk of the database is full") && answer.headers.contains_key("retry-after"), "{}", answer.body);
    let page = b.owner.post("/contacts/new", &[("_key", "k1"), ("first_name", "Ann")]).await.expect(503);
    assert!(page.body.contains("Ann") && page.body.contains("disk of the database is full"), "what was typed is still there");
    assert!(t.nobody().get("/readyz").await.expect(503).body.contains("disk failing"));
}

#[tokio::test]
async fn what_hangs_is_ended() {
    let t = TestApp::new().await;
    for setting in ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"] {
        let value: String = sqlx::query_scalar("select current_setting($1)").bind(setting).fetch_one(&t.app.pool).await.unwrap();
        assert_ne!(value, "0", "{setting}");
    }
}
