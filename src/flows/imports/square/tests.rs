use super::*;
use crate::imports::csv;
use crate::imports::recognise::Kind;
use ::customers::contacts::likeness::{self, Person};
use platform::redact::redact;
use std::collections::HashSet;
use std::time::Instant;

const CUSTOMERS: &[u8] = include_bytes!("../../../../testdata/square/customers.csv");
const CATALOGUE: &[u8] = include_bytes!("../../../../testdata/square/catalogue.csv");
const TRANSACTIONS: &[u8] = include_bytes!("../../../../testdata/square/transactions.csv");
const ITEMS: &[u8] = include_bytes!("../../../../testdata/square/items.csv");
const APPOINTMENTS: &[u8] = include_bytes!("../../../../testdata/square/appointments.csv");

fn open(bytes: &[u8], kind: Kind) -> (Sheet, Mapping) {
    let sheet = csv::read(bytes).unwrap();
    let mapping = Mapping::guess(kind, &sheet);
    (sheet, mapping)
}

fn read_customers(bytes: &[u8], order: Option<DateOrder>) -> Parsed<CustomerRow> {
    let (sheet, mapping) = open(bytes, Kind::SquareCustomers);
    let options = Options { date_order: order, ..Options::default() };
    customers(&sheet, &mapping, &options)
}

#[test]
fn d2_every_customer_is_taken_those_without_phone_or_email_too() {
    let parsed = read_customers(CUSTOMERS, None);
    assert_eq!((parsed.rows.len(), parsed.refused.len()), (1230, 0));
    let unreachable = parsed.rows.iter().filter(|c| c.phones.is_empty() && c.emails.is_empty()).count();
    assert_eq!(unreachable, 265);
    assert!(parsed.rows.iter().all(|c| !c.name.is_empty()));
    let typed_phones = parsed.rows.iter().flat_map(|c| &c.phones);
    assert!(typed_phones.clone().all(|p| p.e164.is_some()), "all ways to write a phone are read");
    let regions: HashSet<_> = parsed.rows.iter().filter_map(|c| Some(c.address.as_ref()?.region.as_str())).collect();
    assert_eq!(regions, HashSet::from(["AL"]), "AL, al and Alabama are one");
    assert!(parsed.rows.iter().any(|c| c.address.as_ref().is_some_and(|a| a.access == "gate code 4411#" && a.unit.is_empty())));
    assert!(parsed.rows.iter().any(|c| c.postal_or_empty().contains('-')), "ZIP+4 stays");
}

impl CustomerRow {
    fn postal_or_empty(&self) -> &str {
        self.address.as_ref().map_or("", |a| &a.postal_code)
    }
}

#[test]
fn d1_birthdays_are_asked_about() {
    let parsed = read_customers(CUSTOMERS, None);
    let question = DateQuestion { column: "Birthday".into(), samples: vec!["07/04/1955".into()] };
    assert_eq!(parsed.questions, [question]);
    let days = |parsed: &Parsed<CustomerRow>| -> HashSet<String> { parsed.rows.iter().filter_map(|c| c.birthday.clone()).collect() };
    assert_eq!(days(&parsed), HashSet::from(["07/04/1955".into(), "1948-03-12".into()]), "kept as typed until then");
    let answered = read_customers(CUSTOMERS, Some(DateOrder::MonthFirst));
    assert!(answered.questions.is_empty());
    assert!(days(&answered).contains("1955-07-04"));
}

#[test]
fn d2_faulty_rows_are_refused_or_mended_with_a_reason_each() {
    let parsed = read_customers(include_bytes!("../../../../testdata/square/faults/customers.csv"), None);
    let refused: Vec<(u64, &str)> = parsed.refused.iter().map(|p| (p.line, p.column.as_deref().unwrap_or(""))).collect();
    assert_eq!(refused, [(3, "Square Customer ID"), (4, "Square Customer ID"), (5, "First Name")]);
    let warned: Vec<(u64, &str)> = parsed.warnings.iter().map(|p| (p.line, p.column.as_deref().unwrap_or(""))).collect();
    assert_eq!(warned, [(6, "Email Address"), (6, "Phone Number"), (6, "Postal Code"), (7, "First Name")]);
    assert_eq!(parsed.rows.len(), 3);
    assert_eq!(parsed.rows[0].email_consent, Some(true));
    assert_eq!(parsed.rows[0].extra, [("Favourite colour".to_owned(), "blue".to_owned())]);
    assert_eq!(parsed.rows[1].postal_or_empty(), "02134");
    assert_eq!(parsed.rows[1].phones[0].typed, "12345");
    assert_eq!(parsed.rows[2].name, "Card sale S006");
}

#[test]
fn the_catalogue_keeps_kinds_prices_and_taxes() {
    let (sheet, mapping) = open(CATALOGUE, Kind::SquareCatalogue);
    let parsed = catalogue(&sheet, &mapping);
    assert_eq!((parsed.rows.len(), parsed.refused.len()), (12, 0));
    let of = |name: &str| parsed.rows.iter().find(|r| r.name == name).unwrap();
    assert_eq!(of("Exterior Window Cleaning").kind, CatalogueKind::Flexible);
    assert_eq!((of("Gutter Cleaning").kind, of("Gutter Cleaning").price), (CatalogueKind::Fixed, Some(Decimal::new(15000, 2))));
    let kit = of("Window Cleaning Kit");
    assert_eq!(kit.kind, CatalogueKind::Product);
    assert_eq!(kit.taxes, [TaxColumn { name: "Sales Tax".into(), rate: Decimal::from(9) }]);
    assert!(of("Skylight").taxes.is_empty());
}

#[test]
fn transactions_and_items_join_and_add_up() {
    let (sheet, mapping) = open(TRANSACTIONS, Kind::SquareTransactions);
    let sales = transactions(&sheet, &mapping, &Options::default());
    let (sheet, mapping) = open(ITEMS, Kind::SquareItems);
    let lines = items(&sheet, &mapping, &Options::default());
    assert!(sales.refused.is_empty() && lines.refused.is_empty() && sales.questions.is_empty());
    for sale in &sales.rows {
        let sum: Decimal = lines.rows.iter().filter(|l| l.transaction_id == sale.source_id).map(|l| l.gross).sum();
        assert_eq!(sum, sale.gross, "line {}", sale.line);
        assert_eq!(sale.zone, Some(chrono_tz::Tz::America__Chicago));
    }
    assert_eq!(sales.warnings.len(), sales.rows.iter().filter(|s| s.total < Decimal::ZERO).count());
    assert!(!sales.warnings.is_empty(), "a sale whose discount exceeds it");
    let by_count = sold_by_count(&lines.rows);
    assert!(by_count.contains("Screen Cleaning") && !by_count.contains("Gutter Cleaning"));
}

#[test]
fn appointments_have_stable_keys_and_known_customers() {
    let (sheet, mapping) = open(APPOINTMENTS, Kind::SquareAppointments);
    let parsed = appointments(&sheet, &mapping, &Options::default());
    assert_eq!(parsed.rows.len() + parsed.refused.len(), sheet.rows.len());
    assert!(parsed.refused.is_empty() && parsed.questions.is_empty(), "{:?}", parsed.refused);
    assert!(parsed.rows.iter().any(|a| a.status == AppointmentStatus::NoShow));
    assert!(parsed.rows.iter().any(|a| a.services.len() == 3));
    let again = appointments(&sheet, &mapping, &Options::default());
    assert_eq!(parsed, again);
}

#[test]
fn memos_hold_cards_and_attributes() {
    let parsed = read_customers(CUSTOMERS, None);
    let cards = parsed.rows.iter().filter(|c| c.memo.contains("4111 1111")).count();
    let with_memo: Vec<_> = parsed.rows.iter().filter(|c| !c.memo.is_empty()).collect();
    assert!(cards > 0);
    for customer in &with_memo {
        let clean = redact(&customer.memo);
        assert!(!clean.text.contains("4111 1111 1111 1111") && !clean.text.contains("219-09-9999"));
    }
    let found = with_memo.iter().filter(|c| !::customers::contacts::extract::extract(&redact(&c.memo).text).is_empty()).count();
    assert_eq!(found, with_memo.len(), "every memo of the file says something that the rules know");
}

#[test]
fn duplicates_of_the_file_are_proposed() {
    let parsed = read_customers(CUSTOMERS, None);
    let people: Vec<Person> = parsed
        .rows
        .iter()
        .map(|c| Person {
            first_name: c.first_name.clone(),
            last_name: c.last_name.clone(),
            company: c.company.clone(),
            emails: c.emails.clone(),
            phones: c.phones.iter().filter_map(|p| p.e164.clone()).collect(),
            street: c.address.as_ref().map_or(String::new(), |a| a.street.clone()),
        })
        .collect();
    let found = likeness::propose(&people);
    assert!(!found.is_empty());
    assert!(found.iter().all(|(i, j, l)| i < j && l.score >= likeness::WORTH_A_LOOK));
}

#[test]
fn fifteen_thousand_rows_in_a_moment() {
    let text = String::from_utf8(CUSTOMERS.to_vec()).unwrap();
    let (header, body) = text.split_once('\n').unwrap();
    let many: String = (0..13).map(|n| body.replace("\r\n,", &format!("\r\n{n},"))).collect();
    let started = Instant::now();
    let parsed = read_customers(format!("{header}\n{many}").as_bytes(), None);
    assert!(parsed.rows.len() + parsed.refused.len() >= 15_000);
    assert!(started.elapsed().as_secs() < 5, "unoptimised: {:?}", started.elapsed());
}
