//! The demo: what it promises is there, nothing is made twice, and every rule of the records holds.

use app::demo;
use chrono::Duration;
use platform::audit;

use crate::support::TestApp;

async fn demo_app() -> TestApp {
    TestApp::with(|setup| setup.is_demo = true).await
}

async fn none(t: &TestApp, what: &str, sql: &'static str) {
    assert_eq!(t.count(sql).await, 0, "{what}");
}

async fn at_least(t: &TestApp, least: i64, sql: &'static str) {
    let n = t.count(sql).await;
    assert!(n >= least, "{n} < {least}: {sql}");
}

#[tokio::test]
async fn is_full_and_right_and_filled_once() {
    let t = demo_app().await;
    let org = demo::ensure(&t.app).await.unwrap();
    at_least(&t, 220, "select count(*) from contacts").await;
    at_least(&t, 1200, "select count(*) from tickets where state = 'closed'").await;
    at_least(&t, 1, "select count(*) from tickets where starts_at < '2025-01-01'").await;
    at_least(&t, 500, "select count(*) from attributes").await;
    at_least(&t, 1, "select count(*) from invoices where state = 'sent' and due_date < '2026-11-24'").await;
    for state in ["draft", "sent", "partially_paid", "paid", "void"] {
        let n: i64 = sqlx::query_scalar("select count(*) from invoices where state = $1::invoice_state")
            .bind(state)
            .fetch_one(&t.admin)
            .await
            .unwrap();
        assert!(n > 0, "no invoice is {state}");
    }
    for kind in ["card", "cash", "check"] {
        let n: i64 = sqlx::query_scalar("select count(*) from payments where method = $1::payment_method")
            .bind(kind)
            .fetch_one(&t.admin)
            .await
            .unwrap();
        assert!(n > 0, "no payment by {kind}");
    }
    at_least(&t, 1, "select count(*) from payments where tip > 0").await;
    at_least(&t, 1, "select count(*) from refunds").await;
    at_least(&t, 10, "select count(*) from messages where state = 'queued' and kind = 'reach_out'").await;
    at_least(&t, 2, "select count(*) from notices where resolved_at is null").await;
    none(
        &t,
        "issued invoices that can't be paid by a link",
        "select count(*) from invoices i where number is not null and not exists (select from links l where l.kind = 'invoice' and l.subject_id = i.id and l.revoked_at is null)",
    )
    .await;
    at_least(&t, 1, "select count(*) from clock_entries where clocked_out_at is null").await;
    at_least(&t, 1, "select count(*) from closeouts where state = 'open'").await;
    at_least(&t, 1, "select count(*) from tickets where is_price_estimated and has_open_price").await;
    for day in ["2026-11-24", "2026-11-25"] {
        let technicians: i64 = sqlx::query_scalar(
            "select count(distinct a.member_id) from assignments a join tickets t on t.id = a.ticket_id
              where (t.starts_at at time zone t.time_zone)::date = $1::date",
        )
        .bind(day)
        .fetch_one(&t.admin)
        .await
        .unwrap();
        assert_eq!(technicians, 2, "{day}");
    }
    for confirmation in ["accepted", "asked", "declined", "change_requested", "not_asked"] {
        let n: i64 =
            sqlx::query_scalar("select count(*) from tickets where state = 'scheduled' and confirmation = $1::ticket_confirmation")
                .bind(confirmation)
                .fetch_one(&t.admin)
                .await
                .unwrap();
        assert!(n > 0, "no visit is {confirmation}");
    }

    rules_hold(&t).await;
    let before = everything(&t).await;
    assert_eq!(demo::ensure(&t.app).await.unwrap(), org);
    assert_eq!(everything(&t).await, before, "a second start on the same day adds nothing");
    audit::seal(&t.app, org).await.unwrap();
    let chain = audit::verify(&t.app, org).await.unwrap();
    assert!(chain.sealed > 10_000 && chain.faults.is_empty(), "{:?}", chain.faults.first());

    // A week later the days are filled again, and no clock has run for a week.
    t.advance(Duration::days(7));
    demo::ensure(&t.app).await.unwrap();
    rules_hold(&t).await;
    none(&t, "old clocks", "select count(*) from clock_entries where clocked_out_at is null").await;
    none(&t, "old visits still open", "select count(*) from tickets t where state = 'scheduled' and ends_at < '2026-12-01' ").await;
    at_least(&t, 8, "select count(*) from tickets where (starts_at at time zone time_zone)::date = '2026-12-01'").await;
    let before = everything(&t).await;
    demo::ensure(&t.app).await.unwrap();
    assert_eq!(everything(&t).await, before);
}

/// Rows of every tenant table that matters here.
async fn everything(t: &TestApp) -> i64 {
    t.count(
        "select (select count(*) from contacts) + (select count(*) from tickets) + (select count(*) from ticket_lines) + (select count(*) from notes)
              + (select count(*) from attributes) + (select count(*) from invoices) + (select count(*) from payments) + (select count(*) from messages)
              + (select count(*) from notices) + (select count(*) from closeouts) + (select count(*) from events) + (select count(*) from audit_entries)",
    )
    .await
}

async fn rules_hold(t: &TestApp) {
    for (what, sql) in [
        (
            "overlapping open visits of one person",
            "select count(*) from assignments a join assignments b on a.member_id = b.member_id and a.id < b.id and a.slot && b.slot where a.is_open and b.is_open",
        ),
        ("a gap in the invoice numbers", "select max(seq) - count(seq) from invoices"),
        ("a gap in the ticket numbers", "select max(number) - count(*) from tickets"),
        ("counters behind", "select (select max(number) from tickets) - last from counters where kind = 'ticket'"),
        ("invoice counter behind", "select (select max(seq) from invoices) - last from counters where kind = 'invoice'"),
        (
            "numbers out of order",
            "select count(*) from (select issued_at < lag(issued_at) over (order by seq) as wrong from invoices where seq is not null) x where wrong",
        ),
        (
            "tickets whose total is not their lines'",
            "select count(*) from tickets t where total <> coalesce((select sum(l.total) from ticket_lines l where l.ticket_id = t.id), 0)",
        ),
        (
            "invoices whose subtotal is not their lines'",
            "select count(*) from invoices i where subtotal <> (select sum(l.total) from invoice_lines l where l.invoice_id = i.id)",
        ),
        (
            "invoices whose tax is not their rows'",
            "select count(*) from invoices i where tax <> coalesce((select sum(x.amount) from invoice_taxes x where x.invoice_id = i.id), 0)",
        ),
        ("invoices that do not add up", "select count(*) from invoices where total <> subtotal - discount + tax"),
        (
            "invoices whose paid is not their payments'",
            "select count(*) from invoices i where paid <> coalesce((select sum(p.amount - p.refunded) from payments p where p.invoice_id = i.id), 0)",
        ),
        ("paid ones that are not", "select count(*) from invoices where (state = 'paid') <> (paid = total and state <> 'void')"),
        (
            "refunds",
            "select count(*) from payments p where refunded <> coalesce((select sum(r.amount) from refunds r where r.payment_id = p.id), 0)",
        ),
        ("closed visits with an open price", "select count(*) from tickets where state = 'closed' and has_open_price"),
        (
            "customers nobody can find",
            "select count(*) from contacts c where not exists (select from contact_search s where s.contact_id = c.id)",
        ),
        ("rows of nobody", "select count(*) from audit_entries e where not exists (select from orgs o where o.id = e.org_id)"),
        ("payments in the future", "select count(*) from payments where received_at > created_at + interval '1 day'"),
    ] {
        none(t, what, sql).await;
    }
}

#[tokio::test]
async fn is_not_made_beside_a_real_business_and_its_door_is_shut_elsewhere() {
    let t = demo_app().await;
    t.business("Somebody's own").await;
    assert!(!demo::may_start(&t.app).await.unwrap());

    let t = TestApp::new().await;
    let shut = t.nobody().post("/demo/sign-in", &[("as", "owner")]).await;
    assert_eq!(shut.status.as_u16(), 404);

    let t = demo_app().await;
    assert!(demo::may_start(&t.app).await.unwrap());
    demo::ensure(&t.app).await.unwrap();
    assert!(demo::link(&t.app).await.unwrap().contains("/sign-in/"));
    let open = t.nobody().post("/demo/sign-in", &[("as", "tech1")]).await;
    assert_eq!(open.status.as_u16(), 303);
    assert!(demo::find(&t.app).await.unwrap().is_some());
    assert!(t.nobody().get("/sign-in").await.body.contains("technician 1"));
}
