//! A draft's lines and totals. Totals of stored invoices are computed only here (with `calc::totals`).

use std::collections::BTreeMap;

use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    invoices::data,
    lines::{
        Filled,
        calc::{self, Discount, LineInput},
    },
};
use platform::{
    action::Cx,
    error::{FieldErrors, Result},
    ids::{InvoiceId, InvoiceLineId},
};

/// Replaces a draft's lines; the caller must call `count` afterwards.
pub(super) async fn replace(cx: &mut Cx<'_>, invoice: InvoiceId, lines: &[Filled]) -> Result<()> {
    sqlx::query!("delete from invoice_lines where invoice_id = $1", invoice.0).execute(cx.db()).await?;
    for (line, position) in lines.iter().zip(1_i32..) {
        let tax = line.tax.as_ref();
        sqlx::query!(
            "insert into invoice_lines (id, invoice_id, position, service_id, description, quantity, unit_price, tax_rate_id, tax_name, tax_percent, tax_inclusive, total)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0)",
            InvoiceLineId::new().0,
            invoice.0,
            position,
            line.service_id.map(|s| s.0),
            line.description,
            line.quantity,
            line.unit_price,
            tax.map(|t| t.id.0),
            tax.map(|t| t.name.clone()).unwrap_or_default(),
            tax.map(|t| t.percent).unwrap_or_default(),
            tax.is_some_and(|t| t.is_inclusive)
        )
        .execute(cx.db())
        .await?;
    }
    Ok(())
}

/// Recomputes a draft's totals from its stored lines; writes line totals, tax rows and sums.
pub(super) async fn count(cx: &mut Cx<'_>, id: InvoiceId) -> Result<()> {
    let invoice = data::invoice(cx.db(), id).await?;
    let lines = data::lines(cx.db(), id).await?;
    let inputs: Vec<LineInput> = lines
        .iter()
        .map(|l| LineInput {
            quantity: l.quantity,
            unit_price: l.unit_price,
            tax: l.tax_rate_id,
            tax_rate: l.tax_percent,
            tax_inclusive: l.tax_inclusive,
        })
        .collect();
    let discount = match (invoice.discount_percent, invoice.discount_amount) {
        (Some(percent), _) => Discount::Percent(percent),
        (None, Some(amount)) => Discount::Amount(amount),
        (None, None) => Discount::None,
    };
    let totals = calc::totals(invoice.money(), &inputs, discount).map_err(|e| {
        let field = match e {
            calc::CalcError::Discount => "discount",
            _ => "lines",
        };
        FieldErrors::one(field, e.to_string())
    })?;
    for (line, total) in lines.iter().zip(&totals.lines) {
        sqlx::query!("update invoice_lines set total = $2 where id = $1", line.id, total).execute(cx.db()).await?;
    }
    let names: BTreeMap<_, _> = lines.iter().rev().map(|l| (l.tax_rate_id, l.tax_name.as_str())).collect();
    sqlx::query!("delete from invoice_taxes where invoice_id = $1", id.0).execute(cx.db()).await?;
    for tax in totals.taxes.iter().filter(|t| !t.rate.is_zero()) {
        let name = names.get(&tax.tax_rate).copied().filter(|n| !n.is_empty()).unwrap_or("Tax");
        insert_tax(cx.db(), id, name, tax).await?;
    }
    sqlx::query!(
        "update invoices set subtotal = $2, discount = $3, tax = $4, total = $5 where id = $1",
        id.0,
        totals.subtotal,
        totals.discount,
        totals.tax_added,
        totals.total
    )
    .execute(cx.db())
    .await?;
    Ok(())
}

async fn insert_tax(db: &mut PgConnection, invoice: InvoiceId, name: &str, tax: &calc::TaxTotal) -> Result<()> {
    sqlx::query!(
        "insert into invoice_taxes (id, invoice_id, name, percent, is_inclusive, base, amount) values ($1, $2, $3, $4, $5, $6, $7)",
        Uuid::now_v7(),
        invoice.0,
        name,
        tax.rate,
        tax.inclusive,
        tax.taxable,
        tax.tax
    )
    .execute(db)
    .await?;
    Ok(())
}
