//! The guards are shown one fault of each kind and must see it, and the innocent twin beside it and must not.

use std::collections::BTreeMap;

use super::{Source, slice_of_function, sql, trespasses, upward};

fn owners() -> BTreeMap<String, String> {
    let of = |t: &str, s: &str| (t.to_owned(), s.to_owned());
    BTreeMap::from([of("contacts", "customers/contacts"), of("tickets", "work/tickets"), of("invoices", "money/invoices")])
}

#[test]
fn an_upward_use_is_seen_in_every_spelling() {
    for fault in [
        "use money::invoices::data;",
        "use ::{platform::app::App, money::{invoices::{data}}};",
        "fn f() { let x = money::invoices::data::list(); }",
        "fn f() { some_macro!(a, money::payments::PAID) }",
        "pub use flows::closeout::Step as S;",
    ] {
        let source = Source::parse("work/tickets/data/mod.rs", fault);
        assert_eq!(upward(&source).len(), 1, "{fault}: {:?}", upward(&source));
    }
    for innocent in
        ["use customers::contacts::data;", "use platform::money::Currency;", "#[cfg(test)] mod tests { use money::invoices::data; }"]
    {
        assert_eq!(upward(&Source::parse("work/tickets/data/mod.rs", innocent)), Vec::<String>::new(), "{innocent}");
    }
}

#[test]
fn a_later_slice_of_the_same_area_is_seen() {
    assert_eq!(upward(&Source::parse("money/invoices/data.rs", "use crate::payments::ledger;")).len(), 1);
    assert_eq!(upward(&Source::parse("money/payments/data.rs", "use crate::invoices::data;")), Vec::<String>::new());
}

#[test]
fn a_query_above_its_floor_and_a_foreign_write_are_seen() {
    let faults = |path: &str, code: &str| {
        let source = Source::parse(path, code);
        trespasses(&source.slice(), source.strings().iter().map(String::as_str), &owners())
    };
    let pair = |s: &str, t: &str| [(s.to_owned(), t.to_owned())].into_iter().collect();
    let (reads, writes) = faults(
        "customers/contacts/data.rs",
        r#"fn f() { sqlx::query!("select 1 from contacts c join tickets t on t.contact_id = c.id"); }"#,
    );
    assert_eq!((reads, writes), (pair("customers/contacts", "tickets"), [].into()));
    let (reads, writes) = faults("work/tickets/data.rs", r##"fn f() { q!("select a from", r#"  from contacts c, invoices i"#) }"##);
    assert_eq!((reads, writes), (pair("work/tickets", "invoices"), [].into()));
    let (reads, writes) = faults("money/payments/actions.rs", r#"fn f() { q("update invoices set state = 'paid'"); }"#);
    assert_eq!((reads, writes), ([].into(), pair("money/payments", "invoices")));
    let (reads, writes) =
        faults("views/today/data.rs", r#"fn f() { q("select 1 from invoices"); say("We could not delete from contacts"); }"#);
    assert_eq!((reads, writes.len()), ([].into(), 1), "a sentence that reads like SQL counts as SQL, rather than the other way");
}

#[test]
fn a_table_without_an_owner_is_seen() {
    let (_, orphans) = sql::owners(&["create table quotes (\n id uuid\n);".into(), "comment on table other is 'money/quotes';".into()]);
    assert_eq!(orphans, ["quotes"]);
}

#[test]
fn a_function_above_its_floor_is_seen() {
    let text = "-- version: 1\ncreate or replace function app.fold(t text) returns text language sql begin atomic select number from tickets; end;";
    let slice = slice_of_function("contacts_fold.sql").unwrap();
    let (reads, _) = trespasses(&slice, [text], &owners());
    assert_eq!(reads, [("customers/contacts".to_owned(), "tickets".to_owned())].into());
    assert_eq!(slice_of_function("platform_enter.sql").as_deref(), Some("platform"));
    assert_eq!(slice_of_function("outbox_due_messages.sql").as_deref(), Some("messages/outbox"));
    assert_eq!(slice_of_function("nobodys_table.sql"), None);
}
