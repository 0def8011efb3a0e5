//! Reads of imports.

use std::collections::HashSet;

use serde::Serialize;
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Import, ImportState, Outcome};
use office::files;
use platform::{
    error::{Error, Result},
    ids::{FileId, ImportId},
};

/// Loads an import; returns `NotFound` if there is none with this id.
pub async fn import(db: &mut PgConnection, id: ImportId) -> Result<Import> {
    let mut found = list(db, &Asked { id: Some(id), limit: 1, ..Asked::default() }).await?;
    found.pop().ok_or(Error::NotFound)
}

/// Filter and page of the list.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    pub id: Option<ImportId>,
    pub state: Option<ImportState>,
    pub kind: Option<String>,
    /// Part of the file's name, case-insensitive.
    pub search: Option<String>,
    pub before: Option<Uuid>,
    pub limit: i64,
}

/// Lists imports that match the filter, newest first.
pub async fn list(db: &mut PgConnection, asked: &Asked) -> Result<Vec<Import>> {
    let rows = sqlx::query!(
        r#"
        select id as "id: ImportId", kind, file_id as "file_id: FileId", file_name, state as "state: ImportState", options, rows_total, rows_done,
               made, updated, skipped, refused, error, started_at, finished_at, created_at, version
          from imports
         where ($1::uuid is null or id = $1) and ($2::import_state is null or state = $2) and ($3::text is null or kind = $3)
           and ($4::text is null or strpos(lower(file_name), lower($4)) > 0) and ($5::uuid is null or id < $5)
         order by id desc limit $6
        "#,
        asked.id.map(|i| i.0),
        asked.state as Option<ImportState>,
        asked.kind,
        asked.search,
        asked.before,
        asked.limit
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|r| Import {
            id: r.id,
            kind: r.kind,
            file_id: r.file_id,
            file_name: r.file_name,
            state: r.state,
            choices: serde_json::from_value(r.options).unwrap_or_default(),
            rows_total: r.rows_total,
            rows_done: r.rows_done,
            made: r.made,
            updated: r.updated,
            skipped: r.skipped,
            refused: r.refused,
            error: r.error,
            started_at: r.started_at,
            finished_at: r.finished_at,
            created_at: r.created_at,
            version: r.version,
        })
        .collect())
}

/// The stored (redacted) file's text.
pub async fn text(db: &mut PgConnection, id: FileId) -> Result<String> {
    String::from_utf8(files::load(db, id).await?).map_err(Error::internal)
}

/// Another import of an identical file, if one has run and was not undone; the newest.
pub async fn twin(db: &mut PgConnection, id: ImportId) -> Result<Option<ImportId>> {
    Ok(sqlx::query_scalar!(
        r#"select o.id as "id: ImportId" from imports i join imports o on o.org_id = i.org_id and o.original_sha256 = i.original_sha256 and o.id <> i.id
            where i.id = $1 and o.state not in ('previewed', 'undone') order by o.id desc limit 1"#,
        id.0
    )
    .fetch_optional(db)
    .await?)
}

/// Lines that already have an outcome.
pub async fn lines_done(db: &mut PgConnection, id: ImportId) -> Result<HashSet<i32>> {
    Ok(sqlx::query_scalar!("select line from import_rows where import_id = $1", id.0).fetch_all(db).await?.into_iter().collect())
}

/// The outcome of one row and the record it belongs to.
#[derive(Debug, Clone, Serialize)]
pub struct RowResult {
    pub line: i32,
    pub outcome: String,
    pub reason: String,
    /// Name of the customer or service, and the ticket's number.
    pub name: String,
    pub record_kind: Option<String>,
    pub record_id: Option<Uuid>,
    /// Header and value of what the row holds beside what was taken.
    pub extra: Option<Value>,
}

impl RowResult {
    /// What was not taken: "Favourite colour: blue · Loyalty: 12".
    pub fn left(&self) -> String {
        let pairs = self.extra.as_ref().and_then(Value::as_array).into_iter().flatten();
        let words = pairs.map(|pair| format!("{}: {}", pair[0].as_str().unwrap_or_default(), pair[1].as_str().unwrap_or_default()));
        words.collect::<Vec<_>>().join(" · ")
    }

    /// The outcome's label for people.
    pub fn word(&self) -> &'static str {
        Outcome::ALL.into_iter().find(|o| o.name() == self.outcome).map_or("", Outcome::word)
    }

    /// Path of the record's page, if there is one.
    pub fn href(&self) -> Option<String> {
        let id = self.record_id?;
        match self.record_kind.as_deref()? {
            "contact" => Some(format!("/contacts/{id}")),
            "ticket" => Some(format!("/tickets/{id}")),
            "service" => Some(format!("/services/{id}")),
            _ => None,
        }
    }
}

/// Up to `limit` rows of an import after line `after`, optionally of one outcome only, in line order.
pub async fn rows(db: &mut PgConnection, id: ImportId, outcome: Option<&str>, after: i32, limit: i64) -> Result<Vec<RowResult>> {
    Ok(sqlx::query_as!(
        RowResult,
        r#"select r.line, r.outcome, r.reason, r.record_kind, r.record_id, r.extra,
                  concat_ws(' · ', c.name, tc.name, s.name, 'T-' || t.number) as "name!"
             from import_rows r
             left join contacts c on c.org_id = r.org_id and c.id = r.record_id
             left join tickets t on t.org_id = r.org_id and t.id = r.record_id
             left join contacts tc on tc.org_id = t.org_id and tc.id = t.contact_id
             left join services s on s.org_id = r.org_id and s.id = r.record_id
            where r.import_id = $1 and ($2::text is null or r.outcome = $2) and r.line > $3 order by r.line limit $4"#,
        id.0,
        outcome,
        after,
        limit
    )
    .fetch_all(db)
    .await?)
}

/// Preview of undoing an import: how many records would be deleted, restored or kept.
#[derive(Debug, Clone, Serialize)]
pub struct UndoPlan {
    pub contacts: i64,
    pub tickets: i64,
    pub services: i64,
    /// Records that existed before and get their former values back.
    pub restored: i64,
    /// Records that stay because people or later imports have changed or used them.
    pub kept: i64,
}

/// Counts the records that undoing the import now would delete, restore and keep.
pub async fn undo_plan(db: &mut PgConnection, id: ImportId) -> Result<UndoPlan> {
    let made = sqlx::query!(
        r#"
        select record_kind as "kind!", count(*) filter (where not used) as "free!", count(*) filter (where used) as "used!"
          from (select k.record_kind, k.record_id,
                       app.import_record_used($1, k.record_id) as used
                  from import_keys k
                 where k.import_id = $1 and (exists (select from contacts c where c.id = k.record_id and c.import_id = $1)
                                          or exists (select from tickets t where t.id = k.record_id and t.import_id = $1)
                                          or exists (select from services s where s.id = k.record_id and s.import_id = $1))
                 group by k.record_kind, k.record_id) x
         group by record_kind
        "#,
        id.0
    )
    .fetch_all(&mut *db)
    .await?;
    let free = |kind: &str| made.iter().filter(|m| m.kind == kind).map(|m| m.free).sum();
    let restored = sqlx::query_scalar!(
        r#"select count(distinct record_id) as "n!" from import_rows where import_id = $1 and outcome = 'updated' and before is not null"#,
        id.0
    )
    .fetch_one(db)
    .await?;
    Ok(UndoPlan {
        contacts: free("contact"),
        tickets: free("ticket"),
        services: free("service"),
        restored,
        kept: made.iter().map(|m| m.used).sum(),
    })
}
