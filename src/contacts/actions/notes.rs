//! `note.create`. Notes are not rewritten: what was wrong is said in a new one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Written, about, active, free, index};
use crate::platform::{
    action::{Action, Cx},
    error::{Error, FieldErrors, Result},
    ids::{ContactId, NoteId, TicketId},
    role::Permission,
};

/// Adds a note to a contact; with `ticket_id` it belongs to that visit.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct CreateNote {
    #[serde(default)]
    pub id: Option<NoteId>,
    pub contact_id: ContactId,
    #[serde(default)]
    pub ticket_id: Option<TicketId>,
    pub body: String,
}

impl Action for CreateNote {
    const NAME: &'static str = "note.create";
    const NEEDS: Permission = Permission::WriteRecords;
    type Output = Written;

    async fn run(self, cx: &mut Cx<'_>) -> Result<Self::Output> {
        active(cx, self.contact_id).await?;
        if let Some(ticket) = self.ticket_id {
            of_visit(cx, ticket, self.contact_id).await?;
        }
        let mut errors = FieldErrors::default();
        let body = free(&mut errors, "body", &self.body, 20_000);
        if body.is_empty() {
            errors.add("body", "Write something first.");
        }
        errors.into_result()?;
        let id = self.id.unwrap_or_default();
        sqlx::query!(
            "insert into notes (id, contact_id, ticket_id, body) values ($1, $2, $3, $4)",
            id.0,
            self.contact_id.0,
            self.ticket_id.map(|t| t.0),
            body
        )
        .execute(cx.db())
        .await?;
        index(cx, self.contact_id).await?;
        cx.event("note.created", about(self.contact_id), json!({ "note_id": id, "ticket_id": self.ticket_id })).await?;
        Ok(Written { id: id.0, version: 1 })
    }
}

/// A visit of this customer that the writer may see; `NotFound` otherwise.
async fn of_visit(cx: &mut Cx<'_>, ticket: TicketId, contact: ContactId) -> Result<()> {
    let only = cx.who.only_own_tickets();
    let is_theirs = sqlx::query_scalar!(
        r#"select exists (select from tickets t
            where t.id = $1 and t.contact_id = $2
              and ($3::uuid is null or exists (select from assignments a where a.ticket_id = t.id and a.member_id = $3))) as "there!""#,
        ticket.0,
        contact.0,
        only.map(|m| m.0)
    )
    .fetch_one(cx.db())
    .await?;
    if is_theirs { Ok(()) } else { Err(Error::NotFound) }
}
