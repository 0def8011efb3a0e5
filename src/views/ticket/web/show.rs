//! The page of one ticket, for the technician on site.

use askama::Template;
use axum::extract::Path;

use crate::ticket::data::{self, Joined};
use customers::contacts::section::Brief;
use money::invoices::section::OfVisit;
use platform::{error::Result, ids::TicketId, role::Capability, tenant::Read};
use work::tickets::{
    TicketState,
    actions::Running,
    data::{Ticket, last_time, visible_ticket},
    section::Visit,
};

#[derive(Template)]
#[template(path = "views/ticket/show.html")]
pub(super) struct Show {
    head: ui::Head,
    visit: Visit,
    customer: Brief,
    invoice: Option<OfVisit>,
    country: String,
    warnings: Vec<String>,
    has_invoices: bool,
    trouble: Option<Trouble>,
}

/// The reason why a clock action failed.
#[derive(Debug)]
pub(super) struct Trouble {
    pub message: String,
    /// The ticket on which the member's clock is running instead.
    pub elsewhere: Option<Running>,
    /// Whether the action was a clock-in.
    pub is_coming: bool,
}

/// `GET /tickets/{id}`
pub async fn show(mut r: Read, Path(id): Path<TicketId>) -> Result<ui::Html> {
    ui::page(&page(&mut r, id, None).await?)
}

/// Builds the page; `trouble` is the reason why a clock action failed.
pub(super) async fn page(r: &mut Read, id: TicketId, trouble: Option<Trouble>) -> Result<Show> {
    let who = r.who.clone();
    who.require_capability(Some(Capability::Scheduling))?;
    let t = visible_ticket(r.db(), &who, id).await?;
    let Joined { visit: parts, customer, invoice } = data::joined(r.db(), &who, &t).await?;
    let services: Vec<_> = parts.lines.iter().filter_map(|l| l.service_id).collect();
    let last = last_time(r.db(), t.contact_id, t.address_id, &services).await?;
    let back = ui::format::input_date(t.starts_at, who.zone);
    let is_today = who.today() == platform::localtime::local_date(t.starts_at, who.zone);
    let mut head = ui::Head::of(r, if is_today { "today" } else { "calendar" }).title(&t.contact_name);
    // The head does not repeat the running clock on the page of its own ticket.
    head.current = head.current.filter(|c| c.href != format!("/tickets/{id}"));
    let head = if is_today { head.back("/", "Today") } else { head.back(format!("/calendar?view=day&date={back}"), "Calendar") };
    Ok(Show {
        head,
        country: who.country.clone(),
        warnings: warnings(&t, &customer),
        has_invoices: who.has(Capability::Invoices),
        visit: Visit::new(&who, t, parts, last),
        customer,
        invoice,
        trouble,
    })
}

/// Warnings for the technician on site: the place's access notes, then what is known of access, pets, equipment and hazards.
fn warnings(t: &Ticket, customer: &Brief) -> Vec<String> {
    let mut out = customer.warnings();
    if !t.access_notes.is_empty() {
        out.insert(0, t.access_notes.clone());
    }
    out.dedup();
    out
}
