use std::collections::BTreeSet;

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;

use super::{NewLine, UpdateLine, about, confirmation::settle_notice, lines, meanwhile::still_open};
use crate::tickets::{
    Settlement, TicketState, clocked_minutes,
    data::{self, Line, Ticket},
};
use platform::{
    action::{Action, Cx},
    error::{Error, FieldErrors, Result},
    ids::{LineId, TicketId},
    role::{Capability, ModelLevel, Permission},
};

/// A line as performed: an existing one (`id`) or one added at close-out.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct FinalLine {
    #[serde(default)]
    pub id: Option<LineId>,
    #[serde(flatten)]
    #[garde(dive)]
    pub line: NewLine,
    /// The estimated price is confirmed.
    #[serde(default)]
    pub price_confirmed: bool,
}

/// Closes a ticket with its final lines, prices and time on site. A closed ticket, its lines and its clock are immutable.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct CloseTicket {
    pub ticket_id: TicketId,
    /// Time on site in minutes, 1 to 10,080; by default the clocked time.
    #[serde(default)]
    #[garde(inner(custom(worked_fits)))]
    pub worked_minutes: Option<i32>,
    /// The performed lines; lines not listed are removed. Left out, all stay as they are. An empty list is refused if there are lines.
    #[serde(default)]
    #[garde(dive)]
    pub lines: Option<Vec<FinalLine>>,
    /// Confirms all estimated prices at once.
    #[serde(default)]
    pub prices_confirmed: bool,
}

fn worked_fits(minutes: &i32, _: &()) -> garde::Result {
    if (1..=10_080).contains(minutes) { Ok(()) } else { Err(garde::Error::new("The time on site is from a minute to a week.")) }
}

/// The closed ticket. `total` is in the business's currency.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Closed {
    pub id: TicketId,
    pub total: Decimal,
    pub worked_minutes: i32,
}

impl Action for CloseTicket {
    const NAME: &'static str = "ticket.close";
    const NEEDS: Permission = Permission::WriteRecords;
    const CAPABILITY: Option<Capability> = Some(Capability::Scheduling);
    const MODEL: ModelLevel = ModelLevel::SoftLimit;
    type Output = Closed;

    fn versioned(&self) -> Option<(&'static str, uuid::Uuid)> {
        Some(("tickets", self.ticket_id.0))
    }

    async fn run(self, cx: &mut Cx<'_>) -> Result<Closed> {
        let who = cx.who;
        let ticket = data::locked(cx.db(), who, self.ticket_id).await?;
        still_open(cx, &ticket).await?;
        let lines = data::lines(cx.db(), ticket.id).await?;
        close(cx, &ticket, lines, self).await
    }
}

/// Closes a ticket that the caller has locked and found open; `lines` were read under that lock. The caller has checked the action (`Cx::check`).
pub async fn close(cx: &mut Cx<'_>, ticket: &Ticket, mut lines: Vec<Line>, close: CloseTicket) -> Result<Closed> {
    if let Some(done) = &close.lines {
        lines = set_lines(cx, ticket, lines, done).await?;
    }
    check_prices(&lines, ticket, &close)?;
    let worked_minutes = stop_clock(cx, ticket, close.worked_minutes).await?;
    if ticket.state == TicketState::Scheduled {
        // Nobody clocked in. Scheduled to closed is no valid transition, so the ticket passes through in progress.
        let state = TicketState::InProgress;
        sqlx::query!("update tickets set state = $2 where id = $1", ticket.id.0, state as TicketState).execute(cx.db()).await?;
    }
    let (now, by) = (cx.now(), cx.who.member.map(|m| m.0));
    let total = sqlx::query_scalar!(
        r#"update tickets set state = $2, closed_at = $3, closed_by = $4, worked_minutes = $5, is_price_estimated = false where id = $1 returning total"#,
        ticket.id.0,
        TicketState::Closed as TicketState,
        now,
        by,
        worked_minutes
    )
    .fetch_one(cx.db())
    .await?;
    settle_notice(cx, ticket.id).await?;
    let closed = json!({ "number": ticket.number, "amount": total, "currency": cx.who.currency, "worked_minutes": worked_minutes,
                         "was_estimated": ticket.is_price_estimated });
    cx.event("ticket.closed", about(ticket), closed).await?;
    Ok(Closed { id: ticket.id, total, worked_minutes })
}

/// Field errors for ids in `named` that belong to another ticket's line or occur twice. Unknown ids are allowed: new lines, and lines
/// removed meanwhile. `lines` are the ticket's; `field` maps an index of `named` to the field's name.
pub async fn own_lines(db: &mut PgConnection, lines: &[Line], named: &[Option<LineId>], field: impl Fn(usize) -> String) -> Result<()> {
    let ids: Vec<_> = named.iter().flatten().filter(|id| lines.iter().all(|l| l.id != **id)).map(|id| id.0).collect();
    let foreign = match ids.as_slice() {
        [] => Vec::new(),
        ids => sqlx::query_scalar!("select id from ticket_lines where id = any ($1)", ids).fetch_all(db).await?,
    };
    let mut errors = FieldErrors::default();
    let mut seen = BTreeSet::new();
    for (i, id) in named.iter().enumerate().filter_map(|(i, id)| Some((i, (*id)?))) {
        if foreign.contains(&id.0) {
            errors.add(&field(i), "This line belongs to another ticket.");
        } else if !seen.insert(id) {
            errors.add(&field(i), "This line is here twice. Take one of them off.");
        }
    }
    errors.into_result()
}

/// Replaces the ticket's lines `there` by `done`, keeping those with the same id. Returns them as they are then.
async fn set_lines(cx: &mut Cx<'_>, ticket: &Ticket, there: Vec<Line>, done: &[FinalLine]) -> Result<Vec<Line>> {
    let named: Vec<_> = done.iter().map(|l| l.id).collect();
    own_lines(cx.db(), &there, &named, |i| format!("lines[{i}].id")).await?;
    let keep: Vec<_> = named.iter().flatten().map(|id| id.0).collect();
    // An empty list must not remove the agreed lines.
    if done.is_empty() && !there.is_empty() {
        return Err(FieldErrors::one("lines", "Name the lines that were done, or leave `lines` out to close with those there are."));
    }
    let mut are_others = there.iter().any(|l| !keep.contains(&l.id.0));
    if are_others {
        sqlx::query!("delete from ticket_lines where ticket_id = $1 and not id = any ($2)", ticket.id.0, &keep).execute(cx.db()).await?;
    }
    let mut now = there.clone();
    for (done, position) in done.iter().zip(1..) {
        match now.iter_mut().find(|l| done.id == Some(l.id)) {
            Some(line) => {
                let NewLine { description, quantity, unit_price, duration_minutes, tax_rate_id, .. } = done.line.clone();
                let new =
                    UpdateLine { line_id: line.id, description, quantity, unit_price, no_price: false, duration_minutes, tax_rate_id };
                *line = new.apply(cx, line)?;
            }
            None => {
                lines::insert(cx, ticket.id, done.id, position, done.line.clone()).await?;
                are_others = true;
            }
        }
    }
    let changed: Vec<_> = now.iter().filter(|l| keep.contains(&l.id.0) && !there.contains(l)).cloned().collect();
    lines::write(cx, ticket.id, &changed).await?;
    if are_others {
        lines::recount(cx, ticket.id).await?;
        return data::lines(cx.db(), ticket.id).await;
    }
    if now.iter().filter_map(|l| l.total).sum::<Decimal>() != ticket.total
        || now.iter().any(|l| l.unit_price.is_none()) != ticket.has_open_price
    {
        lines::recount(cx, ticket.id).await?;
    }
    Ok(now)
}

/// Field errors for lines without a price, and if the ticket's estimated prices are confirmed neither line by line nor as a whole.
fn check_prices(lines: &[Line], ticket: &Ticket, close: &CloseTicket) -> Result<()> {
    let mut errors = FieldErrors::default();
    for (i, line) in lines.iter().enumerate() {
        if line.unit_price.is_none() {
            errors.add(&format!("lines[{i}].unit_price"), format!("“{}” needs its price.", line.description));
        }
    }
    let each = close.lines.as_ref().is_some_and(|lines| !lines.is_empty() && lines.iter().all(|l| l.price_confirmed));
    if ticket.is_price_estimated && !close.prices_confirmed && !each {
        errors.add("prices_confirmed", "The price was an estimate. Confirm every price.");
    }
    errors.into_result()
}

/// Stops running clocks, and frees the technicians. Returns the minutes on site: `said`, or else the clocked time. A field error if neither gives 1 minute to a week.
async fn stop_clock(cx: &mut Cx<'_>, ticket: &Ticket, said: Option<i32>) -> Result<i32> {
    let now = cx.now();
    sqlx::query!(
        r#"with stopped as (
             update clock_entries set clocked_out_at = greatest($2, clocked_in_at) where ticket_id = $1 and clocked_out_at is null
           )
           update assignments set is_open = false where ticket_id = $1"#,
        ticket.id.0,
        now
    )
    .execute(cx.db())
    .await?;
    if let Some(minutes) = said {
        return Ok(minutes);
    }
    let clock = data::clock(cx.db(), ticket.id).await?;
    Some(clocked_minutes(&clock, now))
        .filter(|m| (1..=10_080).contains(m))
        .ok_or_else(|| FieldErrors::one("worked_minutes", "How long did it take? The clock does not tell."))
}

/// Records, once, how a closed ticket is paid. `payment` and `invoice` require an invoice; `closeout.settle` also creates it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct Settle {
    pub ticket_id: TicketId,
    pub settlement: Settlement,
}

impl Action for Settle {
    const NAME: &'static str = "ticket.settle";
    const NEEDS: Permission = Permission::WriteRecords;
    const CAPABILITY: Option<Capability> = Some(Capability::Scheduling);
    type Output = TicketId;

    async fn run(self, cx: &mut Cx<'_>) -> Result<TicketId> {
        let who = cx.who;
        let ticket = data::locked(cx.db(), who, self.ticket_id).await?;
        if ticket.state != TicketState::Closed {
            return Err(Error::conflict("The ticket is not closed yet."));
        }
        match ticket.settlement.as_deref() {
            Some(was) if was == self.settlement.name() => return Ok(ticket.id),
            Some(_) => return Err(Error::conflict("How this ticket was paid is already on record.")),
            None => {}
        }
        if matches!(self.settlement, Settlement::Payment | Settlement::Invoice) {
            let is_there = sqlx::query_scalar!(
                r#"select exists (select from invoices where ticket_id = $1 and state <> 'void') as "e!""#,
                ticket.id.0
            )
            .fetch_one(cx.db())
            .await?;
            if !is_there {
                return Err(FieldErrors::one("settlement", "There is no invoice of this ticket yet. closeout.settle makes it."));
            }
        }
        sqlx::query!("update tickets set settlement = $2 where id = $1", ticket.id.0, self.settlement.name()).execute(cx.db()).await?;
        cx.event("ticket.settled", about(&ticket), json!({ "settlement": self.settlement })).await?;
        Ok(ticket.id)
    }
}
