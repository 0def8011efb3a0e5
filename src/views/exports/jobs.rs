//! The export job: reads all records in one snapshot, writes the file and records its progress.

use serde::{Deserialize, Serialize};

use super::{
    actions::{AdvanceExport, LARGEST, Step},
    data,
};
use platform::{
    action::Meta,
    app::App,
    error::{Error, Result},
    ids::{ExportId, OrgId},
    jobs::{Job, Waiting},
    tenant::{Read, Write},
};

#[derive(Serialize, Deserialize)]
pub struct RunExport {
    pub export: ExportId,
}

impl Job for RunExport {
    const NAME: &'static str = "run_export";
    type Of = OrgId;
    const WAITING: Option<Waiting<Self>> = Some(("waiting_exports", |id| Self { export: ExportId(id) }));

    fn key(&self) -> String {
        self.export.to_string()
    }

    async fn run(self, app: &App, org: OrgId) -> Result<()> {
        let write = Write::of_org(app, org, "export").await?;
        match run(app, &write, org, self.export).await {
            // `NotFound`: the export was deleted meanwhile.
            Ok(()) | Err(Error::NotFound) => Ok(()),
            // A database that is away is tried again.
            Err(e) if e.is_passing() => Err(e),
            Err(e) => {
                tracing::error!(error = %e, export = %self.export, "an export stopped");
                let reason = match e {
                    Error::TooLarge => format!("It would be larger than {} MB.", LARGEST / 1024 / 1024),
                    Error::Internal(_) => "Something went wrong on our side. Try it again.".to_owned(),
                    other => other.message(),
                };
                tell(&write, self.export, Step::Failed(reason)).await
            }
        }
    }
}

async fn run(app: &App, write: &Write, org: OrgId, export: ExportId) -> Result<()> {
    let mut read = Read::of_org(app, org).await?;
    let kind = data::export(read.db(), export).await?.kind;
    let sheet = data::sheet(read.db(), kind).await?;
    let zone = read.who.zone;
    drop(read);
    let rows = sheet.rows.len();
    tell(write, export, Step::Counted(rows)).await?;
    // On a blocking thread, so that writing a large file does not delay requests.
    let bytes = tokio::task::spawn_blocking(move || sheet.csv(zone)).await.map_err(Error::internal)??;
    if bytes.len() > LARGEST {
        return Err(Error::TooLarge);
    }
    tell(write, export, Step::Written { bytes, rows }).await
}

async fn tell(write: &Write, export: ExportId, step: Step) -> Result<()> {
    write.act(&Meta::default(), AdvanceExport { export_id: export, step: Some(step) }).await.map(|_| ())
}
