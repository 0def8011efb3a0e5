//! `/messages/new`: planning to reach out to a customer.

use askama::Template;
use axum::{
    extract::Query,
    response::{IntoResponse, Response},
};
use chrono::Months;
use serde::Deserialize;

use super::desk::moment;
use customers::contacts;
use messages::outbox::{MessageKind, actions::ScheduleMessage, templates};
use platform::{
    error::{Error, FieldErrors, Result},
    form::Posted,
    ids::ContactId,
    tenant::{Read, Write},
};

#[derive(Template)]
#[template(path = "messages/new.html")]
struct New {
    head: ui::Head,
    form: Plan,
    variables: Vec<(&'static str, &'static str)>,
    /// Whether the form asks for the basis of consent, since the customer was never asked.
    asks_basis: bool,
    /// Whether a person will call or text, since there is no email address yet.
    by_phone: bool,
    errors: FieldErrors,
}

#[derive(Debug, Default, Deserialize)]
pub struct Plan {
    #[serde(default)]
    contact_id: String,
    /// The customer's name, as picked or typed.
    #[serde(default)]
    customer: String,
    #[serde(default)]
    subject: String,
    #[serde(default)]
    body: String,
    #[serde(default)]
    date: String,
    #[serde(default)]
    time: String,
    #[serde(default)]
    consent_basis: String,
}

#[derive(Debug, Deserialize)]
pub struct Asked {
    /// Empty until a customer is chosen.
    #[serde(default)]
    contact_id: String,
    #[serde(default)]
    search: String,
}

/// `GET /messages/new`: the form for a customer; without `contact_id`, the search for one.
pub async fn new(mut read: Read, Query(asked): Query<Asked>) -> Result<Response> {
    if asked.contact_id.is_empty() {
        let head = ui::Head::of(&read, "messages").title("Reach out").sub("To whom?").back("/messages", "Messages");
        return Ok(contacts::web::pick(&mut read, head, "/messages/new", asked.search).await?.into_response());
    }
    let contact: ContactId = asked.contact_id.parse().map_err(|_| Error::NotFound)?;
    let template = templates::of(read.db(), MessageKind::ReachOut).await?;
    let in_half_a_year = read.who.today().checked_add_months(Months::new(6)).unwrap_or_else(|| read.who.today());
    let form = Plan {
        contact_id: contact.to_string(),
        subject: template.subject,
        body: template.body,
        date: in_half_a_year.to_string(),
        time: "09:00".into(),
        ..Plan::default()
    };
    Ok(ui::page(&page(&mut read, form, FieldErrors::default()).await?)?.into_response())
}

async fn page(read: &mut Read, mut form: Plan, errors: FieldErrors) -> Result<New> {
    let mut by_phone = false;
    let mut asks_basis = errors.of("consent_basis").is_some();
    if let Ok(id) = form.contact_id.parse::<ContactId>() {
        let who = read.who.clone();
        contacts::data::visible(read.db(), &who, id).await?;
        let contact = contacts::data::summary(read.db(), id).await?;
        asks_basis |= contact.email_consent.is_none();
        by_phone = contact.email.is_none();
        form.customer = contact.name;
    }
    Ok(New {
        head: ui::Head::of(read, "messages").title("Reach out").back("/messages", "Messages"),
        form,
        variables: templates::variables(MessageKind::ReachOut),
        asks_basis,
        by_phone,
        errors,
    })
}

/// `POST /messages`
pub async fn create(write: Write, form: Posted<Plan>) -> Result<Response> {
    let typed = form.value;
    let planned = async {
        let contact_id = typed
            .contact_id
            .parse()
            .map_err(|_| FieldErrors::one("customer", "Choose a customer from the list, or start on their page."))?;
        let plan = ScheduleMessage {
            id: None,
            contact_id,
            ticket_id: None,
            subject: Some(typed.subject.clone()),
            body: Some(typed.body.clone()),
            send_at: moment(&write, &typed.date, &typed.time)?,
            consent_basis: Some(typed.consent_basis.clone()),
        };
        write.act(&form.meta, plan).await
    };
    match planned.await {
        Ok(id) => Ok(ui::redirect(&format!("/messages/{id}"), "Planned")),
        Err(Error::Invalid(errors)) => {
            let mut read = write.read().await?;
            let errors = FieldErrors(errors.0.into_iter().map(customer_field).collect());
            Ok(ui::invalid(&page(&mut read, typed, errors).await?)?.into_response())
        }
        Err(e) => Err(e),
    }
}

/// Moves an error of `contact_id` to the page's visible field for the customer.
fn customer_field(mut e: platform::error::FieldError) -> platform::error::FieldError {
    if e.field == "contact_id" {
        e.field = "customer".into();
    }
    e
}
