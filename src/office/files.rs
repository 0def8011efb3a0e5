//! Files kept in the database: the logo, issued PDFs, raw imports, exports. The table is written here alone.

use platform::{action::Cx, error::Result, ids::FileId, secrets::digest};

/// A file to be kept.
#[derive(Debug, Clone, Copy)]
pub struct NewFile<'a> {
    /// What it is for: `logo`, `invoice_pdf`, `import`, `export`.
    pub kind: &'a str,
    pub name: &'a str,
    pub mime: &'a str,
    pub bytes: &'a [u8],
    /// The SHA-256 to record; `None` takes that of `bytes`. A redacted copy records its original's.
    pub sha256: Option<&'a [u8]>,
}

/// Stores a file of at most 25 MB (the table's check).
pub async fn store(cx: &mut Cx<'_>, new: NewFile<'_>) -> Result<FileId> {
    let id = FileId::new();
    let sum = new.sha256.map_or_else(|| digest(new.bytes).to_vec(), <[u8]>::to_vec);
    sqlx::query!(
        "insert into files (id, kind, name, mime, size, sha256, bytes) values ($1, $2, $3, $4, $5, $6, $7)",
        id.0,
        new.kind,
        new.name,
        new.mime,
        i64::try_from(new.bytes.len()).unwrap_or(i64::MAX),
        sum,
        new.bytes
    )
    .execute(cx.db())
    .await?;
    Ok(id)
}

/// Deletes a file of this kind. Does nothing if there is none.
pub async fn delete(cx: &mut Cx<'_>, id: FileId, kind: &str) -> Result<()> {
    sqlx::query!("delete from files where id = $1 and kind = $2", id.0, kind).execute(cx.db()).await?;
    Ok(())
}
