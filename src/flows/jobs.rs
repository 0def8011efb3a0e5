//! The jobs of this area, and when the regular ones run; `app::jobs` joins them all.

use graphile_worker::{Cron, WorkerOptions};

use crate::{closeout, confirm, delivery, exports, imports};

/// Adds this area's jobs to a worker's.
pub fn jobs(options: WorkerOptions) -> WorkerOptions {
    options
        .define_job::<confirm::jobs::ConfirmTicket>()
        .define_job::<delivery::jobs::SendMessage>()
        .define_job::<closeout::jobs::ExtractNotes>()
        .define_job::<exports::jobs::RunExport>()
        .define_job::<imports::jobs::RunImport>()
        .define_job::<imports::jobs::UndoImport>()
        .define_job::<delivery::jobs::SweepMessages>()
        .with_cron(Cron::every_minute::<delivery::jobs::SweepMessages>().job_key("sweep_messages").payload_value(serde_json::json!({})))
}
