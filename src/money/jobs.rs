//! The jobs of this area, and when the regular ones run; `app::jobs` joins them all.

use platform::jobs::{Entry, entry};

use crate::payments;

/// Every kind of job of this area.
pub fn jobs() -> Vec<Entry> {
    vec![
        entry::<payments::jobs::ProcessWebhook>(),
        entry::<payments::jobs::RefundAtProvider>(),
        entry::<payments::jobs::ExpireCheckout>(),
        entry::<payments::jobs::CloseCheckouts>(),
        entry::<payments::jobs::CheckConnection>(),
    ]
}
