//! Fills the demo: once with two years of history, then daily with visits for today and tomorrow.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    FIRST, OWNER, Person, SECOND, Team, YEARS,
    bills::Bills,
    days::{self, Busy, Day},
    dice::Dice,
    past::{self, Books},
    people,
    rows::Rows,
    visit::Stage,
};
use flows::closeout;
use platform::{
    action::{Action, Cx},
    error::{Error, Result},
    ids::{CloseoutId, MemberId, TicketId},
    localtime::to_utc,
    numbers::{Counter, take},
    role::{ModelLevel, Permission},
};
use work::tickets;

/// Invents the customers and two years of their visits; does nothing if the demo was filled before.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct Fill {}

impl Action for Fill {
    const NAME: &'static str = "demo.fill";
    const NEEDS: Permission = Permission::OwnBusiness;
    const MODEL: ModelLevel = ModelLevel::RequiresAuthorization;
    type Output = ();

    async fn run(self, cx: &mut Cx<'_>) -> Result<()> {
        let filled: bool =
            sqlx::query_scalar("select exists (select from services where source_key = 'demo:0')").fetch_one(cx.db()).await?;
        if filled {
            return Ok(());
        }
        let (team, mut dice, mut rows) = (team(cx).await?, Dice::new(2026), Rows::default());
        let (now, zone, today) = (cx.now(), cx.who.zone, cx.who.today());
        let opened = today.checked_sub_days(Days::new(365 * YEARS)).unwrap_or(today);
        let opened_at = to_utc(opened, NaiveTime::MIN, zone);
        let catalogue = people::catalogue(&mut rows, &team, opened_at);
        let customers = people::customers(&mut rows, &mut dice, &team, opened_at, now)?;
        let slots = past::plan(&mut dice, opened, today, zone, now, customers.len());
        let first = take(cx, Counter::Ticket, i64::try_from(slots.len()).unwrap_or_default()).await?;
        let books = Books { team: &team, catalogue: &catalogue, customers: &customers, zone, now, xid: xid(cx).await?, app: cx.app };
        let mut bills = Bills::after(take(cx, Counter::Invoice, 0).await? - 1);
        let before = bills.last_number;
        past::write(&mut rows, &mut dice, &books, &slots, first, &mut bills);
        rows.write(cx.db()).await?;
        take(cx, Counter::Invoice, bills.last_number - before).await?;
        let contacts: Vec<_> = customers.iter().map(|c| c.id).collect();
        sqlx::query("select app.index_contacts($1)").bind(&contacts).execute(cx.db()).await?;
        Ok(())
    }
}

/// Creates visits for today and tomorrow, once for each day, and finishes visits left open on earlier days.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct TopUp {}

impl Action for TopUp {
    const NAME: &'static str = "demo.top_up";
    const NEEDS: Permission = Permission::OwnBusiness;
    const MODEL: ModelLevel = ModelLevel::RequiresAuthorization;
    type Output = ();

    async fn run(self, cx: &mut Cx<'_>) -> Result<()> {
        let today = cx.who.today();
        let tomorrow = today.succ_opt().unwrap_or(today);
        let mut missing = Vec::new();
        for date in [today, tomorrow] {
            if !days::is_filled(cx.db(), date).await? {
                missing.push(date);
            }
        }
        let Some(catalogue) = people::known_catalogue(cx.db()).await?.filter(|_| !missing.is_empty()) else { return Ok(()) };
        let (team, customers) = (team(cx).await?, people::known_customers(cx.db()).await?);
        let (now, zone) = (cx.now(), cx.who.zone);
        let books = Books { team: &team, catalogue: &catalogue, customers: &customers, zone, now, xid: xid(cx).await?, app: cx.app };
        days::finish_earlier(cx.db(), days::midnight(today, &books)).await?;
        fill(cx, &books, &missing, today).await
    }
}

async fn fill(cx: &mut Cx<'_>, books: &Books<'_>, missing: &[NaiveDate], today: NaiveDate) -> Result<()> {
    let is_new: bool =
        sqlx::query_scalar("select not exists (select from tickets where source_key like 'demo:%')").fetch_one(cx.db()).await?;
    let from = days::midnight(today.pred_opt().unwrap_or(today), books);
    let until = days::midnight(today.checked_add_days(Days::new(3)).unwrap_or(today), books);
    let mut busy = Busy::between(cx.db(), from, until).await?;
    let mut rows = Rows::default();
    let mut bills = Bills::after(take(cx, Counter::Invoice, 0).await? - 1);
    let before = bills.last_number;
    let mut half_done = None;
    for &date in missing {
        let mut day = Day::new(books, date);
        if is_new && date == today {
            day.begin_in_the_middle(&mut busy);
            half_done = day.visits.iter().find(|v| v.stage == Stage::HalfDone).map(|v| (v.id, v.technician.id));
        }
        day.fill(&mut busy);
        if date == today {
            day.leave_something(&mut busy);
        }
        let first = take(cx, Counter::Ticket, i64::try_from(day.visits.len()).unwrap_or_default()).await?;
        day.write(&mut rows, &mut bills, first);
    }
    rows.write(cx.db()).await?;
    take(cx, Counter::Invoice, bills.last_number - before).await?;
    match half_done {
        Some((ticket, technician)) => begin_closeout(cx, ticket, technician).await,
        None => Ok(()),
    }
}

/// Adds a close-out that a technician has started and not completed.
async fn begin_closeout(cx: &mut Cx<'_>, ticket: TicketId, technician: MemberId) -> Result<()> {
    let now = cx.now();
    let ticket = tickets::data::ticket(cx.db(), ticket).await?;
    let mut draft = closeout::data::first_draft(cx.db(), &ticket, now).await?;
    draft.worked_minutes = draft.worked_minutes.or(Some(90));
    draft.notes = "2 story in back, needs 24 ft ladder. Dog Pepper (beagle), friendly. Gate code 7735. Hard water on the north side".into();
    draft.read_notes();
    let mut rows = Rows::default();
    rows.add(
        "closeouts",
        json!({ "id": CloseoutId::new(), "ticket_id": ticket.id, "member_id": technician, "step": "next", "draft": draft,
                "created_at": ticket.ends_at, "created_by": format!("member:{technician}") }),
    );
    rows.write(cx.db()).await
}

async fn team(cx: &mut Cx<'_>) -> Result<Team> {
    let rows: Vec<(String, MemberId)> = sqlx::query_as("select email, id from members where email = any ($1)")
        .bind([OWNER, FIRST, SECOND].map(|p| p.1.to_owned()).as_slice())
        .fetch_all(cx.db())
        .await?;
    let person = |email: &str| {
        let found = rows.iter().find(|(e, _)| e == email);
        found
            .map(|(_, id)| Person { id: *id })
            .ok_or_else(|| Error::conflict(format!("{email} is not in the demo any more. Begin anew with --reset.")))
    };
    Ok(Team { owner: person(OWNER.1)?, first: person(FIRST.1)?, second: person(SECOND.1)? })
}

async fn xid(cx: &mut Cx<'_>) -> Result<String> {
    Ok(sqlx::query_scalar("select pg_current_xact_id()::text").fetch_one(cx.db()).await?)
}

/// When the demo's history begins: `YEARS` before `now`.
pub fn opened(now: DateTime<Utc>) -> DateTime<Utc> {
    now - chrono::Duration::days(365 * i64::try_from(YEARS).unwrap_or(2))
}
