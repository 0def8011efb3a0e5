//! Maps a source's ids to the records created from them (`import_keys`).

use std::collections::HashMap;

use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use platform::{action::Cx, error::Result, ids::ImportId};

/// An id of the source and the record it became.
#[derive(Debug, Clone, Serialize)]
pub struct Key {
    pub kind: &'static str,
    pub key: String,
    pub record_kind: &'static str,
    pub record_id: Uuid,
    /// The values that the import wrote, to detect later changes by users.
    pub written: Value,
}

/// A stored key.
#[derive(Debug, Clone)]
pub struct Known {
    pub record_id: Uuid,
    pub written: Value,
}

/// Loads the stored keys of `kind` among `keys`, by key.
pub async fn find(cx: &mut Cx<'_>, kind: &str, keys: &[String]) -> Result<HashMap<String, Known>> {
    let rows = sqlx::query!("select key, record_id, written from import_keys where kind = $1 and key = any ($2)", kind, keys)
        .fetch_all(cx.db())
        .await?;
    Ok(rows.into_iter().map(|r| (r.key, Known { record_id: r.record_id, written: r.written })).collect())
}

/// Stores keys. An existing key gets the new record and values, but stays with the import that created it.
pub async fn put(cx: &mut Cx<'_>, import: ImportId, keys: &[Key]) -> Result<()> {
    sqlx::query!(
        r#"insert into import_keys (kind, key, record_kind, record_id, import_id, written)
           select x.kind, x.key, x.record_kind, x.record_id, $2, x.written
             from jsonb_to_recordset($1) as x(kind text, key text, record_kind text, record_id uuid, written jsonb)
           on conflict (org_id, kind, key) do update set record_id = excluded.record_id, written = excluded.written"#,
        serde_json::to_value(keys)?,
        import.0
    )
    .execute(cx.db())
    .await?;
    Ok(())
}
