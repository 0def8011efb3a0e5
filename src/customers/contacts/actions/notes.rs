//! `note.create` and `note.record_extraction`. A note is never changed; a correction is a new note.

use platform::llm::usage;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Written, about, active, free, index};
use crate::contacts::{
    extract::{Found, extract},
    jobs::ExtractNote,
};
use platform::{
    action::{Action, Cx},
    error::{Error, FieldErrors, Result},
    ids::{AttributeId, ContactId, NoteId, TicketId},
    redact,
    role::{ModelLevel, Permission},
};

/// Adds a note to a contact; with `ticket_id` it belongs to that visit. Facts in it are proposed for a person to confirm.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct CreateNote {
    #[serde(default)]
    pub id: Option<NoteId>,
    pub contact_id: ContactId,
    #[serde(default)]
    pub ticket_id: Option<TicketId>,
    pub body: String,
    /// Whether a person has already reviewed the note's facts (in a close-out); none are then proposed.
    #[serde(default)]
    pub is_reviewed: bool,
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
        let mut facts = 0;
        if !self.is_reviewed {
            facts = propose(cx, id, "rules", &extract(&body)).await?;
            if cx.app.llm.is_some() {
                sqlx::query!("insert into note_readings (note_id) values ($1)", id.0).execute(cx.db()).await?;
                cx.enqueue(ExtractNote { note: id }).await?;
            }
        }
        index(cx, self.contact_id).await?;
        let payload = json!({ "note_id": id, "ticket_id": self.ticket_id, "proposed_facts": facts });
        cx.event("note.created", about(self.contact_id), payload).await?;
        Ok(Written { id: id.0, version: 1 })
    }
}

/// Proposes the facts found in a note and returns the number of new ones. A fact that the contact already has is left as it is.
async fn propose(cx: &mut Cx<'_>, note: NoteId, source: &str, found: &[Found]) -> Result<u64> {
    if found.is_empty() {
        return Ok(0);
    }
    let facts: Vec<Value> = found
        .iter()
        .map(|f| json!({ "id": AttributeId::new(), "key": f.key, "value": redact::redact(&f.value).text, "confidence": f.confidence.score() }))
        .collect();
    let written = sqlx::query!(
        r#"insert into attributes (id, contact_id, key, value, state, source, confidence, note_id, ticket_id)
           select x.id, n.contact_id, x.key, x.value, 'proposed', $3, x.confidence, n.id, n.ticket_id
             from jsonb_to_recordset($1) as x(id uuid, key text, value text, confidence numeric) join notes n on n.id = $2
           on conflict (org_id, contact_id, key, lower(value)) where state <> 'dropped' do nothing"#,
        Value::Array(facts),
        note.0,
        source
    )
    .execute(cx.db())
    .await?;
    Ok(written.rows_affected())
}

/// `note.record_extraction`: proposes the facts that a model found in a note, and records the tokens it used. The note waits no longer.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct RecordNoteExtraction {
    pub note_id: NoteId,
    pub found: Vec<Found>,
    #[serde(default)]
    pub prompt_tokens: i32,
    #[serde(default)]
    pub completion_tokens: i32,
    #[serde(default)]
    pub model: String,
}

impl Action for RecordNoteExtraction {
    const NAME: &'static str = "note.record_extraction";
    const NEEDS: Permission = Permission::OwnBusiness;
    const MODEL: ModelLevel = ModelLevel::RequiresAuthorization;
    type Output = u64;

    async fn run(self, cx: &mut Cx<'_>) -> Result<Self::Output> {
        if !self.model.is_empty() {
            usage::record(cx, "extraction", &self.model, self.prompt_tokens, self.completion_tokens).await?;
        }
        sqlx::query!("delete from note_readings where note_id = $1", self.note_id.0).execute(cx.db()).await?;
        let contact = sqlx::query_scalar!(r#"select contact_id as "contact: ContactId" from notes where id = $1"#, self.note_id.0)
            .fetch_optional(cx.db())
            .await?
            .ok_or(Error::NotFound)?;
        let facts = propose(cx, self.note_id, "model", &self.found).await?;
        if facts > 0 {
            index(cx, contact).await?;
            cx.event("note.read", about(contact), json!({ "note_id": self.note_id, "proposed_facts": facts })).await?;
        }
        Ok(facts)
    }
}

/// Returns `NotFound` unless the visit is this contact's and the acting member may see it.
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
