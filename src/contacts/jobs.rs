//! Job: a language model reads a saved note and proposes facts. If it fails, the facts found by rules remain.

use graphile_worker::{IntoTaskHandlerResult, TaskHandler, WorkerContext};
use serde::{Deserialize, Serialize};

use super::{actions::RecordNoteExtraction, extract::model::extract_attributes};
use crate::{
    jobs::app,
    platform::{
        action::Meta,
        error::{Error, Result},
        ids::{NoteId, OrgId},
        llm::LlmError,
        tenant::{Read, Write},
    },
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
