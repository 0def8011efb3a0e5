//! The jobs of this area, and when the regular ones run; `app::jobs` joins them all.

use graphile_worker::WorkerOptions;

use crate::{business, identity};

/// Adds this area's jobs to a worker's.
pub fn jobs(options: WorkerOptions) -> WorkerOptions {
    options.define_job::<identity::jobs::SendSignIn>().define_job::<business::jobs::SendInvitation>()
}
