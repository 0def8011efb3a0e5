//! Sign-in: links and codes that only a person uses up, the same answer for everybody, sessions that end at once.

use app::jobs;
use axum::http::header;
use chrono::Duration;
use office::identity::{self, actions::sign_in_link};
use platform::{app::SignUp, ids::SignInId, mail::Mailer, role::Role};
use uuid::Uuid;

use crate::support::{Actor, Answer, TestApp};

/// A cookie the answer sets, as the browser sends it back.
fn cookie(answer: &Answer, name: &str) -> Option<String> {
    let all = answer.headers.get_all(header::SET_COOKIE);
    let set = all.iter().filter_map(|v| v.to_str().ok()).find(|v| v.starts_with(&format!("{name}=")))?;
    Some(set.split(';').next().unwrap().to_owned())
}

/// A browser that asked for a mail.
async fn asked(t: &TestApp, email: &str) -> (Actor, SignInId) {
    let mut browser = t.nobody();
    let answer = browser.post("/sign-in", &[("email", email), ("next", "/settings/sessions")]).await.expect(303);
    browser.cookie = cookie(&answer, "rounds_browser");
    let id: Uuid =
        sqlx::query_scalar("select id from sign_ins order by created_at desc, id desc limit 1").fetch_one(&t.admin).await.unwrap();
    (browser, SignInId(id))
}

fn path(t: &TestApp, id: SignInId) -> String {
    format!("/sign-in/{}", identity::link_token(&t.app, id))
}

#[tokio::test]
async fn l1_only_post_uses_a_link_up() {
    let t = TestApp::new().await;
    let b = t.business("Clear View").await;
    let link = sign_in_link(&t.app, &b.owner.email).await.unwrap();
    let path = link.strip_prefix("http://rounds.test").unwrap();
    let person = t.nobody();
    let head = axum::http::Request::head(path).body(axum::body::Body::empty()).unwrap();
    person.send(head).await.expect(200);
    person.get(path).await.expect(200);
    let page = person.get(path).await.expect(200);
    assert!(page.body.contains("method=\"post\"") && page.headers[header::CACHE_CONTROL].to_str().unwrap().contains("no-cache"));
    assert_eq!(t.count("select count(*) from sign_ins where used_at is not null").await, 0);

    let answer = person.post(path, &[]).await.expect(303);
    let set = answer.headers.get_all(header::SET_COOKIE).iter().find(|v| v.to_str().unwrap().starts_with("rounds_session=")).unwrap();
    let set = set.to_str().unwrap();
    assert!(set.contains("HttpOnly") && set.contains("SameSite=Lax") && set.contains("Max-Age=2592000"), "{set}");
    // Once.
    assert!(person.post(path, &[]).await.expect(404).body.contains("used up"));
    assert!(person.get(path).await.expect(404).body.contains("Ask for a new link"));
    let mut signed_in = t.nobody();
    signed_in.cookie = cookie(&answer, "rounds_session");
    signed_in.get("/settings/sessions").await.expect(200);
}

#[tokio::test]
async fn l2_no_page_submits_itself_and_the_code_is_good_in_one_browser() {
    let t = TestApp::new().await;
    let b = t.business("Clear View").await;
    let (browser, id) = asked(&t, &b.owner.email).await;
    // A page with a button, and no script that could press it: our own scripts never submit a form by themselves.
    for page in [browser.get("/sign-in/code").await.expect(200), browser.get(&path(&t, id)).await.expect(200)] {
        let scripts: Vec<_> = page.body.matches("<script").collect();
        assert!(scripts.len() <= 1 && !page.body.contains("autosubmit") && !page.body.contains("http-equiv"), "{}", page.body);
    }
    let code = identity::code(&t.app, id);
    let mut other = t.nobody();
    other.cookie = Some("rounds_browser=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".into());
    other.post("/sign-in/code", &[("code", &code)]).await.expect(422);
    t.nobody().post("/sign-in/code", &[("code", &code)]).await.expect(422);
    let wrong = if code == "000000" { "111111" } else { "000000" };
    let refused = browser.post("/sign-in/code", &[("code", wrong)]).await.expect(422);
    assert!(refused.body.contains("not right"), "{}", refused.body);
    let spaced = format!("{} {}", &code[..3], &code[3..]);
    let answer = browser.post("/sign-in/code", &[("code", &spaced)]).await.expect(303);
    assert_eq!(answer.location(), "/settings/sessions");
    // The link of the same request is used up with it.
    browser.post(&path(&t, id), &[]).await.expect(404);
}

#[tokio::test]
async fn five_wrong_codes_leave_the_link_alone() {
    let t = TestApp::new().await;
    let b = t.business("Clear View").await;
    let (browser, id) = asked(&t, &b.owner.email).await;
    let code = identity::code(&t.app, id);
    let wrong = if code == "000000" { "111111" } else { "000000" };
    for _ in 0..5 {
        browser.post("/sign-in/code", &[("code", wrong)]).await.expect(422);
    }
    browser.post("/sign-in/code", &[("code", &code)]).await.expect(422);
    browser.post(&path(&t, id), &[]).await.expect(303);
}

#[tokio::test]
async fn the_answer_is_the_same_and_mail_goes_only_to_who_is_known() {
    let folder = std::env::temp_dir().join(format!("rounds-mail-{}", Uuid::now_v7()));
    std::fs::create_dir_all(&folder).unwrap();
    let t = TestApp::with(|s| s.mailer = Mailer::Folder(folder.clone())).await;
    let b = t.business("Clear View").await;
    let mut shapes = Vec::new();
    for email in [b.owner.email.as_str(), "stranger@example.com"] {
        let browser = t.nobody();
        let answer = browser.post("/sign-in", &[("email", email)]).await;
        let mut names: Vec<String> = answer.headers.keys().map(ToString::to_string).collect();
        names.sort();
        names.retain(|n| n != "x-request-id");
        shapes.push((answer.status, answer.location().to_owned(), answer.body.clone(), names));
    }
    assert_eq!(shapes[0], shapes[1]);
    assert_eq!(t.count("select count(*) from sign_ins").await, 2);
    jobs::drain(&t.app).await.unwrap();
    let mails: Vec<String> = std::fs::read_dir(&folder).unwrap().map(|f| std::fs::read_to_string(f.unwrap().path()).unwrap()).collect();
    assert_eq!(mails.len(), 1, "one mail, to the owner");
    assert!(mails[0].contains(&b.owner.email));
    // Nothing secret lies in the queue or the table.
    let id: Uuid = sqlx::query_scalar("select id from sign_ins where email = $1").bind(&b.owner.email).fetch_one(&t.admin).await.unwrap();
    let code = identity::code(&t.app, SignInId(id));
    assert!(mails[0].contains(&code));
    let row: String =
        sqlx::query_scalar("select to_jsonb(s)::text from sign_ins s where id = $1").bind(id).fetch_one(&t.admin).await.unwrap();
    assert!(!row.contains(&code) && !row.contains(&identity::link_token(&t.app, SignInId(id))));
    std::fs::remove_dir_all(folder).unwrap();

    t.nobody().post("/sign-in", &[("email", "not an address")]).await.expect(422);
}

#[tokio::test]
async fn links_expire_and_next_stays_here() {
    let t = TestApp::new().await;
    let b = t.business("Clear View").await;
    let (browser, id) = asked(&t, &b.owner.email).await;
    t.advance(Duration::minutes(15));
    browser.get(&path(&t, id)).await.expect(404);
    browser.post(&path(&t, id), &[]).await.expect(404);
    browser.post("/sign-in/code", &[("code", &identity::code(&t.app, id))]).await.expect(422);
    assert_eq!(t.count("select count(*) from sessions where created_at > '2026-11-24 15:10+00'").await, 0);

    let browser = t.nobody();
    browser.post("/sign-in", &[("email", &b.owner.email), ("next", "https://evil.example/")]).await.expect(303);
    let next: Option<String> =
        sqlx::query_scalar("select next_path from sign_ins order by created_at desc limit 1").fetch_one(&t.admin).await.unwrap();
    assert_eq!(next, None);
    // Nobody who asks for a page is led to sign-in, and back.
    let answer = t.nobody().get("/settings/sessions?x=1").await.expect(303);
    assert_eq!(answer.location(), "/sign-in?next=%2Fsettings%2Fsessions%3Fx%3D1");
}

#[tokio::test]
async fn too_many_mails_are_slowed() {
    let t = TestApp::new().await;
    for _ in 0..5 {
        t.nobody().post("/sign-in", &[("email", "ann@example.com")]).await.expect(303);
    }
    let slowed = t.nobody().post("/sign-in", &[("email", "Ann@Example.com ")]).await.expect(429);
    assert!(slowed.headers[header::RETRY_AFTER].to_str().unwrap().parse::<u32>().unwrap() <= 900);
    // Another address still gets one, until the network has asked too often.
    let mut statuses = Vec::new();
    for n in 0..30 {
        statuses.push(t.nobody().post("/sign-in", &[("email", &format!("p{n}@example.com"))]).await.status.as_u16());
    }
    assert_eq!(statuses[0], 303);
    assert_eq!(statuses[29], 429);
    for _ in 0..30 {
        t.nobody().post("/sign-in/no-such-token", &[]).await;
    }
    t.nobody().post("/sign-in/no-such-token", &[]).await.expect(429);
    t.advance(Duration::minutes(16));
    t.nobody().post("/sign-in", &[("email", "ann@example.com")]).await.expect(303);
}

#[tokio::test]
async fn sessions_are_listed_revoked_at_once_and_extended_by_use() {
    let t = TestApp::new().await;
    let b = t.business("Clear View").await;
    let link = sign_in_link(&t.app, &b.owner.email).await.unwrap();
    let mut phone = t.nobody();
    phone.cookie = cookie(&phone.post(link.strip_prefix("http://rounds.test").unwrap(), &[]).await, "rounds_session");
    let listed = b.owner.data("type=sessions").await.expect(200).data();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    let other = listed.as_array().unwrap().iter().find(|s| s["is_this"] == false).unwrap()["id"].as_str().unwrap().to_owned();
    phone.get("/settings/sessions").await.expect(200);
    // Another person can't end it.
    let c = t.business("Other").await;
    c.owner.act("session.revoke", serde_json::json!({ "id": other })).await.expect(404);
    b.owner.post(&format!("/settings/sessions/{other}/revoke"), &[]).await.expect(303);
    phone.get("/settings/sessions").await.expect(303);

    // Used every week, a session outlives its thirty days; the write happens once a day.
    for _ in 0..6 {
        t.advance(Duration::days(7));
        let page = b.owner.get("/settings/sessions").await.expect(200);
        assert!(cookie(&page, "rounds_session").is_some());
        let mut same_day = b.owner.clone();
        same_day.cookie = Some(format!("{}; rounds_day=1", b.owner.cookie.as_ref().unwrap()));
        assert!(cookie(&same_day.get("/settings/sessions").await.expect(200), "rounds_session").is_none());
    }
    t.advance(Duration::days(31));
    b.owner.get("/settings/sessions").await.expect(303);
}

#[tokio::test]
async fn signing_out_ends_the_session_and_others_on_demand() {
    let t = TestApp::new().await;
    let mut b = t.business("Clear View").await;
    let staff = b.member(Role::Staff, "Sam").await;
    let link = sign_in_link(&t.app, &b.owner.email).await.unwrap();
    let mut second = t.nobody();
    second.cookie = cookie(&second.post(link.strip_prefix("http://rounds.test").unwrap(), &[]).await, "rounds_session");
    b.owner.post("/settings/sessions/revoke-others", &[]).await.expect(303);
    second.get("/settings/sessions").await.expect(303);
    staff.get("/settings/sessions").await.expect(200);
    let out = b.owner.post("/sign-out", &[]).await.expect(303);
    assert_eq!(out.location(), "/sign-in");
    b.owner.get("/settings/sessions").await.expect(303);
}

#[tokio::test]
async fn first_only_lets_the_first_in_and_makes_nothing_for_an_unproven_address() {
    let t = TestApp::with(|s| s.sign_up = SignUp::FirstOnly).await;
    let form = |email: &'static str, name: &'static str| {
        [("name", name), ("person", "Robin"), ("email", email), ("time_zone", "Europe/Berlin"), ("currency", "EUR")]
    };
    t.nobody().get("/businesses/new").await.expect(200);
    let bad = t
        .nobody()
        .post("/businesses", &[("name", ""), ("person", "R"), ("email", "x"), ("time_zone", "Mars"), ("currency", "EUR")])
        .await
        .expect(422);
    assert!(bad.body.contains("A name is needed.") && bad.body.contains("does not look like an email"), "{}", bad.body);

    let mut ids = Vec::new();
    for (email, name) in [("robin@example.com", "Robin's Windows"), ("late@example.com", "Too Late")] {
        t.nobody().post("/businesses", &form(email, name)).await.expect(303);
        ids.push(sqlx::query_scalar::<_, Uuid>("select id from sign_ins where email = $1").bind(email).fetch_one(&t.admin).await.unwrap());
    }
    assert_eq!(t.count("select (select count(*) from orgs) + (select count(*) from users)").await, 0);

    // Without a mail server, whoever runs the machine prints the link that the mail would have had.
    assert!(sign_in_link(&t.app, "robin@example.com").await.unwrap().ends_with(&path(&t, SignInId(ids[0]))));
    assert!(matches!(sign_in_link(&t.app, "nobody@example.com").await, Err(platform::error::Error::NotFound)));
    let answer = t.nobody().post(&path(&t, SignInId(ids[0])), &[]).await.expect(303);
    assert_eq!(answer.location(), "/");
    assert_eq!(t.count("select count(*) from orgs where country = 'DE' and currency = 'EUR'").await, 1);
    assert_eq!(t.count("select count(*) from members where role = 'owner' and state = 'active' and name = 'Robin'").await, 1);
    assert_eq!(t.count("select count(*) from events where name = 'business.created'").await, 1);
    assert_eq!(t.count("select count(*) from audit_entries where action = 'business.create' and actor like 'member:%'").await, 2);

    // The second is in, without a business: the first was faster.
    let late = t.nobody().post(&path(&t, SignInId(ids[1])), &[]).await.expect(303);
    assert_eq!(late.location(), "/businesses");
    assert_eq!(t.count("select count(*) from orgs").await, 1);
    t.nobody().get("/businesses/new").await.expect(403);
    let mut robin = t.nobody();
    robin.cookie = cookie(&answer, "rounds_session");
    robin.get("/settings/sessions").await.expect(200);
    // Who made the first may make another; sending the form twice makes one.
    let id = Uuid::now_v7().to_string();
    for _ in 0..2 {
        robin
            .post("/businesses", &[("id", &id), ("name", "Second"), ("person", "Robin"), ("time_zone", "UTC"), ("currency", "USD")])
            .await
            .expect(303);
    }
    assert_eq!(t.count("select count(*) from orgs").await, 2);
}
