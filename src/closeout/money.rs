//! The last step: how the money of the closed ticket is dealt with. Take a payment, send the invoice, or say why neither is needed.

use askama::Template;
use axum::{
    extract::Path,
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use crate::{
    contacts,
    platform::{
        error::{Error, FieldErrors, Result},
        form::Posted,
        ids::TicketId,
        role::{Capability, Permission},
        tenant::{Read, Write},
    },
    tickets::{self, Settlement, actions::Settle, data::Ticket},
    ui,
};

#[derive(Template)]
#[template(path = "closeout/money.html")]
struct Money {
    head: ui::Head,
    ticket: Ticket,
    errors: FieldErrors,
    total: String,
    email: Option<String>,
    can_invoice: bool,
    can_take: bool,
    draft: String,
}

async fn page(r: &mut Read, id: TicketId, errors: FieldErrors) -> Result<Money> {
    let who = r.who.clone();
    let ticket = tickets::data::visible_ticket(r.db(), &who, id).await?;
    let contact = contacts::data::summary(r.db(), ticket.contact_id).await?;
    Ok(Money {
        head: r.head("today").title(format!("T-{} is closed", ticket.number)).sub(contact.name).back("/calendar", "Calendar"),
        total: tickets::currency(&who).format(ticket.total),
        email: contact.email,
        can_invoice: who.has(Capability::Invoices) && who.can(Permission::Send),
        can_take: who.has(Capability::Payments) && who.has(Capability::Invoices) && who.can(Permission::HandleMoney),
        draft: format!("closeout-{id}"),
        ticket,
        errors,
    })
}

/// `GET /tickets/{id}/closeout/money`.
pub async fn show(mut r: Read, Path(id): Path<TicketId>) -> Result<Response> {
    let page = page(&mut r, id, FieldErrors::default()).await?;
    if page.ticket.closed_at.is_none() {
        return Err(Error::conflict("This ticket is not closed yet: review and complete it first."));
    }
    Ok(ui::page(&page)?.into_response())
}

#[derive(Deserialize)]
pub struct How {
    #[serde(default)]
    how: String,
}

/// `POST /tickets/{id}/closeout/money`: records which way was taken, and goes on there.
pub async fn settle(w: Write, Path(id): Path<TicketId>, form: Posted<How>) -> Result<Response> {
    let settlement = match form.value.how.as_str() {
        "payment" => Settlement::Payment,
        "invoice" => Settlement::Invoice,
        "paid_already" => Settlement::PaidAlready,
        "handled_elsewhere" => Settlement::HandledElsewhere,
        _ => {
            let mut r = w.read().await?;
            let errors = FieldErrors(vec![crate::platform::error::FieldError {
                field: "how".into(),
                message: "Choose how the money is dealt with.".into(),
                code: "required".into(),
            }]);
            return Ok(ui::invalid(&page(&mut r, id, errors).await?)?.into_response());
        }
    };
    w.act(&form.meta, Settle { ticket_id: id, settlement }).await?;
    let words = match settlement {
        Settlement::PaidAlready => "Ticket closed, paid already",
        _ => "Ticket closed, money handled elsewhere",
    };
    Ok(ui::redirect("/calendar", words))
}
