//! Pages to record a payment received outside Stripe, to show one payment, and to refund it.

use axum::{
    extract::Path,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use rust_decimal::Decimal;
use serde::Deserialize;

use crate::{
    invoices::{
        data::{self, Invoice},
        web::way_back,
    },
    payments::{
        PaymentMethod,
        actions::{RecordPayment, RefundPayment},
        data::{self as payments, Refund},
        section::{PaymentRow, row},
    },
};
use customers::contacts;
use platform::{
    error::{Error, FieldErrors, Result},
    form::Posted,
    ids::{InvoiceId, PaymentId},
    localtime::parse_date,
    money::Currency,
    role::Capability,
    tenant::{Read, Write},
};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Typed {
    amount: String,
    tip: String,
    method: String,
    reference: String,
    note: String,
    received_on: String,
    receipt: String,
}

#[derive(askama::Template)]
#[template(path = "payments/record.html")]
struct RecordPage {
    head: ui::Head,
    /// The amount due; `None` for members who may not see prices (they enter the amount received).
    due: Option<String>,
    symbol: &'static str,
    methods: Vec<ui::Choice>,
    has_email: bool,
    typed: Typed,
    key: Option<String>,
    errors: FieldErrors,
}

async fn record_page(r: &mut Read, id: InvoiceId, typed: Option<Typed>, errors: FieldErrors) -> Result<RecordPage> {
    r.who.require_capability(Some(Capability::Payments))?;
    let who = r.who.clone();
    let invoice = data::visible(r.db(), &who, id).await?;
    let money = invoice.money();
    let contact = contacts::data::summary(r.db(), invoice.contact_id).await?;
    let due = if invoice.number.is_none() { invoice.total } else { invoice.amount_due };
    let back = way_back(&who, &invoice);
    let fresh = || Typed {
        amount: if who.sees_prices() { money.plain(due) } else { String::new() },
        method: PaymentMethod::Cash.name().into(),
        received_on: who.today().to_string(),
        receipt: if contact.email.is_some() { "yes".into() } else { String::new() },
        ..Typed::default()
    };
    Ok(RecordPage {
        head: ui::Head::of(r, "invoices").title("Record a payment").sub(contact.name).back(back.0, back.1),
        due: who.sees_prices().then(|| money.format(due)),
        symbol: money.symbol(),
        methods: PaymentMethod::ALL.into_iter().map(|m| ui::Choice::new(m.name(), m.word())).collect(),
        has_email: contact.email.is_some(),
        typed: typed.unwrap_or_else(fresh),
        key: None,
        errors,
    })
}

/// `GET /invoices/{id}/payments/new`
pub async fn form(mut r: Read, Path(id): Path<InvoiceId>) -> Result<ui::Html> {
    ui::page(&record_page(&mut r, id, None, FieldErrors::default()).await?)
}

fn meant(id: InvoiceId, typed: &Typed, money: Currency) -> Result<RecordPayment> {
    let mut errors = FieldErrors::default();
    let mut amount = |field: &str, text: &str| {
        if text.trim().is_empty() && field == "tip" {
            return Decimal::ZERO;
        }
        money.parse(text).map_err(|e| errors.add(field, e.0)).unwrap_or_default()
    };
    let (amount, tip) = (amount("amount", &typed.amount), amount("tip", &typed.tip));
    let method = PaymentMethod::of_name(&typed.method);
    if method.is_none() {
        errors.add("method", "Choose how it was paid.");
    }
    let received_on = match typed.received_on.trim() {
        "" => None,
        day => parse_date(day).map_err(|e| errors.add("received_on", e)).ok(),
    };
    errors.into_result()?;
    Ok(RecordPayment {
        id: None,
        invoice_id: id,
        amount,
        tip,
        method: method.unwrap_or(PaymentMethod::Other),
        reference: typed.reference.clone(),
        note: typed.note.clone(),
        received_on,
        send_receipt: !typed.receipt.is_empty(),
    })
}

/// `POST /invoices/{id}/payments/new`
pub async fn record(w: Write, Path(id): Path<InvoiceId>, form: Posted<Typed>) -> Result<Response> {
    let (typed, meta) = (form.value, form.meta);
    let money = data::visible(w.read().await?.db(), &w.who, id).await?.money();
    let result = match meant(id, &typed, money) {
        Ok(action) => w.act(&meta, action).await,
        Err(e) => Err(e),
    };
    match result {
        // Members who may not see prices have no access to the invoice's own page.
        Ok(_) if !w.who.sees_prices() => Ok(ui::redirect("/calendar", "Payment recorded")),
        Ok(_) => Ok(ui::redirect(&format!("/invoices/{id}"), "Payment recorded")),
        Err(Error::Invalid(errors)) => {
            let mut page = record_page(&mut w.read().await?, id, Some(typed), errors).await?;
            page.key = meta.key;
            Ok(ui::invalid(&page)?.into_response())
        }
        Err(Error::Conflict { message, .. }) if meta.is_of(w.who.org) => {
            let page = record_page(&mut w.read().await?, id, Some(typed), FieldErrors::whole(message)).await?;
            Ok(ui::with_status(StatusCode::CONFLICT, &page)?.into_response())
        }
        Err(e) => Err(e),
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct RefundTyped {
    amount: String,
    reason: String,
    reopen: String,
}

struct RefundRow {
    refund: Refund,
    amount: String,
}

#[derive(askama::Template)]
#[template(path = "payments/show.html")]
struct Show {
    head: ui::Head,
    row: PaymentRow,
    invoice: Option<Invoice>,
    refunds: Vec<RefundRow>,
    most: String,
    symbol: &'static str,
    typed: RefundTyped,
    key: Option<String>,
    errors: FieldErrors,
}

async fn payment_page(r: &mut Read, id: PaymentId, typed: Option<RefundTyped>, errors: FieldErrors) -> Result<Show> {
    r.who.require_capability(Some(Capability::Payments))?;
    data::must_see_money(&r.who)?;
    let who = r.who.clone();
    let payment = payments::visible(r.db(), &who, id).await?;
    let money = payment.money();
    let invoice = match payment.invoice_id {
        Some(invoice) => Some(data::invoice(r.db(), invoice).await?),
        None => None,
    };
    let refunds =
        payments::refunds(r.db(), id).await?.into_iter().map(|f| RefundRow { amount: money.format(f.amount), refund: f }).collect();
    let name = payment.contact_name.clone().unwrap_or_else(|| "Unknown customer".into());
    let head = ui::Head::of(r, "invoices").title(format!("Payment of {}", money.format(payment.whole()))).sub(name);
    let plain = money.plain(payment.refundable);
    Ok(Show {
        head: head.back("/payments", "Payments"),
        most: money.format(payment.refundable),
        symbol: money.symbol(),
        row: row(&who, payment),
        invoice,
        refunds,
        typed: typed.unwrap_or_else(|| RefundTyped { amount: plain, ..RefundTyped::default() }),
        key: None,
        errors,
    })
}

/// `GET /payments/{id}`
pub async fn show(mut r: Read, Path(id): Path<PaymentId>) -> Result<ui::Html> {
    ui::page(&payment_page(&mut r, id, None, FieldErrors::default()).await?)
}

/// `POST /payments/{id}/refund`
pub async fn refund(w: Write, Path(id): Path<PaymentId>, form: Posted<RefundTyped>) -> Result<Response> {
    let (typed, meta) = (form.value, form.meta);
    let money = payments::visible(w.read().await?.db(), &w.who, id).await?.money();
    let result = match money.parse(&typed.amount) {
        Ok(amount) => {
            let (reason, reopen) = (typed.reason.clone(), !typed.reopen.is_empty());
            w.act(&meta, RefundPayment { id: None, payment_id: id, amount: Some(amount), reason, reopen }).await
        }
        Err(e) => Err(FieldErrors::one("amount", e.0)),
    };
    match result {
        Ok(made) => {
            let words = if made.state == "pending" { "Refund on its way to Stripe" } else { "Refund recorded" };
            Ok(ui::redirect(&format!("/payments/{id}"), words))
        }
        Err(Error::Invalid(errors)) => {
            let mut page = payment_page(&mut w.read().await?, id, Some(typed), errors).await?;
            page.key = meta.key;
            Ok(ui::invalid(&page)?.into_response())
        }
        Err(Error::Conflict { message, .. }) if meta.is_of(w.who.org) => {
            let page = payment_page(&mut w.read().await?, id, Some(typed), FieldErrors::whole(message)).await?;
            Ok(ui::with_status(StatusCode::CONFLICT, &page)?.into_response())
        }
        Err(e) => Err(e),
    }
}
