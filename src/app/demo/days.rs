//! Visits of today and tomorrow, planned to fit the time of day at which the demo is opened.

use chrono::{DateTime, Datelike as _, Duration, DurationRound as _, NaiveDate, NaiveTime, Utc};
use rust_decimal::Decimal;
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    bills::{Bills, mail},
    dice::Dice,
    past::{Books, time},
    people::{Customer, What},
    rows::Rows,
    visit::{Line, Stage, Visit, event, note, usual_lines},
    words,
};
use platform::{
    error::Result,
    ids::{AnswerId, MemberId, NoticeId, TicketId},
    localtime::{day_bounds, to_utc},
};

/// Start (minutes after midnight) and length (minutes) of each technician's visits.
const DAY: [&[(i64, i64)]; 2] = [&[(480, 90), (600, 90), (750, 90), (870, 90), (990, 60)], &[(510, 120), (660, 60), (780, 120), (930, 90)]];
/// Confirmation states of tomorrow's visits, by technician and visit.
const TOMORROW: [&[&str]; 2] =
    [&["accepted", "declined", "accepted", "asked", "not_asked"], &["asked", "change_requested", "accepted", "not_asked"]];
/// Indexes of the technician and of tomorrow's visit whose price is estimated.
const ESTIMATED: (usize, usize) = (0, 2);

/// Booked times by technician, so that no visit overlaps one that a visitor has booked.
pub struct Busy(Vec<(MemberId, DateTime<Utc>, DateTime<Utc>)>);

impl Busy {
    pub async fn between(db: &mut PgConnection, from: DateTime<Utc>, to: DateTime<Utc>) -> Result<Self> {
        let rows =
            sqlx::query_as("select member_id, lower(slot), upper(slot) from assignments where is_open and slot && tstzrange($1, $2)");
        Ok(Self(rows.bind(from).bind(to).fetch_all(db).await?))
    }

    /// Returns `at`, or 15 minutes after the end of a visit that overlaps the hour from `at`.
    fn free_from(&self, member: MemberId, at: DateTime<Utc>) -> DateTime<Utc> {
        let ends = self.0.iter().filter(|(m, f, t)| *m == member && *f < at + Duration::minutes(60) && at < *t).map(|b| b.2);
        ends.max().map_or(at, |end| end + Duration::minutes(15))
    }

    /// Books the time; returns false if it is taken.
    fn take(&mut self, member: MemberId, from: DateTime<Utc>, to: DateTime<Utc>) -> bool {
        let free = !self.0.iter().any(|(m, f, t)| *m == member && *f < to && from < *t);
        if free {
            self.0.push((member, from, to));
        }
        free
    }
}

/// A day's planned visits.
pub struct Day<'a> {
    pub books: &'a Books<'a>,
    pub date: NaiveDate,
    dice: Dice,
    pub visits: Vec<Visit<'a>>,
}

impl<'a> Day<'a> {
    pub fn new(books: &'a Books<'a>, date: NaiveDate) -> Self {
        let seed = u64::try_from(date.num_days_from_ce()).unwrap_or_default();
        Self { books, date, dice: Dice::new(seed), visits: Vec::new() }
    }

    /// Adds the demo's opening scene: the first technician is at work, the second has started a close-out.
    pub fn begin_in_the_middle(&mut self, busy: &mut Busy) {
        let (midnight, _) = day_bounds(self.date, self.books.zone);
        let now = self.books.now;
        let quarter = now.duration_trunc(Duration::minutes(15)).unwrap_or(now);
        let starts_at = (quarter - Duration::minutes(30)).max(midnight);
        let since = (now - Duration::minutes(26)).max(midnight);
        self.add(busy, 0, (starts_at, starts_at + Duration::minutes(120)), Stage::Running(since), "now");
        let morning = (to_utc(self.date, time(510), self.books.zone), to_utc(self.date, time(600), self.books.zone));
        let late = to_utc(self.date.pred_opt().unwrap_or(self.date), time(990), self.books.zone);
        let done = if morning.1 < now { morning } else { (late, late + Duration::minutes(90)) };
        self.add(busy, 1, done, Stage::HalfDone, "half-done");
    }

    /// Adds the day's regular visits in free slots; past ones are closed.
    pub fn fill(&mut self, busy: &mut Busy) {
        for (technician, day) in DAY.iter().enumerate() {
            for (place, &(from, length)) in day.iter().enumerate() {
                let starts_at = to_utc(self.date, time(from), self.books.zone);
                let ends_at = starts_at + Duration::minutes(length);
                let stage = match (ends_at + Duration::minutes(10) < self.books.now, self.date > self.books.today()) {
                    (true, _) => Stage::Closed(if place % 2 == 0 { "payment" } else { "invoice" }),
                    (false, true) => Stage::Scheduled(TOMORROW[technician][place]),
                    (false, false) => Stage::Scheduled(if place == 3 { "asked" } else { "accepted" }),
                };
                self.add(busy, technician, (starts_at, ends_at), stage, &place.to_string());
            }
        }
    }

    /// Adds a later visit for each technician without one, so that the demo has open work in the evening too.
    pub fn leave_something(&mut self, busy: &mut Busy) {
        let (now, (_, midnight)) = (self.books.now, day_bounds(self.date, self.books.zone));
        let quarter = now.duration_trunc(Duration::minutes(15)).unwrap_or(now);
        for technician in 0..DAY.len() {
            let member = self.books.team.technician(technician).id;
            let has_more = self.visits.iter().any(|v| v.technician.id == member && v.starts_at > now);
            let starts_at = busy.free_from(member, quarter + Duration::minutes(45));
            let ends_at = starts_at + Duration::minutes(60);
            if !has_more && ends_at <= midnight {
                self.add(busy, technician, (starts_at, ends_at), Stage::Scheduled("accepted"), "late");
            }
        }
    }

    fn add(&mut self, busy: &mut Busy, technician: usize, (starts_at, ends_at): (DateTime<Utc>, DateTime<Utc>), stage: Stage, place: &str) {
        let books = self.books;
        let person = books.team.technician(technician);
        if books.customers.is_empty() || !busy.take(person.id, starts_at, ends_at) {
            return;
        }
        let customer = self.somebody(stage);
        let tomorrow = self.date > books.today();
        let is_estimated = tomorrow && (technician, place) == (ESTIMATED.0, &*ESTIMATED.1.to_string());
        let mut lines = usual_lines(&mut self.dice, books.catalogue, customer);
        if is_estimated {
            lines.push(Line { sold: books.catalogue.item(What::House).clone(), quantity: Decimal::ONE, price: None });
        }
        let is_closed = matches!(stage, Stage::Closed(_));
        self.visits.push(Visit {
            id: TicketId::new(),
            number: 0,
            customer,
            technician: person,
            starts_at,
            ends_at,
            booked_at: starts_at - Duration::days(9),
            lines,
            stage,
            is_estimated,
            instructions: self.dice.of(&words::INSTRUCTIONS),
            note: if is_closed { note(&mut self.dice, customer, false) } else { String::new() },
            key: Some(format!("demo:{}:{technician}:{place}", self.date)),
        });
    }

    /// Picks a customer without a visit that day; one with an email address unless the visit is closed.
    fn somebody(&mut self, stage: Stage) -> &'a Customer {
        let all = self.books.customers;
        let from = self.dice.index(all.len());
        let fits =
            |c: &&Customer| (c.email.is_some() || matches!(stage, Stage::Closed(_))) && !self.visits.iter().any(|v| v.customer.id == c.id);
        all.iter().cycle().skip(from).take(all.len()).find(fits).unwrap_or(&all[from])
    }

    /// Adds the rows of the visits, with customers' answers, mails and invoices of closed visits.
    pub fn write(mut self, rows: &mut Rows, bills: &mut Bills, first_number: i64) {
        self.visits.sort_by_key(|v| v.ends_at);
        for (visit, number) in self.visits.iter_mut().zip(first_number..) {
            visit.number = number;
        }
        for visit in &self.visits {
            visit.write(rows, self.books.team);
            if let Stage::Scheduled(confirmation) = visit.stage {
                self.asked(rows, visit, confirmation);
            }
            bills.of(rows, &mut self.dice, self.books, visit);
        }
    }

    fn asked(&self, rows: &mut Rows, visit: &Visit<'_>, confirmation: &'static str) {
        let yesterday = self.books.today().pred_opt().unwrap_or(self.date);
        let asked_at = to_utc(yesterday, time(580), self.books.zone);
        if confirmation == "not_asked" {
            return;
        }
        mail(rows, self.books, visit, "confirmation", ("ticket", visit.id.0), asked_at);
        if confirmation == "asked" {
            return;
        }
        let wish = if confirmation == "change_requested" { words::WISHES[0] } else { "" };
        let at = asked_at + Duration::hours(3);
        rows.add(
            "ticket_answers",
            json!({ "id": AnswerId::new(), "ticket_id": visit.id, "answer": confirmation, "wish": wish, "channel": "link",
                    "link_id": Option::<Uuid>::None, "for_start": visit.starts_at, "created_at": at, "created_by": "link" }),
        );
        let (name, notice) = match confirmation {
            "declined" => ("ticket.declined", Some(("declined", format!("{} declined T-{}.", visit.customer.name, visit.number)))),
            "change_requested" => (
                "ticket.change_requested",
                Some(("wants_another_time", format!("{} wants another time for T-{}. “{wish}”", visit.customer.name, visit.number))),
            ),
            _ => ("ticket.confirmed", None),
        };
        event(rows, name, ("ticket", visit.id.0), visit.customer.id, at, "link", json!({ "channel": "link" }));
        if let Some((kind, body)) = notice {
            rows.add(
                "notices",
                json!({ "id": NoticeId::new(), "kind": kind, "subject_kind": "ticket", "subject_id": visit.id, "body": body,
                        "dedup_key": format!("answer:{}", visit.id), "created_at": at }),
            );
        }
    }
}

/// Whether the day already has its visits.
pub async fn is_filled(db: &mut PgConnection, date: NaiveDate) -> Result<bool> {
    let made = "select exists (select from tickets where source_key like 'demo:' || $1::date || ':%:0' or source_key like 'demo:' || $1::date || ':%:1')";
    Ok(sqlx::query_scalar(made).bind(date).fetch_one(db).await?)
}

/// Closes or cancels the demo's own visits left open before `before`, so that a demo started a week later has no clock running for a week.
/// Visits with a close-out in progress stay.
pub async fn finish_earlier(db: &mut PgConnection, before: DateTime<Utc>) -> Result<()> {
    let left: Vec<Uuid> = sqlx::query_scalar(
        "select t.id from tickets t
          where t.source_key like 'demo:%' and t.state in ('scheduled', 'in_progress') and t.ends_at < $1
            and not exists (select from closeouts c where c.org_id = t.org_id and c.ticket_id = t.id and c.state <> 'abandoned')",
    )
    .bind(before)
    .fetch_all(&mut *db)
    .await?;
    for sql in [
        "update clock_entries c set clocked_out_at = greatest(c.clocked_in_at, t.ends_at)
           from tickets t where t.org_id = c.org_id and t.id = c.ticket_id and c.clocked_out_at is null and t.id = any ($1)",
        "update assignments set is_open = false where ticket_id = any ($1)",
        "update tickets set state = 'cancelled', cancel_reason = 'Found another day', cancelled_at = starts_at
          where id = any ($1) and (has_open_price or is_price_estimated or confirmation in ('declined', 'change_requested'))",
        "insert into events (at, name, subject_kind, subject_id, contact_id, actor, source, payload)
         select t.ends_at, 'ticket.closed', 'ticket', t.id, t.contact_id, 'member:' || a.member_id, 'page',
                jsonb_build_object('v', 1, 'number', t.number, 'amount', t.total::text, 'currency', 'USD')
           from tickets t join lateral (select x.member_id from assignments x where x.org_id = t.org_id and x.ticket_id = t.id order by x.id limit 1) a on true
          where t.id = any ($1) and t.state <> 'cancelled'",
        "update tickets t set state = 'closed', closed_at = t.ends_at, settlement = 'handled_elsewhere',
                worked_minutes = extract(epoch from t.ends_at - t.starts_at)::int / 60,
                closed_by = (select x.member_id from assignments x where x.org_id = t.org_id and x.ticket_id = t.id order by x.id limit 1)
          where t.id = any ($1) and t.state <> 'cancelled'",
    ] {
        sqlx::query(sql).bind(&left).execute(&mut *db).await?;
    }
    Ok(())
}

/// The start of the day in the demo's time zone.
pub fn midnight(date: NaiveDate, books: &Books<'_>) -> DateTime<Utc> {
    to_utc(date, NaiveTime::MIN, books.zone)
}
