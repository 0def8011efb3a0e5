//! Background jobs that run and undo imports. Rows are processed in batches, each in its own transaction; a job that was killed resumes
//! after the last committed batch, and no row is processed twice.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use super::{
    RowProblem,
    actions::{FailImport, FinishImport, RunBatch, UndoPortion},
    data,
    reading::{self, Portion, Rows},
};
use platform::{
    action::Meta,
    app::App,
    error::{Error, Result},
    ids::{ImportId, OrgId},
    jobs::{Job, Waiting},
    tenant::{Read, Write},
};

/// Rows per batch: about a second of work.
const PORTION: usize = 500;

#[derive(Serialize, Deserialize)]
pub struct RunImport {
    pub import: ImportId,
}

impl Job for RunImport {
    const NAME: &'static str = "run_import";
    type Of = OrgId;
    const WAITING: Option<Waiting<Self>> = Some(("waiting_imports", |id| Self { import: ImportId(id) }));

    fn key(&self) -> String {
        self.import.to_string()
    }

    async fn run(self, app: &App, org: OrgId) -> Result<()> {
        let worked = run(app, org, self.import).await;
        settle(app, org, self.import, worked).await
    }
}

#[derive(Serialize, Deserialize)]
pub struct UndoImport {
    pub import: ImportId,
}

impl Job for UndoImport {
    const NAME: &'static str = "undo_import";
    type Of = OrgId;
    const WAITING: Option<Waiting<Self>> = Some(("waiting_undos", |id| Self { import: ImportId(id) }));

    fn key(&self) -> String {
        self.import.to_string()
    }

    async fn run(self, app: &App, org: OrgId) -> Result<()> {
        let worked = undo(app, org, self.import).await;
        settle(app, org, self.import, worked).await
    }
}

/// Decides on a job's result: an unavailable database leads to a retry; any other error marks the import as failed, with a notice.
async fn settle(app: &App, org: OrgId, import: ImportId, worked: Result<()>) -> Result<()> {
    match worked {
        Ok(()) | Err(Error::NotFound) => Ok(()),
        Err(e) if e.is_passing() => Err(e),
        Err(e) => {
            tracing::error!(error = %e, %import, "an import stopped");
            let reason = match &e {
                Error::Internal(_) => "Something went wrong on our side. What was done so far is kept; run it again to go on.".to_owned(),
                other => other.message(),
            };
            let write = Write::of_org(app, org, "import").await?;
            write.act(&Meta::default(), FailImport { import_id: import, reason }).await?;
            Ok(())
        }
    }
}

/// Processes all rows without an outcome, then finishes the import.
pub async fn run(app: &App, org: OrgId, import: ImportId) -> Result<()> {
    let mut read = Read::of_org(app, org).await?;
    let found = data::import(read.db(), import).await?;
    let done = Arc::new(data::lines_done(read.db(), import).await?);
    let text = data::text(read.db(), found.file_id).await?;
    let options = reading::options(&read.who, &found.choices);
    drop(read);
    let reading = Arc::new(super::open(text, found.kind()?, options, found.choices).await?);
    let write = Write::of_org(app, org, "import").await?;
    let mut from = Some(0);
    while let Some(at) = from {
        let (reading, done) = (reading.clone(), done.clone());
        // Each portion is read when its turn comes, on a thread that may block.
        let portion = spawn_blocking(move || reading.portion(at, PORTION, &done)).await.map_err(Error::internal)?;
        from = portion.next;
        take(&write, import, portion).await?;
    }
    write.act(&Meta::default(), FinishImport { import_id: import }).await?;
    Ok(())
}

/// Takes a portion in one transaction; if the database rejects it, row by row, so that only the rows at fault are refused.
async fn take(write: &Write, import: ImportId, portion: Portion) -> Result<()> {
    let Portion { rows, refused, warnings, .. } = portion;
    let batch = |rows: Option<Rows>, refused| RunBatch { import_id: import, rows, refused, warnings: warnings.clone() };
    match write.act(&Meta::default(), batch(Some(rows.clone()), refused.clone())).await {
        Ok(_) => return Ok(()),
        Err(e) if e.is_passing() || matches!(e, Error::NotFound) => return Err(e),
        Err(e) => tracing::warn!(error = %e, %import, "a portion of an import failed; its rows are taken one by one"),
    }
    write.act(&Meta::default(), batch(None, refused)).await?;
    for row in rows.one_by_one() {
        let lines = row.lines();
        let refused = match write.act(&Meta::default(), batch(Some(row), Vec::new())).await {
            Ok(_) => continue,
            Err(e) if e.is_passing() || matches!(e, Error::NotFound) => return Err(e),
            Err(Error::Internal(_)) => "The row holds a value that Rounds can't take".to_owned(),
            Err(e) => e.message(),
        };
        let refused = lines.into_iter().map(|line| RowProblem::new(line, None, refused.clone())).collect();
        write.act(&Meta::default(), batch(None, refused)).await?;
    }
    Ok(())
}

/// Undoes the import batch by batch.
pub async fn undo(app: &App, org: OrgId, import: ImportId) -> Result<()> {
    let write = Write::of_org(app, org, "import").await?;
    while write.act(&Meta::default(), UndoPortion { import_id: import }).await? {}
    Ok(())
}
