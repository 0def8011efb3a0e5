//! `/invoices`: the list of invoices, with the sums unpaid and overdue.

use axum::extract::Query;
use serde::Deserialize;

use crate::invoices::{
    self, InvoiceState,
    data::{self, Filter, Invoice, Place},
};
use platform::{
    error::Result,
    form::href,
    ids::ContactId,
    query::{decode_cursor, next_cursor},
    role::{Capability, Permission},
    tenant::Read,
};

const PAGE: i64 = 30;

/// Query parameters of the list.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Wanted {
    search: String,
    /// `unpaid`, `overdue` or the name of a state; empty for all.
    state: String,
    contact_id: String,
    after: String,
}

impl Wanted {
    fn href(&self, after: Option<&str>) -> String {
        self.link(&self.state, after)
    }

    fn link(&self, state: &str, after: Option<&str>) -> String {
        let parts =
            [("search", self.search.as_str()), ("state", state), ("contact_id", &self.contact_id), ("after", after.unwrap_or_default())];
        href("/invoices", &parts)
    }

    fn filter(&self, read: &Read) -> Filter {
        let states = match self.state.as_str() {
            "unpaid" => InvoiceState::ALL.into_iter().filter(|s| s.is_open()).collect(),
            name => InvoiceState::of_name(name).into_iter().collect(),
        };
        Filter {
            states,
            overdue: (self.state == "overdue").then_some(true),
            contact: self.contact_id.parse::<ContactId>().ok(),
            ticket: None,
            search: Some(self.search.clone()),
            only_own: data::only_own(&read.who),
        }
    }
}

struct Row {
    invoice: Invoice,
    amount: String,
    words: String,
    pill: ui::Pill,
}

#[derive(askama::Template)]
#[template(path = "invoices/index.html")]
struct Index {
    head: ui::Head,
    wanted: Wanted,
    /// Per filter: the value of `state` in the URL, its label, its link.
    states: Vec<(&'static str, &'static str, String)>,
    unpaid: String,
    unpaid_count: i64,
    overdue: String,
    overdue_count: i64,
    shows_owed: bool,
    rows: Vec<Row>,
    next: Option<String>,
    first: Option<String>,
    can_create: bool,
    can_see_payments: bool,
}

/// `GET /invoices`
pub async fn index(mut r: Read, Query(wanted): Query<Wanted>) -> Result<ui::Html> {
    r.who.require_capability(Some(Capability::Invoices))?;
    data::must_see_money(&r.who)?;
    let who = r.who.clone();
    let filter = wanted.filter(&r);
    let after = if wanted.after.is_empty() { None } else { Some(decode_cursor::<Place>(&wanted.after)?) };
    let mut rows = data::list(r.db(), &filter, after, PAGE).await?;
    let next = next_cursor(&mut rows, PAGE, |i| (i.created_at, i.id))?;
    let shows_owed = filter.only_own.is_none();
    let owed = if shows_owed { data::owed(r.db()).await? } else { data::Owed::default() };
    let money = who.currency;
    let today = who.today();
    let states = [("", "All"), ("unpaid", "Unpaid"), ("overdue", "Overdue"), ("draft", "Drafts"), ("paid", "Paid"), ("void", "Void")];
    ui::page(&Index {
        head: ui::Head::of(&r, "invoices").title("Invoices"),
        states: states.into_iter().map(|(state, word)| (state, word, wanted.link(state, None))).collect(),
        unpaid: money.format(owed.unpaid_total),
        unpaid_count: owed.unpaid_count,
        overdue: money.format(owed.overdue_total),
        overdue_count: owed.overdue_count,
        shows_owed,
        rows: rows.into_iter().map(|i| row(i, today)).collect(),
        next: next.as_deref().map(|c| wanted.href(Some(c))),
        first: (!wanted.after.is_empty()).then(|| wanted.href(None)),
        can_create: who.can(Permission::DraftMoney),
        can_see_payments: who.has(Capability::Payments),
        wanted,
    })
}

fn row(invoice: Invoice, today: chrono::NaiveDate) -> Row {
    let money = invoice.money();
    let number = invoice.number.clone().unwrap_or_else(|| "no number yet".into());
    let due = invoice.due_date.filter(|_| invoice.state.is_open()).map(|d| format!(" · due {}", ui::format::relative_day(d, today)));
    let left = (invoice.state == InvoiceState::PartiallyPaid).then(|| format!(" · {} left", money.format(invoice.amount_due)));
    let (word, tone) = invoices::standing(&invoice);
    Row {
        amount: money.format(invoice.total),
        words: format!("{number}{}{}", due.unwrap_or_default(), left.unwrap_or_default()),
        pill: ui::pill(word, tone),
        invoice,
    }
}
