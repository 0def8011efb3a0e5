use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::{about, assign::assign_to, book, bookable, check_slot, confirmation::settle_notice, fits_short, meanwhile::still_open, said};
use crate::tickets::{
    Confirmation, TicketState,
    data::{self, Ticket},
    overlap::{self, Slot},
};
use platform::{
    action::{Action, Cx},
    error::{Error, Result},
    ids::{MemberId, TicketId},
    role::{Capability, Permission},
};

/// Moves a visit to another time (UTC), and to other technicians if `member_ids` is given. The customer's answer is reset, as it was to the
/// old time, and they are asked again. A conflict once work has begun.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct Reschedule {
    pub ticket_id: TicketId,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    #[serde(default)]
    pub member_ids: Option<Vec<MemberId>>,
    #[serde(default)]
    #[garde(inner(custom(fits_short)))]
    pub override_reason: Option<String>,
    #[serde(default = "yes")]
    pub ask_customer: bool,
}

fn yes() -> bool {
    true
}

impl Action for Reschedule {
    const NAME: &'static str = "ticket.reschedule";
    const NEEDS: Permission = Permission::WriteRecords;
    const CAPABILITY: Option<Capability> = Some(Capability::Scheduling);
    type Output = TicketId;

    fn versioned(&self) -> Option<(&'static str, Uuid)> {
        Some(("tickets", self.ticket_id.0))
    }

    async fn run(self, cx: &mut Cx<'_>) -> Result<TicketId> {
        check_slot(cx.now(), self.starts_at, self.ends_at)?;
        let (who, slot) = (cx.who, (self.starts_at, self.ends_at));
        let ticket = data::locked(cx.db(), who, self.ticket_id).await?;
        still_open(cx, &ticket).await?;
        if ticket.state == TicketState::InProgress {
            return Err(Error::conflict("Work on this ticket has begun. Take the clock-in back before moving it."));
        }
        let mut booked: Vec<_> = data::assignees(cx.db(), ticket.id).await?.iter().map(|a| a.member_id).collect();
        booked.sort_unstable();
        let members = bookable(cx, self.member_ids.as_deref().unwrap_or(&booked)).await?;
        let reason = said(self.override_reason.as_deref());
        if slot == (ticket.starts_at, ticket.ends_at) {
            return if members == booked { Ok(ticket.id) } else { assign_to(cx, &ticket, &members, reason).await };
        }
        move_to(cx, &ticket, slot, &members, reason, Customer { is_new: false, ask: self.ask_customer }).await?;
        Ok(ticket.id)
    }
}

/// The customer of a ticket that moves.
pub(super) struct Customer {
    /// Whether the ticket is a new one for this customer, who knows of no earlier slot.
    pub is_new: bool,
    /// Whether to ask them if the slot suits.
    pub ask: bool,
}

/// Books `members` (as returned by `bookable`) for another slot and resets the customer's answer. The caller has locked the ticket.
pub(super) async fn move_to(
    cx: &mut Cx<'_>,
    ticket: &Ticket,
    slot: Slot,
    members: &[MemberId],
    reason: Option<String>,
    customer: Customer,
) -> Result<()> {
    let who = cx.who;
    let is_override = overlap::claim(cx.db(), who, members, slot, Some(ticket.id), reason.as_deref()).await?;
    book(cx, ticket.id, members, slot, is_override).await?;
    let sequence = ticket.sequence + 1;
    sqlx::query!(
        r#"update tickets set starts_at = $2, ends_at = $3, sequence = $4, confirmation = $5, override_reason = $6 where id = $1"#,
        ticket.id.0,
        slot.0,
        slot.1,
        sequence,
        Confirmation::NotAsked as Confirmation,
        reason.filter(|_| is_override)
    )
    .execute(cx.db())
    .await?;
    settle_notice(cx, ticket.id).await?;
    let moved = json!({ "from": ticket.starts_at, "to": slot.0, "until": slot.1, "sequence": sequence, "override": is_override,
                        "tell_customer": customer.ask && slot.0 > cx.now(), "is_new_customer": customer.is_new });
    cx.event("ticket.moved", about(ticket), moved).await
}
