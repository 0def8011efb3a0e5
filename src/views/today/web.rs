//! The home page.

use askama::Template;
use axum::{
    extract::{Path, Query},
    response::Response,
};
use rust_decimal::Decimal;
use serde::Deserialize;

use super::data;
use flows::attention::{
    actions::{ResolveNotice, RetryJob},
    data as notices,
};
use office::business::data::{Checklist, checklist};
use platform::{
    error::Result,
    form::href,
    ids::NoticeId,
    query::{decode_cursor, next_cursor},
    role::{Capability, Permission},
    tenant::{Read, Write},
};
use work::tickets::{
    Confirmation, TicketState,
    data::{DayTicket, day},
    web::{pills, price},
};

#[derive(Template)]
#[template(path = "today/home.html")]
struct Home {
    head: ui::Head,
    visits: Vec<Visit>,
    summary: data::Summary,
    money: Option<Money>,
    checklist: Option<Checklist>,
    may_create: bool,
    may_write: bool,
    may_draft: bool,
    schedules: bool,
    zone: chrono_tz::Tz,
}

struct Visit {
    t: DayTicket,
    price: String,
    pills: Vec<ui::Pill>,
    tags: Vec<String>,
    minutes: i64,
}

struct Money {
    unpaid: String,
    overdue: String,
    paid: String,
}

/// `GET /`
pub async fn home(mut r: Read) -> Result<ui::Html> {
    let who = r.who.clone();
    let schedules = who.has(Capability::Scheduling);
    let mut tickets = if schedules { day(r.db(), &who, who.today()).await? } else { vec![] };
    let summary = data::summary(r.db(), &who).await?;
    let checklist = checklist(r.db(), &who).await?.filter(Checklist::is_open);
    let total: Decimal = tickets.iter().map(|t| t.total).sum();
    let waiting = tickets.iter().filter(|t| t.state == TicketState::Scheduled && t.confirmation != Confirmation::Accepted).count();
    let mut words = vec![];
    if schedules {
        words.push(ui::format::count(tickets.len(), "visit", "visits"));
    }
    if who.sees_prices() && !total.is_zero() {
        words.push(who.currency.format(total));
    }
    if waiting > 0 {
        words.push(format!("{waiting} to confirm"));
    }
    // What is still to come stands before what is done.
    tickets.sort_by_key(|t| t.state == TicketState::Closed);
    let c = who.currency;
    let money = data::sees_money(&who).then(|| Money {
        unpaid: c.format(summary.unpaid.total),
        overdue: c.format(summary.overdue.total),
        paid: c.format(summary.paid_today.total),
    });
    ui::page(&Home {
        head: ui::Head::of(&r, "today").title(ui::format::long_day(who.today())).sub(words.join(" · ")),
        visits: tickets
            .into_iter()
            .map(|t| Visit {
                price: price(&who, t.total, t.has_open_price),
                pills: pills(t.state, t.confirmation),
                tags: [t.access_notes.as_str(), t.instructions.as_str()].iter().filter(|w| !w.is_empty()).map(|w| short(w)).collect(),
                minutes: (t.ends_at - t.starts_at).num_minutes(),
                t,
            })
            .collect(),
        may_create: schedules && who.can(Permission::WriteRecords),
        may_write: who.can(Permission::WriteRecords),
        may_draft: who.has(Capability::Invoices) && who.can(Permission::DraftMoney),
        zone: who.zone,
        schedules,
        summary,
        money,
        checklist,
    })
}

/// The note's first line as a tag, cut to 40 characters.
fn short(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    if line.chars().count() <= 40 { line.to_owned() } else { line.chars().take(39).chain(['…']).collect() }
}

const PAGE: i64 = 30;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Wanted {
    search: String,
    state: String,
    after: String,
}

impl Wanted {
    fn href(&self, state: &str, after: &str) -> String {
        let parts = [("search", self.search.as_str()), ("state", state), ("after", after)];
        href("/notices", &parts)
    }
}

#[derive(Template)]
#[template(path = "today/notices.html")]
struct Notices {
    head: ui::Head,
    wanted: Wanted,
    rows: Vec<notices::Notice>,
    may_write: bool,
    next: Option<String>,
    first: Option<String>,
}

/// `GET /notices?search=&state=open|resolved`: open or resolved notices, newest first.
pub async fn notices(mut r: Read, Query(wanted): Query<Wanted>) -> Result<ui::Html> {
    let who = r.who.clone();
    let asked = notices::Asked {
        open: Some(wanted.state != "resolved"),
        search: Some(wanted.search.trim()).filter(|s| !s.is_empty()),
        after: if wanted.after.is_empty() { None } else { Some(decode_cursor(&wanted.after)?) },
        limit: PAGE + 1,
        ..notices::Asked::default()
    };
    let mut rows = notices::list(r.db(), &who, &asked).await?;
    let next = next_cursor(&mut rows, PAGE, |n| (n.created_at, n.id.0))?;
    ui::page(&Notices {
        head: ui::Head::of(&r, "today").title("Wants a person").back("/", "Today"),
        may_write: who.can(Permission::WriteRecords),
        next: next.map(|c| wanted.href(&wanted.state, &c)),
        first: (!wanted.after.is_empty()).then(|| wanted.href(&wanted.state, "")),
        rows,
        wanted,
    })
}

/// `POST /notices/{id}/resolve`: redirects to the page from which the notice was resolved.
pub async fn resolve(w: Write, Path(id): Path<NoticeId>, form: ui::Form) -> Result<Response> {
    w.act(&form.meta, ResolveNotice { notice_id: id }).await?;
    Ok(ui::redirect(if form.has("list") { "/notices" } else { "/" }, "Settled"))
}

/// `POST /jobs/{job}/again`
pub async fn run_again(w: Write, Path(job): Path<i64>, form: ui::Form) -> Result<Response> {
    w.act(&form.meta, RetryJob { job_id: job }).await?;
    Ok(ui::redirect("/", "Running again"))
}
