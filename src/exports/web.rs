//! The export page and its downloads.

use axum::{
    extract::Path,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use super::{ExportKind, actions::CreateExport, data};
use crate::{
    platform::{
        error::{FieldErrors, Result},
        form::Posted,
        ids::FileId,
        tenant::{Read, Write},
    },
    ui,
};

#[derive(askama::Template)]
#[template(path = "exports/index.html")]
struct Index {
    head: ui::Head,
    made: Vec<data::Made>,
}

/// `GET /settings/export`.
pub async fn index(mut r: Read) -> Result<ui::Html> {
    let made = data::made(r.db()).await?;
    ui::page(&Index { head: r.head("settings").title("Export").back("/settings", "Settings"), made })
}

#[derive(Debug, Deserialize)]
pub struct Wanted {
    #[serde(default)]
    kind: String,
}

/// `POST /settings/export`: makes the file, then leads to its download.
pub async fn create(w: Write, form: Posted<Wanted>) -> Result<Response> {
    let kind = ExportKind::ALL.into_iter().find(|k| k.name() == form.value.kind);
    let kind = kind.ok_or_else(|| FieldErrors::one("kind", "Choose what to export."))?;
    let made = w.act(&form.meta, CreateExport { id: None, kind }).await?;
    Ok(ui::redirect(&format!("/settings/export/{}", made.id), ""))
}

/// `GET /settings/export/{id}`: the file.
pub async fn download(mut r: Read, Path(id): Path<FileId>) -> Result<Response> {
    let (name, bytes) = data::file(r.db(), id).await?;
    let as_file = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")).unwrap_or(HeaderValue::from_static("attachment"));
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    headers.insert(header::CONTENT_DISPOSITION, as_file);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
