//! Jobs: a language model reads a saved note and proposes facts (if it fails, the facts found by rules remain), and search entries are renewed
//! after a function that makes them was replaced.

use graphile_worker::{IntoTaskHandlerResult, TaskHandler, WorkerContext};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::{
    actions::{RecordNoteExtraction, RenewSearch},
    extract::model::extract_attributes,
};
use platform::{
    action::Meta,
    commit::commit,
    error::{Error, Result},
    housekeeping,
    ids::{ContactId, NoteId, OrgId},
    jobs::{self, app},
    llm::LlmError,
    tenant::{Read, Write},
};

#[derive(Serialize, Deserialize)]
pub struct ExtractNote {
    pub org: OrgId,
    pub note: NoteId,
}

impl TaskHandler for ExtractNote {
    const IDENTIFIER: &'static str = "extract_note";

    async fn run(self, ctx: WorkerContext) -> impl IntoTaskHandlerResult {
        let app = app(&ctx)?;
        let Some(llm) = &app.llm else { return Result::Ok(()) };
        let mut read = Read::of_org(app, self.org).await?;
        let body = sqlx::query_scalar!("select body from notes where id = $1", self.note.0).fetch_optional(read.db()).await?;
        drop(read);
        let Some(body) = body else { return Ok(()) };
        // No transaction is open while the model answers.
        let (found, usage) = match extract_attributes(llm, &body).await {
            Ok(read) => read,
            Err(LlmError::Unreadable(usage)) => (Vec::new(), usage),
            Err(error) => {
                tracing::warn!(%error, "the model did not read a note");
                return Ok(());
            }
        };
        let count = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
        let record = RecordNoteExtraction {
            note_id: self.note,
            found,
            prompt_tokens: count(usage.prompt_tokens),
            completion_tokens: count(usage.completion_tokens),
            model: llm.model().to_owned(),
        };
        match Write::of_org(app, self.org, "job").await?.act(&Meta::default(), record).await {
            Ok(_) | Err(Error::NotFound) => Ok(()),
            Err(e) => Err(e),
        }
    }
}

/// Renews what contacts are found by: without a business it queues itself for each of them, with one it does a step
/// and queues the next.
#[derive(Serialize, Deserialize)]
pub struct RenewContactSearch {
    #[serde(default)]
    pub org: Option<OrgId>,
    #[serde(default)]
    pub after: Option<ContactId>,
    #[serde(default)]
    pub round: Option<Uuid>,
}

impl TaskHandler for RenewContactSearch {
    const IDENTIFIER: &'static str = "renew_contact_search";

    async fn run(self, ctx: WorkerContext) -> impl IntoTaskHandlerResult {
        let app = app(&ctx)?;
        let round = self.round.unwrap_or_else(Uuid::now_v7);
        if let Some(org) = self.org {
            return match Write::of_org(app, org, "job").await?.act(&Meta::default(), RenewSearch { after: self.after, round }).await {
                Ok(_) | Err(Error::NotFound) => Ok(()),
                Err(e) => Err(e),
            };
        }
        let mut tx = app.pool.begin().await?;
        for org in housekeeping::businesses(app).await? {
            let key = format!("{}:{org}:{round}", Self::IDENTIFIER);
            jobs::enqueue(&mut tx, Self::IDENTIFIER, Some(org), json!({ "round": round }), &key).await?;
        }
        // Unsure whether it was saved, the queue runs this again: a second round renews the same entries once more.
        commit(tx).await
    }
}
