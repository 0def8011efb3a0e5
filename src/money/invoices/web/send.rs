//! Pages to send an invoice (mail, print, link, QR code), its PDF and print view, and voiding.

use axum::{
    extract::Path,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use super::{Printed, printed, way_back};
use crate::{
    invoices::{
        InvoiceState,
        actions::{How, IssueInvoice, RenewLink, SendInvoice, VoidInvoice},
        data::{self, Invoice, Sender},
        paper,
    },
    paper::Block,
};
use customers::contacts;
use messages::outbox::{MessageKind, templates};
use platform::{
    app::App,
    error::{Error, FieldErrors, Result},
    form::Posted,
    ids::InvoiceId,
    links::{self, LinkKind},
    qr,
    role::Capability,
    tenant::{Read, Write},
};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Typed {
    how: String,
    to: String,
    message: String,
}

#[derive(askama::Template)]
#[template(path = "invoices/send.html")]
struct SendPage {
    head: ui::Head,
    invoice: Invoice,
    /// `None` for members who may not see prices.
    printed: Option<Printed>,
    email: String,
    subject: String,
    typed: Typed,
    /// The customer's link; `None` until the invoice is issued.
    link: Option<String>,
    key: Option<String>,
    errors: FieldErrors,
}

impl SendPage {
    /// The value of the address field: the typed one, else the customer's.
    fn to(&self) -> &str {
        if self.typed.to.is_empty() { &self.email } else { &self.typed.to }
    }
}

async fn page(r: &mut Read, app: &App, id: InvoiceId, typed: Typed, errors: FieldErrors) -> Result<SendPage> {
    r.who.require_capability(Some(Capability::Invoices))?;
    let who = r.who.clone();
    let invoice = data::visible(r.db(), &who, id).await?;
    let (lines, taxes) = data::lines_and_taxes(r.db(), id).await?;
    let contact = contacts::data::summary(r.db(), invoice.contact_id).await?;
    let link = links::live(r, LinkKind::Invoice, id.0).await?;
    let template = templates::of(r.db(), MessageKind::Invoice).await?;
    let vars = templates::Vars::from([
        ("invoice_number", invoice.number.clone().unwrap_or_else(|| "(number)".into())),
        ("business_name", who.org_name.clone()),
        ("customer_name", contact.name.clone()),
        ("invoice_total", invoice.money().format(invoice.total)),
    ]);
    let title = format!("Send {}", if invoice.number.is_some() { invoice.title() } else { "the invoice".into() });
    let back = way_back(&who, &invoice);
    Ok(SendPage {
        head: ui::Head::of(r, "invoices").title(title).sub(contact.name).back(back.0, back.1),
        printed: who.sees_prices().then(|| printed(&invoice, &lines, &taxes)),
        email: contact.email.unwrap_or_default(),
        subject: templates::render(&template.subject, &vars),
        typed,
        link: link.map(|l| links::url(app, LinkKind::Invoice, l)),
        key: None,
        invoice,
        errors,
    })
}

/// `GET /invoices/{id}/send`: a preview and the ways to deliver it.
pub async fn send_form(app: axum::extract::State<App>, mut r: Read, Path(id): Path<InvoiceId>) -> Result<ui::Html> {
    ui::page(&page(&mut r, &app, id, Typed::default(), FieldErrors::default()).await?)
}

/// `POST /invoices/{id}/send`
pub async fn send(w: Write, Path(id): Path<InvoiceId>, form: Posted<Typed>) -> Result<Response> {
    let (typed, meta) = (form.value, form.meta);
    let Some(how) = How::of_name(&typed.how) else {
        let mut errors = FieldErrors::default();
        errors.add("", "Choose how it goes to the customer.");
        let page = page(&mut w.read().await?, w.app(), id, typed, errors).await?;
        return Ok(ui::invalid(&page)?.into_response());
    };
    let some = |text: &str| Some(text.trim().to_owned()).filter(|t| !t.is_empty());
    match w.act(&meta, SendInvoice { invoice_id: id, how, to: some(&typed.to), message: some(&typed.message) }).await {
        Ok(sent) => Ok(match how {
            // Members who may not see prices have no access to the invoice's page and print view.
            How::Email | How::Print if !w.who.sees_prices() => ui::redirect("/calendar", &format!("{} is on its way", sent.number)),
            How::Email => ui::redirect(&format!("/invoices/{id}"), &format!("{} is on its way", sent.number)),
            How::Print => ui::redirect(&format!("/invoices/{id}/print"), ""),
            How::Link => ui::redirect(&format!("/invoices/{id}/send"), "Issued. Copy or share the link."),
            How::Qr => ui::redirect(&format!("/invoices/{id}/collect"), ""),
        }),
        Err(Error::Invalid(errors)) => {
            let mut page = page(&mut w.read().await?, w.app(), id, typed, general(errors)).await?;
            page.key = meta.key;
            Ok(ui::invalid(&page)?.into_response())
        }
        Err(Error::Conflict { message, .. }) if meta.is_of(w.who.org) => {
            let page = page(&mut w.read().await?, w.app(), id, typed, FieldErrors::whole(message)).await?;
            Ok(ui::with_status(StatusCode::CONFLICT, &page)?.into_response())
        }
        Err(e) => Err(e),
    }
}

/// Moves errors whose field is not on this page to the top of the form.
fn general(mut errors: FieldErrors) -> FieldErrors {
    for e in errors.0.iter_mut().filter(|e| !matches!(e.field.as_str(), "to" | "message")) {
        e.field = String::new();
    }
    errors
}

#[derive(Debug, Deserialize)]
pub struct Nothing {}

/// `POST /invoices/{id}/issue`
pub async fn issue(w: Write, Path(id): Path<InvoiceId>, form: Posted<Nothing>) -> Result<Response> {
    match w.act(&form.meta, IssueInvoice { invoice_id: id }).await {
        Ok(issued) => Ok(ui::redirect(&format!("/invoices/{id}"), &format!("Issued as {}", issued.number))),
        Err(Error::Invalid(errors)) => {
            let page = page(&mut w.read().await?, w.app(), id, Typed::default(), general(errors)).await?;
            Ok(ui::invalid(&page)?.into_response())
        }
        Err(e) => Err(e),
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Onward {
    /// The page to return to: `collect`, else the invoice's own.
    next: String,
}

/// `POST /invoices/{id}/link`
pub async fn renew_link(w: Write, Path(id): Path<InvoiceId>, form: Posted<Onward>) -> Result<Response> {
    w.act(&form.meta, RenewLink { invoice_id: id }).await?;
    let to = if form.value.next == "collect" { format!("/invoices/{id}/collect") } else { format!("/invoices/{id}") };
    Ok(ui::redirect(&to, "The customer has a new link"))
}

/// A PDF response, shown inline; `name` is the suggested file name.
pub fn pdf_answer(name: &str, bytes: Vec<u8>) -> Response {
    let safe: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c)).collect();
    let headers = [
        (header::CONTENT_TYPE, "application/pdf".to_owned()),
        (header::CONTENT_DISPOSITION, format!("inline; filename=\"{safe}\"")),
        (header::CACHE_CONTROL, "private, no-cache".to_owned()),
    ];
    (headers, bytes).into_response()
}

/// `GET /invoices/{id}/pdf`: an issued invoice's PDF; 404 for a draft.
pub async fn pdf(mut r: Read, Path(id): Path<InvoiceId>) -> Result<Response> {
    let who = r.who.clone();
    who.require_capability(Some(Capability::Invoices))?;
    data::must_see_money(&who)?;
    data::visible(r.db(), &who, id).await?;
    let (name, bytes) = paper::file(r.db(), id).await?.ok_or(Error::NotFound)?;
    Ok(pdf_answer(&name, bytes))
}

#[derive(askama::Template)]
#[template(path = "invoices/print.html")]
struct PrintPage {
    invoice: Invoice,
    printed: Printed,
    sender: Sender,
    customer: Block,
    link: Option<String>,
    qr_svg: String,
}

/// `GET /invoices/{id}/print`
pub async fn print(app: axum::extract::State<App>, mut r: Read, Path(id): Path<InvoiceId>) -> Result<ui::Html> {
    let who = r.who.clone();
    who.require_capability(Some(Capability::Invoices))?;
    data::must_see_money(&who)?;
    let invoice = data::visible(r.db(), &who, id).await?;
    let (lines, taxes) = data::lines_and_taxes(r.db(), id).await?;
    let link = links::live(&mut r, LinkKind::Invoice, id.0).await?.map(|l| links::url(&app, LinkKind::Invoice, l));
    let link = link.filter(|_| invoice.state.is_open());
    let qr_svg = link.as_deref().map(|url| qr::svg(url, "Code to pay this invoice")).transpose().map_err(Error::internal)?;
    ui::page(&PrintPage {
        printed: printed(&invoice, &lines, &taxes),
        sender: data::sender(r.db()).await?,
        customer: paper::customer(r.db(), invoice.contact_id, &invoice.contact_name).await?,
        invoice,
        link,
        qr_svg: qr_svg.unwrap_or_default(),
    })
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct VoidTyped {
    reason: String,
    reissue: String,
}

#[derive(askama::Template)]
#[template(path = "invoices/void.html")]
struct VoidPage {
    head: ui::Head,
    invoice: Invoice,
    typed: VoidTyped,
    key: Option<String>,
    errors: FieldErrors,
}

async fn void_page(r: &mut Read, id: InvoiceId, typed: VoidTyped, errors: FieldErrors) -> Result<VoidPage> {
    let who = r.who.clone();
    who.require_capability(Some(Capability::Invoices))?;
    let invoice = data::visible(r.db(), &who, id).await?;
    let title = if invoice.number.is_some() { format!("Void {}", invoice.title()) } else { "Discard the draft".into() };
    Ok(VoidPage {
        head: ui::Head::of(r, "invoices").title(title).back(format!("/invoices/{id}"), invoice.title()),
        invoice,
        typed,
        key: None,
        errors,
    })
}

/// `GET /invoices/{id}/void`
pub async fn void_form(mut r: Read, Path(id): Path<InvoiceId>) -> Result<ui::Html> {
    ui::page(&void_page(&mut r, id, VoidTyped::default(), FieldErrors::default()).await?)
}

/// `POST /invoices/{id}/void`
pub async fn void(w: Write, Path(id): Path<InvoiceId>, form: Posted<VoidTyped>) -> Result<Response> {
    let (typed, meta) = (form.value, form.meta);
    match w.act(&meta, VoidInvoice { invoice_id: id, reason: typed.reason.clone(), reissue: !typed.reissue.is_empty() }).await {
        Ok(voided) => Ok(match voided.draft_id {
            Some(draft) => ui::redirect(&format!("/invoices/{draft}/edit"), "Voided. Here is the new draft."),
            None => ui::redirect(&format!("/invoices/{id}"), "Voided"),
        }),
        Err(Error::Invalid(errors)) => {
            let mut page = void_page(&mut w.read().await?, id, typed, errors).await?;
            page.key = meta.key;
            Ok(ui::invalid(&page)?.into_response())
        }
        Err(Error::Conflict { message, current }) if meta.is_of(w.who.org) => {
            // The invoice was changed meanwhile: the page now shows the change and asks for the decision once more.
            let message = if current.is_some() { format!("{message} Look at the invoice, then say again what to do.") } else { message };
            let page = void_page(&mut w.read().await?, id, typed, FieldErrors::whole(message)).await?;
            Ok(ui::with_status(StatusCode::CONFLICT, &page)?.into_response())
        }
        Err(e) => Err(e),
    }
}
