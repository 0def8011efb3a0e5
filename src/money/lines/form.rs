//! The rows of a form of lines, fields such as `lines[0].unit_price`. The page ends with a spare row for use without script; empty rows are ignored.
//! The markup is `templates/lines/_form.html`.

use std::collections::BTreeSet;

use sqlx::PgConnection;

use super::{Line, NewLine};
use platform::{
    error::Result,
    ids::ServiceId,
    money::{Currency, parse_amount},
};
use ui::{Choice, Form, Row};
use work::catalogue::{self, TaxRate};

/// The group of rows that are the document's lines.
const LINES: &str = "lines";
const NO_TAX: &str = "none";
/// Prefix of a tax choice's rate id: keep the percentage that the draft holds, though the rate has changed since.
const KEPT: &str = "kept:";

/// Leaves out rows in which nothing was chosen or typed.
pub fn renumber(form: &mut Form) {
    form.renumber(LINES, |form, row| ["service_id", "description", "unit_price"].iter().any(|field| !form.get(&row.at(field)).is_empty()));
}

/// The rows of a renumbered form, and a spare one.
pub fn rows(form: &Form) -> Vec<Row> {
    let mut rows = form.rows(LINES);
    rows.push(form.next_row(LINES));
    rows
}

/// The row that the page's script copies.
pub fn blank() -> Row {
    Row::of(LINES, "__i__")
}

/// What a row offers to choose from.
pub struct Choices {
    pub services: Vec<Choice>,
    pub taxes: Vec<Choice>,
}

impl Choices {
    /// Loads the services and taxes on offer, those that are typed, and those that the stored lines `there` hold.
    pub async fn load(db: &mut PgConnection, currency: Currency, form: &Form, there: &[Line]) -> Result<Self> {
        let rows = form.rows(LINES);
        let mut services = vec![Choice::new("", "Something else")];
        let mut offered = catalogue::data::active(&mut *db).await?;
        for named in rows.iter().filter_map(|row| form.parsed::<ServiceId>(&row.at("service_id"))) {
            if !offered.iter().any(|s| s.id == named) {
                // An unknown service is skipped here; the action rejects it.
                offered.extend(catalogue::data::service(&mut *db, named).await.ok());
            }
        }
        services.extend(offered.into_iter().map(|s| {
            let price = s.price.map(|p| format!(" · {}", currency.format(p))).unwrap_or_default();
            Choice::new(s.id, format!("{}{price}{}", s.name, archived(s.is_archived))).price(s.price.map(|p| currency.plain(p)))
        }));
        let mut taxes = vec![Choice::new("", "The service's, else the usual rate"), Choice::new(NO_TAX, "No tax")];
        let rates = catalogue::data::all_tax_rates(&mut *db, true).await?;
        let chosen = |id: &str| rows.iter().any(|row| form.get(&row.at("tax_rate_id")) == id);
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
pub async fn put(db: &mut PgConnection, form: &mut Form, lines: &[Line], currency: Currency) -> Result<()> {
    let rates = catalogue::data::all_tax_rates(db, true).await?;
    for (i, l) in lines.iter().enumerate() {
        let row = Row::of(LINES, i);
        form.set(row.at("service_id"), l.service_id.map(|s| s.0));
        form.set(row.at("tax_rate_id"), tax_of(l, &rates));
        form.set(row.at("description"), &l.description);
        form.set(row.at("quantity"), l.quantity.normalize());
        form.set(row.at("unit_price"), currency.plain(l.unit_price));
    }
    Ok(())
}

/// Reads the rows of a renumbered form. What can't be read is an error of its field in the form.
pub fn lines(form: &mut Form, currency: Currency) -> Vec<NewLine> {
    form.rows(LINES).iter().map(|row| line(form, row, currency)).collect()
}

fn line(form: &mut Form, row: &Row, currency: Currency) -> NewLine {
    let quantity = form.read(&row.at("quantity"), parse_amount);
    let unit_price = form.read(&row.at("unit_price"), |typed| currency.parse(typed));
    let tax = form.get(&row.at("tax_rate_id"));
    NewLine {
        service_id: form.parsed(&row.at("service_id")),
        description: form.some(&row.at("description")).map(str::to_owned),
        quantity,
        unit_price,
        tax_rate_id: tax.trim_start_matches(KEPT).parse().ok(),
        no_tax: tax == NO_TAX,
        keep_tax: tax.starts_with(KEPT),
    }
}
