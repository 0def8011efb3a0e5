//! Job: a language model reads the notes while the person goes on. It only proposes facts; if it fails, the facts found by rules remain.

use serde::{Deserialize, Serialize};

use super::{actions::RecordExtraction, data};
use customers::contacts::extract::model::extract_attributes;
use platform::{
    action::Meta,
    app::App,
    error::{Error, Result},
    ids::{CloseoutId, OrgId},
    jobs::{Job, Waiting},
    llm::{LlmError, Usage},
    tenant::{Read, Write},
};

#[derive(Serialize, Deserialize)]
pub struct ExtractNotes {
    pub closeout: CloseoutId,
}

impl Job for ExtractNotes {
    const NAME: &'static str = "extract_notes";
    type Of = OrgId;
    const WAITING: Option<Waiting<Self>> = Some(("waiting_closeouts", |id| Self { closeout: CloseoutId(id) }));

    fn key(&self) -> String {
        self.closeout.to_string()
    }

    async fn run(self, app: &App, org: OrgId) -> Result<()> {
        let mut read = Read::of_org(app, org).await?;
        let live = data::live_by_id(read.db(), self.closeout).await?;
        drop(read);
        let Some(live) = live else { return Ok(()) };
        // No transaction is open while the model answers.
        let (found, usage) = match &app.llm {
            None => (None, Usage::default()),
            Some(llm) => match extract_attributes(llm, &live.draft.notes).await {
                Ok((found, usage)) => (Some(found), usage),
                Err(LlmError::Unreadable(usage)) => (None, usage),
                Err(error) => {
                    tracing::warn!(%error, "the model did not read the notes");
                    (None, Usage::default())
                }
            },
        };
        let count = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
        let record = RecordExtraction {
            ticket_id: live.ticket_id,
            closeout_id: self.closeout,
            found,
            prompt_tokens: count(usage.prompt_tokens),
            completion_tokens: count(usage.completion_tokens),
            model: app.llm.as_ref().map(|llm| llm.model().to_owned()).unwrap_or_default(),
        };
        match Write::of_org(app, org, "job").await?.act(&Meta::default(), record).await {
            Ok(_) | Err(Error::NotFound) => Ok(()),
            Err(e) => Err(e),
        }
    }
}
