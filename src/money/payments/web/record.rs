//! Pages to record a payment received outside Stripe, to show one payment, and to refund it.

use axum::{extract::Path, response::Response};
use rust_decimal::Decimal;

use crate::{
    invoices::{
        data::{self, Invoice},
        web::way_back,
    },
    payments::{
        PaymentMethod,
        actions::{RecordPayment, RefundPayment, Refunded},
        data::{self as payments, Refund},
        section::{PaymentRow, row},
    },
};
use customers::contacts;
use platform::{
    error::Result,
    ids::{InvoiceId, PaymentId},
    localtime::parse_date,
    money::Currency,
    role::Capability,
    tenant::{Read, Write},
};
use ui::Form;

#[derive(askama::Template)]
#[template(path = "payments/record.html")]
struct RecordPage {
    head: ui::Head,
    /// The amount due; `None` for members who may not see prices (they enter the amount received).
    due: Option<String>,
    symbol: &'static str,
    methods: Vec<ui::Choice>,
    has_email: bool,
    form: Form,
}

async fn record_page(r: &mut Read, id: InvoiceId, refused: Option<Form>) -> Result<RecordPage> {
    r.who.require_capability(Some(Capability::Payments))?;
    let who = r.who.clone();
    let invoice = data::visible(r.db(), &who, id).await?;
    let money = invoice.money();
    let contact = contacts::data::summary(r.db(), invoice.contact_id).await?;
    let due = if invoice.number.is_none() { invoice.total } else { invoice.amount_due };
    let back = way_back(&who, &invoice);
    let fresh = || {
        Form::default()
            .with("amount", who.sees_prices().then(|| money.plain(due)))
            .with("method", PaymentMethod::Cash.name())
            .with("received_on", who.today())
            .tick("receipt", contact.email.is_some())
    };
    Ok(RecordPage {
        head: ui::Head::of(r, "invoices").title("Record a payment").sub(&contact.name).back(back.0, back.1),
        due: who.sees_prices().then(|| money.format(due)),
        symbol: money.symbol(),
        methods: PaymentMethod::ALL.into_iter().map(|m| ui::Choice::new(m.name(), m.word())).collect(),
        has_email: contact.email.is_some(),
        form: refused.unwrap_or_else(fresh),
    })
}

/// `GET /invoices/{id}/payments/new`
pub async fn form(mut r: Read, Path(id): Path<InvoiceId>) -> Result<ui::Html> {
    ui::page(&record_page(&mut r, id, None).await?)
}

fn meant(form: &mut Form, id: InvoiceId, money: Currency) -> Option<RecordPayment> {
    let amount = form.must("amount", |typed| money.parse(typed));
    let tip = form.read("tip", |typed| money.parse(typed));
    let method = form.must("method", |name| PaymentMethod::of_name(name).ok_or("Choose how it was paid."));
    let received_on = form.read("received_on", parse_date);
    Some(RecordPayment {
        id: None,
        invoice_id: id,
        amount: amount?,
        tip: tip.unwrap_or(Decimal::ZERO),
        method: method?,
        reference: form.owned("reference"),
        note: form.owned("note"),
        received_on,
        send_receipt: form.is_on("receipt"),
    })
}

/// `POST /invoices/{id}/payments/new`
pub async fn record(w: Write, Path(id): Path<InvoiceId>, mut form: Form) -> Result<Response> {
    let money = data::visible(w.read().await?.db(), &w.who, id).await?.money();
    let action = meant(&mut form, id, money);
    // Members who may not see prices have no access to the invoice's own page.
    let to = if w.who.sees_prices() { format!("/invoices/{id}") } else { "/calendar".to_owned() };
    let done = |_| ui::redirect(&to, "Payment recorded");
    form.run(&w, action, done, async |r, form| record_page(r, id, Some(form)).await).await
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
    form: Form,
}

async fn payment_page(r: &mut Read, id: PaymentId, refused: Option<Form>) -> Result<Show> {
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
        form: refused.unwrap_or_else(|| Form::default().with("amount", plain)),
    })
}

/// `GET /payments/{id}`
pub async fn show(mut r: Read, Path(id): Path<PaymentId>) -> Result<ui::Html> {
    ui::page(&payment_page(&mut r, id, None).await?)
}

/// `POST /payments/{id}/refund`
pub async fn refund(w: Write, Path(id): Path<PaymentId>, mut form: Form) -> Result<Response> {
    let money = payments::visible(w.read().await?.db(), &w.who, id).await?.money();
    let amount = form.must("amount", |typed| money.parse(typed));
    let (reason, reopen) = (form.owned("reason"), form.is_on("reopen"));
    let action = RefundPayment { id: None, payment_id: id, amount, reason, reopen };
    let done = |made: Refunded| {
        let words = if made.state == "pending" { "Refund on its way to Stripe" } else { "Refund recorded" };
        ui::redirect(&format!("/payments/{id}"), words)
    };
    form.run(&w, Some(action), done, async |r, form| payment_page(r, id, Some(form)).await).await
}
