//! The jobs of this area, and when the regular ones run; `app::jobs` joins them all.

use graphile_worker::WorkerOptions;

use crate::payments;

/// Adds this area's jobs to a worker's.
pub fn jobs(options: WorkerOptions) -> WorkerOptions {
    options
        .define_job::<payments::jobs::ProcessWebhook>()
        .define_job::<payments::jobs::RefundAtProvider>()
        .define_job::<payments::jobs::ExpireCheckout>()
        .define_job::<payments::jobs::CloseCheckouts>()
        .define_job::<payments::jobs::CheckConnection>()
}
