//! Background jobs that run and undo imports. Rows are processed in batches, each in its own transaction; a job that was killed resumes
//! after the last committed batch, and no row is processed twice.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{
    RowProblem,
    actions::{FailImport, FinishImport, RunBatch, UndoPortion},
    data,
    reading::{self, Reading, Rows},
    recognise::Kind,
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
    let bytes = data::bytes(read.db(), found.file_id).await?;
    let done = data::lines_done(read.db(), import).await?;
    let country = read.who.country.clone();
    drop(read);
    let kind = Kind::from_key(&found.kind).ok_or(Error::NotFound)?;
    let choices = found.choices;
    // Parsing 15,000 rows takes a while and must not block this thread's other requests.
    let reading = tokio::task::spawn_blocking(move || reading::read(&bytes, kind, &country, &choices)).await.map_err(Error::internal)?;
    let reading = reading.map_err(Error::conflict)?.without(&done);
    let write = Write::of_org(app, org, "import").await?;
    let warnings = warnings(&reading);
    let refused = reading.refused.clone();
    if !refused.is_empty() {
        write.act(&Meta::default(), RunBatch { import_id: import, rows: None, refused, warnings: HashMap::new() }).await?;
    }
    for rows in reading.portions(PORTION) {
        let batch = |rows: Rows| RunBatch { import_id: import, rows: Some(rows), refused: Vec::new(), warnings: warnings.clone() };
        match write.act(&Meta::default(), batch(rows.clone())).await {
            Ok(_) => continue,
            Err(e) if e.is_passing() || matches!(e, Error::NotFound) => return Err(e),
            Err(e) => tracing::warn!(error = %e, %import, "a portion of an import failed; its rows are taken one by one"),
        }
        // Retries the batch row by row, so that only the rows the database rejects are refused.
        for row in rows.one_by_one() {
            let lines = row.lines();
            let refused = match write.act(&Meta::default(), batch(row)).await {
                Ok(_) => continue,
                Err(e) if e.is_passing() || matches!(e, Error::NotFound) => return Err(e),
                Err(Error::Internal(_)) => "The row holds a value that Rounds can't take".to_owned(),
                Err(e) => e.message(),
            };
            let refused = lines.into_iter().map(|line| RowProblem::new(line, None, refused.clone())).collect();
            write.act(&Meta::default(), RunBatch { import_id: import, rows: None, refused, warnings: HashMap::new() }).await?;
        }
    }
    write.act(&Meta::default(), FinishImport { import_id: import }).await?;
    Ok(())
}

/// The warnings of each line, joined.
fn warnings(reading: &Reading) -> HashMap<u64, String> {
    let mut out: HashMap<u64, String> = HashMap::new();
    for w in &reading.warnings {
        let words = out.entry(w.line).or_default();
        if !words.is_empty() {
            words.push_str("; ");
        }
        words.push_str(&w.words());
    }
    out
}

/// Undoes the import batch by batch.
pub async fn undo(app: &App, org: OrgId, import: ImportId) -> Result<()> {
    let write = Write::of_org(app, org, "import").await?;
    while write.act(&Meta::default(), UndoPortion { import_id: import }).await? {}
    Ok(())
}
