//! The invoice's own page, and the page with a QR code for the customer to pay on the spot.

use axum::extract::{Path, State};

use crate::{
    invoices::{
        self, InvoiceState,
        data::{self, Invoice},
        web::{Printed, printed, way_back},
    },
    payments::{self, account, data::Payment},
};
use messages::outbox::{self, MessageKind, data::Row as Message};
use platform::{
    app::App,
    error::{Error, Result},
    ids::InvoiceId,
    links::{self, LinkKind},
    qr,
    role::Capability,
    tenant::Read,
};

/// A payment formatted for pages.
pub struct PaymentRow {
    pub payment: Payment,
    pub amount: String,
    pub words: String,
    pub can_refund: bool,
}

#[derive(askama::Template)]
#[template(path = "payments/invoice.html")]
struct Show {
    head: ui::Head,
    invoice: Invoice,
    pill: ui::Pill,
    printed: Printed,
    overpaid: Option<String>,
    payments: Vec<PaymentRow>,
    /// This invoice's mails, newest first.
    deliveries: Vec<Message>,
    trouble: Option<String>,
    link: Option<String>,
    allowed: Vec<&'static str>,
    /// Whether the business uses payments: they link to their pages and can be recorded.
    has_payments: bool,
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
    let payments = payments::data::by_invoice(r.db(), id).await?.into_iter().map(|p| row(&who, p)).collect();
    let filter = outbox::data::Filter { kind: Some(MessageKind::Invoice), subject: Some(id.0), ..Default::default() };
    let deliveries = outbox::data::list(r.db(), &who, &filter, None, 10).await?;
    let newest = deliveries.iter().max_by_key(|m| m.send_at);
    let trouble = newest.filter(|m| m.state.is_trouble()).map(|m| m.error.clone().unwrap_or_else(|| "It could not be sent.".into()));
    let link = links::live(&mut r, LinkKind::Invoice, id.0).await?;
    let (word, tone) = invoices::standing(&invoice);
    let money = invoice.money();
    ui::page(&Show {
        head: ui::Head::of(&r, "invoices").title(invoice.title()).sub(invoice.contact_name.clone()).back("/invoices", "Invoices"),
        pill: ui::pill(word, tone),
        printed: printed(&invoice, &lines, &taxes),
        overpaid: (!invoice.overpaid().is_zero()).then(|| money.format(invoice.overpaid())),
        payments,
        deliveries,
        trouble,
        link: link.map(|l| links::url(&app, LinkKind::Invoice, l)),
        allowed: invoices::allowed_actions(&who, &invoice),
        has_payments: who.has(Capability::Payments),
        invoice,
    })
}

/// Formats a payment for a list, such as "Card · by Stripe · and $5.00 tip · $10.00 refunded".
pub fn row(who: &platform::tenant::Who, payment: Payment) -> PaymentRow {
    let money = payment.money();
    let mut words = vec![payment.method.word().to_owned()];
    if payment.is_online {
        words.push(format!("by {}", payments::providers::word(&payment.source)));
    }
    if !payment.reference.is_empty() {
        words.push(payment.reference.clone());
    }
    if !payment.tip.is_zero() {
        words.push(format!("and {} tip", money.format(payment.tip)));
    }
    if !payment.refunded.is_zero() {
        words.push(format!("{} refunded", money.format(payment.refunded)));
    }
    if let Some(failure) = &payment.failure {
        words.push(failure.clone());
    }
    PaymentRow {
        amount: money.format(payment.amount),
        words: words.join(" · "),
        can_refund: payments::allowed_actions(who, &payment).contains(&"payment.refund"),
        payment,
    }
}

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
