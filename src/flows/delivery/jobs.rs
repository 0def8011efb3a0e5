//! Sending in the background: one job a message, and the regular look for those whose time has come.

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

/// Each minute: what is due, and what was left half done.
#[derive(Serialize, Deserialize)]
pub struct SweepMessages {}

impl TaskHandler for SweepMessages {
    const IDENTIFIER: &'static str = "sweep_messages";

    async fn run(self, ctx: WorkerContext) -> impl IntoTaskHandlerResult {
        super::sweep(app(&ctx)?).await.map(drop)
    }
}
