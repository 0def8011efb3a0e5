use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::{about, book, bookable, meanwhile::still_open};
use crate::{
    platform::{
        action::{Action, Cx},
        error::{Error, Result},
        ids::{MemberId, TicketId},
        role::{Capability, Permission},
    },
    tickets::{data, overlap},
};

/// Sets who does the visit: these technicians and nobody else.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct Assign {
    pub ticket_id: TicketId,
    pub member_ids: Vec<MemberId>,
    #[serde(default)]
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
        let running = data::clock(cx.db(), ticket.id).await?;
        if let Some(entry) = running.iter().find(|e| e.clocked_out_at.is_none() && !members.contains(&e.member_id)) {
            return Err(Error::conflict(format!("{}'s clock is running on this ticket.", entry.member_name)));
        }
        let slot = (ticket.starts_at, ticket.ends_at);
        let reason = self.override_reason.as_deref().map(str::trim).filter(|r| !r.is_empty());
        let is_override = overlap::claim(cx.db(), who, &members, slot, Some(ticket.id), reason).await?;
        book(cx, ticket.id, &members, slot, is_override).await?;
        // Who opened the ticket before sees that it changed: the assignment is part of what it shows.
        sqlx::query!("update tickets set override_reason = $2 where id = $1", ticket.id.0, if is_override { reason } else { None })
            .execute(cx.db())
            .await?;
        cx.event("ticket.assigned", about(&ticket), json!({ "members": members, "override": is_override })).await?;
        Ok(ticket.id)
    }
}
