use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::{about, create, meanwhile::still_open};
use crate::{
    platform::{
        action::{Action, Cx},
        error::Result,
        ids::{AddressId, ContactId, TicketId},
        redact::redact,
        role::{Capability, Permission},
    },
    tickets::data,
};

/// Changes what is given, leaves the rest. The time is moved by `ticket.reschedule`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct UpdateTicket {
    pub ticket_id: TicketId,
    #[serde(default)]
    pub contact_id: Option<ContactId>,
    #[serde(default)]
    pub address_id: Option<AddressId>,
    #[serde(default)]
    #[garde(inner(custom(create::instructions_fit)))]
    pub instructions: Option<String>,
    #[serde(default)]
    pub is_price_estimated: Option<bool>,
}

impl Action for UpdateTicket {
    const NAME: &'static str = "ticket.update";
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
        let contact = self.contact_id.unwrap_or(ticket.contact_id);
        // A new customer's visit is not at the old one's address.
        let address = if contact == ticket.contact_id { self.address_id.or(ticket.address_id) } else { self.address_id };
        let time_zone = if (contact, address) == (ticket.contact_id, ticket.address_id) {
            ticket.time_zone.clone()
        } else {
            create::place(cx, contact, address).await?
        };
        sqlx::query!(
            r#"update tickets set contact_id = $2, address_id = $3, time_zone = $4, instructions = $5, is_price_estimated = $6 where id = $1"#,
            ticket.id.0,
            contact.0,
            address.map(|a| a.0),
            time_zone,
            self.instructions.as_deref().map_or(ticket.instructions.clone(), |i| redact(i.trim()).text),
            self.is_price_estimated.unwrap_or(ticket.is_price_estimated)
        )
        .execute(cx.db())
        .await?;
        cx.event("ticket.updated", about(&ticket), json!({})).await?;
        Ok(ticket.id)
    }
}
