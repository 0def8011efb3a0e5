use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::{about, confirmation::settle_notice, fits_short, meanwhile::still_open, reason_given};
use crate::tickets::{TicketState, data};
use platform::{
    action::{Action, Cx},
    error::Result,
    ids::TicketId,
    redact::redact,
    role::{Capability, ModelLevel, Permission},
};

/// Cancels a visit, also one in progress (nobody home), and stops its clocks. Idempotent. Notifies the customer if `tell_customer` is true.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct CancelTicket {
    pub ticket_id: TicketId,
    #[garde(custom(reason_given))]
    pub reason: String,
    /// The charge for the wasted trip, as free text.
    #[serde(default)]
    #[garde(custom(fits_short))]
    pub charge_note: String,
    #[serde(default)]
    pub tell_customer: bool,
}

impl Action for CancelTicket {
    const NAME: &'static str = "ticket.cancel";
    const NEEDS: Permission = Permission::WriteRecords;
    const CAPABILITY: Option<Capability> = Some(Capability::Scheduling);
    const MODEL: ModelLevel = ModelLevel::SoftLimit;
    type Output = TicketId;

    fn versioned(&self) -> Option<(&'static str, Uuid)> {
        Some(("tickets", self.ticket_id.0))
    }

    async fn run(self, cx: &mut Cx<'_>) -> Result<TicketId> {
        let who = cx.who;
        let ticket = data::locked(cx.db(), who, self.ticket_id).await?;
        if ticket.state == TicketState::Cancelled {
            return Ok(ticket.id);
        }
        still_open(cx, &ticket).await?;
        let now = cx.now();
        sqlx::query!(
            "update clock_entries set clocked_out_at = greatest($2, clocked_in_at) where ticket_id = $1 and clocked_out_at is null",
            ticket.id.0,
            now
        )
        .execute(cx.db())
        .await?;
        sqlx::query!("update assignments set is_open = false where ticket_id = $1", ticket.id.0).execute(cx.db()).await?;
        let (reason, charge) = (redact(self.reason.trim()).text, redact(self.charge_note.trim()).text);
        let sequence = ticket.sequence + 1;
        sqlx::query!(
            r#"update tickets set state = $2, cancelled_at = $3, cancel_reason = $4, charge_note = $5, sequence = $6 where id = $1"#,
            ticket.id.0,
            TicketState::Cancelled as TicketState,
            now,
            reason,
            charge,
            sequence
        )
        .execute(cx.db())
        .await?;
        settle_notice(cx, ticket.id).await?;
        let told = json!({ "was": ticket.state, "sequence": sequence, "tell_customer": self.tell_customer, "charged": !charge.is_empty() });
        cx.event("ticket.cancelled", about(&ticket), told).await?;
        Ok(ticket.id)
    }
}
