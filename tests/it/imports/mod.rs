//! Real exports through pages and programs: every row accounted for, nothing twice, back to what was before.

mod lists;
mod quotes;

use app::jobs::drain;
use axum::{body::Body, http::Request};
use flows::imports::jobs;
use platform::ids::ImportId;
use serde_json::{Value, json};
use std::time::Instant;

use crate::support::{Actor, Answer, Business, TestApp};

const CUSTOMERS: &[u8] = include_bytes!("../../../testdata/square/customers.csv");
const CATALOGUE: &[u8] = include_bytes!("../../../testdata/square/catalogue.csv");
const TRANSACTIONS: &[u8] = include_bytes!("../../../testdata/square/transactions.csv");
const ITEMS: &[u8] = include_bytes!("../../../testdata/square/items.csv");
const APPOINTMENTS: &[u8] = include_bytes!("../../../testdata/square/appointments.csv");

/// Rows of a file and lines of it that are refused.
fn rows(bytes: &[u8]) -> i64 {
    i64::try_from(flows::imports::csv::read(bytes).unwrap().total()).unwrap()
}

/// Brings files as a browser does.
async fn upload(who: &Actor, files: &[(&str, &[u8])]) -> Answer {
    let mut body = Vec::new();
    for (name, bytes) in files {
        body.extend(
            format!("--XX\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{name}\"\r\ncontent-type: text/csv\r\n\r\n").bytes(),
        );
        body.extend(*bytes);
        body.extend(b"\r\n");
    }
    body.extend(b"--XX--\r\n");
    let request = Request::post("/imports")
        .header("content-type", "multipart/form-data; boundary=XX")
        .header("sec-fetch-site", "same-origin")
        .body(Body::from(body))
        .unwrap();
    who.send(request).await
}

async fn import(who: &Actor, id: &str) -> Value {
    who.data(&format!("type=imports&id={id}&include=undo_plan")).await.data()
}

/// Uploads, runs to the end, and gives the import back.
async fn bring(t: &TestApp, b: &Business<'_>, name: &str, bytes: &[u8]) -> Value {
    let answer = upload(&b.owner, &[(name, bytes)]).await.expect(303);
    let page = answer.location().to_owned();
    b.owner.get(&page).await.expect(200);
    // The birthdays of this file can be read in two ways.
    b.owner.post(&format!("{page}/run"), &[("date_birthday", "month_first")]).await.expect(303);
    drain(&t.app).await.unwrap();
    let import = import(&b.owner, page.rsplit('/').next().unwrap()).await;
    assert_eq!(import["state"], "done", "{name}: {import}");
    assert_eq!(import["rows_done"], import["rows_total"], "{name}");
    assert_eq!(import["rows_total"], json!(rows(bytes)), "{name}");
    import
}

fn count(import: &Value, outcome: &str) -> i64 {
    import[outcome].as_i64().unwrap()
}

async fn undo(t: &TestApp, b: &Business<'_>, import: &Value) {
    b.owner.post(&format!("/imports/{}/undo", import["id"].as_str().unwrap()), &[]).await.expect(303);
    drain(&t.app).await.unwrap();
}

/// How many rows each table of records holds.
async fn sums(t: &TestApp) -> Vec<(&'static str, i64)> {
    let mut out = Vec::new();
    for table in [
        "contacts",
        "contact_emails",
        "contact_phones",
        "addresses",
        "notes",
        "attributes",
        "consents",
        "contact_duplicates",
        "contact_search",
        "services",
        "tax_rates",
        "tickets",
        "ticket_lines",
        "assignments",
        "payments",
        "refunds",
        "import_keys",
        "import_rows",
        "messages",
    ] {
        out.push((table, t.count(Box::leak(format!("select count(*) from {table}").into_boxed_str())).await));
    }
    out
}

#[tokio::test]
async fn five_files_in_either_order_twice_and_back() {
    let t = TestApp::new().await;
    let mut b = t.business("Clear Panes").await;
    b.member(platform::role::Role::Staff, "Marcy").await;
    let before = sums(&t).await;
    let customers = bring(&t, &b, "export.csv", CUSTOMERS).await;
    assert!(count(&customers, "made") > 400, "{customers}");
    let catalogue = bring(&t, &b, "catalog.csv", CATALOGUE).await;
    assert_eq!(count(&catalogue, "made"), rows(CATALOGUE));
    assert!(t.count("select count(*) from services where kind = 'flexible'").await > 0);
    let transactions = bring(&t, &b, "transactions.csv", TRANSACTIONS).await;
    assert_eq!(count(&transactions, "made"), rows(TRANSACTIONS));
    let items = bring(&t, &b, "items.csv", ITEMS).await;
    assert_eq!(count(&items, "updated"), rows(ITEMS));
    let appointments = bring(&t, &b, "appointments.csv", APPOINTMENTS).await;
    assert!(count(&appointments, "updated") > 300 && count(&appointments, "refused") == 0, "{appointments}");
    let closed = t.count("select count(*) from tickets where state = 'closed'").await;
    assert!(closed >= rows(TRANSACTIONS));
    assert_eq!(t.count("select count(*) from tickets").await, rows(TRANSACTIONS) + count(&appointments, "made"));
    // One sale came to nothing after its discount: a visit without a payment.
    assert_eq!(t.count("select count(*) from payments where source = 'import'").await, rows(TRANSACTIONS) - 1);
    assert_eq!(t.count("select count(*) from ticket_lines where unit_price is not null").await, rows(ITEMS));
    assert_eq!(t.count("select count(*) from messages").await, 0, "an import writes to nobody");
    assert!(t.count("select count(*) from attributes where state = 'proposed' and source = 'import'").await > 100);
    assert!(t.count("select count(*) from contact_duplicates").await > 0, "twins are proposed");
    assert!(t.count("select count(*) from addresses where access_notes ilike '%gate%'").await > 0);
    assert!(t.count("select count(*) from consents").await > 0);
    assert_eq!(t.count("select max(number) - count(*) from tickets").await, 0, "numbers without gaps");
    // Again: nothing new.
    let full = sums(&t).await;
    let mut reclassified = None;
    for (name, bytes) in [("a.csv", APPOINTMENTS), ("i.csv", ITEMS), ("t.csv", TRANSACTIONS), ("k.csv", CATALOGUE), ("c.csv", CUSTOMERS)] {
        let uploaded = upload(&b.owner, &[(name, bytes)]).await.expect(303);
        assert!(b.owner.get(uploaded.location()).await.body.contains("imported before"), "{name}");
        let again = bring(&t, &b, name, bytes).await;
        // The catalogue now knows from the items which services are sold by count: those four become "per unit".
        let updated = if name == "k.csv" { 4 } else { 0 };
        assert_eq!((count(&again, "made"), count(&again, "updated")), (0, updated), "{name}: {again}");
        if name == "k.csv" {
            reclassified = Some(again);
        }
    }
    let again = sums(&t).await;
    for (a, b) in full.iter().zip(&again).filter(|(a, _)| a.0 != "import_rows") {
        assert_eq!(a, b);
    }
    // The first import is joined by later ones: only what is free goes, and it says so.
    assert!(customers["undo_plan"]["kept"].as_i64().unwrap() == 0);
    let plan = import(&b.owner, transactions["id"].as_str().unwrap()).await;
    assert_eq!(plan["undo_plan"]["tickets"], 0, "{plan}");
    let reclassified = reclassified.expect("the catalogue was brought again");
    for one in [&reclassified, &appointments, &items, &transactions, &catalogue, &customers] {
        undo(&t, &b, one).await;
        let after = import(&b.owner, one["id"].as_str().unwrap()).await;
        assert_eq!(after["state"], "undone", "{after}");
    }
    // The repeated runs made nothing; their account of skipped rows is theirs.
    let after = sums(&t).await;
    for (a, b) in before.iter().zip(&after).filter(|(a, _)| a.0 != "import_rows") {
        assert_eq!(a, b);
    }
}

/// What a history comes to: contacts, tickets, closed ones with a total, payments.
async fn history(t: &TestApp) -> [i64; 4] {
    [
        t.count("select count(*) from contacts").await,
        t.count("select count(*) from tickets").await,
        t.count("select count(*) from tickets where state = 'closed' and total > 0").await,
        t.count("select count(*) from payments").await,
    ]
}

#[tokio::test]
async fn the_order_of_files_makes_no_difference() {
    let mut sums = Vec::new();
    for order in ["cait", "acti", "aitc", "tiac"] {
        let t = TestApp::new().await;
        let b = t.business("Clear Panes").await;
        let mut brought = Vec::new();
        for file in order.chars() {
            let bytes = match file {
                'c' => CUSTOMERS,
                'a' => APPOINTMENTS,
                'i' => ITEMS,
                _ => TRANSACTIONS,
            };
            brought.push(bring(&t, &b, &format!("{file}.csv"), bytes).await);
        }
        sums.push(history(&t).await);
        if order == "acti" {
            // Taken back from the first on: each stays while a later one builds on it, and goes when that one has gone.
            for one in brought.iter().chain(brought.iter().rev()) {
                undo(&t, &b, one).await;
            }
            assert_eq!(history(&t).await, [0; 4]);
            assert_eq!(t.count("select count(*) from import_keys").await, 0);
        }
    }
    // Namesakes and people without a name are told apart by what the files before have said: a few stay open, and none is taken twice.
    for [contacts, tickets, paid, payments] in &sums {
        assert_eq!([*paid, *payments], [sums[0][2], sums[0][3]], "{sums:?}");
        assert!((contacts - sums[0][0]).abs() <= 5 && (tickets - sums[0][1]).abs() <= 12, "{sums:?}");
    }
}

#[tokio::test]
async fn people_of_the_calendar_are_the_customers_of_the_list() {
    let t = TestApp::new().await;
    let b = t.business("Clear Panes").await;
    let head = "Status,Created At,Address,Service,Start,End,Client Name,Client Email,Client Phone,Staff\n";
    let day = |n: u8| format!("03/{n:02}/2026 09:00am,03/{n:02}/2026 11:00am");
    let file = format!(
        "{head}accepted,,\"1 Elm St, Apt 4, Madison, AL 35758\",Windows,{},Ann Lee,ann@x.co,,\n\
         accepted,,\"1 Elm St, Apt 5, Madison, AL 35758\",Windows,{},Ann Lee,ann@x.co,,\n\
         accepted,,\"1 Elm St, Harvest 35749\",Windows,{},Ann Lee,ann@x.co,,\n\
         accepted,,\"7 Oak St, Madison, AL 35758\",Windows,{},Bob Fox,,,\n\
         accepted,,\"9 Ash St, Madison, AL 35758\",Windows,{},,,,\n\
         accepted,,\"7 Oak St, Madison, AL 35758\",Windows,03/13/2026 09:00am,03/29/2026 09:00am,Bob Fox,,,\n\
         accepted,,\"7 Oak St, Madison, AL 35758\",Windows,03/08/2026 02:30am,03/08/2026 03:15am,Bob Fox,,,\n",
        day(2),
        day(3),
        day(4),
        day(5),
        day(6)
    );
    let calendar = bring(&t, &b, "a.csv", file.as_bytes()).await;
    assert_eq!((count(&calendar, "made"), count(&calendar, "refused")), (5, 2), "two that no clock has room for: {calendar}");
    assert_eq!(t.count("select count(distinct address_id) from tickets").await, 5, "each at its own door");
    assert_eq!(t.count("select count(*) from contacts").await, 3);
    // The sale names nobody but an id; the calendar was there at that hour.
    let sales = "Date,Time,Gross Sales,Net Sales,Total Collected,Transaction ID,Event Type,Customer ID,Customer Name\n\
        2026-03-06,11:00:00,$50.00,$50.00,$50.00,T1,Payment,A3,\n2026-03-05,11:00:00,$80.00,$80.00,$80.00,T2,Payment,A2,Bob Fox\n";
    let sales = bring(&t, &b, "t.csv", sales.as_bytes()).await;
    assert_eq!((count(&sales, "updated"), t.count("select count(*) from contacts").await), (2, 3), "{sales}");
    let list = "Square Customer ID,First Name,Last Name,Email Address,Phone Number,Street Address 1,City,State,Postal Code\n\
        A1,Ann,Lee-Fox,ann@x.co,,,,,\nA2,Bob,Fox,bob@x.co,,7 Oak St,Madison,AL,35758\nA3,,,,,9 Ash St,Madison,AL,35758\n";
    let list = bring(&t, &b, "c.csv", list.as_bytes()).await;
    assert_eq!(count(&list, "made"), 0, "{list}");
    assert_eq!(t.count("select count(*) from contacts where source_key in ('A1', 'A2', 'A3')").await, 3);
    assert_eq!(t.count("select count(*) from addresses").await, 5, "no door twice");
    // Each builds on the one before: from the first on, nothing goes; from the last on, everything.
    undo(&t, &b, &calendar).await;
    let page = b.owner.get(&format!("/imports/{}", calendar["id"].as_str().unwrap())).await.body;
    assert!(page.contains("a later import completed it; take that one back first"), "{page}");
    for one in [&list, &sales, &calendar] {
        undo(&t, &b, one).await;
    }
    assert_eq!(history(&t).await, [0; 4]);
}

#[tokio::test]
async fn d1_ambiguous_dates_are_asked_about() {
    let t = TestApp::new().await;
    let b = t.business("Clear Panes").await;
    let file = b"Square Customer ID,First Name,Last Name,Email Address,Phone Number,First Visit\nA1,Ann,Lee,,,05/10/2024\nA2,Bob,Fox,,,07/08/2024\n";
    let page = upload(&b.owner, &[("c.csv", file)]).await.expect(303).location().to_owned();
    let shown = b.owner.get(&page).await.expect(200).body;
    assert!(shown.contains("5 October 2024") && shown.contains("10 May 2024"), "{shown}");
    let refused = b.owner.post(&format!("{page}/run"), &[]).await.expect(422);
    assert!(refused.body.contains("say how 05/10/2024"));
    b.owner.post(&format!("{page}/run"), &[("date_first_visit", "day_first")]).await.expect(303);
    drain(&t.app).await.unwrap();
    assert_eq!(t.count("select count(*) from contacts where customer_since in ('2024-10-05', '2024-08-07')").await, 2);
}

#[tokio::test]
async fn d2_nothing_is_dropped_without_a_reason() {
    let t = TestApp::new().await;
    let b = t.business("Clear Panes").await;
    let file = "\u{feff}Reference ID,First Name,Last Name,Email Address,Phone Number,Memo,Square Customer ID\n\
        =\"2\",Zoë,Holden,,'+12053643725,card 4111 1111 1111 1111 and gate code 4411,A1\n\
        ,,,,,,A2\n,=Evil,Name,nonsense,12,,\n";
    let import = bring(&t, &b, "c.csv", file.as_bytes()).await;
    assert_eq!((count(&import, "made"), count(&import, "refused")), (1, 2));
    let id = import["id"].as_str().unwrap();
    let csv = b.owner.get(&format!("/imports/{id}/refused.csv")).await.expect(200).body;
    assert!(csv.contains("no customer id") && csv.contains("nothing to know this customer by"), "{csv}");
    assert!(csv.contains("'=Evil"), "a formula is neutralised: {csv}");
    let page = b.owner.get(&format!("/imports/{id}?outcome=refused")).await.expect(200).body;
    assert!(page.contains("Line 3") && page.contains("Line 4") && !page.contains("Holden"));
    assert_eq!(t.count("select count(*) from files where position('4111' in convert_from(bytes, 'UTF8')) > 0").await, 0);
    assert_eq!(t.count("select count(*) from notes where body like '%[REDACTED]%'").await, 1);
    let answer = upload(&b.owner, &[("x.xlsx", b"PK\x03\x04zip")]).await.expect(422);
    assert!(answer.body.contains("not a CSV file"), "{}", answer.body);
    upload(&b.owner, &[]).await.expect(422);
}

#[tokio::test]
async fn people_s_changes_stay() {
    let t = TestApp::new().await;
    let b = t.business("Clear Panes").await;
    let head = "Square Customer ID,First Name,Last Name,Email Address,Phone Number,Memo\n";
    let first = bring(&t, &b, "c.csv", format!("{head}A1,Ann,Lee,ann@x.co,,\nA2,Bob,Fox,,,\n").as_bytes()).await;
    let ann = t.count("select count(*) from contacts").await;
    assert_eq!(ann, 2);
    let id: uuid::Uuid = sqlx::query_scalar("select id from contacts where first_name = 'Ann'").fetch_one(&t.admin).await.unwrap();
    let changed = b.owner.act("contact.update", json!({ "contact_id": id, "first_name": "Anna", "last_name": "Lee" })).await;
    changed.data();
    let second =
        bring(&t, &b, "c.csv", format!("{head}A1,Annie,Lee-Fox,ann@x.co,256-688-7695,Has a dog\nA2,Bob,Fox,,,\n").as_bytes()).await;
    assert_eq!((count(&second, "updated"), count(&second, "skipped")), (1, 1));
    let names = "select count(*) from contacts where first_name = 'Anna' and last_name = 'Lee-Fox'";
    assert_eq!(t.count(names).await, 1, "what a person changed stays, the rest follows the file");
    assert_eq!(t.count("select count(*) from contacts where name = 'Anna Lee-Fox'").await, 1, "and the name is made of both");
    undo(&t, &b, &second).await;
    assert_eq!(t.count("select count(*) from contacts where first_name = 'Anna' and last_name = 'Lee'").await, 1);
    assert_eq!(t.count("select count(*) from notes").await + t.count("select count(*) from contact_phones").await, 0);
    undo(&t, &b, &first).await;
    assert_eq!(t.count("select count(*) from contacts").await, 1, "a record that a person worked with stays");
    let page = b.owner.get(&format!("/imports/{}", first["id"].as_str().unwrap())).await.body;
    assert!(page.contains("Kept: worked with since"), "{page}");
}

#[tokio::test]
async fn a_later_export_corrects_and_an_older_one_undoes_nothing() {
    let t = TestApp::new().await;
    let b = t.business("Clear Panes").await;
    let head = "Square Customer ID,First Name,Last Name,Email Address,Phone Number,Street Address 1,Street Address 2,City,State,Postal Code,Memo,Email Subscription Status\n";
    let first = format!("{head}A1,Ann,Lee,ann@x.co,,1 Elm St,Apt 4,Madison,AL,35785,Has a dog,subscribed\n");
    let second = format!("{head}A1,Ann,Lee,ann@x.co,,1 Elm St,Apt 4,Madison,AL,35758,Has two dogs,unsubscribed\n");
    bring(&t, &b, "1.csv", first.as_bytes()).await;
    let later = bring(&t, &b, "2.csv", second.as_bytes()).await;
    assert_eq!(count(&later, "updated"), 1);
    assert_eq!(
        (t.count("select count(*) from addresses").await, t.count("select count(*) from addresses where postal_code = '35758'").await),
        (1, 1)
    );
    let again = bring(&t, &b, "1.csv", first.as_bytes()).await;
    assert_eq!(t.count("select count(*) from notes").await, 2, "each memo once: {again}");
    assert_eq!(t.count("select count(*) from contacts where email_consent").await, 0, "who has unsubscribed stays so");
    undo(&t, &b, &again).await;
    undo(&t, &b, &later).await;
    assert_eq!(t.count("select count(*) from addresses where postal_code = '35785'").await, 1);
    // What a person has changed is not followed: the file's address stands beside it.
    let id: uuid::Uuid = sqlx::query_scalar("select id from addresses").fetch_one(&t.admin).await.unwrap();
    b.owner.act("address.update", json!({ "address_id": id, "street": "2 Oak St", "city": "Madison" })).await.data();
    bring(&t, &b, "1.csv", first.as_bytes()).await;
    assert_eq!(t.count("select count(*) from addresses").await, 1, "the same file says nothing new");
    bring(&t, &b, "2.csv", second.as_bytes()).await;
    assert_eq!(t.count("select count(*) from addresses").await, 2);
}

#[tokio::test]
async fn d2_one_bad_row_does_not_stop_the_others() {
    let t = TestApp::new().await;
    let b = t.business("Clear Panes").await;
    let items = "Date,Time,Item,Qty,Gross Sales,Net Sales,Tax,Transaction ID,Customer ID,Customer Name\r\
        2026-05-19,10:00:00,Windows,999999999,$10.00,$10.00,,T1,A1,Ann Lee\r\
        2026-05-19,10:00:00,Windows,1,$10.00,\"$99,999,999,999\",,T2,A1,Ann Lee\r\
        2026-05-20,10:00:00,Windows,0.0000001,\"$9,999,999.00\",$10.00,,T3,A1,Ann Lee\r\
        2026-05-21,10:00:00,Windows,2,$10.00,$10.00,,T4,A1,Ann Lee\r";
    let import = bring(&t, &b, "i.csv", items.as_bytes()).await;
    assert_eq!((count(&import, "made"), count(&import, "refused")), (1, 3), "{import}");
    let page = b.owner.get(&format!("/imports/{}?outcome=refused", import["id"].as_str().unwrap())).await.body;
    assert!(page.contains("Line 4") && page.contains("A number in it is larger than can be kept."), "{page}");
    let catalogue = "Token,Item Name,Price\nK1,Windows,$99.00\nK1,Screens,$5.00\nK2,Skylight,99999999999999\n";
    let import = bring(&t, &b, "k.csv", catalogue.as_bytes()).await;
    assert_eq!((count(&import, "made"), count(&import, "refused")), (1, 2), "{import}");
    // What stops altogether is put before the owner until it is run again.
    let page = upload(&b.owner, &[("c.csv", CUSTOMERS)]).await.expect(303).location().to_owned();
    b.owner.post(&format!("{page}/run"), &[("date_birthday", "month_first")]).await.expect(303);
    sqlx::query("update files set bytes = 'x' where name = 'c.csv'").execute(&t.admin).await.unwrap();
    drain(&t.app).await.unwrap();
    let home = b.owner.get("/").await.body;
    assert!(home.contains("The import of c.csv stopped") && home.contains(&page), "{home}");
    sqlx::query("update files set bytes = $1 where name = 'c.csv'").bind(CUSTOMERS).execute(&t.admin).await.unwrap();
    b.owner.post(&format!("{page}/run"), &[("date_birthday", "month_first")]).await.expect(303);
    assert!(!b.owner.get("/").await.body.contains("The import of c.csv stopped"));
    // A good file beside a bad one is kept, and the page says so; an empty one is not passed over.
    let page = upload(&b.owner, &[("good.csv", catalogue.as_bytes()), ("empty.csv", b"")]).await.expect(422).body;
    assert!(
        page.contains("One file was read") && page.contains("empty.csv: The file is empty") && !page.contains("Nothing was saved"),
        "{page}"
    );
}

#[tokio::test]
async fn d3_a_killed_import_shows_as_running_and_goes_on() {
    let t = TestApp::new().await;
    let b = t.business("Clear Panes").await;
    let page = upload(&b.owner, &[("c.csv", CUSTOMERS)]).await.expect(303).location().to_owned();
    b.owner.post(&format!("{page}/run"), &[("date_birthday", "month_first")]).await.expect(303);
    let shown = b.owner.get(&page).await;
    assert!(shown.body.contains("Waiting") && shown.headers.contains_key("refresh"), "{}", shown.body);
    let id: ImportId = page.rsplit('/').next().unwrap().parse().unwrap();
    // Killed in the middle of a portion: aborted as soon as the first one has been committed.
    let (app, org) = (t.app.clone(), b.org);
    let worker = tokio::spawn(async move { jobs::run(&app, org, id).await });
    while t.count("select count(*) from import_rows").await == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    worker.abort();
    let _ = worker.await;
    let state = import(&b.owner, &id.to_string()).await;
    assert_ne!(state["state"], "done");
    assert_eq!(state["rows_done"].as_i64().unwrap(), t.count("select count(*) from import_rows").await);
    drain(&t.app).await.unwrap();
    let state = import(&b.owner, &id.to_string()).await;
    assert_eq!((state["state"].as_str(), &state["rows_done"]), (Some("done"), &state["rows_total"]));
    assert_eq!(t.count("select count(*) from contacts").await, count(&state, "made"), "nothing twice");
}

const REFUNDS: &[u8] = include_bytes!("../../../testdata/square/faults/refunds-transactions.csv");
const TAKEN_BACK: &[u8] = include_bytes!("../../../testdata/square/faults/refunds-items.csv");
const COMING: &[u8] = include_bytes!("../../../testdata/square/faults/coming.csv");

#[tokio::test]
async fn refunds_come_with_their_payments() {
    let t = TestApp::new().await;
    let b = t.business("Clear Panes").await;
    let before = sums(&t).await;
    // The files list the newest first: what was taken back stands above what was sold.
    let items = bring(&t, &b, "items.csv", TAKEN_BACK).await;
    assert_eq!((count(&items, "made"), count(&items, "skipped")), (3, 2), "{items}");
    let sold = "select count(*) from tickets where starts_at::date = '2026-05-19' and state = 'closed'";
    assert_eq!(t.count(sold).await, 2, "the visit is when it was sold");
    let sales = bring(&t, &b, "transactions.csv", REFUNDS).await;
    // Three sales and four refunds; the fifth is of a payment that no file tells of.
    assert_eq!((count(&sales, "made"), count(&sales, "updated"), count(&sales, "skipped")), (5, 2, 1), "{sales}");
    let refunded = |payment: &str, state: &str, amount: &str| {
        format!("select count(*) from payments where reference = '{payment}' and state = '{state}' and refunded = {amount}")
    };
    for (payment, state, amount) in [("PAY1", "succeeded", "80"), ("PAY2", "refunded", "90"), ("PAY5", "succeeded", "10")] {
        assert_eq!(t.count(Box::leak(refunded(payment, state, amount).into_boxed_str())).await, 1, "{payment}");
    }
    assert_eq!(t.count("select count(*) from refunds").await, 4);
    assert_eq!(t.count("select count(*) from refunds where reason = 'Streaks on two windows' and amount = 60").await, 1);
    assert_eq!(t.count("select count(*) from tickets").await, 3, "a refund is no visit");
    let again = bring(&t, &b, "t.csv", REFUNDS).await;
    assert_eq!((count(&again, "made"), count(&again, "updated")), (0, 0), "{again}");
    for one in [&sales, &items] {
        undo(&t, &b, one).await;
    }
    let after = sums(&t).await;
    for (a, b) in before.iter().zip(&after).filter(|(a, _)| a.0 != "import_rows") {
        assert_eq!(a, b);
    }
}

#[tokio::test]
async fn coming_appointments_are_scheduled_and_nobody_is_written_to() {
    let t = TestApp::new().await;
    let mut b = t.business("Clear Panes").await;
    b.member(platform::role::Role::Staff, "Marcy").await;
    let import = bring(&t, &b, "coming.csv", COMING).await;
    assert_eq!(count(&import, "made"), 5, "{import}");
    assert_eq!(t.count("select count(*) from tickets where state = 'scheduled'").await, 3);
    assert_eq!(
        t.count("select count(*) from tickets where state = 'scheduled' and instructions like '%Not accepted in Square yet%'").await,
        1
    );
    assert_eq!(t.count("select count(*) from tickets where state = 'scheduled' and instructions like '%Dog in the yard%'").await, 1);
    assert_eq!(t.count("select count(*) from tickets where state = 'cancelled' and cancel_reason = 'Cancelled by the customer'").await, 1);
    // Two of the same morning overlap: they are taken as they are, and the calendar shows it.
    assert_eq!(t.count("select count(*) from assignments where is_open").await, 3);
    assert_eq!(t.count("select count(*) from assignments where is_override").await, 1);
    t.advance(chrono::Duration::days(1));
    drain(&t.app).await.unwrap();
    assert_eq!(t.count("select count(*) from messages").await, 0, "nobody is written to");
    // A later export: the morning was held, the pending one declined.
    t.advance(chrono::Duration::days(2));
    let later = String::from_utf8_lossy(COMING).replace("pending", "declined");
    let again = bring(&t, &b, "later.csv", later.as_bytes()).await;
    assert_eq!((count(&again, "made"), count(&again, "updated"), count(&again, "skipped")), (0, 3, 2), "{again}");
    assert_eq!(t.count("select count(*) from tickets where state = 'closed'").await, 3);
    assert_eq!(t.count("select count(*) from messages").await, 0);
}

#[tokio::test]
async fn columns_are_corrected_on_the_preview() {
    let t = TestApp::new().await;
    let b = t.business("Clear Panes").await;
    // A list somebody has put together: nearly known, two columns under other names, two ways to write dates.
    let file = "Client,Email,Mobile,Ring at,Town,First Visit,Last Visit,Remarks\n\
        Ann Lee,ann@x.co,256 688 7695,256 555 0101,Huntsville,05/10/2024,07/08/2025,Has a dog\n\
        Bob Fox,,256 555 0102,,Madison,04/03/2024,06/05/2025,\n";
    let page = upload(&b.owner, &[("list.csv", file.as_bytes())]).await.expect(303).location().to_owned();
    let shown = b.owner.get(&page).await.expect(200).body;
    assert!(shown.contains("Columns: 5 of 8 recognised") && shown.contains("Such as: Has a dog"), "{shown}");
    assert!(shown.contains("date_first_visit") && shown.contains("date_last_visit"), "one question a column");
    let columns = [
        ("kind", "square_customers"),
        ("column_0", "Full Name"),
        ("column_1", "Email Address"),
        ("column_2", ""),
        ("column_3", "Phone Number"),
        ("column_4", "City"),
        ("column_5", "First Visit"),
        ("column_6", "Last Visit"),
        ("column_7", "Memo"),
    ];
    // Running with columns that were changed and not looked at is refused, and keeps what was chosen.
    let refused = b.owner.post(&format!("{page}/run"), &columns).await.expect(422);
    assert!(refused.body.contains("You changed columns") && refused.body.contains("<option value=\"Memo\" selected>"), "{}", refused.body);
    let mut twice = columns;
    twice[7].1 = "First Visit";
    let refused = b.owner.post(&format!("{page}/columns"), &twice).await.expect(422);
    assert!(refused.body.contains("“First Visit” and “Last Visit” can’t both be “First Visit”."), "{}", refused.body);
    b.owner.post(&format!("{page}/columns"), &columns).await.expect(303);
    let shown = b.owner.get(&page).await.expect(200).body;
    assert!(shown.contains("Columns: 7 of 8 recognised") && shown.contains("Ann Lee") && shown.contains("256 555 0101"), "{shown}");
    let dates = [("date_first_visit", "day_first"), ("date_last_visit", "month_first")];
    let refused = b.owner.post(&format!("{page}/run"), &[&columns[..], &dates[..1]].concat()).await.expect(422);
    assert!(refused.body.contains("Last Visit: say how"), "{}", refused.body);
    b.owner.post(&format!("{page}/run"), &[&columns[..], &dates[..]].concat()).await.expect(303);
    drain(&t.app).await.unwrap();
    assert_eq!(
        t.count("select count(*) from contacts where first_name = 'Ann' and last_name = 'Lee' and customer_since = '2024-10-05'").await,
        1
    );
    assert_eq!(t.count("select count(*) from contact_phones where match_key = '+12565550101'").await, 1, "as mapped");
    assert_eq!(t.count("select count(*) from contact_phones").await, 1, "and what was left out stays out");
    assert_eq!(t.count("select count(*) from notes where body = 'Has a dog'").await, 1);
    // The mapping belongs to the import: it can't be changed once it ran; the same list again makes nothing twice.
    b.owner.post(&format!("{page}/columns"), &columns).await.expect(409);
    let again = b.owner.act("import.preview", json!({ "file_name": "list.csv", "content": file })).await.data();
    let chosen: Vec<Value> = columns[1..]
        .iter()
        .filter(|c| !c.1.is_empty())
        .map(|c| json!({ "column": c.0.trim_start_matches("column_").parse::<usize>().unwrap(), "field": c.1 }))
        .collect();
    b.owner.act("import.map", json!({ "import_id": again["id"], "columns": chosen })).await.data();
    let answers = json!({ "First Visit": "day_first", "Last Visit": "month_first" });
    b.owner.act("import.run", json!({ "import_id": again["id"], "date_orders": answers })).await.data();
    drain(&t.app).await.unwrap();
    let again = import(&b.owner, again["id"].as_str().unwrap()).await;
    assert_eq!((count(&again, "made"), count(&again, "skipped")), (0, 2), "{again}");
    // What the file is can be corrected too; what is needed and not there is asked for, and running refused until then.
    let file = "Date,Time,Total Collected,Event\n2026-05-19,10:00:00,$10.00,X1\n";
    let made = b.owner.act("import.preview", json!({ "file_name": "t.csv", "content": file })).await.data();
    assert_eq!((made["kind"].as_str(), &made["missing"]), (Some("square_transactions"), &json!(["Transaction ID"])), "{made}");
    let refused = b.owner.act("import.run", json!({ "import_id": made["id"] })).await.expect(422);
    assert!(refused.body.contains("Say which column holds: Transaction ID."), "{}", refused.body);
    let other = b.owner.act("import.map", json!({ "import_id": made["id"], "kind": "square_items" })).await.data();
    assert_eq!(other["missing"], json!(["Item", "Transaction ID"]));
}

#[tokio::test]
async fn fifteen_thousand_customers() {
    let t = TestApp::new().await;
    let b = t.business("Clear Panes").await;
    let text = String::from_utf8_lossy(CUSTOMERS).trim_start_matches('\u{feff}').to_owned();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let headers = reader.headers().unwrap().clone();
    let all: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let key = headers.iter().position(|h| h == "Square Customer ID").unwrap();
    let street = headers.iter().position(|h| h == "Street Address 1").unwrap();
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record(&headers).unwrap();
    for n in 0..15_000 {
        let row = all[n % all.len()].iter().enumerate().map(|(i, cell)| match i {
            i if i == key => format!("{cell}{n}"),
            i if i == street && !cell.is_empty() => format!("{n} {cell}"),
            _ => cell.to_owned(),
        });
        out.write_record(row).unwrap();
    }
    let started = Instant::now();
    let import = bring(&t, &b, "many.csv", &out.into_inner().unwrap()).await;
    println!("15,000 customers in {:?}", started.elapsed());
    assert_eq!(import["rows_done"], 15_000);
}

#[tokio::test]
async fn programs_import_too() {
    let t = TestApp::new().await;
    let mut b = t.business("Clear Panes").await;
    let staff = b.member(platform::role::Role::Staff, "Marcy").await;
    let text = String::from_utf8_lossy(CUSTOMERS).into_owned();
    let made = b.owner.act("import.preview", json!({ "file_name": "c.csv", "content": text, "kind": "square_customers" })).await.data();
    let wrong = b.owner.act("import.preview", json!({ "file_name": "c.csv", "content": text, "kind": "square_items" })).await;
    assert_eq!(wrong.status.as_u16(), 422);
    b.owner.act("import.run", json!({ "import_id": made["id"], "date_order": "month_first" })).await.data();
    drain(&t.app).await.unwrap();
    let import = b.owner.data(&format!("type=imports&id={}&include=rows&outcome=made", made["id"].as_str().unwrap())).await.data();
    assert!(import["rows"].as_array().unwrap().len() > 400);
    assert_eq!(import["allowed_actions"], json!(["import.undo"]));
    staff.act("import.undo", json!({ "import_id": made["id"] })).await.expect(403);
    b.owner.act("import.undo", json!({ "import_id": made["id"] })).await.data();
    drain(&t.app).await.unwrap();
    assert_eq!(t.count("select count(*) from contacts").await, 0);
}
