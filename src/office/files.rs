//! Files kept in the database: the logo, issued PDFs, raw imports, exports. The table is written here alone.

use platform::{
    action::Cx,
    error::{Error, Result},
    ids::FileId,
    secrets::digest,
};
use sqlx::PgConnection;

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

/// The bytes of one piece of a large file.
const PIECE: usize = 1024 * 1024;

/// Stores a file of any size in pieces, each in a row of its own. Read it with `load`.
pub async fn store_in_pieces(cx: &mut Cx<'_>, new: NewFile<'_>) -> Result<FileId> {
    let sum = new.sha256.map_or_else(|| digest(new.bytes).to_vec(), <[u8]>::to_vec);
    let mut pieces = new.bytes.chunks(PIECE);
    let first = NewFile { bytes: pieces.next().unwrap_or_default(), sha256: Some(&sum), ..new };
    let id = store(cx, first).await?;
    sqlx::query!("update files set size = $2 where id = $1", id.0, i64::try_from(new.bytes.len()).unwrap_or(i64::MAX))
        .execute(cx.db())
        .await?;
    for (position, piece) in (1_i32..).zip(pieces) {
        sqlx::query!("insert into file_pieces (file_id, position, bytes) values ($1, $2, $3)", id.0, position, piece)
            .execute(cx.db())
            .await?;
    }
    Ok(id)
}

/// The bytes of a file, piece by piece. `NotFound` if there is none.
pub async fn load(db: &mut PgConnection, id: FileId) -> Result<Vec<u8>> {
    let first = sqlx::query!("select bytes, size from files where id = $1", id.0).fetch_optional(&mut *db).await?.ok_or(Error::NotFound)?;
    let mut bytes = Vec::with_capacity(usize::try_from(first.size).unwrap_or_default());
    bytes.extend(first.bytes);
    for position in 1_i32.. {
        let piece = sqlx::query_scalar!("select bytes from file_pieces where file_id = $1 and position = $2", id.0, position);
        let Some(piece) = piece.fetch_optional(&mut *db).await? else { break };
        bytes.extend(piece);
    }
    Ok(bytes)
}

/// Deletes a file of this kind. Does nothing if there is none.
pub async fn delete(cx: &mut Cx<'_>, id: FileId, kind: &str) -> Result<()> {
    sqlx::query!("delete from files where id = $1 and kind = $2", id.0, kind).execute(cx.db()).await?;
    Ok(())
}
