use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::{
    about,
    confirmation::start_anew,
    create, fits_short,
    meanwhile::still_open,
    reschedule::{Customer, move_to},
    said,
};
use crate::tickets::{
    TicketState,
    data::{self, Ticket},
    overlap::Slot,
};
use platform::{
    action::{Action, Cx},
    error::Result,
    ids::{AddressId, ContactId, TicketId},
    localtime::{to_utc, wall},
    redact::redact,
    role::{Capability, Permission},
};

/// Changes a ticket. Fields left out stay as they are. Times change with `ticket.reschedule`; here only an address in another time zone
/// moves the visit, which keeps its local time. After a change of customer or time, the customer is asked to confirm.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct UpdateTicket {
    pub ticket_id: TicketId,
    #[serde(default)]
    pub contact_id: Option<ContactId>,
    #[serde(default)]
    pub address_id: Option<AddressId>,
    /// Removes the address.
    #[serde(default)]
    pub no_address: bool,
    #[serde(default)]
    #[garde(inner(custom(create::instructions_fit)))]
    pub instructions: Option<String>,
    #[serde(default)]
    pub is_price_estimated: Option<bool>,
    /// The reason for a double booking, if the new address's time zone moves the visit.
    #[serde(default)]
    #[garde(inner(custom(fits_short)))]
    pub override_reason: Option<String>,
    /// Whether a new customer, or the customer of a moved visit, is asked to confirm.
    #[serde(default = "yes")]
    pub ask_customer: bool,
}

fn yes() -> bool {
    true
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
        // A new customer does not inherit the former customer's address.
        let address = match (self.no_address, contact == ticket.contact_id) {
            (true, _) => None,
            (false, true) => self.address_id.or(ticket.address_id),
            (false, false) => self.address_id,
        };
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
            self.instructions.as_deref().map_or_else(|| ticket.instructions.clone(), |i| redact(i.trim()).text),
            self.is_price_estimated.unwrap_or(ticket.is_price_estimated)
        )
        .execute(cx.db())
        .await?;
        let now = data::ticket(cx.db(), ticket.id).await?;
        cx.event("ticket.updated", about(&now), json!({})).await?;
        self.follow(cx, &ticket, &now).await?;
        Ok(ticket.id)
    }
}

impl UpdateTicket {
    /// Applies the consequences of a new customer or time zone: link, answer, slot and the question to the customer.
    async fn follow(&self, cx: &mut Cx<'_>, old: &Ticket, new: &Ticket) -> Result<()> {
        let is_other = new.contact_id != old.contact_id;
        let slot = same_wall(old, new.zone());
        if is_other {
            let sequence = start_anew(cx, new).await?;
            let tell = self.ask_customer && slot.0 > cx.now();
            // The event also appears on the former customer's timeline.
            let handed = json!({ "contact_id": new.contact_id, "sequence": sequence, "tell_customer": tell });
            cx.event("ticket.updated", about(old), handed).await?;
        }
        if slot != (old.starts_at, old.ends_at) && old.state == TicketState::Scheduled {
            let mut booked: Vec<_> = data::assignees(cx.db(), old.id).await?.iter().map(|a| a.member_id).collect();
            booked.sort_unstable();
            let customer = Customer { is_new: is_other, ask: self.ask_customer };
            move_to(cx, new, slot, &booked, said(self.override_reason.as_deref()), customer).await?;
        }
        Ok(())
    }
}

/// The slot with the same local start time and length in another zone.
fn same_wall(ticket: &Ticket, zone: Tz) -> Slot {
    let at = wall(ticket.starts_at, ticket.zone());
    // If the local time does not change, the instant stays: converting back could pick the other of two repeated hours.
    let starts_at = if wall(ticket.starts_at, zone) == at { ticket.starts_at } else { to_utc(at.date(), at.time(), zone) };
    (starts_at, starts_at + (ticket.ends_at - ticket.starts_at))
}
