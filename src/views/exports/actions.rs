//! Writes of exports: `export.create`, and the steps that its job records.

use office::files::{self, NewFile};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{ExportKind, ExportState, jobs::RunExport};
use platform::{
    action::{Action, Cx, Subject},
    error::{Error, Result},
    ids::{ExportId, FileId},
    role::{ModelLevel, Permission},
};

/// The largest export file, in bytes.
pub const LARGEST: usize = 25 * 1024 * 1024;
/// The number of exports kept per business; older ones are deleted with their files.
const KEPT: i64 = 12;

fn about(id: ExportId) -> Subject {
    Subject { kind: "export", id: id.0, contact: None }
}

/// Exports all records of a kind to a CSV file, in the background. The latest twelve exports are kept.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct CreateExport {
    #[serde(default)]
    pub id: Option<ExportId>,
    pub kind: ExportKind,
}

/// The queued export. Once its state in `/api/data?type=exports&id=…` is `done`, its file is at `/settings/export/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportOutput {
    pub id: ExportId,
    pub name: String,
    pub state: ExportState,
}

impl Action for CreateExport {
    const NAME: &'static str = "export.create";
    const NEEDS: Permission = Permission::ManageSettings;
    const MODEL: ModelLevel = ModelLevel::RequiresAuthorization;
    type Output = ExportOutput;

    async fn run(self, cx: &mut Cx<'_>) -> Result<Self::Output> {
        let id = self.id.unwrap_or_default();
        let name = format!("{}-{}.csv", self.kind.name(), cx.who.today());
        sqlx::query!("insert into exports (id, kind, file_name) values ($1, $2, $3)", id.0, self.kind.name(), name)
            .execute(cx.db())
            .await?;
        sqlx::query!(
            "delete from exports where state in ('done', 'failed') and id not in (select id from exports order by created_at desc, id desc limit $1)",
            KEPT
        )
        .execute(cx.db())
        .await?;
        sqlx::query!("delete from files f where f.kind = 'export' and not exists (select from exports e where e.file_id = f.id)")
            .execute(cx.db())
            .await?;
        cx.event("export.started", about(id), json!({ "kind": self.kind })).await?;
        cx.enqueue(RunExport { export: id }).await?;
        Ok(ExportOutput { id, name, state: ExportState::Queued })
    }
}

/// Records the progress or result of an export. Only its job, in this process, runs it. Does nothing once the export has ended.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct AdvanceExport {
    pub export_id: ExportId,
    #[serde(skip)]
    pub step: Option<Step>,
}

/// A step of the export's job.
#[derive(Debug, Clone)]
pub enum Step {
    /// The number of rows to write.
    Counted(usize),
    /// The finished file.
    Written {
        bytes: Vec<u8>,
        rows: usize,
    },
    Failed(String),
}

impl Action for AdvanceExport {
    const NAME: &'static str = "export.advance";
    const NEEDS: Permission = Permission::ManageSettings;
    type Output = ExportId;

    async fn run(self, cx: &mut Cx<'_>) -> Result<Self::Output> {
        let id = self.export_id;
        let row = sqlx::query!(r#"select file_name, kind, state as "state: ExportState" from exports where id = $1 for update"#, id.0)
            .fetch_optional(cx.db())
            .await?
            .ok_or(Error::NotFound)?;
        if !row.state.is_busy() {
            return Ok(id);
        }
        let now = cx.now();
        match self.step {
            None => {}
            Some(Step::Counted(rows)) => {
                let rows = i32::try_from(rows).unwrap_or(i32::MAX);
                sqlx::query!("update exports set state = 'running', rows_total = $2 where id = $1", id.0, rows).execute(cx.db()).await?;
            }
            Some(Step::Written { bytes, rows }) => {
                let file = keep(cx, &row.file_name, &bytes).await?;
                let rows_total = i32::try_from(rows).unwrap_or(i32::MAX);
                sqlx::query!(
                    "update exports set state = 'done', rows_total = $2, file_id = $3, error = null, finished_at = $4 where id = $1",
                    id.0,
                    rows_total,
                    file.0,
                    now
                )
                .execute(cx.db())
                .await?;
                cx.event("export.completed", about(id), json!({ "kind": row.kind, "rows": rows })).await?;
            }
            Some(Step::Failed(error)) => {
                sqlx::query!("update exports set state = 'failed', error = $2, finished_at = $3 where id = $1", id.0, error, now)
                    .execute(cx.db())
                    .await?;
                cx.event("export.failed", about(id), json!({ "kind": row.kind })).await?;
            }
        }
        Ok(id)
    }
}

async fn keep(cx: &mut Cx<'_>, name: &str, bytes: &[u8]) -> Result<FileId> {
    files::store(cx, NewFile { kind: "export", name, mime: "text/csv", bytes, sha256: None }).await
}
