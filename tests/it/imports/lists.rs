//! Lists of people from anywhere: columns of any name, our own export, people who share a phone, files of any size.

use super::*;

/// Uploads a list and runs it with these columns.
async fn bring_mapped(t: &TestApp, b: &Business<'_>, file: &str, columns: &[(usize, &str)]) -> Value {
    let made = b.owner.act("import.preview", json!({ "file_name": "list.csv", "content": file })).await.data();
    let columns: Vec<Value> = columns.iter().map(|(column, field)| json!({ "column": column, "field": field })).collect();
    b.owner.act("import.map", json!({ "import_id": made["id"], "kind": "square_customers", "columns": columns })).await.data();
    b.owner.act("import.run", json!({ "import_id": made["id"] })).await.data();
    drain(&t.app).await.unwrap();
    import(&b.owner, made["id"].as_str().unwrap()).await
}

#[tokio::test]
async fn any_table_can_be_a_list_of_people() {
    let t = TestApp::new().await;
    let b = t.business("Clear Panes").await;
    let file = "Wer,Ruf A,Ruf B,Farbe\nAnn Lee,256-555-0101,256-555-0102,blue\nBob Fox,1.25655501E+10,,red\n";
    let page = upload(&b.owner, &[("x.csv", file.as_bytes())]).await.expect(303).location().to_owned();
    let shown = b.owner.get(&page).await.expect(200).body;
    assert!(shown.contains("We don’t know these columns") && shown.contains("Such as: Ann Lee"), "{shown}");
    // The wrong columns first.
    let first = bring_mapped(&t, &b, file, &[(3, "Full Name"), (1, "Phone Number")]).await;
    assert_eq!((count(&first, "made"), t.count("select count(*) from contact_phones").await), (2, 1), "{first}");
    let shown = b.owner.get(&format!("/imports/{}", first["id"].as_str().unwrap())).await.expect(200).body;
    assert!(shown.contains("Not taken: Wer: Ann Lee · Ruf B: 256-555-0102"), "{shown}");
    assert!(shown.contains("cut this number"), "{shown}");
    assert_eq!(t.count("select count(*) from notes where body = 'Phone in the file: 1.25655501E+10'").await, 1, "no number, and not lost");
    // Read with better columns, the same rows are the same people.
    let second = bring_mapped(&t, &b, file, &[(0, "Full Name"), (1, "Phone Number"), (2, "Phone Number"), (3, "Nickname")]).await;
    assert_eq!((count(&second, "made"), count(&second, "updated")), (0, 2), "{second}");
    let right = "select count(*) from contacts where nickname in ('blue', 'red') and name in ('Ann Lee', 'Bob Fox')";
    assert_eq!(t.count(right).await, 2);
    assert_eq!(t.count("select count(*) from contact_phones").await, 2);
    let third = bring_mapped(&t, &b, file, &[(0, "Full Name"), (1, "Phone Number"), (2, "Phone Number"), (3, "Company Name")]).await;
    assert_eq!(
        (count(&third, "made"), t.count("select count(*) from contacts where nickname = ''").await),
        (0, 2),
        "what was wrong is gone"
    );
    for one in [&third, &second, &first] {
        undo(&t, &b, one).await;
    }
    assert_eq!(t.count("select count(*) from contacts").await + t.count("select count(*) from import_keys").await, 0);
}

#[tokio::test]
async fn a_list_that_reaches_nobody_is_asked_about() {
    let t = TestApp::new().await;
    let b = t.business("Clear Panes").await;
    let page = upload(&b.owner, &[("x.csv", b"First Name,Last Name,City\nAnn,Lee,Madison\n")]).await.expect(303).location().to_owned();
    assert!(b.owner.get(&page).await.expect(200).body.contains("no column with phones or emails"));
    let refused = b.owner.post(&format!("{page}/run"), &[]).await.expect(422).body;
    assert!(refused.contains("say which column holds them"), "{refused}");
    b.owner.post(&format!("{page}/run"), &[("without_reach", "on")]).await.expect(303);
    drain(&t.app).await.unwrap();
    assert_eq!(t.count("select count(*) from contacts").await, 1);
}

#[tokio::test]
async fn our_own_export_changes_nothing() {
    let t = TestApp::new().await;
    let b = t.business("Clear Panes").await;
    let ann = b
        .owner
        .act(
            "contact.create",
            json!({
                "first_name": "Ann", "last_name": "Lee", "tags": ["VIP", "Net 30"], "email_consent": false, "sms_consent": true, "consent_wording": "asked on the phone",
                "emails": [{ "address": "ann@x.co" }, { "address": "lee@x.co" }], "phones": [{ "number": "256-555-0101" }],
                "address": { "street": "1 Elm St", "unit": "Gate house", "city": "Madison", "region": "AL", "postal_code": "35758", "access_notes": "code 4411" },
            }),
        )
        .await
        .data();
    let id = ann["id"].as_str().unwrap().to_owned();
    b.owner.act("address.create", json!({ "contact_id": id, "street": "2 Oak St", "unit": "Apt 4", "city": "Harvest" })).await.data();
    b.owner.act("note.create", json!({ "contact_id": id, "body": "Has a dog" })).await.data();
    b.owner.act("contact.create", json!({ "first_name": "Bob", "phones": [{ "number": "256-555-0102" }] })).await.data();
    b.owner.post("/settings/export", &[("kind", "contacts")]).await.expect(303);
    drain(&t.app).await.unwrap();
    let exports = b.owner.data("type=exports").await.data();
    let file = b.owner.get(&format!("/settings/export/{}", exports[0]["id"].as_str().unwrap())).await.expect(200).body;
    let before = (sums(&t).await, t.count("select sum(version) from contacts").await);
    let back = bring(&t, &b, "customers.csv", file.as_bytes()).await;
    assert_eq!((count(&back, "made"), count(&back, "updated"), count(&back, "skipped")), (0, 0, 2), "{back}");
    let after = (sums(&t).await, t.count("select sum(version) from contacts").await);
    for (a, b) in before.0.iter().zip(&after.0).filter(|(a, _)| a.0 != "import_rows") {
        assert_eq!(a, b);
    }
    assert_eq!(before.1, after.1);
    // An opt-out in the file counts, an opt-in that was taken back here does not.
    let edited = file.replacen(",no,yes,", ",yes,no,", 1);
    assert_ne!(edited, file);
    bring(&t, &b, "customers.csv", edited.as_bytes()).await;
    assert_eq!(t.count("select count(*) from contacts where email_consent = false and sms_consent = false").await, 1);
    assert_eq!(t.count("select count(*) from contacts").await, 2);
    // Into another business they come with all that the file tells.
    let other = t.business("Other Panes").await;
    let there = bring(&t, &other, "customers.csv", file.as_bytes()).await;
    assert_eq!(count(&there, "made"), 2, "{there}");
    assert_eq!(t.count("select count(*) from contacts where tags @> '{VIP,\"Net 30\"}' and email_consent = false").await, 2);
    assert_eq!(t.count("select count(*) from addresses where access_notes = 'code 4411' and unit = 'Gate house'").await, 2);
    assert_eq!(t.count("select count(*) from addresses where street = '2 Oak St' and unit = 'Apt 4' and city = 'Harvest'").await, 2);
}

#[tokio::test]
async fn a_shared_phone_is_no_proof() {
    let t = TestApp::new().await;
    let b = t.business("Clear Panes").await;
    let list =
        "Square Customer ID,First Name,Last Name,Email Address,Phone Number\nA1,Ann,Lee,ann@x.co,256-555-0101\nA2,Cy,Poe,,256-555-0103\n";
    bring(&t, &b, "c.csv", list.as_bytes()).await;
    let file = "Status,Created At,Address,Service,Start,End,Client Name,Client Email,Client Phone,Staff\n\
        accepted,,,Windows,03/02/2026 09:00am,03/02/2026 11:00am,Bob Fox,bob@x.co,256-555-0101,\n\
        accepted,,,Windows,03/15/2026 09:00am,03/15/2026 11:00am,C. Poe,,256-555-0103,\n";
    bring(&t, &b, "a.csv", file.as_bytes()).await;
    assert_eq!(t.count("select count(*) from contacts").await, 3, "Bob is new, C. Poe is Cy");
    assert_eq!(t.count("select count(*) from contact_duplicates where reason = 'Same phone'").await, 1, "and proposed");
}

#[tokio::test]
async fn a_sale_of_somebody_without_an_id_keeps_the_name() {
    let t = TestApp::new().await;
    let b = t.business("Clear Panes").await;
    let list = "Square Customer ID,First Name,Last Name,Email Address,Phone Number\nA1,Ann,Lee,ann@x.co,\n";
    bring(&t, &b, "c.csv", list.as_bytes()).await;
    let sales = "Date,Time,Gross Sales,Net Sales,Total Collected,Transaction ID,Event Type,Customer ID,Customer Name\n\
        2026-03-06,11:00:00,$50.00,$50.00,$50.00,T1,Payment,,Ann Lee\n2026-03-07,11:00:00,$50.00,$50.00,$50.00,T2,Payment,,\n";
    let first = bring(&t, &b, "t.csv", sales.as_bytes()).await;
    assert_eq!(count(&first, "made"), 2, "{first}");
    assert_eq!(t.count("select count(*) from contacts where name = 'Ann Lee'").await, 2);
    assert_eq!(t.count("select count(*) from contacts where name = 'Walk-in sales'").await, 1);
    assert_eq!(t.count("select count(*) from contact_duplicates where reason = 'Same name'").await, 1);
    let page = b.owner.get(&format!("/imports/{}", first["id"].as_str().unwrap())).await.expect(200).body;
    assert!(page.contains("No id for “Ann Lee”"), "{page}");
}

#[tokio::test]
async fn a_client_entered_twice_has_one_visit() {
    let visits = "Status,Created At,Address,Service,Start,End,Client Name,Client Email,Client Phone,Staff\n\
        accepted,,,Windows,03/16/2026 09:00am,03/16/2026 11:00am,Ann Lee,other@x.co,,\n";
    let sales = "Date,Time,Gross Sales,Net Sales,Total Collected,Transaction ID,Event Type,Customer ID,Customer Name\n\
        2026-03-16,11:00:00,$50.00,$50.00,$50.00,T1,Payment,A1,Ann Lee\n";
    let list = "Square Customer ID,First Name,Last Name,Email Address,Phone Number\nA1,Ann,Lee,ann@x.co,\nA2,Ann,Lee,other@x.co,\n";
    for files in [[list, sales, visits], [list, visits, sales]] {
        let t = TestApp::new().await;
        let b = t.business("Clear Panes").await;
        for file in files {
            bring(&t, &b, "f.csv", file.as_bytes()).await;
        }
        assert_eq!((t.count("select count(*) from tickets").await, t.count("select count(*) from payments").await), (1, 1));
    }
}

#[tokio::test]
async fn a_large_file_lies_in_pieces() {
    let t = TestApp::new().await;
    let b = t.business("Clear Panes").await;
    let story = "A long story of windows and doors. ".repeat(2700);
    let rows: String = (0..30).fold(String::new(), |rows, n| rows + &format!("A{n},Ann{n},Lee,,,card 4111 1111 1111 1111,\"{story}é\"\n"));
    let file = format!("Square Customer ID,First Name,Last Name,Email Address,Phone Number,Memo,Story\n{rows}");
    assert!(file.len() > 2_500_000);
    let import = bring(&t, &b, "large.csv", file.as_bytes()).await;
    assert_eq!(count(&import, "made"), 30, "{import}");
    assert_eq!(t.count("select count(*) from file_pieces").await, 2);
    assert_eq!(t.count("select count(*) from file_pieces where position('4111'::bytea in bytes) > 0").await, 0);
    assert_eq!(t.count("select count(*) from notes where body like '%[REDACTED]%'").await, 30);
    let page = b.owner.get(&format!("/imports/{}", import["id"].as_str().unwrap())).await.expect(200).body;
    assert!(page.contains("A card or social security number was taken out"), "{page}");
}

#[tokio::test]
async fn letters_can_be_read_another_way() {
    let t = TestApp::new().await;
    let b = t.business("Clear Panes").await;
    // "Gołąb" of Central Europe in a file too short to tell.
    let file = b"Square Customer ID,First Name,Last Name,Email Address,Phone Number\nA1,Ann,Go\xb3\xb1b,,\n";
    let page = upload(&b.owner, &[("c.csv", file)]).await.expect(303).location().to_owned();
    assert!(b.owner.get(&page).await.expect(200).body.contains("Letters are written in"));
    let columns = [
        ("kind", "square_customers"),
        ("encoding", "ISO-8859-2"),
        ("column_0", "Square Customer ID"),
        ("column_1", "First Name"),
        ("column_2", "Last Name"),
        ("column_3", "Email Address"),
        ("column_4", "Phone Number"),
    ];
    b.owner.post(&format!("{page}/columns"), &columns).await.expect(303);
    assert!(b.owner.get(&page).await.expect(200).body.contains("Gołąb"));
    b.owner.post(&format!("{page}/run"), &[]).await.expect(303);
    drain(&t.app).await.unwrap();
    assert_eq!(t.count("select count(*) from contacts where last_name = 'Gołąb'").await, 1);
}

/// How long a business's whole history takes, and to take it back: run by hand on real exports in the folder that `ROUNDS_EXPORTS` names.
#[tokio::test]
#[ignore = "needs a folder of exports"]
async fn a_whole_history_and_back() {
    let folder = std::env::var("ROUNDS_EXPORTS").unwrap();
    let t = TestApp::new().await;
    let b = t.business("Clear Panes").await;
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    let mut brought = Vec::new();
    for name in ["export", "catalog", "transactions", "items", "appointments"] {
        let path = paths.iter().find(|p| p.file_name().unwrap().to_str().unwrap().starts_with(name)).unwrap();
        let started = Instant::now();
        brought.push((name, bring(&t, &b, name, &std::fs::read(path).unwrap()).await));
        println!("{name}: {:?} {}", started.elapsed(), brought.last().unwrap().1);
    }
    let double =
        "select count(*) from tickets t where exists (select from import_keys k where k.record_id = t.id and k.kind = 'appointment')
        and t.state = 'closed' and not exists (select from import_keys k where k.record_id = t.id and k.kind = 'transaction')";
    println!("visits without a sale: {}", t.count(double).await);
    for (name, import) in brought.iter().rev() {
        let started = Instant::now();
        undo(&t, &b, import).await;
        println!("{name} taken back: {:?}", started.elapsed());
    }
    assert_eq!(history(&t).await, [0; 4]);
}
