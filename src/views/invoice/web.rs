//! The invoice's own page.

use axum::extract::{Path, State};

use messages::outbox::{MessageKind, section::Deliveries};
use money::{
    invoices::{
        self, InvoiceState,
        data::{self, Invoice},
        web::{Printed, printed},
    },
    payments::section::{Received, received},
};
use platform::{
    app::App,
    error::Result,
    ids::InvoiceId,
    links::{self, LinkKind},
    role::Capability,
    tenant::Read,
};

#[derive(askama::Template)]
#[template(path = "views/invoice/show.html")]
struct Show {
    head: ui::Head,
    invoice: Invoice,
    pill: ui::Pill,
    printed: Printed,
    overpaid: Option<String>,
    received: Received,
    deliveries: Deliveries,
    link: Option<String>,
    allowed: Vec<&'static str>,
}

impl Show {
    fn may(&self, action: &str) -> bool {
        self.allowed.contains(&action)
    }
}

/// `GET /invoices/{id}`
pub async fn show(State(app): State<App>, mut r: Read, Path(id): Path<InvoiceId>) -> Result<ui::Html> {
    r.who.require_capability(Some(Capability::Invoices))?;
    data::must_see_money(&r.who)?;
    let who = r.who.clone();
    let invoice = data::visible(r.db(), &who, id).await?;
    let (lines, taxes) = data::lines_and_taxes(r.db(), id).await?;
    let received = received(&mut r, &invoice).await?;
    let deliveries = Deliveries::of(&mut r, MessageKind::Invoice, id.0).await?;
    let link = links::live(&mut r, LinkKind::Invoice, id.0).await?;
    let (word, tone) = invoices::standing(&invoice);
    let money = invoice.money();
    ui::page(&Show {
        head: ui::Head::of(&r, "invoices").title(invoice.title()).sub(invoice.contact_name.clone()).back("/invoices", "Invoices"),
        pill: ui::pill(word, tone),
        printed: printed(&invoice, &lines, &taxes),
        overpaid: (!invoice.overpaid().is_zero()).then(|| money.format(invoice.overpaid())),
        received,
        deliveries,
        link: link.map(|l| links::url(&app, LinkKind::Invoice, l)),
        allowed: invoices::allowed_actions(&who, &invoice),
        invoice,
    })
}
