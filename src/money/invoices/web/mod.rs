//! Pages of invoices: the list, the form of a draft, sending, PDF and print. An invoice's own page shows payments and mails, so it is in `views::invoice`.

mod form;
mod list;
mod send;

pub use form::{create, edit, from_ticket, new, update};
pub use list::index;
pub use send::{issue, pdf, pdf_answer, print, renew_link, send, send_form, void, void_form};

use super::data::Invoice;
pub use crate::lines::Printed;
use crate::lines::{self, Line, Sums, Tax};
use platform::tenant::Who;

/// URL and label of the back link on an invoice's subpages: its own page, or the calendar for members who may not see prices.
pub fn way_back(who: &Who, invoice: &Invoice) -> (String, String) {
    if who.sees_prices() { (format!("/invoices/{}", invoice.id), invoice.title()) } else { ("/calendar".into(), "Calendar".into()) }
}

/// Formats the stored amounts; calculates nothing.
pub fn printed(invoice: &Invoice, lines: &[Line], taxes: &[Tax]) -> Printed {
    let sums = Sums {
        currency: invoice.money(),
        subtotal: invoice.subtotal,
        discount: invoice.discount,
        discount_percent: invoice.discount_percent,
        total: invoice.total,
        paid: invoice.paid,
        due: invoice.amount_due,
    };
    lines::printed(sums, lines, taxes)
}
