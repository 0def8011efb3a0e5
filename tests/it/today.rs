//! Home and what wants a person.

use serde_json::json;

use crate::support::TestApp;

#[tokio::test]
async fn every_notice_is_reached_searched_and_settled() {
    let t = TestApp::new().await;
    let b = t.business("Crystal Clear").await;
    let contact = b.owner.act("contact.create", json!({ "first_name": "Jane", "last_name": "Smith" })).await.expect(200).data();
    let contact: uuid::Uuid = contact["id"].as_str().unwrap().parse().unwrap();
    for i in 0..45_i32 {
        sqlx::query("insert into notices (org_id, id, kind, subject_kind, subject_id, body, created_at) values ($1, gen_random_uuid(), 'dispute', 'contact', $2, $3, now() - $4 * interval '1 minute')")
            .bind(b.org.0)
            .bind(contact)
            .bind(format!("Trouble number {i:02}"))
            .bind(i)
            .execute(&t.admin)
            .await
            .unwrap();
    }
    let home = b.owner.get("/").await.expect(200).body;
    assert!(home.contains(r#"href="/notices""#) && home.contains("number 19<") && !home.contains("number 20<"), "{home}");
    let first = b.owner.get("/notices").await.expect(200).body;
    assert!(first.contains("number 29<") && !first.contains("number 30<"));
    let next = first.split("/notices?after=").nth(1).and_then(|p| p.split('"').next()).expect("a next page");
    let second = b.owner.get(&format!("/notices?after={next}")).await.expect(200).body;
    assert!(second.contains("number 30<") && second.contains("number 44<") && !second.contains("number 29<"));
    let found = b.owner.get("/notices?search=NUMBER+44").await.expect(200).body;
    assert!(found.contains("number 44<") && !found.contains("number 43<"));
    assert_eq!(b.owner.data("type=notices&search=number+44").await.data().as_array().unwrap().len(), 1);
    let settle = found.split("/notices/").nth(1).and_then(|p| p.split("/resolve").next()).unwrap();
    let done = b.owner.post(&format!("/notices/{settle}/resolve"), &[("list", "1")]).await.expect(303);
    assert_eq!(done.location(), "/notices");
    assert!(!b.owner.get("/notices?search=number+44").await.body.contains("number 44<"));
    assert!(b.owner.get("/notices?state=resolved").await.body.contains("number 44<"));
}
