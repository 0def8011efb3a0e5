//! `export.create`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{ExportKind, data};
use crate::platform::{
    action::{Action, Cx, Subject},
    error::{Error, Result},
    ids::FileId,
    role::{ModelLevel, Permission},
    secrets::digest,
};

/// The largest file kept.
const LARGEST: usize = 25 * 1024 * 1024;

/// Writes everything of a kind into a CSV file, kept until eleven later ones are made.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct CreateExport {
    #[serde(default)]
    pub id: Option<FileId>,
    pub kind: ExportKind,
}

/// The file, at `/settings/export/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportOutput {
    pub id: FileId,
    pub name: String,
    pub rows: usize,
}

impl Action for CreateExport {
    const NAME: &'static str = "export.create";
    const NEEDS: Permission = Permission::ManageSettings;
    const MODEL: ModelLevel = ModelLevel::RequiresAuthorization;
    type Output = ExportOutput;

    async fn run(self, cx: &mut Cx<'_>) -> Result<Self::Output> {
        let id = self.id.unwrap_or_default();
        let sheet = data::sheet(cx.db(), self.kind).await?;
        let bytes = sheet.csv(cx.who.zone)?;
        if bytes.len() > LARGEST {
            return Err(Error::TooLarge);
        }
        let sum = digest(&bytes);
        let name = format!("{}-{}.csv", self.kind.name(), cx.who.today());
        sqlx::query!(
            "insert into files (id, kind, name, mime, size, sha256, bytes) values ($1, 'export', $2, 'text/csv', $3, $4, $5)",
            id.0,
            name,
            i64::try_from(bytes.len()).unwrap_or(i64::MAX),
            sum.as_slice(),
            bytes
        )
        .execute(cx.db())
        .await?;
        sqlx::query!(
            "delete from files where kind = 'export' and id not in (select id from files where kind = 'export' order by created_at desc, id desc limit 12)"
        )
        .execute(cx.db())
        .await?;
        let rows = sheet.rows.len();
        let about = Subject { kind: "export", id: id.0, contact: None };
        cx.event("export.completed", about, json!({ "kind": self.kind, "rows": rows })).await?;
        Ok(ExportOutput { id, name, rows })
    }
}
