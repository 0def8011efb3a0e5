//! `/tickets/{id}/confirmation`: asking by mail, paper, QR code or text message, and recording an answer that came another way.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use super::super::{
    actions::{Ask, RenewLink},
    words,
};
use customers::contacts;
use messages::outbox::data::{self as outbox, Filter, Letterhead, Row, letterhead};
use platform::{
    app::App,
    error::{Error, FieldErrors, Result},
    form::Posted,
    ids::TicketId,
    links::{self, LinkKind},
    money::Currency,
    qr,
    role::Permission,
    tenant::{Read, Write},
};
use ui::format;
use work::tickets::{
    self, Answer, Confirmation, TicketState,
    actions::{Channel, RecordAnswer, answers_until},
    data::{AnswerRow, Ticket},
};

#[derive(Template)]
#[template(path = "confirm/desk.html")]
struct Desk {
    head: ui::Head,
    ticket: Ticket,
    tone: ui::Tone,
    email: Option<String>,
    phone: Option<String>,
    /// The customer's page, once there is one.
    url: Option<String>,
    /// SVG of our own making.
    qr_svg: String,
    /// Opens the phone's messages with the text ready.
    sms: Option<String>,
    messages: Vec<Row>,
    answers: Vec<AnswerRow>,
    can_ask: bool,
    /// The link answers for the customer: only those who may send get to see it.
    may_send: bool,
    /// Too close for an answer by link.
    is_late: bool,
    can_record: bool,
    form: RecordForm,
    errors: FieldErrors,
}

/// How a confirmation looks in lists and on pages.
pub fn tone(confirmation: Confirmation) -> ui::Tone {
    match confirmation {
        Confirmation::Accepted => ui::Tone::Good,
        Confirmation::Asked | Confirmation::NotAsked => ui::Tone::Wait,
        Confirmation::Declined | Confirmation::ChangeRequested => ui::Tone::Bad,
    }
}

/// `GET /tickets/{id}/confirmation`
pub async fn show(State(app): State<App>, mut read: Read, Path(id): Path<TicketId>) -> Result<Response> {
    let desk = desk(&mut read, &app, id, RecordForm::default(), FieldErrors::default()).await?;
    Ok(ui::page(&desk)?.into_response())
}

async fn desk(read: &mut Read, app: &App, id: TicketId, form: RecordForm, errors: FieldErrors) -> Result<Desk> {
    let who = read.who.clone();
    let ticket = tickets::data::visible_ticket(read.db(), &who, id).await?;
    let contact = contacts::data::summary(read.db(), ticket.contact_id).await?;
    let may_send = who.can(Permission::Send);
    let url = if may_send { url(read, app, id).await? } else { None };
    let is_late = who.now >= answers_until(&ticket);
    let qr_svg = url.as_deref().and_then(|u| qr::svg(u, "Opens the customer's page").ok()).unwrap_or_default();
    let when = words::when(&ticket);
    let please = if is_late { "Please tell us if it does not suit you" } else { "Please confirm here" };
    let text = url.as_deref().map(|u| format!("{}: {when}. {please}: {u}", who.org_name)).unwrap_or_default();
    let filter = Filter { subject: Some(id.0), ..Filter::default() };
    let is_open = ticket.state == TicketState::Scheduled;
    let number = ticket.number;
    Ok(Desk {
        head: ui::Head::of(read, "calendar")
            .title("Confirmation")
            .sub(format!("{} · {when}", contact.name))
            .back(format!("/tickets/{id}"), format!("T-{number}")),
        tone: tone(ticket.confirmation),
        email: contact.email,
        sms: contact.phone.as_deref().map(|p| format::sms(p, &text)),
        phone: contact.phone,
        url,
        qr_svg,
        messages: outbox::list(read.db(), &who, &filter, None, 20).await?,
        answers: tickets::data::answers(read.db(), id).await?,
        can_ask: is_open && ticket.starts_at > who.now && may_send,
        may_send,
        is_late,
        can_record: is_open && who.can(Permission::WriteRecords),
        ticket,
        form,
        errors,
    })
}

async fn url(read: &mut Read, app: &App, id: TicketId) -> Result<Option<String>> {
    let link = links::live(read, LinkKind::Confirm, id.0).await?;
    Ok(link.map(|l| links::url(app, LinkKind::Confirm, l)))
}

#[derive(Debug, Deserialize)]
pub struct AskForm {
    /// Only the link, no mail.
    #[serde(default)]
    link_only: bool,
    #[serde(default)]
    message: String,
}

/// `POST /tickets/{id}/confirmation/ask`
pub async fn ask(write: Write, Path(id): Path<TicketId>, form: Posted<AskForm>) -> Result<Response> {
    let ask = Ask { ticket_id: id, link_only: form.value.link_only, message: form.value.message };
    let asked = match write.act(&form.meta, ask).await {
        Ok(asked) => asked,
        Err(e @ Error::Invalid(_)) => return again(&write, id, RecordForm::default(), e).await,
        Err(e) => return Err(e),
    };
    let words = match (asked.message_id, form.value.link_only) {
        (Some(_), _) => "The customer is asked by mail",
        (None, true) => "The link is ready",
        (None, false) => "The link is ready. There is no email address: print it, show it or text it",
    };
    Ok(ui::redirect(&format!("/tickets/{id}/confirmation"), words))
}

#[derive(Debug, Default, Deserialize)]
pub struct RecordForm {
    #[serde(default)]
    answer: String,
    #[serde(default)]
    channel: String,
    #[serde(default)]
    wish: String,
}

/// `POST /tickets/{id}/confirmation/record`
pub async fn record(write: Write, Path(id): Path<TicketId>, form: Posted<RecordForm>) -> Result<Response> {
    let typed = form.value;
    let mut errors = FieldErrors::default();
    let answer = match typed.answer.as_str() {
        "accepted" => Some(Answer::Accepted),
        "declined" => Some(Answer::Declined),
        "change_requested" => Some(Answer::ChangeRequested),
        _ => {
            errors.add("answer", "What did the customer say?");
            None
        }
    };
    let channel = match typed.channel.as_str() {
        "phone" => Some(Channel::Phone),
        "email" => Some(Channel::Email),
        "in_person" => Some(Channel::InPerson),
        _ => {
            errors.add("channel", "How did they say it?");
            None
        }
    };
    let (Some(answer), Some(channel)) = (answer, channel) else { return again(&write, id, typed, Error::Invalid(errors)).await };
    let record = RecordAnswer { ticket_id: id, answer, channel, wish: typed.wish.clone() };
    match write.act(&form.meta, record).await {
        Ok(_) => Ok(ui::redirect(&format!("/tickets/{id}/confirmation"), "Answer recorded")),
        Err(e @ Error::Invalid(_)) => again(&write, id, typed, e).await,
        Err(e) => Err(e),
    }
}

async fn again(write: &Write, id: TicketId, typed: RecordForm, why: Error) -> Result<Response> {
    let Error::Invalid(errors) = why else { return Err(why) };
    let mut read = write.read().await?;
    Ok(ui::invalid(&desk(&mut read, write.app(), id, typed, errors).await?)?.into_response())
}

/// `POST /tickets/{id}/confirmation/renew`
pub async fn renew(write: Write, Path(id): Path<TicketId>, form: Posted<Nothing>) -> Result<Response> {
    write.act(&form.meta, RenewLink { ticket_id: id }).await?;
    Ok(ui::redirect(&format!("/tickets/{id}/confirmation"), "New link made; the old one is dead"))
}

/// A form with nothing but its hidden fields.
#[derive(Debug, Deserialize)]
pub struct Nothing {}

#[derive(Template)]
#[template(path = "confirm/print.html")]
struct Print {
    office: Letterhead,
    name: String,
    when: String,
    address: String,
    services: Vec<String>,
    price: String,
    url: String,
    qr_svg: String,
}

/// `GET /tickets/{id}/confirmation/print`: a sheet for the letter box.
pub async fn print(State(app): State<App>, mut read: Read, Path(id): Path<TicketId>) -> Result<Response> {
    let who = read.who.clone();
    let ticket = tickets::data::visible_ticket(read.db(), &who, id).await?;
    let lines = tickets::data::visible_lines(read.db(), &who, id).await?;
    let url = url(&mut read, &app, id).await?.ok_or(Error::NotFound)?;
    let price =
        if who.sees_prices() { words::price(&ticket, &lines, who.currency.parse().unwrap_or(Currency::USD)) } else { String::new() };
    let sheet = Print {
        office: letterhead(read.db()).await?,
        name: ticket.contact_name.clone(),
        when: words::when(&ticket),
        address: ticket.address.clone(),
        services: lines.iter().map(|l| l.description.clone()).collect(),
        price,
        qr_svg: qr::svg(&url, "Opens your appointment").map_err(Error::internal)?,
        url,
    };
    Ok(ui::page(&sheet)?.into_response())
}
