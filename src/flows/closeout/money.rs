//! The last step: settling the closed ticket. Take a payment, send the invoice, or state why neither is needed.

use askama::Template;
use axum::{
    extract::Path,
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use customers::contacts;
use money::invoices::{
    self,
    actions::{CreateFromTicket, How as By, IssueInvoice, SendInvoice},
};
use platform::{
    action::{Action, Cx},
    error::Result,
    ids::{InvoiceId, TicketId},
    role::{Capability, ModelLevel, Permission},
    tenant::{Read, Write},
};
use ui::Form;
use work::tickets::{self, Settlement, actions::Settle, data::Ticket};

#[derive(Template)]
#[template(path = "closeout/money.html")]
struct Money {
    head: ui::Head,
    ticket: Ticket,
    form: Form,
    total: String,
    email: Option<String>,
    can_invoice: bool,
    can_take: bool,
    is_free: bool,
    draft: String,
}

async fn page(r: &mut Read, id: TicketId, mut form: Form) -> Result<Money> {
    // Errors without a field here (an empty invoice, an archived customer) stand above the choices.
    form.errors.rename(|field| if field == "how" { field.to_owned() } else { String::new() });
    let who = r.who.clone();
    let ticket = tickets::data::visible_ticket(r.db(), &who, id).await?;
    let contact = contacts::data::summary(r.db(), ticket.contact_id).await?;
    // Read without the member's visibility, which may hide the total.
    let is_free = tickets::data::ticket(r.db(), id).await?.total.is_zero();
    Ok(Money {
        head: ui::Head::of(r, "today").title(format!("T-{} is closed", ticket.number)).sub(contact.name).back("/calendar", "Calendar"),
        total: who.currency.format(ticket.total),
        email: contact.email,
        can_invoice: !is_free && who.has(Capability::Invoices) && who.can(Permission::Send),
        can_take: !is_free && who.has(Capability::Payments) && who.has(Capability::Invoices) && who.can(Permission::HandleMoney),
        is_free,
        draft: format!("closeout-{id}"),
        ticket,
        form,
    })
}

/// `GET /tickets/{id}/closeout/money`.
pub async fn show(mut r: Read, Path(id): Path<TicketId>) -> Result<Response> {
    let page = page(&mut r, id, Form::default()).await?;
    if page.ticket.closed_at.is_none() {
        return Ok(ui::redirect(&format!("/tickets/{id}"), "This ticket is not closed: what was done comes first, then the money."));
    }
    Ok(ui::page(&page)?.into_response())
}

/// `POST /tickets/{id}/closeout/money`: records the settlement and redirects to its next page.
pub async fn settle(w: Write, Path(id): Path<TicketId>, mut form: Form) -> Result<Response> {
    let choices = [Settlement::Payment, Settlement::Invoice, Settlement::PaidAlready, Settlement::HandledElsewhere];
    let settlement = form.must("how", |how| choices.into_iter().find(|s| s.name() == how).ok_or("Choose how the money is dealt with."));
    let action = settlement.map(|settlement| SettleTicket { ticket_id: id, settlement });
    let Some((settled, settlement)) = form.act(&w, action).await?.zip(settlement) else {
        return form.again(&w, async |r, form| page(r, id, form).await).await;
    };
    Ok(match (settlement, settled.invoice_id) {
        (Settlement::Payment, Some(invoice)) => ui::redirect(&format!("/invoices/{invoice}/collect"), "Ticket closed"),
        (Settlement::Invoice, Some(_)) if settled.is_mailed => ui::redirect("/calendar", "Ticket closed, invoice on its way"),
        (Settlement::Invoice, Some(invoice)) => {
            ui::redirect(&format!("/invoices/{invoice}/send"), "Ticket closed. No email address: hand the invoice over.")
        }
        (Settlement::PaidAlready, _) => ui::redirect("/calendar", "Ticket closed, paid already"),
        _ => ui::redirect("/calendar", "Ticket closed, money handled elsewhere"),
    })
}

/// Settles a closed ticket in one transaction: records the settlement. A payment issues the invoice; an invoice
/// is also mailed if the customer has an email address.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct SettleTicket {
    pub ticket_id: TicketId,
    pub settlement: Settlement,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Settled {
    pub invoice_id: Option<InvoiceId>,
    /// Whether the invoice is mailed to the customer.
    pub is_mailed: bool,
}

impl Action for SettleTicket {
    const NAME: &'static str = "closeout.settle";
    const NEEDS: Permission = Permission::WriteRecords;
    const CAPABILITY: Option<Capability> = Some(Capability::Scheduling);
    const MODEL: ModelLevel = ModelLevel::SoftLimit;
    type Output = Settled;

    async fn run(self, cx: &mut Cx<'_>) -> Result<Settled> {
        let settle = Settle { ticket_id: self.ticket_id, settlement: self.settlement };
        if !matches!(self.settlement, Settlement::Payment | Settlement::Invoice) {
            cx.run(settle).await?;
            return Ok(Settled { invoice_id: None, is_mailed: false });
        }
        let invoice_id = cx.run(CreateFromTicket { id: None, ticket_id: self.ticket_id }).await?.id;
        cx.run(settle).await?;
        if self.settlement == Settlement::Payment {
            cx.run(IssueInvoice { invoice_id }).await?;
            return Ok(Settled { invoice_id: Some(invoice_id), is_mailed: false });
        }
        let contact = invoices::data::invoice(cx.db(), invoice_id).await?.contact_id;
        let is_mailed = contacts::data::summary(cx.db(), contact).await?.email.is_some();
        if is_mailed {
            cx.run(SendInvoice { invoice_id, how: By::Email, to: None, message: None }).await?;
        }
        Ok(Settled { invoice_id: Some(invoice_id), is_mailed })
    }
}
