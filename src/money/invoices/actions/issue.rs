use chrono::Days;
use office::files::{self, NewFile};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{about, lines};
use crate::{
    invoices::{
        InvoiceState,
        data::{self, Invoice},
        paper,
    },
    paper::{Document, render},
};
use customers::contacts;
use platform::{
    action::{Action, Cx},
    error::{Error, FieldErrors, Result},
    ids::{FileId, InvoiceId},
    links::{self, LinkKind},
    numbers::{self, Counter},
    role::{Capability, ModelLevel, Permission},
};

/// Issues a draft: assigns number and dates, freezes lines and taxes, stores the PDF and creates the customer's link.
/// An invoice already issued stays unchanged, except that a missing PDF or link is created.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct IssueInvoice {
    pub invoice_id: InvoiceId,
}

/// The issued invoice's number.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Issued {
    pub id: InvoiceId,
    pub number: String,
}

impl Action for IssueInvoice {
    const NAME: &'static str = "invoice.issue";
    const NEEDS: Permission = Permission::Send;
    const CAPABILITY: Option<Capability> = Some(Capability::Invoices);
    const MODEL: ModelLevel = ModelLevel::SoftLimit;
    type Output = Issued;

    async fn run(self, cx: &mut Cx<'_>) -> Result<Issued> {
        let who = cx.who;
        let invoice = data::locked(cx.db(), who, self.invoice_id).await?;
        if let Some(number) = invoice.number.clone() {
            let link = links::ensure(cx, LinkKind::Invoice, invoice.id.0).await?;
            if invoice.pdf_file_id.is_none() {
                let pay_url = links::url(cx.app, LinkKind::Invoice, link);
                let document = paper::document(cx.db(), invoice.id, &number, Some(pay_url)).await?;
                let file = store(cx, document).await?;
                sqlx::query!("update invoices set pdf_file_id = $2 where id = $1", invoice.id.0, file.0).execute(cx.db()).await?;
            }
            return Ok(Issued { id: invoice.id, number });
        }
        if invoice.state == InvoiceState::Void {
            return Err(Error::conflict("This invoice is void."));
        }
        lines::count(cx, invoice.id).await?;
        let invoice = data::invoice(cx.db(), invoice.id).await?;
        must_be_sendable(cx, &invoice).await?;
        let link = links::ensure(cx, LinkKind::Invoice, invoice.id.0).await?;
        let pay_url = links::url(cx.app, LinkKind::Invoice, link);
        issue(cx, &invoice, pay_url).await
    }
}

/// Checks the rules for sending (`domain.md`): an active contact, at least one line, a total above zero.
async fn must_be_sendable(cx: &mut Cx<'_>, invoice: &Invoice) -> Result<()> {
    let mut errors = FieldErrors::default();
    if contacts::data::summary(cx.db(), invoice.contact_id).await?.is_archived {
        errors.add("contact_id", "This customer is archived. Bring the customer back first.");
    }
    if data::lines(cx.db(), invoice.id).await?.is_empty() {
        errors.add("lines", "An invoice needs at least one line.");
    } else if invoice.total.is_zero() {
        errors.add("lines", "The total must be above zero.");
    }
    errors.into_result()
}

/// Assigns number and dates, and stores the PDF. Runs last, since the counter's row stays locked from here to the commit.
async fn issue(cx: &mut Cx<'_>, invoice: &Invoice, pay_url: String) -> Result<Issued> {
    let (today, now) = (cx.who.today(), cx.now());
    let terms = u64::try_from(invoice.terms_days).unwrap_or_default();
    let due = today.checked_add_days(Days::new(terms)).unwrap_or(today);
    sqlx::query!("update invoices set issue_date = $2, due_date = $3 where id = $1", invoice.id.0, today, due).execute(cx.db()).await?;
    let prefix = data::sender(cx.db()).await?.invoice_prefix;
    let mut document = paper::document(cx.db(), invoice.id, "", Some(pay_url)).await?;
    let seq = numbers::next(cx, Counter::Invoice).await?;
    let number = format!("{prefix}{seq:04}");
    document.number.clone_from(&number);
    let file = store(cx, document).await?;
    sqlx::query!(
        "update invoices set state = 'issued', number = $2, seq = $3, issued_at = $4, pdf_file_id = $5 where id = $1",
        invoice.id.0,
        number,
        seq,
        now,
        file.0
    )
    .execute(cx.db())
    .await?;
    let payload = json!({ "number": number, "amount": invoice.total, "currency": invoice.currency });
    cx.event("invoice.issued", about(invoice), payload).await?;
    Ok(Issued { id: invoice.id, number })
}

/// Renders the PDF and stores it as a file.
async fn store(cx: &mut Cx<'_>, document: Document) -> Result<FileId> {
    let name = format!("{}.pdf", file_name(&document.number));
    let bytes = tokio::task::spawn_blocking(move || render(&document)).await.map_err(Error::internal)?.map_err(Error::internal)?;
    files::store(cx, NewFile { kind: "invoice_pdf", name: &name, mime: "application/pdf", bytes: &bytes, sha256: None }).await
}

/// Makes an invoice number safe as a file name; other characters of its prefix become hyphens.
fn file_name(number: &str) -> String {
    number.chars().map(|c| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '-' }).collect()
}
