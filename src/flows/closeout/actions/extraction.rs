//! Records the facts that a model found in the notes, which arrive while the person goes on.

use garde::Validate;
use platform::llm::usage;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::closeout::{CloseoutState, Origin, data};
use customers::contacts::{actions::SetAttribute, extract::Found};
use platform::{
    action::{Action, Cx},
    error::Result,
    ids::{CloseoutId, TicketId},
    role::{ModelLevel, Permission},
};
use work::tickets;

/// `closeout.record_extraction`: records the facts that a model found in the notes. Before the review they are merged into the draft;
/// afterwards they become proposals on the contact. The page on screen does not change, and nothing is confirmed.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, Validate)]
#[garde(allow_unvalidated)]
pub struct RecordExtraction {
    pub ticket_id: TicketId,
    pub closeout_id: CloseoutId,
    /// Null if the model failed.
    pub found: Option<Vec<Found>>,
    #[serde(default)]
    pub prompt_tokens: i32,
    #[serde(default)]
    pub completion_tokens: i32,
    #[serde(default)]
    pub model: String,
}

impl Action for RecordExtraction {
    const NAME: &'static str = "closeout.record_extraction";
    const NEEDS: Permission = Permission::OwnBusiness;
    const MODEL: ModelLevel = ModelLevel::RequiresAuthorization;
    type Output = bool;

    async fn run(self, cx: &mut Cx<'_>) -> Result<bool> {
        if !self.model.is_empty() {
            usage::record(cx, "extraction", &self.model, self.prompt_tokens, self.completion_tokens).await?;
        }
        let Some(live) = data::live(cx.db(), self.ticket_id).await?.filter(|l| l.id == self.closeout_id) else { return Ok(false) };
        let Some(found) = self.found else {
            sqlx::query!("update closeouts set model_state = 'failed' where id = $1", live.id.0).execute(cx.db()).await?;
            return Ok(false);
        };
        let joins = live.state == CloseoutState::Open;
        let mut draft = live.draft;
        if joins {
            draft.merge_found(&found, Origin::Model);
        } else {
            let ticket = tickets::data::ticket(cx.db(), self.ticket_id).await?;
            for f in &found {
                let known = draft.attributes.iter().any(|a| a.key == f.key && a.value.eq_ignore_ascii_case(&f.value));
                if !known {
                    let proposal = SetAttribute {
                        id: None,
                        contact_id: ticket.contact_id,
                        key: f.key.clone(),
                        value: f.value.clone(),
                        source: "model".into(),
                        confidence: Some(f.confidence.score()),
                        note_id: None,
                        ticket_id: Some(ticket.id),
                        is_confirmed: false,
                    };
                    cx.run(proposal).await?;
                }
            }
        }
        sqlx::query!(
            "update closeouts set model_state = 'answered', model_extracted = $2, draft = $3 where id = $1",
            live.id.0,
            serde_json::to_value(&found)?,
            serde_json::to_value(&draft)?
        )
        .execute(cx.db())
        .await?;
        Ok(joins)
    }
}
