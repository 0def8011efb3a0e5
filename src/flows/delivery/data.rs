//! Due and stuck messages of all businesses; ids only.

use chrono::{DateTime, Utc};

use platform::{
    app::App,
    error::Result,
    ids::{MessageId, OrgId},
};

/// The most messages queued in one sweep.
const BATCH: i32 = 1000;

/// Queued messages whose time has come, oldest first.
pub async fn due(app: &App, at: DateTime<Utc>) -> Result<Vec<(OrgId, MessageId)>> {
    let rows = sqlx::query!(r#"select org_id as "org!: OrgId", id as "id!: MessageId" from app.due_messages($1, $2)"#, at, BATCH)
        .fetch_all(&app.pool)
        .await?;
    Ok(rows.into_iter().map(|r| (r.org, r.id)).collect())
}

/// Messages whose sending began before `before` and has no outcome.
pub async fn stuck(app: &App, before: DateTime<Utc>) -> Result<Vec<(OrgId, MessageId)>> {
    let rows = sqlx::query!(r#"select org_id as "org!: OrgId", id as "id!: MessageId" from app.stuck_messages($1)"#, before)
        .fetch_all(&app.pool)
        .await?;
    Ok(rows.into_iter().map(|r| (r.org, r.id)).collect())
}
