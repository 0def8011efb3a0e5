//! Deletes rows that are no longer needed, and lists the businesses for work that visits each of them.

use chrono::Duration;

use super::{
    app::App,
    commit::commit,
    error::Result,
    ids::OrgId,
    jobs, rate,
    tenant::{Door, Origin, open},
};

/// Days that an idempotency key answers for (`api.md`). One that we made ourselves has no answer and serves for seconds: it goes after a day.
const KEYS_KEPT: i64 = 90;

/// Returns the ids of all active businesses.
pub async fn businesses(app: &App) -> Result<Vec<OrgId>> {
    Ok(sqlx::query_scalar!(r#"select app.org_ids() as "id!: OrgId""#).fetch_all(&app.pool).await?)
}

/// Deletes old rate-limit windows, left-over rows of the job queue, sessions and sign-ins that ended more than 30 days ago, and idempotency keys after 90 days.
pub async fn sweep(app: &App) -> Result<()> {
    rate::sweep(app).await?;
    jobs::delete_replaced(&app.pool).await?;
    let now = app.clock.now();
    let month_ago = now - Duration::days(30);
    sqlx::query!("delete from sessions where expires_at < $1 or revoked_at < $1", month_ago).execute(&app.pool).await?;
    sqlx::query!("delete from sign_ins where expires_at < $1", month_ago).execute(&app.pool).await?;
    for org in businesses(app).await? {
        let mut tx = open(app, &Door::Org(org, "job"), &Origin::default(), now, false).await?;
        sqlx::query!(
            "delete from idempotency_keys where created_at < $1 or (response is null and created_at < $2)",
            now - Duration::days(KEYS_KEPT),
            now - Duration::days(1)
        )
        .execute(&mut *tx)
        .await?;
        commit(tx).await?;
    }
    Ok(())
}
