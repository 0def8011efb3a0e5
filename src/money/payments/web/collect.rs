//! The page with a QR code for the customer to pay on the spot.

use axum::extract::{Path, State};

use crate::{
    invoices::{
        self, InvoiceState,
        data::{self, Invoice},
        web::way_back,
    },
    payments::account,
};
use platform::{
    app::App,
    error::{Error, Result},
    ids::InvoiceId,
    links::{self, LinkKind},
    qr,
    role::Capability,
    tenant::Read,
};

#[derive(askama::Template)]
#[template(path = "payments/collect.html")]
struct Collect {
    head: ui::Head,
    invoice: Invoice,
    /// The amount due; `None` for members who may not see prices (the customer's page shows it).
    due: Option<String>,
    /// `None` if the invoice has no link, as after an import.
    link: Option<String>,
    qr_svg: String,
    /// Whether the customer can pay online; if not, the link only shows the invoice.
    takes_online: bool,
    /// Whether the provider takes a payment of this size.
    fits_online: bool,
    can_record: bool,
}

/// `GET /invoices/{id}/collect`: a QR code to pay with the customer's own phone. Reloading shows whether it was paid.
pub async fn collect(State(app): State<App>, mut r: Read, Path(id): Path<InvoiceId>) -> Result<ui::Html> {
    r.who.require_capability(Some(Capability::Payments))?;
    let who = r.who.clone();
    let invoice = data::visible(r.db(), &who, id).await?;
    if invoice.state == InvoiceState::Draft {
        return Err(Error::conflict("This invoice is a draft. Issue it first."));
    }
    let link = links::live(&mut r, LinkKind::Invoice, id.0).await?.map(|l| links::url(&app, LinkKind::Invoice, l));
    let qr_svg = link.as_deref().map(|url| qr::svg(url, "Code that opens the payment page")).transpose().map_err(Error::internal)?;
    let head = ui::Head::of(&r, "invoices").title(format!("Pay {}", invoice.title())).sub(invoice.contact_name.clone());
    let back = way_back(&who, &invoice);
    let account = account::payable(r.db(), &app, who.org).await?;
    ui::page(&Collect {
        head: head.back(back.0, back.1),
        due: who.sees_prices().then(|| invoice.money().format(invoice.amount_due)),
        qr_svg: qr_svg.unwrap_or_default(),
        takes_online: account.is_some(),
        fits_online: account.is_some_and(|a| a.takes(invoice.money(), invoice.amount_due)),
        can_record: invoices::allowed_actions(&who, &invoice).contains(&"payment.record"),
        link,
        invoice,
    })
}
