//! The calendar as a day by technician, a week or a list; and the day sheet to print.

use askama::Template;
use axum::extract::Query;
use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, Timelike, Utc};
use chrono_tz::Tz;
use rust_decimal::Decimal;

use super::{grid::arrange, pills, price};
use crate::tickets::{
    Confirmation, TicketState,
    data::{self, DayTicket, Technician},
    overlap::{self, Hours},
};
use platform::{
    error::Result,
    ids::MemberId,
    localtime::{day_bounds, local_date, parse_date, wall},
    role::{Capability, Permission},
    tenant::{Read, Who},
};

/// The shortest free time that is offered, in minutes.
const WORTH_A_VISIT: i64 = 60;
/// The number of days in the list view.
const LISTED: u64 = 14;

#[derive(Template)]
#[template(path = "tickets/calendar.html")]
struct Calendar {
    head: ui::Head,
    view: &'static str,
    date: NaiveDate,
    before: NaiveDate,
    after: NaiveDate,
    technician: String,
    technicians: Vec<Technician>,
    columns: Vec<Column>,
    /// Grid row and hour of each label.
    hours: Vec<(i64, i64)>,
    /// The start of the grid in minutes since midnight.
    start: i64,
    class: &'static str,
    is_empty: bool,
    /// Days of the shown week have passed: a phone shows them last.
    has_earlier: bool,
    may_create: bool,
}

impl Block {
    /// `Maria Weber, Tom Hill`: the crew for those who hear the page, and for the list.
    fn names(&self) -> String {
        self.crew.iter().map(|m| m.name.as_str()).collect::<Vec<_>>().join(", ")
    }
}

/// A column: a day in the week view, a technician in the day view.
struct Column {
    label: String,
    weekday: String,
    number: String,
    money: String,
    is_today: bool,
    is_off: bool,
    href: String,
    /// The query of the move form when a block is dropped on this column.
    drop: String,
    blocks: Vec<Block>,
}

#[derive(Default)]
pub(super) struct Block {
    pub class: String,
    pub href: String,
    pub name: String,
    pub words: String,
    pub when: String,
    pub pills: Vec<ui::Pill>,
    /// Who comes, where the column does not say it.
    pub crew: Vec<Technician>,
    pub from: i64,
    pub to: i64,
    /// Whether it can be dragged to another time.
    pub moves: bool,
}

/// `GET /calendar?view=day|week|list&date=&technician=`
pub async fn calendar(mut r: Read, Query(asked): Query<ui::Form>) -> Result<ui::Html> {
    let who = r.who.clone();
    who.require_capability(Some(Capability::Scheduling))?;
    let today = who.today();
    let date = parse_date(asked.get("date")).unwrap_or(today);
    let technician: Option<MemberId> = asked.parsed("technician");
    let (view, first, days) = match asked.get("view") {
        "day" => ("day", date, 1),
        "list" => ("list", date, LISTED),
        _ => ("week", ui::format::week_of(date).first().copied().unwrap_or(date), 7),
    };
    let last = plus(first, days - 1);
    let tickets = data::span(r.db(), &who, day_bounds(first, who.zone).0, day_bounds(last, who.zone).1, technician).await?;
    let technicians = data::technicians(r.db()).await?;
    let hours = overlap::hours(r.db(), &who).await?;
    let window = window(&hours, &tickets, who.zone);
    let one = technician.or_else(|| (technicians.len() == 1).then(|| technicians[0].id));
    let mut columns = match view {
        "day" => day_columns(&who, first, &tickets, &technicians, technician, &hours),
        _ => first
            .iter_days()
            .take(usize::try_from(days).unwrap_or(7))
            .map(|d| day_column(&who, d, &tickets, &hours, one.filter(|_| view == "week")))
            .collect(),
    };
    if view == "week" && columns.iter().skip(5).all(|c| c.is_off && c.blocks.is_empty() && !c.is_today) {
        columns.truncate(5);
    }
    if view != "list" {
        let of = technician.filter(|_| view == "week").map(|t| format!("&technician={t}")).unwrap_or_default();
        for c in &mut columns {
            arrange(&mut c.blocks, window.0, &format!("/calendar?view=list&{}{of}", c.drop));
        }
    }
    let class = if view == "day" && columns.len() == 1 { "cal one" } else { "cal full" };
    let title = match view {
        "day" => ui::format::long_day(first),
        _ => ui::format::day_range(first, plus(first, u64::try_from(columns.len()).unwrap_or(1) - 1)),
    };
    let step = if view == "day" { 1 } else { days };
    ui::page(&Calendar {
        head: ui::Head::of(&r, "calendar").title(title),
        before: first.checked_sub_days(Days::new(step)).unwrap_or(first),
        after: plus(first, step),
        technician: technician.map(|t| t.to_string()).unwrap_or_default(),
        hours: (window.0 / 60..window.1 / 60).map(|h| ((h - window.0 / 60) * 4, h)).collect(),
        start: window.0,
        is_empty: tickets.is_empty(),
        has_earlier: view == "week" && columns.iter().position(|c| c.is_today).is_some_and(|at| at > 0),
        may_create: who.can(Permission::WriteRecords),
        view,
        date,
        technicians,
        columns,
        class,
    })
}

fn plus(date: NaiveDate, days: u64) -> NaiveDate {
    date.checked_add_days(Days::new(days)).unwrap_or(date)
}

/// Minutes of wall time since midnight of `day`; 0 before it, 1,440 after it.
fn minute(at: DateTime<Utc>, day: NaiveDate, zone: Tz) -> i64 {
    let w = wall(at, zone);
    match w.date().cmp(&day) {
        std::cmp::Ordering::Less => 0,
        std::cmp::Ordering::Equal => i64::from(w.time().num_seconds_from_midnight() / 60),
        std::cmp::Ordering::Greater => 24 * 60,
    }
}

fn minutes_of(time: NaiveTime) -> i64 {
    i64::from(time.num_seconds_from_midnight() / 60)
}

/// The grid's range in minutes since midnight, in whole hours: working hours, extended by tickets outside them.
fn window(hours: &Hours, tickets: &[DayTicket], zone: Tz) -> (i64, i64) {
    let (mut from, mut to) = (minutes_of(hours.starts), minutes_of(hours.ends));
    for t in tickets {
        let day = local_date(t.starts_at, zone);
        from = from.min(minute(t.starts_at, day, zone));
        to = to.max(minute(t.ends_at, day, zone));
    }
    (from / 60 * 60, (to + 59) / 60 * 60)
}

fn is_off(hours: &Hours, date: NaiveDate) -> bool {
    !hours.days.contains(&i32::try_from(date.weekday().number_from_monday()).unwrap_or_default())
}

fn on(tickets: &[DayTicket], date: NaiveDate, zone: Tz) -> Vec<&DayTicket> {
    let (from, to) = day_bounds(date, zone);
    tickets.iter().filter(|t| t.starts_at < to && t.ends_at > from).collect()
}

/// The sum of the tickets' totals; `None` if it is zero or prices are hidden.
fn money<'a>(who: &Who, tickets: impl IntoIterator<Item = &'a DayTicket>) -> Option<Decimal> {
    let total: Decimal = tickets.into_iter().map(|t| t.total).sum();
    (who.sees_prices() && !total.is_zero()).then_some(total)
}

/// The sum for a column's head in whole currency units, since there is little room; empty if there is none.
fn money_in_head(who: &Who, tickets: &[&DayTicket]) -> String {
    money(who, tickets.iter().copied()).map(|total| who.currency.whole(total)).unwrap_or_default()
}

fn day_column(who: &Who, date: NaiveDate, tickets: &[DayTicket], hours: &Hours, one: Option<MemberId>) -> Column {
    let mine = on(tickets, date, who.zone);
    let mut blocks: Vec<Block> = mine.iter().map(|t| block(who, t, date, true)).collect();
    if let Some(member) = one {
        blocks.extend(gaps(who, &mine, date, hours, Some(member)));
    }
    Column {
        label: ui::format::date(date),
        weekday: date.format("%a").to_string(),
        number: date.day().to_string(),
        money: money_in_head(who, &mine),
        is_today: date == who.today(),
        is_off: is_off(hours, date),
        href: format!("/calendar?view=day&date={date}"),
        drop: format!("date={date}"),
        blocks,
    }
}

/// One column per technician, and one for tickets without a technician of the list.
fn day_columns(
    who: &Who,
    date: NaiveDate,
    tickets: &[DayTicket],
    technicians: &[Technician],
    only: Option<MemberId>,
    hours: &Hours,
) -> Vec<Column> {
    let today = on(tickets, date, who.zone);
    let column = |name: &str, mine: Vec<&DayTicket>, member: Option<MemberId>| {
        let mut blocks: Vec<Block> = mine.iter().map(|t| block(who, t, date, false)).collect();
        blocks.extend(gaps(who, &mine, date, hours, member));
        let href = member.map(|m| format!("/calendar?view=week&date={date}&technician={m}")).unwrap_or_default();
        let money = money_in_head(who, &mine);
        Column {
            label: name.into(),
            weekday: String::new(),
            number: name.into(),
            money,
            is_today: date == who.today(),
            is_off: is_off(hours, date),
            href,
            drop: member.map_or_else(|| format!("date={date}"), |m| format!("date={date}&technician={m}")),
            blocks,
        }
    };
    let own = who.only_own_tickets();
    let mut columns: Vec<Column> = technicians
        .iter()
        .filter(|t| only.is_none_or(|o| o == t.id) && own.is_none_or(|o| o == t.id))
        .map(|m| column(&m.name, today.iter().copied().filter(|t| t.technicians.iter().any(|x| x.id == m.id)).collect(), Some(m.id)))
        .collect();
    let others: Vec<&DayTicket> =
        today.iter().copied().filter(|t| !t.technicians.iter().any(|x| technicians.iter().any(|m| m.id == x.id))).collect();
    if !others.is_empty() || columns.is_empty() {
        columns.push(column("Nobody yet", others, None));
    }
    columns
}

fn block(who: &Who, t: &DayTicket, date: NaiveDate, with_names: bool) -> Block {
    let tone = match (t.state, t.confirmation) {
        (TicketState::Closed | TicketState::Cancelled, _) => " done",
        (TicketState::Scheduled, Confirmation::Declined | Confirmation::ChangeRequested) => " bad",
        (TicketState::Scheduled, Confirmation::NotAsked | Confirmation::Asked) => " wait",
        _ => "",
    };
    let mut words = vec![t.city.clone(), price(who, t.total, t.has_open_price)];
    if t.is_price_estimated && who.sees_prices() {
        words[1] += " est.";
    }
    if tone == " bad" || tone == " wait" {
        words.push(t.confirmation.word().to_lowercase());
    }
    Block {
        class: tone.into(),
        href: format!("/tickets/{}", t.id),
        name: t.name.clone(),
        words: words.into_iter().filter(|w| !w.trim().is_empty()).collect::<Vec<_>>().join(" · "),
        when: format!("{}–{}", ui::format::time(t.starts_at, who.zone), ui::format::time(t.ends_at, who.zone)),
        pills: pills(t.state, t.confirmation),
        crew: if with_names { t.technicians.clone() } else { vec![] },
        from: minute(t.starts_at, date, who.zone),
        to: minute(t.ends_at, date, who.zone),
        moves: t.state == TicketState::Scheduled && who.can(Permission::WriteRecords),
    }
}

/// Blocks for the technician's free time within working hours from now on; each links to the booking form.
fn gaps(who: &Who, busy: &[&DayTicket], date: NaiveDate, hours: &Hours, member: Option<MemberId>) -> Vec<Block> {
    let Some(member) = member.filter(|_| who.can(Permission::WriteRecords) && !is_off(hours, date) && date >= who.today()) else {
        return vec![];
    };
    let mut at = minutes_of(hours.starts);
    if date == who.today() {
        at = at.max((minute(who.now, date, who.zone) + 29) / 30 * 30);
    }
    let end = minutes_of(hours.ends);
    let mut taken: Vec<(i64, i64)> =
        busy.iter().map(|t| (minute(t.starts_at, date, who.zone), minute(t.ends_at, date, who.zone))).collect();
    taken.push((end, end));
    taken.sort_unstable();
    let mut out = vec![];
    for (from, to) in taken {
        let until = from.min(end);
        if until - at >= WORTH_A_VISIT {
            let (clock, length) = (format!("{:02}%3A{:02}", at / 60, at % 60), ui::format::duration(until - at));
            out.push(Block {
                class: " gap".into(),
                href: format!("/tickets/new?date={date}&time={clock}&technician={member}"),
                words: format!("{length} free"),
                from: at,
                to: until,
                ..Block::default()
            });
        }
        at = at.max(to);
    }
    out
}

#[derive(Template)]
#[template(path = "tickets/sheet.html")]
struct Sheet {
    title: String,
    business: String,
    tickets: Vec<(DayTicket, String)>,
    zone: Tz,
    country: String,
    total: String,
}

/// `GET /calendar/sheet?date=&technician=`: the day sheet to print.
pub async fn sheet(mut r: Read, Query(asked): Query<ui::Form>) -> Result<ui::Html> {
    let who = r.who.clone();
    who.require_capability(Some(Capability::Scheduling))?;
    let date = parse_date(asked.get("date")).unwrap_or_else(|_| who.today());
    let (from, to) = day_bounds(date, who.zone);
    let tickets = data::span(r.db(), &who, from, to, asked.parsed("technician")).await?;
    let total = money(&who, &tickets).map(|total| who.currency.format(total)).unwrap_or_default();
    ui::page(&Sheet {
        title: ui::format::long_day(date),
        business: who.org_name.clone(),
        tickets: tickets
            .into_iter()
            .map(|t| {
                let p = price(&who, t.total, t.has_open_price);
                (t, p)
            })
            .collect(),
        zone: who.zone,
        country: who.country.clone(),
        total,
    })
}
