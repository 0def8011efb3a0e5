//! Invoices of closed visits, with their payments and mails.

use chrono::{DateTime, Duration, Months, NaiveDate, NaiveTime, Utc};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    PREFIX,
    dice::Dice,
    past::Books,
    people::invented_key,
    rows::Rows,
    visit::{Line, Stage, Visit, event},
};
use money::lines::calc::{Discount, LineInput, Totals, totals};
use platform::{
    ids::{InvoiceId, InvoiceLineId, MessageId, PaymentId, RefundId},
    links,
    localtime::{local_date, to_utc},
    money::Currency,
    secrets::hex,
};

/// Days until an invoice is due.
const TERMS: i64 = 14;
/// Mails are generated for visits of the last so many days.
const MAILS: i64 = 120;
const TAX: Decimal = Decimal::from_parts(9, 0, 0, false, 0);

/// Generates invoices and counts them, so that drafts, partial payments, voids and refunds all occur.
#[derive(Default)]
pub struct Bills {
    pub last_number: i64,
    drafts: u32,
    unpaid: u32,
    refunds: u32,
}

struct Bill {
    id: InvoiceId,
    number: String,
    totals: Totals,
    issued_at: DateTime<Utc>,
    due: NaiveDate,
}

/// The state an invoice is to end in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Draft,
    Open,
    Part,
    Paid,
    Void,
}

impl Bills {
    pub fn after(last_number: i64) -> Self {
        Self { last_number, ..Self::default() }
    }

    /// Adds a closed visit's invoice, payments and mails. Call in order of time, so that invoice numbers ascend.
    pub fn of(&mut self, rows: &mut Rows, dice: &mut Dice, books: &Books<'_>, visit: &Visit<'_>) {
        let Stage::Closed(settlement) = visit.stage else { return };
        if books.now - visit.starts_at < Duration::days(MAILS) {
            mail(rows, books, visit, "confirmation", ("ticket", visit.id.0), visit.starts_at - Duration::days(2));
            reach_out(rows, dice, books, visit);
        }
        if settlement == "handled_elsewhere" {
            return;
        }
        let fate = self.fate(dice, books, visit, settlement == "payment");
        let issued_at = visit.closed_at() + Duration::minutes(3);
        let Some(totals) = computed(&visit.lines) else { return };
        if fate == Fate::Draft {
            draft(rows, visit, &totals, issued_at);
            return;
        }
        self.last_number += 1;
        let due = local_date(issued_at, books.zone) + Duration::days(TERMS);
        let bill = Bill { id: InvoiceId::new(), number: format!("{PREFIX}{:04}", self.last_number), totals, issued_at, due };
        let paid = match fate {
            Fate::Paid => bill.totals.total,
            Fate::Part => (bill.totals.total / Decimal::TWO).round_dp(0),
            _ => Decimal::ZERO,
        };
        self.issue(rows, books, visit, &bill, fate, paid);
        if books.now - issued_at < Duration::days(MAILS) && settlement == "invoice" {
            mail(rows, books, visit, "invoice", ("invoice", bill.id.0), issued_at + Duration::minutes(1));
        }
        if paid > Decimal::ZERO {
            let at_door = settlement == "payment";
            let at = if at_door { visit.closed_at() + Duration::minutes(2) } else { paid_at(dice, books, &bill) };
            self.pay(rows, dice, visit, &bill, paid, at, at_door);
        }
    }

    fn fate(&mut self, dice: &mut Dice, books: &Books<'_>, visit: &Visit<'_>, at_door: bool) -> Fate {
        let age = (books.now - visit.ends_at).num_days();
        if self.last_number % 211 == 60 && age > 30 {
            return Fate::Void;
        }
        if at_door {
            return Fate::Paid;
        }
        let open = match age {
            0..4 if self.drafts < 3 => {
                self.drafts += 1;
                return Fate::Draft;
            }
            0..4 => 80,
            4..18 => 60,
            18..70 => 26,
            _ => 0,
        };
        if !dice.chance(open) {
            return Fate::Paid;
        }
        self.unpaid += 1;
        if self.unpaid.is_multiple_of(4) { Fate::Part } else { Fate::Open }
    }

    fn issue(&self, rows: &mut Rows, books: &Books<'_>, visit: &Visit<'_>, bill: &Bill, fate: Fate, paid: Decimal) {
        let state = match fate {
            Fate::Draft => "draft",
            Fate::Open => "sent",
            Fate::Part => "partially_paid",
            Fate::Paid => "paid",
            Fate::Void => "void",
        };
        let voided = (fate == Fate::Void).then(|| bill.issued_at + Duration::days(1));
        rows.add(
            "invoices",
            json!({ "id": bill.id, "number": bill.number, "seq": self.last_number, "state": state, "contact_id": visit.customer.id,
                    "ticket_id": visit.id, "issue_date": local_date(bill.issued_at, books.zone), "due_date": bill.due, "terms_days": TERMS,
                    "currency": "USD", "subtotal": bill.totals.subtotal, "discount": bill.totals.discount, "tax": bill.totals.tax_added,
                    "total": bill.totals.total, "paid": paid, "issued_at": bill.issued_at, "sent_at": bill.issued_at + Duration::minutes(1),
                    "voided_at": voided, "void_reason": voided.map(|_| "Wrong customer"), "issuing_xid": books.xid,
                    "created_at": bill.issued_at, "created_by": visit.technician.actor() }),
        );
        lines(rows, visit, bill.id, &bill.totals, bill.issued_at);
        let by = visit.technician.actor();
        let (link, hash) = links::mint(books.app);
        rows.add(
            "links",
            json!({ "id": link, "kind": "invoice", "subject_id": bill.id, "token_hash": format!("\\x{}", hex(&hash)), "created_at": bill.issued_at,
                    "created_by": by }),
        );
        let about = ("invoice", bill.id.0);
        let payload = json!({ "number": bill.number, "amount": bill.totals.total, "currency": "USD" });
        event(rows, "invoice.sent", about, visit.customer.id, bill.issued_at + Duration::minutes(1), &by, payload.clone());
        if let Some(at) = voided {
            event(rows, "invoice.voided", about, visit.customer.id, at, &by, payload);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "what a payment is made of")]
    fn pay(&mut self, rows: &mut Rows, dice: &mut Dice, visit: &Visit<'_>, bill: &Bill, amount: Decimal, at: DateTime<Utc>, at_door: bool) {
        let method =
            if at_door { dice.of(&["card", "cash", "check", "check"]) } else { dice.of(&["card", "card", "card", "check", "bank"]) };
        let tip = if dice.chance(18) { Decimal::from(dice.of(&[5, 10, 10, 20, 25])) } else { Decimal::ZERO };
        let paid = Payment { method, amount, tip, at, refunded: Decimal::ZERO, reference: reference(dice, method) };
        let id = paid.write(rows, visit, bill);
        let payload = json!({ "number": bill.number, "amount": amount, "currency": "USD", "method": method });
        event(rows, "payment.recorded", ("payment", id.0), visit.customer.id, at, &visit.technician.actor(), payload);
        // A second payment by card, refunded in full.
        if method == "check" && self.last_number % 97 == 40 {
            self.refunds += 1;
            let at = at + Duration::days(3);
            let twice = Payment { method: "card", amount, tip: Decimal::ZERO, at, refunded: amount, reference: String::new() };
            let id = twice.write(rows, visit, bill);
            rows.add(
                "refunds",
                json!({ "id": RefundId::new(), "payment_id": id, "amount": amount, "reason": "Paid twice",
                        "provider_refund_id": invented_key("re"), "refunded_at": at + Duration::hours(5), "created_at": at + Duration::hours(5) }),
            );
        }
    }
}

struct Payment {
    method: &'static str,
    amount: Decimal,
    tip: Decimal,
    at: DateTime<Utc>,
    refunded: Decimal,
    reference: String,
}

impl Payment {
    fn write(&self, rows: &mut Rows, visit: &Visit<'_>, bill: &Bill) -> PaymentId {
        let id = PaymentId::new();
        let state = if self.refunded > Decimal::ZERO { "refunded" } else { "succeeded" };
        rows.add(
            "payments",
            json!({ "id": id, "contact_id": visit.customer.id, "invoice_id": bill.id, "ticket_id": visit.id, "state": state,
                    "method": self.method, "amount": self.amount, "tip": self.tip, "currency": "USD", "refunded": self.refunded,
                    "received_at": self.at, "reference": self.reference,
                    "source": if self.method == "card" { "stripe" } else { "manual" },
                    "provider_payment_id": (self.method == "card").then(|| invented_key("pi")),
                    "created_at": self.at, "created_by": visit.technician.actor() }),
        );
        id
    }
}

fn reference(dice: &mut Dice, method: &str) -> String {
    if method == "check" { format!("check {}", dice.between(101, 4999)) } else { String::new() }
}

fn paid_at(dice: &mut Dice, books: &Books<'_>, bill: &Bill) -> DateTime<Utc> {
    let waited = Duration::hours(dice.between(5, 24 * 18));
    (bill.issued_at + waited).min(books.now - Duration::minutes(dice.between(20, 300))).max(bill.issued_at)
}

/// Computes totals with the invoices' own calculation; these lines never fail in it.
fn computed(lines: &[Line]) -> Option<Totals> {
    let inputs: Vec<LineInput> = lines
        .iter()
        .map(|l| LineInput {
            quantity: l.quantity,
            unit_price: l.price.unwrap_or_default(),
            tax: l.tax(),
            tax_rate: if l.tax().is_some() { TAX } else { Decimal::ZERO },
            tax_inclusive: false,
        })
        .collect();
    totals(Currency::USD, &inputs, Discount::None).ok()
}

fn draft(rows: &mut Rows, visit: &Visit<'_>, totals: &Totals, at: DateTime<Utc>) {
    let id = InvoiceId::new();
    let nothing = Value::Null;
    rows.add(
        "invoices",
        json!({ "id": id, "number": nothing, "seq": nothing, "state": "draft", "contact_id": visit.customer.id, "ticket_id": visit.id,
                "issue_date": nothing, "due_date": nothing, "terms_days": TERMS, "currency": "USD", "subtotal": totals.subtotal,
                "discount": totals.discount, "tax": totals.tax_added, "total": totals.total, "paid": Decimal::ZERO, "issued_at": nothing,
                "sent_at": nothing, "voided_at": nothing, "void_reason": nothing, "issuing_xid": nothing, "created_at": at,
                "created_by": visit.technician.actor() }),
    );
    lines(rows, visit, id, totals, at);
}

fn lines(rows: &mut Rows, visit: &Visit<'_>, invoice: InvoiceId, totals: &Totals, at: DateTime<Utc>) {
    let by = visit.technician.actor();
    for ((line, total), position) in visit.lines.iter().zip(&totals.lines).zip(1..) {
        let taxed = line.tax().is_some();
        rows.add(
            "invoice_lines",
            json!({ "id": InvoiceLineId::new(), "invoice_id": invoice, "position": position, "service_id": line.sold.id,
                    "description": line.sold.name, "quantity": line.quantity, "unit_price": line.price.unwrap_or_default(),
                    "tax_rate_id": line.tax(), "tax_name": if taxed { "Sales Tax" } else { "" },
                    "tax_percent": if taxed { TAX } else { Decimal::ZERO }, "total": total, "created_at": at, "created_by": by }),
        );
    }
    for row in totals.taxes.iter().filter(|t| t.rate > Decimal::ZERO) {
        rows.add(
            "invoice_taxes",
            json!({ "id": Uuid::now_v7(), "invoice_id": invoice, "name": "Sales Tax", "percent": row.rate, "is_inclusive": row.inclusive,
                    "base": row.taxable, "amount": row.tax, "created_at": at, "created_by": by }),
        );
    }
}

/// Adds a sent mail; does nothing if the customer has no email address.
pub fn mail(rows: &mut Rows, books: &Books<'_>, visit: &Visit<'_>, kind: &'static str, about: (&str, Uuid), at: DateTime<Utc>) {
    let Some(address) = &visit.customer.email else { return };
    let subject = match kind {
        "invoice" => format!("Your invoice from {}", super::NAME),
        _ => format!("Your appointment with {}", super::NAME),
    };
    let text = format!("Hello {},\n\n{subject}.\n\nThank you!\n{}\n", visit.customer.name, super::NAME);
    let base = message(books, visit, kind, about, at);
    let row = json!({ "state": "sent", "to_address": address, "rendered_subject": subject, "rendered_text": text, "attempts": 1,
                      "sending_at": at, "sent_at": at, "send_at": at, "dedup_key": null, "consent_basis": null });
    finish(rows, base, row);
}

/// Adds a queued outreach mail 6 to 12 months after the visit, for some of the customers who consent to it.
fn reach_out(rows: &mut Rows, dice: &mut Dice, books: &Books<'_>, visit: &Visit<'_>) {
    if visit.customer.email.is_none() || !visit.customer.consents || !dice.chance(30) {
        return;
    }
    let Some(day) = local_date(visit.ends_at, books.zone).checked_add_months(Months::new(dice.of(&[6, 6, 9, 12]))) else { return };
    let at = to_utc(day, NaiveTime::from_hms_opt(10, 0, 0).unwrap_or_default(), books.zone);
    let base = message(books, visit, "reach_out", ("ticket", visit.id.0), visit.closed_at());
    let row = json!({ "state": "queued", "to_address": null, "rendered_subject": null, "rendered_text": null, "attempts": 0,
                      "sending_at": null, "sent_at": null, "send_at": at, "dedup_key": format!("reach_out:{}", visit.id),
                      "consent_basis": "asked at the visit" });
    finish(rows, base, row);
}

fn message(books: &Books<'_>, visit: &Visit<'_>, kind: &'static str, about: (&str, Uuid), at: DateTime<Utc>) -> Value {
    let id = MessageId::new();
    json!({ "id": id, "kind": kind, "contact_id": visit.customer.id, "subject_kind": about.0, "subject_id": about.1,
            "rfc_message_id": format!("{}@{}", id.0.simple(), books.app.host()), "created_at": at, "created_by": visit.technician.actor() })
}

fn finish(rows: &mut Rows, mut message: Value, rest: Value) {
    if let (Value::Object(all), Value::Object(rest)) = (&mut message, rest) {
        all.extend(rest);
    }
    rows.add("messages", message);
}
