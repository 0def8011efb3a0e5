//! Job: mails the customer that a ticket was created, moved or cancelled.

use graphile_worker::{IntoTaskHandlerResult, TaskHandler, WorkerContext};
use serde::{Deserialize, Serialize};

use super::actions::{Tell, What};
use platform::{
    jobs::app,
    {
        action::Meta,
        error::{Error, Result},
        ids::{OrgId, TicketId},
        tenant::Write,
    },
};

#[derive(Serialize, Deserialize)]
pub struct ConfirmTicket {
    pub org: OrgId,
    pub ticket: TicketId,
    pub sequence: i32,
    pub what: What,
    #[serde(default = "yes")]
    pub tell: bool,
}

fn yes() -> bool {
    true
}

impl TaskHandler for ConfirmTicket {
    const IDENTIFIER: &'static str = "confirm_ticket";

    async fn run(self, ctx: WorkerContext) -> impl IntoTaskHandlerResult {
        let write = Write::of_org(app(&ctx)?, self.org, "job").await?;
        let tell = Tell { ticket_id: self.ticket, sequence: self.sequence, what: self.what, tell: self.tell };
        match write.act(&Meta::default(), tell).await {
            // An undone import has deleted the ticket.
            Ok(_) | Err(Error::NotFound) => Result::Ok(()),
            Err(e) => Err(e),
        }
    }
}
