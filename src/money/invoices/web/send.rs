//! Pages to send an invoice (mail, print, link, QR code), its PDF and print view, and voiding.

use axum::{
    extract::Path,
    http::header,
    response::{IntoResponse, Response},
};

use super::{Printed, printed, way_back};
use crate::{
    invoices::{
        InvoiceState,
        actions::{How, IssueInvoice, Issued, RenewLink, SendInvoice, VoidInvoice, Voided},
        data::{self, Invoice, Sender},
        paper,
    },
    paper::Block,
};
use customers::contacts;
use messages::outbox::{MessageKind, templates};
use platform::{
    app::App,
    error::{Error, Result},
    ids::InvoiceId,
    links::{self, LinkKind},
    qr,
    role::Capability,
    tenant::{Read, Write},
};
use ui::Form;

#[derive(askama::Template)]
#[template(path = "invoices/send.html")]
struct SendPage {
    head: ui::Head,
    invoice: Invoice,
    /// `None` for members who may not see prices.
    printed: Option<Printed>,
    subject: String,
    has_email: bool,
    form: Form,
    /// The customer's link; `None` until the invoice is issued.
    link: Option<String>,
}

async fn page(r: &mut Read, app: &App, id: InvoiceId, mut form: Form) -> Result<SendPage> {
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
    if form.get("to").is_empty() {
        form.set("to", contact.email.as_deref());
    }
    // Errors whose field is not on this page stand at the top of the form.
    form.errors.rename(|field| if matches!(field, "to" | "message") { field.to_owned() } else { String::new() });
    Ok(SendPage {
        head: ui::Head::of(r, "invoices").title(title).sub(contact.name).back(back.0, back.1),
        printed: who.sees_prices().then(|| printed(&invoice, &lines, &taxes)),
        has_email: contact.email.is_some(),
        subject: templates::render(&template.subject, &vars),
        form,
        link: link.map(|l| links::url(app, LinkKind::Invoice, l)),
        invoice,
    })
}

/// `GET /invoices/{id}/send`: a preview and the ways to deliver it.
pub async fn send_form(app: axum::extract::State<App>, mut r: Read, Path(id): Path<InvoiceId>) -> Result<ui::Html> {
    ui::page(&page(&mut r, &app, id, Form::default()).await?)
}

/// `POST /invoices/{id}/send`
pub async fn send(w: Write, Path(id): Path<InvoiceId>, mut form: Form) -> Result<Response> {
    let how = form.must("how", |name| How::of_name(name).ok_or("Choose how it goes to the customer."));
    let some = |name: &str| form.some(name).map(str::to_owned);
    let action = how.map(|how| SendInvoice { invoice_id: id, how, to: some("to"), message: some("message") });
    let Some((sent, how)) = form.act(&w, action).await?.zip(how) else {
        return form.again(&w, async |r, form| page(r, w.app(), id, form).await).await;
    };
    Ok(match how {
        // Members who may not see prices have no access to the invoice's page and print view.
        How::Email | How::Print if !w.who.sees_prices() => ui::redirect("/calendar", &format!("{} is on its way", sent.number)),
        How::Email => ui::redirect(&format!("/invoices/{id}"), &format!("{} is on its way", sent.number)),
        How::Print => ui::redirect(&format!("/invoices/{id}/print"), ""),
        How::Link => ui::redirect(&format!("/invoices/{id}/send"), "Issued. Copy or share the link."),
        How::Qr => ui::redirect(&format!("/invoices/{id}/collect"), ""),
    })
}

/// `POST /invoices/{id}/issue`
pub async fn issue(w: Write, Path(id): Path<InvoiceId>, form: Form) -> Result<Response> {
    let done = |issued: Issued| ui::redirect(&format!("/invoices/{id}"), &format!("Issued as {}", issued.number));
    form.run(&w, Some(IssueInvoice { invoice_id: id }), done, async |r, form| page(r, w.app(), id, form).await).await
}

/// `POST /invoices/{id}/link`
pub async fn renew_link(w: Write, Path(id): Path<InvoiceId>, form: Form) -> Result<Response> {
    w.act(&form.meta, RenewLink { invoice_id: id }).await?;
    // The page to return to: `collect`, else the invoice's own.
    let to = if form.get("next") == "collect" { format!("/invoices/{id}/collect") } else { format!("/invoices/{id}") };
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

#[derive(askama::Template)]
#[template(path = "invoices/void.html")]
struct VoidPage {
    head: ui::Head,
    invoice: Invoice,
    form: Form,
}

async fn void_page(r: &mut Read, id: InvoiceId, mut form: Form) -> Result<VoidPage> {
    let who = r.who.clone();
    who.require_capability(Some(Capability::Invoices))?;
    let invoice = data::visible(r.db(), &who, id).await?;
    if form.is_stale() {
        // The page shows the change and asks for the decision once more.
        form.notice += " Look at the invoice, then say again what to do.";
    }
    let title = if invoice.number.is_some() { format!("Void {}", invoice.title()) } else { "Discard the draft".into() };
    let head = ui::Head::of(r, "invoices").title(title).back(format!("/invoices/{id}"), invoice.title());
    Ok(VoidPage { head, form: form.version(invoice.version), invoice })
}

/// `GET /invoices/{id}/void`
pub async fn void_form(mut r: Read, Path(id): Path<InvoiceId>) -> Result<ui::Html> {
    ui::page(&void_page(&mut r, id, Form::default()).await?)
}

/// `POST /invoices/{id}/void`
pub async fn void(w: Write, Path(id): Path<InvoiceId>, form: Form) -> Result<Response> {
    let action = VoidInvoice { invoice_id: id, reason: form.owned("reason"), reissue: form.is_on("reissue") };
    let done = |voided: Voided| match voided.draft_id {
        Some(draft) => ui::redirect(&format!("/invoices/{draft}/edit"), "Voided. Here is the new draft."),
        None => ui::redirect(&format!("/invoices/{id}"), "Voided"),
    };
    form.run(&w, Some(action), done, async |r, form| void_page(r, id, form).await).await
}
