//! The foundations: isolation by the database itself, idempotency, the audit chain, the cursor over events.

use platform::{audit, role::Role};
use serde_json::json;
use sqlx::{Connection, PgConnection};

use crate::support::TestApp;

/// I2, I3: as the app's role a query without WHERE sees one business; without a business no rows and no writes.
#[tokio::test]
async fn i2_i3_forgotten_where_clauses_show_nothing() {
    let t = TestApp::new().await;
    let (a, b) = (t.business("Crystal Clear").await, t.business("Other Panes").await);
    let mut db = PgConnection::connect(&t.url("rounds_app")).await.unwrap();
    for table in ["orgs", "members", "contacts", "tickets", "invoices", "audit_entries", "events"] {
        let n: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("select count(*) from {table}"))).fetch_one(&mut db).await.unwrap();
        assert_eq!(n, 0, "{table} shows rows to nobody");
    }
    let refused =
        sqlx::query("insert into contacts (id, org_id, name) values (gen_random_uuid(), $1, 'x')").bind(a.org.0).execute(&mut db).await;
    assert!(refused.is_err());
    let mut tx = db.begin().await.unwrap();
    sqlx::query("select set_config('app.org_id', $1, true)").bind(a.org.0.to_string()).execute(&mut *tx).await.unwrap();
    let seen: Vec<uuid::Uuid> = sqlx::query_scalar("select id from orgs").fetch_all(&mut *tx).await.unwrap();
    assert_eq!(seen, [a.org.0]);
    let foreign =
        sqlx::query("insert into contacts (id, org_id, name) values (gen_random_uuid(), $1, 'x')").bind(b.org.0).execute(&mut *tx).await;
    assert!(foreign.is_err(), "a row may not be written into another business");
    tx.rollback().await.unwrap();
    // The same connection afterwards belongs to nobody again (I1).
    let n: i64 = sqlx::query_scalar("select count(*) from orgs").fetch_one(&mut db).await.unwrap();
    assert_eq!(n, 0);
}

/// Seals until at least `wanted` entries are in the chain: transactions of other tests in the same cluster hold the sealer up for moments.
async fn seal_at_least(t: &TestApp, org: platform::ids::OrgId, wanted: usize) {
    let mut sealed = 0;
    for round in 0..200 {
        // The job's round through all businesses, and one business alone.
        sealed += if round % 2 == 0 { audit::seal_new(&t.app).await.unwrap() } else { audit::seal(&t.app, org).await.unwrap() };
        if sealed >= wanted {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("only {sealed} of {wanted} entries were sealed");
}

/// Tampering with the audit trail shows, and the chain holds otherwise.
#[tokio::test]
async fn the_audit_chain_shows_tampering() {
    let t = TestApp::new().await;
    let a = t.business("Crystal Clear").await;
    seal_at_least(&t, a.org, 1).await;
    assert_eq!(audit::verify(&t.app, a.org).await.unwrap().faults, Vec::<String>::new());
    // Each by whoever has the database, and not the server's key; what was taken is put back.
    sqlx::raw_sql("create table kept_entries as select * from audit_entries; create table kept_seals as select * from audit_seals")
        .execute(&t.admin)
        .await
        .unwrap();
    for (tampering, shows) in [
        (
            r#"update audit_entries set changes = jsonb_set(changes, '{name}', '[null, "Someone else"]') where table_name = 'orgs'"#,
            "values",
        ),
        (r#"update audit_entries set salt = null, changes = '{"name": [null, "Someone else"]}' where table_name = 'orgs'"#, "values"),
        ("update audit_entries set action = 'import.run' where table_name = 'orgs'", "edited"),
        ("update audit_entries set source = 'model' where table_name = 'members'", "edited"),
        ("delete from audit_entries where table_name = 'members'", "removed"),
        ("delete from audit_seals where seq = (select max(seq) from audit_seals)", "from the end"),
    ] {
        sqlx::raw_sql(tampering).execute(&t.admin).await.unwrap();
        let faults = audit::verify(&t.app, a.org).await.unwrap().faults;
        assert!(faults.iter().any(|f| f.contains(shows)), "{tampering}: {faults:?}");
        let back = "delete from audit_seals; delete from audit_entries; insert into audit_seals select * from kept_seals;
                    insert into audit_entries overriding system value select * from kept_entries";
        sqlx::raw_sql(back).execute(&t.admin).await.unwrap();
        assert_eq!(audit::verify(&t.app, a.org).await.unwrap().faults, Vec::<String>::new(), "{tampering}, put back");
    }
    let app_role = PgConnection::connect(&t.url("rounds_app")).await.unwrap();
    drop(app_role);
}

/// Every tenant table has the keys, the forced policy and the audit trigger; a table that lacks any of it fails here.
#[tokio::test]
async fn every_tenant_table_is_built_by_the_helper() {
    let t = TestApp::new().await;
    // Global by design: identity, counters of the network, the sealer's place, the migrations' own.
    let global = ["users", "sessions", "sign_ins", "rate_limits", "seal_progress", "_sqlx_migrations"];
    // Derived or append-only: isolated, without audit of their own.
    let bare = [
        "audit_entries",
        "audit_seals",
        "audit_heads",
        "events",
        "idempotency_keys",
        "counters",
        "contact_search",
        "import_rows",
        "import_keys",
        "file_pieces",
        "note_readings",
    ];
    let tables: Vec<(String, bool, bool, bool, bool, bool, bool)> = sqlx::query_as(
        "select c.relname::text, c.relrowsecurity, c.relforcerowsecurity,
                exists (select from pg_policies p where p.tablename = c.relname and p.policyname = 'tenant' and p.qual like '%app.org()%' and p.with_check like '%app.org()%'),
                (select count(*) = 2 from pg_trigger g where g.tgrelid = c.oid and g.tgname in ('audit', 'audit_new') and g.tgenabled = 'O'),
                (select array_agg(a.attname::text order by a.attname) @> '{created_at,created_by,org_id,updated_at,version}' from pg_attribute a where a.attrelid = c.oid and a.attnum > 0),
                coalesce((select (array_agg(a.attname::text order by array_position(i.indkey::int2[], a.attnum)))[1] = 'org_id' from pg_index i join pg_attribute a on a.attrelid = c.oid and a.attnum = any (i.indkey::int2[]) where i.indrelid = c.oid and i.indisprimary), false)
           from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'public' and c.relkind = 'r'",
    )
    .fetch_all(&t.admin)
    .await
    .unwrap();
    assert!(tables.len() > 30);
    for (name, enabled, forced, policy, audited, columns, key) in tables {
        if global.contains(&name.as_str()) {
            continue;
        }
        assert!(
            enabled && forced && policy && key,
            "{name}: RLS {enabled}, forced {forced}, policy {policy}, key led by the business {key}"
        );
        if !bare.contains(&name.as_str()) {
            assert!(audited && columns, "{name}: audit {audited}, columns {columns}");
        }
    }
    // References between tenant tables carry the business: foreign-key checks bypass RLS.
    let loose: Vec<String> = sqlx::query_scalar(
        "select conname::text from pg_constraint k join pg_class f on f.oid = k.confrelid
          where k.contype = 'f' and k.connamespace = 'public'::regnamespace and f.relname not in ('users', 'orgs')
            and not exists (select from pg_attribute a where a.attrelid = k.conrelid and a.attnum = any (k.conkey) and a.attname = 'org_id')",
    )
    .fetch_all(&t.admin)
    .await
    .unwrap();
    assert_eq!(loose, Vec::<String>::new());
}

/// Signed-out programs get an envelope, people get led to sign in; nothing leaks which.
#[tokio::test]
async fn nobody_gets_in() {
    let t = TestApp::new().await;
    let nobody = t.nobody();
    let answer = nobody.data("type=contacts").await.expect(401);
    assert_eq!(answer.json()["error"]["code"], json!("UNAUTHORIZED"));
    assert!(answer.headers.contains_key("content-security-policy"));
    let a = t.business("Crystal Clear").await;
    let unknown = a.owner.data("type=unknown").await.expect(422);
    assert!(unknown.body.contains("There is no type"));
    a.owner.get("/api/capabilities").await.expect(200);
}

/// I1: two businesses hammer one connection of the pool; neither ever sees the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_two_businesses_on_one_connection() {
    let probe = TestApp::new().await;
    let url = probe.url("rounds_app");
    let pool = sqlx::postgres::PgPoolOptions::new().max_connections(1).connect(&url).await.unwrap();
    let t = probe.on_pool(pool);
    let (a, b) = (t.business("Crystal Clear").await, t.business("Other Panes").await);
    for (business, name) in [(&a, "Anna"), (&b, "Berta")] {
        for n in 0..5 {
            business.owner.act("contact.create", json!({ "first_name": name, "last_name": format!("Number{n}") })).await.data();
        }
    }
    let ask = |actor: crate::support::Actor, own: &'static str, other: &'static str| {
        tokio::spawn(async move {
            for n in 0..60 {
                let answer = if n % 3 == 0 {
                    actor.act("contact.create", json!({ "first_name": own, "last_name": format!("More{n}") })).await
                } else {
                    actor.data("type=contacts&limit=100").await
                };
                assert!(answer.status.is_success(), "{}", answer.body);
                assert!(n % 3 == 0 || answer.body.contains(own), "{own} does not see its own: {}", answer.body);
                assert!(!answer.body.contains(other), "{own} saw {other}");
            }
        })
    };
    let (one, two) = (ask(a.owner.clone(), "Anna", "Berta"), ask(b.owner.clone(), "Berta", "Anna"));
    one.await.unwrap();
    two.await.unwrap();
}

/// A transaction that took its number early and commits late is not skipped: the sealer stops at the oldest one still running.
#[tokio::test]
async fn the_sealer_waits_for_who_began_earlier() {
    let t = TestApp::new().await;
    let a = t.business("Crystal Clear").await;
    seal_at_least(&t, a.org, 2).await;
    let mut early = t.admin.begin().await.unwrap();
    let write = |name: &str| {
        format!("select set_config('app.org_id', '{}', true); insert into contacts (id, name) values (gen_random_uuid(), '{name}')", a.org)
    };
    sqlx::raw_sql(sqlx::AssertSqlSafe(write("early"))).execute(&mut *early).await.unwrap();
    a.owner.act("contact.create", json!({ "first_name": "Late" })).await.data();
    assert_eq!(audit::seal(&t.app, a.org).await.unwrap(), 0, "nothing past the running transaction");
    early.commit().await.unwrap();
    seal_at_least(&t, a.org, 2).await;
    assert_eq!(audit::verify(&t.app, a.org).await.unwrap().faults, Vec::<String>::new());
    let left: i64 = t.count("select count(*) from audit_entries e where not exists (select from audit_seals s where s.org_id = e.org_id and s.entry_id = e.id)").await;
    assert_eq!(left, 0, "every entry is sealed, once");
}

/// An address that names no record is one that is not there, whatever is wrong with it; never the framework's own words.
#[tokio::test]
async fn a_malformed_address_gets_the_page_of_an_unknown_one() {
    let t = TestApp::new().await;
    let b = t.business("Crystal Clear").await;
    let unknown = uuid::Uuid::now_v7();
    let page = b.owner.get(&format!("/tickets/{unknown}")).await.expect(404).body;
    let words = page.split("<h1>").nth(1).and_then(|p| p.split("</p>").next()).unwrap().to_owned();
    let long = format!("/tickets/{}", "x".repeat(2000));
    for path in ["/tickets/abc", "/contacts/%00", "/contacts/%FF", "/tickets/1/closeout/what", "/history/tickets/x", long.as_str()] {
        let page = b.owner.get(path).await.expect(404).body;
        assert!(page.contains(&words), "{path}: {page}");
    }
    assert!(b.owner.post("/tickets/abc/clock-in", &[]).await.expect(404).body.contains(&words));
    // A query that can't be read gets a page, too.
    let odd = b.owner.get("/notices?state=open&state=resolved").await.expect(422).body;
    assert!(odd.contains("<h1>") && !odd.contains("deserialize"), "{odd}");
    t.nobody().get("/tickets/abc").await.expect(303);
}

/// What a program sends is taken whole or refused by its field; nothing it sends brings the server down.
#[tokio::test]
async fn input_that_does_not_fit_is_told_by_its_field() {
    let t = TestApp::new().await;
    let b = t.business("Crystal Clear").await;
    let contact = uuid::Uuid::now_v7();
    b.owner.act("contact.create", json!({ "id": contact, "first_name": "Edith" })).await.data();
    let again = b.owner.act("contact.create", json!({ "id": contact, "first_name": "Edith" })).await.expect(409).json();
    assert_eq!(again["error"]["code"], "CONFLICT");
    for (action, data, field) in [
        ("contact.update", json!({ "contact_id": contact, "fristname": "Ida" }), "fristname"),
        ("contact.update", json!({ "first_name": "Ida" }), "contact_id"),
        (
            "invoice.create",
            json!({ "contact_id": contact, "lines": [{ "description": "a", "quantity": "1", "unit_price": "1.00", "discuont": "1" }] }),
            "lines[0].discuont",
        ),
        ("note.create", json!({ "contact_id": contact, "body": "gate\u{0}4411" }), ""),
    ] {
        let refused = b.owner.act(action, data).await.expect(422).json();
        assert_eq!(refused["error"]["details"][0]["field"], field, "{refused}");
    }
    let asked = b.owner.get("/api/data?type=contacts&fields=last_nmae").await.expect(422).json();
    assert!(asked["error"]["message"].as_str().unwrap().contains("company"), "{asked}");
    b.owner.get("/contacts?search=a%00b").await.expect(422);
    b.owner.get("/invoices?search=%00").await.expect(422);
}

/// A stale version tells nobody what they may not see, and shows a record as its type shows it.
#[tokio::test]
async fn a_stale_version_shows_no_more_than_the_record_does() {
    let t = TestApp::new().await;
    let mut b = t.business("Crystal Clear").await;
    let agent = b.member(Role::Agent, "Nico").await;
    let contact = b.owner.act("contact.create", json!({ "first_name": "Edith" })).await.data()["id"].clone();
    let lines = json!([{ "description": "Windows", "quantity": "1", "unit_price": "109.00" }]);
    let invoice = b.owner.act("invoice.create", json!({ "contact_id": contact, "lines": lines })).await.data()["id"].clone();
    let old = || json!({ "if_version": 99 });
    for (action, data) in [
        ("contact.update", json!({ "contact_id": contact, "first_name": "Ida" })),
        ("invoice.update", json!({ "invoice_id": invoice, "lines": lines })),
    ] {
        agent.act_with(action, data.clone(), &[], old()).await.expect(404);
        let stale = b.owner.act_with(action, data, &[], old()).await.expect(409).json();
        assert!(stale["error"]["current"]["version"].is_number() && stale["error"]["current"].get("name_key").is_none(), "{stale}");
    }
    let stale = b.owner.act_with("invoice.update", json!({ "invoice_id": invoice, "lines": lines }), &[], old()).await.json();
    assert!(stale["error"]["current"]["total"].is_string(), "money is a decimal string: {stale}");
}
