//! The form of a draft. Its rows are those of every document with lines.

use axum::{
    extract::{Path, Query},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use rust_decimal::Decimal;
use serde::Deserialize;

use super::printed;
use crate::{
    invoices::{
        InvoiceState,
        actions::{CreateFromTicket, CreateInvoice, UpdateInvoice},
        data,
    },
    lines::{
        NewLine, Printed,
        form::{self, Choices, Row, Typed, text},
    },
};
use customers::contacts;
use platform::{
    error::{Error, FieldError, FieldErrors, Result},
    form::Posted,
    ids::{ContactId, InvoiceId, TicketId},
    money::{Currency, parse_amount},
    role::Capability,
    tenant::{Read, Write},
};

#[derive(askama::Template)]
#[template(path = "invoices/form.html")]
struct Form {
    head: ui::Head,
    typed: Typed,
    rows: Vec<Row>,
    blank: Row,
    choices: Choices,
    symbol: &'static str,
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

async fn page(r: &mut Read, id: Option<InvoiceId>, mut typed: Typed, errors: FieldErrors) -> Result<Form> {
    data::must_see_money(&r.who)?;
    let currency = r.who.currency;
    let there = match id {
        Some(id) => data::lines(r.db(), id).await?,
        None => vec![],
    };
    let choices = Choices::load(r.db(), currency, &typed, &there).await?;
    if let Ok(contact) = text(&typed, "contact_id").parse::<ContactId>() {
        let who = r.who.clone();
        contacts::data::visible(r.db(), &who, contact).await?;
        let name = contacts::data::summary(r.db(), contact).await?.name;
        typed.insert("customer".into(), name);
    }
    let (title, back) = match id {
        None => ("New invoice", ("/invoices".to_owned(), "Invoices")),
        Some(id) => ("Edit the draft", (format!("/invoices/{id}"), "Draft")),
    };
    Ok(Form {
        head: ui::Head::of(r, "invoices").title(title).back(back.0, back.1),
        rows: form::rows(&typed),
        typed,
        blank: Row::empty("__i__"),
        choices,
        symbol: currency.symbol(),
        is_of_ticket: false,
        version: None,
        key: None,
        stale: None,
        is_over: false,
        errors,
    })
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
    let (lines, rows) = form::lines(typed, currency, &mut errors);
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
    let currency = w.who.currency;
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
    let Error::Invalid(errors) = e else { return e };
    let rename = |e: FieldError| match e.field.as_str() {
        "contact_id" => FieldError { field: "customer".into(), ..e },
        "lines" => FieldError { field: String::new(), ..e },
        _ => e,
    };
    Error::Invalid(FieldErrors(form::renamed(errors, rows).0.into_iter().map(rename).collect()))
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
    let lines = data::lines(r.db(), id).await?;
    form::put(r.db(), &mut typed, &lines, money).await?;
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
    let currency = w.who.currency;
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
