//! A draft's lines and totals. Totals of stored invoices are computed only here (with `calc::totals`).

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::invoices::{
    calc::{self, Discount, LineInput},
    data,
};
use platform::{
    action::Cx,
    error::{FieldErrors, Result},
    ids::{InvoiceId, InvoiceLineId, ServiceId, TaxRateId},
    money::Currency,
};
use work::catalogue::{self, TaxRate};

/// A line to write. Fields left out come from the service; without a service, description and price are required.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct NewLine {
    #[serde(default)]
    pub service_id: Option<ServiceId>,
    #[serde(default)]
    pub description: Option<String>,
    /// 1 if not given.
    #[serde(default)]
    pub quantity: Option<Decimal>,
    /// In the business's currency; the service's price if not given.
    #[serde(default)]
    pub unit_price: Option<Decimal>,
    /// If not given, the service's rate, else the business's default rate.
    #[serde(default)]
    pub tax_rate_id: Option<TaxRateId>,
    /// The line is not taxed, even if the service has a rate.
    #[serde(default)]
    pub no_tax: bool,
    /// Keeps the percentage that the draft holds for `tax_rate_id`, even if the rate has changed since.
    #[serde(default)]
    pub keep_tax: bool,
}

/// A line with all fields resolved.
pub(super) struct Filled {
    pub service_id: Option<ServiceId>,
    pub description: String,
    pub quantity: Decimal,
    pub unit_price: Decimal,
    pub tax: Option<LineTax>,
}

/// A tax rate as copied onto a line.
#[derive(Clone)]
pub(super) struct LineTax {
    id: TaxRateId,
    name: String,
    percent: Decimal,
    is_inclusive: bool,
}

impl From<&TaxRate> for LineTax {
    fn from(rate: &TaxRate) -> Self {
        Self { id: rate.id, name: rate.name.clone(), percent: rate.percent, is_inclusive: rate.is_inclusive }
    }
}

impl LineTax {
    fn of_line(line: &data::Line) -> Option<Self> {
        let id = line.tax_rate_id?;
        Some(Self { id, name: line.tax_name.clone(), percent: line.tax_percent, is_inclusive: line.tax_inclusive })
    }
}

/// Copies another invoice's lines with their taxes, ignoring later changes to the catalogue.
pub(super) fn same(lines: Vec<data::Line>) -> Vec<Filled> {
    let filled = |l: data::Line| {
        let tax = LineTax::of_line(&l);
        Filled { service_id: l.service_id, description: l.description, quantity: l.quantity, unit_price: l.unit_price, tax }
    };
    lines.into_iter().map(filled).collect()
}

/// Completes lines from the catalogue. `there` holds the draft's present lines, for `keep_tax`. Errors are keyed `lines[i].field`.
pub(super) async fn fill(cx: &mut Cx<'_>, lines: Vec<NewLine>, there: &[data::Line], currency: Currency) -> Result<Vec<Filled>> {
    let mut errors = FieldErrors::default();
    let rates = catalogue::data::all_tax_rates(cx.db(), true).await?;
    let default = rates.iter().find(|r| r.is_default && !r.is_archived).map(LineTax::from);
    let mut filled = Vec::with_capacity(lines.len());
    if lines.len() > 200 {
        errors.add("lines", "An invoice has at most 200 lines.");
    }
    for (i, line) in lines.into_iter().enumerate() {
        let at = |field: &str| format!("lines[{i}].{field}");
        let service = match line.service_id {
            Some(id) => match catalogue::data::service(cx.db(), id).await {
                Ok(service) => Some(service),
                Err(_) => {
                    errors.add(&at("service_id"), "There is no such service.");
                    None
                }
            },
            None => None,
        };
        let typed = line.description.map(|d| d.trim().to_owned()).filter(|d| !d.is_empty());
        let description = typed.or_else(|| service.as_ref().map(|s| s.name.clone())).unwrap_or_default();
        if description.is_empty() || description.chars().count() > 500 {
            errors.add(&at("description"), "Say what it is for, in at most 500 characters.");
        }
        let quantity = line.quantity.unwrap_or(Decimal::ONE);
        if quantity <= Decimal::ZERO || quantity >= Decimal::from(100_000_000) || quantity.normalize().scale() > 2 {
            errors.add(&at("quantity"), "The quantity must be above zero, with at most two decimals.");
        }
        let price = line.unit_price.or_else(|| service.as_ref().and_then(|s| s.price));
        match price {
            None => errors.add(&at("unit_price"), "A price is needed."),
            Some(p) if p < Decimal::ZERO => errors.add(&at("unit_price"), "A price can't be below zero; use the discount."),
            Some(p) if p >= Decimal::from(10_000_000) || !currency.fits(p) => {
                errors.add(&at("unit_price"), "This price is too large, or has too many decimals.");
            }
            Some(_) => {}
        }
        let named = line.tax_rate_id.or_else(|| service.as_ref().and_then(|s| s.tax_rate_id));
        let tax = match (line.no_tax, named) {
            (true, _) => None,
            (false, Some(id)) => {
                let now = rates.iter().find(|r| r.id == id);
                let is_changed = |t: &LineTax| now.is_none_or(|n| (n.percent, n.is_inclusive) != (t.percent, t.is_inclusive));
                let kept = there.iter().filter_map(LineTax::of_line).find(|t| line.keep_tax && t.id == id && is_changed(t));
                let rate = kept.or_else(|| now.map(LineTax::from));
                if rate.is_none() {
                    errors.add(&at("tax_rate_id"), "There is no such tax rate.");
                }
                rate
            }
            (false, None) => default.clone(),
        };
        filled.push(Filled { service_id: service.map(|s| s.id), description, quantity, unit_price: price.unwrap_or_default(), tax });
    }
    errors.into_result()?;
    Ok(filled)
}

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
        .map(|l| LineInput { quantity: l.quantity, unit_price: l.unit_price, tax_rate: l.tax_percent, tax_inclusive: l.tax_inclusive })
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
        sqlx::query!("update invoice_lines set total = $2 where id = $1", line.id.0, total).execute(cx.db()).await?;
    }
    let mut names: BTreeMap<(Decimal, bool), String> = BTreeMap::new();
    for line in &lines {
        names.entry((line.tax_percent.normalize(), line.tax_inclusive)).or_insert_with(|| line.tax_name.clone());
    }
    sqlx::query!("delete from invoice_taxes where invoice_id = $1", id.0).execute(cx.db()).await?;
    for tax in totals.taxes.iter().filter(|t| !t.rate.is_zero()) {
        let name = names.get(&(tax.rate, tax.inclusive)).cloned().filter(|n| !n.is_empty()).unwrap_or_else(|| "Tax".into());
        insert_tax(cx.db(), id, &name, tax).await?;
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
