//! Builds the printed document of an invoice from the stored amounts; nothing is calculated here.

use sqlx::PgConnection;

use super::data;
use crate::{
    lines::Tax,
    paper::{AmountRow, Block, Document, DocumentLine, Kind, Paper, render},
};
use customers::contacts;
use platform::{
    error::{Error, Result},
    ids::{ContactId, InvoiceId},
};
use ui::format;
use work::tickets;

const INVOICE: Kind = Kind { title: "Invoice", customer: "BILL TO", balance: "Amount due" };

/// Builds the document of invoice `id` from its current record, printed with `number`. `pay_url` is the customer's payment page.
pub async fn document(db: &mut PgConnection, id: InvoiceId, number: &str, pay_url: Option<String>) -> Result<Document> {
    let invoice = data::invoice(&mut *db, id).await?;
    let sender = data::sender(&mut *db).await?;
    let (lines, taxes) = data::lines_and_taxes(&mut *db, id).await?;
    let (included, taxes): (Vec<_>, Vec<_>) = taxes.into_iter().partition(|t| t.is_inclusive);
    let row = |t: Tax| AmountRow { label: t.label(), amount: t.amount };
    let mut facts = Vec::new();
    if let Some(ticket) = invoice.ticket_id {
        let ticket = tickets::data::ticket(&mut *db, ticket).await?;
        facts.push(("Visit".to_owned(), format!("{}, T-{}", format::day_year(ticket.starts_at, ticket.zone()), ticket.number)));
    }
    let terms = match (invoice.terms_days, invoice.due_date) {
        (0, _) => "Payment is due on receipt.".to_owned(),
        (days, _) => format!("Payment is due within {} of the issue date.", format::count(days, "day", "days")),
    };
    let notes = [invoice.note.trim(), sender.invoice_notes.as_deref().unwrap_or_default().trim()];
    Ok(Document {
        kind: INVOICE,
        paper: Paper::of_country(&sender.country),
        currency: invoice.money(),
        business: Block { name: sender.name.clone(), lines: sender.block() },
        tax_id: sender.tax_id.clone().filter(|t| !t.is_empty()),
        logo: data::logo(&mut *db).await?,
        customer: customer(db, invoice.contact_id, &invoice.contact_name).await?,
        number: number.to_owned(),
        issued: invoice.issue_date.unwrap_or_default(),
        due: invoice.due_date,
        facts,
        lines: lines
            .into_iter()
            .map(|l| DocumentLine {
                description: l.description,
                quantity: l.quantity.normalize(),
                unit_price: l.unit_price,
                total: l.total,
            })
            .collect(),
        subtotal: invoice.subtotal,
        discount: invoice.discount,
        taxes: taxes.into_iter().map(row).collect(),
        total: invoice.total,
        included_taxes: included.into_iter().map(row).collect(),
        payments: vec![],
        balance: invoice.total,
        notes: notes.into_iter().filter(|n| !n.is_empty()).collect::<Vec<_>>().join("\n\n"),
        terms,
        pay_url,
        stamp: None,
    })
}

/// Returns an issued invoice's PDF as file name and bytes, or `None` for a draft. If none is stored (the demo's invented past), it is
/// rendered from the frozen record.
pub async fn file(db: &mut PgConnection, id: InvoiceId) -> Result<Option<(String, Vec<u8>)>> {
    if let Some(stored) = data::pdf(&mut *db, id).await? {
        return Ok(Some(stored));
    }
    let Some(number) = data::invoice(&mut *db, id).await?.number else { return Ok(None) };
    let document = document(db, id, &number, None).await?;
    let bytes = tokio::task::spawn_blocking(move || render(&document)).await.map_err(Error::internal)?.map_err(Error::internal)?;
    Ok(Some((format!("{number}.pdf"), bytes)))
}

/// The customer's name, primary address and email, as printed.
pub async fn customer(db: &mut PgConnection, id: ContactId, name: &str) -> Result<Block> {
    let summary = contacts::data::summary(&mut *db, id).await?;
    let address = contacts::data::primary_address(db, id).await?.map(|a| a.one_line()).filter(|a| !a.is_empty());
    Ok(Block { name: name.to_owned(), lines: address.into_iter().chain(summary.email).collect() })
}
