//! The export page and the download of its files.

use axum::{
    extract::Path,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use super::{Export, ExportKind, actions::CreateExport, data};
use platform::{
    error::{Error, FieldErrors, Result},
    form::Posted,
    ids::ExportId,
    tenant::{Read, Write},
};

#[derive(askama::Template)]
#[template(path = "exports/index.html")]
struct Index {
    head: ui::Head,
    made: Vec<Export>,
    errors: FieldErrors,
}

/// `GET /settings/export`: the page reloads itself every second while an export is running.
pub async fn index(mut r: Read) -> Result<Response> {
    let page = list(&mut r, FieldErrors::default()).await?;
    let is_busy = page.made.iter().any(|e| e.state.is_busy());
    Ok(ui::again_in(is_busy.then_some(1), ui::page(&page)?))
}

async fn list(r: &mut Read, errors: FieldErrors) -> Result<Index> {
    let made = data::exports(r.db()).await?;
    Ok(Index { head: ui::Head::of(r, "settings").title("Export").back("/settings", "Settings"), made, errors })
}

#[derive(Debug, Deserialize)]
pub struct Wanted {
    #[serde(default)]
    kind: String,
}

/// `POST /settings/export`: starts an export and redirects to the page that shows its progress.
pub async fn create(w: Write, form: Posted<Wanted>) -> Result<Response> {
    let kind = ExportKind::ALL.into_iter().find(|k| k.name() == form.value.kind);
    let Some(kind) = kind else {
        let mut errors = FieldErrors::default();
        errors.add("kind", "Choose what to export.");
        return Ok(ui::with_status(StatusCode::UNPROCESSABLE_ENTITY, &list(&mut w.read().await?, errors).await?)?.into_response());
    };
    w.act(&form.meta, CreateExport { id: None, kind }).await?;
    Ok(ui::redirect("/settings/export", ""))
}

/// `GET /settings/export/{id}`: downloads the file; redirects to the page if there is no file (yet).
pub async fn download(mut r: Read, Path(id): Path<ExportId>) -> Result<Response> {
    let (name, bytes) = match data::file(r.db(), id).await {
        Ok(file) => file,
        Err(Error::NotFound) => {
            data::export(r.db(), id).await?;
            return Ok(ui::redirect("/settings/export", ""));
        }
        Err(e) => return Err(e),
    };
    let as_file = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")).unwrap_or(HeaderValue::from_static("attachment"));
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    headers.insert(header::CONTENT_DISPOSITION, as_file);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
