use super::*;

/// The most memory that this process has taken so far, in bytes.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

#[test]
#[ignore = "measures the whole process: run it alone"]
fn twenty_four_megabytes_are_read_within_sixty_four() {
    let before = peak();
    let row = "A{n},Ann,Lee,ann{n}@example.com,256-555-0101,\"Has a dog, card 4111 1111 1111 1111\",1 Elm St,Madison,AL,35758\n";
    let mut file = String::with_capacity(24 << 20);
    file.push_str("Square Customer ID,First Name,Last Name,Email Address,Phone Number,Memo,Street Address 1,City,State,Postal Code\n");
    for n in 0.. {
        if file.len() + row.len() + 20 > 24 << 20 {
            break;
        }
        file.push_str(&row.replace("{n}", &n.to_string()));
    }
    let reading = keep(file.into_bytes(), None, Options::default()).unwrap().reading;
    let (mut from, mut taken) = (Some(0), 0);
    while let Some(at) = from {
        let portion = reading.portion(at, 500, &HashSet::new());
        taken += portion.rows.lines().len();
        from = portion.next;
    }
    assert_eq!(taken, reading.total);
    let used = peak() - before;
    println!("{taken} rows, {} MB", used >> 20);
    assert!(used < 64 << 20, "{used}");
}

#[test]
fn portions_hold_every_row_once() {
    let row = |n: usize| format!("2026-03-{:02},{:02}:00:00,Windows,1,$9.00,S{},C1,Ann\n", 1 + n % 28, n % 24, n / 3);
    let rows: String = (0..100).map(row).collect();
    let text = format!("Date,Time,Item,Qty,Gross Sales,Transaction ID,Customer ID,Customer Name\n{rows}2026-13-01,,,,,,,\n");
    let reading = Reading::open(text, Kind::SquareItems, Options::default(), &Choices::default()).unwrap();
    let (mut from, mut lines, mut refused) = (Some(0), Vec::new(), 0);
    while let Some(at) = from {
        let portion = reading.portion(at, 7, &HashSet::new());
        let Rows::Items(groups) = &portion.rows else { panic!("items") };
        assert!(groups.iter().all(|g| g.iter().all(|r| r.transaction_id == g[0].transaction_id)));
        lines.extend(portion.rows.lines());
        refused += portion.refused.len();
        from = portion.next;
    }
    lines.sort_unstable();
    assert_eq!((lines, refused), ((2..102).collect(), 1));
}
