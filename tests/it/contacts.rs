//! Customers through the real router: found in every way, validated, versioned, repeated safely, on record.

use platform::role::Role;
use serde_json::{Value, json};

use crate::support::{Actor, TestApp};

/// Three customers worth finding; returns the first one's id.
async fn customers(owner: &Actor) -> String {
    let first = owner
        .act(
            "contact.create",
            json!({
                "first_name": "Jesús", "last_name": "Wilson", "company": "Wilson & Sons", "tags": ["VIP"],
                "phones": [{ "number": "(256) 688-7695", "label": "mobile" }], "emails": [{ "address": "Wilson@Example.com" }],
                "address": { "street": "12 Governors Drive", "city": "Owens Cross Roads", "region": "AL", "postal_code": "35763-1234", "access_notes": "gate code 4411" },
            }),
        )
        .await
        .expect(200)
        .data();
    let id = first["id"].as_str().unwrap().to_owned();
    owner
        .act("note.create", json!({ "contact_id": id, "body": "Elderly lady, loves her begonias. Screens last spring." }))
        .await
        .expect(200);
    owner.act("attribute.set", json!({ "contact_id": id, "key": "pet", "value": "dog (Biscuit)" })).await.expect(200);
    owner
        .act("contact.create", json!({ "first_name": "Ann", "last_name": "Lee", "phones": [{ "number": "256 555 0101" }] }))
        .await
        .expect(200);
    owner.act("contact.create", json!({ "company": "Lee Realty", "is_organisation": true })).await.expect(200);
    id
}

async fn found(owner: &Actor, words: &str) -> Vec<Value> {
    let query = serde_html_form::to_string([("type", "contacts"), ("search", words)]).unwrap();
    owner.data(&query).await.expect(200).data().as_array().unwrap().clone()
}

#[tokio::test]
async fn anyone_is_found_by_whatever_one_remembers() {
    let t = TestApp::new().await;
    let b = t.business("Clear Panes").await;
    let id = customers(&b.owner).await;
    for words in [
        "wils",
        "jesus",
        "JESÚS wilson",
        "wilson & sons",
        "(256) 688-7695",
        "256.688.7695",
        "+1 256 688 7695",
        "688 7695",
        "7695",
        "wilson@example.com",
        "@example",
        "governors",
        "owens cross roads",
        "35763-1234",
        "4411",
        "begonias",
        "biscuit",
        "pet dog",
        "vip",
        "wilson owens",
        "screens spring",
        "12 governors dr",
        "the lady in Owens Cross Roads",
    ] {
        let rows = found(&b.owner, words).await;
        assert_eq!(rows.len(), 1, "{words}: {rows:?}");
        assert_eq!(rows[0]["id"], id.as_str(), "{words}");
        assert_eq!(rows[0]["is_guess"], false, "{words}");
    }
    // Misspelt: nothing matches as typed, the near one is offered.
    for words in ["govenors drive", "willson", "begonnias", "12 govrnors drive owens", "Jesus Wislon", "wislon"] {
        let rows = found(&b.owner, words).await;
        assert_eq!((rows[0]["id"].as_str(), rows[0]["is_guess"].as_bool()), (Some(id.as_str()), Some(true)), "{words}");
    }
    assert!(found(&b.owner, "zzyzx").await.is_empty());
    // Each hit says why.
    assert_eq!(found(&b.owner, "7695").await[0]["why"], "Phone (256) 688-7695");
    assert!(found(&b.owner, "begonias").await[0]["why"].as_str().unwrap().starts_with("Note: “"));
    assert_eq!(found(&b.owner, "wilson").await[0]["why"], Value::Null);
    let page = b.owner.get("/contacts?search=688-7695").await.expect(200);
    assert!(page.body.contains("Jesús Wilson") && !page.body.contains("Ann Lee"), "{}", page.body);
    let offers = b.owner.get("/contacts/suggest?q=wils").await.expect(200);
    assert!(offers.body.contains(&format!("/contacts/{id}")), "{}", offers.body);
}

#[tokio::test]
async fn a_refused_form_keeps_what_was_typed_and_a_right_one_is_made_once() {
    let t = TestApp::new().await;
    let b = t.business("Clear Panes").await;
    let bad = b
        .owner
        .post(
            "/contacts/new",
            &[
                ("_key", "k1"),
                ("first_name", "Ann"),
                ("phones[0].number", "12"),
                ("emails[0].address", "ann@"),
                ("address.city", "Madison"),
            ],
        )
        .await
        .expect(422);
    for part in [
        "value=\"Ann\"",
        "value=\"12\"",
        "That phone number is too short.",
        "That does not look like an email address.",
        "value=\"Madison\"",
        "value=\"k1\"",
    ] {
        assert!(bad.body.contains(part), "{part} in {}", bad.body);
    }
    let empty = b.owner.post("/contacts/new", &[("_key", "k2")]).await.expect(422);
    assert!(empty.body.contains("one of them is enough"), "{}", empty.body);
    let right = [
        ("_key", "k1"),
        ("first_name", "Ann"),
        ("phones[0].number", "256-555-0101 ext. 77"),
        ("emails[0].address", ""),
        ("address.city", "Madison"),
    ];
    let first = b.owner.post("/contacts/new", &right).await.expect(303);
    let again = b.owner.post("/contacts/new", &right).await.expect(303);
    assert_eq!(first.location(), again.location(), "sent twice, made once");
    assert_eq!(t.count("select count(*) from contacts").await, 1);
    let other = b.owner.post("/contacts/new", &[("_key", "k1"), ("first_name", "Bob")]).await;
    assert_eq!(other.status.as_u16(), 409, "the same key with other content");
    let page = b.owner.get(first.location()).await.expect(200);
    assert!(page.body.contains("tel:+12565550101,77\"") && page.body.contains("Madison"), "{}", page.body);
    // A phone alone is enough, and is the name.
    let one = b.owner.act("contact.create", json!({ "phones": [{ "number": "(256) 555-0199" }] })).await.expect(200).data();
    assert_eq!(one["name"], "(256) 555-0199");
}

#[tokio::test]
async fn a_stale_edit_shows_both_versions_and_loses_neither() {
    let t = TestApp::new().await;
    let b = t.business("Clear Panes").await;
    let id = customers(&b.owner).await;
    let form = b.owner.get(&format!("/contacts/{id}/edit")).await.expect(200);
    assert!(form.body.contains("name=\"_version\" value=\"1\""), "{}", form.body);
    b.owner.act("contact.update", json!({ "contact_id": id, "last_name": "Wilcox" })).await.expect(200);
    let mine = [
        ("_key", "k9"),
        ("_version", "1"),
        ("first_name", "Jesus"),
        ("last_name", "Wilsen"),
        ("phones[0].number", "(256) 688-7695"),
        ("emails[0].address", "wilson@example.com"),
    ];
    let stale = b.owner.post(&format!("/contacts/{id}/edit"), &mine).await.expect(409);
    assert!(
        stale.body.contains("Wilcox") && stale.body.contains("value=\"Wilsen\"") && stale.body.contains("name=\"_version\" value=\"2\""),
        "{}",
        stale.body
    );
    let api = b
        .owner
        .act_with("contact.update", json!({ "contact_id": id, "last_name": "X" }), &[], json!({ "if_version": 1 }))
        .await
        .expect(409)
        .json();
    assert_eq!(api["error"]["current"]["last_name"], "Wilcox");
    // Knowingly: with the version shown.
    let mut kept = mine.to_vec();
    (kept[0].1, kept[1].1) = ("k10", "2");
    b.owner.post(&format!("/contacts/{id}/edit"), &kept).await.expect(303);
    let now = b.owner.data(&format!("type=contacts&id={id}&include=emails,phones,audit_trail")).await.expect(200).data();
    assert_eq!(now["name"], "Jesus Wilsen");
    assert_eq!(now["phones"].as_array().unwrap().len(), 1);
    assert_eq!(now["audit_trail"][0]["changes"]["last_name"], json!(["Wilcox", "Wilsen"]));
}

#[tokio::test]
async fn archived_is_not_lost_and_restored_is_as_before() {
    let t = TestApp::new().await;
    let b = t.business("Clear Panes").await;
    let id = customers(&b.owner).await;
    b.owner.post(&format!("/contacts/{id}/archive"), &[("_key", "a1")]).await.expect(303);
    b.owner.post(&format!("/contacts/{id}/archive"), &[("_key", "a2")]).await.expect(303);
    assert!(found(&b.owner, "wilson").await.is_empty());
    let archived = b.owner.get("/contacts?state=archived&search=wilson").await.expect(200);
    assert!(archived.body.contains("Jesús Wilson"));
    let refused = b.owner.act("note.create", json!({ "contact_id": id, "body": "x" })).await;
    assert_eq!(refused.status.as_u16(), 409);
    let page = b.owner.get(&format!("/contacts/{id}")).await.expect(200);
    assert!(page.body.contains("Restore") && !page.body.contains("New ticket</a>\n</div>"), "{}", page.body);
    b.owner.post(&format!("/contacts/{id}/restore"), &[("_key", "r1")]).await.expect(303);
    assert_eq!(found(&b.owner, "wilson").await.len(), 1);
    let viewer_sees_no_buttons = {
        let mut b = b;
        let viewer = b.member(Role::Viewer, "Vera").await;
        viewer.get(&format!("/contacts/{id}")).await.expect(200)
    };
    assert!(!viewer_sees_no_buttons.body.contains("/archive") && !viewer_sees_no_buttons.body.contains("/edit"));
}

#[tokio::test]
async fn pages_stay_where_they_are_while_customers_are_added() {
    let t = TestApp::new().await;
    let b = t.business("Clear Panes").await;
    for n in 0..45 {
        b.owner.act("contact.create", json!({ "first_name": format!("Customer {n:02}"), "last_name": "Lee" })).await.expect(200);
    }
    for search in ["", "&search=lee"] {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = b.owner.data(&format!("type=contacts&limit=10{search}{cursor}")).await.expect(200).json();
            seen.extend(page["data"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap().to_owned()));
            // Somebody adds one before the place we are at, and one behind it.
            b.owner.act("contact.create", json!({ "first_name": format!("Aaron {}", seen.len()) })).await.expect(200);
            match page["meta"]["cursor"].as_str() {
                Some(c) => cursor = format!("&cursor={c}"),
                None => break,
            }
        }
        let ours: Vec<&String> = seen.iter().filter(|n| n.starts_with("Customer")).collect();
        assert_eq!(ours.len(), 45, "{search}: {seen:?}");
        assert!(ours.is_sorted() || !search.is_empty());
    }
    let bad = b.owner.data("type=contacts&cursor=nonsense").await;
    assert_eq!(bad.status.as_u16(), 422);
}

#[tokio::test]
async fn facts_wait_for_a_person_twins_are_proposed_and_all_of_it_is_told() {
    let t = TestApp::new().await;
    let b = t.business("Clear Panes").await;
    let id = customers(&b.owner).await;
    b.owner
        .act(
            "attribute.set",
            json!({ "contact_id": id, "key": "equipment", "value": "24 ft ladder", "source": "rules", "confidence": "0.75" }),
        )
        .await
        .expect(200);
    let page = b.owner.get(&format!("/contacts/{id}")).await.expect(200);
    assert!(page.body.contains("24 ft ladder") && page.body.contains("to confirm"), "{}", page.body);
    let proposed = b.owner.data(&format!("type=attributes&contact_id={id}&state=proposed")).await.data();
    let proposed = proposed.as_array().unwrap().iter().find(|a| a["key"] == "equipment").unwrap()["id"].as_str().unwrap().to_owned();
    b.owner.post(&format!("/attributes/{proposed}/confirm"), &[("_key", "c1")]).await.expect(303);
    // A twin by phone is proposed on both, and can be told apart.
    let twin = b
        .owner
        .act("contact.create", json!({ "first_name": "Jesus", "last_name": "Wilson", "phones": [{ "number": "2566887695" }] }))
        .await
        .expect(200)
        .data();
    let page = b.owner.get(&format!("/contacts/{}", twin["id"].as_str().unwrap())).await.expect(200);
    assert!(page.body.contains("Same phone") && page.body.contains("Jesús Wilson"), "{}", page.body);
    let pair =
        b.owner.data(&format!("type=contacts&id={id}&include=duplicates")).await.data()["duplicates"][0]["id"].as_str().unwrap().to_owned();
    b.owner.post(&format!("/duplicates/{pair}/dismiss"), &[("_key", "d1"), ("contact", &id)]).await.expect(303);
    assert_eq!(b.owner.data(&format!("type=contacts&id={id}&include=duplicates")).await.data()["duplicates"], json!([]));
    // What a note says is proposed as facts, each with where it stands; a person says which are right.
    let body = "Dog named Biscuit, 20+ screens. Gate code 4411";
    let noted = b.owner.act("note.create", json!({ "contact_id": id, "body": body })).await.data();
    let facts = b.owner.data(&format!("type=attributes&contact_id={id}&state=proposed")).await.data();
    let of_note = "select count(*) from attributes where source = 'rules' and note_id is not null and state = 'proposed'";
    assert!(t.count(of_note).await >= 2, "{noted} {facts}");
    let page = b.owner.get(&format!("/contacts/{id}")).await.expect(200).body;
    assert!(page.contains("Biscuit") && page.contains("4411") && page.contains("to confirm"), "{page}");
    b.owner.act("note.create", json!({ "contact_id": id, "body": body })).await.data();
    assert_eq!(b.owner.data(&format!("type=attributes&contact_id={id}&state=proposed")).await.data(), facts, "none twice");
    // Consent to texts counts with its wording only.
    let bare = json!({ "contact_id": id, "sms_consent": true });
    let refused = b.owner.act("contact.update", bare).await.expect(422);
    assert!(refused.body.contains("consent_wording"), "{}", refused.body);
    b.owner.act("contact.update", json!({ "contact_id": id, "sms_consent": true, "consent_wording": "Asked on the phone" })).await.data();
    // Sensitive numbers do not stay in notes.
    let refused = b.owner.post(&format!("/contacts/{id}/notes"), &[("_key", "n0"), ("body", "  ")]).await.expect(422);
    assert!(refused.body.contains("Write something first."));
    b.owner
        .post(&format!("/contacts/{id}/notes"), &[("_key", "n1"), ("body", "Card 4242 4242 4242 4242, pays <b>later</b>")])
        .await
        .expect(303);
    let page = b.owner.get(&format!("/contacts/{id}")).await.expect(200);
    assert!(page.body.contains("[REDACTED], pays &#60;b&#62;later") && !page.body.contains("4242 4242"), "{}", page.body);
    // Consent keeps its history.
    b.owner
        .act("contact.update", json!({ "contact_id": id, "email_consent": true, "consent_wording": "asked at the door" }))
        .await
        .expect(200);
    b.owner.act("contact.update", json!({ "contact_id": id, "email_consent": false })).await.expect(200);
    let all = b.owner.data(&format!("type=contacts&id={id}&include=consents,timeline")).await.data();
    assert_eq!(all["consents"].as_array().unwrap().len(), 3);
    let told: Vec<&str> = all["timeline"].as_array().unwrap().iter().map(|e| e["words"].as_str().unwrap()).collect();
    assert!(told.contains(&"Customer added") && told.contains(&"Note") && told.contains(&"Equipment confirmed: 24 ft ladder"), "{told:?}");
}

#[tokio::test]
async fn a_likely_twin_is_shown_before_saving_and_proposed_after() {
    let t = TestApp::new().await;
    let b = t.business("Clear Panes").await;
    let id = customers(&b.owner).await;
    // A couple shares the phone: worth a word before saving, no proposal after it.
    let typed = [("_key", "n1"), ("first_name", "Tom"), ("last_name", "Miller"), ("phones[0].number", "(256) 688-7695")];
    let asked = b.owner.post("/contacts/new", &typed).await.expect(409);
    assert!(asked.body.contains(&format!("/contacts/{id}")) && asked.body.contains("same phone"), "{}", asked.body);
    assert!(asked.body.contains("Save anyway") && asked.body.contains("(256) 688-7695"), "{}", asked.body);
    let saved = b.owner.post("/contacts/new", &[&typed[..], &[("anyway", "yes")]].concat()).await.expect(303);
    let tom = saved.location().split('?').next().unwrap().rsplit('/').next().unwrap().to_owned();
    // The same submission again gets the same answer, not a warning about itself.
    assert_eq!(b.owner.post("/contacts/new", &[&typed[..], &[("anyway", "yes")]].concat()).await.expect(303).location(), saved.location());
    let twins = |id: String| {
        let owner = &b.owner;
        async move { owner.data(&format!("type=contacts&id={id}&include=duplicates")).await.data()["duplicates"].clone() }
    };
    assert_eq!(twins(tom).await, json!([]));
    // The name on the same street, another way to write it; programs are told too if they ask, and make it otherwise.
    let ann = json!({ "first_name": "Ann", "last_name": "Lee", "address": { "street": "8798 Governors Drive SW", "city": "Huntsville" } });
    let first = b.owner.act("contact.create", ann.clone()).await.data();
    let again =
        json!({ "first_name": "ann", "last_name": "LEE", "address": { "street": "8798 governors dr sw" }, "refuse_lookalikes": true });
    let refused = b.owner.act("contact.create", again.clone()).await.expect(409);
    assert!(refused.body.contains("Ann Lee") && refused.body.contains("same street"), "{}", refused.body);
    let mut again = again;
    again["refuse_lookalikes"] = json!(false);
    let second = b.owner.act("contact.create", again).await.data();
    let proposed = twins(second["id"].as_str().unwrap().to_owned()).await;
    assert_eq!((&proposed[0]["other_id"], proposed.as_array().unwrap().len()), (&first["id"], 1), "{proposed}");
    // A namesake elsewhere is nobody's twin.
    let other =
        b.owner.act("contact.create", json!({ "first_name": "Ann", "last_name": "Lee", "address": { "street": "1 Oak St" } })).await;
    assert_eq!(twins(other.data()["id"].as_str().unwrap().to_owned()).await, json!([]));
}

/// Names are compared by one rule, in Rust and in the database: by its cases, and over all letters of Latin Extended.
#[tokio::test]
async fn what_is_stored_is_found_as_it_was_typed() {
    let t = TestApp::new().await;
    let cases: Vec<(String, String)> = serde_json::from_str(include_str!("../../src/platform/fold_cases.json")).unwrap();
    let letters = ('\u{a0}'..='\u{24f}')
        .chain('\u{1e00}'..='\u{1eff}')
        .chain('\u{2010}'..='\u{2019}')
        .map(|c| (c.to_string(), platform::text::fold(&c.to_string())));
    let (typed, folded): (Vec<String>, Vec<String>) = cases.into_iter().chain(letters).unzip();
    let wrong: Vec<(String, String, String)> = sqlx::query_as(
        "select t.typed, app.fold(t.typed), t.folded from unnest($1::text[], $2::text[]) t (typed, folded) where app.fold(t.typed) <> t.folded",
    )
    .bind(typed)
    .bind(folded)
    .fetch_all(&t.admin)
    .await
    .unwrap();
    assert_eq!(wrong, Vec::new(), "(typed, the database's, ours)");

    let b = t.business("Clear View").await;
    for name in ["Yıldız", "Nguyễn", "Strauß", "O’Brien", "Bjo\u{308}rn", "Łukasz", "Þórdís"] {
        let made = b.owner.act("contact.create", json!({ "first_name": "Ann", "last_name": name })).await.expect(200);
        let id = made.json()["data"]["id"].as_str().unwrap().to_owned();
        let found = b.owner.data(&format!("type=contacts&search={}", platform::form::percent_encode(name))).await.expect(200);
        assert_eq!(found.data()[0]["id"], json!(id), "{name}");
    }
}
