//! Public links: short, revocable, hashed at rest. The token is HMAC(server key, link id), so that it can be shown again though unstored.

use uuid::Uuid;

use super::{
    action::Cx,
    app::App,
    error::{Error, Result},
    ids::LinkId,
    secrets::{digest, token_for_link},
    tenant::Read,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "link_kind", rename_all = "snake_case")]
pub enum LinkKind {
    Confirm,
    Invoice,
    Unsubscribe,
}

impl LinkKind {
    /// The database's name of this kind.
    pub fn name(self) -> &'static str {
        match self {
            Self::Confirm => "confirm",
            Self::Invoice => "invoice",
            Self::Unsubscribe => "unsubscribe",
        }
    }

    /// The part of the path before the token.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Confirm => "/c/",
            Self::Invoice => "/i/",
            Self::Unsubscribe => "/u/",
        }
    }
}

/// Returns the absolute URL of a link.
pub fn url(app: &App, kind: LinkKind, id: LinkId) -> String {
    app.url(&format!("{}{}", kind.prefix(), token_for_link(&app.server_key, id.0)))
}

/// Returns a new link's id and the SHA-256 of its token, which is stored in the token's place.
pub fn mint(app: &App) -> (LinkId, [u8; 32]) {
    let id = LinkId::new();
    (id, digest(token_for_link(&app.server_key, id.0).as_bytes()))
}

/// Returns the live link of a record, and creates it on first use.
pub async fn ensure(cx: &mut Cx<'_>, kind: LinkKind, subject: Uuid) -> Result<LinkId> {
    if let Some(id) = live_id(cx.db(), kind, subject).await? {
        return Ok(id);
    }
    let (id, hash) = mint(cx.app);
    sqlx::query!(
        "insert into links (id, kind, subject_id, token_hash) values ($1, $2, $3, $4)",
        id.0,
        kind as LinkKind,
        subject,
        hash.as_slice()
    )
    .execute(cx.db())
    .await?;
    Ok(id)
}

/// Revokes every live link of a record; the next `ensure` makes a new one.
pub async fn revoke(cx: &mut Cx<'_>, kind: LinkKind, subject: Uuid) -> Result<()> {
    sqlx::query!(
        "update links set revoked_at = app.now() where kind = $1 and subject_id = $2 and revoked_at is null",
        kind as LinkKind,
        subject
    )
    .execute(cx.db())
    .await?;
    Ok(())
}

/// Returns the live link of a record, or `None` if it has none.
pub async fn live(read: &mut Read, kind: LinkKind, subject: Uuid) -> Result<Option<LinkId>> {
    live_id(read.db(), kind, subject).await
}

async fn live_id(db: &mut sqlx::PgConnection, kind: LinkKind, subject: Uuid) -> Result<Option<LinkId>> {
    Ok(sqlx::query_scalar!(
        r#"select id as "id: LinkId" from links where kind = $1 and subject_id = $2 and revoked_at is null order by created_at desc limit 1"#,
        kind as LinkKind,
        subject
    )
    .fetch_optional(db)
    .await?)
}

/// A public link: the record it opens, by kind and subject, and whether it is revoked.
pub struct LinkRow {
    pub id: LinkId,
    pub kind: String,
    pub subject_id: Uuid,
    pub revoked: bool,
}

impl Read {
    /// Returns the link this read came through (`Door::Link`). Errors: `NotFound` if it came through another door.
    pub async fn link(&mut self) -> Result<LinkRow> {
        let id = self.who.link.ok_or(Error::NotFound)?;
        let row = sqlx::query!(
            r#"select kind::text as "kind!", subject_id, revoked_at is not null as "revoked!" from links where id = $1"#,
            id.0
        )
        .fetch_one(self.db())
        .await?;
        Ok(LinkRow { id, kind: row.kind, subject_id: row.subject_id, revoked: row.revoked })
    }
}
