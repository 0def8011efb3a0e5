//! The home page.

use askama::Template;
use axum::{extract::Path, response::Response};
use rust_decimal::Decimal;

use super::{
    actions::{ResolveNotice, RunJobAgain},
    data,
};
use crate::{
    business::data::{Checklist, checklist},
    platform::{
        error::Result,
        form::Posted,
        ids::NoticeId,
        role::{Capability, Permission},
        tenant::{Read, Write},
    },
    tickets::{
        Confirmation, TicketState, currency,
        data::{DayTicket, day},
        web::{fields::Fields, pills, price, short_amount},
    },
    ui,
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
    let tickets = if schedules { day(r.db(), &who, who.today()).await? } else { vec![] };
    let summary = data::summary(r.db(), &who).await?;
    let checklist = checklist(r.db(), &who).await?.filter(Checklist::is_open);
    let total: Decimal = tickets.iter().map(|t| t.total).sum();
    let waiting = tickets.iter().filter(|t| t.state == TicketState::Scheduled && t.confirmation != Confirmation::Accepted).count();
    let mut words = vec![];
    if schedules {
        words.push(ui::format::count(tickets.len(), "visit", "visits"));
    }
    if who.sees_prices() && !total.is_zero() {
        words.push(short_amount(currency(&who), total));
    }
    if waiting > 0 {
        words.push(format!("{waiting} to confirm"));
    }
    let c = currency(&who);
    let money = data::sees_money(&who).then(|| Money {
        unpaid: short_amount(c, summary.unpaid.total),
        overdue: short_amount(c, summary.overdue.total),
        paid: short_amount(c, summary.paid_today.total),
    });
    ui::page(&Home {
        head: r.head("today").title(ui::format::long_day(who.today())).sub(words.join(" · ")),
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

/// The first words of a note, as a tag.
fn short(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    if line.chars().count() <= 40 { line.to_owned() } else { line.chars().take(39).chain(['…']).collect() }
}

/// `POST /notices/{id}/resolve`
pub async fn resolve(w: Write, Path(id): Path<NoticeId>, posted: Posted<Fields>) -> Result<Response> {
    w.act(&posted.meta, ResolveNotice { notice_id: id }).await?;
    Ok(ui::redirect("/", "Settled"))
}

/// `POST /jobs/{job}/again`
pub async fn run_again(w: Write, Path(job): Path<i64>, posted: Posted<Fields>) -> Result<Response> {
    w.act(&posted.meta, RunJobAgain { job_id: job }).await?;
    Ok(ui::redirect("/", "Running again"))
}
