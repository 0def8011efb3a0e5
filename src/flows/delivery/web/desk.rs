//! `/messages`: the list with failures first, and one message as it will be, or was, sent.

use askama::Template;
use axum::{
    extract::{Path, Query, State},
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
    error::{Error, Result},
    form::percent_encode,
    ids::MessageId,
    links,
    localtime::{parse_date, parse_time, to_utc},
    query::{DEFAULT_LIMIT, Params, next_cursor},
    role::Permission,
    tenant::{Read, Write},
};
use ui::Form;

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
    /// Date and time are in the business's time zone.
    form: Form,
}

impl Show {
    fn may(&self, action: &str) -> bool {
        self.can.contains(&action)
    }
}

/// The fields compared with what others saved meanwhile.
const LABELS: [(&str, &str); 4] = [("subject", "Subject"), ("body", "Text"), ("date", "Day"), ("time", "Time")];

/// `GET /messages/{id}`
pub async fn show(State(app): State<App>, mut read: Read, Path(id): Path<MessageId>) -> Result<Response> {
    Ok(ui::page(&page(&mut read, &app, id, None).await?)?.into_response())
}

/// The message's page; `refused` is the form of it that was refused.
async fn page(read: &mut Read, app: &App, id: MessageId, refused: Option<Form>) -> Result<Show> {
    let who = read.who.clone();
    let m = data::message(read.db(), &who, id).await?;
    let (subject, text, obstacle) = match (&m.rendered_subject, &m.rendered_text) {
        (Some(subject), Some(text)) => (subject.clone(), text.clone(), None),
        _ => preview(read, app, &m).await?,
    };
    let form = Form::editing(words_of(read, &m).await?, refused, &LABELS);
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
        m,
    })
}

/// Returns the form's initial values: this message's own text, else the template's subject and, for a reach-out, its body.
async fn words_of(read: &mut Read, m: &Message) -> Result<Form> {
    let template = messages::outbox::templates::of(read.db(), m.row.kind).await?;
    let body = if m.row.kind == MessageKind::ReachOut { template.body } else { String::new() };
    let zone = read.who.zone;
    Ok(Form::default()
        .version(m.row.version)
        .with("subject", m.custom_subject.clone().unwrap_or(template.subject))
        .with("body", m.custom_body.clone().unwrap_or(body))
        .with("date", ui::format::input_date(m.row.send_at, zone))
        .with("time", ui::format::input_time(m.row.send_at, zone)))
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
pub async fn update(write: Write, Path(id): Path<MessageId>, mut form: Form) -> Result<Response> {
    let send_at = moment(&mut form, write.who.zone);
    let (subject, body) = (Some(form.raw("subject").to_owned()), Some(form.raw("body").to_owned()));
    let action = UpdateMessage { id, subject, body, send_at };
    let done = |_| ui::redirect(&format!("/messages/{id}"), "Saved");
    form.run(&write, Some(action), done, async |r, form| page(r, write.app(), id, Some(form)).await).await
}

/// Reads `date` and `time` in the time zone `zone`; `None` with field errors.
pub(super) fn moment(form: &mut Form, zone: chrono_tz::Tz) -> Option<DateTime<Utc>> {
    let (date, time) = (form.must("date", parse_date), form.must("time", parse_time));
    Some(to_utc(date?, time?, zone))
}

/// The page that sent the form: home, else the message's own.
fn back(form: &Form, id: MessageId) -> String {
    if form.is_on("home") { "/".into() } else { format!("/messages/{id}") }
}

/// `POST /messages/{id}/cancel`
pub async fn cancel(write: Write, Path(id): Path<MessageId>, form: Form) -> Result<Response> {
    write.act(&form.meta, CancelMessage { id }).await?;
    Ok(ui::redirect(&back(&form, id), "Taken back"))
}

/// `POST /messages/{id}/done`
pub async fn told(write: Write, Path(id): Path<MessageId>, form: Form) -> Result<Response> {
    write.act(&form.meta, DoneByHand { id }).await?;
    Ok(ui::redirect(&back(&form, id), "Done"))
}

/// `POST /messages/{id}/send`
pub async fn send_now(write: Write, Path(id): Path<MessageId>, form: Form) -> Result<Response> {
    done(&write, form, SendNow { id }, id, "On its way").await
}

/// `POST /messages/{id}/retry`
pub async fn retry(write: Write, Path(id): Path<MessageId>, form: Form) -> Result<Response> {
    done(&write, form, RetryMessage { id }, id, "Sending again").await
}

/// `POST /messages/{id}/sent`
pub async fn mark_sent(write: Write, Path(id): Path<MessageId>, form: Form) -> Result<Response> {
    done(&write, form, MarkMessageSent { id }, id, "Marked as sent").await
}

async fn done<A: Action>(write: &Write, form: Form, action: A, id: MessageId, words: &str) -> Result<Response> {
    write.act(&form.meta, action).await?;
    Ok(ui::redirect(&format!("/messages/{id}"), words))
}
