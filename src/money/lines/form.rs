//! The rows of a form of lines. They are numbered fields (`line_price_0`). The page ends with a spare row for use without script; empty rows are
//! ignored. The markup is `templates/lines/_form.html`.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::PgConnection;

use super::{Line, MOST_LINES, NewLine};
use platform::{
    error::{FieldError, FieldErrors, Result},
    ids::ServiceId,
    money::{Currency, parse_amount},
};
use ui::Choice;
use work::catalogue::{self, TaxRate};

/// A form's fields as typed, by name.
pub type Typed = BTreeMap<String, String>;

const NO_TAX: &str = "none";
/// Prefix of a tax choice's rate id: keep the percentage that the draft holds, though the rate has changed since.
const KEPT: &str = "kept:";

/// One row's fields as typed.
pub struct Row {
    pub i: String,
    pub service: String,
    pub description: String,
    pub quantity: String,
    pub price: String,
    pub tax: String,
}

impl Row {
    pub fn name(&self, field: &str) -> String {
        format!("line_{field}_{}", self.i)
    }

    pub fn empty(i: impl ToString) -> Self {
        let none = String::new;
        Self { i: i.to_string(), service: none(), description: none(), quantity: none(), price: none(), tax: none() }
    }
}

/// A field as typed, trimmed; empty if it is not there.
pub fn text<'a>(typed: &'a Typed, name: &str) -> &'a str {
    typed.get(name).map_or("", |v| v.trim())
}

/// Numbers of the submitted rows, ascending.
fn numbers(typed: &Typed) -> Vec<usize> {
    let mut rows: Vec<usize> =
        typed.keys().filter_map(|k| k.strip_prefix("line_description_")?.parse().ok()).filter(|i| *i < MOST_LINES).collect();
    rows.sort_unstable();
    rows
}

fn row(typed: &Typed, i: usize) -> Row {
    let of = |field: &str| text(typed, &format!("line_{field}_{i}")).to_owned();
    Row {
        i: i.to_string(),
        service: of("service"),
        description: of("description"),
        quantity: of("quantity"),
        price: of("price"),
        tax: of("tax"),
    }
}

fn is_blank(row: &Row) -> bool {
    row.service.is_empty() && row.description.is_empty() && row.price.is_empty()
}

/// The rows that are filled in, and a spare one.
pub fn rows(typed: &Typed) -> Vec<Row> {
    let mut rows: Vec<Row> = numbers(typed).into_iter().map(|i| row(typed, i)).filter(|r| !is_blank(r)).collect();
    let next = rows.iter().filter_map(|r| r.i.parse::<usize>().ok()).max().map_or(0, |n| n + 1);
    rows.push(Row::empty(next));
    rows
}

/// What a row offers to choose from.
pub struct Choices {
    pub services: Vec<Choice>,
    pub taxes: Vec<Choice>,
}

impl Choices {
    /// Loads the services and taxes on offer, those that are typed, and those that the stored lines `there` hold.
    pub async fn load(db: &mut PgConnection, currency: Currency, typed: &Typed, there: &[Line]) -> Result<Self> {
        let mut services = vec![Choice::new("", "Something else")];
        let mut offered = catalogue::data::active(&mut *db).await?;
        for named in typed.iter().filter(|(name, _)| name.starts_with("line_service_")).filter_map(|(_, id)| id.parse::<ServiceId>().ok()) {
            if !offered.iter().any(|s| s.id == named) {
                // An unknown service is skipped here; the action rejects it.
                offered.extend(catalogue::data::service(&mut *db, named).await.ok());
            }
        }
        services.extend(offered.into_iter().map(|s| {
            let price = s.price.map(|p| format!(" · {}", currency.format(p))).unwrap_or_default();
            Choice::new(s.id, format!("{}{price}{}", s.name, archived(s.is_archived)))
        }));
        let mut taxes = vec![Choice::new("", "The service's, else the usual rate"), Choice::new(NO_TAX, "No tax")];
        let rates = catalogue::data::all_tax_rates(&mut *db, true).await?;
        let chosen = |id: &str| typed.iter().any(|(name, value)| name.starts_with("line_") && value == id);
        for t in rates.iter().filter(|t| !t.is_archived || chosen(&t.id.to_string())) {
            taxes.push(Choice::new(t.id, format!("{} {} %{}", t.name, t.percent.normalize(), archived(t.is_archived))));
        }
        let mut kept = BTreeSet::new();
        for l in there.iter().filter(|l| is_changed(l, &rates)) {
            let value = tax_of(l, &rates);
            if kept.insert(value.clone()) {
                taxes.push(Choice::new(value, format!("{} {} %, as before", l.tax_name, l.tax_percent.normalize())));
            }
        }
        Ok(Self { services, taxes })
    }
}

fn archived(is_archived: bool) -> &'static str {
    if is_archived { " (archived)" } else { "" }
}

/// Whether the tax rate has changed since it was copied onto the line.
fn is_changed(line: &Line, rates: &[TaxRate]) -> bool {
    let now = rates.iter().find(|r| Some(r.id) == line.tax_rate_id);
    now.is_some_and(|r| (r.percent, r.is_inclusive) != (line.tax_percent, line.tax_inclusive))
}

/// The value of the form's tax choice for a line.
fn tax_of(line: &Line, rates: &[TaxRate]) -> String {
    match line.tax_rate_id {
        None => NO_TAX.to_owned(),
        Some(id) if is_changed(line, rates) => format!("{KEPT}{id}"),
        Some(id) => id.to_string(),
    }
}

/// Writes stored lines into a form's fields.
pub async fn put(db: &mut PgConnection, typed: &mut Typed, lines: &[Line], currency: Currency) -> Result<()> {
    let rates = catalogue::data::all_tax_rates(db, true).await?;
    for (i, l) in lines.iter().enumerate() {
        let mut put = |field: &str, value: String| typed.insert(format!("line_{field}_{i}"), value);
        put("service", l.service_id.map(|s| s.to_string()).unwrap_or_default());
        put("description", l.description.clone());
        put("quantity", l.quantity.normalize().to_string());
        put("price", currency.plain(l.unit_price));
        put("tax", tax_of(l, &rates));
    }
    Ok(())
}

/// Reads the rows that are filled in. Returns the lines, and the row number of each, to map the action's errors back.
pub fn lines(typed: &Typed, currency: Currency, errors: &mut FieldErrors) -> (Vec<NewLine>, Vec<usize>) {
    let (mut lines, mut rows) = (Vec::new(), Vec::new());
    for i in numbers(typed) {
        let row = row(typed, i);
        if is_blank(&row) {
            continue;
        }
        rows.push(i);
        lines.push(line(&row, currency, errors));
    }
    (lines, rows)
}

fn line(row: &Row, currency: Currency, errors: &mut FieldErrors) -> NewLine {
    let mut number = |field: &str, typed: &str| {
        if typed.is_empty() {
            return None;
        }
        let read = if field == "quantity" { parse_amount(typed) } else { currency.parse(typed) };
        read.map_err(|e| errors.add(&row.name(field), e.0)).ok()
    };
    let (quantity, unit_price) = (number("quantity", &row.quantity), number("price", &row.price));
    NewLine {
        service_id: row.service.parse().ok(),
        description: Some(row.description.clone()).filter(|d| !d.is_empty()),
        quantity,
        unit_price,
        tax_rate_id: row.tax.trim_start_matches(KEPT).parse().ok(),
        no_tax: row.tax == NO_TAX,
        keep_tax: row.tax.starts_with(KEPT),
    }
}

/// Maps the action's errors to the form's fields: `lines[0].unit_price` becomes `line_price_3` if row 3 was the first filled one.
pub fn renamed(errors: FieldErrors, rows: &[usize]) -> FieldErrors {
    let field = |name: &str| -> Option<String> {
        let (at, what) = name.strip_prefix("lines[")?.split_once("].")?;
        let row = rows.get(at.parse::<usize>().ok()?)?;
        let what = match what {
            "unit_price" => "price",
            "service_id" => "service",
            "tax_rate_id" => "tax",
            other => other,
        };
        Some(format!("line_{what}_{row}"))
    };
    let rename = |e: FieldError| FieldError { field: field(&e.field).unwrap_or_else(|| e.field.clone()), ..e };
    FieldErrors(errors.0.into_iter().map(rename).collect())
}
