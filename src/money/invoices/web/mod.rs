//! Pages of invoices: the list, the form of a draft, sending, PDF and print. An invoice's own page shows payments and mails, so it is in `views::invoice`.

mod form;
mod list;
mod send;

use rust_decimal::Decimal;

pub use form::{create, edit, from_ticket, new, update};
pub use list::index;
pub use send::{issue, pdf, pdf_answer, print, renew_link, send, send_form, void, void_form};

use super::data::{Invoice, Line, Tax};
use platform::tenant::Who;

/// URL and label of the back link on an invoice's subpages: its own page, or the calendar for members who may not see prices.
pub fn way_back(who: &Who, invoice: &Invoice) -> (String, String) {
    if who.sees_prices() { (format!("/invoices/{}", invoice.id), invoice.title()) } else { ("/calendar".into(), "Calendar".into()) }
}

/// An invoice's stored amounts, formatted for pages.
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
pub fn printed(invoice: &Invoice, lines: &[Line], taxes: &[Tax]) -> Printed {
    let money = invoice.money();
    let words = |amount: Decimal| money.format(amount);
    let mut sums = Vec::new();
    if invoice.subtotal != invoice.total {
        sums.push(("Subtotal".to_owned(), words(invoice.subtotal)));
    }
    if !invoice.discount.is_zero() {
        let label = invoice.discount_percent.map_or_else(|| "Discount".to_owned(), |p| format!("Discount {} %", p.normalize()));
        sums.push((label, words(-invoice.discount)));
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
        total: words(invoice.total),
        included: taxes.iter().filter(|t| t.is_inclusive).map(|t| (t.label(), words(t.amount))).collect(),
        paid: (!invoice.paid.is_zero()).then(|| words(invoice.paid)),
        due: words(invoice.amount_due),
    }
}
