//! Jobs: one that sends a message, and a regular sweep for due messages.

use serde::{Deserialize, Serialize};

use platform::{
    app::App,
    error::Result,
    ids::{MessageId, OrgId},
    jobs::Job,
};

/// Sends a message. `super::sweep` finds those that wait without a job.
#[derive(Serialize, Deserialize)]
pub struct SendMessage {
    pub message: MessageId,
}

impl Job for SendMessage {
    const NAME: &'static str = "send_message";
    type Of = OrgId;

    fn key(&self) -> String {
        self.message.to_string()
    }

    async fn run(self, app: &App, org: OrgId) -> Result<()> {
        super::deliver(app, org, self.message).await.map(drop)
    }
}

/// Each minute: queues the due messages, and marks those that a dead worker left behind as in doubt.
#[derive(Serialize, Deserialize)]
pub struct SweepMessages {}

impl Job for SweepMessages {
    const NAME: &'static str = "sweep_messages";
    type Of = ();

    fn key(&self) -> String {
        String::new()
    }

    async fn run(self, app: &App, (): ()) -> Result<()> {
        super::sweep(app).await.map(drop)
    }
}
