//! Notices: what a person of the business must look at, such as a failed send or a dispute. Every slice above adds and resolves its own through
//! these functions; the table is written here alone.

use platform::{action::Cx, error::Result, ids::NoticeId};
use uuid::Uuid;

/// A notice about one record.
#[derive(Debug, Clone, Copy)]
pub struct NewNotice<'a> {
    /// What happened, as a name: `dispute`.
    pub kind: &'a str,
    /// The kind of record it is about, and that record's id.
    pub subject_kind: &'a str,
    pub subject: Uuid,
    /// The words for the owner.
    pub body: &'a str,
    /// The same trouble has the same key.
    pub dedup_key: &'a str,
}

/// Adds a notice. Does nothing if one with this key was ever added.
pub async fn add(cx: &mut Cx<'_>, new: NewNotice<'_>) -> Result<()> {
    sqlx::query!(
        "insert into notices (id, kind, subject_kind, subject_id, body, dedup_key) values ($1, $2, $3, $4, $5, $6)
         on conflict (org_id, dedup_key) do nothing",
        NoticeId::new().0,
        new.kind,
        new.subject_kind,
        new.subject,
        new.body,
        new.dedup_key
    )
    .execute(cx.db())
    .await?;
    Ok(())
}

/// Adds a notice, or opens the one with this key again with the new kind and words.
pub async fn add_or_reopen(cx: &mut Cx<'_>, new: NewNotice<'_>) -> Result<()> {
    sqlx::query!(
        "insert into notices (id, kind, subject_kind, subject_id, body, dedup_key) values ($1, $2, $3, $4, $5, $6)
         on conflict (org_id, dedup_key) do update set kind = excluded.kind, body = excluded.body, resolved_at = null, resolved_by = null",
        NoticeId::new().0,
        new.kind,
        new.subject_kind,
        new.subject,
        new.body,
        new.dedup_key
    )
    .execute(cx.db())
    .await?;
    Ok(())
}

/// Resolves every open notice about these records.
pub async fn resolve_of(cx: &mut Cx<'_>, subject_kind: &str, subjects: &[Uuid]) -> Result<()> {
    sqlx::query!(
        "update notices set resolved_at = app.now(), resolved_by = app.actor()
          where subject_kind = $1 and subject_id = any ($2) and resolved_at is null",
        subject_kind,
        subjects
    )
    .execute(cx.db())
    .await?;
    Ok(())
}

/// Resolves the notice with this key, if it is open.
pub async fn resolve_key(cx: &mut Cx<'_>, dedup_key: &str) -> Result<()> {
    sqlx::query!(
        "update notices set resolved_at = app.now(), resolved_by = app.actor() where dedup_key = $1 and resolved_at is null",
        dedup_key
    )
    .execute(cx.db())
    .await?;
    Ok(())
}

/// Resolves one notice, if it is open. The caller has checked that the member may see it.
pub async fn resolve(cx: &mut Cx<'_>, id: NoticeId) -> Result<()> {
    sqlx::query!("update notices set resolved_at = app.now(), resolved_by = app.actor() where id = $1 and resolved_at is null", id.0)
        .execute(cx.db())
        .await?;
    Ok(())
}
