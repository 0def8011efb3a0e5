//! The actions `import.preview`, `import.run` and `import.undo`, and the batches of the background jobs.

mod adopt;
mod again;
mod appointments;
mod batch;
mod catalogue;
mod clients;
mod contacts;
mod finish;
mod keys;
mod map;
mod sales;
mod undo;
mod visits;

pub use batch::RunBatch;
pub use finish::{FailImport, FinishImport};
pub use map::{ColumnChoice, MapImport};
pub use undo::UndoPortion;

use base64::{Engine, engine::general_purpose::STANDARD};
use office::files::{self, NewFile};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use std::collections::BTreeMap;

use super::{Choices, ImportState, data, dates::DateOrder, jobs, reading, recognise::Kind};
use platform::{
    action::{Action, Cx, Subject},
    error::{Error, FieldErrors, Result},
    ids::ImportId,
    role::{ModelLevel, Permission},
};

fn about(id: ImportId) -> Subject {
    Subject { kind: "import", id: id.0, contact: None }
}

/// Stores an uploaded file (redacted) and recognises its kind; imports nothing yet.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct PreviewImport {
    #[serde(default)]
    pub id: Option<ImportId>,
    pub file_name: String,
    /// The file as text. Use `content_base64` instead for other encodings than UTF-8.
    #[serde(default)]
    pub content: String,
    #[serde(default)]
    pub content_base64: String,
    /// The file's kind, such as `square_customers`; recognised by its columns if not given.
    #[serde(default)]
    pub kind: Option<String>,
}

/// Result of reading a file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Previewed {
    pub id: ImportId,
    pub kind: String,
    pub rows_total: i32,
    /// Number of rows that will be refused; once it has run, `include=rows` lists the reasons.
    pub refused: i32,
    /// Columns with ambiguous dates; `import.run` needs `date_orders` for them.
    pub questions: Vec<super::square::DateQuestion>,
    /// The field each column is mapped to; `import.map` changes it.
    pub columns: Vec<reading::SeenColumn>,
    /// Required columns that are not mapped yet; use `import.map`.
    pub missing: Vec<String>,
    /// An earlier import of an identical file.
    pub imported_before: Option<ImportId>,
}

impl Action for PreviewImport {
    const NAME: &'static str = "import.preview";
    const NEEDS: Permission = Permission::ManageSettings;
    type Output = Previewed;

    async fn run(self, cx: &mut Cx<'_>) -> Result<Self::Output> {
        let bytes = if self.content_base64.is_empty() {
            self.content.into_bytes()
        } else {
            let packed: String = self.content_base64.split_whitespace().collect();
            STANDARD.decode(packed).map_err(|_| FieldErrors::one("content_base64", "This is not base64."))?
        };
        let wanted = self.kind.as_deref().filter(|k| !k.is_empty()).map(kind).transpose()?;
        let refuse = |message: String| FieldErrors::one("file", message);
        let kept = reading::keep(&bytes, wanted).map_err(refuse)?;
        drop(bytes);
        let reading = reading::read(kept.text.as_bytes(), kept.kind, &cx.who.country, &Choices::default()).map_err(refuse)?;
        let name = file_name(&self.file_name);
        let id = self.id.unwrap_or_default();
        let total = i32::try_from(reading.total).unwrap_or(i32::MAX);
        let sha256 = Some(kept.sha256.as_slice());
        let file = files::store(cx, NewFile { kind: "import", name: &name, mime: "text/csv", bytes: kept.text.as_bytes(), sha256 }).await?;
        sqlx::query!(
            "insert into imports (id, kind, file_id, file_name, original_sha256, rows_total) values ($1, $2, $3, $4, $5, $6)",
            id.0,
            kept.kind.key(),
            file.0,
            name,
            kept.sha256.as_slice(),
            total
        )
        .execute(cx.db())
        .await?;
        let was_redacted = kept.was_redacted;
        cx.event("import.previewed", about(id), json!({ "kind": kept.kind.key(), "rows": total, "was_redacted": was_redacted })).await?;
        previewed(cx, id, reading).await
    }
}

async fn previewed(cx: &mut Cx<'_>, id: ImportId, reading: reading::Reading) -> Result<Previewed> {
    Ok(Previewed {
        id,
        kind: reading.kind.key().to_owned(),
        rows_total: i32::try_from(reading.total).unwrap_or(i32::MAX),
        refused: i32::try_from(reading.refused.len()).unwrap_or(i32::MAX),
        questions: reading.questions,
        columns: reading.columns,
        missing: reading.missing.into_iter().map(str::to_owned).collect(),
        imported_before: data::twin(cx.db(), id).await?,
    })
}

fn kind(key: &str) -> Result<Kind> {
    Kind::from_key(key).ok_or_else(|| {
        let known: Vec<&str> = Kind::ALL.iter().map(|k| k.key()).collect();
        FieldErrors::one("kind", format!("There is no kind {key}. There are: {}.", known.join(", ")))
    })
}

/// The file name without its path, at most 120 characters.
fn file_name(typed: &str) -> String {
    let name: String = typed.rsplit(['/', '\\']).next().unwrap_or_default().trim().chars().take(120).collect();
    if name.is_empty() { "file.csv".to_owned() } else { name }
}

/// Starts a previewed import or resumes a failed one, in the background.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct RunImport {
    pub import_id: ImportId,
    /// Order of day and month in columns with ambiguous dates: `{"Birthday": "month_first"}`.
    #[serde(default)]
    pub date_orders: BTreeMap<String, DateOrder>,
    /// Order of day and month for all ambiguous columns not in `date_orders`.
    #[serde(default)]
    pub date_order: Option<DateOrder>,
}

impl Action for RunImport {
    const NAME: &'static str = "import.run";
    const NEEDS: Permission = Permission::ManageSettings;
    const MODEL: ModelLevel = ModelLevel::SoftLimit;
    type Output = ImportId;

    fn versioned(&self) -> Option<(&'static str, Uuid)> {
        Some(("imports", self.import_id.0))
    }

    async fn run(self, cx: &mut Cx<'_>) -> Result<Self::Output> {
        lock(cx, self.import_id).await?;
        let import = data::import(cx.db(), self.import_id).await?;
        // A crashed worker leaves the state "running"; running the import anew resumes it.
        if !import.state.can_run() && !matches!(import.state, ImportState::Queued | ImportState::Running) {
            return Err(Error::conflict(format!("This import is in the state “{}”; it can't be run now.", import.state.word())));
        }
        let kind = Kind::from_key(&import.kind).ok_or(Error::NotFound)?;
        let mut choices = import.choices;
        choices.date_orders.extend(self.date_orders);
        choices.date_order = self.date_order.or(choices.date_order);
        let bytes = data::bytes(cx.db(), import.file_id).await?;
        let reading = reading::read(&bytes, kind, &cx.who.country, &choices).map_err(|m| FieldErrors::one("file", m))?;
        if !reading.missing.is_empty() {
            return Err(FieldErrors::one("columns", format!("Say which column holds: {}.", reading.missing.join(", "))));
        }
        let mut errors = FieldErrors::default();
        for question in &reading.questions {
            let sample = question.samples.first().map_or("", String::as_str);
            errors.add(&question.field(), format!("{}: say how {sample} is to be read, day first or month first.", question.column));
        }
        errors.into_result()?;
        sqlx::query!(
            "update imports set state = 'queued', options = $2, error = null, finished_at = null where id = $1",
            self.import_id.0,
            serde_json::to_value(&choices)?
        )
        .execute(cx.db())
        .await?;
        finish::settled(cx, self.import_id).await?;
        cx.event("import.started", about(self.import_id), json!({ "kind": import.kind, "rows": import.rows_total })).await?;
        cx.enqueue(jobs::RunImport { import: self.import_id }).await?;
        Ok(self.import_id)
    }
}

/// Undoes an import in the background. Records that people have worked with since are kept and listed.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct UndoImport {
    pub import_id: ImportId,
}

impl Action for UndoImport {
    const NAME: &'static str = "import.undo";
    const NEEDS: Permission = Permission::ManageSettings;
    const MODEL: ModelLevel = ModelLevel::RequiresAuthorization;
    type Output = ImportId;

    fn versioned(&self) -> Option<(&'static str, Uuid)> {
        Some(("imports", self.import_id.0))
    }

    async fn run(self, cx: &mut Cx<'_>) -> Result<Self::Output> {
        let state = lock(cx, self.import_id).await?;
        if !state.can_undo() && state != ImportState::Undoing {
            return Err(Error::conflict(format!("This import is in the state “{}”; there is nothing to take back now.", state.word())));
        }
        sqlx::query!("update imports set state = 'undoing', error = null where id = $1", self.import_id.0).execute(cx.db()).await?;
        undo::start(cx, self.import_id).await?;
        finish::settled(cx, self.import_id).await?;
        cx.event("import.undo_started", about(self.import_id), json!({})).await?;
        cx.enqueue(jobs::UndoImport { import: self.import_id }).await?;
        Ok(self.import_id)
    }
}

/// Locks the import for this transaction, so that no two workers process the same row; returns its state.
async fn lock(cx: &mut Cx<'_>, id: ImportId) -> Result<ImportState> {
    sqlx::query_scalar!(r#"select state as "state: ImportState" from imports where id = $1 for update"#, id.0)
        .fetch_optional(cx.db())
        .await?
        .ok_or(Error::NotFound)
}
