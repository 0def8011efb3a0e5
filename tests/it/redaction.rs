//! Card and social security numbers do not rest in the database, whoever writes them.

use serde_json::Value;

use crate::support::TestApp;

const CASES: &str = include_str!("../../src/platform/redact_cases.json");

/// The database answers the table of cases that page and server share.
#[tokio::test]
async fn the_database_answers_the_shared_table() {
    let t = TestApp::new().await;
    for case in serde_json::from_str::<Vec<Value>>(CASES).unwrap() {
        let got: String = sqlx::query_scalar("select app.redact($1)").bind(case["in"].as_str()).fetch_one(&t.admin).await.unwrap();
        assert_eq!(got, case["out"].as_str().unwrap(), "in: {}", case["in"]);
    }
}

/// All three layers stay one: texts made of the pieces that matter are answered alike by server and database.
#[tokio::test]
async fn server_and_database_agree_on_made_up_texts() {
    let pieces = [
        "4111",
        "1111",
        "378282246310005",
        "219",
        "09",
        "9999",
        "256",
        "688",
        "7695",
        "35758",
        "SSN ",
        "+",
        "x",
        " ",
        " ",
        "-",
        "-",
        "/",
        ".",
        ",",
    ];
    let mut seed: u64 = 7;
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap()
    };
    let texts: Vec<String> = (0..2_000).map(|_| (0..next() % 14).map(|_| pieces[next() % pieces.len()]).collect()).collect();
    let t = TestApp::new().await;
    let got: Vec<String> = sqlx::query_scalar("select app.redact(x) from unnest($1::text[]) with ordinality as u(x, o) order by o")
        .bind(&texts)
        .fetch_all(&t.admin)
        .await
        .unwrap();
    for (text, got) in texts.iter().zip(got) {
        assert_eq!(platform::redact::redact(text).text, got, "in: {text}");
    }
}

/// The trigger guards the tables that hold what people type.
#[tokio::test]
async fn a_note_written_past_the_server_is_redacted_too() {
    let t = TestApp::new().await;
    let a = t.business("Crystal Clear").await;
    let body: String = sqlx::query_scalar(
        "with c as (insert into contacts (id, org_id, name) values (gen_random_uuid(), $1, 'Ann') returning id)
         insert into notes (id, org_id, contact_id, body) select gen_random_uuid(), $1, id, 'card 4111 1111 1111 1111, zip 35758-1234' from c returning body",
    )
    .bind(a.org.0)
    .fetch_one(&t.admin)
    .await
    .unwrap();
    assert_eq!(body, "card [REDACTED], zip 35758-1234");
    let guarded = t.count("select count(distinct tgrelid) from pg_trigger where tgname = 'a_redact'").await;
    assert_eq!(guarded, 10);
}
