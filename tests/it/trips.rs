//! Round trips to the database: what each page and act may cost. The numbers may only fall.

use std::time::Duration;

use platform::role::Role;
use serde_json::json;
use uuid::Uuid;

use crate::{
    closeout::ticket,
    support::{Answer, TestApp, cut::Between},
};

#[tokio::test]
async fn a_page_costs_few_round_trips() {
    let t = TestApp::new().await;
    let between = Between::start(&t);
    let app = t.on_pool(between.pool().await);
    let mut b = app.business("Crystal Clear").await;
    let mut tech = b.member(Role::Staff, "Marcy").await;
    for actor in [&mut b.owner, &mut tech] {
        // As a browser that was here today.
        actor.cookie.as_mut().unwrap().push_str("; rounds_day=1");
    }
    let (contact, id) = ticket(&b, &tech).await;

    // Its transaction, who asks and what the header shows are one, its end is one.
    let (ticket_page, contact_page) = (format!("/tickets/{id}"), format!("/contacts/{contact}"));
    let most = [
        (&b.owner, "/contacts", 3),
        (&b.owner, "/contacts?search=jane", 3),
        (&b.owner, "/", 5),
        (&tech, "/", 4),
        (&b.owner, "/calendar?view=day", 5),
        (&tech, &ticket_page, 5),
        (&b.owner, &contact_page, 6),
        (&b.owner, "/api/data?type=tickets", 3),
    ];
    let mut asked = Vec::new();
    for (actor, path, _) in most {
        asked.push((path, trips(&between, async || actor.get(path).await.expect(200)).await));
    }
    assert_eq!(asked, most.map(|(_, path, trips)| (path, trips)));

    // The first close-out meets statements that its connection does not know yet.
    let mut least = usize::MAX;
    for name in ["Ann", "Bob", "Cleo"] {
        // Somebody who is free at that hour.
        let tech = b.member(Role::Staff, name).await;
        let (_, id) = ticket(&b, &tech).await;
        let lines: Vec<Uuid> = sqlx::query_scalar("select id from ticket_lines where ticket_id = $1::uuid order by position")
            .bind(&id)
            .fetch_all(&t.admin)
            .await
            .unwrap();
        let lines = [("flexible", "Windows", "1", "50.00"), ("per_unit", "Screens", "20", "5.00")]
            .into_iter()
            .zip(lines)
            .map(|((kind, description, quantity, price), id)| json!({ "id": id, "kind": kind, "description": description, "quantity": quantity, "unit_price": price }))
            .collect::<Vec<_>>();
        let draft =
            json!({ "worked_minutes": 90, "prices_confirmed": true, "notes": "All good.", "next": { "kind": "no" }, "lines": lines });
        tech.act("closeout.save", json!({ "ticket_id": id, "draft": draft, "step": "review" })).await.data();
        let before = settled(&between).await;
        tech.act("closeout.complete", json!({ "ticket_id": id })).await.data();
        least = least.min(settled(&between).await - before);
    }
    assert_eq!(least, 22, "a close-out that prices a line and changes the other");
}

/// The round trips of one request, once its connection knows the statements.
async fn trips(between: &Between, ask: impl AsyncFn() -> Answer) -> usize {
    let mut least = usize::MAX;
    for _ in 0..4 {
        let before = settled(between).await;
        ask().await;
        least = least.min(settled(between).await - before);
    }
    least
}

/// The count once nothing is on its way any more: a page's transaction ends after the page is sent.
async fn settled(between: &Between) -> usize {
    let mut last = between.round_trips();
    loop {
        tokio::time::sleep(Duration::from_millis(30)).await;
        match between.round_trips() {
            now if now == last => return now,
            now => last = now,
        }
    }
}
