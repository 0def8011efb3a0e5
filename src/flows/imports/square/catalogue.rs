//! The item library export (`catalog-….csv`).

use super::{Cells, ItemRow};
use crate::imports::RowProblem;
use crate::imports::csv::header_key;
use rust_decimal::Decimal;
use std::collections::HashSet;
use std::str::FromStr;

/// How a service is priced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CatalogueKind {
    Fixed,
    /// Square's "variable" price, which is set at close-out.
    Flexible,
    PerUnit,
    Product,
}

/// A tax column of the file, such as `Tax - Sales Tax (9%)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaxColumn {
    pub name: String,
    /// In percent.
    pub rate: Decimal,
}

/// A variation of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogueRow {
    pub line: u64,
    /// Square's `Token`, the key that re-imports match on; empty in older exports.
    pub source_id: String,
    /// "Screen Cleaning", or "Screen Cleaning – Large" if the variation has a name.
    pub name: String,
    pub variation: String,
    pub kind: CatalogueKind,
    /// In the business's currency; `None` only for flexible prices.
    pub price: Option<Decimal>,
    pub unit: String,
    pub sku: String,
    pub description: String,
    pub category: String,
    pub duration_minutes: Option<u32>,
    pub taxes: Vec<TaxColumn>,
    pub is_archived: bool,
}

/// A row of the item library.
pub(super) fn item(cells: &Cells<'_>, warnings: &mut Vec<RowProblem>) -> Result<CatalogueRow, RowProblem> {
    let item = cells.owned("Item Name");
    if item.is_empty() {
        return Err(cells.problem("Item Name", "The item has no name"));
    }
    let variation = cells.owned("Variation Name");
    let own_name = !matches!(header_key(&variation).as_str(), "" | "regular" | "default" | "standard");
    let unit = unit(cells.text("Unit and Precision"));
    let price = price(cells, warnings)?;
    let kind = if matches!(header_key(cells.text("Item Type")).as_str(), "physical good" | "physical" | "regular" | "product") {
        CatalogueKind::Product
    } else if price.is_none() {
        CatalogueKind::Flexible
    } else if unit.is_empty() {
        CatalogueKind::Fixed
    } else {
        CatalogueKind::PerUnit
    };
    if kind == CatalogueKind::Product && price.is_none() {
        return Err(cells.problem("Price", "A product needs a price; give it one in Square and export again"));
    }
    let (category, typed) = (cells.owned("Categories"), cells.text("Duration"));
    let duration_minutes = duration(typed);
    if duration_minutes.is_none() && !typed.is_empty() {
        warnings.push(cells.problem("Duration", format!("“{typed}” could not be read as a duration; 60 minutes were taken")));
    }
    Ok(CatalogueRow {
        line: cells.row.line,
        source_id: cells.owned("Token"),
        name: if own_name { format!("{item} – {variation}") } else { item },
        variation,
        kind,
        price,
        unit,
        sku: cells.owned("SKU"),
        description: cells.text("Description").trim().to_owned(),
        category: if category.is_empty() { cells.owned("Reporting Category") } else { category },
        duration_minutes,
        taxes: cells
            .reader
            .taxes
            .iter()
            .filter(|(i, _)| cells.row.cells.get(*i).is_some_and(|c| c.eq_ignore_ascii_case("y")))
            .map(|(_, tax)| tax.clone())
            .collect(),
        is_archived: cells.yes("Archived"),
    })
}

/// Parses the price. Returns `None` for "variable" and for an empty cell, which means the same in older exports.
fn price(cells: &Cells<'_>, warnings: &mut Vec<RowProblem>) -> Result<Option<Decimal>, RowProblem> {
    if cells.text("Price").eq_ignore_ascii_case("variable") {
        return Ok(None);
    }
    let price = cells.amount("Price", warnings)?;
    match price {
        Some(price) if price.is_sign_negative() => Err(cells.problem("Price", "A price can't be below zero")),
        price => Ok(price),
    }
}

/// Parses a unit: "Per screen, precision 0" → "screen"; "ea" → empty.
fn unit(cell: &str) -> String {
    let word = cell.split([',', '(']).next().unwrap_or_default().trim();
    let word = word.strip_prefix("Per ").or(word.strip_prefix("per ")).unwrap_or(word);
    match word.to_lowercase().as_str() {
        "ea" | "each" | "item" | "per item" => String::new(),
        word => word.to_owned(),
    }
}

/// Parses a duration into minutes: "1 hr 30 min", "90", "1:30" → 90.
fn duration(cell: &str) -> Option<u32> {
    if let Some((hours, minutes)) = cell.split_once(':') {
        return Some(hours.trim().parse::<u32>().ok()?.checked_mul(60)? + minutes.trim().parse::<u32>().ok()?);
    }
    let numbers: Vec<u32> = cell.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect();
    let minutes = match (numbers[..].first(), numbers.get(1), cell.contains('h')) {
        (Some(hours), minutes, true) => hours.checked_mul(60)?.checked_add(*minutes.unwrap_or(&0))?,
        (Some(minutes), None, false) => *minutes,
        _ => return None,
    };
    (1..=1440).contains(&minutes).then_some(minutes)
}

/// The columns of taxes among the headers, with their position.
pub(super) fn tax_columns(headers: &[String]) -> Vec<(usize, TaxColumn)> {
    headers.iter().enumerate().filter_map(|(i, header)| Some((i, tax_column(header)?))).collect()
}

/// Parses a tax column's header, such as `Tax - Sales Tax (9%)`.
fn tax_column(header: &str) -> Option<TaxColumn> {
    let rest = header.strip_prefix("Tax - ").or(header.strip_prefix("tax - "))?;
    let (name, rate) = rest.rsplit_once('(')?;
    let rate = Decimal::from_str(rate.trim_end_matches([')', ' ', '%']).trim()).ok()?;
    (rate >= Decimal::ZERO && rate < Decimal::ONE_HUNDRED).then(|| TaxColumn { name: name.trim().to_owned(), rate })
}

/// Names of items sold in quantities above one: Square stores no unit for services, but "Screen Cleaning" × 17 implies one.
pub fn sold_by_count(items: &[ItemRow]) -> HashSet<String> {
    items.iter().filter(|item| item.quantity > Decimal::ONE).map(|item| item.name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_durations_and_taxes() {
        assert_eq!(unit("Per screen, precision 0"), "screen");
        assert_eq!(unit("ea"), "");
        assert_eq!(
            (duration("1 hr 30 min"), duration("90"), duration("1:30"), duration("2h"), duration("")),
            (Some(90), Some(90), Some(90), Some(120), None)
        );
        let tax = tax_column("Tax - Sales Tax (Huntsville) (9.5%)").unwrap();
        assert_eq!((tax.name.as_str(), tax.rate), ("Sales Tax (Huntsville)", Decimal::new(95, 1)));
        assert_eq!(tax_column("Tax - Odd"), None);
    }
}
