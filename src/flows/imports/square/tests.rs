use super::*;
use crate::imports::Choices;
use crate::imports::csv;
use crate::imports::reading::{Reading, Rows};
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

/// All rows of a file, as the portions of an import take them.
struct Parsed<T> {
    rows: Vec<T>,
    refused: Vec<RowProblem>,
    warnings: Vec<RowProblem>,
    questions: Vec<DateQuestion>,
}

fn parsed<T>(sheet: &Sheet, mapping: &Mapping, options: &Options, take: impl Fn(Rows) -> Vec<T>) -> Parsed<T> {
    let choices = Choices { mapping: Some(mapping.clone()), ..Choices::default() };
    let reading = Reading::of(sheet.clone(), mapping.kind, options.clone(), &choices);
    let portion = reading.portion(0, usize::MAX, &HashSet::new());
    let mut warnings = Vec::new();
    let reader = Reader::new(sheet, mapping.clone(), options.clone());
    for row in sheet.rows() {
        let _ = reader.row(&row, &mut warnings);
    }
    Parsed { rows: take(portion.rows), refused: portion.refused, warnings, questions: reading.questions().to_vec() }
}

fn customers(sheet: &Sheet, mapping: &Mapping, options: &Options) -> Parsed<CustomerRow> {
    parsed(sheet, mapping, options, |rows| if let Rows::Customers(rows) = rows { rows } else { Vec::new() })
}

fn catalogue(sheet: &Sheet, mapping: &Mapping) -> Parsed<CatalogueRow> {
    parsed(sheet, mapping, &Options::default(), |rows| if let Rows::Catalogue(rows) = rows { rows } else { Vec::new() })
}

fn transactions(sheet: &Sheet, mapping: &Mapping, options: &Options) -> Parsed<TransactionRow> {
    parsed(sheet, mapping, options, |rows| if let Rows::Transactions(rows) = rows { rows } else { Vec::new() })
}

fn items(sheet: &Sheet, mapping: &Mapping, options: &Options) -> Parsed<ItemRow> {
    parsed(sheet, mapping, options, |rows| if let Rows::Items(groups) = rows { groups.concat() } else { Vec::new() })
}

fn appointments(sheet: &Sheet, mapping: &Mapping, options: &Options) -> Parsed<AppointmentRow> {
    parsed(sheet, mapping, options, |rows| if let Rows::Appointments(rows) = rows { rows } else { Vec::new() })
}

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
    assert_eq!(parsed.rows.len() + parsed.refused.len(), sheet.total());
    assert!(parsed.refused.is_empty() && parsed.questions.is_empty(), "{:?}", parsed.refused);
    assert!(parsed.rows.iter().any(|a| a.status == AppointmentStatus::NoShow));
    assert!(parsed.rows.iter().any(|a| a.services.len() == 3));
    let again = appointments(&sheet, &mapping, &Options::default());
    assert_eq!(parsed.rows, again.rows);
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

fn first_customer(file: &str) -> (CustomerRow, Vec<String>) {
    let (sheet, mapping) = open(file.as_bytes(), Kind::SquareCustomers);
    let mut parsed = customers(&sheet, &mapping, &Options { date_order: Some(DateOrder::MonthFirst), ..Options::default() });
    (parsed.rows.remove(0), parsed.warnings.iter().map(RowProblem::words).collect())
}

#[test]
fn tables_of_other_programs_are_read() {
    let (google, _) = first_customer(
        "First Name,Middle Name,Last Name,Labels,E-mail 1 - Label,E-mail 1 - Value,E-mail 2 - Value,Phone 1 - Label,Phone 1 - Value,Phone 2 - Value,\
         Address 1 - Formatted,Address 1 - Street,Address 1 - City,Address 1 - Region,Address 1 - Postal Code,Address 2 - Street,Address 2 - City\n\
         Ann,M,Lee,* myContacts ::: VIP,Home,ann@x.co,lee@x.co,Mobile,256-555-0101 ::: 256-555-0102,(256) 555-0103,\
         \"1 Elm St\nMadison, AL 35758\",1 Elm St,Madison,AL,35758,2 Oak St,Harvest\n",
    );
    assert_eq!((google.emails.len(), google.phones.len(), google.tags.as_slice()), (2, 3, &["VIP".to_owned()][..]));
    assert_eq!((google.address.unwrap().city, google.further.len(), google.further[0].city.as_str()), ("Madison".into(), 1, "Harvest"));
    assert_eq!(google.extra.iter().map(|e| e.1.as_str()).collect::<Vec<_>>(), ["M", "Home", "Mobile"]);
    let (outlook, _) = first_customer(
        "First Name,Last Name,Company,E-mail Address,E-mail 2 Address,Home Phone,Mobile Phone,Business Phone 2,Home Street,Home Street 2,Home City,\
         Business Street,Business City\nAnn,Lee,Panes,a@x.co,b@x.co,256-555-0101,256-555-0102,256-555-0103,1 Elm St,Apt 4,Madison,2 Oak St,Harvest\n",
    );
    assert_eq!((outlook.emails.len(), outlook.phones.len(), outlook.further.len()), (2, 3, 1));
    assert_eq!(outlook.address.unwrap().unit, "Apt 4");
    let (housecall, _) = first_customer(
        "First Name,Last Name,Display Name,Mobile Number,Home Number,Email,Additional Emails,Company,Role,Work Number,Tags,Notes,ID,\
         Address_1 Street Line 1,Address_1 Street Line 2,Address_1 City,Address_1 State,Address_1 Postal Code,Address_2 Street Line 1,Address_2 City\n\
         Ann,Lee,Ann Lee,256-555-0101,256-555-0102,a@x.co,\"b@x.co, c@x.co\",,,256-555-0103,\"VIP,Net 30\",Has a dog,=\"2\",1 Elm St,Unit B,Madison,AL,\
         35758,2 Oak St,Harvest\n",
    );
    assert_eq!((housecall.emails.len(), housecall.phones.len(), housecall.tags.len(), housecall.source_id.as_str()), (3, 3, 2, "id:2"));
    assert_eq!((housecall.address.unwrap().unit, housecall.further[0].street.as_str()), ("Unit B".into(), "2 Oak St"));
    let (jobber, _) = first_customer(
        "J-ID,Display Name,Company Name,First Name,Last Name,Main Phone #s,Mobile Phone #s,E-mails,Tags,Billing Street 1,Billing City,Service Street 1,\
         Service City\n7_12,Ann Lee,,Ann,Lee,256-555-0101;256-555-0102,256-555-0103,\"a@x.co,b@x.co\",VIP,1 Elm St,Madison,2 Oak St,Harvest\n",
    );
    assert_eq!((jobber.emails.len(), jobber.phones.len(), jobber.further.len(), jobber.source_id.as_str()), (2, 3, 1, "jobber:7"));
}

#[test]
fn what_was_changed_in_reading_is_said() {
    let file = |birthday: &str| format!("Square Customer ID,First Name,Phone Number,Birthday\nA1,Ann,1.25655501E+10,{birthday}\n");
    for (typed, read, said) in [
        ("3/25/48", Some("1948-03-25"), "was read as 25 March 1948"),
        ("3/25/1948", Some("1948-03-25"), ""),
        ("3/25/2048", None, "lies in the future"),
    ] {
        let (row, words) = first_customer(&file(typed));
        assert_eq!(row.birthday.as_deref(), read, "{typed}");
        assert!(words.iter().any(|w| w.contains("cut this number")) && words.iter().any(|w| w.contains(said)), "{words:?}");
        assert_eq!(row.note(), "Phone in the file: 1.25655501E+10");
    }
    let (sheet, mapping) = open(b"Token,Item Name,Price\nK1,Windows,129.999\n", Kind::SquareCatalogue);
    let parsed = catalogue(&sheet, &mapping);
    assert_eq!(
        (parsed.rows[0].price, parsed.warnings[0].words().as_str()),
        (Some(Decimal::from(130)), "Price: “129.999” was rounded to 130.00")
    );
    let sales = b"Date,Time,Time Zone,Gross Sales,Total Collected,Transaction ID,Customer ID,Customer Name\n\
        2026-03-06,11:00:00,Middle Earth,$50.00,$50.00,T1,,Ann Lee\n";
    let (sheet, mapping) = open(sales, Kind::SquareTransactions);
    let words: Vec<String> = transactions(&sheet, &mapping, &Options::default()).warnings.iter().map(RowProblem::words).collect();
    assert!(words.iter().any(|w| w.contains("Middle Earth")) && words.iter().any(|w| w.contains("No id for “Ann Lee”")), "{words:?}");
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
