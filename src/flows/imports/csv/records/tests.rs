use crate::imports::csv::{
    Sheet, clean, read,
    tests::{refused, remarks},
};
use proptest::prelude::*;

const HEAD: &str = "ID,Name,Memo,City\n";

/// The ids that were read, and the lines that were refused.
fn account(rows: &str) -> (Vec<String>, Vec<u64>) {
    let sheet = read(format!("{HEAD}{rows}").as_bytes()).unwrap();
    let ids = sheet.rows().map(|row| row.cells[0].to_owned()).collect();
    (ids, refused(&sheet).iter().map(|(row, _)| row.line).collect())
}

fn ids(of: &[&str]) -> Vec<String> {
    of.iter().map(|&id| id.to_owned()).collect()
}

#[test]
fn d6_an_open_quote_costs_its_own_row() {
    for (memo, closes) in [
        ("\"12 ft ladder", "at the end of the file, or not at all"),
        ("\"12 ft \"\"ladder", "likewise, with a doubled quote"),
        ("\"", "with nothing in it"),
    ] {
        let rows = format!("A1,Ann,{memo},Madison\nA2,Bob,,Madison\nA3,Cy,,Madison\n");
        assert_eq!(account(&rows), (ids(&["A2", "A3"]), vec![2]), "{closes}");
        assert_eq!(account(rows.trim_end()), (ids(&["A2", "A3"]), vec![2]), "{closes}");
    }
    assert_eq!(account("A1,Ann,,\nA2,Bob,,\"Madison"), (ids(&["A1"]), vec![3]), "in the last line");
    assert_eq!(account("A1,Ann,,\"\nA2,\"Bob\",,\"\nA3,Cy,,\n"), (ids(&["A3"]), vec![2, 3]), "one after the other");
}

#[test]
fn d6_a_later_quote_does_not_close_it() {
    for later in [
        "A3,Cy,\"Dogs, two\",Madison",
        "A3,\"Cy\",,Madison",
        "A3,Cy,\", then a comma\",Madison",
        "A3,Cy,window 30\",Madison",
        "A3,Cy,,window 30\"",
        "A3,Cy,\"of two\nlines\",Madison",
        "A3,Cy,\"\nof two\",Madison",
        "\"A3\",Cy,\"\n\nof three\",Madison",
        "\"A3\",\"\nCy\",,Madison",
    ] {
        for memo in ["\"12 ft ladder,Madison", ",\"Madison"] {
            let rows = format!("A1,Ann,{memo}\n{later}\nA4,Di,,Madison\n");
            assert_eq!(account(&rows), (ids(&["A3", "A4"]), vec![2]), "{rows}");
            let rows = format!("A1,Ann,{memo}\nA2,Bob,,Madison\n{later}\nA4,Di,,Madison\n");
            assert_eq!(account(&rows), (ids(&["A2", "A3", "A4"]), vec![2]), "{rows}");
        }
    }
}

#[test]
fn cells_of_several_lines_are_read() {
    for memo in [
        "Dog in the yard.\nCall first",
        "Gate code 4411,\nring, wait, and call first",
        "He said \"\"no\"\",\n\n\"\"twice\"\"",
        "\nA list:\n- ladder, 12 ft\n- squeegee\n",
        "Ends with a comma,\n",
    ] {
        let rows = format!("=\"1\",Ann,\"{memo}\",Madison\nA2,\"{memo}\",,\nA3,,\"\",\"{memo}\"\n\"{memo}\",,,\nA5,Ed,,\n");
        let sheet = read(format!("{HEAD}{rows}").as_bytes()).unwrap();
        assert!(refused(&sheet).is_empty() && remarks(&sheet).is_empty(), "{rows}: {:?}", refused(&sheet));
        let text = memo.replace("\"\"", "\"");
        let held: Vec<String> = (0..4).map(|i| sheet.row(i).cells[[2, 1, 3, 0][i]].to_owned()).collect();
        assert_eq!(held, [text.trim(); 4]);
        let height = 1 + memo.matches('\n').count() as u64;
        assert_eq!(sheet.rows().last().unwrap().line, 2 + 4 * height);
    }
}

#[test]
fn d6_the_rest_of_a_broken_cell_is_no_customer() {
    let rows = "A1,Ann,\"Dog\nCall \"Bob\" first\nor, ring\",Madison\n\nA2,Bob,\"of two\nlines\",Madison\nA3,Cy\n";
    let sheet = read(format!("{HEAD}{rows}").as_bytes()).unwrap();
    assert_eq!(sheet.rows().map(|r| r.line).collect::<Vec<_>>(), [6, 8], "from the first whole row on, ragged ones too");
    let words: Vec<(u64, String)> = refused(&sheet).iter().map(|(_, p)| (p.line, p.words())).collect();
    assert_eq!(words[0], (2, "Memo: A quote is opened here and not closed; close it or take it out".to_owned()));
    assert!(words[1..].iter().all(|(_, w)| w.contains("the quote opened in line 2 is not closed")), "{words:?}");
    assert_eq!(words.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 3, 4]);
}

#[test]
fn d6_a_row_inside_a_cell_is_refused_or_told() {
    // Two open quotes: the row between them would vanish.
    assert_eq!(account("A1,Ann,\"12 ft\nA2,Bob,\",Madison\nA3,Cy,,Madison\n").1, [2, 3]);
    // Rows with cells missing, inside a cell that a later row closes: read as a cell, but said.
    let told = |rows: &str| -> Vec<String> {
        let sheet = read(format!("{HEAD}{rows}").as_bytes()).unwrap();
        refused(&sheet).into_iter().map(|(_, p)| p).chain(remarks(&sheet)).map(|p| p.words()).collect()
    };
    let words = told("A1,Ann,\"12 ft ladder\nA2,Bob\nA3,Cy\nwindow 30\",Madison\nA4,Di,,\n");
    assert_eq!(words, ["This row spans lines 2 to 5; check that no other row is inside"]);
    assert!(told("A1,Ann,\"Dog in the yard,\nring, wait\",Madison\n").is_empty(), "prose is no row");
}

#[test]
fn d6_rows_with_cells_missing_throughout_are_read_after_an_open_quote() {
    for row in ["Bob,Madison", "Bob, Dog in the yard, Madison"] {
        let rows: String = (2..8).map(|n| format!("A{n},{row}\n").replace("A2,Bob, ", "A2, Bob, ").replace(",Bob, ", ", Bob, ")).collect();
        let (ids, refused) = account(&format!("A1,\"Ann,Madison\n{rows}"));
        assert_eq!((ids.len(), refused), (6, vec![2]), "{row}: {ids:?}");
    }
}

#[test]
fn cells_of_two_lines_in_files_of_two_columns() {
    for (rows, wanted) in [
        ("Ann,\"Dog in the yard\nGate 4411,ring\"\nBob,x\n", (2, 0)),
        ("\"Ann\nLee\",Dog\nBob,x\n", (2, 0)),
        ("Ann,\"12 ft\nBob,x\nCy,\"y\"\n", (2, 1)),
    ] {
        let sheet = read(format!("Name,Memo\n{rows}").as_bytes()).unwrap();
        assert_eq!((sheet.rows().count(), refused(&sheet).len()), wanted, "{rows}");
    }
}

#[test]
fn a_refused_line_keeps_its_cells() {
    let sheet = read(format!("{HEAD}\"A1\",Ann,\"12 ft \"\"ladder,Madison\nA2,Bob,\"a, b, c,Madison\nA3,,,\n").as_bytes()).unwrap();
    let cells = |i: usize| refused(&sheet)[i].0.cells.iter().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(cells(0), ["A1", "Ann", "\"12 ft \"ladder", "Madison"], "the quote taken as text, the other columns are right");
    assert_eq!(cells(1), ["A2", "Bob", "\"a, b, c,Madison", ""], "nothing beyond the last column");
}

#[test]
fn columns_without_a_name_at_the_end_may_be_missing() {
    let sheet = read(b"ID,Name,Memo,,\nA1,Ann,\"of two\nlines\"\nA2,Bob,\"of two\nlines\",,,,\n").unwrap();
    assert_eq!((sheet.rows().count(), refused(&sheet).len()), (2, 0));
}

#[test]
fn d6_headers_of_several_lines_and_broken_ones() {
    let sheet = read(b"ID,\"Tax\n(9%)\",Memo\nA1,Y,\nA2,N,\n").unwrap();
    assert_eq!((sheet.headers[1].as_str(), sheet.rows().count()), ("Tax\n(9%)", 2));
    for header in ["ID,Name,\"Memo\nA1,Ann,\nA2,Bob,\n", "ID,Name,\"Memo\nA1,Ann,\nA2,Bob,window 30\"\nA3,Cy,\n"] {
        assert!(read(header.as_bytes()).is_err(), "{header}");
    }
}

/// Cells as people and programs leave them, the nasty ones among them.
fn cell() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "",
        "",
        "Ann",
        "Madison",
        "12 ft ladder",
        "Dogs, two",
        "say \"hi\"",
        "30\"",
        "\"",
        "\"quoted\"",
        ", first a comma",
        "of two\nlines",
        "\nsecond line only",
        "comma,\nthen a line, and more",
        "a line\n\n\"and a quote\"",
        "ends with a line\n",
        " spaces ",
        "=\"2\"",
    ])
}

/// A file of four columns whose ids are `A0`, `A1`, …, each row as a program writes it.
#[derive(Debug, Clone)]
struct File {
    id_column: usize,
    rows: Vec<[String; 4]>,
    texts: Vec<String>,
}

fn file() -> impl Strategy<Value = File> {
    let rows = prop::collection::vec([cell(), cell(), cell()], 1..12);
    (rows, 0..4usize).prop_map(|(rows, id_column)| {
        let rows: Vec<[String; 4]> = (0..)
            .zip(rows)
            .map(|(n, [a, b, c])| {
                let mut cells = [format!("A{n}"), a.to_owned(), b.to_owned(), c.to_owned()];
                cells.rotate_right(id_column);
                cells
            })
            .collect();
        let texts = rows.iter().map(written).collect();
        File { id_column, rows, texts }
    })
}

fn written(cells: &[String; 4]) -> String {
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record(cells).unwrap();
    String::from_utf8(out.into_inner().unwrap()).unwrap()
}

impl File {
    fn read(&self) -> Sheet {
        read(self.text().as_bytes()).unwrap()
    }

    fn text(&self) -> String {
        format!("{HEAD}{}", self.texts.concat())
    }

    /// Each row with its first line.
    fn lines(&self) -> impl Iterator<Item = (u64, &[String; 4])> {
        let heights = self.texts.iter().map(|text| text.matches('\n').count() as u64);
        let starts = heights.scan(2, |line, height| Some(std::mem::replace(line, *line + height)));
        starts.zip(&self.rows)
    }
}

fn is_read(sheet: &Sheet, line: u64, cells: &[String; 4]) -> bool {
    sheet.rows().any(|row| row.line == line && row.cells.iter().eq(cells.iter().map(|c| clean(c))))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_a_program_wrote_is_read_as_written(file in file()) {
        let sheet = file.read();
        prop_assert!(refused(&sheet).is_empty() && remarks(&sheet).is_empty(), "{:?}", refused(&sheet));
        prop_assert_eq!(sheet.rows().count(), file.rows.len());
        for (line, cells) in file.lines() {
            prop_assert!(is_read(&sheet, line, cells), "line {line}: {:?}", sheet.rows().collect::<Vec<_>>());
        }
    }

    #[test]
    fn d6_one_quote_anywhere_loses_no_other_row(mut file in file(), row in any::<prop::sample::Index>(), at in any::<prop::sample::Index>()) {
        let hit = row.index(file.rows.len());
        let at = at.index(file.texts[hit].len());
        file.texts[hit].insert(at, '"');
        let sheet = file.read();
        let is_refused = |line: u64| refused(&sheet).iter().any(|(_, problem)| problem.line == line);
        for (i, (line, cells)) in file.lines().enumerate() {
            // The row that was hit may read otherwise than it was meant. Where the first cell of a row begins with an empty line, its lone
            // quote may end the cell above: the lines below it tell of the row then.
            let is_loose = i == hit || file.id_column > 0;
            let mut own = line..line + file.texts[i].matches('\n').count() as u64;
            let is_there = is_read(&sheet, line, cells)
                || is_refused(line)
                || (is_loose && own.any(|l| is_refused(l) || sheet.rows().any(|r| r.line == l)));
            prop_assert!(is_there, "line {line} is lost in {:?}", file.text());
        }
    }

    #[test]
    fn d6_every_line_of_any_text_is_accounted_for(text in "[ab ,\"\n]{0,60}") {
        let Ok(sheet) = read(format!("{HEAD}{text}").as_bytes()) else { return Ok(()) };
        let mut starts: Vec<u64> = sheet.rows().map(|r| r.line).chain(refused(&sheet).iter().map(|(_, p)| p.line)).collect();
        starts.sort_unstable();
        let count = starts.len();
        starts.dedup();
        prop_assert_eq!(count, starts.len(), "no line twice");
        // A line that holds text and starts no row is inside a quoted cell of a row above: the cells of that row hold it.
        let held: String = sheet.rows().map(|r| r.cells.iter().chain(r.surplus.iter().map(String::as_str)).collect::<Vec<_>>().join("|")).collect::<Vec<_>>().join("|");
        for (i, line) in text.split('\n').enumerate().filter(|(_, l)| l.contains(['a', 'b'])) {
            let word = line.split(|c| !matches!(c, 'a' | 'b')).find(|w| !w.is_empty()).unwrap_or_default();
            prop_assert!(starts.contains(&(i as u64 + 2)) || held.contains(word), "line {} of {text:?}", i + 2);
        }
    }
}
