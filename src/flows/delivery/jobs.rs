//! Jobs: one that sends a message, and a regular sweep for due messages.

use graphile_worker::{IntoTaskHandlerResult, TaskHandler, WorkerContext};
use serde::{Deserialize, Serialize};

use messages::outbox;
use platform::{
    ids::{MessageId, OrgId},
    jobs::app,
};

#[derive(Serialize, Deserialize)]
pub struct SendMessage {
    pub org: OrgId,
    pub message: MessageId,
}

impl TaskHandler for SendMessage {
    const IDENTIFIER: &'static str = outbox::SEND;

    async fn run(self, ctx: WorkerContext) -> impl IntoTaskHandlerResult {
        super::deliver(app(&ctx)?, self.org, self.message).await.map(drop)
    }
}

/// Each minute: queues the due messages, and marks those that a dead worker left behind as in doubt.
#[derive(Serialize, Deserialize)]
pub struct SweepMessages {}

impl TaskHandler for SweepMessages {
    const IDENTIFIER: &'static str = "sweep_messages";

    async fn run(self, ctx: WorkerContext) -> impl IntoTaskHandlerResult {
        super::sweep(app(&ctx)?).await.map(drop)
    }
}
