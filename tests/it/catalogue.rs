//! Catalogue, taxes, histories and exports through the real router.

use app::jobs::drain;
use flows::exports::sheet::restored;
use platform::role::Role;
use serde_json::{Value, json};

use crate::support::TestApp;

#[tokio::test]
async fn services_of_all_four_kinds_are_kept_changed_and_archived() {
    let t = TestApp::new().await;
    let mut b = t.business("Clear Panes").await;
    let bad = b
        .owner
        .post("/catalogue/new", &[("_key", "s0"), ("name", " "), ("kind", "per_unit"), ("price", "five"), ("duration_minutes", "x")])
        .await
        .expect(422);
    assert!(bad.body.contains("value=\"five\"") && bad.body.contains("whole number"), "{}", bad.body);
    let priceless = b.owner.post("/catalogue/new", &[("_key", "s1"), ("name", "Exterior"), ("kind", "fixed")]).await.expect(422);
    assert!(priceless.body.contains("A price is needed, except for flexible services."), "{}", priceless.body);
    for (key, name, kind, price, unit) in [
        ("s2", "Exterior", "fixed", "$1,195.005", ""),
        ("s3", "Post-construction", "flexible", "", ""),
        ("s4", "Screen cleaning", "per_unit", "5", "screen"),
        ("s5", "Squeegee", "product", "19.99", ""),
    ] {
        b.owner
            .post("/catalogue/new", &[("_key", key), ("name", name), ("kind", kind), ("price", price), ("unit", unit)])
            .await
            .expect(303);
    }
    let twin = b.owner.post("/catalogue/new", &[("_key", "s6"), ("name", "exterior"), ("kind", "fixed"), ("price", "1")]).await.expect(422);
    assert!(twin.body.contains("There is already a service with this name."));
    let all = b.owner.data("type=services").await.data();
    let prices: Vec<&Value> = all.as_array().unwrap().iter().map(|s| &s["price"]).collect();
    assert_eq!(prices, [&json!("1195.01"), &Value::Null, &json!("5.00"), &json!("19.99")], "halves away from zero");
    let list = b.owner.get("/catalogue?search=screen").await.expect(200);
    assert!(list.body.contains("$5.00 / screen") && !list.body.contains("Squeegee"), "{}", list.body);
    // A stale edit.
    let id = all[0]["id"].as_str().unwrap();
    let path = format!("/catalogue/{id}/edit");
    b.owner.post(&path, &[("_key", "e1"), ("_version", "1"), ("name", "Exterior"), ("kind", "fixed"), ("price", "99")]).await.expect(303);
    let stale = b
        .owner
        .post(&path, &[("_key", "e2"), ("_version", "1"), ("name", "Exterior"), ("kind", "fixed"), ("price", "98")])
        .await
        .expect(409);
    assert!(stale.body.contains("99.00") && stale.body.contains("value=\"98\""), "{}", stale.body);
    b.owner.post(&format!("/catalogue/{id}/archive"), &[("_key", "a1")]).await.expect(303);
    assert!(!b.owner.get("/catalogue").await.body.contains("Exterior"));
    assert!(b.owner.get("/catalogue?state=archived").await.body.contains("Exterior"));
    // The name is free again; restoring the old one says so instead of breaking.
    b.owner.act("service.create", json!({ "name": "Exterior", "kind": "fixed", "price": "1" })).await.expect(200);
    let refused = b.owner.act("service.restore", json!({ "service_id": id })).await;
    assert_eq!(refused.status.as_u16(), 422, "{}", refused.body);
    let staff = b.member(Role::Staff, "Sam").await;
    assert_eq!(staff.get("/catalogue/new").await.status.as_u16(), 403);
    assert!(!staff.get("/catalogue").await.expect(200).body.contains("/catalogue/new"));
}

#[tokio::test]
async fn one_tax_rate_is_the_usual_one() {
    let t = TestApp::new().await;
    let b = t.business("Clear Panes").await;
    let bad = b.owner.post("/settings/taxes", &[("_key", "t0"), ("name", "Sales tax"), ("percent", "nine")]).await.expect(422);
    assert!(bad.body.contains("value=\"nine\"") && bad.body.contains("as a number"), "{}", bad.body);
    b.owner.post("/settings/taxes", &[("_key", "t1"), ("name", "Sales tax"), ("percent", "9 %"), ("is_default", "on")]).await.expect(303);
    b.owner.post("/settings/taxes", &[("_key", "t2"), ("name", "City tax"), ("percent", "8,25"), ("is_default", "on")]).await.expect(303);
    let rates = b.owner.data("type=tax_rates").await.data();
    assert_eq!((&rates[0]["name"], &rates[0]["is_default"], &rates[1]["is_default"]), (&json!("City tax"), &json!(true), &json!(false)));
    let id = rates[0]["id"].as_str().unwrap();
    assert!(b.owner.get(&format!("/settings/taxes/{id}")).await.expect(200).body.contains("value=\"8.25\""));
    b.owner.post(&format!("/settings/taxes/{id}/archive"), &[("_key", "t3")]).await.expect(303);
    assert!(!b.owner.get("/settings/taxes").await.body.contains("City tax"));
}

#[tokio::test]
async fn who_changed_what_from_what_to_what_is_on_every_record() {
    let t = TestApp::new().await;
    let mut b = t.business("Clear Panes").await;
    let staff = b.member(Role::Staff, "Sam").await;
    let made = b
        .owner
        .act("contact.create", json!({ "first_name": "Ann", "emails": [{ "address": "old@example.com" }] }))
        .await
        .expect(200)
        .data();
    let id = made["id"].as_str().unwrap();
    let form = [("_key", "h1"), ("_version", "1"), ("first_name", "Anna"), ("emails[0].address", "new@example.com")];
    staff.post(&format!("/contacts/{id}/edit"), &form).await.expect(303);
    let page = staff.get(&format!("/history/contacts/{id}")).await.expect(200);
    for part in [
        "Sam",
        "on a page · contact.update",
        "First name",
        ">Ann</span>",
        "</span>Anna",
        "Email removed",
        "old@example.com",
        "Email added",
        "new@example.com",
        "Taylor",
    ] {
        assert!(page.body.contains(part), "{part} in {}", page.body);
    }
    assert_eq!(staff.get("/history").await.status.as_u16(), 403, "the whole list is for owners and admins");
    let all = b.owner.get("/history?search=anna&table=contacts").await.expect(200);
    assert!(all.body.contains("Sam") && !all.body.contains("Taylor · on a page"), "{}", all.body);
    assert_eq!(b.owner.get("/history?from=yesterday").await.status.as_u16(), 422);
    assert_eq!(b.owner.get(&format!("/history/secrets/{id}")).await.status.as_u16(), 404);
    let trail = b.owner.data(&format!("type=audit_trail&table=contacts&record_id={id}")).await.expect(200).data();
    assert_eq!(trail.as_array().unwrap().last().unwrap()["op"], "insert");
    let events = b.owner.data(&format!("type=events&contact_id={id}")).await.expect(200).data();
    assert_eq!(
        events.as_array().unwrap().iter().map(|e| e["name"].as_str().unwrap()).collect::<Vec<_>>(),
        ["contact.updated", "contact.created"]
    );
}

#[tokio::test]
async fn d5_exported_cells_are_no_formulas_and_read_back() {
    let t = TestApp::new().await;
    let mut b = t.business("Clear Panes").await;
    let hostile = "=HYPERLINK(\"http://evil.example\",\"Ann\")";
    let data = json!({
        "first_name": hostile, "company": "@SUM(1,1)", "phones": [{ "number": "+1 256 688 7695" }],
        "address": { "street": "-1 Main \"St\", rear", "access_notes": "'quoted" },
    });
    b.owner.act("contact.create", data).await.expect(200);
    b.owner.post("/settings/export", &[("_key", "x0"), ("kind", "everything")]).await.expect(422);
    b.owner.post("/settings/export", &[("_key", "x1"), ("kind", "contacts")]).await.expect(303);
    // It is made in the background; the page says how far it is, and leads to the file once there is one (d3).
    let waiting = b.owner.get("/settings/export").await.expect(200);
    assert!(waiting.body.contains("Waiting") && waiting.headers.contains_key("refresh"), "{}", waiting.body);
    let exports = b.owner.data("type=exports").await.data();
    let link = format!("/settings/export/{}", exports[0]["id"].as_str().unwrap());
    assert_eq!((exports[0]["state"].as_str(), b.owner.get(&link).await.expect(303).location()), (Some("queued"), "/settings/export"));
    drain(&t.app).await.unwrap();
    let ready = b.owner.get("/settings/export").await.expect(200);
    assert!(ready.body.contains(&link) && ready.body.contains("1 row") && !ready.headers.contains_key("refresh"), "{}", ready.body);
    let file = b.owner.get(&link).await.expect(200);
    assert!(file.headers["content-disposition"].to_str().unwrap().contains("contacts-2026-11-24.csv"));
    let mut reader = csv::Reader::from_reader(file.body.trim_start_matches('\u{feff}').as_bytes());
    let columns = reader.headers().unwrap().clone();
    let row = reader.records().next().unwrap().unwrap();
    assert!(row.iter().all(|cell| !cell.starts_with(['=', '+', '-', '@', '\t', '\r'])), "{row:?}");
    let cell = |name: &str| restored(&row[columns.iter().position(|c| c == name).unwrap()]).to_owned();
    assert_eq!(
        (cell("First name"), cell("Company"), cell("Phones"), cell("Street"), cell("Access")),
        (hostile.to_owned(), "@SUM(1,1)".into(), "+1 256 688 7695".into(), "-1 Main \"St\", rear".into(), "'quoted".into())
    );
    for kind in ["tickets", "invoices", "payments"] {
        let made = b.owner.act("export.create", json!({ "kind": kind })).await.expect(200).data();
        drain(&t.app).await.unwrap();
        b.owner.get(&format!("/settings/export/{}", made["id"].as_str().unwrap())).await.expect(200);
    }
    let staff = b.member(Role::Staff, "Sam").await;
    assert_eq!(staff.get(&link).await.status.as_u16(), 403);
    assert_eq!(t.business("Other").await.owner.get(&link).await.status.as_u16(), 404);
}
