//! The paper that every document of a business shares: sender, customer, dates, lines, totals, as PDF.
//!
//! Every amount comes from the record; nothing is calculated here.

mod draw;
mod layout;
mod typeset;

use std::fmt;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use platform::money::Currency;

/// What a kind of document says in its fixed places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// "Invoice"
    pub title: &'static str,
    /// Above the customer: "BILL TO".
    pub customer: &'static str,
    /// Beside the balance: "Amount due".
    pub balance: &'static str,
}

/// The paper size of the business's country.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paper {
    Letter,
    A4,
}

impl Paper {
    /// Letter in the United States, Canada and Mexico, A4 elsewhere. `code` is ISO 3166-1 alpha-2.
    pub fn of_country(code: &str) -> Self {
        if ["US", "CA", "MX"].iter().any(|c| c.eq_ignore_ascii_case(code)) { Self::Letter } else { Self::A4 }
    }

    /// Width and height in points.
    fn size(self) -> (f32, f32) {
        match self {
            Self::Letter => (612.0, 792.0),
            Self::A4 => (595.0, 842.0),
        }
    }
}

/// A name and the lines below it: street, town, phone, email.
#[derive(Clone, Debug, Default)]
pub struct Block {
    pub name: String,
    pub lines: Vec<String>,
}

/// A row of the table, with the stored amounts.
#[derive(Clone, Debug)]
pub struct DocumentLine {
    pub description: String,
    pub quantity: Decimal,
    pub unit_price: Decimal,
    pub total: Decimal,
}

/// A label with an amount: a tax ("Sales tax 8.875 %") or a payment ("Paid 24 Nov 2026, card").
#[derive(Clone, Debug)]
pub struct AmountRow {
    pub label: String,
    pub amount: Decimal,
}

/// All content of the document. Dates are in the business's time zone.
#[derive(Clone, Debug)]
pub struct Document {
    pub kind: Kind,
    pub paper: Paper,
    pub currency: Currency,
    pub business: Block,
    /// Printed as given, so with its legal name: "VAT no. GB123456789".
    pub tax_id: Option<String>,
    /// PNG or JPEG; omitted if it can't be decoded.
    pub logo: Option<Vec<u8>>,
    pub customer: Block,
    pub number: String,
    pub issued: NaiveDate,
    pub due: Option<NaiveDate>,
    /// Label and value of further facts below the dates, such as ("Visit", "24 Nov 2026").
    pub facts: Vec<(String, String)>,
    pub lines: Vec<DocumentLine>,
    pub subtotal: Decimal,
    /// Positive; printed as a deduction. Zero prints nothing.
    pub discount: Decimal,
    /// Taxes added to the prices.
    pub taxes: Vec<AmountRow>,
    pub total: Decimal,
    /// Taxes that the prices include, printed below the total.
    pub included_taxes: Vec<AmountRow>,
    /// Positive; printed as deductions.
    pub payments: Vec<AmountRow>,
    /// The amount that the document is about: what is still due of an invoice.
    pub balance: Decimal,
    pub notes: String,
    pub terms: String,
    /// URL of the customer's payment page, printed as link and QR code.
    pub pay_url: Option<String>,
    /// A word below the number: "Paid", "Void".
    pub stamp: Option<String>,
}

/// Rendering failed: an internal fault, not an error in the input.
#[derive(Debug)]
pub struct PdfError(String);

impl fmt::Display for PdfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the PDF could not be made: {}", self.0)
    }
}

impl std::error::Error for PdfError {}

/// Renders the document as PDF bytes. Takes about 10 ms of CPU time, so run it on a blocking thread.
pub fn render(document: &Document) -> Result<Vec<u8>, PdfError> {
    let fonts = typeset::Fonts::load()?;
    let logo = document.logo.as_deref().and_then(draw::logo);
    let has_logo = logo.is_some();
    let pages = layout::pages(document, &fonts, logo.as_ref().map(draw::logo_size));
    match draw::pdf(document, &fonts, logo, &pages) {
        // A logo stored before logos were decoded may turn out damaged only now. Nothing decorative may stop an invoice.
        Err(_) if has_logo => draw::pdf(document, &fonts, None, &layout::pages(document, &fonts, None)),
        drawn => drawn,
    }
}

/// `24 Nov 2026`: unambiguous in every locale.
fn day(date: NaiveDate) -> String {
    date.format("%-d %b %Y").to_string()
}

#[cfg(test)]
mod tests;
