//! Checks the PDF with other programs' readers.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use rust_decimal::Decimal;

use super::*;
use crate::lines::calc::{Discount, LineInput, totals};

fn d(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// An example document whose totals are computed from `lines`.
fn example(lines: &[(&str, &str, &str)], paper: Paper) -> Document {
    let inputs: Vec<LineInput> = lines
        .iter()
        .map(|(_, quantity, price)| LineInput {
            quantity: d(quantity),
            unit_price: d(price),
            tax: None,
            tax_rate: d("8.875"),
            tax_inclusive: false,
        })
        .collect();
    let sums = totals(Currency::USD, &inputs, Discount::Percent(d("5"))).unwrap();
    let block = |name: &str, lines: &[&str]| Block { name: name.into(), lines: lines.iter().map(|l| (*l).to_owned()).collect() };
    Document {
        kind: Kind { title: "Invoice", customer: "BILL TO", balance: "Amount due" },
        paper,
        currency: Currency::USD,
        business: block("Clear View Window Cleaning", &["2189 Hughes Rd, Madison, AL 35758", "(256) 555-0142 · office@clearview.example"]),
        tax_id: Some("EIN 12-3456789".into()),
        logo: None,
        customer: block("Jane Smith", &["123 Main St", "Madison, AL 35758", "jane@example.com"]),
        number: "INV-0107".into(),
        issued: NaiveDate::from_ymd_opt(2026, 11, 24).unwrap(),
        due: NaiveDate::from_ymd_opt(2026, 12, 8),
        facts: vec![("Visit".into(), "24 Nov 2026".into())],
        lines: lines
            .iter()
            .zip(&inputs)
            .zip(&sums.lines)
            .map(|(((description, ..), input), total)| DocumentLine {
                description: (*description).into(),
                quantity: input.quantity,
                unit_price: input.unit_price,
                total: *total,
            })
            .collect(),
        subtotal: sums.subtotal,
        discount: sums.discount,
        taxes: vec![AmountRow { label: "Sales tax 8.875 %".into(), amount: sums.tax_added }],
        total: sums.total,
        included_taxes: vec![],
        payments: vec![AmountRow { label: "Deposit, paid 16 Nov 2026 by card".into(), amount: d("100") }],
        balance: sums.total - d("100"),
        notes: "Thank you! Two screens on the second storey have small tears; we can replace them next time.".into(),
        terms: "Payment is due within 14 days of the issue date.".into(),
        pay_url: Some("https://rounds.example/p/Zm9vYmFyYmF6cXV1eGZvb2JhcmJhenF1dXhmb29iYXI".into()),
        stamp: None,
    }
}

const USUAL: [(&str, &str, &str); 3] = [
    ("Interior and exterior windows", "1", "562"),
    ("Screen cleaning", "20", "5"),
    ("Hard water stain removal: the three tall panes beside the entrance, and the transom above the garage door", "3.5", "18.335"),
];

/// Runs a checker on the bytes and returns its output; `None` if it is not installed.
fn check(program: &str, arguments: &[&str], pdf: &[u8]) -> Option<String> {
    let file = TempFile::with(pdf);
    let path = file.0.to_str().unwrap().to_owned();
    let arguments: Vec<&str> = arguments.iter().map(|a| if *a == "{}" { path.as_str() } else { a }).collect();
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().ok()?;
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A file that is deleted on drop.
struct TempFile(std::path::PathBuf);

impl TempFile {
    fn with(bytes: &[u8]) -> Self {
        let path = std::env::temp_dir().join(format!("rounds-{}.pdf", uuid::Uuid::now_v7()));
        std::fs::File::create(&path).unwrap().write_all(bytes).unwrap();
        Self(path)
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn m1_the_paper_shows_the_stored_amounts() {
    for paper in [Paper::Letter, Paper::A4] {
        let document = example(&USUAL, paper);
        let pdf = render(&document).unwrap();
        assert!(pdf.len() < 60_000, "{} bytes", pdf.len());
        assert_eq!(pdf, render(&document).unwrap());
        check("qpdf", &["--check", "{}"], &pdf);
        let Some(text) = check("pdftotext", &["-layout", "{}", "-"], &pdf) else { continue };
        for line in &document.lines {
            let amount = Currency::USD.format(line.total);
            let first_words: String = line.description.chars().take(20).collect();
            assert!(text.lines().any(|l| l.contains(&first_words) && l.trim_end().ends_with(&amount)), "{text}");
        }
        let rows = [
            ("Subtotal", document.subtotal),
            ("Discount", -document.discount),
            ("Sales tax 8.875 %", document.taxes[0].amount),
            ("Total", document.total),
            ("paid 16 Nov 2026 by card", d("-100")),
            ("Amount due", document.balance),
        ];
        for (label, amount) in rows {
            let amount = Currency::USD.format(amount);
            assert!(text.lines().any(|l| l.contains(label) && l.contains(&amount)), "{label} {amount}\n{text}");
        }
        for words in ["INV-0107", "Jane Smith", "24 Nov 2026", "8 Dec 2026", "$18.335", "Page 1 of 1", "EIN 12-3456789"] {
            assert!(text.contains(words), "{words}\n{text}");
        }
    }
}

#[test]
fn long_invoices_repeat_their_head_and_count_their_pages() {
    let mut lines = Vec::new();
    for _ in 0..25 {
        lines.extend(USUAL);
    }
    let long = "Scrubbed, rinsed and dried. ".repeat(250);
    lines.push((long.as_str(), "1", "10"));
    let pdf = render(&example(&lines, Paper::A4)).unwrap();
    check("qpdf", &["--check", "{}"], &pdf);
    let Some(text) = check("pdftotext", &["-layout", "{}", "-"], &pdf) else { return };
    let pages: Vec<&str> = text.split('\u{c}').filter(|p| !p.trim().is_empty()).collect();
    assert!(pages.len() >= 4, "{}", pages.len());
    for (index, page) in pages.iter().enumerate() {
        assert!(page.contains(&format!("Page {} of {}", index + 1, pages.len())));
        assert!(page.contains("DESCRIPTION") || index + 1 == pages.len());
    }
    assert_eq!(text.matches("Screen cleaning").count(), 25);
}

#[test]
fn any_text_and_any_logo_make_a_document() {
    let mut document = example(&[("Überprüfung · Проверка · Έλεγχος · ✂ 👍 a\u{301}", "1", "10"), ("", "0", "0")], Paper::A4);
    document.customer.name = "Wolfeschlegelsteinhausenbergerdorff".repeat(4);
    document.business.lines.clear();
    document.currency = Currency::JPY;
    document.logo = Some(b"\x89PNG not really".to_vec());
    document.stamp = Some("Paid".into());
    document.pay_url = Some("x".repeat(5000));
    let pdf = render(&document).unwrap();
    check("qpdf", &["--check", "{}"], &pdf);
    if let Some(text) = check("pdftotext", &["-layout", "{}", "-"], &pdf) {
        assert!(text.contains("Überprüfung · Проверка · Έλεγχος"), "{text}");
        assert!(text.contains("PAID"));
    }
}
