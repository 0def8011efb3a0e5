//! Lines to write: what was given, completed from the catalogue.

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Line;
use platform::{
    action::Cx,
    error::{FieldErrors, Result},
    ids::{ServiceId, TaxRateId},
    money::Currency,
};
use work::catalogue::{self, TaxRate};

/// The most lines that a document may have.
pub const MOST_LINES: usize = 200;

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
pub struct Filled {
    pub service_id: Option<ServiceId>,
    pub description: String,
    pub quantity: Decimal,
    pub unit_price: Decimal,
    pub tax: Option<LineTax>,
}

/// A tax rate as copied onto a line.
#[derive(Clone)]
pub struct LineTax {
    pub id: TaxRateId,
    pub name: String,
    pub percent: Decimal,
    pub is_inclusive: bool,
}

impl From<&TaxRate> for LineTax {
    fn from(rate: &TaxRate) -> Self {
        Self { id: rate.id, name: rate.name.clone(), percent: rate.percent, is_inclusive: rate.is_inclusive }
    }
}

impl LineTax {
    fn of_line(line: &Line) -> Option<Self> {
        let id = line.tax_rate_id?;
        Some(Self { id, name: line.tax_name.clone(), percent: line.tax_percent, is_inclusive: line.tax_inclusive })
    }
}

/// Copies another document's lines with their taxes, ignoring later changes to the catalogue.
pub fn same(lines: Vec<Line>) -> Vec<Filled> {
    let filled = |l: Line| {
        let tax = LineTax::of_line(&l);
        Filled { service_id: l.service_id, description: l.description, quantity: l.quantity, unit_price: l.unit_price, tax }
    };
    lines.into_iter().map(filled).collect()
}

/// Completes lines from the catalogue. `there` holds the draft's present lines, for `keep_tax`. Errors are keyed `lines[i].field`.
pub async fn fill(cx: &mut Cx<'_>, lines: Vec<NewLine>, there: &[Line], currency: Currency) -> Result<Vec<Filled>> {
    let mut errors = FieldErrors::default();
    let rates = catalogue::data::all_tax_rates(cx.db(), true).await?;
    let default = rates.iter().find(|r| r.is_default && !r.is_archived).map(LineTax::from);
    let mut filled = Vec::with_capacity(lines.len());
    if lines.len() > MOST_LINES {
        errors.add("lines", format!("There are at most {MOST_LINES} lines."));
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
