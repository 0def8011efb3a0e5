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
    error::{Error, Result},
    ids::ContactId,
    tenant::{Read, Write},
};
use ui::Form;

#[derive(Template)]
#[template(path = "messages/new.html")]
struct New {
    head: ui::Head,
    form: Form,
    variables: Vec<(&'static str, &'static str)>,
    /// Whether the form asks for the basis of consent, since the customer was never asked.
    asks_basis: bool,
    /// Whether a person will call or text, since there is no email address yet.
    by_phone: bool,
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
    let form = Form::default()
        .with("contact_id", contact.0)
        .with("subject", template.subject)
        .with("body", template.body)
        .with("date", in_half_a_year)
        .with("time", "09:00");
    Ok(ui::page(&page(&mut read, form).await?)?.into_response())
}

async fn page(read: &mut Read, mut form: Form) -> Result<New> {
    // The page's visible field for the customer.
    form.errors.rename(|field| if field == "contact_id" { "customer".to_owned() } else { field.to_owned() });
    let mut by_phone = false;
    let mut asks_basis = form.errors.of("consent_basis").is_some();
    if let Some(id) = form.parsed::<ContactId>("contact_id") {
        let who = read.who.clone();
        contacts::data::visible(read.db(), &who, id).await?;
        let contact = contacts::data::summary(read.db(), id).await?;
        asks_basis |= contact.email_consent.is_none();
        by_phone = contact.email.is_none();
        form.set("customer", contact.name);
    }
    Ok(New {
        head: ui::Head::of(read, "messages").title("Reach out").back("/messages", "Messages"),
        form,
        variables: templates::variables(MessageKind::ReachOut),
        asks_basis,
        by_phone,
    })
}

/// `POST /messages`
pub async fn create(write: Write, mut form: Form) -> Result<Response> {
    let contact_id = form.must("contact_id", |id| id.parse().map_err(|_| "Choose a customer from the list, or start on their page."));
    let plan = contact_id.zip(moment(&mut form, write.who.zone)).map(|(contact_id, send_at)| ScheduleMessage {
        id: None,
        contact_id,
        ticket_id: None,
        subject: Some(form.raw("subject").to_owned()),
        body: Some(form.raw("body").to_owned()),
        send_at,
        consent_basis: Some(form.owned("consent_basis")),
    });
    form.run(&write, plan, |id| ui::redirect(&format!("/messages/{id}"), "Planned"), async |r, form| page(r, form).await).await
}
