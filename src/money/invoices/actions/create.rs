use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{about, lines, note_fits, terms_fit};
use crate::{
    invoices::data,
    lines::{NewLine, fill},
};
use customers::contacts;
use platform::{
    action::{Action, Cx},
    error::{Error, FieldErrors, Result},
    ids::{ContactId, InvoiceId, TicketId},
    redact::redact,
    role::{Capability, Permission},
};
use work::tickets::{self, TicketState};

/// Creates a draft invoice without a ticket. Give the discount as a percentage or as an amount, not both.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct CreateInvoice {
    #[serde(default)]
    pub id: Option<InvoiceId>,
    pub contact_id: ContactId,
    #[serde(default)]
    pub lines: Vec<NewLine>,
    #[serde(default)]
    pub discount_percent: Option<Decimal>,
    #[serde(default)]
    pub discount_amount: Option<Decimal>,
    /// Printed below the lines.
    #[serde(default)]
    #[garde(custom(note_fits))]
    pub note: String,
    /// Days from issue to the due date; the business's default terms if not given.
    #[serde(default)]
    #[garde(custom(terms_fit))]
    pub terms_days: Option<i32>,
}

/// The draft created, or the invoice that already existed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Created {
    pub id: InvoiceId,
    /// False if the invoice existed already.
    pub is_new: bool,
}

impl Action for CreateInvoice {
    const NAME: &'static str = "invoice.create";
    const NEEDS: Permission = Permission::DraftMoney;
    const CAPABILITY: Option<Capability> = Some(Capability::Invoices);
    type Output = Created;

    async fn run(self, cx: &mut Cx<'_>) -> Result<Created> {
        let currency = cx.who.currency;
        let filled = fill(cx, self.lines.clone(), &[], currency).await?;
        let id = insert(cx, &self, None).await?;
        lines::replace(cx, id, &filled).await?;
        finish(cx, id).await
    }
}

/// Inserts a draft without lines. Fails if the contact is unknown, not visible to the actor or archived.
pub(super) async fn insert(cx: &mut Cx<'_>, new: &CreateInvoice, ticket: Option<TicketId>) -> Result<InvoiceId> {
    let who = cx.who;
    check_discount(new.discount_percent, new.discount_amount)?;
    contacts::data::visible(cx.db(), who, new.contact_id).await?;
    if contacts::data::summary(cx.db(), new.contact_id).await?.is_archived {
        return Err(FieldErrors::one("contact_id", "This customer is archived. Bring the customer back first."));
    }
    let terms = match new.terms_days {
        Some(days) => days,
        None => data::sender(cx.db()).await?.payment_terms_days,
    };
    let id = new.id.unwrap_or_default();
    sqlx::query!(
        "insert into invoices (id, contact_id, ticket_id, currency, terms_days, discount_percent, discount_amount, note) values ($1, $2, $3, $4, $5, $6, $7, $8)",
        id.0,
        new.contact_id.0,
        ticket.map(|t| t.0),
        who.currency.code(),
        terms,
        new.discount_percent,
        new.discount_amount,
        redact(new.note.trim()).text
    )
    .execute(cx.db())
    .await?;
    Ok(id)
}

pub(super) async fn finish(cx: &mut Cx<'_>, id: InvoiceId) -> Result<Created> {
    lines::count(cx, id).await?;
    let invoice = data::invoice(cx.db(), id).await?;
    let payload = json!({ "amount": invoice.total, "currency": invoice.currency, "ticket_id": invoice.ticket_id });
    cx.event("invoice.draft_created", about(&invoice), payload).await?;
    Ok(Created { id, is_new: true })
}

pub(super) fn check_discount(percent: Option<Decimal>, amount: Option<Decimal>) -> Result<()> {
    let refuse = |message: &str| Err(FieldErrors::one("discount", message));
    match (percent, amount) {
        (Some(_), Some(_)) => refuse("Give the discount as a percentage or as an amount, not both."),
        (Some(p), None) if p < Decimal::ZERO || p > Decimal::ONE_HUNDRED || p.normalize().scale() > 2 => {
            refuse("A discount is from 0 to 100 per cent, with at most two decimals.")
        }
        (None, Some(a)) if a < Decimal::ZERO || a.normalize().scale() > 2 || a >= Decimal::from(10_000_000) => {
            refuse("A discount is an amount from zero up, with at most two decimals.")
        }
        _ => Ok(()),
    }
}

/// Creates the draft invoice of a closed ticket from its customer and lines. If the ticket already has a live invoice, returns that one.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct CreateFromTicket {
    #[serde(default)]
    pub id: Option<InvoiceId>,
    pub ticket_id: TicketId,
}

impl Action for CreateFromTicket {
    const NAME: &'static str = "invoice.create_from_ticket";
    const NEEDS: Permission = Permission::DraftMoney;
    const CAPABILITY: Option<Capability> = Some(Capability::Invoices);
    type Output = Created;

    async fn run(self, cx: &mut Cx<'_>) -> Result<Created> {
        let who = cx.who;
        // The lock makes a concurrent request wait and then find this invoice.
        let ticket = tickets::data::locked(cx.db(), who, self.ticket_id).await?;
        if let Some(there) = data::by_ticket(cx.db(), ticket.id).await? {
            return Ok(Created { id: there.id, is_new: false });
        }
        if ticket.state != TicketState::Closed {
            return Err(Error::conflict("An invoice is made from a closed ticket. Close this one out first."));
        }
        let copied = tickets::data::lines(cx.db(), ticket.id).await?;
        let new: Vec<NewLine> = copied
            .into_iter()
            .map(|l| NewLine {
                service_id: l.service_id,
                description: Some(l.description),
                quantity: Some(l.quantity),
                unit_price: Some(l.unit_price.unwrap_or_default()),
                tax_rate_id: l.tax_rate_id,
                ..NewLine::default()
            })
            .collect();
        let create = CreateInvoice { id: self.id, contact_id: ticket.contact_id, ..CreateInvoice::default() };
        let currency = who.currency;
        let filled = fill(cx, new, &[], currency).await?;
        let id = insert(cx, &create, Some(ticket.id)).await?;
        lines::replace(cx, id, &filled).await?;
        finish(cx, id).await
    }
}
