//! Imports transactions and items detail as closed tickets with lines and payments, joined by transaction id; either file may come first.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Duration, Utc};
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{
    adopt::Buyer,
    batch::Done,
    buyers::{WALK_IN, buyer_key, customers, namesakes},
    contacts::Newcomers,
    keys::{self, Key},
    visits::{self, Book, Drawer, LineIn, Present, State, Visit, fits},
};
use crate::imports::square::{ItemRow, TransactionRow};
use platform::{
    action::Cx,
    error::Result,
    ids::{ContactId, ImportId, PaymentId, RefundId},
};

/// Imports a batch of transactions.
pub async fn transactions(cx: &mut Cx<'_>, import: ImportId, rows: Vec<TransactionRow>) -> Result<Vec<Done>> {
    let (refunds, sales): (Vec<_>, Vec<_>) = rows.into_iter().partition(|r| r.is_refund);
    let ids: Vec<String> = sales.iter().map(|r| r.source_id.clone()).collect();
    let taken = keys::find(cx, "payment", &ids).await?;
    let mut done = Vec::new();
    let mut open = Vec::new();
    for row in sales {
        match taken.get(&row.source_id) {
            Some(k) => done.push(Done::skipped(row.line, "Imported before").of("ticket", k.record_id)),
            None => open.push(row),
        }
    }
    let book = Book::open(cx).await?;
    let buyer = |r: &TransactionRow| (buyer_key(&r.customer_id, &r.customer_name), r.customer_name.clone(), book.utc(r.at, r.zone));
    let people: Vec<Buyer> = open.iter().map(buyer).collect();
    let mut desk = Desk::open(cx, import, book, &people, &ids).await?;
    for row in open {
        done.push(desk.transaction(cx, &row).await?);
    }
    desk.write(cx, import).await?;
    for row in refunds {
        done.push(refund(cx, import, &row).await?);
    }
    Ok(done)
}

/// Imports a batch of line items, grouped by transaction.
pub async fn items(cx: &mut Cx<'_>, import: ImportId, groups: Vec<Vec<ItemRow>>) -> Result<Vec<Done>> {
    let ids: Vec<String> = groups.iter().map(|g| g[0].transaction_id.clone()).collect();
    let taken = keys::find(cx, "items", &ids).await?;
    let book = Book::open(cx).await?;
    let people: Vec<Buyer> = groups
        .iter()
        .filter(|g| !taken.contains_key(&g[0].transaction_id))
        .map(|g| (buyer_key(&g[0].customer_id, &g[0].customer_name), g[0].customer_name.clone(), book.utc(g[0].at, g[0].zone)))
        .collect();
    let mut desk = Desk::open(cx, import, book, &people, &ids).await?;
    let mut done = Vec::new();
    for group in &groups {
        match taken.get(&group[0].transaction_id) {
            Some(k) => done.extend(group.iter().map(|r| Done::skipped(r.line, "Imported before").of("ticket", k.record_id))),
            None => desk.items(cx, group, &mut done).await?,
        }
    }
    desk.write(cx, import).await?;
    Ok(done)
}

/// Context for importing a batch of sales.
struct Desk {
    book: Book,
    new: Newcomers,
    drawer: Drawer,
    keys: Vec<Key>,
    contacts: HashMap<String, ContactId>,
    /// Tickets by transaction id.
    known: HashMap<String, Uuid>,
    present: Vec<Present>,
    used: HashSet<Uuid>,
    /// Contacts by their name, which may be one person under several records.
    namesakes: HashMap<String, Vec<ContactId>>,
}

impl Desk {
    async fn open(cx: &mut Cx<'_>, import: ImportId, book: Book, people: &[Buyer], ids: &[String]) -> Result<Self> {
        let (mut new, mut keys) = (Newcomers::default(), Vec::new());
        let contacts = customers(cx, &mut new, &mut keys, people).await?;
        // Contacts must exist before the tickets that refer to them.
        new.write_people(cx, import).await?;
        let known: HashMap<String, Uuid> = keys::find(cx, "transaction", ids).await?.into_iter().map(|(k, v)| (k, v.record_id)).collect();
        let tickets: Vec<Uuid> = known.values().copied().collect();
        // The walk-in contact has too many tickets to load, and none can be matched to a customer.
        let whose: Vec<Uuid> = contacts.iter().filter(|(k, _)| k.as_str() != WALK_IN.0).map(|(_, c)| c.0).collect();
        let namesakes = namesakes(cx, people).await?;
        let whose = [whose, namesakes.values().flatten().map(|c| c.0).collect()].concat();
        let present = visits::present(cx, &tickets, &whose).await?;
        Ok(Self { namesakes, book, new, drawer: Drawer::default(), keys, contacts, known, present, used: HashSet::new() })
    }

    async fn write(self, cx: &mut Cx<'_>, import: ImportId) -> Result<()> {
        self.drawer.write(cx, import).await?;
        self.new.write_rest(cx, import).await?;
        keys::put(cx, import, &self.keys).await
    }

    fn contact(&self, id: &str, name: &str) -> ContactId {
        self.contacts[&buyer_key(id, name)]
    }

    fn key(&mut self, kind: &'static str, id: &str, ticket: Uuid) {
        self.keys.push(Key { kind, key: id.to_owned(), record_kind: "ticket", record_id: ticket, written: json!({}) });
    }

    /// Finds the sale's ticket: by transaction id, else the customer's nearest appointment without a sale, else the only one of a contact of
    /// the same name.
    fn find(&mut self, id: &str, contact: ContactId, name: &str, at: DateTime<Utc>) -> Option<Present> {
        let is_open = |p: &&Present| p.has_appointment && !p.has_sale && !self.used.contains(&p.id) && fits(at, p.starts_at, p.ends_at);
        let gap = |p: &&Present| (p.state != "closed", (p.starts_at - at).abs());
        let found = match self.known.get(id) {
            Some(ticket) => self.present.iter().find(|p| p.id == *ticket),
            None => {
                let own = self.present.iter().filter(is_open).filter(|p| p.contact == contact).min_by_key(gap);
                let named = self.namesakes.get(&name.to_lowercase()).map_or(&[][..], Vec::as_slice);
                let mut others = self.present.iter().filter(is_open).filter(|p| named.contains(&p.contact));
                own.or_else(|| others.next().filter(|_| others.next().is_none()))
            }
        };
        let found = found.cloned()?;
        self.used.insert(found.id);
        Some(found)
    }

    async fn transaction(&mut self, cx: &mut Cx<'_>, row: &TransactionRow) -> Result<Done> {
        let (contact, at) = (self.contact(&row.customer_id, &row.customer_name), self.book.utc(row.at, row.zone));
        let collected = row.total - row.tip;
        let is_paid = row.is_complete && row.total > Decimal::ZERO;
        let mut notes = vec![row.description.clone(), row.note.clone()];
        if !row.discounts.is_zero() {
            notes.push(format!("Discount {} {}", row.discounts.abs(), cx.who.currency));
        }
        if !row.is_complete {
            notes.push("Square shows this sale as not completed.".into());
        }
        let total = (row.net + row.tax).max(Decimal::ZERO);
        let settlement = if is_paid { "payment" } else { "handled_elsewhere" };
        let mut whose = contact;
        let done = match self.find(&row.source_id, contact, &row.customer_name, at) {
            Some(there) if there.is_touched => {
                return Ok(
                    Done::skipped(row.line, format!("This visit was worked with here already: T-{}", there.number)).of("ticket", there.id)
                );
            }
            Some(there) => {
                whose = there.contact;
                let mut patch = Map::new();
                patch.insert("total".into(), json!(total));
                patch.insert("settlement".into(), json!(settlement));
                close(&mut patch, &there, &mut notes);
                let old = visits::merge(cx, &there, &patch).await?;
                Done::updated(row.line, "ticket", there.id, json!({ "patch": old }))
            }
            None => {
                let visit = Visit {
                    contact,
                    starts_at: at,
                    ends_at: at + Duration::hours(1),
                    address: None,
                    state: State::Closed,
                    lines: Vec::new(),
                    total,
                    worked_minutes: None,
                    instructions: unmatched(&self.book, &row.staff, notes),
                    settlement: Some(settlement),
                    staff: row.staff.clone(),
                };
                Done::made(row.line, "ticket", self.drawer.ticket(&self.book, &visit).0)
            }
        };
        let ticket = done.record_id.unwrap_or_default();
        if is_paid {
            self.drawer.payments.push(payment(row, whose, ticket, at, collected));
        }
        self.key("transaction", &row.source_id, ticket);
        self.key("payment", &row.source_id, ticket);
        Ok(done)
    }

    async fn items(&mut self, cx: &mut Cx<'_>, group: &[ItemRow], done: &mut Vec<Done>) -> Result<()> {
        let first = &group[0];
        let (contact, at) = (self.contact(&first.customer_id, &first.customer_name), self.book.utc(first.at, first.zone));
        let (sold, back): (Vec<&ItemRow>, Vec<&ItemRow>) = group.iter().partition(|r| !r.is_back());
        done.extend(back.iter().map(|r| Done::skipped(r.line, "Taken back in Square; the refund stands in the transactions file")));
        if sold.is_empty() {
            return Ok(());
        }
        let lines: Vec<LineIn> = sold.iter().map(|r| line(r)).collect();
        let total: Decimal = sold.iter().map(|r| r.net + r.tax).sum::<Decimal>().max(Decimal::ZERO);
        let mut notes: Vec<String> = sold.iter().map(|r| r.note.clone()).collect();
        let (ticket, before) = match self.find(&first.transaction_id, contact, &first.customer_name, at) {
            Some(there) if there.is_touched || there.has_priced_lines => {
                let why = format!("The lines of this visit are known already: T-{}", there.number);
                done.extend(sold.iter().map(|r| Done::skipped(r.line, why.clone()).of("ticket", there.id)));
                return Ok(());
            }
            Some(there) => {
                let mut patch = Map::new();
                if !there.has_sale {
                    patch.insert("total".into(), json!(total));
                }
                close(&mut patch, &there, &mut notes);
                let old = visits::merge(cx, &there, &patch).await?;
                visits::drop_open_lines(cx, &there).await?;
                let lines = self.drawer.lines(&self.book, there.id, &lines);
                (there.id, Some(json!({ "patch": old, "lines": lines, "removed_lines": there.open_lines })))
            }
            None => {
                let visit = Visit {
                    contact,
                    starts_at: at,
                    ends_at: at + Duration::hours(1),
                    address: None,
                    state: State::Closed,
                    lines,
                    total,
                    worked_minutes: None,
                    instructions: unmatched(&self.book, &first.employee, notes),
                    settlement: Some("handled_elsewhere"),
                    staff: first.employee.clone(),
                };
                (self.drawer.ticket(&self.book, &visit).0, None)
            }
        };
        for (n, row) in sold.iter().enumerate() {
            done.push(match &before {
                Some(before) if n == 0 => Done::updated(row.line, "ticket", ticket, before.clone()),
                Some(_) => Done { before: None, ..Done::updated(row.line, "ticket", ticket, Value::Null) },
                None => Done::made(row.line, "ticket", ticket),
            });
        }
        self.key("transaction", &first.transaction_id, ticket);
        self.key("items", &first.transaction_id, ticket);
        Ok(())
    }
}

/// Patches a paid ticket to closed, even if the calendar has it as cancelled or scheduled; appends `notes`.
fn close(patch: &mut Map<String, Value>, there: &Present, notes: &mut Vec<String>) {
    if there.state != "closed" {
        if let Some(reason) = there.row["cancel_reason"].as_str() {
            notes.push(format!("The calendar said “{reason}”, but the visit was paid."));
        }
        patch.insert("state".into(), json!("closed"));
        patch.insert("closed_at".into(), json!(there.ends_at));
        patch.insert("cancelled_at".into(), Value::Null);
        patch.insert("cancel_reason".into(), Value::Null);
        patch.insert("has_open_price".into(), json!(false));
    }
    let added = visits::words(notes);
    if !added.is_empty() {
        let former = there.row["instructions"].as_str().unwrap_or_default().to_owned();
        patch.insert("instructions".into(), json!(visits::words(&[former, added])));
    }
}

/// Appends the technician's name to the notes if no member has it.
pub fn unmatched(book: &Book, staff: &str, mut notes: Vec<String>) -> Vec<String> {
    if !staff.is_empty() && book.member(staff).is_none() {
        notes.push(format!("Technician in Square: {staff}"));
    }
    notes
}

fn line(row: &ItemRow) -> LineIn {
    let plain = matches!(row.variation.to_lowercase().as_str(), "" | "regular" | "default" | "standard");
    let name = if plain { row.name.clone() } else { format!("{} – {}", row.name, row.variation) };
    LineIn { name, quantity: row.quantity, amount: Some(row.gross) }
}

fn payment(row: &TransactionRow, contact: ContactId, ticket: Uuid, at: DateTime<Utc>, collected: Decimal) -> Value {
    let other = row.other_kind.to_lowercase();
    let method = if row.card > Decimal::ZERO {
        "card"
    } else if row.cash > Decimal::ZERO {
        "cash"
    } else if other.contains("check") || other.contains("cheque") {
        "check"
    } else if ["bank", "ach", "transfer"].iter().any(|w| other.contains(w)) {
        "bank"
    } else {
        "other"
    };
    let amount = collected.max(Decimal::ZERO);
    let tip = (row.total - amount).max(Decimal::ZERO);
    json!({
        "id": PaymentId::new(), "contact_id": contact, "ticket_id": ticket, "method": method, "amount": amount, "tip": tip,
        "refunded": row.partial_refunds.abs().min(amount + tip), "received_at": at, "reference": row.payment_id,
        "note": row.other_kind, "source_key": row.source_id,
    })
}

/// Imports a refund of an imported payment.
async fn refund(cx: &mut Cx<'_>, import: ImportId, row: &TransactionRow) -> Result<Done> {
    let key = format!("{}:{}:{}", row.source_id, row.at, row.total);
    if let Some(k) = keys::find(cx, "refund", std::slice::from_ref(&key)).await?.get(&key) {
        return Ok(Done::skipped(row.line, "Imported before").of("refund", k.record_id));
    }
    let paid = sqlx::query!(
        r#"select p.id, p.refunded, p.amount + p.tip as "whole!",
                  (select coalesce(sum(r.amount), 0) from refunds r where r.payment_id = p.id) as "told!"
             from payments p
            where p.source = 'import' and (p.source_key = $1 or ($2 <> '' and p.reference = $2)) order by p.source_key = $1 desc limit 1 for update"#,
        row.source_id,
        row.payment_id
    )
    .fetch_optional(cx.db())
    .await?;
    let Some(paid) = paid else {
        return Ok(Done::skipped(row.line, "A refund of a payment that is not in these files"));
    };
    let amount = row.total.abs().min(paid.whole - paid.told);
    if amount <= Decimal::ZERO {
        return Ok(Done::skipped(row.line, "The payment is refunded already"));
    }
    // The payment's row may already include this refund as "partial refunds", so it must not be counted twice.
    let refunded = paid.refunded.max(paid.told + amount);
    let reason = if row.refund_reason.is_empty() { &row.note } else { &row.refund_reason };
    let (id, at) = (RefundId::new(), platform::localtime::to_utc(row.at.date(), row.at.time(), row.zone.unwrap_or(cx.who.zone)));
    sqlx::query!(
        "insert into refunds (id, payment_id, amount, reason, refunded_at) values ($1, $2, $3, $4, $5)",
        id.0,
        paid.id,
        amount,
        reason,
        at
    )
    .execute(cx.db())
    .await?;
    sqlx::query!(
        "update payments set refunded = $2, state = case when $2 >= amount + tip then 'refunded' else state end where id = $1",
        paid.id,
        refunded
    )
    .execute(cx.db())
    .await?;
    let written = json!({ "added": refunded - paid.refunded });
    keys::put(cx, import, &[Key { kind: "refund", key, record_kind: "refund", record_id: id.0, written }]).await?;
    Ok(Done::made(row.line, "refund", id.0))
}
