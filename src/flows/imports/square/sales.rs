//! Transactions and items detail: the service history, joined by transaction id.

use super::{Cells, LARGEST};
use crate::imports::RowProblem;
use crate::imports::dates;
use chrono::NaiveDateTime;
use chrono_tz::Tz;
use rust_decimal::Decimal;
use std::str::FromStr;

/// A payment or refund. Amounts are in the business's currency, with the file's signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionRow {
    pub line: u64,
    pub source_id: String,
    pub payment_id: String,
    /// Local time in `zone`; if that is `None`, in the business's time zone.
    pub at: NaiveDateTime,
    pub zone: Option<Tz>,
    pub gross: Decimal,
    pub discounts: Decimal,
    pub net: Decimal,
    pub tax: Decimal,
    pub tip: Decimal,
    pub partial_refunds: Decimal,
    pub total: Decimal,
    pub card: Decimal,
    pub cash: Decimal,
    pub gift_card: Decimal,
    pub other: Decimal,
    /// Type of the other tender, such as "Check" or "Venmo".
    pub other_kind: String,
    pub fees: Decimal,
    pub is_refund: bool,
    pub is_complete: bool,
    pub customer_id: String,
    pub customer_name: String,
    pub staff: String,
    pub description: String,
    pub note: String,
    pub refund_reason: String,
}

/// A line item of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemRow {
    pub line: u64,
    pub transaction_id: String,
    pub at: NaiveDateTime,
    pub zone: Option<Tz>,
    pub name: String,
    pub variation: String,
    pub category: String,
    pub quantity: Decimal,
    pub unit: String,
    pub gross: Decimal,
    pub discounts: Decimal,
    pub net: Decimal,
    pub tax: Decimal,
    pub is_refund: bool,
    pub customer_id: String,
    pub customer_name: String,
    pub employee: String,
    pub note: String,
}

impl ItemRow {
    /// Whether the item was returned.
    pub fn is_back(&self) -> bool {
        self.is_refund || self.quantity <= Decimal::ZERO
    }
}

/// A row of the transactions export (37, 44 or 55 columns).
pub(super) fn transaction(cells: &Cells<'_>, warnings: &mut Vec<RowProblem>) -> Result<TransactionRow, RowProblem> {
    let (at, zone) = moment(cells, warnings)?;
    let total = cells.amount_or_zero("Total Collected", warnings)?;
    let gross = cells.amount_or_zero("Gross Sales", warnings)?;
    // Older exports have no event type; a refund has negative sales there.
    let is_refund = is_refund(cells) || (gross.is_sign_negative() && total.is_sign_negative());
    if total.is_sign_negative() && !is_refund {
        warnings.push(cells.problem("Total Collected", "More was taken off than the work came to; kept as a visit without a payment"));
    }
    nameless(cells, warnings);
    Ok(TransactionRow {
        line: cells.row.line,
        source_id: id(cells)?,
        payment_id: cells.owned("Payment ID"),
        at,
        zone,
        gross,
        discounts: cells.amount_or_zero("Discounts", warnings)?,
        net: cells.amount_or_zero("Net Sales", warnings)?,
        tax: cells.amount_or_zero("Tax", warnings)?,
        tip: cells.amount_or_zero("Tip", warnings)?,
        partial_refunds: cells.amount_or_zero("Partial Refunds", warnings)?,
        total,
        card: cells.amount_or_zero("Card", warnings)?,
        cash: cells.amount_or_zero("Cash", warnings)?,
        gift_card: cells.amount_or_zero("Square Gift Card", warnings)?,
        other: cells.amount_or_zero("Other Tender", warnings)?,
        other_kind: cells.owned("Other Tender Type"),
        fees: cells.amount_or_zero("Fees", warnings)?,
        is_refund,
        is_complete: matches!(cells.text("Transaction Status").to_lowercase().as_str(), "" | "complete" | "completed"),
        customer_id: cells.owned("Customer ID"),
        customer_name: cells.owned("Customer Name"),
        staff: cells.owned("Staff Name"),
        description: cells.owned("Description"),
        note: cells.owned("Tender Note"),
        refund_reason: cells.owned("Refund Reason"),
    })
}

/// A row of the items detail export.
pub(super) fn item(cells: &Cells<'_>, warnings: &mut Vec<RowProblem>) -> Result<ItemRow, RowProblem> {
    let (at, zone) = moment(cells, warnings)?;
    let name = cells.owned("Item");
    let typed = cells.text("Qty");
    let quantity = if typed.is_empty() { Ok(Decimal::ONE) } else { Decimal::from_str(&typed.replace(',', "")) };
    let quantity = quantity.map_err(|_| cells.problem("Qty", format!("“{typed}” is not a quantity")))?.normalize();
    if quantity.abs() > LARGEST {
        return Err(cells.problem("Qty", format!("“{typed}” is more than Rounds can hold")));
    }
    nameless(cells, warnings);
    Ok(ItemRow {
        line: cells.row.line,
        transaction_id: id(cells)?,
        at,
        zone,
        name: if name.is_empty() { "Custom amount".to_owned() } else { name },
        variation: cells.owned("Price Point Name"),
        category: cells.owned("Category"),
        quantity,
        unit: match cells.text("Unit") {
            "ea" => String::new(),
            unit => unit.to_owned(),
        },
        gross: cells.amount_or_zero("Gross Sales", warnings)?,
        discounts: cells.amount_or_zero("Discounts", warnings)?,
        net: cells.amount_or_zero("Net Sales", warnings)?,
        tax: cells.amount_or_zero("Tax", warnings)?,
        is_refund: is_refund(cells),
        customer_id: cells.owned("Customer ID"),
        customer_name: cells.owned("Customer Name"),
        employee: cells.owned("Employee"),
        note: cells.owned("Notes"),
    })
}

fn id(cells: &Cells<'_>) -> Result<String, RowProblem> {
    let id = cells.owned("Transaction ID");
    if id.is_empty() {
        return Err(cells.problem("Transaction ID", "The row has no transaction id"));
    }
    Ok(id)
}

fn is_refund(cells: &Cells<'_>) -> bool {
    cells.text("Event Type").to_lowercase().starts_with("refund")
}

/// A customer without an id of the file is known by name only.
fn nameless(cells: &Cells<'_>, warnings: &mut Vec<RowProblem>) {
    let name = cells.text("Customer Name");
    if cells.text("Customer ID").is_empty() && !name.is_empty() {
        warnings.push(cells.problem("Customer ID", format!("No id for “{name}”; kept under that name, see the proposed duplicates")));
    }
}

fn moment(cells: &Cells<'_>, warnings: &mut Vec<RowProblem>) -> Result<(NaiveDateTime, Option<Tz>), RowProblem> {
    let (date, time) = (cells.text("Date"), cells.text("Time"));
    let date = dates::parse_date(date, cells.order("Date"))
        .ok_or_else(|| cells.problem("Date", format!("“{date}” could not be read as a date")))?;
    let time = dates::parse_time(time).ok_or_else(|| cells.problem("Time", format!("“{time}” could not be read as a time")))?;
    let (named, zone) = (cells.text("Time Zone"), dates::zone(cells.text("Time Zone")));
    if zone.is_none() && !named.is_empty() {
        warnings.push(cells.problem("Time Zone", format!("“{named}” is not a time zone that we know; taken as the business’s")));
    }
    Ok((date.and_time(time), zone))
}
