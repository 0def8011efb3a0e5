//! Queries of the audit trail: who changed which values, when and how. For every slice's `include=audit_trail` and the history pages.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{error::Result, tenant::Who};

/// One audit entry as people and programs read it.
#[derive(Debug, Clone, Serialize)]
pub struct Change {
    pub id: i64,
    pub at: DateTime<Utc>,
    #[serde(rename = "table")]
    pub table_name: String,
    pub record_id: Uuid,
    /// One of insert, update, delete.
    pub op: String,
    /// `{column: [old, new]}`; `None` if the values were erased.
    pub changes: Option<Value>,
    pub actor: String,
    /// The member's name, if a member or model made the change.
    pub by: Option<String>,
    pub action: Option<String>,
    /// One of page, api, model, link, import, job.
    pub source: Option<String>,
    pub request_id: Option<String>,
}

impl Change {
    /// The actor as people read it.
    pub fn who(&self) -> String {
        match (&self.by, self.actor.split(':').next().unwrap_or_default()) {
            (Some(name), "model") => format!("{name} (model)"),
            (Some(name), _) => name.clone(),
            (None, "link") => "Customer, by link".into(),
            (None, "import") => "Import".into(),
            (None, "member" | "model") => "A former member".into(),
            (None, _) => "Rounds".into(),
        }
    }

    /// Removes the columns that hold prices, for members from whom the business hides them.
    fn hide_prices(&mut self) {
        if let Some(map) = self.changes.as_mut().and_then(Value::as_object_mut) {
            map.retain(|column, _| !["price", "total", "amount", "subtotal", "discount", "tip"].iter().any(|p| column.contains(p)));
        }
    }
}

/// Returns up to `limit` entries of `records` older than the entry `before`, newest first, without prices that `who` may not see.
pub async fn of(db: &mut PgConnection, who: &Who, records: &[Uuid], before: Option<i64>, limit: i64) -> Result<Vec<Change>> {
    let mut changes = sqlx::query_as!(
        Change,
        r#"
        select e.id as "id!", e.at as "at!", e.table_name as "table_name!", e.record_id as "record_id!", e.op as "op!", e.changes as "changes?", e.actor as "actor!",
               m.name as "by?", e.action as "action?", e.source as "source?", e.request_id as "request_id?"
          from audit_entries e
          left join members m on m.org_id = e.org_id and m.id = case when e.actor ~ '^(member|model):' then split_part(e.actor, ':', 2)::uuid end
         where e.record_id = any ($1) and ($2::bigint is null or e.id < $2)
         order by e.id desc limit $3
        "#,
        records,
        before,
        limit
    )
    .fetch_all(db)
    .await?;
    if !who.sees_prices() {
        changes.iter_mut().for_each(Change::hide_prices);
    }
    Ok(changes)
}

/// Filters and page of the searchable list.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// Text to find in values, table, action or the actor's name.
    pub search: Option<String>,
    pub table: Option<String>,
    /// Such as 'member:<id>' (`Who::actor`).
    pub actor: Option<String>,
    pub from: Option<DateTime<Utc>>,
    pub until: Option<DateTime<Utc>>,
    pub before: Option<i64>,
    pub limit: i64,
}

/// Returns one page of the business's entries, newest first, with one extra row if there is a next page. Prices are not hidden.
pub async fn list(db: &mut PgConnection, asked: &Asked) -> Result<Vec<Change>> {
    let pattern = asked.search.as_deref().map(|s| format!("%{}%", s.trim().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")));
    Ok(sqlx::query_as!(
        Change,
        r#"
        select e.id as "id!", e.at as "at!", e.table_name as "table_name!", e.record_id as "record_id!", e.op as "op!", e.changes as "changes?", e.actor as "actor!",
               m.name as "by?", e.action as "action?", e.source as "source?", e.request_id as "request_id?"
          from audit_entries e
          left join members m on m.org_id = e.org_id and m.id = case when e.actor ~ '^(member|model):' then split_part(e.actor, ':', 2)::uuid end
         where ($1::text is null or concat_ws(' ', e.table_name, e.action, m.name, e.changes::text) ilike $1)
           and ($2::text is null or e.table_name = $2)
           and ($3::text is null or e.actor = $3)
           and ($4::timestamptz is null or e.at >= $4)
           and ($5::timestamptz is null or e.at < $5)
           and ($6::bigint is null or e.id < $6)
         order by e.id desc limit $7
        "#,
        pattern,
        asked.table,
        asked.actor,
        asked.from,
        asked.until,
        asked.before,
        asked.limit + 1
    )
    .fetch_all(db)
    .await?)
}
