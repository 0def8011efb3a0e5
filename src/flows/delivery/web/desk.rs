//! `/messages`: the list with failures first, and one message as it will be, or was, sent.

use askama::Template;
use axum::{
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::super::{
    actions::MarkMessageSent,
    render::{self, Rendering},
};
use customers::contacts;
use messages::outbox::{
    Channel, MessageKind, MessageState,
    actions::{CancelMessage, Claimed, DoneByHand, RetryMessage, SendNow, UpdateMessage},
    data::{self, Message, Row},
};
use platform::{
    action::Action,
    app::App,
    error::{Error, FieldErrors, Result},
    form::{Posted, percent_encode},
    ids::MessageId,
    links,
    localtime::{parse_date, parse_time, to_utc},
    query::{DEFAULT_LIMIT, Params, next_cursor},
    role::Permission,
    tenant::{Read, Write},
};

#[derive(Template)]
#[template(path = "messages/index.html")]
struct Index {
    head: ui::Head,
    rows: Vec<Row>,
    asked: Asked,
    kinds: Vec<ui::Choice>,
    next: Option<String>,
    first: Option<String>,
    can_send: bool,
}

/// The list's filters, as typed.
#[derive(Debug, Default, Deserialize)]
pub struct Asked {
    #[serde(default)]
    search: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    contact_id: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    until: String,
    #[serde(default)]
    cursor: String,
}

impl Asked {
    fn fields(&self) -> [(&'static str, &str); 6] {
        [
            ("search", &self.search),
            ("state", &self.state),
            ("kind", &self.kind),
            ("contact_id", &self.contact_id),
            ("from", &self.from),
            ("until", &self.until),
        ]
    }

    /// Returns the list's path with the same filters and another cursor.
    fn href(&self, cursor: &str) -> String {
        let fields = self.fields().into_iter().chain([("cursor", cursor)]).filter(|(_, v)| !v.is_empty());
        let query = fields.map(|(k, v)| format!("{k}={}", percent_encode(v))).collect::<Vec<_>>().join("&");
        format!("/messages?{query}")
    }

    fn params(&self) -> Params {
        let filters = self.fields().into_iter().filter(|(k, v)| *k != "search" && !v.is_empty());
        Params {
            search: (!self.search.trim().is_empty()).then(|| self.search.clone()),
            cursor: (!self.cursor.is_empty()).then(|| self.cursor.clone()),
            filters: filters.map(|(k, v)| (k.to_owned(), v.to_owned())).collect(),
            limit: DEFAULT_LIMIT,
            ..Params::default()
        }
    }
}

/// `GET /messages`
pub async fn index(mut read: Read, Query(asked): Query<Asked>) -> Result<Response> {
    let who = read.who.clone();
    let params = asked.params();
    let filter = data::filter_of(&who, &params)?;
    let mut rows = data::list(read.db(), &who, &filter, params.after()?, params.limit).await?;
    let next = next_cursor(&mut rows, params.limit, data::place)?.map(|c| asked.href(&c));
    let kinds =
        std::iter::once(ui::Choice::new("", "All kinds")).chain(MessageKind::ALL.iter().map(|k| ui::Choice::new(k.name(), k.word())));
    let page = Index {
        head: ui::Head::of(&read, "messages").title("Messages"),
        rows,
        kinds: kinds.collect(),
        next,
        first: (!asked.cursor.is_empty()).then(|| asked.href("")),
        asked,
        can_send: who.can(Permission::Send),
    };
    Ok(ui::page(&page)?.into_response())
}

#[derive(Template)]
#[template(path = "messages/show.html")]
struct Show {
    head: ui::Head,
    m: Message,
    /// Subject and text as sent, or as they would be sent now.
    subject: String,
    text: String,
    /// Why it would not be sent now.
    obstacle: Option<String>,
    about: Option<(String, &'static str)>,
    /// The customer's phone number, if a person is to call or text.
    phone: Option<String>,
    /// The business's country, which decides how the number is written.
    country: String,
    can: Vec<&'static str>,
    form: Edit,
    errors: FieldErrors,
    /// Whether someone else saved meanwhile: then the page shows their version and the form keeps the typed one.
    is_stale: bool,
}

impl Show {
    fn may(&self, action: &str) -> bool {
        self.can.contains(&action)
    }
}

/// The form's fields; date and time are in the business's time zone.
#[derive(Debug, Default, Deserialize)]
pub struct Edit {
    #[serde(default)]
    subject: String,
    #[serde(default)]
    body: String,
    #[serde(default)]
    date: String,
    #[serde(default)]
    time: String,
}

/// `GET /messages/{id}`
pub async fn show(State(app): State<App>, mut read: Read, Path(id): Path<MessageId>) -> Result<Response> {
    Ok(ui::page(&page(&mut read, &app, id, None, FieldErrors::default(), false).await?)?.into_response())
}

async fn page(read: &mut Read, app: &App, id: MessageId, typed: Option<Edit>, errors: FieldErrors, is_stale: bool) -> Result<Show> {
    let who = read.who.clone();
    let m = data::message(read.db(), &who, id).await?;
    let (subject, text, obstacle) = match (&m.rendered_subject, &m.rendered_text) {
        (Some(subject), Some(text)) => (subject.clone(), text.clone(), None),
        _ => preview(read, app, &m).await?,
    };
    let form = match typed {
        Some(typed) => typed,
        None => words_of(read, &m).await?,
    };
    let phone = match (m.row.channel, m.row.contact_id) {
        (Channel::Phone, Some(id)) => contacts::data::summary(read.db(), id).await?.phone,
        _ => None,
    };
    let about = match m.row.subject_kind.as_str() {
        "ticket" => Some((format!("/tickets/{}", m.row.subject_id), "The visit")),
        "invoice" => Some((format!("/invoices/{}", m.row.subject_id), "The invoice")),
        _ => None,
    };
    Ok(Show {
        head: ui::Head::of(read, "messages")
            .title(m.row.kind.word())
            .sub(m.row.contact_name.clone().or_else(|| m.row.to_address.clone()).unwrap_or_default())
            .back("/messages", "Messages"),
        subject,
        text,
        obstacle,
        about,
        phone,
        country: read.who.country.clone(),
        can: data::allowed_actions(&who, m.row.state),
        form,
        errors,
        is_stale,
        m,
    })
}

/// Returns the form's initial values: this message's own text, else the template's subject and, for a reach-out, its body.
async fn words_of(read: &mut Read, m: &Message) -> Result<Edit> {
    let template = messages::outbox::templates::of(read.db(), m.row.kind).await?;
    let body = if m.row.kind == MessageKind::ReachOut { template.body } else { String::new() };
    let zone = read.who.zone;
    Ok(Edit {
        subject: m.custom_subject.clone().unwrap_or(template.subject),
        body: m.custom_body.clone().unwrap_or(body),
        date: ui::format::input_date(m.row.send_at, zone),
        time: ui::format::input_time(m.row.send_at, zone),
    })
}

async fn preview(read: &mut Read, app: &App, m: &Message) -> Result<(String, String, Option<String>)> {
    let mut claimed = Claimed {
        id: m.row.id,
        kind: m.row.kind,
        contact_id: m.row.contact_id,
        to_address: m.row.to_address.clone(),
        subject_kind: m.row.subject_kind.clone(),
        subject_id: m.row.subject_id,
        custom_subject: m.custom_subject.clone(),
        custom_body: m.custom_body.clone(),
        rfc_message_id: String::new(),
        sequence: m.sequence,
        link: None,
    };
    // A member who may not send must not see the customer's link: it answers for the customer.
    if let Some((kind, subject)) = claimed.link_of().filter(|_| read.who.can(Permission::Send)) {
        claimed.link = links::live(read, kind, subject).await?;
    }
    Ok(match render::message(read, app, &claimed).await {
        Ok(Rendering::Ready(letter)) => (letter.words.subject.clone(), letter.text()?, None),
        Ok(Rendering::Drop(why) | Rendering::Refuse(why)) => (m.row.subject.clone().unwrap_or_default(), String::new(), Some(why)),
        Err(Error::NotFound) => (m.row.subject.clone().unwrap_or_default(), String::new(), Some("What it is about is gone.".into())),
        Err(e) => return Err(e),
    })
}

/// `POST /messages/{id}`
pub async fn update(write: Write, Path(id): Path<MessageId>, form: Posted<Edit>) -> Result<Response> {
    let typed = form.value;
    let send_at = match moment(&write, &typed.date, &typed.time) {
        Ok(at) => at,
        Err(e) => return again(&write, id, typed, e).await,
    };
    let update = UpdateMessage { id, subject: Some(typed.subject.clone()), body: Some(typed.body.clone()), send_at: Some(send_at) };
    match write.act(&form.meta, update).await {
        Ok(_) => Ok(ui::redirect(&format!("/messages/{id}"), "Saved")),
        Err(e @ (Error::Invalid(_) | Error::Conflict { .. })) => again(&write, id, typed, e).await,
        Err(e) => Err(e),
    }
}

/// Reads a date and a time in the business's time zone.
pub(super) fn moment(write: &Write, date: &str, time: &str) -> Result<DateTime<Utc>> {
    let mut errors = FieldErrors::default();
    let date = parse_date(date).map_err(|e| errors.add("date", e)).ok();
    let time = parse_time(time).map_err(|e| errors.add("time", e)).ok();
    match (date, time) {
        (Some(date), Some(time)) => Ok(to_utc(date, time, write.who.zone)),
        _ => Err(Error::Invalid(errors)),
    }
}

async fn again(write: &Write, id: MessageId, typed: Edit, why: Error) -> Result<Response> {
    let mut read = write.read().await?;
    let (status, errors, is_stale) = match why {
        Error::Invalid(errors) => (StatusCode::UNPROCESSABLE_ENTITY, errors, false),
        other => {
            let mut errors = FieldErrors::default();
            errors.add("", other.message());
            (StatusCode::CONFLICT, errors, true)
        }
    };
    let page = page(&mut read, write.app(), id, Some(typed), errors, is_stale).await?;
    Ok(ui::with_status(status, &page)?.into_response())
}

/// A form with nothing but its hidden fields.
#[derive(Debug, Deserialize)]
pub struct Nothing {}

/// The page that sent the form: home, else the message's own.
#[derive(Debug, Deserialize)]
pub struct Back {
    #[serde(default)]
    home: bool,
}

impl Back {
    fn href(&self, id: MessageId) -> String {
        if self.home { "/".into() } else { format!("/messages/{id}") }
    }
}

/// `POST /messages/{id}/cancel`
pub async fn cancel(write: Write, Path(id): Path<MessageId>, form: Posted<Back>) -> Result<Response> {
    write.act(&form.meta, CancelMessage { id }).await?;
    Ok(ui::redirect(&form.value.href(id), "Taken back"))
}

/// `POST /messages/{id}/done`
pub async fn told(write: Write, Path(id): Path<MessageId>, form: Posted<Back>) -> Result<Response> {
    write.act(&form.meta, DoneByHand { id }).await?;
    Ok(ui::redirect(&form.value.href(id), "Done"))
}

/// `POST /messages/{id}/send`
pub async fn send_now(write: Write, Path(id): Path<MessageId>, form: Posted<Nothing>) -> Result<Response> {
    done(&write, form, SendNow { id }, id, "On its way").await
}

/// `POST /messages/{id}/retry`
pub async fn retry(write: Write, Path(id): Path<MessageId>, form: Posted<Nothing>) -> Result<Response> {
    done(&write, form, RetryMessage { id }, id, "Sending again").await
}

/// `POST /messages/{id}/sent`
pub async fn mark_sent(write: Write, Path(id): Path<MessageId>, form: Posted<Nothing>) -> Result<Response> {
    done(&write, form, MarkMessageSent { id }, id, "Marked as sent").await
}

async fn done<A: Action>(write: &Write, form: Posted<Nothing>, action: A, id: MessageId, words: &str) -> Result<Response> {
    write.act(&form.meta, action).await?;
    Ok(ui::redirect(&format!("/messages/{id}"), words))
}
