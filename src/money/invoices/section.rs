//! What pages of joint records show of invoices: that of a closed visit (`templates/invoices/_of_visit.html`, which reads a field `invoice`).

use serde::Deserialize;

use platform::ids::InvoiceId;

/// The invoice of a visit that is not void.
#[derive(Debug, Clone, Deserialize)]
pub struct OfVisit {
    pub id: InvoiceId,
    /// `None` for a draft.
    pub number: Option<String>,
}
