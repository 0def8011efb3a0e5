use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::{about, book, bookable, fits_short, meanwhile::still_open, said};
use crate::tickets::{
    data::{self, Ticket},
    overlap,
};
use platform::{
    action::{Action, Cx},
    error::{Error, Result},
    ids::{MemberId, TicketId},
    role::{Capability, Permission},
};

/// Replaces the technicians of a ticket by `member_ids`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct Assign {
    pub ticket_id: TicketId,
    pub member_ids: Vec<MemberId>,
    #[serde(default)]
    #[garde(inner(custom(fits_short)))]
    pub override_reason: Option<String>,
}

impl Action for Assign {
    const NAME: &'static str = "ticket.assign";
    const NEEDS: Permission = Permission::WriteRecords;
    const CAPABILITY: Option<Capability> = Some(Capability::Scheduling);
    type Output = TicketId;

    fn versioned(&self) -> Option<(&'static str, Uuid)> {
        Some(("tickets", self.ticket_id.0))
    }

    async fn run(self, cx: &mut Cx<'_>) -> Result<TicketId> {
        let who = cx.who;
        let ticket = data::locked(cx.db(), who, self.ticket_id).await?;
        still_open(cx, &ticket).await?;
        let members = bookable(cx, &self.member_ids).await?;
        assign_to(cx, &ticket, &members, said(self.override_reason.as_deref())).await
    }
}

/// Books `members` (as returned by `bookable`) for the ticket's slot in place of the former ones. The caller has locked the ticket.
/// A conflict if a removed technician's clock is running on it, or if the slot clashes and `reason` is `None`.
pub(super) async fn assign_to(cx: &mut Cx<'_>, ticket: &Ticket, members: &[MemberId], reason: Option<String>) -> Result<TicketId> {
    let who = cx.who;
    let running = data::clock(cx.db(), ticket.id).await?;
    if let Some(entry) = running.iter().find(|e| e.clocked_out_at.is_none() && !members.contains(&e.member_id)) {
        return Err(Error::conflict(format!("{}'s clock is running on this ticket.", entry.member_name)));
    }
    let slot = (ticket.starts_at, ticket.ends_at);
    let is_override = overlap::claim(cx.db(), who, members, slot, Some(ticket.id), reason.as_deref()).await?;
    book(cx, ticket.id, members, slot, is_override).await?;
    // Updated even if unchanged, so that the ticket's version rises: older open pages of it are then stale.
    sqlx::query!("update tickets set override_reason = $2 where id = $1", ticket.id.0, reason.filter(|_| is_override))
        .execute(cx.db())
        .await?;
    cx.event("ticket.assigned", about(ticket), json!({ "members": members, "override": is_override })).await?;
    Ok(ticket.id)
}
