use std::collections::BTreeSet;

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;

use super::{NewLine, UpdateLine, about, confirmation::settle_notice, lines, meanwhile::still_open};
use crate::tickets::{
    Settlement, TicketState, clocked_minutes,
    data::{self, Ticket},
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
        if let Some(done) = &self.lines {
            set_lines(cx, &ticket, done).await?;
        }
        check_prices(cx, &ticket, &self).await?;
        let worked_minutes = stop_clock(cx, &ticket, self.worked_minutes).await?;
        if ticket.state == TicketState::Scheduled {
            // Nobody clocked in. Scheduled to closed is no valid transition, so the ticket passes through in progress.
            let state = TicketState::InProgress;
            sqlx::query!("update tickets set state = $2 where id = $1", ticket.id.0, state as TicketState).execute(cx.db()).await?;
        }
        sqlx::query!("update assignments set is_open = false where ticket_id = $1", ticket.id.0).execute(cx.db()).await?;
        let now = cx.now();
        let total = sqlx::query_scalar!(
            r#"update tickets set state = $2, closed_at = $3, closed_by = $4, worked_minutes = $5, is_price_estimated = false where id = $1 returning total"#,
            ticket.id.0,
            TicketState::Closed as TicketState,
            now,
            who.member.map(|m| m.0),
            worked_minutes
        )
        .fetch_one(cx.db())
        .await?;
        settle_notice(cx, ticket.id).await?;
        let closed = json!({ "number": ticket.number, "amount": total, "currency": who.currency, "worked_minutes": worked_minutes,
                             "was_estimated": ticket.is_price_estimated });
        cx.event("ticket.closed", about(&ticket), closed).await?;
        Ok(Closed { id: ticket.id, total, worked_minutes })
    }
}

/// Field errors for ids in `named` that belong to another ticket's line or occur twice. Unknown ids are allowed: new lines, and lines
/// removed meanwhile. `field` maps an index of `named` to the field's name.
pub async fn own_lines(db: &mut PgConnection, ticket: TicketId, named: &[Option<LineId>], field: impl Fn(usize) -> String) -> Result<()> {
    let ids: Vec<_> = named.iter().flatten().map(|id| id.0).collect();
    let foreign =
        sqlx::query_scalar!("select id from ticket_lines where id = any ($1) and ticket_id <> $2", &ids, ticket.0).fetch_all(db).await?;
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

/// Replaces the ticket's lines by `done`, keeping those with the same id.
async fn set_lines(cx: &mut Cx<'_>, ticket: &Ticket, done: &[FinalLine]) -> Result<()> {
    let named: Vec<_> = done.iter().map(|l| l.id).collect();
    own_lines(cx.db(), ticket.id, &named, |i| format!("lines[{i}].id")).await?;
    let keep: Vec<_> = named.iter().flatten().map(|id| id.0).collect();
    let there = data::lines(cx.db(), ticket.id).await?;
    // An empty list must not remove the agreed lines.
    if done.is_empty() && !there.is_empty() {
        return Err(FieldErrors::one("lines", "Name the lines that were done, or leave `lines` out to close with those there are."));
    }
    if there.iter().any(|l| !keep.contains(&l.id.0)) {
        sqlx::query!("delete from ticket_lines where ticket_id = $1 and not id = any ($2)", ticket.id.0, &keep).execute(cx.db()).await?;
    }
    for (done, position) in done.iter().zip(1..) {
        match there.iter().find(|l| done.id == Some(l.id)) {
            Some(old) => {
                let line_id = old.id;
                let l = done.line.clone();
                let (description, quantity, unit_price) = (l.description, l.quantity, l.unit_price);
                let (duration_minutes, tax_rate_id) = (l.duration_minutes, l.tax_rate_id);
                let new = UpdateLine { line_id, description, quantity, unit_price, no_price: false, duration_minutes, tax_rate_id };
                lines::change_from(cx, &new, old.quantity, old.unit_price).await?;
            }
            None => {
                lines::insert(cx, ticket.id, done.id, position, done.line.clone()).await?;
            }
        }
    }
    lines::recount(cx, ticket.id).await
}

/// Field errors for lines without a price, and if the ticket's estimated prices are confirmed neither line by line nor as a whole.
async fn check_prices(cx: &mut Cx<'_>, ticket: &Ticket, close: &CloseTicket) -> Result<()> {
    let mut errors = FieldErrors::default();
    for (line, i) in data::lines(cx.db(), ticket.id).await?.iter().zip(0..) {
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

/// Stops running clocks. Returns the minutes on site: `said`, or else the clocked time. A field error if neither gives 1 minute to a week.
async fn stop_clock(cx: &mut Cx<'_>, ticket: &Ticket, said: Option<i32>) -> Result<i32> {
    let now = cx.now();
    sqlx::query!(
        "update clock_entries set clocked_out_at = greatest($2, clocked_in_at) where ticket_id = $1 and clocked_out_at is null",
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
