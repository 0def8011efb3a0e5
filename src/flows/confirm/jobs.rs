//! Job: mails the customer that a ticket was created, moved or cancelled.

use serde::{Deserialize, Serialize};

use super::actions::{Tell, What};
use platform::{
    action::Meta,
    app::App,
    error::{Error, Result},
    ids::{OrgId, TicketId},
    jobs::Job,
    tenant::Write,
};

/// Follows from a ticket's events (`app::reactions`). With `tell` false, only withdraws messages that no longer hold.
#[derive(Serialize, Deserialize)]
pub struct ConfirmTicket {
    pub ticket: TicketId,
    pub sequence: i32,
    pub what: What,
    pub tell: bool,
}

impl Job for ConfirmTicket {
    const NAME: &'static str = "confirm_ticket";
    type Of = OrgId;

    fn key(&self) -> String {
        format!("{}:{}:{:?}", self.ticket, self.sequence, self.what)
    }

    async fn run(self, app: &App, org: OrgId) -> Result<()> {
        let write = Write::of_org(app, org, "job").await?;
        let tell = Tell { ticket_id: self.ticket, sequence: self.sequence, what: self.what, tell: self.tell };
        match write.act(&Meta::default(), tell).await {
            // An undone import has deleted the ticket.
            Ok(_) | Err(Error::NotFound) => Ok(()),
            Err(e) => Err(e),
        }
    }
}
