//! Jobs: a language model reads a saved note and proposes facts (if it fails, the facts found by rules remain), and search entries are renewed
//! after a function that makes them was replaced.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    actions::{RecordNoteExtraction, RenewSearch},
    extract::model::extract_attributes,
};
use platform::{
    action::Meta,
    app::App,
    commit::commit,
    error::{Error, Result},
    housekeeping,
    ids::{ContactId, NoteId, OrgId},
    jobs::{self, Job, Waiting},
    llm::{LlmError, Usage},
    tenant::{Read, Write},
};

/// A language model reads a note.
#[derive(Serialize, Deserialize)]
pub struct ExtractNote {
    pub note: NoteId,
}

impl Job for ExtractNote {
    const NAME: &'static str = "extract_note";
    type Of = OrgId;
    const WAITING: Option<Waiting<Self>> = Some(("waiting_notes", |id| Self { note: NoteId(id) }));

    fn key(&self) -> String {
        self.note.to_string()
    }

    async fn run(self, app: &App, org: OrgId) -> Result<()> {
        let mut read = Read::of_org(app, org).await?;
        let body = sqlx::query_scalar!("select body from notes where id = $1", self.note.0).fetch_optional(read.db()).await?;
        drop(read);
        let Some(body) = body else { return Ok(()) };
        // No transaction is open while the model answers.
        let (found, usage) = match &app.llm {
            None => (Vec::new(), Usage::default()),
            Some(llm) => match extract_attributes(llm, &body).await {
                Ok(read) => read,
                Err(LlmError::Unreadable(usage)) => (Vec::new(), usage),
                Err(error) => {
                    tracing::warn!(%error, "the model did not read a note");
                    (Vec::new(), Usage::default())
                }
            },
        };
        let count = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
        let record = RecordNoteExtraction {
            note_id: self.note,
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

/// Renews what contacts are found by: queues a round of steps for each business. Queued when a function that search entries are made with
/// was replaced.
#[derive(Serialize, Deserialize)]
pub struct RenewContactSearch {}

impl Job for RenewContactSearch {
    const NAME: &'static str = "renew_contact_search";
    type Of = ();

    fn key(&self) -> String {
        String::new()
    }

    async fn run(self, app: &App, (): ()) -> Result<()> {
        let round = Uuid::now_v7();
        let mut tx = app.pool.begin().await?;
        for org in housekeeping::businesses(app).await? {
            jobs::enqueue(&mut tx, org, RenewSearchStep { after: None, round }).await?;
        }
        // Unsure whether it was saved, the queue runs this again: a second round renews the same entries once more.
        commit(tx).await
    }
}

/// Renews the search entries that follow `after` in one business, and queues the next step.
#[derive(Serialize, Deserialize)]
pub struct RenewSearchStep {
    pub after: Option<ContactId>,
    pub round: Uuid,
}

impl Job for RenewSearchStep {
    const NAME: &'static str = "renew_contact_search_step";
    type Of = OrgId;

    fn key(&self) -> String {
        self.round.to_string()
    }

    async fn run(self, app: &App, org: OrgId) -> Result<()> {
        match Write::of_org(app, org, "job").await?.act(&Meta::default(), RenewSearch { after: self.after, round: self.round }).await {
            Ok(_) | Err(Error::NotFound) => Ok(()),
            Err(e) => Err(e),
        }
    }
}
