//! What every document with lines shares, such as invoices and quotes: the lines, how they are filled in and counted, their form, and how they are
//! printed on pages. The tables are each document's own.

pub mod calc;
mod fill;
pub mod form;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use fill::{Filled, LineTax, MOST_LINES, NewLine, fill, same};
use platform::{
    ids::{ServiceId, TaxRateId},
    money::{Currency, two_decimals},
};

/// One line, as printed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Line {
    pub id: Uuid,
    pub position: i32,
    pub service_id: Option<ServiceId>,
    pub description: String,
    pub quantity: Decimal,
    #[serde(serialize_with = "two_decimals")]
    pub unit_price: Decimal,
    pub tax_rate_id: Option<TaxRateId>,
    pub tax_name: String,
    pub tax_percent: Decimal,
    pub tax_inclusive: bool,
    #[serde(serialize_with = "two_decimals")]
    pub total: Decimal,
}

/// One tax row, as printed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Tax {
    pub name: String,
    pub percent: Decimal,
    /// Whether the prices contain the tax: it is shown, but not added to the total.
    pub is_inclusive: bool,
    #[serde(serialize_with = "two_decimals")]
    pub base: Decimal,
    #[serde(serialize_with = "two_decimals")]
    pub amount: Decimal,
}

impl Tax {
    /// Such as "Sales tax 8.875 %", or "Includes VAT 19 %" for an included tax.
    pub fn label(&self) -> String {
        let percent = self.percent.normalize();
        if self.is_inclusive { format!("Includes {} {percent} %", self.name) } else { format!("{} {percent} %", self.name) }
    }
}

/// The stored sums of a document.
#[derive(Debug, Clone, Copy)]
pub struct Sums {
    pub currency: Currency,
    pub subtotal: Decimal,
    pub discount: Decimal,
    pub discount_percent: Option<Decimal>,
    pub total: Decimal,
    pub paid: Decimal,
    pub due: Decimal,
}

/// A document's stored amounts, formatted for pages.
#[derive(Debug, Clone)]
pub struct Printed {
    pub lines: Vec<PrintedLine>,
    /// Label and amount of subtotal, discount and added taxes. Empty if none differs from the total.
    pub sums: Vec<(String, String)>,
    pub total: String,
    /// Label and amount of taxes that the prices include.
    pub included: Vec<(String, String)>,
    pub paid: Option<String>,
    pub due: String,
}

#[derive(Debug, Clone)]
pub struct PrintedLine {
    pub description: String,
    /// Such as "20 × $5.00"; empty for a quantity of one.
    pub detail: String,
    pub total: String,
}

/// Formats the stored amounts; calculates nothing.
pub fn printed(document: Sums, lines: &[Line], taxes: &[Tax]) -> Printed {
    let money = document.currency;
    let words = |amount: Decimal| money.format(amount);
    let mut sums = Vec::new();
    if document.subtotal != document.total {
        sums.push(("Subtotal".to_owned(), words(document.subtotal)));
    }
    if !document.discount.is_zero() {
        let label = document.discount_percent.map_or_else(|| "Discount".to_owned(), |p| format!("Discount {} %", p.normalize()));
        sums.push((label, words(-document.discount)));
    }
    sums.extend(taxes.iter().filter(|t| !t.is_inclusive).map(|t| (t.label(), words(t.amount))));
    Printed {
        lines: lines
            .iter()
            .map(|l| PrintedLine {
                description: l.description.clone(),
                detail: if l.quantity == Decimal::ONE {
                    String::new()
                } else {
                    format!("{} × {}", l.quantity.normalize(), words(l.unit_price))
                },
                total: words(l.total),
            })
            .collect(),
        sums,
        total: words(document.total),
        included: taxes.iter().filter(|t| t.is_inclusive).map(|t| (t.label(), words(t.amount))).collect(),
        paid: (!document.paid.is_zero()).then(|| words(document.paid)),
        due: words(document.due),
    }
}
