use super::*;

/// What is to be checked in its rows.
pub(super) fn remarks(sheet: &Sheet) -> Vec<RowProblem> {
    (0..sheet.total()).filter_map(|i| sheet.remark(i, &sheet.row(i))).collect()
}

/// The lines that are no rows.
pub(super) fn refused(sheet: &Sheet) -> Vec<(Row, RowProblem)> {
    (0..sheet.total()).filter_map(|i| Some((sheet.row(i), sheet.refusal(i)?))).collect()
}

fn cells(bytes: &[u8]) -> Vec<Vec<String>> {
    read(bytes).unwrap().rows().map(|r| r.cells.iter().map(str::to_owned).collect()).collect()
}

#[test]
fn d2_a_byte_order_mark_does_not_eat_the_first_column() {
    let sheet = read(include_bytes!("../../../../testdata/square/faults/bom.csv")).unwrap();
    assert_eq!(sheet.headers[0], "Reference ID");
    assert_eq!(sheet.get(&sheet.row(0), "reference id"), "A-1001");
}

#[test]
fn d2_wrapped_ids_and_guarded_phones_are_unwrapped() {
    assert_eq!(cells(include_bytes!("../../../../testdata/square/faults/wrapped.csv")), [["2", "00123", "+12053643725", "'Bubba' Smith"]]);
}

#[test]
fn d2_old_encodings() {
    for bytes in [
        &include_bytes!("../../../../testdata/square/faults/windows-1252.csv")[..],
        include_bytes!("../../../../testdata/square/faults/utf-16le.csv"),
        include_bytes!("../../../../testdata/square/faults/utf-16be-no-bom.csv"),
        include_bytes!("../../../../testdata/square/faults/semicolon.csv"),
        include_bytes!("../../../../testdata/square/faults/tab.csv"),
    ] {
        let sheet = read(bytes).unwrap();
        assert_eq!(sheet.get(&sheet.row(0), "First Name"), "Zoë");
    }
}

#[test]
fn d2_ragged_and_blank_rows_are_reported_not_dropped() {
    let sheet = read(include_bytes!("../../../../testdata/square/faults/ragged.csv")).unwrap();
    assert_eq!(sheet.rows().count(), 4);
    let lines: Vec<u64> = remarks(&sheet).iter().map(|p| p.line).collect();
    assert_eq!(lines, [3, 5], "of the file, blank lines counted");
    assert_eq!(sheet.row(2).surplus, ["surplus"]);
    assert_eq!(sheet.rows().last().unwrap().line, 8, "the first of its two lines");
}

#[test]
fn d2_lines_of_old_macs_are_counted() {
    let sheet = read(b"First Name,Last Name\rAnn,Lee\rBob,Fox\r").unwrap();
    assert_eq!(sheet.rows().map(|r| r.line).collect::<Vec<_>>(), [2, 3]);
}

#[test]
fn no_table_says_why() {
    assert_eq!(read(b"").err(), Some(FileProblem::Empty));
    assert_eq!(read(b"PK\x03\x04rest").err(), Some(FileProblem::NotText));
    assert_eq!(read(b"a,b\n").err(), Some(FileProblem::NoRows));
    assert_eq!(read(b"\n \n").err(), Some(FileProblem::Empty));
    assert_eq!(read(b"a,\"b\n1,2\n").err(), Some(FileProblem::OpenQuote));
}

#[test]
fn lines_above_the_names_of_the_columns_are_skipped_with_a_remark() {
    for (head, skipped, delimiter) in [
        ("sep=;\n", vec![1], ';'),
        ("\"sep=,\"\n", vec![1], ','),
        ("Customers of July 2026\n\n", vec![1], ','),
        ("Customers of July 2026,,\n", vec![1], ','),
        ("sep=;\nOur customers\n", vec![1, 2], ';'),
    ] {
        let table = format!("First Name{delimiter}Last Name{delimiter}Memo\nAnn{delimiter}Lee{delimiter}\n");
        let sheet = read(format!("{head}{table}").as_bytes()).unwrap();
        assert_eq!((sheet.headers.len(), sheet.total()), (3, 1), "{head}");
        assert_eq!(sheet.skipped.iter().map(|p| p.line).collect::<Vec<_>>(), skipped, "{head}");
        assert_eq!(sheet.row(0).line, 2 + head.matches('\n').count() as u64, "{head}");
    }
    let sheet = read(b"Email\na@b.co\nc@d.co\n").unwrap();
    assert_eq!((sheet.headers[0].as_str(), sheet.total(), sheet.skipped.len()), ("Email", 2, 0), "one column is a table too");
}

#[test]
fn limits_are_said_in_words() {
    let wide = format!("{}\n1\n", vec!["c"; MOST_COLUMNS + 1].join(","));
    assert_eq!(read(wide.as_bytes()).err(), Some(FileProblem::TooManyColumns));
    let long = format!("a,b\n{},1\n2,\"{}\n3,4\n", "x".repeat(LONGEST_CELL + 1), "y".repeat(LONGEST_CELL));
    let sheet = read(long.as_bytes()).unwrap();
    let words: Vec<String> = refused(&sheet).iter().map(|(_, p)| p.words()).collect();
    assert_eq!(words[0], "a: The cell has more than 100,000 characters; shorten it");
    assert_eq!(words[1], "b: A quote is opened here and not closed within 100,000 characters; close it or take it out");
    assert_eq!((words.len(), sheet.rows().count()), (2, 1));
    let many = format!("a\n{}", "1\n".repeat(MOST_ROWS + 1));
    assert_eq!(read(many.into_bytes()).err(), Some(FileProblem::TooManyRows));
}
