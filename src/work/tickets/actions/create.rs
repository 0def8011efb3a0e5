use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{NewLine, book, bookable, check_slot, fits_short, lines, said};
use crate::tickets::overlap;
use customers::contacts;
use platform::{
    action::{Action, Cx, Subject},
    error::{Error, FieldErrors, Result},
    ids::{AddressId, ContactId, MemberId, TicketId},
    numbers::{self, Counter},
    redact::redact,
    role::{Capability, Permission},
};

/// Books a visit. Times are UTC. If a technician is already booked, a conflict that lists clashes and free times, unless
/// `override_reason` is given.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct CreateTicket {
    #[serde(default)]
    pub id: Option<TicketId>,
    pub contact_id: ContactId,
    #[serde(default)]
    pub address_id: Option<AddressId>,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    #[serde(default)]
    pub member_ids: Vec<MemberId>,
    #[serde(default)]
    #[garde(dive)]
    pub lines: Vec<NewLine>,
    #[serde(default)]
    #[garde(custom(instructions_fit))]
    pub instructions: String,
    #[serde(default)]
    pub is_price_estimated: bool,
    #[serde(default)]
    #[garde(inner(custom(fits_short)))]
    pub override_reason: Option<String>,
    /// Whether the customer is asked to confirm, if they can be reached.
    #[serde(default = "yes")]
    pub ask_customer: bool,
}

fn yes() -> bool {
    true
}

pub(super) fn instructions_fit(text: &str, _: &()) -> garde::Result {
    if text.chars().count() > 10_000 { Err(garde::Error::new("Instructions can have at most 10,000 characters.")) } else { Ok(()) }
}

/// The booked ticket.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Created {
    pub id: TicketId,
    pub number: i64,
}

impl Action for CreateTicket {
    const NAME: &'static str = "ticket.create";
    const NEEDS: Permission = Permission::WriteRecords;
    const CAPABILITY: Option<Capability> = Some(Capability::Scheduling);
    type Output = Created;

    async fn run(self, cx: &mut Cx<'_>) -> Result<Created> {
        check_slot(cx.now(), self.starts_at, self.ends_at)?;
        let time_zone = place(cx, self.contact_id, self.address_id).await?;
        let members = bookable(cx, &self.member_ids).await?;
        let (who, slot) = (cx.who, (self.starts_at, self.ends_at));
        let reason = said(self.override_reason.as_deref());
        let is_override = overlap::claim(cx.db(), who, &members, slot, None, reason.as_deref()).await?;
        let id = self.id.unwrap_or_default();
        let number = numbers::next(cx, Counter::Ticket).await?;
        let source = match who.source.as_str() {
            "page" => "manual",
            other => other,
        };
        sqlx::query!(
            r#"insert into tickets (id, number, contact_id, address_id, starts_at, ends_at, time_zone, instructions, is_price_estimated,
                                    override_reason, source)
               values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"#,
            id.0,
            number,
            self.contact_id.0,
            self.address_id.map(|a| a.0),
            self.starts_at,
            self.ends_at,
            time_zone,
            redact(self.instructions.trim()).text,
            self.is_price_estimated,
            reason.filter(|_| is_override),
            source
        )
        .execute(cx.db())
        .await?;
        book(cx, id, &members, slot, is_override).await?;
        let mut last = 0;
        for (line, index) in self.lines.into_iter().zip(0..) {
            lines::insert(cx, id, None, index + 1, line).await.map_err(|e| of_line(e, index))?;
            last = index;
        }
        lines::recount(cx, id).await.map_err(|e| of_line(e, last))?;
        let subject = Subject { kind: "ticket", id: id.0, contact: Some(self.contact_id) };
        let scheduled = json!({ "number": number, "starts_at": slot.0, "ends_at": slot.1, "override": is_override, "sequence": 0,
                                "tell_customer": self.ask_customer && slot.0 > cx.now() });
        cx.event("ticket.scheduled", subject, scheduled).await?;
        Ok(Created { id, number })
    }
}

/// Prefixes the fields of an invalid line with its index: `lines[0].unit_price`.
fn of_line(error: Error, index: i32) -> Error {
    match error {
        Error::Invalid(mut e) => {
            e.0.iter_mut().for_each(|e| e.field = format!("lines[{index}].{}", e.field));
            Error::Invalid(e)
        }
        other => other,
    }
}

/// The IANA time zone of the place of service, by default the business's. A field error for an archived customer or another customer's
/// address; `NotFound` for a customer that the member may not see.
pub(super) async fn place(cx: &mut Cx<'_>, contact: ContactId, address: Option<AddressId>) -> Result<String> {
    let who = cx.who;
    contacts::data::visible(cx.db(), who, contact).await?;
    let row = sqlx::query!(
        r#"select c.deleted_at is not null as "archived!", a.id as "address?", a.time_zone as "time_zone?"
             from contacts c left join addresses a on a.org_id = c.org_id and a.contact_id = c.id and a.id = $2 and a.deleted_at is null
            where c.id = $1"#,
        contact.0,
        address.map(|a| a.0)
    )
    .fetch_optional(cx.db())
    .await?
    .ok_or(Error::NotFound)?;
    if row.archived {
        return Err(FieldErrors::one("contact_id", "This customer is archived. Restore them first."));
    }
    if address.is_some() && row.address.is_none() {
        return Err(FieldErrors::one("address_id", "This address does not belong to the customer."));
    }
    Ok(row.time_zone.unwrap_or_else(|| cx.who.zone.name().to_owned()))
}
