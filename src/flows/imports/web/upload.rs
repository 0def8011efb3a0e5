//! Receives uploaded files as they come in. Each may have 200 MB; the upload ends when nothing comes any more, not after a time in all.

use std::{sync::LazyLock, time::Duration};

use axum::{
    extract::{FromRequest, Multipart, Request, multipart::Field},
    http::header,
};
use platform::{
    action::Meta,
    error::{Error, FieldErrors, Result},
};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

use crate::imports::LARGEST;

/// How long nothing may come in.
const PATIENCE: Duration = Duration::from_mins(1);
/// The longest of the hidden fields.
const FIELD: usize = 1024;
/// How many uploads are received at a time: each may take as much memory as its file is large.
static DOORS: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(2));

/// The largest upload, in bytes: some files of the largest size.
pub const MAX_UPLOAD: usize = 10 * LARGEST;

/// Files that come in, one after the other.
pub struct Upload {
    parts: Multipart,
    /// Of the whole request.
    length: usize,
    /// The form's hidden fields, which stand before its files.
    pub meta: Meta,
    _door: SemaphorePermit<'static>,
}

fn broken() -> Error {
    FieldErrors::one("file", "The upload broke off. Please choose the file again.")
}

impl Upload {
    /// `Unavailable` if too many others are being received.
    pub async fn begin(request: Request) -> Result<Self> {
        let Ok(Ok(door)) = timeout(PATIENCE, DOORS.acquire()).await else {
            return Err(Error::Unavailable("Other files are being received. Please try again in a minute.".into()));
        };
        let length = request.headers().get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse().ok()).unwrap_or_default();
        let parts = Multipart::from_request(request, &()).await.map_err(|_| broken())?;
        Ok(Self { parts, length, meta: Meta::default(), _door: door })
    }

    /// Name and contents of the next file, `None` in their place for one that is too large; `None` after the last. `Invalid` if the upload
    /// breaks off, or if nothing comes in for a minute.
    pub async fn next(&mut self) -> Result<Option<(String, Option<Vec<u8>>)>> {
        while let Some(mut part) = waited(self.parts.next_field()).await? {
            let (name, file) = (part.name().unwrap_or_default().to_owned(), part.file_name().map(str::to_owned));
            let most = if name == "file" { LARGEST } else { FIELD };
            let bytes = contents(&mut part, most, self.length).await?;
            let text = || bytes.as_deref().map(String::from_utf8_lossy).unwrap_or_default().into_owned();
            match (name.as_str(), file) {
                ("_key", _) => self.meta.key = Some(text()).filter(|k| !k.is_empty()),
                ("_org", _) => self.meta.org = text().parse().ok(),
                // Without a chosen file, a form sends one empty file without a name.
                ("file", Some(file)) if !file.is_empty() || bytes.as_ref().is_none_or(|b| !b.is_empty()) => return Ok(Some((file, bytes))),
                _ => {}
            }
        }
        Ok(None)
    }
}

/// The contents of a part, or `None` if it has more than `most` bytes; it is read to its end then too, so that the page can say so.
async fn contents(part: &mut Field<'_>, most: usize, length: usize) -> Result<Option<Vec<u8>>> {
    let mut bytes = Vec::with_capacity(length.min(most));
    let mut is_too_large = false;
    while let Some(chunk) = waited(part.chunk()).await? {
        is_too_large |= bytes.len() + chunk.len() > most;
        if is_too_large {
            bytes = Vec::new();
        } else {
            bytes.extend_from_slice(&chunk);
        }
    }
    Ok((!is_too_large).then_some(bytes))
}

async fn waited<T, E>(next: impl Future<Output = Result<T, E>>) -> Result<T> {
    timeout(PATIENCE, next).await.map_err(|_| broken())?.map_err(|_| broken())
}
