//! Job: a language model reads the notes while the person goes on. It only proposes facts; if it fails, the facts found by rules remain.

use graphile_worker::{IntoTaskHandlerResult, TaskHandler, WorkerContext};
use serde::{Deserialize, Serialize};

use super::{actions::RecordExtraction, data};
use customers::contacts::extract::model::extract_attributes;
use platform::{
    jobs::app,
    {
        action::Meta,
        error::{Error, Result},
        ids::{CloseoutId, OrgId, TicketId},
        llm::{LlmError, Usage},
        tenant::{Read, Write},
    },
};

#[derive(Serialize, Deserialize)]
pub struct ExtractNotes {
    pub org: OrgId,
    pub ticket: TicketId,
    pub closeout: CloseoutId,
}

impl TaskHandler for ExtractNotes {
    const IDENTIFIER: &'static str = "extract_notes";

    async fn run(self, ctx: WorkerContext) -> impl IntoTaskHandlerResult {
        let app = app(&ctx)?;
        let Some(llm) = &app.llm else { return Result::Ok(()) };
        let mut read = Read::of_org(app, self.org).await?;
        let live = data::live(read.db(), self.ticket).await?;
        drop(read);
        let Some(live) = live.filter(|l| l.id == self.closeout) else { return Ok(()) };
        // No transaction is open while the model answers.
        let (found, usage) = match extract_attributes(llm, &live.draft.notes).await {
            Ok((found, usage)) => (Some(found), usage),
            Err(LlmError::Unreadable(usage)) => (None, usage),
            Err(error) => {
                tracing::warn!(%error, "the model did not read the notes");
                (None, Usage::default())
            }
        };
        let count = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
        let record = RecordExtraction {
            ticket_id: self.ticket,
            closeout_id: self.closeout,
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
