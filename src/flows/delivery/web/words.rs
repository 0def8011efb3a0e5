//! `/settings/messages`: the business's own templates, with a preview for a real customer.

use askama::Template;
use axum::{
    extract::{Path, Query},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use chrono::Duration;
use serde::Deserialize;

use super::super::render;
use customers::contacts;
use messages::outbox::{
    MessageKind,
    actions::{ResetTemplate, SetTemplate},
    data::letterhead,
    templates::{self, Vars},
};
use platform::{
    error::{Error, Result},
    ids::ContactId,
    tenant::{Read, Write},
};
use ui::Form;
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
    let head = ui::Head::of(&read, "settings").title("Message templates").back("/settings", "Settings");
    Ok(ui::page(&Index { head, entries })?.into_response())
}

#[derive(Template)]
#[template(path = "messages/words_edit.html")]
struct Page {
    head: ui::Head,
    kind: MessageKind,
    form: Form,
    is_own: bool,
    variables: Vec<(&'static str, &'static str)>,
    /// The name of the preview's customer; `subject` and `text` are the preview.
    sample: String,
    subject: String,
    text: String,
    /// The preview's variables as JSON, for the script that updates it while the user types.
    vars: String,
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
    let form = Form::default().with("subject", t.subject).with("body", t.body).with("contact_id", asked.contact_id);
    Ok(ui::page(&page(&mut read, kind, form).await?)?.into_response())
}

async fn page(read: &mut Read, kind: MessageKind, form: Form) -> Result<Page> {
    let is_own = templates::of(read.db(), kind).await?.is_own;
    let (sample, vars) = sample(read, form.parsed("contact_id")).await?;
    Ok(Page {
        head: ui::Head::of(read, "settings").title(kind.word()).back("/settings/messages", "Message templates"),
        kind,
        is_own,
        variables: templates::variables(kind),
        subject: templates::render(form.raw("subject"), &vars),
        text: templates::render(form.raw("body"), &vars),
        vars: serde_json::to_string(&vars)?,
        sample,
        form,
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

/// `POST /settings/messages/{kind}`: saves; with `only=preview` shows the preview without saving.
pub async fn save(write: Write, Path(kind): Path<String>, mut form: Form) -> Result<Response> {
    let kind = kind_of(&kind)?;
    let words = |name: &str| form.raw(name).to_owned();
    let set = SetTemplate { kind, subject: words("subject"), body: words("body") };
    if form.get("only") == "preview" {
        for name in ["subject", "body"] {
            form.must(name, |text| templates::check(kind, text));
        }
        let status = if form.errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
        return Ok(ui::with_status(status, &page(&mut write.read().await?, kind, form).await?)?.into_response());
    }
    form.run(&write, Some(set), |_| ui::redirect("/settings/messages", "Saved"), async |r, form| page(r, kind, form).await).await
}

/// `POST /settings/messages/{kind}/reset`
pub async fn reset(write: Write, Path(kind): Path<String>, form: Form) -> Result<Response> {
    write.act(&form.meta, ResetTemplate { kind: kind_of(&kind)? }).await?;
    Ok(ui::redirect("/settings/messages", "Back to our own words"))
}
