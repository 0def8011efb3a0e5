use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{about, fits_short, meanwhile::still_open, one};
use crate::tickets::{
    LineKind,
    data::{self, Line},
    line_total,
};
use platform::{
    action::{Action, Cx},
    error::{Error, FieldErrors, Result},
    ids::{LineId, ServiceId, TaxRateId, TicketId},
    redact::redact,
    role::{Capability, Permission},
};

/// The input for a line. Fields left out come from the service. Without a service, a description is required, and a price unless the line
/// is flexible. Prices are in the business's currency.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct NewLine {
    #[serde(default)]
    pub service_id: Option<ServiceId>,
    #[serde(default)]
    pub kind: Option<LineKind>,
    #[serde(default)]
    #[garde(inner(custom(fits_short)))]
    pub description: Option<String>,
    #[serde(default)]
    #[garde(inner(custom(quantity_fits)))]
    pub quantity: Option<Decimal>,
    #[serde(default)]
    #[garde(inner(custom(price_fits)))]
    pub unit_price: Option<Decimal>,
    #[serde(default)]
    #[garde(inner(custom(duration_fits)))]
    pub duration_minutes: Option<i32>,
    #[serde(default)]
    pub tax_rate_id: Option<TaxRateId>,
}

/// The database's limit of amounts, 10,000,000,000: totals must be below it.
const TOO_MUCH: Decimal = Decimal::from_parts(1_410_065_408, 2, 0, false, 0);

fn too_much(together: &str) -> Error {
    FieldErrors::one("unit_price", format!("This comes to more than we can count{together}: look at quantity and price."))
}

/// The line's total, or `None` without a price. A field error if it reaches [`TOO_MUCH`].
fn priced(cx: &Cx<'_>, quantity: Decimal, unit_price: Option<Decimal>) -> Result<Option<Decimal>> {
    let total = line_total(quantity, unit_price, cx.who.currency);
    if total.is_some_and(|t| t >= TOO_MUCH) || total.is_none() && unit_price.is_some() { Err(too_much("")) } else { Ok(total) }
}

fn quantity_fits(quantity: &Decimal, _: &()) -> garde::Result {
    if *quantity <= Decimal::ZERO || *quantity >= Decimal::from(100_000_000) || quantity.normalize().scale() > 2 {
        return Err(garde::Error::new("The quantity must be above zero, with at most two decimals."));
    }
    Ok(())
}

fn price_fits(price: &Decimal, _: &()) -> garde::Result {
    if price.is_sign_negative() && !price.is_zero() {
        return Err(garde::Error::new("A price can't be below zero."));
    }
    if *price >= Decimal::from(10_000_000) || price.normalize().scale() > 2 {
        return Err(garde::Error::new("This price is too large, or has more than two decimals."));
    }
    Ok(())
}

fn duration_fits(minutes: &i32, _: &()) -> garde::Result {
    if (0..=1440).contains(minutes) { Ok(()) } else { Err(garde::Error::new("A duration is from 0 minutes to a day.")) }
}

struct Filled {
    service_id: Option<ServiceId>,
    kind: LineKind,
    description: String,
    quantity: Decimal,
    unit_price: Option<Decimal>,
    duration_minutes: i32,
    tax_rate_id: Option<TaxRateId>,
}

async fn fill(cx: &mut Cx<'_>, line: NewLine) -> Result<Filled> {
    let quantity = line.quantity.unwrap_or(Decimal::ONE);
    let typed = line.description.map(|d| redact(d.trim()).text).filter(|d| !d.is_empty());
    let Some(service) = line.service_id else {
        let description = typed.ok_or_else(|| FieldErrors::one("description", "Say what is done, or choose a service."))?;
        return Ok(Filled {
            service_id: None,
            kind: line.kind.unwrap_or(LineKind::Fixed),
            description,
            quantity,
            unit_price: line.unit_price,
            duration_minutes: line.duration_minutes.unwrap_or_default(),
            tax_rate_id: line.tax_rate_id,
        });
    };
    let s = sqlx::query!(
        r#"select name, kind as "kind: LineKind", price, duration_minutes, tax_rate_id as "tax_rate_id: TaxRateId" from services where id = $1"#,
        service.0
    )
    .fetch_optional(cx.db())
    .await?
    .ok_or_else(|| FieldErrors::one("service_id", "There is no such service."))?;
    let kind = line.kind.unwrap_or(s.kind);
    Ok(Filled {
        service_id: Some(service),
        kind,
        description: typed.unwrap_or(s.name),
        quantity,
        unit_price: line.unit_price.or(s.price),
        duration_minutes: line.duration_minutes.unwrap_or(s.duration_minutes),
        tax_rate_id: line.tax_rate_id.or(s.tax_rate_id),
    })
}

/// Inserts one line. The caller has locked the ticket and calls [`recount`] afterwards.
pub(super) async fn insert(cx: &mut Cx<'_>, ticket: TicketId, id: Option<LineId>, position: i32, line: NewLine) -> Result<LineId> {
    let line = fill(cx, line).await?;
    if line.unit_price.is_none() && line.kind != LineKind::Flexible {
        return Err(FieldErrors::one("unit_price", "A price is needed, except for flexible services."));
    }
    let id = id.unwrap_or_default();
    let total = priced(cx, line.quantity, line.unit_price)?;
    sqlx::query!(
        r#"insert into ticket_lines (id, ticket_id, position, service_id, kind, description, quantity, unit_price, duration_minutes, tax_rate_id, total)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"#,
        id.0,
        ticket.0,
        position,
        line.service_id.map(|s| s.0),
        line.kind as LineKind,
        line.description,
        line.quantity,
        line.unit_price,
        line.duration_minutes,
        line.tax_rate_id.map(|t| t.0),
        total
    )
    .execute(cx.db())
    .await?;
    Ok(id)
}

/// Updates the ticket's total to the sum of its lines. A field error if it reaches [`TOO_MUCH`].
pub(super) async fn recount(cx: &mut Cx<'_>, ticket: TicketId) -> Result<()> {
    let total = sqlx::query_scalar!(
        r#"with s as (
             select coalesce(sum(total), 0) as total, coalesce(bool_or(unit_price is null), false) as is_open from ticket_lines where ticket_id = $1
           ), counted as (
             update tickets t set total = s.total, has_open_price = s.is_open from s
              where t.id = $1 and s.total < $2 and (t.total, t.has_open_price) is distinct from (s.total, s.is_open)
           )
           select total as "total!" from s"#,
        ticket.0,
        TOO_MUCH
    )
    .fetch_one(cx.db())
    .await?;
    if total < TOO_MUCH { Ok(()) } else { Err(too_much(" together with the other services")) }
}

async fn ticket_of(cx: &mut Cx<'_>, line: LineId) -> Result<TicketId> {
    let id =
        sqlx::query_scalar!(r#"select ticket_id as "id: TicketId" from ticket_lines where id = $1"#, line.0).fetch_one(cx.db()).await?;
    Ok(id)
}

/// Adds a service to a ticket.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct AddLine {
    #[serde(default)]
    pub id: Option<LineId>,
    pub ticket_id: TicketId,
    #[serde(flatten)]
    #[garde(dive)]
    pub line: NewLine,
}

impl Action for AddLine {
    const NAME: &'static str = "ticket.add_line";
    const NEEDS: Permission = Permission::WriteRecords;
    const CAPABILITY: Option<Capability> = Some(Capability::Scheduling);
    type Output = LineId;

    async fn run(self, cx: &mut Cx<'_>) -> Result<LineId> {
        let who = cx.who;
        let ticket = data::locked(cx.db(), who, self.ticket_id).await?;
        still_open(cx, &ticket).await?;
        let next =
            sqlx::query_scalar!(r#"select coalesce(max(position), 0) + 1 as "next!" from ticket_lines where ticket_id = $1"#, ticket.id.0)
                .fetch_one(cx.db())
                .await?;
        let id = insert(cx, ticket.id, self.id, next, self.line).await?;
        recount(cx, ticket.id).await?;
        cx.event("ticket.line_added", about(&ticket), json!({ "line": id })).await?;
        Ok(id)
    }
}

/// Changes a line. Fields left out stay as they are.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct UpdateLine {
    pub line_id: LineId,
    #[serde(default)]
    #[garde(inner(custom(fits_short)))]
    pub description: Option<String>,
    #[serde(default)]
    #[garde(inner(custom(quantity_fits)))]
    pub quantity: Option<Decimal>,
    #[serde(default)]
    #[garde(inner(custom(price_fits)))]
    pub unit_price: Option<Decimal>,
    /// Removes the price of a flexible line.
    #[serde(default)]
    pub no_price: bool,
    #[serde(default)]
    #[garde(inner(custom(duration_fits)))]
    pub duration_minutes: Option<i32>,
    #[serde(default)]
    pub tax_rate_id: Option<TaxRateId>,
}

impl Action for UpdateLine {
    const NAME: &'static str = "ticket.update_line";
    const NEEDS: Permission = Permission::WriteRecords;
    const CAPABILITY: Option<Capability> = Some(Capability::Scheduling);
    type Output = LineId;

    fn versioned(&self) -> Option<(&'static str, uuid::Uuid)> {
        Some(("ticket_lines", self.line_id.0))
    }

    async fn run(self, cx: &mut Cx<'_>) -> Result<LineId> {
        let who = cx.who;
        let id = ticket_of(cx, self.line_id).await?;
        let ticket = data::locked(cx.db(), who, id).await?;
        still_open(cx, &ticket).await?;
        let old = data::lines(cx.db(), ticket.id).await?.into_iter().find(|l| l.id == self.line_id).ok_or(Error::NotFound)?;
        write(cx, ticket.id, &[self.apply(cx, &old)?]).await?;
        recount(cx, ticket.id).await?;
        cx.event("ticket.line_updated", about(&ticket), json!({ "line": old.id })).await?;
        Ok(old.id)
    }
}

impl UpdateLine {
    /// The line as it is to be. What is left out stays as it is in `old`.
    pub(super) fn apply(self, cx: &Cx<'_>, old: &Line) -> Result<Line> {
        let quantity = self.quantity.unwrap_or(old.quantity);
        let unit_price = if self.no_price { None } else { self.unit_price.or(old.unit_price) };
        let typed = self.description.map(|d| redact(d.trim()).text).filter(|d| !d.is_empty());
        Ok(Line {
            description: typed.unwrap_or_else(|| old.description.clone()),
            quantity,
            unit_price,
            duration_minutes: self.duration_minutes.unwrap_or(old.duration_minutes),
            tax_rate_id: self.tax_rate_id.or(old.tax_rate_id),
            total: priced(cx, quantity, unit_price)?,
            ..old.clone()
        })
    }
}

/// Writes lines of one ticket, all at once. The caller has locked it and read them since.
pub(super) async fn write(cx: &mut Cx<'_>, ticket: TicketId, lines: &[Line]) -> Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        r#"update ticket_lines l
              set description = n.description, quantity = n.quantity, unit_price = n.unit_price, duration_minutes = n.duration_minutes,
                  tax_rate_id = n.tax_rate_id, total = n.total
             from jsonb_to_recordset($2) as n(id uuid, description text, quantity numeric, unit_price numeric, duration_minutes int,
                                              tax_rate_id uuid, total numeric)
            where l.ticket_id = $1 and l.id = n.id"#,
        ticket.0,
        serde_json::to_value(lines)?
    )
    .execute(cx.db())
    .await?;
    Ok(())
}

/// Removes a line from an open ticket.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct RemoveLine {
    pub line_id: LineId,
}

impl Action for RemoveLine {
    const NAME: &'static str = "ticket.remove_line";
    const NEEDS: Permission = Permission::WriteRecords;
    const CAPABILITY: Option<Capability> = Some(Capability::Scheduling);
    type Output = TicketId;

    async fn run(self, cx: &mut Cx<'_>) -> Result<TicketId> {
        let who = cx.who;
        let id = ticket_of(cx, self.line_id).await?;
        let ticket = data::locked(cx.db(), who, id).await?;
        still_open(cx, &ticket).await?;
        one(&sqlx::query!("delete from ticket_lines where id = $1", self.line_id.0).execute(cx.db()).await?)?;
        recount(cx, ticket.id).await?;
        cx.event("ticket.line_removed", about(&ticket), json!({ "line": self.line_id })).await?;
        Ok(ticket.id)
    }
}
