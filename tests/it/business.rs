//! Team, settings, connections, tokens: who may, what is kept secret, and what several businesses mean for one person.

use app::jobs;
use axum::http::header;
use office::{business::actions::token_make, identity::actions::sign_in_link};
use platform::{
    mail::Mailer,
    role::Role,
    stripe::{Patience, StripeApi},
    tenant::Read,
};
use serde_json::{Value, json};
use uuid::Uuid;
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{header as has_header, method, path},
};

use crate::support::{Actor, TestApp};

async fn sign_in(t: &TestApp, email: &str) -> Actor {
    let link = sign_in_link(&t.app, email).await.unwrap();
    let mut actor = t.nobody();
    let answer = actor.post(link.strip_prefix("http://rounds.test").unwrap(), &[]).await.expect(303);
    let set = answer.headers.get_all(header::SET_COOKIE).iter().find(|v| v.to_str().unwrap().starts_with("rounds_session=")).unwrap();
    actor.cookie = Some(set.to_str().unwrap().split(';').next().unwrap().to_owned());
    actor
}

#[tokio::test]
async fn an_invited_person_accepts_and_switches_between_businesses() {
    let folder = std::env::temp_dir().join(format!("rounds-mail-{}", Uuid::now_v7()));
    std::fs::create_dir_all(&folder).unwrap();
    let t = TestApp::with(|s| s.mailer = Mailer::Folder(folder.clone())).await;
    let (a, b) = (t.business("Clear View").await, t.business("Other Side").await);
    let form = [("name", "Pat Doe"), ("email", "Pat@Example.com"), ("role", "staff"), ("is_technician", "on")];
    for owner in [&a.owner, &b.owner] {
        owner.post("/settings/team", &form).await.expect(303);
    }
    let again = a.owner.post("/settings/team", &form).await.expect(422);
    assert!(again.body.contains("already in the team") && again.body.contains("Pat Doe"), "{}", again.body);
    jobs::drain(&t.app).await.unwrap();
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 2);
    std::fs::remove_dir_all(folder).unwrap();

    // Signed in, but in no business until the invitation is accepted with a button.
    let pat = sign_in(&t, "pat@example.com").await;
    pat.get("/settings").await.expect(303);
    let list = pat.get("/businesses").await.expect(200);
    assert!(list.body.contains("Accept the invitation"), "{}", list.body);
    assert_eq!(t.count("select count(*) from members where email = 'pat@example.com' and state = 'invited'").await, 2);
    pat.post(&format!("/businesses/{}/enter", a.org), &[]).await.expect(303);
    pat.get("/settings").await.expect(200);
    pat.post(&format!("/businesses/{}/enter", b.org), &[]).await.expect(303);
    assert!(pat.get("/settings").await.expect(200).body.contains("Other Side"));
    assert_eq!(t.count("select count(*) from events where name = 'member.joined'").await, 2);
    // A form made in one business is refused in the other.
    let stale = pat.post("/settings/tokens", &[("name", "Phone"), ("_org", &a.org.to_string()), ("_key", "k1")]).await.expect(409);
    assert!(stale.body.contains("another business"), "{}", stale.body);
    assert_eq!(t.count("select count(*) from api_tokens").await, 0);
    // A business that is not theirs.
    let c = t.business("Third").await;
    pat.post(&format!("/businesses/{}/enter", c.org), &[]).await.expect(404);
    // Removed: out at once, by session and by token, and for good: being enabled again brings neither back.
    pat.post("/settings/tokens", &[("name", "Phone"), ("_key", "k2")]).await.expect(200);
    let id: Uuid = sqlx::query_scalar("select id from members where email = 'pat@example.com' and org_id = $1")
        .bind(b.org.0)
        .fetch_one(&t.admin)
        .await
        .unwrap();
    b.owner.post(&format!("/settings/team/{id}/remove"), &[]).await.expect(303);
    assert_eq!(t.count("select count(*) from api_tokens where revoked_at is null").await, 0);
    let is_out = async || assert!(pat.get("/settings").await.expect(303).location().starts_with("/sign-in"));
    is_out().await;
    let at_home = sign_in(&t, "pat@example.com").await;
    assert!(!at_home.get("/businesses").await.expect(200).body.contains("Other Side"));
    let invited = b.owner.post("/settings/team", &form).await.expect(422);
    assert!(invited.body.contains("was in the team before"), "{}", invited.body);
    let act = async |data: serde_json::Value| b.owner.act("member.update", data).await.expect(200);
    act(json!({ "member_id": id, "disabled": false })).await;
    is_out().await;
    // So does a change of role; of the own one, the session that did it stays.
    at_home.post(&format!("/businesses/{}/enter", b.org), &[]).await.expect(303);
    act(json!({ "member_id": id, "role": "viewer" })).await;
    assert!(at_home.get("/settings").await.expect(303).location().starts_with("/sign-in"));
    act(json!({ "member_id": id, "role": "owner" })).await;
    act(json!({ "member_id": b.owner.member.unwrap(), "role": "admin" })).await;
    b.owner.get("/settings").await.expect(200);
}

#[tokio::test]
async fn the_role_table_holds_for_team_and_settings() {
    let t = TestApp::new().await;
    let mut b = t.business("Clear View").await;
    let mut actors = Vec::new();
    for role in Role::ALL {
        actors.push((role, b.member(role, role.word()).await));
    }
    let target = b.members["Viewer"].to_string();
    for (role, actor) in &actors {
        let allowed = matches!(role, Role::Owner | Role::Admin);
        let want = if allowed { 200 } else { 403 };
        for (name, data) in [
            ("member.update", json!({ "member_id": target, "color": 3 })),
            ("business.update", json!({ "city": "Madison" })),
            ("business.set_hours", json!({ "day_starts": "07:30", "day_ends": "16:00", "work_days": [1, 2, 3] })),
            ("business.skip_step", json!({ "step": "stripe" })),
        ] {
            assert_eq!(actor.act(name, data).await.status.as_u16(), want, "{role:?} {name}");
        }
        for page in ["/settings/business", "/settings/team", "/settings/hours", "/settings/stripe"] {
            assert_eq!(actor.get(page).await.status.as_u16(), want, "{role:?} {page}");
        }
        let invite = json!({ "email": format!("by-{}@example.com", role.name()), "name": "New", "role": "staff" });
        assert_eq!(actor.act("member.invite", invite).await.status.as_u16(), want, "{role:?}");
        assert_eq!(actor.get("/settings").await.body.contains("/settings/team"), allowed, "no link to what is refused");
    }
    assert!(t.count("select count(*) from events where name = 'security.permission_denied'").await >= 12);
    // An admin can't touch owners, make one, or become one.
    let admin = &actors[1].1;
    let owner = b.members["Owner"].to_string();
    for data in [
        json!({ "member_id": owner, "name": "Renamed" }),
        json!({ "member_id": target, "role": "owner" }),
        json!({ "member_id": b.members["Admin"], "role": "owner" }),
    ] {
        admin.act("member.update", data).await.expect(403);
    }
    admin.act("member.remove", json!({ "member_id": owner })).await.expect(403);
    admin.act("member.invite", json!({ "email": "o@example.com", "name": "O", "role": "owner" })).await.expect(403);
    let page = admin.get(&format!("/settings/team/{owner}")).await.expect(200);
    assert!(!page.body.contains("Remove from the team") && page.body.contains("Only an owner"), "{}", page.body);
    assert_eq!(admin.data(&format!("type=members&id={owner}")).await.data()["allowed_actions"], json!([]));
}

#[tokio::test]
async fn the_last_owner_stays() {
    let t = TestApp::new().await;
    let mut b = t.business("Clear View").await;
    let second = b.member(Role::Owner, "Second").await;
    let (one, two) = (b.owner.member.unwrap().to_string(), second.member.unwrap().to_string());
    // Each removes the other at once: one wins.
    let (x, y) = tokio::join!(
        b.owner.act("member.update", json!({ "member_id": two, "role": "staff" })),
        second.act("member.update", json!({ "member_id": one, "role": "staff" }))
    );
    let mut statuses = [x.status.as_u16(), y.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(t.count("select count(*) from members where role = 'owner' and state = 'active'").await, 1, "{statuses:?}");
    let (last, id) = if x.status == 200 { (&b.owner, one) } else { (&second, two) };
    last.act("member.update", json!({ "member_id": id, "role": "admin" })).await.expect(409);
    last.act("member.remove", json!({ "member_id": id })).await.expect(409);
    let page = last.post(&format!("/settings/team/{id}/remove"), &[]).await.expect(409);
    assert!(page.body.contains("A business needs an owner"), "{}", page.body);
}

#[tokio::test]
async fn details_keep_what_was_typed_and_show_both_versions() {
    let t = TestApp::new().await;
    let b = t.business("Clear View").await;
    let org = b.org.to_string();
    let fields = |name: &'static str, email: &'static str, version: &'static str| {
        vec![
            ("name", name),
            ("email", email),
            ("country", "US"),
            ("time_zone", "America/Chicago"),
            ("currency", "USD"),
            ("invoice_prefix", "CV-"),
            ("payment_terms_days", "30"),
            ("website", "clearview.example"),
            ("on", "scheduling"),
            ("on", "invoices"),
            ("staff_see_prices", "on"),
            ("_version", version),
        ]
    };
    let mut good = fields("Clear View LLC", "office@clearview.example", "1");
    good.push(("_org", &org));
    b.owner.post("/settings/business", &good).await.expect(303);
    let saved = b.owner.data("type=business").await.data()[0].clone();
    assert_eq!(saved["name"], "Clear View LLC");
    assert_eq!(saved["website"], "https://clearview.example");
    assert_eq!(saved["capabilities_off"], json!(["payments", "portal"]));
    assert_eq!(saved["staff_see_all_tickets"], json!(false));

    let bad = b.owner.post("/settings/business", &fields("Half typed <b>", "nonsense", "2")).await.expect(422);
    assert!(
        bad.body.contains("Half typed &#60;b&#62;") && bad.body.contains("nonsense") && bad.body.contains("does not look like an email"),
        "{}",
        bad.body
    );
    let stale = b.owner.post("/settings/business", &fields("Mine", "mine@clearview.example", "1")).await.expect(409);
    assert!(stale.body.contains("value=\"Mine\"") && stale.body.contains("<td>Clear View LLC</td><td>Mine</td>"), "{}", stale.body);
    assert!(stale.body.contains("name=\"_version\" value=\"2\""), "saving again replaces it");
    // A zone may be typed as its city; the page carries the usual ones only.
    let mut typed = fields("Clear View LLC", "office@clearview.example", "2");
    typed.iter_mut().filter(|f| f.0 == "time_zone").for_each(|f| f.1 = "boise");
    b.owner.post("/settings/business", &typed).await.expect(303);
    assert_eq!(b.owner.data("type=business").await.data()[0]["time_zone"], "America/Boise");
    assert!(b.owner.get("/settings/business").await.body.len() < 25_000);
    typed.iter_mut().filter(|f| matches!(f.0, "time_zone" | "_version")).for_each(|f| f.1 = if f.0 == "_version" { "3" } else { "Mars" });
    let odd = b.owner.post("/settings/business", &typed).await.expect(422).body;
    assert!(odd.contains("value=\"Mars\"") && odd.contains("type a large city near you"), "{odd}");
    // A switched-off capability leaves no trace.
    assert!(!b.owner.get("/settings").await.body.contains("/settings/stripe"));

    let hours = b.owner.post("/settings/hours", &[("day_starts", "18:00"), ("day_ends", "08:00")]).await.expect(422);
    assert!(hours.body.contains("must end after") && hours.body.contains("at least one day"), "{}", hours.body);
    b.owner
        .post("/settings/hours", &[("day_starts", "07:00"), ("day_ends", "15:30"), ("work_days", "1"), ("work_days", "6")])
        .await
        .expect(303);
    assert_eq!(b.owner.data("type=business").await.data()[0]["work_days"], json!([1, 6]));
}

#[tokio::test]
async fn the_logo_is_an_image_of_at_most_a_megabyte() {
    let t = TestApp::new().await;
    let b = t.business("Clear View").await;
    let upload = |bytes: Vec<u8>| {
        let mut body =
            b"--x\r\nContent-Disposition: form-data; name=\"image\"; filename=\"logo.png\"\r\nContent-Type: image/png\r\n\r\n".to_vec();
        body.extend(bytes);
        body.extend(b"\r\n--x--\r\n");
        axum::http::Request::post("/settings/logo")
            .header(header::CONTENT_TYPE, "multipart/form-data; boundary=x")
            .header("sec-fetch-site", "same-origin")
            .body(axum::body::Body::from(body))
            .unwrap()
    };
    let png = include_bytes!("../../static/icons/icon-192.png").to_vec();
    b.owner.send(upload(b"<svg onload=alert(1)>".to_vec())).await.expect(422);
    b.owner.send(upload([png.clone(), vec![0; 1024 * 1024]].concat())).await.expect(422);
    // Cut in half, it would be accepted by its first bytes and stop every invoice later.
    b.owner.send(upload(png[..png.len() / 2].to_vec())).await.expect(422);
    b.owner.get("/settings/logo").await.expect(404);
    b.owner.send(upload(png.clone())).await.expect(303);
    let got = b.owner.get("/settings/logo").await.expect(200);
    assert_eq!(got.headers[header::CONTENT_TYPE], "image/png");
    b.owner.send(upload(png)).await.expect(303);
    assert_eq!(t.count("select count(*) from files").await, 1, "the old one is gone");
    t.business("Other").await.owner.get("/settings/logo").await.expect(404);
    // "Replace" with no file chosen changes nothing; only the other button removes.
    assert!(b.owner.send(upload(Vec::new())).await.expect(422).body.contains("Choose a picture first."));
    assert_eq!(t.count("select count(*) from files").await, 1);
    let mut removal = upload(Vec::new());
    *removal.body_mut() = "--x\r\nContent-Disposition: form-data; name=\"remove\"\r\n\r\nyes\r\n--x--\r\n".into();
    b.owner.send(removal).await.expect(303);
    assert_eq!(t.count("select count(*) from files").await, 0);
}

#[tokio::test]
async fn stripe_keys_are_tested_and_nowhere_readable() {
    let stripe = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/v1/account"))
        .and(has_header("authorization", "Bearer sk_test_right"))
        .respond_with(
            ResponseTemplate::new(200).set_body_json(json!({ "id": "acct_1", "business_profile": { "name": "Clear View Stripe" } })),
        )
        .mount(&stripe)
        .await;
    Mock::given(method("GET"))
        .respond_with(
            ResponseTemplate::new(401).set_body_json(json!({ "error": { "message": "Invalid API Key provided: sk_test_*****rong" } })),
        )
        .with_priority(9)
        .mount(&stripe)
        .await;
    let t = TestApp::with(|s| s.stripe = StripeApi::new(&stripe.uri(), Patience { attempts: 1, ..Patience::default() }).unwrap()).await;
    let b = t.business("Clear View").await;
    let refused = b.owner.post("/settings/stripe", &[("secret_key", "pk_live_public"), ("webhook_secret", "nope")]).await.expect(422);
    assert!(refused.body.contains("starts with sk_") && refused.body.contains("whsec_") && !refused.body.contains("pk_live_public"));

    b.owner
        .post("/settings/stripe", &[("secret_key", "sk_test_wrong"), ("webhook_secret", "whsec_quiet"), ("_key", "s1")])
        .await
        .expect(303);
    let page = b.owner.get("/settings/stripe").await.expect(200);
    assert!(page.body.contains("Not working") && page.body.contains("does not accept this key"), "{}", page.body);
    b.owner.post("/settings/stripe", &[("secret_key", "sk_test_right")]).await.expect(303);
    let page = b.owner.get("/settings/stripe").await.expect(200);
    assert!(page.body.contains("Connected") && page.body.contains("Clear View Stripe"), "{}", page.body);
    let listed = b.owner.data("type=connections").await.data();
    assert_eq!(listed[0]["status"], "connected");
    assert_eq!(listed[0]["has_webhook_secret"], json!(true), "what was left empty stays");
    let id = listed[0]["id"].as_str().unwrap();
    assert!(page.body.contains(&format!("http://rounds.test/api/webhooks/stripe/{id}")));
    jobs::drain(&t.app).await.unwrap();

    // Readable through the door only: not on pages, in answers, rows, audit, events, jobs or idempotency records.
    let everything: String = sqlx::query_scalar(
        "select concat((select string_agg(to_jsonb(c)::text, '') from connections c), (select string_agg(to_jsonb(a)::text, '') from audit_entries a),
                (select string_agg(to_jsonb(e)::text, '') from events e), (select string_agg(to_jsonb(i)::text, '') from idempotency_keys i),
                (select string_agg(to_jsonb(j)::text, '') from graphile_worker._private_jobs j))",
    )
    .fetch_one(&t.admin)
    .await
    .unwrap();
    for secret in ["sk_test_right", "sk_test_wrong", "whsec_quiet"] {
        assert!(!everything.contains(secret) && !page.body.contains(secret) && !listed.to_string().contains(secret));
    }
    let mut read = Read::of_org(&t.app, b.org).await.unwrap();
    let opened = office::connections::keys(read.db(), &t.app, b.org).await.unwrap().remove(0);
    assert_eq!(
        (opened.secret_key.unwrap().expose().as_str(), opened.webhook_secret.unwrap().expose().as_str()),
        ("sk_test_right", "whsec_quiet")
    );
    drop(read);

    b.owner.post("/settings/stripe/disconnect", &[]).await.expect(303);
    let left: Value = sqlx::query_scalar("select secrets from connections").fetch_one(&t.admin).await.unwrap();
    assert_eq!(left, json!({}));
}

#[tokio::test]
async fn tokens_are_shown_once_and_end_at_once() {
    let t = TestApp::new().await;
    let mut b = t.business("Clear View").await;
    let staff = b.member(Role::Staff, "Sam").await;
    let made = staff.post("/settings/tokens", &[("name", "Sheet"), ("_key", "t1")]).await.expect(200);
    let token = made.body.split("<code>").nth(1).unwrap().split("</code>").next().unwrap().to_owned();
    assert!(token.starts_with("rounds_") && made.headers[header::CACHE_CONTROL].to_str().unwrap().contains("no-store"));
    assert!(!staff.get("/settings/tokens").await.body.contains(&token));
    let mut program = t.nobody();
    program.bearer = Some(token.clone());
    program.data("type=members").await.expect(200);
    program.data("type=members").await.expect(200);
    assert_eq!(t.count("select count(*) from api_tokens where last_used_at is not null").await, 1);
    assert_eq!(t.count("select count(*) from audit_entries where action = 'token.touch'").await, 1, "noted once a day");
    // The token has Sam's rights, no more; and opens no pages.
    program.act("business.update", json!({ "city": "X" })).await.expect(403);
    program.get("/settings").await.expect(303);
    program.act("session.revoke_others", json!({})).await.expect(403);
    let kept: String = sqlx::query_scalar("select concat((select string_agg(to_jsonb(i)::text, '') from idempotency_keys i), (select string_agg(to_jsonb(a)::text, '') from audit_entries a))").fetch_one(&t.admin).await.unwrap();
    assert!(!kept.contains(&token));
    // Others don't see it; who manages the team does, and can end it.
    let id = staff.data("type=api_tokens").await.data()[0]["id"].as_str().unwrap().to_owned();
    let viewer = b.member(Role::Viewer, "Val").await;
    assert_eq!(viewer.data("type=api_tokens").await.data(), json!([]));
    viewer.act("token.revoke", json!({ "id": id })).await.expect(404);
    b.owner.act("token.revoke", json!({ "id": id })).await.expect(200);
    program.data("type=members").await.expect(401);

    let by_command = token_make(&t.app, &staff.email, None, "Made by command").await.unwrap();
    program.bearer = Some(by_command);
    program.data("type=members").await.expect(200);
    b.owner.act("member.remove", json!({ "member_id": staff.member })).await.expect(200);
    program.data("type=members").await.expect(401);
}

#[tokio::test]
async fn the_checklist_follows_the_data() {
    let t = TestApp::new().await;
    let b = t.business("Clear View").await;
    let states = async || {
        let list = b.owner.data("type=business&include=checklist").await.data()[0]["checklist"]["steps"].clone();
        let names: Vec<(String, bool, bool)> = list
            .as_array()
            .unwrap()
            .iter()
            .map(|s| (s["step"].as_str().unwrap().to_owned(), s["is_done"].as_bool().unwrap(), s["is_skipped"].as_bool().unwrap()))
            .collect();
        names
    };
    let first = states().await;
    assert_eq!(first.len(), 7);
    assert!(first.iter().all(|(_, done, skipped)| !done && !skipped), "{first:?}");
    b.owner
        .act("business.set_hours", json!({ "day_starts": "08:00", "day_ends": "18:00", "work_days": [1, 2, 3, 4, 5] }))
        .await
        .expect(200);
    b.owner.act("business.update", json!({ "street": "1 Main St", "phone": "256 555 0100" })).await.expect(200);
    b.owner.act("contact.create", json!({ "first_name": "Jane", "last_name": "Smith" })).await.expect(200);
    b.owner.post("/settings/checklist", &[("step", "stripe")]).await.expect(303);
    b.owner.post("/settings/checklist", &[("step", "stripe")]).await.expect(303);
    let done: Vec<String> = states().await.into_iter().filter(|s| s.1).map(|s| s.0).collect();
    assert_eq!(done, ["details", "hours", "customers"]);
    assert_eq!(states().await[4], ("stripe".to_owned(), false, true));
    b.owner.post("/settings/checklist", &[("step", "stripe"), ("undo", "true")]).await.expect(303);
    assert_eq!(states().await[4], ("stripe".to_owned(), false, false));
}
