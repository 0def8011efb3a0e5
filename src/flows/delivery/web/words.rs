//! `/settings/messages`: the business's own templates, with a preview for a real customer.

use askama::Template;
use axum::{
    extract::{Path, Query},
    response::{IntoResponse, Response},
};
use chrono::Duration;
use serde::Deserialize;

use super::{super::render, desk::Nothing};
use customers::contacts;
use messages::outbox::{
    MessageKind,
    actions::{ResetTemplate, SetTemplate},
    data::letterhead,
    templates::{self, Vars},
};
use platform::{
    error::{Error, FieldErrors, Result},
    form::Posted,
    ids::ContactId,
    tenant::{Read, Write},
};
use work::tickets;

struct Entry {
    kind: MessageKind,
    subject: String,
    is_own: bool,
}

#[derive(Template)]
#[template(path = "messages/words.html")]
struct Index {
    head: ui::Head,
    entries: Vec<Entry>,
}

/// `GET /settings/messages`
pub async fn index(mut read: Read) -> Result<Response> {
    let mut entries = Vec::new();
    for kind in MessageKind::EDITABLE {
        let t = templates::of(read.db(), kind).await?;
        entries.push(Entry { kind, subject: t.subject, is_own: t.is_own });
    }
    let head = ui::Head::of(&read, "settings").title("Words of your messages").back("/settings", "Settings");
    Ok(ui::page(&Index { head, entries })?.into_response())
}

#[derive(Template)]
#[template(path = "messages/words_edit.html")]
struct Page {
    head: ui::Head,
    kind: MessageKind,
    form: Words,
    is_own: bool,
    variables: Vec<(&'static str, &'static str)>,
    /// The name of the preview's customer; `subject` and `text` are the preview.
    sample: String,
    subject: String,
    text: String,
    /// The preview's variables as JSON, for the script that updates it while the user types.
    vars: String,
    errors: FieldErrors,
}

#[derive(Debug, Default, Deserialize)]
pub struct Words {
    #[serde(default)]
    subject: String,
    #[serde(default)]
    body: String,
    /// "preview" to show the preview without saving.
    #[serde(default)]
    only: String,
    #[serde(default)]
    contact_id: String,
}

#[derive(Debug, Default, Deserialize)]
pub struct Asked {
    #[serde(default)]
    contact_id: String,
}

fn kind_of(name: &str) -> Result<MessageKind> {
    MessageKind::of_name(name).filter(|k| MessageKind::EDITABLE.contains(k)).ok_or(Error::NotFound)
}

/// `GET /settings/messages/{kind}`
pub async fn edit(mut read: Read, Path(kind): Path<String>, Query(asked): Query<Asked>) -> Result<Response> {
    let kind = kind_of(&kind)?;
    let t = templates::of(read.db(), kind).await?;
    let form = Words { subject: t.subject, body: t.body, only: String::new(), contact_id: asked.contact_id };
    Ok(ui::page(&page(&mut read, kind, form, FieldErrors::default()).await?)?.into_response())
}

async fn page(read: &mut Read, kind: MessageKind, form: Words, errors: FieldErrors) -> Result<Page> {
    let is_own = templates::of(read.db(), kind).await?.is_own;
    let (sample, vars) = sample(read, form.contact_id.parse().ok()).await?;
    Ok(Page {
        head: ui::Head::of(read, "settings").title(kind.word()).back("/settings/messages", "Words of your messages"),
        kind,
        is_own,
        variables: templates::variables(kind),
        subject: templates::render(&form.subject, &vars),
        text: templates::render(&form.body, &vars),
        vars: serde_json::to_string(&vars)?,
        sample,
        form,
        errors,
    })
}

/// Example values, for variables that the preview's customer has no value for.
const EXAMPLES: [(&str, &str); 6] = [
    ("business_phone", "(555) 010-0199"),
    ("custom_message", "Please leave the side gate unlocked."),
    ("appointment_time", "9:00–11:00"),
    ("appointment_address", "12 Oak Lane"),
    ("services", "Windows, inside and out"),
    ("last_services", "Windows, inside and out"),
];

/// Returns the name and the variables of a real customer: the one asked for, else that of the next visit, else of the last one. Amounts
/// and missing values are made up: every variable has a value, so that the preview is complete.
async fn sample(read: &mut Read, contact: Option<ContactId>) -> Result<(String, Vars)> {
    let who = read.who.clone();
    let (from, to) = (who.now - Duration::days(60), who.now + Duration::days(60));
    let visits = tickets::data::span(read.db(), &who, from, to, None).await?;
    let of_contact = |v: &&tickets::data::DayTicket| contact.is_none_or(|c| v.contact_id == c);
    let visit = visits.iter().filter(of_contact).find(|v| v.starts_at > who.now).or_else(|| visits.iter().rev().find(of_contact));
    let letterhead = letterhead(read.db()).await?;
    let contact = match contact.or(visit.map(|v| v.contact_id)) {
        Some(id) => Some(contacts::data::summary(read.db(), id).await?),
        None => None,
    };
    let mut vars = render::common_vars(&letterhead, contact.as_ref());
    if contact.is_none() {
        vars.extend([("customer_name", "Jane Smith".to_owned()), ("first_name", "Jane".to_owned())]);
    }
    if let Some(visit) = visit {
        let ticket = tickets::data::ticket(read.db(), visit.id).await?;
        let lines = tickets::data::lines(read.db(), visit.id).await?;
        vars.extend(crate::confirm::words::vars(&ticket, &lines, &who));
        vars.extend([("last_visit", ui::format::day_year(ticket.starts_at, ticket.zone())), ("last_services", visit.services.clone())]);
    }
    let money = who.currency;
    let amount = money.format(rust_decimal::Decimal::from(120));
    vars.extend([
        ("invoice_number", "INV-0107".to_owned()),
        ("invoice_total", amount.clone()),
        ("amount_due", amount.clone()),
        ("amount_paid", amount),
        ("due_date", ui::format::date(who.today() + Duration::days(14))),
        ("paid_on", ui::format::date(who.today())),
    ]);
    let made_up = [
        ("price", vars["invoice_total"].clone()),
        ("appointment_date", vars["due_date"].clone()),
        ("last_visit", ui::format::date(who.today() - Duration::days(182))),
    ];
    for (name, example) in EXAMPLES.map(|(name, example)| (name, example.to_owned())).into_iter().chain(made_up) {
        if vars.get(name).is_none_or(String::is_empty) {
            vars.insert(name, example);
        }
    }
    Ok((vars.get("customer_name").cloned().unwrap_or_default(), vars))
}

/// `POST /settings/messages/{kind}`
pub async fn save(write: Write, Path(kind): Path<String>, form: Posted<Words>) -> Result<Response> {
    let kind = kind_of(&kind)?;
    let typed = form.value;
    if typed.only == "preview" {
        let mut read = write.read().await?;
        let mut errors = FieldErrors::default();
        for (field, text) in [("subject", &typed.subject), ("body", &typed.body)] {
            if let Err(message) = templates::check(kind, text) {
                errors.add(field, message);
            }
        }
        let is_right = errors.is_empty();
        let page = page(&mut read, kind, typed, errors).await?;
        return Ok(if is_right { ui::page(&page)?.into_response() } else { ui::invalid(&page)?.into_response() });
    }
    let set = SetTemplate { kind, subject: typed.subject.clone(), body: typed.body.clone() };
    match write.act(&form.meta, set).await {
        Ok(_) => Ok(ui::redirect("/settings/messages", "Saved")),
        Err(Error::Invalid(errors)) => {
            let mut read = write.read().await?;
            Ok(ui::invalid(&page(&mut read, kind, typed, errors).await?)?.into_response())
        }
        Err(e) => Err(e),
    }
}

/// `POST /settings/messages/{kind}/reset`
pub async fn reset(write: Write, Path(kind): Path<String>, form: Posted<Nothing>) -> Result<Response> {
    write.act(&form.meta, ResetTemplate { kind: kind_of(&kind)? }).await?;
    Ok(ui::redirect("/settings/messages", "Back to our own words"))
}
