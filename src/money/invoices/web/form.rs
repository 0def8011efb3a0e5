//! The form of a draft. Its rows are those of every document with lines.

use axum::{
    extract::{Path, Query},
    response::{IntoResponse, Response},
};
use rust_decimal::Decimal;
use serde::Deserialize;

use super::printed;
use crate::{
    invoices::{
        InvoiceState,
        actions::{CreateFromTicket, CreateInvoice, Created, UpdateInvoice},
        data,
    },
    lines::{
        NewLine, Printed,
        form::{self, Choices},
    },
};
use customers::contacts;
use platform::{
    error::Result,
    ids::{ContactId, InvoiceId, TicketId},
    money::{Currency, parse_amount},
    role::Capability,
    tenant::{Read, Write},
};
use ui::{Form, Row};

#[derive(askama::Template)]
#[template(path = "invoices/form.html")]
struct Page {
    head: ui::Head,
    form: Form,
    rows: Vec<Row>,
    blank: Row,
    choices: Choices,
    symbol: &'static str,
    /// Nothing, in the business's currency: the running total's format.
    zero: String,
    /// The draft belongs to a ticket, so its customer can't be changed.
    is_of_ticket: bool,
    /// The stored draft, if it was changed since the form was loaded.
    stale: Option<Printed>,
    /// The draft was issued or discarded since the form was loaded and can't be saved any more.
    is_over: bool,
}

async fn page(r: &mut Read, id: Option<InvoiceId>, mut form: Form) -> Result<Page> {
    data::must_see_money(&r.who)?;
    form::renumber(&mut form);
    form.errors.rename(|field| {
        match field {
            "contact_id" => "customer",
            "lines" => "",
            other => other,
        }
        .to_owned()
    });
    let currency = r.who.currency;
    let there = match id {
        Some(id) => data::lines(r.db(), id).await?,
        None => vec![],
    };
    let choices = Choices::load(r.db(), currency, &form, &there).await?;
    if let Some(contact) = form.parsed::<ContactId>("contact_id") {
        let who = r.who.clone();
        contacts::data::visible(r.db(), &who, contact).await?;
        let name = contacts::data::summary(r.db(), contact).await?.name;
        form.set("customer", name);
    }
    let (title, back) = match id {
        None => ("New invoice", ("/invoices".to_owned(), "Invoices")),
        Some(id) => ("Edit the draft", (format!("/invoices/{id}"), "Draft")),
    };
    Ok(Page {
        head: ui::Head::of(r, "invoices").title(title).back(back.0, back.1),
        rows: form::rows(&form),
        form,
        blank: form::blank(),
        choices,
        symbol: currency.symbol(),
        zero: currency.format(Decimal::ZERO),
        is_of_ticket: false,
        stale: None,
        is_over: false,
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
}

fn meant(form: &mut Form, currency: Currency) -> Option<Meant> {
    form::renumber(form);
    let contact = form.must("contact_id", |id| id.parse().map_err(|_| "Choose a customer from the list, or start on their page."));
    let lines = form::lines(form, currency);
    let (discount_percent, discount_amount) = match form.get("discount").strip_suffix('%') {
        Some(_) => (form.read("discount", percent), None),
        None => (None, form.read("discount", |typed| currency.parse(typed))),
    };
    let terms_days = form.read("terms_days", |days| days.parse().map_err(|_| "A number of days, like 14."));
    Some(Meant { contact_id: contact?, lines, discount_percent, discount_amount, note: form.owned("note"), terms_days })
}

fn percent(typed: &str) -> Result<Decimal, &'static str> {
    parse_amount(typed.trim_end_matches('%').trim()).map_err(|_| "Write a percentage like 10 %, or an amount.")
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
    let terms = data::sender(r.db()).await?.payment_terms_days;
    let form = Form::default().with("contact_id", asked.contact_id).with("terms_days", terms);
    ui::page(&page(&mut r, None, form).await?)
}

/// `POST /invoices/new`
pub async fn create(w: Write, mut form: Form) -> Result<Response> {
    let action = meant(&mut form, w.who.currency).map(|m| CreateInvoice {
        id: None,
        contact_id: m.contact_id,
        lines: m.lines,
        discount_percent: m.discount_percent,
        discount_amount: m.discount_amount,
        note: m.note,
        terms_days: m.terms_days,
    });
    let page = async |r: &mut Read, mut form: Form| {
        // Reached again with the browser's back button.
        if form.is_repeated() {
            form.notice = "A draft was made from this form already. Saving now makes another one from what is typed here.".into();
        }
        page(r, None, form).await
    };
    form.run(&w, action, |made: Created| ui::redirect(&format!("/invoices/{}", made.id), "Draft made"), page).await
}

/// Loads a draft and its values for the form's fields.
async fn filled(r: &mut Read, id: InvoiceId) -> Result<(Form, data::Invoice)> {
    let who = r.who.clone();
    let invoice = data::visible(r.db(), &who, id).await?;
    let money = invoice.money();
    let discount = match (invoice.discount_percent, invoice.discount_amount) {
        (Some(p), _) => format!("{} %", p.normalize()),
        (None, Some(a)) => money.plain(a),
        (None, None) => String::new(),
    };
    let mut form = Form::default()
        .version(invoice.version)
        .with("contact_id", invoice.contact_id.0)
        .with("discount", discount)
        .with("note", &invoice.note)
        .with("terms_days", invoice.terms_days);
    let lines = data::lines(r.db(), id).await?;
    form::put(r.db(), &mut form, &lines, money).await?;
    Ok((form, invoice))
}

/// `GET /invoices/{id}/edit`
pub async fn edit(mut r: Read, Path(id): Path<InvoiceId>) -> Result<Response> {
    r.who.require_capability(Some(Capability::Invoices))?;
    let (form, invoice) = filled(&mut r, id).await?;
    if invoice.state != InvoiceState::Draft {
        return Ok(ui::redirect(&format!("/invoices/{id}"), "This invoice is issued and can't be changed."));
    }
    let page = page(&mut r, Some(id), form).await?;
    Ok(ui::page(&Page { is_of_ticket: invoice.ticket_id.is_some(), ..page })?.into_response())
}

/// The page of a draft whose form was refused; after a conflict with the stored draft beside the typed values.
async fn refused_page(r: &mut Read, id: InvoiceId, mut form: Form) -> Result<Page> {
    let who = r.who.clone();
    let invoice = data::visible(r.db(), &who, id).await?;
    let stale = if form.is_conflict() {
        // The page says it in its own words, with the whole draft instead of single fields.
        form.notice.clear();
        form.meta.if_version = Some(invoice.version);
        let (lines, taxes) = data::lines_and_taxes(r.db(), id).await?;
        Some(printed(&invoice, &lines, &taxes))
    } else {
        None
    };
    let is_over = stale.is_some() && invoice.state != InvoiceState::Draft;
    Ok(Page { is_of_ticket: invoice.ticket_id.is_some(), stale, is_over, ..page(r, Some(id), form).await? })
}

/// `POST /invoices/{id}/edit`. On a version conflict, answers 409 with the stored draft beside the typed values.
pub async fn update(w: Write, Path(id): Path<InvoiceId>, mut form: Form) -> Result<Response> {
    let action = meant(&mut form, w.who.currency).map(|m| UpdateInvoice {
        invoice_id: id,
        contact_id: Some(m.contact_id),
        lines: Some(m.lines),
        no_discount: m.discount_percent.is_none() && m.discount_amount.is_none(),
        discount_percent: m.discount_percent,
        discount_amount: m.discount_amount,
        note: Some(m.note),
        terms_days: m.terms_days,
    });
    let done = |_| ui::redirect(&format!("/invoices/{id}"), "Saved");
    form.run(&w, action, done, async |r, form| refused_page(r, id, form).await).await
}

/// `POST /tickets/{id}/invoice`: creates the invoice draft of a closed ticket, or opens the ticket's existing invoice.
pub async fn from_ticket(w: Write, Path(id): Path<TicketId>, form: Form) -> Result<Response> {
    let made = w.act(&form.meta, CreateFromTicket { id: None, ticket_id: id }).await?;
    let words = if made.is_new { "Draft made from the ticket" } else { "This ticket has its invoice already" };
    Ok(ui::redirect(&format!("/invoices/{}", made.id), words))
}
