//! Turns imported visits into tickets with lines, technicians and payments. Two files that contain the same visit produce one ticket.

use std::collections::HashMap;

use chrono::{DateTime, Duration, NaiveDateTime, Utc};
use chrono_tz::Tz;
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use platform::{
    action::Cx,
    error::Result,
    ids::{AssignmentId, ContactId, ImportId, LineId, TicketId},
    localtime,
    numbers::{self, Counter},
    redact,
};

/// A sale belongs to an appointment if it was paid at most one hour before its start and at most three hours after its end.
const EARLY: Duration = Duration::minutes(60);
const LATE: Duration = Duration::minutes(180);

/// A line of a visit. `amount` is the line's total; `None` if it is unknown.
#[derive(Debug, Clone)]
pub struct LineIn {
    pub name: String,
    pub quantity: Decimal,
    pub amount: Option<Decimal>,
}

/// Looks up the business's services and technicians by name.
#[derive(Debug)]
pub struct Book {
    services: HashMap<String, (Uuid, String)>,
    members: HashMap<String, Uuid>,
    pub zone: Tz,
}

impl Book {
    pub async fn open(cx: &mut Cx<'_>) -> Result<Self> {
        let services =
            sqlx::query!(r#"select id, lower(name) as "name!", kind::text as "kind!" from services order by archived_at is null, id"#)
                .fetch_all(cx.db())
                .await?;
        let people = sqlx::query!(r#"select id, lower(name) as "name!" from members where state <> 'disabled' order by id desc"#)
            .fetch_all(cx.db())
            .await?;
        let mut members: HashMap<String, Uuid> = HashMap::new();
        // A member can be found by first name, but full names take precedence.
        for p in &people {
            members.insert(p.name.split(' ').next().unwrap_or_default().to_owned(), p.id);
        }
        members.extend(people.into_iter().map(|p| (p.name, p.id)));
        Ok(Self { services: services.into_iter().map(|s| (s.name, (s.id, s.kind))).collect(), members, zone: cx.who.zone })
    }

    pub fn member(&self, name: &str) -> Option<Uuid> {
        self.members.get(&name.to_lowercase()).copied().filter(|_| !name.is_empty())
    }

    /// Converts a local time of the file to UTC, using `zone` or else the business's time zone.
    pub fn utc(&self, at: NaiveDateTime, zone: Option<Tz>) -> DateTime<Utc> {
        localtime::to_utc(at.date(), at.time(), zone.unwrap_or(self.zone))
    }
}

/// The state in which a visit is imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    Closed,
    Scheduled,
    /// Holds the reason.
    Cancelled(String),
}

impl State {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Scheduled => "scheduled",
            Self::Cancelled(_) => "cancelled",
        }
    }
}

/// A visit as described by a file.
#[derive(Debug, Clone)]
pub struct Visit {
    pub contact: ContactId,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    pub address: Option<Uuid>,
    pub state: State,
    pub lines: Vec<LineIn>,
    pub total: Decimal,
    pub worked_minutes: Option<i64>,
    pub instructions: Vec<String>,
    pub settlement: Option<&'static str>,
    pub staff: String,
}

/// New tickets with their lines, assignments and payments, collected to be inserted together.
#[derive(Debug, Default)]
pub struct Drawer {
    tickets: Vec<Value>,
    lines: Vec<Value>,
    assignments: Vec<Value>,
    pub payments: Vec<Value>,
}

/// Joins the non-empty parts as lines and redacts sensitive numbers.
pub fn words(parts: &[String]) -> String {
    let parts: Vec<&str> = parts.iter().map(|p| p.trim()).filter(|p| !p.is_empty()).collect();
    redact::redact(&parts.join("\n")).text
}

impl Drawer {
    /// Adds a new ticket with its lines and technician.
    pub fn ticket(&mut self, book: &Book, visit: &Visit) -> TicketId {
        let id = TicketId::new();
        let closed = (visit.state == State::Closed).then_some(visit.ends_at);
        let cancelled = if let State::Cancelled(reason) = &visit.state { Some((visit.starts_at, reason)) } else { None };
        self.tickets.push(json!({
            "id": id, "contact_id": visit.contact, "address_id": visit.address, "state": visit.state.name(), "starts_at": visit.starts_at,
            "ends_at": visit.ends_at, "instructions": words(&visit.instructions), "total": visit.total, "closed_at": closed,
            "cancelled_at": cancelled.map(|c| c.0), "cancel_reason": cancelled.map(|c| c.1), "worked_minutes": visit.worked_minutes,
            "settlement": visit.settlement, "zone": book.zone.name(),
            "has_open_price": visit.state == State::Scheduled && visit.lines.iter().any(|l| l.amount.is_none()),
        }));
        self.lines(book, id.0, &visit.lines);
        self.assign(book, id.0, visit);
        id
    }

    /// Adds a ticket's lines; returns their ids.
    pub fn lines(&mut self, book: &Book, ticket: Uuid, lines: &[LineIn]) -> Vec<Uuid> {
        let mut ids = Vec::new();
        for (position, line) in (1_i32..).zip(lines.iter().filter(|l| l.quantity > Decimal::ZERO)) {
            let service = book.services.get(&line.name.to_lowercase());
            let kind = service.map_or("flexible", |s| s.1.as_str());
            let kind = if line.amount.is_none() { "flexible" } else { kind };
            let id = LineId::new().0;
            let amount = line.amount.filter(|a| !a.is_sign_negative());
            ids.push(id);
            self.lines.push(json!({
                "id": id, "ticket_id": ticket, "position": position, "service_id": service.map(|s| s.0), "kind": if amount.is_none() { "flexible" } else { kind },
                "description": line.name, "quantity": line.quantity.round_dp(2).max(Decimal::new(1, 2)), "total": amount,
                "unit_price": amount.map(|a| (a / line.quantity).round_dp(2)),
            }));
        }
        ids
    }

    /// Assigns the visit's technician. Returns the assignment's id, or `None` if no member has that name.
    pub fn assign(&mut self, book: &Book, ticket: Uuid, visit: &Visit) -> Option<Uuid> {
        let member = book.member(&visit.staff)?;
        let id = AssignmentId::new().0;
        self.assignments.push(json!({
            "id": id, "ticket_id": ticket, "member_id": member, "from": visit.starts_at, "until": visit.ends_at, "is_open": visit.state == State::Scheduled,
        }));
        Some(id)
    }

    /// Inserts all rows. Ticket numbers are assigned in the order in which the tickets were added.
    pub async fn write(self, cx: &mut Cx<'_>, import: ImportId) -> Result<()> {
        let mut tickets = self.tickets;
        if !tickets.is_empty() {
            let first = numbers::take(cx, Counter::Ticket, i64::try_from(tickets.len()).unwrap_or(1)).await?;
            for (number, ticket) in (first..).zip(&mut tickets) {
                ticket["number"] = json!(number);
            }
        }
        sqlx::query!(
            r#"insert into tickets (id, number, contact_id, address_id, state, starts_at, ends_at, time_zone, instructions, total, has_open_price,
                                    cancelled_at, cancel_reason, closed_at, worked_minutes, settlement, source, import_id)
               select x.id, x.number, x.contact_id, x.address_id, x.state, x.starts_at, x.ends_at, x.zone, x.instructions, x.total, x.has_open_price,
                      x.cancelled_at, x.cancel_reason, x.closed_at, x.worked_minutes, x.settlement, 'import', $2
                 from jsonb_to_recordset($1) as x(id uuid, number bigint, contact_id uuid, address_id uuid, state ticket_state, starts_at timestamptz,
                      ends_at timestamptz, zone text, instructions text, total numeric, has_open_price boolean, cancelled_at timestamptz,
                      cancel_reason text, closed_at timestamptz, worked_minutes int, settlement text)"#,
            Value::Array(tickets),
            import.0
        )
        .execute(cx.db())
        .await?;
        insert_lines(cx, self.lines).await?;
        insert_assignments(cx, self.assignments).await?;
        let currency = cx.who.currency.code();
        sqlx::query!(
            r#"insert into payments (id, contact_id, ticket_id, state, method, amount, tip, currency, refunded, received_at, reference, note, source, source_key, import_id)
               select x.id, x.contact_id, x.ticket_id, case when x.refunded > 0 and x.refunded >= x.amount + x.tip then 'refunded' else 'succeeded' end::payment_state,
                      x.method, x.amount, x.tip, $3, x.refunded, x.received_at, x.reference, x.note, 'import', x.source_key, $2
                 from jsonb_to_recordset($1) as x(id uuid, contact_id uuid, ticket_id uuid, method payment_method, amount numeric, tip numeric,
                      refunded numeric, received_at timestamptz, reference text, note text, source_key text)"#,
            Value::Array(self.payments),
            import.0,
            currency
        )
        .execute(cx.db())
        .await?;
        Ok(())
    }
}

/// Inserts ticket lines given as JSON records.
pub async fn insert_lines(cx: &mut Cx<'_>, lines: Vec<Value>) -> Result<()> {
    sqlx::query!(
        r#"insert into ticket_lines (id, ticket_id, position, service_id, kind, description, quantity, unit_price, total)
           select x.id, x.ticket_id, x.position, x.service_id, x.kind, x.description, x.quantity, x.unit_price, x.total
             from jsonb_to_recordset($1) as x(id uuid, ticket_id uuid, position int, service_id uuid, kind service_kind, description text,
                                              quantity numeric, unit_price numeric, total numeric)"#,
        Value::Array(lines)
    )
    .execute(cx.db())
    .await?;
    Ok(())
}

/// Inserts assignments. Past ones may overlap; an upcoming one that overlaps is marked as an override.
async fn insert_assignments(cx: &mut Cx<'_>, assignments: Vec<Value>) -> Result<()> {
    let (coming, past): (Vec<Value>, Vec<Value>) = assignments.into_iter().partition(|a| a["is_open"] == json!(true));
    if !coming.is_empty() {
        sqlx::query!(
            r#"select count(pg_advisory_xact_lock(hashtextextended('technician:' || m.id, 0)))
                 from (select distinct x.member_id::text as id from jsonb_to_recordset($1) as x(member_id uuid) order by 1) m"#,
            Value::Array(coming.clone())
        )
        .fetch_one(cx.db())
        .await?;
    }
    for portion in coming.into_iter().map(|one| vec![one]).chain(std::iter::once(past)) {
        sqlx::query!(
            r#"insert into assignments (id, ticket_id, member_id, slot, is_open, is_override)
               select x.id, x.ticket_id, x.member_id, tstzrange(x."from", x.until), x.is_open,
                      x.is_open and exists (select from assignments a where a.member_id = x.member_id and a.is_open and a.slot && tstzrange(x."from", x.until))
                 from jsonb_to_recordset($1) as x(id uuid, ticket_id uuid, member_id uuid, "from" timestamptz, until timestamptz, is_open boolean)
               on conflict (org_id, ticket_id, member_id) do nothing"#,
            Value::Array(portion)
        )
        .execute(cx.db())
        .await?;
    }
    Ok(())
}

/// An imported ticket that another file may also contain.
#[derive(Debug, Clone)]
pub struct Present {
    pub id: Uuid,
    pub contact: ContactId,
    pub number: i64,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    pub state: String,
    /// The ticket's values, for undo.
    pub row: Value,
    /// Lines without a price, which come from an appointment.
    pub open_lines: Vec<Value>,
    pub has_priced_lines: bool,
    pub has_technician: bool,
    /// A user has worked with it since the import, so imports leave it alone.
    pub is_touched: bool,
    pub has_sale: bool,
    pub has_appointment: bool,
}

/// Loads imported tickets that are in `ids` or belong to `contacts`.
pub async fn present(cx: &mut Cx<'_>, ids: &[Uuid], contacts: &[Uuid]) -> Result<Vec<Present>> {
    Ok(sqlx::query_as!(
        Present,
        r#"
        select t.id, t.contact_id as "contact: ContactId", t.number, t.starts_at, t.ends_at, t.state::text as "state!", to_jsonb(t) as "row!",
               array(select to_jsonb(l) from ticket_lines l where l.ticket_id = t.id and l.unit_price is null) as "open_lines!",
               exists (select from ticket_lines l where l.ticket_id = t.id and l.unit_price is not null) as "has_priced_lines!",
               exists (select from assignments a where a.ticket_id = t.id) as "has_technician!",
               exists (select from events e where e.subject_id = t.id and e.actor <> 'import') as "is_touched!",
               exists (select from import_keys k where k.record_id = t.id and k.kind = 'transaction') as "has_sale!",
               exists (select from import_keys k where k.record_id = t.id and k.kind = 'appointment') as "has_appointment!"
          from tickets t where t.source = 'import' and (t.id = any ($1) or t.contact_id = any ($2))
        "#,
        ids,
        contacts
    )
    .fetch_all(cx.db())
    .await?)
}

/// Whether a sale at time `sale` may belong to a visit from `starts_at` to `ends_at`.
pub fn fits(sale: DateTime<Utc>, starts_at: DateTime<Utc>, ends_at: DateTime<Utc>) -> bool {
    sale >= starts_at - EARLY && sale <= ends_at + LATE
}

/// Applies `patch` to a ticket that another file created; returns the former values of the patched fields.
pub async fn merge(cx: &mut Cx<'_>, ticket: &Present, patch: &Map<String, Value>) -> Result<Value> {
    let old: Map<String, Value> = patch.keys().map(|k| (k.clone(), ticket.row[k].clone())).collect();
    patch_ticket(cx, ticket.id, &Value::Object(patch.clone())).await?;
    Ok(Value::Object(old))
}

/// Changes an imported ticket through the database function that allows it even for closed ones.
pub async fn patch_ticket(cx: &mut Cx<'_>, ticket: Uuid, patch: &Value) -> Result<()> {
    sqlx::query!("select app.merge_import_ticket($1, $2)", ticket, patch).fetch_one(cx.db()).await?;
    Ok(())
}

/// Deletes the appointment's lines without a price, to be replaced by the sale's lines.
pub async fn drop_open_lines(cx: &mut Cx<'_>, ticket: &Present) -> Result<()> {
    sqlx::query!("delete from ticket_lines where ticket_id = $1 and unit_price is null", ticket.id).execute(cx.db()).await?;
    Ok(())
}
