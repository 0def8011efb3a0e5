//! `/imports`: pages to upload files, preview, run and watch imports, see every row's outcome, and undo.

mod columns;
mod upload;

pub use upload::MAX_UPLOAD;
use upload::Upload;

use std::{collections::BTreeMap, sync::Arc};

use askama::Template;
use axum::{
    extract::{Path, Query, Request},
    http::header,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use tokio::task::spawn_blocking;
use uuid::Uuid;

use super::{
    Import, ImportState, Outcome, RowProblem, TOO_LARGE,
    actions::{MapImport, PreviewImport, Previewed, RunImport, UndoImport, read_upload},
    data::{self, Asked, RowResult, UndoPlan},
    dates::{DateOrder, parse_date},
    reading::{self, Sample},
    square::DateQuestion,
    stored,
};
use platform::{
    action::Meta,
    error::{Error, FieldErrors, Result},
    ids::ImportId,
    query,
    tenant::{Read, Write},
};
use ui::Form;

/// Rows per page.
const PAGE: i64 = 50;

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
    form: Form,
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
    ui::page(&list(&mut read, asked, Form::default()).await?)
}

async fn list(read: &mut Read, asked: ListQuery, form: Form) -> Result<Index> {
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
        .sub("Bring your customers from anywhere, and services and history from Square.")
        .back("/settings", "Settings");
    Ok(Index { head, imports, state: asked.state, search: asked.search, next, first, kept: 0, form })
}

/// `POST /imports`: stores one or more files; each becomes an import to preview.
pub async fn upload(write: Write, request: Request) -> Result<Response> {
    let mut sent = Upload::begin(request).await?;
    let (mut errors, mut made) = (FieldErrors::default(), Vec::new());
    for n in 0.. {
        // One file at a time is held.
        let Some((name, bytes)) = sent.next().await? else { break };
        let meta = Meta { key: sent.meta.key.as_ref().map(|k| format!("{k}:{n}")), ..sent.meta.clone() };
        let mut form = Form::default();
        match form.settle(bring(&write, &meta, &name, bytes).await)? {
            Some(previewed) => made.push(previewed.id),
            None => {
                let words = form.errors.0.iter().map(|e| &e.message).chain(Some(&form.notice).filter(|n| !n.is_empty()));
                words.for_each(|words| errors.add("file", format!("{name}: {words}")));
            }
        }
    }
    if errors.is_empty() && made.is_empty() {
        errors.add("file", "Choose a CSV file.");
    }
    let kept = made.len();
    match (errors.is_empty(), made.as_slice()) {
        (true, [one]) => Ok(ui::redirect(&format!("/imports/{one}"), "")),
        (true, many) => Ok(ui::redirect("/imports", &format!("{} files read. Look at each and run it.", many.len()))),
        (false, _) => {
            let mut form = Form::default();
            form.settle::<()>(Err(errors.into()))?;
            form.again(&write, async |r, form| Ok(Index { kept, ..list(r, ListQuery::default(), form).await? })).await
        }
    }
}

/// Reads one file before the transaction that stores it begins.
async fn bring(write: &Write, meta: &Meta, name: &str, bytes: Option<Vec<u8>>) -> Result<Previewed> {
    let bytes = bytes.ok_or_else(|| FieldErrors::one("file", TOO_LARGE))?;
    let kept = read_upload(bytes, None, &write.who).await?;
    let sha256 = platform::secrets::hex(&kept.sha256);
    write.act(meta, PreviewImport { file_name: name.to_owned(), kept: Some(Arc::new(kept)), sha256, ..PreviewImport::default() }).await
}

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
    /// Whether the list says of nobody how to reach them, so that running it has to be confirmed.
    asks_for_reach: bool,
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
    form: Form,
}

impl Show {
    /// Formats a sample date as read in `order`, such as "10 May 2026".
    fn reads(sample: &str, order: DateOrder) -> String {
        parse_date(sample, Some(order)).map_or_else(|| "not a date".into(), |d| d.format("%-d %B %Y").to_string())
    }

    fn samples(question: &DateQuestion, order: DateOrder) -> String {
        let read: Vec<String> = question.samples.iter().map(|s| format!("{s} is {}", Self::reads(s, order))).collect();
        read.join(", ")
    }

    fn reach(&self) -> ui::Field {
        self.form.check("without_reach", "Run it all the same")
    }

    fn question(&self, question: &DateQuestion) -> ui::Field {
        let name = question.field();
        let choice = |value, label, order| ui::Choice::new(value, label).hint(Self::samples(question, order));
        self.form.radios(&name, format!("How are dates written in “{}”?", question.column)).choices(&[
            choice("month_first", "Month first (as in the United States)", DateOrder::MonthFirst),
            choice("day_first", "Day first", DateOrder::DayFirst),
        ])
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
    let page = one(&mut read, id, asked, Form::default()).await?;
    Ok(ui::again_in(page.import.state.is_busy().then_some(2), ui::page(&page)?))
}

async fn one(read: &mut Read, id: ImportId, asked: RowsQuery, form: Form) -> Result<Show> {
    let import = data::import(read.db(), id).await?;
    let outcome = Outcome::ALL.into_iter().find(|o| o.name() == asked.outcome).map(Outcome::name);
    let mut rows = data::rows(read.db(), id, outcome, asked.after, PAGE + 1).await?;
    let link = |after: i32| format!("/imports/{id}?outcome={}&after={after}", asked.outcome);
    let has_more = rows.len() > usize::try_from(PAGE).unwrap_or(usize::MAX);
    rows.truncate(usize::try_from(PAGE).unwrap_or(usize::MAX));
    let next = rows.last().filter(|_| has_more).map(|r| link(r.line));
    let undo = if import.state.can_undo() { Some(data::undo_plan(read.db(), id).await?) } else { None };
    let twin = if import.state == ImportState::Previewed { data::twin(read.db(), id).await? } else { None };
    let preview = if import.state.can_run() { preview(read, &import, &form).await? } else { None };
    let head = ui::Head::of(read, "settings").title(import.label()).sub(import.file_name.clone()).back("/imports", "Import");
    let first = (asked.after > 0).then(|| link(0));
    Ok(Show { head, import, preview, twin, rows, outcome: asked.outcome, next, first, undo, form })
}

async fn preview(read: &mut Read, import: &Import, form: &Form) -> Result<Option<Preview>> {
    // A file that can't be read any more has no preview; only its rows are shown.
    let Ok(reading) = stored(read, import).await else { return Ok(None) };
    Ok(Some(Preview {
        columns: columns::of(&reading, import, form),
        plan: reading.plan(),
        samples: reading.samples(8),
        taken_count: reading.total.saturating_sub(reading.refused_count),
        refused_count: reading.refused_count,
        warnings_count: reading.warnings_count,
        asks_for_reach: reading.reaches_nobody(),
        questions: reading.questions().to_vec(),
        refused: reading.refused,
        warnings: reading.warnings,
    }))
}

/// `POST /imports/{id}/columns`: changes the column mapping and shows the new preview.
pub async fn map(write: Write, Path(id): Path<ImportId>, form: Form) -> Result<Response> {
    let named = |name: &str| form.some(name).map(str::to_owned);
    let action = MapImport { import_id: id, kind: named("kind"), columns: columns::chosen(&form), encoding: named("encoding") };
    let done = |_| ui::redirect(&format!("/imports/{id}"), "This is how the file reads now.");
    form.run(&write, Some(action), done, async |r, form| one(r, id, RowsQuery::default(), form).await).await
}

/// `POST /imports/{id}/run`
pub async fn run(write: Write, Path(id): Path<ImportId>, mut form: Form) -> Result<Response> {
    let mut read = write.read().await?;
    let import = data::import(read.db(), id).await?;
    let preview = if import.state == ImportState::Previewed { preview(&mut read, &import, &Form::default()).await? } else { None };
    drop(read);
    let mut date_orders = BTreeMap::new();
    let without_reach = form.has("without_reach");
    if let Some(preview) = preview {
        if preview.columns.differ(&form) {
            form.errors.add("columns", "You changed columns: look at how the file reads with them first.");
        }
        let answer = |q: &DateQuestion| Some((q.column.clone(), order(form.get(&q.field()))?));
        date_orders = preview.questions.iter().filter_map(answer).collect();
    }
    let action = RunImport { import_id: id, date_orders, date_order: None, without_reach };
    let done = |_| ui::redirect(&format!("/imports/{id}"), "The import is under way. You may leave this page.");
    form.run(&write, Some(action), done, async |r, form| one(r, id, RowsQuery::default(), form).await).await
}

fn order(typed: &str) -> Option<DateOrder> {
    match typed {
        "month_first" => Some(DateOrder::MonthFirst),
        "day_first" => Some(DateOrder::DayFirst),
        _ => None,
    }
}

/// `POST /imports/{id}/undo`
pub async fn undo(write: Write, Path(id): Path<ImportId>, form: Form) -> Result<Response> {
    write.act(&form.meta, UndoImport { import_id: id }).await?;
    Ok(ui::redirect(&format!("/imports/{id}"), "The import is being taken back."))
}

/// `GET /imports/{id}/refused.csv`: the refused rows with their reasons, to correct and upload again.
pub async fn refused(mut read: Read, Path(id): Path<ImportId>) -> Result<Response> {
    let import = data::import(read.db(), id).await?;
    let text = data::text(read.db(), import.file_id).await?;
    let rows = data::rows(read.db(), id, Some(Outcome::Refused.name()), 0, i64::from(i32::MAX)).await?;
    let reasons: BTreeMap<u64, String> = rows.into_iter().filter_map(|r| Some((u64::try_from(r.line).ok()?, r.reason))).collect();
    let text = import.choices.decoded(text);
    let text = spawn_blocking(move || reading::refused_csv(text, &reasons)).await.map_err(Error::internal)?.map_err(Error::conflict)?;
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"refused.csv\""),
        (header::CACHE_CONTROL, "private, no-cache"),
    ];
    Ok((headers, text).into_response())
}
