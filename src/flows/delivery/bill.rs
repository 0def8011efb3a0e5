//! Mails about money: an invoice with its stored PDF and the link to its page, a receipt.

use super::render::{Draft, Rendering, link};
use money::{
    invoices::{self, InvoiceState, data::Invoice},
    payments::{self, PaymentState},
};
use platform::{
    error::Result,
    ids::{InvoiceId, PaymentId},
    links::{self, LinkKind},
    mail::Attachment,
    tenant::Read,
};
use ui::format;

pub(super) async fn invoice(read: &mut Read, mut draft: Draft<'_>) -> Result<Rendering> {
    let id = InvoiceId(draft.message.subject_id);
    let invoice = invoices::data::invoice(read.db(), id).await?;
    if invoice.state == InvoiceState::Void {
        return Ok(Rendering::Drop("The invoice is void.".into()));
    }
    let Some((file_name, bytes)) = invoices::paper::file(read.db(), id).await? else {
        return Ok(Rendering::Refuse("The invoice has no PDF: it was not issued.".into()));
    };
    vars(&mut draft, &invoice);
    let money = invoice.money();
    let url = link(draft.app, LinkKind::Invoice, draft.message.link);
    let due = invoice.due_date.map(format::date).unwrap_or_default();
    let is_due = !invoice.amount_due.is_zero();
    let mut words = draft.words(read).await?.fact("Invoice", invoice.title()).fact("Total", money.format(invoice.total));
    if is_due {
        words = words.fact("To pay", money.format(invoice.amount_due)).fact("Due", due);
    }
    let words = words.link(if is_due { "View and pay" } else { "View the invoice" }, url, true);
    Ok(draft.ready(words.attach(Attachment::Pdf { file_name, bytes })))
}

pub(super) async fn receipt(read: &mut Read, mut draft: Draft<'_>) -> Result<Rendering> {
    let payment = payments::data::payment(read.db(), PaymentId(draft.message.subject_id)).await?;
    if matches!(payment.state, PaymentState::Pending | PaymentState::Failed) {
        return Ok(Rendering::Drop("The payment was not received.".into()));
    }
    let (money, zone) = (payment.money(), read.who.zone);
    let paid_on = format::day_year(payment.received_at.unwrap_or(payment.created_at), zone);
    draft.vars.extend([("amount_paid", money.format(payment.whole())), ("paid_on", paid_on.clone())]);
    let invoice = match payment.invoice_id {
        Some(id) => Some(invoices::data::invoice(read.db(), id).await?),
        None => None,
    };
    if let Some(invoice) = &invoice {
        vars(&mut draft, invoice);
    }
    let mut words = draft.words(read).await?.fact("Paid", money.format(payment.whole())).fact("On", paid_on);
    if !payment.tip.is_zero() {
        words = words.fact("Of that, tip", money.format(payment.tip));
    }
    if let Some(invoice) = &invoice {
        words = words.fact("Invoice", invoice.title());
        if !invoice.amount_due.is_zero() {
            words = words.fact("Still to pay", money.format(invoice.amount_due));
        }
        if let Some(id) = links::live(read, LinkKind::Invoice, invoice.id.0).await? {
            words = words.link("View the invoice", links::url(draft.app, LinkKind::Invoice, id), true);
        }
    }
    Ok(draft.ready(words))
}

fn vars(draft: &mut Draft<'_>, invoice: &Invoice) {
    let money = invoice.money();
    draft.vars.extend([
        ("invoice_number", invoice.title()),
        ("invoice_total", money.format(invoice.total)),
        ("amount_due", money.format(invoice.amount_due)),
        ("due_date", invoice.due_date.map(format::date).unwrap_or_default()),
    ]);
}
