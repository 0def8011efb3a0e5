//! The jobs of this area, and when the regular ones run; `app::jobs` joins them all.

use graphile_worker::WorkerOptions;

use crate::contacts;

/// Adds this area's jobs to a worker's.
pub fn jobs(options: WorkerOptions) -> WorkerOptions {
    options
        .define_job::<contacts::jobs::ExtractNote>()
        // Queued when a function that search entries are made with was replaced.
        .define_job::<contacts::jobs::RenewContactSearch>()
}
