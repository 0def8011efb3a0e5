//! `/i/{token}`: the customer's invoice page. Viewing it changes nothing; "Pay" redirects to the payment page.

use axum::{
    extract::Query,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use rust_decimal::Decimal;
use serde::Deserialize;

use crate::{
    invoices::{
        self, InvoiceState,
        data::{Invoice, Sender},
        web::{Printed, pdf_answer, printed},
    },
    payments::{PaymentState, account, checkout, data},
};
use platform::{
    error::{Error, Result},
    form::fresh_key,
    ids::InvoiceId,
    links::LinkKind,
    money::{Currency, round},
    role::Capability,
    tenant::Read,
    visitor::Visitor,
};
use ui::Form;

/// Suggested tips, in per cent of the amount to pay.
const TIPS: [i64; 3] = [10, 15, 20];

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    paid: String,
}

struct Tip {
    value: String,
    label: String,
    /// The button's amount while this is chosen.
    to_pay: String,
}

#[derive(askama::Template)]
#[template(path = "payments/public.html")]
struct Page {
    token: String,
    key: String,
    sender: Sender,
    invoice: Invoice,
    pill: ui::Pill,
    printed: Printed,
    /// The customer returned from the payment page.
    is_back: bool,
    /// A payment is pending at the bank.
    is_pending: bool,
    can_pay: bool,
    /// The amount that "Pay" charges, before a tip.
    to_pay: String,
    tips: Vec<Tip>,
    form: Form,
}

#[derive(askama::Template)]
#[template(path = "payments/replaced.html")]
struct Replaced {
    sender: Sender,
}

async fn page(visitor: &Visitor, read: &mut Read, invoice: Invoice, is_back: bool) -> Result<Page> {
    let (org, id) = (read.who.org, invoice.id);
    let (lines, taxes) = invoices::data::lines_and_taxes(read.db(), id).await?;
    let is_pending = data::by_invoice(read.db(), id).await?.iter().any(|p| p.state == PaymentState::Pending);
    let payable = data::payable(read.db(), &invoice).await?;
    let money = invoice.money();
    let can_pay = payable > Decimal::ZERO
        && read.who.has(Capability::Payments)
        && account::payable(read.db(), visitor.app(), org).await?.is_some_and(|a| a.takes(money, payable));
    let (word, tone) = invoices::standing(&invoice);
    let word = if matches!(invoice.state, InvoiceState::Issued | InvoiceState::Sent) && !invoice.is_overdue { "Due" } else { word };
    Ok(Page {
        token: visitor.token.clone(),
        key: fresh_key(),
        sender: invoices::data::sender(read.db()).await?,
        pill: ui::pill(word, tone),
        printed: printed(&invoice, &lines, &taxes),
        is_back,
        is_pending,
        can_pay,
        to_pay: money.format(payable),
        tips: TIPS
            .map(|p| {
                let tip = share(payable, p, money);
                Tip { value: p.to_string(), label: format!("{p} % · {}", money.format(tip)), to_pay: money.format(payable + tip) }
            })
            .into(),
        form: Form::default(),
        invoice,
    })
}

fn share(due: Decimal, percent: i64, money: Currency) -> Decimal {
    round(due * Decimal::from(percent) / Decimal::ONE_HUNDRED, money)
}

/// Loads the link's invoice; `None` if the link is revoked or the invoice is a draft.
async fn opened(visitor: &Visitor) -> Result<(Read, Option<Invoice>)> {
    let (mut read, opened) = visitor.read(LinkKind::Invoice).await?;
    if opened.is_revoked {
        return Ok((read, None));
    }
    let invoice = invoices::data::invoice(read.db(), InvoiceId(opened.subject)).await?;
    Ok((read, Some(invoice).filter(|i| i.state != InvoiceState::Draft)))
}

async fn replaced(read: &mut Read) -> Result<Response> {
    let page = Replaced { sender: invoices::data::sender(read.db()).await? };
    Ok(ui::with_status(StatusCode::GONE, &page)?.into_response())
}

/// `GET /i/{token}`
pub async fn show(visitor: Visitor, Query(asked): Query<Asked>) -> Result<Response> {
    let (mut read, invoice) = opened(&visitor).await?;
    let Some(invoice) = invoice else { return replaced(&mut read).await };
    Ok(ui::page(&page(&visitor, &mut read, invoice, !asked.paid.is_empty()).await?)?.into_response())
}

/// `GET /i/{token}/pdf`: the invoice's PDF.
pub async fn pdf(visitor: Visitor) -> Result<Response> {
    let (mut read, invoice) = opened(&visitor).await?;
    let Some(invoice) = invoice else { return replaced(&mut read).await };
    let (name, bytes) = invoices::paper::file(read.db(), invoice.id).await?.ok_or(Error::NotFound)?;
    Ok(pdf_answer(&name, bytes))
}

fn tip(form: &mut Form, due: Decimal, money: Currency) -> Option<Decimal> {
    let chosen = form.owned("tip");
    match chosen.as_str() {
        "" | "0" => Some(Decimal::ZERO),
        "own" => form.must("tip_own", |typed| money.parse(typed)),
        percent => form.must("tip_own", |_| {
            let known = percent.parse().ok().filter(|p| TIPS.contains(p));
            known.map(|p| share(due, p, money)).ok_or("Choose a tip from the list, or none.")
        }),
    }
}

/// `POST /i/{token}`: redirects to the payment page. However often it is posted, only one page can be paid.
pub async fn pay(visitor: Visitor, mut form: Form) -> Result<Response> {
    let (mut read, invoice) = opened(&visitor).await?;
    let Some(invoice) = invoice else { return replaced(&mut read).await };
    let here = format!("/i/{}", visitor.token);
    let address = visitor.app().url(&here);
    let payable = data::payable(read.db(), &invoice).await?;
    let result = match tip(&mut form, payable, invoice.money()) {
        Some(tip) => {
            let write = visitor.write().await?;
            checkout::open(visitor.app(), &write, read, &address, tip).await
        }
        None => Err(form.errors.clone().into()),
    };
    match form.settle(result)? {
        Some(checkout::Opened::Go(url)) => return Ok(ui::redirect(&url, "")),
        Some(checkout::Opened::Paid) => return Ok(ui::redirect(&format!("{here}?paid=1"), "")),
        None => {}
    }
    let (mut read, opened) = visitor.read(LinkKind::Invoice).await?;
    let invoice = invoices::data::invoice(read.db(), InvoiceId(opened.subject)).await?;
    let page = Page { form, ..page(&visitor, &mut read, invoice, false).await? };
    Ok(ui::with_status(page.form.status(), &page)?.into_response())
}
