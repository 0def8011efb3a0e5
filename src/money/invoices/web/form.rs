//! The form of a draft. Rows are numbered fields (`line_price_0`). The page ends with a spare row for use without script; empty rows are
//! ignored.

use std::collections::{BTreeMap, BTreeSet};

use axum::{
    extract::{Path, Query},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use rust_decimal::Decimal;
use serde::Deserialize;

use super::{Printed, printed};
use crate::invoices::{
    self, InvoiceState,
    actions::{CreateFromTicket, CreateInvoice, NewLine, UpdateInvoice},
    data,
};
use customers::contacts;
use platform::{
    error::{Error, FieldError, FieldErrors, Result},
    form::Posted,
    ids::{ContactId, InvoiceId, ServiceId, TicketId},
    money::{Currency, parse_amount},
    role::Capability,
    tenant::{Read, Write},
};
use ui::Choice;
use work::catalogue::{self, TaxRate};

type Typed = BTreeMap<String, String>;

const NO_TAX: &str = "none";
/// Prefix of a tax choice's rate id: keep the percentage that the draft holds, though the rate has changed since.
const KEPT: &str = "kept:";

/// One row's fields as typed.
struct Row {
    i: String,
    service: String,
    description: String,
    quantity: String,
    price: String,
    tax: String,
}

impl Row {
    fn name(&self, field: &str) -> String {
        format!("line_{field}_{}", self.i)
    }

    fn empty(i: impl ToString) -> Self {
        let none = String::new;
        Self { i: i.to_string(), service: none(), description: none(), quantity: none(), price: none(), tax: none() }
    }
}

#[derive(askama::Template)]
#[template(path = "invoices/form.html")]
struct Form {
    head: ui::Head,
    typed: Typed,
    rows: Vec<Row>,
    blank: Row,
    services: Vec<Choice>,
    taxes: Vec<Choice>,
    symbol: &'static str,
    /// Nothing, in the business's currency: the running total's format.
    zero: String,
    /// The draft belongs to a ticket, so its customer can't be changed.
    is_of_ticket: bool,
    version: Option<i32>,
    key: Option<String>,
    /// The stored draft, if it was changed since the form was loaded.
    stale: Option<Printed>,
    /// The draft was issued or discarded since the form was loaded and can't be saved any more.
    is_over: bool,
    errors: FieldErrors,
}

impl Form {
    fn of(&self, name: &str) -> &str {
        self.typed.get(name).map_or("", String::as_str)
    }
}

fn text<'a>(typed: &'a Typed, name: &str) -> &'a str {
    typed.get(name).map_or("", |v| v.trim())
}

/// Numbers of the submitted rows, ascending.
fn numbers(typed: &Typed) -> Vec<usize> {
    let mut rows: Vec<usize> =
        typed.keys().filter_map(|k| k.strip_prefix("line_description_")?.parse().ok()).filter(|i| *i < 200).collect();
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

async fn page(r: &mut Read, id: Option<InvoiceId>, mut typed: Typed, errors: FieldErrors) -> Result<Form> {
    data::must_see_money(&r.who)?;
    let currency = invoices::currency(&r.who.currency);
    let mut services = vec![Choice::new("", "Something else")];
    let mut offered = catalogue::data::active(r.db()).await?;
    for named in typed.iter().filter(|(name, _)| name.starts_with("line_service_")).filter_map(|(_, id)| id.parse::<ServiceId>().ok()) {
        if !offered.iter().any(|s| s.id == named) {
            // An unknown service is skipped here; the action rejects it.
            offered.extend(catalogue::data::service(r.db(), named).await.ok());
        }
    }
    services.extend(offered.into_iter().map(|s| {
        let price = s.price.map(|p| format!(" · {}", currency.format(p))).unwrap_or_default();
        Choice::new(s.id, format!("{}{price}{}", s.name, archived(s.is_archived))).price(s.price.map(|p| currency.plain(p)))
    }));
    let mut taxes = vec![Choice::new("", "The service's, else the usual rate"), Choice::new(NO_TAX, "No tax")];
    let rates = catalogue::data::all_tax_rates(r.db(), true).await?;
    let chosen = |id: &str| typed.iter().any(|(name, value)| name.starts_with("line_") && value == id);
    for t in rates.iter().filter(|t| !t.is_archived || chosen(&t.id.to_string())) {
        taxes.push(Choice::new(t.id, format!("{} {} %{}", t.name, t.percent.normalize(), archived(t.is_archived))));
    }
    if let Some(id) = id {
        let mut kept = BTreeSet::new();
        for l in data::lines(r.db(), id).await?.iter().filter(|l| is_changed(l, &rates)) {
            let value = tax_of(l, &rates);
            if kept.insert(value.clone()) {
                taxes.push(Choice::new(value, format!("{} {} %, as before", l.tax_name, l.tax_percent.normalize())));
            }
        }
    }
    if let Ok(contact) = text(&typed, "contact_id").parse::<ContactId>() {
        let who = r.who.clone();
        contacts::data::visible(r.db(), &who, contact).await?;
        let name = contacts::data::summary(r.db(), contact).await?.name;
        typed.insert("customer".into(), name);
    }
    let mut rows: Vec<Row> = numbers(&typed).into_iter().map(|i| row(&typed, i)).filter(|r| !is_blank(r)).collect();
    let next = rows.iter().filter_map(|r| r.i.parse::<usize>().ok()).max().map_or(0, |n| n + 1);
    rows.push(Row::empty(next));
    let (title, back) = match id {
        None => ("New invoice", ("/invoices".to_owned(), "Invoices")),
        Some(id) => ("Edit the draft", (format!("/invoices/{id}"), "Draft")),
    };
    Ok(Form {
        head: ui::Head::of(r, "invoices").title(title).back(back.0, back.1),
        typed,
        rows,
        blank: Row::empty("__i__"),
        services,
        taxes,
        symbol: currency.symbol(),
        zero: currency.format(Decimal::ZERO),
        is_of_ticket: false,
        version: None,
        key: None,
        stale: None,
        is_over: false,
        errors,
    })
}

fn archived(is_archived: bool) -> &'static str {
    if is_archived { " (archived)" } else { "" }
}

/// Whether the tax rate has changed since it was copied onto the line.
fn is_changed(line: &data::Line, rates: &[TaxRate]) -> bool {
    let now = rates.iter().find(|r| Some(r.id) == line.tax_rate_id);
    now.is_some_and(|r| (r.percent, r.is_inclusive) != (line.tax_percent, line.tax_inclusive))
}

/// The value of the form's tax choice for a line.
fn tax_of(line: &data::Line, rates: &[TaxRate]) -> String {
    match line.tax_rate_id {
        None => NO_TAX.to_owned(),
        Some(id) if is_changed(line, rates) => format!("{KEPT}{id}"),
        Some(id) => id.to_string(),
    }
}

/// The form's fields, parsed.
struct Meant {
    contact_id: ContactId,
    lines: Vec<NewLine>,
    discount_percent: Option<Decimal>,
    discount_amount: Option<Decimal>,
    note: String,
    terms_days: Option<i32>,
    /// The form's row number of each line, to map the action's errors back.
    rows: Vec<usize>,
}

fn meant(typed: &Typed, currency: Currency) -> Result<Meant> {
    let mut errors = FieldErrors::default();
    let contact = text(typed, "contact_id").parse::<ContactId>();
    if contact.is_err() {
        errors.add("customer", "Choose a customer from the list, or start on their page.");
    }
    let (mut lines, mut rows) = (Vec::new(), Vec::new());
    for i in numbers(typed) {
        let row = row(typed, i);
        if is_blank(&row) {
            continue;
        }
        rows.push(i);
        lines.push(line(&row, currency, &mut errors));
    }
    let discount = text(typed, "discount");
    let (mut percent, mut amount) = (None, None);
    if let Some(number) = discount.strip_suffix('%') {
        match parse_amount(number.trim()) {
            Ok(p) => percent = Some(p),
            Err(_) => errors.add("discount", "Write a percentage like 10 %, or an amount."),
        }
    } else if !discount.is_empty() {
        match currency.parse(discount) {
            Ok(a) => amount = Some(a),
            Err(e) => errors.add("discount", e.0),
        }
    }
    let terms = text(typed, "terms_days");
    let terms_days = match terms.parse::<i32>() {
        Ok(days) => Some(days),
        Err(_) if terms.is_empty() => None,
        Err(_) => {
            errors.add("terms_days", "A number of days, like 14.");
            None
        }
    };
    errors.into_result()?;
    Ok(Meant {
        contact_id: contact.unwrap_or_default(),
        lines,
        discount_percent: percent,
        discount_amount: amount,
        note: text(typed, "note").to_owned(),
        terms_days,
        rows,
    })
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
fn renamed(errors: FieldErrors, rows: &[usize]) -> FieldErrors {
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
    let rename = |e: FieldError| match e.field.as_str() {
        "contact_id" => FieldError { field: "customer".into(), ..e },
        "lines" => FieldError { field: String::new(), ..e },
        name => FieldError { field: field(name).unwrap_or_else(|| name.to_owned()), ..e },
    };
    FieldErrors(errors.0.into_iter().map(rename).collect())
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// Empty until a customer is chosen.
    contact_id: String,
    search: String,
}

/// `GET /invoices/new`: the form for the chosen customer, or the customer search if none is chosen.
pub async fn new(mut r: Read, Query(asked): Query<Asked>) -> Result<ui::Html> {
    r.who.require_capability(Some(Capability::Invoices))?;
    if asked.contact_id.is_empty() {
        let head = ui::Head::of(&r, "invoices").title("New invoice").sub("Whom is it for?").back("/invoices", "Invoices");
        return contacts::web::pick(&mut r, head, "/invoices/new", asked.search).await;
    }
    let mut typed = Typed::from([("contact_id".to_owned(), asked.contact_id)]);
    typed.insert("terms_days".into(), data::sender(r.db()).await?.payment_terms_days.to_string());
    ui::page(&page(&mut r, None, typed, FieldErrors::default()).await?)
}

/// `POST /invoices/new`
pub async fn create(w: Write, form: Posted<Typed>) -> Result<Response> {
    let (typed, meta) = (form.value, form.meta);
    let currency = invoices::currency(&w.who.currency);
    let result = match meant(&typed, currency) {
        Ok(m) => {
            let action = CreateInvoice {
                id: None,
                contact_id: m.contact_id,
                lines: m.lines,
                discount_percent: m.discount_percent,
                discount_amount: m.discount_amount,
                note: m.note,
                terms_days: m.terms_days,
            };
            w.act(&meta, action).await.map_err(|e| in_form(e, &m.rows))
        }
        Err(e) => Err(e),
    };
    match result {
        Ok(made) => Ok(ui::redirect(&format!("/invoices/{}", made.id), "Draft made")),
        Err(Error::Invalid(errors)) => {
            let mut form = page(&mut w.read().await?, None, typed, errors).await?;
            form.key = meta.key;
            Ok(ui::invalid(&form)?.into_response())
        }
        // Creating a draft has only one conflict: the same form was submitted before (reached again with the browser's back button).
        Err(Error::Conflict { .. }) if meta.is_of(w.who.org) => {
            let words = "A draft was made from this form already. Saving now makes another one from what is typed here.";
            let form = page(&mut w.read().await?, None, typed, FieldErrors::whole(words)).await?;
            Ok(ui::with_status(StatusCode::CONFLICT, &form)?.into_response())
        }
        Err(e) => Err(e),
    }
}

fn in_form(e: Error, rows: &[usize]) -> Error {
    if let Error::Invalid(errors) = e { Error::Invalid(renamed(errors, rows)) } else { e }
}

/// Loads a draft and its values for the form's fields.
async fn filled(r: &mut Read, id: InvoiceId) -> Result<(Typed, data::Invoice)> {
    let who = r.who.clone();
    let invoice = data::visible(r.db(), &who, id).await?;
    let money = invoice.money();
    let discount = match (invoice.discount_percent, invoice.discount_amount) {
        (Some(p), _) => format!("{} %", p.normalize()),
        (None, Some(a)) => money.plain(a),
        (None, None) => String::new(),
    };
    let mut typed = Typed::from([
        ("contact_id".to_owned(), invoice.contact_id.to_string()),
        ("discount".to_owned(), discount),
        ("note".to_owned(), invoice.note.clone()),
        ("terms_days".to_owned(), invoice.terms_days.to_string()),
    ]);
    let rates = catalogue::data::all_tax_rates(r.db(), true).await?;
    for (i, l) in data::lines(r.db(), id).await?.into_iter().enumerate() {
        let tax = tax_of(&l, &rates);
        let mut put = |field: &str, value: String| typed.insert(format!("line_{field}_{i}"), value);
        put("service", l.service_id.map(|s| s.to_string()).unwrap_or_default());
        put("description", l.description);
        put("quantity", l.quantity.normalize().to_string());
        put("price", money.plain(l.unit_price));
        put("tax", tax);
    }
    Ok((typed, invoice))
}

/// `GET /invoices/{id}/edit`
pub async fn edit(mut r: Read, Path(id): Path<InvoiceId>) -> Result<Response> {
    r.who.require_capability(Some(Capability::Invoices))?;
    let (typed, invoice) = filled(&mut r, id).await?;
    if invoice.state != InvoiceState::Draft {
        return Ok(ui::redirect(&format!("/invoices/{id}"), "This invoice is issued and can't be changed."));
    }
    let mut form = page(&mut r, Some(id), typed, FieldErrors::default()).await?;
    (form.version, form.is_of_ticket) = (Some(invoice.version), invoice.ticket_id.is_some());
    Ok(ui::page(&form)?.into_response())
}

/// `POST /invoices/{id}/edit`. On a version conflict, answers 409 with the stored draft beside the typed values.
pub async fn update(w: Write, Path(id): Path<InvoiceId>, form: Posted<Typed>) -> Result<Response> {
    let (typed, meta) = (form.value, form.meta);
    let currency = invoices::currency(&w.who.currency);
    let result = match meant(&typed, currency) {
        Ok(m) => {
            let action = UpdateInvoice {
                invoice_id: id,
                contact_id: Some(m.contact_id),
                lines: Some(m.lines),
                no_discount: m.discount_percent.is_none() && m.discount_amount.is_none(),
                discount_percent: m.discount_percent,
                discount_amount: m.discount_amount,
                note: Some(m.note),
                terms_days: m.terms_days,
            };
            w.act(&meta, action).await.map_err(|e| in_form(e, &m.rows))
        }
        Err(e) => Err(e),
    };
    match result {
        Ok(_) => Ok(ui::redirect(&format!("/invoices/{id}"), "Saved")),
        Err(Error::Invalid(errors)) => {
            let mut r = w.read().await?;
            let invoice = data::visible(r.db(), &w.who, id).await?;
            let mut form = page(&mut r, Some(id), typed, errors).await?;
            (form.key, form.version, form.is_of_ticket) = (meta.key, meta.if_version, invoice.ticket_id.is_some());
            Ok(ui::invalid(&form)?.into_response())
        }
        Err(Error::Conflict { .. }) if meta.is_of(w.who.org) => {
            let mut r = w.read().await?;
            let invoice = data::visible(r.db(), &w.who, id).await?;
            let (lines, taxes) = data::lines_and_taxes(r.db(), id).await?;
            let mut form = page(&mut r, Some(id), typed, FieldErrors::default()).await?;
            (form.version, form.is_of_ticket) = (Some(invoice.version), invoice.ticket_id.is_some());
            form.stale = Some(printed(&invoice, &lines, &taxes));
            form.is_over = invoice.state != InvoiceState::Draft;
            Ok(ui::with_status(StatusCode::CONFLICT, &form)?.into_response())
        }
        Err(e) => Err(e),
    }
}

#[derive(Debug, Deserialize)]
pub struct Nothing {}

/// `POST /tickets/{id}/invoice`: creates the invoice draft of a closed ticket, or opens the ticket's existing invoice.
pub async fn from_ticket(w: Write, Path(id): Path<TicketId>, form: Posted<Nothing>) -> Result<Response> {
    let made = w.act(&form.meta, CreateFromTicket { id: None, ticket_id: id }).await?;
    let words = if made.is_new { "Draft made from the ticket" } else { "This ticket has its invoice already" };
    Ok(ui::redirect(&format!("/invoices/{}", made.id), words))
}
