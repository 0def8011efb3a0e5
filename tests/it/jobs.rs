//! Background jobs: two businesses never take each other's, what is lost comes back, and what was replaced is nobody's concern.

use std::{collections::BTreeSet, time::Duration as Span};

use app::jobs::queue_lost;
use chrono::Duration;
use flows::imports::actions::{PreviewImport, RunImport, UndoImport};
use platform::{
    action::Meta,
    housekeeping,
    jobs::{MAX_ATTEMPTS, enqueue},
    llm::{Llm, LlmSettings},
    role::Role,
    tenant::Write,
};
use serde_json::json;
use uuid::Uuid;
use views::exports::jobs::RunExport;

use crate::{
    closeout,
    invoices::{invoice, issued},
    support::{
        Business, TestApp,
        stripe::{FakeStripe, SECRET},
    },
};

/// Two browsers may make the same id: two businesses' exports of one id both finish.
#[tokio::test]
async fn equal_ids_of_two_businesses_are_two_jobs() {
    let t = TestApp::new().await;
    let (one, two) = (t.business("Crystal Clear").await, t.business("Clear View").await);
    for _ in 0..10 {
        let id = Uuid::now_v7();
        for b in [&one, &two] {
            b.owner.act("export.create", json!({ "id": id, "kind": "contacts" })).await.expect(200);
        }
    }
    assert_eq!(t.count("select count(*) from graphile_worker._private_jobs").await, 20);
    assert_eq!(t.drain().await, 20);
    assert_eq!(t.count("select count(*) from exports where state = 'done'").await, 20);
}

/// An import of this file, which is to run.
async fn import(write: &Write, name: &str, bytes: &[u8]) -> platform::ids::ImportId {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let preview = PreviewImport { file_name: name.into(), content_base64: STANDARD.encode(bytes), ..PreviewImport::default() };
    let id = write.act(&Meta::default(), preview).await.unwrap().id;
    let run: RunImport = serde_json::from_value(json!({ "import_id": id, "date_order": "month_first" })).unwrap();
    write.act(&Meta::default(), run).await.unwrap()
}

/// One of each kind of record that waits for a job. Both businesses are told of the same payments by the same ids.
async fn let_everything_wait(t: &TestApp, b: &mut Business<'_>) {
    let tech = b.member(Role::Staff, "Marcy").await;
    let write = Write::of_org(&t.app, b.org, "import").await.unwrap();
    let done = import(&write, "catalogue.csv", include_bytes!("../../testdata/square/catalogue.csv")).await;
    b.owner.act("connection.set_stripe", json!({ "secret_key": "sk_test_own", "webhook_secret": SECRET })).await.expect(200);
    let hook = format!("/api/webhooks/stripe/{}", b.owner.data("type=connections").await.data()[0]["id"].as_str().unwrap());
    let (bill, _) = issued(b, "100.00").await;
    let paid = |event: &str, intent: &str| {
        let meta = json!({ "org_id": b.org, "invoice_id": bill });
        let object = json!({ "id": intent, "object": "payment_intent", "amount": 4000, "amount_received": 4000, "currency": "usd", "metadata": meta });
        t.event(event, "payment_intent.succeeded", object).to_string()
    };
    assert_eq!(t.told_at(&hook, SECRET, paid("evt_1", "pi_1")).await, 200);
    t.drain().await;

    write.act(&Meta::default(), UndoImport { import_id: done }).await.unwrap();
    import(&write, "customers.csv", include_bytes!("../../testdata/square/customers.csv")).await;
    assert_eq!(t.told_at(&hook, SECRET, paid("evt_2", "pi_2")).await, 200);
    let payment = invoice(b, &bill).await["payments"][0]["id"].clone();
    b.owner.act("payment.refund", json!({ "payment_id": payment, "amount": "10", "reason": "A pane was missed" })).await.expect(200);
    b.owner.act("export.create", json!({ "kind": "contacts" })).await.expect(200);
    b.owner.act("member.invite", json!({ "email": "kim@example.com", "name": "Kim", "role": "staff" })).await.expect(200);
    let (contact, ticket) = closeout::ticket(b, &tech).await;
    b.owner.act("note.create", json!({ "contact_id": contact, "body": "Dog named Biscuit" })).await.expect(200);
    tech.act("closeout.save", json!({ "ticket_id": ticket, "draft": { "notes": "Dog named Biscuit" } })).await.expect(200);
}

/// A whole Rounds with a payment provider, and a language model that does not answer.
async fn with_everything() -> (TestApp, FakeStripe) {
    let stripe = FakeStripe::start().await;
    let t = TestApp::with(|setup| {
        setup.stripe = stripe.api();
        let settings = LlmSettings { attempts: 1, ..LlmSettings::new("http://127.0.0.1:9", None, "silent", Span::from_secs(1)) };
        setup.llm = Some(Llm::new(settings).unwrap());
    })
    .await;
    (t, stripe)
}

#[tokio::test]
async fn what_waits_without_a_job_is_queued_again() {
    let (t, stripe) = with_everything().await;
    let (mut one, mut two) = (t.business("Crystal Clear").await, t.business("Clear View").await);
    let_everything_wait(&t, &mut one).await;
    // The other one's drain must not do this one's work.
    sqlx::query("update graphile_worker._private_jobs set run_at = now() + interval '1 day'").execute(&t.admin).await.unwrap();
    let_everything_wait(&t, &mut two).await;
    let uncapped = format!("select count(*) from graphile_worker._private_jobs where key is null or max_attempts <> {MAX_ATTEMPTS}");
    let uncapped: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(uncapped)).fetch_one(&t.admin).await.unwrap();
    assert_eq!(uncapped, 0);

    t.advance(Duration::minutes(11));
    assert_eq!(queue_lost(&t.app).await.unwrap(), 0, "whatever has its job is left alone");
    sqlx::query("delete from graphile_worker._private_jobs").execute(&t.admin).await.unwrap();
    t.advance(Duration::minutes(-8));
    assert_eq!(queue_lost(&t.app).await.unwrap(), 0, "not before it has waited");
    t.advance(Duration::minutes(8));
    let kinds = [
        "extract_note",
        "extract_notes",
        "process_webhook",
        "refund_payment",
        "run_export",
        "run_import",
        "send_invitation",
        "undo_import",
    ];
    let expected: BTreeSet<(String, String)> =
        kinds.iter().flat_map(|k| [&one, &two].map(|b| ((*k).to_owned(), b.org.to_string()))).collect();
    assert_eq!(queue_lost(&t.app).await.unwrap(), 16);
    assert_eq!(queue_lost(&t.app).await.unwrap(), 0, "once");
    let queued: Vec<(String, String)> = sqlx::query_as(
        "select t.identifier, j.payload ->> 'org' from graphile_worker._private_jobs j join graphile_worker._private_tasks t on t.id = j.task_id",
    )
    .fetch_all(&t.admin)
    .await
    .unwrap();
    assert_eq!((queued.len(), queued.into_iter().collect::<BTreeSet<_>>()), (16, expected));

    // With messages, whose own sweep knows when they are due, everything is done, and nothing waits any more.
    t.drain().await;
    assert_eq!(stripe.kept.lock().unwrap().refunds.len(), 2);
    for waits in [
        "select count(*) from exports where state <> 'done'",
        "select count(*) from imports where state not in ('done', 'undone')",
        "select count(*) from closeouts where model_state = 'asked'",
        "select count(*) from note_readings",
        "select count(*) from members where invitation_due_at is not null",
        "select count(*) from refunds where provider_refund_id is null",
        "select count(*) from webhook_events where state <> 'processed'",
        "select count(*) from messages where state = 'queued' and send_at <= now()",
        "select count(*) from graphile_worker._private_jobs",
    ] {
        assert_eq!(t.count(waits).await, 0, "{waits}");
    }
    t.advance(Duration::minutes(11));
    assert_eq!(queue_lost(&t.app).await.unwrap(), 0);
    let version = t.count("select max(version)::bigint from members where name = 'Kim'").await;
    assert_eq!(version, 1, "that the mail has gone out makes nobody's form stale");
}

/// A worker took a job and died; meanwhile the job was queued again, and its successor did the work.
#[tokio::test]
async fn a_job_that_was_replaced_is_not_given_up() {
    let t = TestApp::new().await;
    let b = t.business("Crystal Clear").await;
    let export = b.owner.act("export.create", json!({ "kind": "contacts" })).await.data()["id"].as_str().unwrap().parse().unwrap();
    let admin = &t.admin;
    let run = |sql: &'static str| async move { sqlx::query(sql).execute(admin).await.unwrap() };
    run("update graphile_worker._private_jobs set locked_at = now(), locked_by = 'dead', attempts = 1").await;
    enqueue(&mut t.app.pool.acquire().await.unwrap(), b.org, RunExport { export }).await.unwrap();
    run("update graphile_worker._private_jobs set locked_at = null, locked_by = null where locked_by = 'dead'").await;
    t.drain().await;
    assert_eq!(t.count("select count(*) from exports where state = 'done'").await, 1);
    let left = t.count("select id from graphile_worker._private_jobs where attempts >= max_attempts").await;
    assert!(!b.owner.get("/").await.expect(200).body.contains("/jobs/"), "its successor did the work");
    b.owner.act("job.run_again", json!({ "job_id": left })).await.expect(404);

    // One that was really given up is told, and can be run again.
    b.owner.act("export.create", json!({ "kind": "contacts" })).await.expect(200);
    run("update graphile_worker._private_jobs set attempts = max_attempts, last_error = 'no' where key is not null").await;
    let given_up = t.count("select id from graphile_worker._private_jobs where key is not null").await;
    assert!(b.owner.get("/").await.expect(200).body.contains(&format!("/jobs/{given_up}/again")));
    housekeeping::sweep(&t.app).await.unwrap();
    assert_eq!(
        t.count("select max(id) from graphile_worker._private_jobs having count(*) = 1").await,
        given_up,
        "only the left-over row goes"
    );
    b.owner.act("job.run_again", json!({ "job_id": given_up })).await.expect(200);
    assert_eq!(t.drain().await, 1);
}
