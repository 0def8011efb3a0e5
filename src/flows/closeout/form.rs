//! The wizard's form: its fields, and their conversion to and from a draft.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use rust_decimal::Decimal;

use super::{Draft, DraftAttribute, DraftLine, Next, Origin, Step, filling::Filling};
use platform::{
    ids::ServiceId,
    localtime::{parse_date, parse_time, to_utc, wall},
    money::parse_amount,
};
use ui::{Form, Row};
use work::{catalogue::Service, tickets::LineKind};

/// The groups of rows.
pub const LINES: &str = "lines";
pub const ATTRIBUTES: &str = "attributes";

/// Returns the step that a field belongs to; `None` if it belongs to no step.
pub fn step_of(field: &str) -> Option<Step> {
    match field.split(['_', '[']).next().unwrap_or_default() {
        "worked" | "lines" | "prices" => Some(Step::What),
        "notes" => Some(Step::Notes),
        "next" | "months" | "reach" => Some(Step::Next),
        "attributes" => Some(Step::Review),
        _ => None,
    }
}

/// Prepares a form as it was sent: names of an earlier release (pages kept on a phone, entries that wait there) become today's, rows are
/// numbered from 0, and a free time chosen instead takes the place of the one that clashed.
pub fn posted(mut form: Form) -> Form {
    form.rename(earlier_name);
    form.renumber(LINES, |_, _| true);
    if let Some((date, time)) = form.take("free").as_deref().and_then(|f| f.split_once('T')) {
        form.set("next_date", date);
        form.set("next_time", time);
    }
    form
}

/// Returns today's name of a field of an earlier release: `line_price_0` is `lines[0].unit_price`.
fn earlier_name(name: &str) -> Option<String> {
    let (field, i) = name.rsplit_once('_').filter(|(_, i)| i.parse::<usize>().is_ok())?;
    if field == "next_technician" {
        return Some("next_technicians".into());
    }
    let (list, field) = field.split_once('_')?;
    let field = match field {
        "service" => "service_id",
        "price" => "unit_price",
        "tax" => "tax_rate_id",
        other => other,
    };
    match list {
        "line" => Some(Row::of(LINES, i).at(field)),
        "attr" => Some(Row::of(ATTRIBUTES, i).at(field)),
        _ => None,
    }
}

/// Returns the filling session's key, and how many saves of the draft it has seen.
pub fn filling(form: &Form) -> Filling {
    Filling { key: form.some("filling").map(str::to_owned), seen: form.parsed("draft_version") }
}

/// Converts a draft to fields, to show a saved or new draft.
pub fn of_draft(draft: &Draft, zone: Tz) -> Form {
    let mut f = Form::default();
    if let Some(minutes) = draft.worked_minutes {
        f.set("worked_hours", minutes / 60);
        f.set("worked_minutes", minutes % 60);
    }
    for (i, l) in draft.lines.iter().enumerate() {
        let row = Row::of(LINES, i);
        f.set(row.at("id"), l.id.map(|x| x.0));
        f.set(row.at("service_id"), l.service_id.map(|x| x.0));
        f.set(row.at("kind"), l.kind.name());
        f.set(row.at("description"), &l.description);
        f.set(row.at("quantity"), l.quantity.normalize());
        f.set(row.at("unit_price"), l.unit_price);
        f.set(row.at("tax_rate_id"), l.tax_rate_id.map(|x| x.0));
    }
    f.set("lines_seen", &draft.lines_seen);
    f.set("notes", &draft.notes);
    let f = f.tick("prices_confirmed", draft.prices_confirmed);
    attributes_of(&draft.attributes, next_of(&draft.next, f, zone))
}

fn next_of(next: &Next, f: Form, zone: Tz) -> Form {
    match next {
        Next::Undecided => f,
        Next::No => f.with("next", "no"),
        Next::Book { starts_at, ends_at, technicians, override_reason } => {
            let start = wall(*starts_at, zone);
            let mut f = f
                .with("next", "book")
                .with("next_date", start.date())
                .with("next_time", start.time())
                .with("next_minutes", (*ends_at - *starts_at).num_minutes())
                .with("next_override", override_reason);
            for t in technicians {
                f.add("next_technicians", t.0);
            }
            f
        }
        Next::ReachOut { months, body } => f.with("next", "reach_out").with("months", months).with("reach_body", body),
    }
}

fn attributes_of(attributes: &[DraftAttribute], mut f: Form) -> Form {
    for (i, a) in attributes.iter().enumerate() {
        let row = Row::of(ATTRIBUTES, i);
        f.set(row.at("key"), &a.key);
        f.set(row.at("value"), &a.value);
        f.set(row.at("origin"), a.origin.name());
        f.set(row.at("was"), &a.was);
        f = f.tick(&row.at("keep"), a.keep);
    }
    f
}

/// Converts the fields to a draft. Fields that cannot be read leave their errors in the form; `Draft::faults` validates what is in them.
pub fn to_draft(form: &mut Form, services: &[Service], zone: Tz) -> Draft {
    Draft {
        worked_minutes: worked(form),
        lines: line_rows(form, services).iter().map(|row| line(form, row, services)).collect(),
        prices_confirmed: !form.get("prices_confirmed").is_empty(),
        notes: form.raw("notes").replace("\r\n", "\n"),
        next: next(form, zone),
        attributes: form.rows(ATTRIBUTES).iter().filter_map(|row| attribute(form, row)).collect(),
        lines_seen: Some(form.owned("lines_seen")),
    }
}

fn worked(form: &mut Form) -> Option<i32> {
    if form.get("worked_hours").is_empty() && form.get("worked_minutes").is_empty() {
        return None;
    }
    let mut read = |name: &str, error: &'static str| match form.get(name) {
        "" => Some(0),
        _ => form.must(name, |text| text.parse().ok().filter(|n| (0..=10_080).contains(n)).ok_or(error)),
    };
    let (hours, minutes): (Option<i32>, Option<i32>) =
        (read("worked_hours", "Hours are a whole number."), read("worked_minutes", "Minutes are a whole number."));
    hours?.checked_mul(60)?.checked_add(minutes?)
}

fn service<'a>(form: &Form, row: &Row, services: &'a [Service]) -> Option<&'a Service> {
    let id = form.parsed::<ServiceId>(&row.at("service_id"))?;
    services.iter().find(|s| s.id == id)
}

fn description(form: &Form, row: &Row, services: &[Service]) -> String {
    match form.get(&row.at("description")) {
        "" => service(form, row, services).map(|s| s.name.clone()).unwrap_or_default(),
        typed => typed.to_owned(),
    }
}

/// Returns the rows that are lines of the draft, in its order: without empty spare rows and removed rows.
pub fn line_rows(form: &Form, services: &[Service]) -> Vec<Row> {
    let mut rows = form.rows(LINES);
    rows.retain(|row| {
        form.has(&row.at("quantity")) && form.get(&row.at("drop")).is_empty() && !description(form, row, services).is_empty()
    });
    rows
}

fn line(form: &mut Form, row: &Row, services: &[Service]) -> DraftLine {
    let (service, description) = (service(form, row, services), description(form, row, services));
    let quantity = form.read(&row.at("quantity"), |typed| parse_amount(typed).map_err(|_| "How many? A number."));
    let id = form.parsed(&row.at("id"));
    let unit_price = match form.get(&row.at("unit_price")) {
        "" => service.and_then(|s| s.price).filter(|_| id.is_none()),
        _ => form.must(&row.at("unit_price"), |typed| parse_amount(typed).map_err(|_| "This is not an amount.")),
    };
    let kind = LineKind::from_name(form.get(&row.at("kind"))).or(service.and_then(|s| LineKind::from_name(s.kind.name())));
    DraftLine {
        id,
        service_id: form.parsed(&row.at("service_id")),
        kind: kind.unwrap_or(LineKind::Flexible),
        description,
        quantity: quantity.unwrap_or(Decimal::ONE),
        unit_price,
        tax_rate_id: form.parsed(&row.at("tax_rate_id")).or(service.and_then(|s| s.tax_rate_id)),
    }
}

fn next(form: &mut Form, zone: Tz) -> Next {
    match form.get("next") {
        "no" => Next::No,
        "reach_out" => {
            let body = form.some("reach_body").map(str::to_owned);
            let months = form.must("months", |months| months.parse().map_err(|_| "In how many months? 1 to 24."));
            months.map_or(Next::Undecided, |months| Next::ReachOut { months, body })
        }
        "book" => booking(form, zone).unwrap_or_default(),
        _ => Next::Undecided,
    }
}

fn booking(form: &mut Form, zone: Tz) -> Option<Next> {
    let (date, time) = (form.must("next_date", parse_date), form.must("next_time", parse_time));
    let minutes = form.must("next_minutes", |text| {
        text.parse::<i64>().ok().filter(|m| (1..=1440).contains(m)).ok_or("How long will it take? Minutes, up to a day.")
    });
    let starts_at: DateTime<Utc> = to_utc(date?, time?, zone);
    let technicians = form.all_parsed("next_technicians");
    let override_reason = form.some("next_override").map(str::to_owned);
    Some(Next::Book { starts_at, ends_at: starts_at + chrono::Duration::minutes(minutes?), technicians, override_reason })
}

fn attribute(form: &Form, row: &Row) -> Option<DraftAttribute> {
    let (key, value) = (form.owned(&row.at("key")), form.owned(&row.at("value")));
    if key.is_empty() && value.is_empty() {
        return None;
    }
    let origin = match form.get(&row.at("origin")) {
        "rules" => Origin::Rules,
        "model" => Origin::Model,
        _ => Origin::Typed,
    };
    let was = form.some(&row.at("was")).filter(|was| *was != value).map(str::to_owned);
    let keep = !form.get(&row.at("keep")).is_empty();
    Some(DraftAttribute { key: key.to_lowercase().replace(' ', "_"), value, keep, origin, confidence: None, was })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_earlier_release_kept_on_a_phone_is_understood() {
        let sent = [
            ("line_description_2", "Windows"),
            ("line_quantity_2", "1"),
            ("line_price_2", "1.2.3"),
            ("attr_key_0", "pet"),
            ("attr_value_0", "dog"),
            ("next_technician_1", "x"),
            ("free", "2026-11-25T09:00"),
            ("next_date", "2026-11-24"),
        ];
        let sent: Vec<_> = sent.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let mut form = posted(sent.into());
        let draft = to_draft(&mut form, &[], Tz::UTC);
        assert_eq!((draft.lines[0].description.as_str(), draft.attributes[0].value.as_str()), ("Windows", "dog"));
        assert_eq!(form.errors.0[0].field, "lines[0].unit_price");
        assert_eq!((form.get("next_technicians"), form.get("next_date"), form.get("next_time")), ("x", "2026-11-25", "09:00"));
    }
}
