//! Invoices and receipts as PDF, drawn once when issued; the stored bytes are what everyone sees.
//!
//! Every amount comes from the record as it was computed and frozen: nothing is added up here.

mod draw;
mod layout;
mod typeset;

use std::fmt;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use platform::money::Currency;

/// What the paper is called, and what it asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Invoice,
    Receipt,
}

/// The paper of the business's region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paper {
    Letter,
    A4,
}

impl Paper {
    /// Letter in the United States, Canada and Mexico, A4 elsewhere. ISO 3166 code.
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

/// A name and the lines below it: street, town, phone, mail.
#[derive(Clone, Debug, Default)]
pub struct Block {
    pub name: String,
    pub lines: Vec<String>,
}

/// A row of the table, with the amounts of the record.
#[derive(Clone, Debug)]
pub struct DocumentLine {
    pub description: String,
    pub quantity: Decimal,
    pub unit_price: Decimal,
    pub total: Decimal,
}

/// A row between subtotal and total, or a payment: "Sales tax 8.875 %", "Paid 24 Nov 2026, card".
#[derive(Clone, Debug)]
pub struct AmountRow {
    pub label: String,
    pub amount: Decimal,
}

/// All that is printed. Dates are the business's local ones.
#[derive(Clone, Debug)]
pub struct InvoiceDocument {
    pub kind: Kind,
    pub paper: Paper,
    pub currency: Currency,
    pub business: Block,
    /// As the law wants it printed, with its name: "VAT no. GB123456789".
    pub tax_id: Option<String>,
    /// PNG or JPEG; what can't be read is left out.
    pub logo: Option<Vec<u8>>,
    pub customer: Block,
    pub number: String,
    pub issued: NaiveDate,
    pub due: Option<NaiveDate>,
    /// Further facts beside the dates: ("Visit", "24 Nov 2026"), ("Your reference", "PO 12").
    pub facts: Vec<(String, String)>,
    pub lines: Vec<DocumentLine>,
    pub subtotal: Decimal,
    /// Positive; printed as a deduction. Zero prints nothing.
    pub discount: Decimal,
    /// Tax on top of the prices.
    pub taxes: Vec<AmountRow>,
    pub total: Decimal,
    /// Tax that the prices contain, printed below the total.
    pub included_taxes: Vec<AmountRow>,
    /// Positive; printed as deductions.
    pub payments: Vec<AmountRow>,
    /// What is left to pay.
    pub balance: Decimal,
    pub notes: String,
    pub terms: String,
    /// The public pay page, as link and QR code.
    pub pay_url: Option<String>,
    /// A word across the head: "Paid", "Void".
    pub stamp: Option<String>,
}

/// The PDF could not be made; the cause is ours, not the person's.
#[derive(Debug)]
pub struct PdfError(String);

impl fmt::Display for PdfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the PDF could not be made: {}", self.0)
    }
}

impl std::error::Error for PdfError {}

/// Draws the document. Takes some 10 ms of processor time: not within a transaction.
pub fn render(document: &InvoiceDocument) -> Result<Vec<u8>, PdfError> {
    let fonts = typeset::Fonts::load()?;
    let logo = document.logo.as_deref().and_then(draw::logo);
    let pages = layout::pages(document, &fonts, logo.as_ref().map(draw::logo_size));
    draw::pdf(document, &fonts, logo, &pages)
}

impl Kind {
    fn title(self) -> &'static str {
        match self {
            Self::Invoice => "Invoice",
            Self::Receipt => "Receipt",
        }
    }
}

/// `24 Nov 2026`: cannot be read as another day anywhere.
fn day(date: NaiveDate) -> String {
    date.format("%-d %b %Y").to_string()
}

#[cfg(test)]
mod tests;
