use platform::action::Meta;

use super::*;

fn form(fields: &[(&str, &str)]) -> Form {
    fields.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect::<Vec<_>>().into()
}

#[test]
fn rows_get_the_numbers_of_the_actions_rows() {
    let mut f = form(&[("lines[7].price", "x"), ("lines[2].price", ""), ("lines[0].price", "5"), ("lines[300].price", "9"), ("note", "n")]);
    f.renumber("lines", |f, row| !f.get(&row.at("price")).is_empty());
    assert_eq!((f.get("lines[0].price"), f.get("lines[1].price"), f.rows("lines").len()), ("5", "x", 2));
    f.errors.add("lines[1].price", "Not a price");
    let html = f.money(f.rows("lines")[1].at("price"), "Price").to_string();
    assert!(html.contains("value=\"x\"") && html.contains("Not a price"), "{html}");
    assert_eq!(f.next_row("lines").at("price"), "lines[2].price");
}

#[test]
fn a_stale_edit_shows_both_versions_and_goes_on_from_theirs() {
    let stale = Conflict::Stale { table: "contacts", id: uuid::Uuid::nil(), version: 4 };
    let mut mine = form(&[("name", "Ann"), ("town", "Ulm"), ("tags", "a"), ("tags", "b")]);
    mine.meta = Meta { key: Some("k".into()), if_version: Some(2), ..Meta::default() };
    assert!(mine.settle::<()>(Err(Error::Conflict(stale))).unwrap().is_none());
    let saved = form(&[("name", "Anna"), ("town", "Ulm"), ("tags", "a")]).version(4);
    let shown = Form::editing(saved, Some(mine), &[("name", "Name"), ("town", "Town"), ("tags", "Tags")]);
    assert_eq!(shown.stale, [Stale::new("Name", "Anna", "Ann"), Stale::new("Tags", "a", "a, b")]);
    assert_eq!((shown.status().as_u16(), shown.meta.if_version, shown.meta.key.as_deref()), (409, Some(4), None));
    let html = shown.refusal().to_string();
    assert!(html.contains("Both versions") && html.contains("<td>Anna</td><td>Ann</td>"), "{html}");
}

#[test]
fn refused_input_is_sent_again_under_its_key_and_what_no_page_can_show_is_returned() {
    let mut f = form(&[("a", "x")]);
    f.meta = Meta { key: Some("k".into()), if_version: Some(2), ..Meta::default() };
    assert_eq!(f.must("a", |t| t.parse::<u8>().map_err(|_| "A number.")), None);
    let errors = Error::Invalid(f.errors.clone());
    assert!(f.settle::<()>(Err(errors)).unwrap().is_none());
    assert_eq!((f.status().as_u16(), f.meta.key.as_deref(), f.meta.if_version), (422, Some("k"), Some(2)));
    assert!(f.refusal().to_string().contains("A number."));
    for error in [Error::NotFound, Error::Forbidden, Error::Conflict(Conflict::OtherBusiness("B".into()))] {
        assert!(form(&[]).settle::<()>(Err(error)).is_err());
    }
}
