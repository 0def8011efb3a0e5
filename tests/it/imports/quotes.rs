//! A quote that is opened and never closed: of each kind of file, the other rows come in, and the line is refused by its number.

use super::*;

/// The header and 29 rows of each kind; line 2 leaves a quote open in the column named.
fn files() -> [(&'static str, &'static str, String); 5] {
    let file = |head: &str, first: &str, row: &dyn Fn(usize) -> String| {
        let rows: Vec<String> = (2..30).map(|n| row(n) + "\n").collect();
        let rows = rows.concat();
        format!("{head}\n{first}\n{rows}")
    };
    let day = |n: usize| format!("2026-03-{n:02}");
    [
        (
            "customers.csv",
            "Memo",
            file(
                "Square Customer ID,First Name,Last Name,Email Address,Phone Number,Memo,City",
                "C1,Ann,Lee,,,\"12 ft ladder,Madison",
                &|n| format!("C{n},Bob,Fox{n},bob{n}@x.co,,Has a dog,Madison"),
            ),
        ),
        (
            "catalogue.csv",
            "Description",
            file("Token,Item Name,Description,Price", "K1,Windows,\"12 ft ladder,$10.00", &|n| {
                format!("K{n},Windows {n},All panes,$1{n}.00")
            }),
        ),
        (
            "transactions.csv",
            "Description",
            file(
                "Date,Time,Gross Sales,Net Sales,Total Collected,Description,Transaction ID,Event Type,Customer ID,Customer Name",
                "2026-03-01,10:00:00,$9.00,$9.00,$9.00,\"12 ft ladder,T1,Payment,C1,Ann Lee",
                &|n| format!("{},10:00:00,$9.00,$9.00,$9.00,Windows,T{n},Payment,C{n},Bob Fox{n}", day(n)),
            ),
        ),
        (
            "items.csv",
            "Notes",
            file(
                "Date,Time,Item,Qty,Gross Sales,Net Sales,Notes,Transaction ID,Customer ID,Customer Name",
                "2026-04-01,10:00:00,Windows,1,$9.00,$9.00,\"12 ft ladder,S1,C1,Ann Lee",
                &|n| format!("{},12:00:00,Windows,1,$9.00,$9.00,,S{n},C{n},Bob Fox{n}", day(n).replace("-03-", "-04-")),
            ),
        ),
        (
            "appointments.csv",
            "Address",
            file(
                "Status,Created At,Address,Service,Start,End,Client Name,Client Email,Client Phone,Staff",
                "accepted,,\"12 ft ladder,Windows,05/01/2026 09:00am,05/01/2026 11:00am,Ann Lee,,,",
                &|n| format!("accepted,,,Windows,05/{n:02}/2026 09:00am,05/{n:02}/2026 11:00am,Bob Fox{n},bob{n}@x.co,,"),
            ),
        ),
    ]
}

#[tokio::test]
async fn d6_an_open_quote_costs_one_row_of_each_kind() {
    let t = TestApp::new().await;
    let b = t.business("Clear Panes").await;
    for (name, column, file) in files() {
        let page = upload(&b.owner, &[(name, file.as_bytes())]).await.expect(303).location().to_owned();
        let shown = b.owner.get(&page).await.expect(200).body;
        let sums = "<dt>Will be taken</dt><dd>28</dd><dt>With a remark</dt><dd>0</dd><dt>Can’t be taken</dt><dd>1</dd>";
        let words = format!("Line 2: {column}: A quote is opened here and not closed");
        assert!(shown.contains("29 rows") && shown.contains(sums) && shown.contains(&words), "{name}: {shown}");
        b.owner.post(&format!("{page}/run"), &[]).await.expect(303);
        drain(&t.app).await.unwrap();
        let import = import(&b.owner, page.rsplit('/').next().unwrap()).await;
        let lines = i64::try_from(file.lines().count() - 1).unwrap();
        let of = |outcomes: &[&str]| outcomes.iter().map(|o| count(&import, o)).sum::<i64>();
        assert_eq!((&import["rows_total"], of(&["made", "updated", "skipped", "refused"])), (&json!(lines), lines), "{name}: {import}");
        assert_eq!((of(&["made"]), of(&["refused"])), (28, 1), "{name}: {import}");
        let page = b.owner.get(&format!("{page}?outcome=refused")).await.expect(200).body;
        assert!(page.contains("Line 2") && page.contains("A quote is opened here and not closed"), "{name}: {page}");
        let csv = b.owner.get(&format!("/imports/{}/refused.csv", import["id"].as_str().unwrap())).await.expect(200).body;
        let sheet = flows::imports::csv::read(csv.as_bytes()).unwrap();
        assert_eq!((sheet.rows().count(), sheet.total()), (1, 1), "{name}: {csv}");
        let row = &sheet.row(0);
        assert_eq!((sheet.get(row, column), sheet.get(row, "Line")), ("\"12 ft ladder", "2"), "{name}: {csv}");
        assert!(sheet.get(row, "Reason").contains("A quote is opened here"), "{name}: {csv}");
    }
}

#[tokio::test]
async fn d6_lines_refused_by_the_reader_can_be_mended_and_brought_again() {
    let t = TestApp::new().await;
    let b = t.business("Clear Panes").await;
    let file = "Square Customer ID,First Name,Last Name,Email Address,Phone Number,Memo,City\n\
        C1,Ann,Lee,,,\"Dog in the yard.\nCall \"Bob\" first\",Madison\n\
        C2,Bob,Fox,,,\"Gate code 4411,\nring first\",Madison\n\
        C3,Cy,Poe,,,window 30\",Madison\n\
        C4,Di,Ray,,,\"12 ft ladder,Madison\n";
    let first = bring(&t, &b, "c.csv", file.as_bytes()).await;
    assert_eq!((count(&first, "made"), count(&first, "refused")), (2, 3), "{first}");
    assert_eq!(t.count("select count(*) from notes where body like 'Gate code%ring first'").await, 1);
    let csv = b.owner.get(&format!("/imports/{}/refused.csv", first["id"].as_str().unwrap())).await.expect(200).body;
    assert!(csv.contains("the quote opened in line 2 is not closed"), "{csv}");
    // As it was downloaded, the quote is text; the line that is no row is taken out by the person.
    let kept: Vec<&str> = csv.lines().filter(|l| !l.starts_with("\"Call") && !l.starts_with("Call")).collect();
    let mended = kept.join("\n") + "\n";
    let second = bring(&t, &b, "refused.csv", mended.as_bytes()).await;
    assert_eq!((count(&second, "made"), count(&second, "refused")), (2, 0), "{mended}");
    assert_eq!(t.count("select count(*) from contacts where source_key in ('C1', 'C2', 'C3', 'C4')").await, 4);
    // A header that leaves a quote open is no header.
    let broken = upload(&b.owner, &[("c.csv", file.replacen("Memo", "\"Memo", 1).as_bytes())]).await.expect(422);
    assert!(broken.body.contains("opens a quote"), "{}", broken.body);
}
