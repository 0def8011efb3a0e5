//! `/imports`: pages to upload files, preview, run and watch imports, see every row's outcome, and undo.

mod columns;

use std::collections::BTreeMap;

use askama::Template;
use axum::{
    extract::{FromRequest, Multipart, Path, Query, Request},
    http::header,
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;
use uuid::Uuid;

use super::{
    Import, ImportState, Outcome, RowProblem,
    actions::{MapImport, PreviewImport, RunImport, UndoImport},
    data::{self, Asked, RowResult, UndoPlan},
    dates::{DateOrder, parse_date},
    reading::{self, Sample},
    recognise::Kind,
    square::DateQuestion,
};
use platform::{
    action::Meta,
    error::{Error, FieldError, FieldErrors, Result},
    form::Posted,
    ids::ImportId,
    query,
    tenant::{Read, Write},
};

/// Rows per page.
const PAGE: i64 = 50;
/// Maximum number of warnings and of refusals listed in a preview.
const SHOWN: usize = 20;

#[derive(Template)]
#[template(path = "imports/index.html")]
struct Index {
    head: ui::Head,
    imports: Vec<Import>,
    state: String,
    search: String,
    next: Option<String>,
    first: Option<String>,
    /// Number of files of the same upload that were stored.
    kept: usize,
    errors: FieldErrors,
}

#[derive(Debug, Default, Deserialize)]
pub struct ListQuery {
    #[serde(default)]
    state: String,
    #[serde(default)]
    search: String,
    cursor: Option<String>,
}

/// `GET /imports`
pub async fn index(mut read: Read, Query(asked): Query<ListQuery>) -> Result<ui::Html> {
    ui::page(&list(&mut read, asked, FieldErrors::default()).await?)
}

async fn list(read: &mut Read, asked: ListQuery, errors: FieldErrors) -> Result<Index> {
    let state = serde_json::from_value::<ImportState>(serde_json::json!(asked.state)).ok();
    let before = asked.cursor.as_deref().map(query::decode_cursor::<Uuid>).transpose()?;
    let search = Some(asked.search.trim().to_owned()).filter(|s| !s.is_empty());
    let wanted = Asked { state, search, before, limit: PAGE / 2 + 1, ..Asked::default() };
    let mut imports = data::list(read.db(), &wanted).await?;
    let link =
        |cursor: &str| format!("/imports?state={}&search={}&cursor={cursor}", asked.state, platform::form::percent_encode(&asked.search));
    let next = query::next_cursor(&mut imports, PAGE / 2, |i| i.id)?.map(|c| link(&c));
    let first = asked.cursor.is_some().then(|| link("").trim_end_matches("&cursor=").to_owned());
    let head = ui::Head::of(read, "settings")
        .title("Import")
        .sub("Bring your customers, services and history from Square.")
        .back("/settings", "Settings");
    Ok(Index { head, imports, state: asked.state, search: asked.search, next, first, kept: 0, errors })
}

/// `POST /imports`: stores one or more files; each becomes an import to preview.
pub async fn upload(write: Write, request: Request) -> Result<Response> {
    let (files, mut meta) = files(request).await?;
    if files.is_empty() {
        let errors = FieldErrors(vec![problem("Choose a CSV file.")]);
        let mut read = write.read().await?;
        return Ok(ui::invalid(&list(&mut read, ListQuery::default(), errors).await?)?.into_response());
    }
    let (mut errors, mut made) = (FieldErrors::default(), Vec::new());
    let key = meta.key.take();
    for (n, (name, bytes)) in files.into_iter().enumerate() {
        let meta = Meta { key: key.as_ref().map(|k| format!("{k}:{n}")), ..meta.clone() };
        let action = PreviewImport { file_name: name.clone(), content_base64: STANDARD.encode(bytes), ..PreviewImport::default() };
        match write.act(&meta, action).await {
            Ok(previewed) => made.push(previewed.id),
            Err(Error::Invalid(e)) => errors.0.extend(e.0.into_iter().map(|e| problem(&format!("{name}: {}", e.message)))),
            Err(e) => return Err(e),
        }
    }
    match (errors.0.is_empty(), made.as_slice()) {
        (true, [one]) => Ok(ui::redirect(&format!("/imports/{one}"), "")),
        (true, many) => Ok(ui::redirect("/imports", &format!("{} files read. Look at each and run it.", many.len()))),
        (false, kept) => {
            let mut read = write.read().await?;
            let page = Index { kept: kept.len(), ..list(&mut read, ListQuery::default(), errors).await? };
            Ok(ui::invalid(&page)?.into_response())
        }
    }
}

fn problem(message: &str) -> FieldError {
    FieldError { field: "file".into(), message: message.into(), code: "invalid".into() }
}

async fn files(request: Request) -> Result<(Vec<(String, Vec<u8>)>, Meta)> {
    let broken = || FieldErrors::one("file", "The upload broke off. Please choose the file again.");
    let mut parts = Multipart::from_request(request, &()).await.map_err(|_| broken())?;
    let (mut files, mut meta) = (Vec::new(), Meta::default());
    while let Some(part) = parts.next_field().await.map_err(|_| broken())? {
        let (name, file) = (part.name().unwrap_or_default().to_owned(), part.file_name().map(str::to_owned));
        let bytes = part.bytes().await.map_err(|_| Error::TooLarge)?;
        match (name.as_str(), file) {
            ("_key", _) => meta.key = Some(String::from_utf8_lossy(&bytes).into_owned()).filter(|k| !k.is_empty()),
            ("_org", _) => meta.org = String::from_utf8_lossy(&bytes).parse().ok(),
            // Without a chosen file, a form sends one empty file without a name.
            ("file", Some(file)) if !file.is_empty() || !bytes.is_empty() => files.push((file, bytes.to_vec())),
            _ => {}
        }
    }
    Ok((files, meta))
}

/// The largest upload, in bytes: all of its files together.
pub const MAX_UPLOAD: usize = 26 * 1024 * 1024;

/// Preview of a file that has not run yet.
struct Preview {
    columns: columns::Columns,
    plan: Vec<String>,
    samples: Vec<Sample>,
    taken_count: usize,
    refused: Vec<RowProblem>,
    refused_count: usize,
    warnings: Vec<RowProblem>,
    warnings_count: usize,
    questions: Vec<DateQuestion>,
}

#[derive(Template)]
#[template(path = "imports/show.html")]
struct Show {
    head: ui::Head,
    import: Import,
    preview: Option<Preview>,
    /// An earlier import of an identical file.
    twin: Option<ImportId>,
    rows: Vec<RowResult>,
    outcome: String,
    next: Option<String>,
    first: Option<String>,
    undo: Option<UndoPlan>,
    typed: Typed,
    errors: FieldErrors,
}

/// Posted values, to redisplay.
type Typed = BTreeMap<String, String>;

impl Show {
    /// Formats a sample date as read in `order`, such as "10 May 2026".
    fn reads(sample: &str, order: DateOrder) -> String {
        parse_date(sample, Some(order)).map_or_else(|| "not a date".into(), |d| d.format("%-d %B %Y").to_string())
    }

    fn samples(question: &DateQuestion, order: DateOrder) -> String {
        let read: Vec<String> = question.samples.iter().map(|s| format!("{s} is {}", Self::reads(s, order))).collect();
        read.join(", ")
    }

    fn question(&self, question: &DateQuestion) -> ui::Field {
        let name = question.field();
        let choice = |value, label, order| ui::Choice::new(value, label).hint(Self::samples(question, order));
        ui::radios(&name, &format!("How are dates written in “{}”?", question.column))
            .choices(&[
                choice("month_first", "Month first (as in the United States)", DateOrder::MonthFirst),
                choice("day_first", "Day first", DateOrder::DayFirst),
            ])
            .value(self.typed.get(&name))
            .errors(&self.errors)
    }
}

#[derive(Debug, Default, Deserialize)]
pub struct RowsQuery {
    #[serde(default)]
    outcome: String,
    #[serde(default)]
    after: i32,
}

/// `GET /imports/{id}`: reloads itself while a job is running.
pub async fn show(mut read: Read, Path(id): Path<ImportId>, Query(asked): Query<RowsQuery>) -> Result<Response> {
    let page = one(&mut read, id, asked, Typed::new(), FieldErrors::default()).await?;
    Ok(ui::again_in(page.import.state.is_busy().then_some(2), ui::page(&page)?))
}

async fn one(read: &mut Read, id: ImportId, asked: RowsQuery, typed: Typed, errors: FieldErrors) -> Result<Show> {
    let import = data::import(read.db(), id).await?;
    let outcome = Outcome::ALL.into_iter().find(|o| o.name() == asked.outcome).map(Outcome::name);
    let mut rows = data::rows(read.db(), id, outcome, asked.after, PAGE + 1).await?;
    let link = |after: i32| format!("/imports/{id}?outcome={}&after={after}", asked.outcome);
    let has_more = rows.len() > usize::try_from(PAGE).unwrap_or(usize::MAX);
    rows.truncate(usize::try_from(PAGE).unwrap_or(usize::MAX));
    let next = rows.last().filter(|_| has_more).map(|r| link(r.line));
    let undo = if import.state.can_undo() { Some(data::undo_plan(read.db(), id).await?) } else { None };
    let twin = if import.state == ImportState::Previewed { data::twin(read.db(), id).await? } else { None };
    let preview = if import.state.can_run() { preview(read, &import, &typed).await? } else { None };
    let head = ui::Head::of(read, "settings").title(import.label()).sub(import.file_name.clone()).back("/imports", "Import");
    let first = (asked.after > 0).then(|| link(0));
    Ok(Show { head, import, preview, twin, rows, outcome: asked.outcome, next, first, undo, typed, errors })
}

async fn preview(read: &mut Read, import: &Import, typed: &Typed) -> Result<Option<Preview>> {
    let Some(kind) = Kind::from_key(&import.kind) else { return Ok(None) };
    // A file that can't be read any more has no preview; only its rows are shown.
    let Ok(bytes) = data::bytes(read.db(), import.file_id).await else { return Ok(None) };
    let Ok(reading) = reading::read(&bytes, kind, &read.who.country, &import.choices) else { return Ok(None) };
    Ok(Some(Preview {
        columns: columns::of(&reading, import, typed),
        plan: reading.plan(),
        samples: reading.samples(8),
        taken_count: reading.total.saturating_sub(reading.refused.len()),
        refused_count: reading.refused.len(),
        warnings_count: reading.warnings.len(),
        refused: reading.refused.into_iter().take(SHOWN).collect(),
        warnings: reading.warnings.into_iter().take(SHOWN).collect(),
        questions: reading.questions,
    }))
}

/// `POST /imports/{id}/columns`: changes the column mapping and shows the new preview.
pub async fn map(write: Write, Path(id): Path<ImportId>, form: Posted<Typed>) -> Result<Response> {
    let action = MapImport { import_id: id, kind: form.value.get("kind").cloned(), columns: columns::chosen(&form.value) };
    match write.act(&form.meta, action).await {
        Ok(_) => Ok(ui::redirect(&format!("/imports/{id}"), "This is how the file reads now.")),
        Err(Error::Invalid(errors)) => again(&write, id, form.value, errors).await,
        Err(e) => Err(e),
    }
}

/// `POST /imports/{id}/run`
pub async fn run(write: Write, Path(id): Path<ImportId>, form: Posted<Typed>) -> Result<Response> {
    let mut read = write.read().await?;
    let import = data::import(read.db(), id).await?;
    let preview = if import.state == ImportState::Previewed { preview(&mut read, &import, &Typed::new()).await? } else { None };
    drop(read);
    let mut date_orders = BTreeMap::new();
    if let Some(preview) = preview {
        if preview.columns.differ(&form.value) {
            let mut errors = FieldErrors::default();
            errors.add("columns", "You changed columns: look at how the file reads with them first.");
            return again(&write, id, form.value, errors).await;
        }
        let answer = |q: &DateQuestion| Some((q.column.clone(), order(form.value.get(&q.field())?)?));
        date_orders = preview.questions.iter().filter_map(answer).collect();
    }
    match write.act(&form.meta, RunImport { import_id: id, date_orders, date_order: None }).await {
        Ok(_) => Ok(ui::redirect(&format!("/imports/{id}"), "The import is under way. You may leave this page.")),
        Err(Error::Invalid(errors)) => again(&write, id, form.value, errors).await,
        Err(e) => Err(e),
    }
}

async fn again(write: &Write, id: ImportId, typed: Typed, errors: FieldErrors) -> Result<Response> {
    let mut read = write.read().await?;
    Ok(ui::invalid(&one(&mut read, id, RowsQuery::default(), typed, errors).await?)?.into_response())
}

fn order(typed: &str) -> Option<DateOrder> {
    match typed {
        "month_first" => Some(DateOrder::MonthFirst),
        "day_first" => Some(DateOrder::DayFirst),
        _ => None,
    }
}

#[derive(Debug, Deserialize)]
pub struct Nothing {}

/// `POST /imports/{id}/undo`
pub async fn undo(write: Write, Path(id): Path<ImportId>, form: Posted<Nothing>) -> Result<Response> {
    write.act(&form.meta, UndoImport { import_id: id }).await?;
    Ok(ui::redirect(&format!("/imports/{id}"), "The import is being taken back."))
}

/// `GET /imports/{id}/refused.csv`: the refused rows with their reasons, to correct and upload again.
pub async fn refused(mut read: Read, Path(id): Path<ImportId>) -> Result<Response> {
    let import = data::import(read.db(), id).await?;
    let bytes = data::bytes(read.db(), import.file_id).await?;
    let rows = data::rows(read.db(), id, Some(Outcome::Refused.name()), 0, i64::from(i32::MAX)).await?;
    let reasons: BTreeMap<u64, String> = rows.into_iter().filter_map(|r| Some((u64::try_from(r.line).ok()?, r.reason))).collect();
    let text = reading::refused_csv(&bytes, &reasons).map_err(Error::conflict)?;
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"refused.csv\""),
        (header::CACHE_CONTROL, "private, no-cache"),
    ];
    Ok((headers, text).into_response())
}
