//! The functions of the database, a file each: what a file holds, which text wins, and what is made anew.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use app::schema::{FUNCTIONS, SCHEMA};
use platform::functions::{BEFORE, Function, apply, are_applied};
use platform::migrate::migrate;
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool};

use crate::support::{TestApp, admin_url};

/// What tables need to be made or to hold a row, which therefore stays in the versioned migrations.
const TABLES_NEED: [&str; 11] =
    ["org", "actor", "now", "tenant_table", "isolate", "refers", "let_lookup", "audited", "touch", "audit", "audit_new"];

/// The superuser as the role that migrates.
async fn owner(t: &TestApp) -> PgConnection {
    let mut db = PgConnection::connect(&t.url("")).await.unwrap();
    sqlx::raw_sql("set role rounds_owner").execute(&mut db).await.unwrap();
    db
}

/// Every function of the schema: its text with owner and grants.
async fn defined(pool: &PgPool) -> BTreeMap<String, (String, String, String)> {
    let all: Vec<(String, String, String, String)> = sqlx::query_as(
        "select p.proname::text, pg_get_functiondef(p.oid), p.proowner::regrole::text, coalesce(p.proacl::text, '')
           from pg_proc p where p.pronamespace = 'app'::regnamespace",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    let count = all.len();
    let by_name: BTreeMap<_, _> = all.into_iter().map(|(name, text, owner, grants)| (name, (text, owner, grants))).collect();
    assert_eq!(by_name.len(), count, "a function of other arguments has another name");
    by_name
}

fn files() -> Vec<(bool, String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/functions");
    let mut all = Vec::new();
    for (across, folder) in [(false, root.clone()), (true, root.join("across"))] {
        for entry in std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).filter(|p| p.extension().is_some_and(|e| e == "sql")) {
            let stem = entry.file_stem().unwrap().to_str().unwrap().to_owned();
            all.push((across, stem, std::fs::read_to_string(entry).unwrap()));
        }
    }
    all
}

/// What is wrong with a function's file.
fn faults(across: bool, stem: &str, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let mut must = |holds: bool, what: &str| {
        if !holds {
            faults.push(format!("{stem}: {what}"));
        }
    };
    let name = text.split("create or replace function app.").nth(1).and_then(|rest| rest.split('(').next()).unwrap_or_default();
    must(text.matches("create or replace function ").count() == 1 && !name.is_empty(), "holds one function");
    must(stem.ends_with(&format!("_{name}")) && stem.len() > name.len() + 1, "is named <slice>_<function>");
    must(text.starts_with("-- ") && !text.starts_with("-- version:"), "says first why it is there");
    let owner = if across { "rounds_lookup" } else { "rounds_owner" };
    must(text.contains(&format!("\nalter function app.{name} owner to {owner};\n")), "names its owner");
    must(text.contains(&format!("\nrevoke all on function app.{name} from public;\n")), "takes back what everybody may");
    let is_trigger = text.contains(" returns trigger\n");
    must(
        is_trigger != text.contains(&format!("\ngrant execute on function app.{name} to rounds_app")),
        "says who may use it (a trigger's function: nobody)",
    );
    must(across == text.contains(" security definer"), "lies in across/ if it looks across businesses, and only then");
    // A function with a setting of its own is never inlined; one that names no table may do without.
    let body = text.split("$$").nth(1).unwrap_or_default();
    let may_be_inlined = text.contains("\n-- no search_path: ") && text.contains("\nlanguage sql ") && !body.contains(" from ");
    must(text.contains("\nset search_path = public, pg_temp") || may_be_inlined, "sets search_path, or says why not and names no table");
    let statements =
        text.lines().filter(|l| ["create ", "alter ", "revoke ", "grant ", "drop ", "insert ", "select "].iter().any(|s| l.starts_with(s)));
    must(statements.count() == if is_trigger { 3 } else { 4 }, "holds the function, its owner and its grants, nothing else");
    faults
}

#[tokio::test]
async fn every_function_has_a_file_of_its_own() {
    let files = files();
    let found: Vec<String> = files.iter().flat_map(|(across, stem, text)| faults(*across, stem, text)).collect();
    assert_eq!(found, Vec::<String>::new());
    assert_eq!(files.len(), FUNCTIONS.len(), "the build takes every file");

    // The guard itself.
    let (_, _, fold) = files.iter().find(|(_, stem, _)| stem == "contacts_fold").unwrap();
    for (planted, what) in [
        (fold.replace("\nset search_path = public, pg_temp", ""), "search_path"),
        (fold.replace("owner to rounds_owner", "owner to postgres"), "owner"),
        (fold.replace("revoke all", "revoke execute"), "everybody"),
        (fold.replace("grant execute", "grant all"), "who may use it"),
        (fold.replace("language plpgsql", "language plpgsql security definer"), "across/"),
        (fold.replace("app.fold", "app.bend"), "is named"),
        (format!("{fold}\ncreate or replace function app.other() returns int language sql as 'select 1';\n"), "one function"),
        (format!("{fold}select 1;\n"), "nothing else"),
        (fold.split_once("-- version").map(|(_, rest)| format!("-- version{rest}")).unwrap(), "why it is there"),
    ] {
        let found = faults(false, "contacts_fold", &planted);
        assert!(found.iter().any(|fault| fault.contains(what)), "{what}: {found:?}");
    }

    let t = TestApp::new().await;
    let there: BTreeSet<String> = defined(&t.admin).await.into_keys().collect();
    let expected: BTreeSet<String> = FUNCTIONS.iter().map(|f| f.name).chain(TABLES_NEED).map(str::to_owned).collect();
    assert_eq!(expected.len(), FUNCTIONS.len() + TABLES_NEED.len(), "a function is either in a file or needed by tables");
    assert_eq!(there, expected, "every function is in a file, or on the short list of those that tables need");

    // Applied unchecked, so that order does not matter; now that all are there, every body holds.
    let mut db = owner(&t).await;
    let mut tx = db.begin().await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(format!("{BEFORE}; set local check_function_bodies = on"))).execute(&mut *tx).await.unwrap();
    for function in FUNCTIONS {
        sqlx::raw_sql(function.text).execute(&mut *tx).await.unwrap_or_else(|e| panic!("app.{}: {e}", function.name));
    }
}

/// Those who ran every migration with its own copies of the functions end with the same functions as those who begin today.
#[tokio::test]
async fn a_database_of_before_ends_with_the_same_functions() {
    let t = TestApp::new().await;
    let before = std::env::temp_dir().join(format!("rounds-before-{}", t.database));
    std::fs::create_dir_all(&before).unwrap();
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations")).unwrap().map(|e| e.unwrap().path()) {
        let name = entry.file_name().unwrap().to_str().unwrap().to_owned();
        if entry.is_file() && name.as_str() < "20261121070000" {
            std::fs::copy(&entry, before.join(name)).unwrap();
        }
    }
    let migrator = sqlx::migrate::Migrator::new(before.as_path()).await.unwrap();
    std::fs::remove_dir_all(&before).unwrap();

    let database = format!("{}_old", t.database);
    let mut admin = PgConnection::connect(&admin_url()).await.unwrap();
    for statement in [format!("create database {database}"), format!("grant create, connect on database {database} to rounds_owner")] {
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut admin).await.unwrap();
    }
    let url = t.url("").replace(&t.database, &database);
    let mut db = PgConnection::connect(&url).await.unwrap();
    sqlx::raw_sql("alter schema public owner to rounds_owner; set role rounds_owner").execute(&mut db).await.unwrap();
    migrator.run(&mut db).await.unwrap();
    db.close().await.unwrap();

    let pool = PgPool::connect(&url).await.unwrap();
    let (fresh, old) = (defined(&t.admin).await, defined(&pool).await);
    assert!(old["index_contacts"].0.contains("LANGUAGE sql"), "as the last migration of before left it");
    assert_ne!(fresh, old);
    assert!(!SCHEMA.is_current(&pool).await.unwrap());
    migrate(SCHEMA, &url, None).await.unwrap();
    assert_eq!(fresh, defined(&pool).await);
    assert!(SCHEMA.is_current(&pool).await.unwrap());
    migrate(SCHEMA, &url, None).await.unwrap();
    assert_eq!(fresh, defined(&pool).await, "a second time changes nothing");
    let queued: i64 = sqlx::query_scalar("select count(*) from graphile_worker._private_jobs").fetch_one(&pool).await.unwrap();
    assert_eq!(queued, 0, "nothing stored has to be made anew");
    pool.close().await;
}

const PROBE: Function = Function {
    name: "probe",
    version: 1,
    renews: None,
    text: "create or replace function app.probe() returns int language sql as 'select 1'",
};
const PROBE_2: Function =
    Function { version: 2, text: "create or replace function app.probe() returns int language sql as 'select 2'", ..PROBE };

async fn probe(t: &TestApp) -> i32 {
    sqlx::query_scalar("select app.probe()").fetch_one(&t.admin).await.unwrap()
}

#[tokio::test]
async fn a_changed_text_is_applied_again_and_an_unchanged_one_is_not() {
    let t = TestApp::new().await;
    let mut db = owner(&t).await;
    assert_eq!(apply(&mut db, FUNCTIONS).await.unwrap(), Vec::<&str>::new(), "the migration applied them");
    assert_eq!(apply(&mut db, &[PROBE]).await.unwrap(), ["probe"]);
    let row = || sqlx::query_scalar::<_, String>("select xmin::text from pg_proc where proname = 'probe'").fetch_one(&t.admin);
    let written = row().await.unwrap();
    assert_eq!(apply(&mut db, &[PROBE]).await.unwrap(), Vec::<&str>::new());
    assert_eq!(row().await.unwrap(), written, "an unchanged text does not touch the database");
    assert_eq!(apply(&mut db, &[PROBE_2]).await.unwrap(), ["probe"]);
    assert_eq!(probe(&t).await, 2);

    // A changed text that kept its number is refused, and nothing of that set is applied.
    let other = Function { name: "other", text: "create or replace function app.other() returns int language sql as 'select 1'", ..PROBE };
    let forgotten = Function { version: 2, text: "create or replace function app.probe() returns int language sql as 'select 3'", ..PROBE };
    let refused = apply(&mut db, &[other, forgotten]).await.unwrap_err();
    assert!(format!("{refused:?}").contains("takes the next number"), "{refused:?}");
    assert_eq!(probe(&t).await, 2);
    assert!(!defined(&t.admin).await.contains_key("other"));

    // One that cannot be applied takes the whole set back.
    let broken = Function { name: "broken", text: "create or replace function app.broken( nonsense", ..PROBE };
    apply(&mut db, &[other, broken]).await.unwrap_err();
    assert!(!defined(&t.admin).await.contains_key("other"));
    let open: bool = sqlx::query_scalar("select has_schema_privilege('rounds_lookup', 'app', 'create')").fetch_one(&t.admin).await.unwrap();
    assert!(!open, "rounds_lookup creates nothing outside of it");
}

#[tokio::test]
async fn an_older_set_leaves_newer_text_alone() {
    let t = TestApp::new().await;
    let mut db = owner(&t).await;
    apply(&mut db, &[PROBE_2]).await.unwrap();
    assert_eq!(apply(&mut db, &[PROBE]).await.unwrap(), Vec::<&str>::new());
    assert_eq!(probe(&t).await, 2);
    assert!(are_applied(&t.app.pool, &[PROBE]).await.unwrap(), "the older one serves beside it");
    assert!(!are_applied(&t.app.pool, &[Function { version: 3, ..PROBE_2 }]).await.unwrap());
}

/// A database that lacks a function's text is behind, as one that lacks a migration is.
#[tokio::test]
async fn a_function_that_is_not_applied_keeps_from_serving() {
    let t = TestApp::new().await;
    assert!(SCHEMA.is_current(&t.app.pool).await.unwrap());
    t.nobody().get("/readyz").await.expect(200);
    sqlx::query("update app.functions set name = 'gone' where name = 'fold'").execute(&t.admin).await.unwrap();
    assert!(!SCHEMA.is_current(&t.app.pool).await.unwrap());
    let answer = t.nobody().get("/readyz").await.expect(503);
    assert!(answer.body.contains("database ok\nmigrations failing"), "{}", answer.body);
    migrate(SCHEMA, &t.url(""), None).await.unwrap();
    t.nobody().get("/readyz").await.expect(200);
}

/// Plans of the statement inside `app.index_contacts` that a connection keeps after ten calls. A plan made for one call is not kept.
async fn plans_kept(t: &TestApp, org: uuid::Uuid, contact: uuid::Uuid) -> i64 {
    let mut db = PgConnection::connect(&t.url("")).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(format!("set role rounds_app; set app.org_id = '{org}'"))).execute(&mut db).await.unwrap();
    for _ in 0..10 {
        sqlx::query("select app.index_contacts(array[$1])").bind(contact).execute(&mut db).await.unwrap();
    }
    sqlx::raw_sql("reset role").execute(&mut db).await.unwrap();
    // The statement is bound, or this query's own plan would be counted.
    let kept = "select count(*) from pg_backend_memory_contexts where name = 'CachedPlan' and ident like $1";
    sqlx::query_scalar(kept).bind("%insert into contact_search%").fetch_one(&mut db).await.unwrap()
}

/// Written with every note and every close-out: planning the search entry costs more than writing it.
#[tokio::test]
async fn the_search_entry_is_planned_once() {
    let t = TestApp::new().await;
    let a = t.business("Crystal Clear").await;
    let made = a.owner.act("contact.create", json!({ "first_name": "Jane", "last_name": "Smith" })).await.data();
    let contact: uuid::Uuid = made["id"].as_str().unwrap().parse().unwrap();
    let address =
        json!({ "contact_id": contact, "street": "100 Governors Dr SW", "city": "Huntsville", "region": "AL", "postal_code": "35801" });
    a.owner.act("address.create", address).await.expect(200);
    assert_eq!(plans_kept(&t, a.org.0, contact).await, 1);
    let doc: String = sqlx::query_scalar("select doc from contact_search").fetch_one(&t.admin).await.unwrap();
    assert!(doc.contains("100 governors dr sw drive southwest"), "streets are found however they are spelt: {doc}");

    // The guard itself: as an SQL function it is planned at every call (Postgres 18 keeps such plans as well).
    let version: i32 = sqlx::query_scalar("select current_setting('server_version_num')::int").fetch_one(&t.admin).await.unwrap();
    if version < 180_000 {
        let index = FUNCTIONS.iter().find(|f| f.name == "index_contacts").unwrap().text;
        let planted = index.replace("language plpgsql", "language sql").replace("\nbegin\n", "\n").replace("\nend\n$$", "\n$$");
        sqlx::raw_sql(AssertSqlSafe(planted)).execute(&t.admin).await.unwrap();
        assert_eq!(plans_kept(&t, a.org.0, contact).await, 0);
    }
}

/// What contacts are found by is stored: it follows a changed function, business by business, in steps.
#[tokio::test]
async fn what_was_made_with_a_changed_function_is_made_anew() {
    let t = TestApp::new().await;
    let (a, b) = (t.business("Crystal Clear").await, t.business("Blue Skies").await);
    for (business, count) in [(&a, 1200), (&b, 3)] {
        sqlx::query("insert into contacts (id, org_id, first_name, name) select gen_random_uuid(), $1, 'Zoé', 'Zoé ' || i from generate_series(1, $2) i")
            .bind(business.org.0)
            .bind(count)
            .execute(&t.admin)
            .await
            .unwrap();
    }
    let fold = FUNCTIONS.iter().find(|f| f.name == "fold").unwrap();
    let text: &'static str = fold.text.replace("return replace(", "return 'folded anew ' || replace(").leak();
    let mut db = owner(&t).await;
    assert_eq!(apply(&mut db, &[Function { version: fold.version + 1, text, ..*fold }]).await.unwrap(), ["fold"]);
    assert_eq!(t.count("select count(*) from graphile_worker._private_jobs").await, 1, "queued with it");
    app::jobs::drain(&t.app).await.unwrap();
    assert_eq!(
        t.count("select count(*) from contact_search where doc like 'folded anew zoe%' and names like ' folded anew %'").await,
        1203
    );
    assert_eq!(t.count("select count(*) from contacts").await, 1203);
}
