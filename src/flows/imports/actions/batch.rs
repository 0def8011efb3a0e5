//! One batch of an import: writes its records and the outcomes of its rows in one short transaction.

use std::collections::{HashMap, HashSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::{about, appointments, catalogue, contacts, lock, sales};
use crate::imports::{ImportState, Outcome, RowProblem, data, reading::Rows};
use platform::{
    action::{Action, Cx},
    error::{Error, Result},
    ids::ImportId,
    role::Permission,
};

/// The outcome of one row.
#[derive(Debug, Clone, Serialize)]
pub struct Done {
    pub line: u64,
    pub outcome: Outcome,
    pub reason: String,
    pub record_kind: Option<&'static str>,
    pub record_id: Option<Uuid>,
    /// An updated record's former values, for undo.
    pub before: Option<Value>,
    /// Header and value of what the row holds beside what was taken.
    pub extra: Option<Value>,
}

impl Done {
    pub fn made(line: u64, kind: &'static str, id: Uuid) -> Self {
        Self {
            line,
            outcome: Outcome::Made,
            reason: String::new(),
            record_kind: Some(kind),
            record_id: Some(id),
            before: None,
            extra: None,
        }
    }

    pub fn updated(line: u64, kind: &'static str, id: Uuid, before: Value) -> Self {
        Self { outcome: Outcome::Updated, before: Some(before), ..Self::made(line, kind, id) }
    }

    /// Keeps what was not taken.
    pub fn with(self, extra: &[(String, String)]) -> Self {
        Self { extra: (!extra.is_empty()).then(|| serde_json::json!(extra)), ..self }
    }

    pub fn skipped(line: u64, reason: impl Into<String>) -> Self {
        Self { line, outcome: Outcome::Skipped, reason: reason.into(), record_kind: None, record_id: None, before: None, extra: None }
    }

    pub fn refused(line: u64, reason: impl Into<String>) -> Self {
        Self { outcome: Outcome::Refused, ..Self::skipped(line, reason) }
    }

    /// Sets the record that the row belongs to.
    pub fn of(self, kind: &'static str, id: Uuid) -> Self {
        Self { record_kind: Some(kind), record_id: Some(id), ..self }
    }
}

/// Imports one batch. Only for the job; the rows are not serialized.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct RunBatch {
    pub import_id: ImportId,
    #[serde(skip)]
    pub rows: Option<Rows>,
    #[serde(skip)]
    pub refused: Vec<RowProblem>,
    /// Line → warning, for rows that are imported.
    #[serde(skip)]
    pub warnings: HashMap<u64, String>,
}

impl Action for RunBatch {
    const NAME: &'static str = "import.run_batch";
    const NEEDS: Permission = Permission::ManageSettings;
    type Output = usize;

    async fn run(self, cx: &mut Cx<'_>) -> Result<Self::Output> {
        let id = self.import_id;
        if !matches!(lock(cx, id).await?, ImportState::Queued | ImportState::Running) {
            return Err(Error::conflict("This import is not to run any more."));
        }
        let known = data::lines_done(cx.db(), id).await?;
        let mut done: Vec<Done> = self.refused.into_iter().map(|p| Done::refused(p.line, p.words())).collect();
        if let Some(rows) = self.rows {
            done.extend(apply(cx, id, rows, &known).await?);
        }
        done.retain(|d| i32::try_from(d.line).is_ok_and(|l| !known.contains(&l)));
        for row in &mut done {
            if let Some(warning) = self.warnings.get(&row.line).filter(|_| row.outcome != Outcome::Refused) {
                row.reason = if row.reason.is_empty() { warning.clone() } else { format!("{}; {warning}", row.reason) };
            }
        }
        account(cx, id, &done).await?;
        Ok(done.len())
    }
}

async fn apply(cx: &mut Cx<'_>, id: ImportId, rows: Rows, known: &HashSet<i32>) -> Result<Vec<Done>> {
    let open = |line: u64| i32::try_from(line).is_ok_and(|l| !known.contains(&l));
    match rows {
        Rows::Customers(rows) => contacts::take(cx, id, rows.into_iter().filter(|r| open(r.line)).collect()).await,
        Rows::Catalogue(rows) => catalogue::take(cx, id, rows.into_iter().filter(|r| open(r.line)).collect()).await,
        Rows::Transactions(rows) => sales::transactions(cx, id, rows.into_iter().filter(|r| open(r.line)).collect()).await,
        Rows::Items(groups) => sales::items(cx, id, groups.into_iter().filter(|g| g.iter().any(|r| open(r.line))).collect()).await,
        Rows::Appointments(rows) => appointments::take(cx, id, rows.into_iter().filter(|r| open(r.line)).collect()).await,
    }
}

/// Stores the rows' outcomes and updates the import's counts.
async fn account(cx: &mut Cx<'_>, id: ImportId, done: &[Done]) -> Result<()> {
    sqlx::query!(
        r#"insert into import_rows (import_id, line, outcome, reason, record_kind, record_id, before, extra)
           select $2, x.line, x.outcome, x.reason, x.record_kind, x.record_id, x.before, x.extra
             from jsonb_to_recordset($1) as x(line int, outcome text, reason text, record_kind text, record_id uuid, before jsonb, extra jsonb)"#,
        serde_json::to_value(done)?,
        id.0
    )
    .execute(cx.db())
    .await?;
    let now = cx.now();
    sqlx::query!("update imports set state = 'running', started_at = coalesce(started_at, $2) where id = $1", id.0, now)
        .execute(cx.db())
        .await?;
    count(cx, id).await
}

/// Recomputes the import's counts from its rows.
pub async fn count(cx: &mut Cx<'_>, id: ImportId) -> Result<()> {
    sqlx::query!(
        r#"update imports i set rows_done = r.done, made = r.made, updated = r.updated, skipped = r.skipped, refused = r.refused
             from (select count(*)::int as done, (count(*) filter (where outcome = 'made'))::int as made,
                          (count(*) filter (where outcome = 'updated'))::int as updated, (count(*) filter (where outcome = 'skipped'))::int as skipped,
                          (count(*) filter (where outcome = 'refused'))::int as refused
                     from import_rows where import_id = $1) r
            where i.id = $1"#,
        id.0
    )
    .execute(cx.db())
    .await?;
    Ok(())
}

/// Adds an event on the import, with its counts.
pub async fn tell(cx: &mut Cx<'_>, name: &str, id: ImportId) -> Result<()> {
    let import = data::import(cx.db(), id).await?;
    let payload = serde_json::json!({
        "kind": import.kind, "rows": import.rows_total, "made": import.made, "updated": import.updated, "skipped": import.skipped, "refused": import.refused,
    });
    cx.event(name, about(id), payload).await
}
