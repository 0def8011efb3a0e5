//! Reads of the audit trail: who changed what, from what to what, when, how. Every slice's `include=audit_trail` and the history pages.

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
    /// insert, update, delete.
    pub op: String,
    /// `{column: [old, new]}`; none where the values were erased.
    pub changes: Option<Value>,
    pub actor: String,
    /// The member's name where it was one.
    pub by: Option<String>,
    pub action: Option<String>,
    /// page, api, model, link, import, job.
    pub source: Option<String>,
    pub request_id: Option<String>,
}

impl Change {
    /// Who it was, in words.
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

    /// Takes out what this member may not see: prices, where the business hides them from staff.
    fn hide_prices(&mut self) {
        if let Some(map) = self.changes.as_mut().and_then(Value::as_object_mut) {
            map.retain(|column, _| !["price", "total", "amount", "subtotal", "discount", "tip"].iter().any(|p| column.contains(p)));
        }
    }
}

/// The entries of these records, newest first, from before the entry given.
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

/// What the searchable list asks for.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// In values, table, action or actor's name.
    pub search: Option<String>,
    pub table: Option<String>,
    /// 'member:<id>' and the like.
    pub actor: Option<String>,
    pub from: Option<DateTime<Utc>>,
    pub until: Option<DateTime<Utc>>,
    pub before: Option<i64>,
    pub limit: i64,
}

/// One page of all entries of the business, newest first; one row more than asked for tells that there is a next page.
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
