//! The export page and the download of its files.

use axum::{
    extract::Path,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};

use super::{Export, ExportKind, actions::CreateExport, data};
use platform::{
    error::{Error, Result},
    ids::ExportId,
    tenant::{Read, Write},
};
use ui::Form;

#[derive(askama::Template)]
#[template(path = "exports/index.html")]
struct Index {
    head: ui::Head,
    made: Vec<Export>,
    form: Form,
}

/// `GET /settings/export`: the page reloads itself every second while an export is running.
pub async fn index(mut r: Read) -> Result<Response> {
    let page = list(&mut r, Form::default()).await?;
    let is_busy = page.made.iter().any(|e| e.state.is_busy());
    Ok(ui::again_in(is_busy.then_some(1), ui::page(&page)?))
}

async fn list(r: &mut Read, form: Form) -> Result<Index> {
    let made = data::exports(r.db()).await?;
    Ok(Index { head: ui::Head::of(r, "settings").title("Export").back("/settings", "Settings"), made, form })
}

/// `POST /settings/export`: starts an export and redirects to the page that shows its progress.
pub async fn create(w: Write, mut form: Form) -> Result<Response> {
    let kind = form.must("kind", |kind| ExportKind::ALL.into_iter().find(|k| k.name() == kind).ok_or("Choose what to export."));
    let action = kind.map(|kind| CreateExport { id: None, kind });
    form.run(&w, action, |_| ui::redirect("/settings/export", ""), async |r, form| list(r, form).await).await
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
