//! Reads of payments, refunds and webhook events; the data types of money for programs.

mod listings;

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use uuid::Uuid;

pub use listings::{invoices_query, payments_query, refunds_query, webhook_events_query};

use super::{PaymentMethod, PaymentState};
use crate::invoices;
use platform::{
    error::{Error, Result},
    ids::{CheckoutId, ContactId, InvoiceId, MemberId, PaymentId, RefundId, TicketId, WebhookEventId},
    money::{Currency, two_decimals},
    tenant::Who,
};

/// A payment with the names it is shown with. Amounts in `currency`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Payment {
    pub id: PaymentId,
    pub invoice_id: Option<InvoiceId>,
    pub invoice_number: Option<String>,
    pub ticket_id: Option<TicketId>,
    pub contact_id: Option<ContactId>,
    pub contact_name: Option<String>,
    pub state: PaymentState,
    pub method: PaymentMethod,
    /// Towards the invoice.
    #[serde(serialize_with = "two_decimals")]
    pub amount: Decimal,
    #[serde(serialize_with = "two_decimals")]
    pub tip: Decimal,
    #[serde(serialize_with = "two_decimals")]
    pub refunded: Decimal,
    /// What could still be given back: refunds under way are taken off.
    #[serde(serialize_with = "two_decimals")]
    pub refundable: Decimal,
    pub currency: String,
    pub received_at: Option<DateTime<Utc>>,
    pub reference: String,
    pub note: String,
    /// Came through Stripe.
    pub is_online: bool,
    pub failure: Option<String>,
    /// manual, stripe, import.
    pub source: String,
    pub created_at: DateTime<Utc>,
    pub version: i32,
}

impl Payment {
    pub fn money(&self) -> Currency {
        invoices::currency(&self.currency)
    }

    /// What the customer paid in all.
    pub fn whole(&self) -> Decimal {
        self.amount + self.tip
    }

    /// How it stands with the books: counted on an invoice, waiting, or to be looked at.
    pub fn reconciliation(&self) -> &'static str {
        match (self.state, self.invoice_id) {
            (PaymentState::Pending, _) => "Waiting",
            (PaymentState::Failed, _) => "Not received",
            (PaymentState::Disputed, _) => "Disputed",
            (_, Some(_)) => "On the invoice",
            (_, None) if self.source == "import" => "Imported",
            (_, None) => "No invoice",
        }
    }
}

/// Money given back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Refund {
    pub id: RefundId,
    pub payment_id: PaymentId,
    #[serde(serialize_with = "two_decimals")]
    pub amount: Decimal,
    pub reason: String,
    /// pending, succeeded, failed.
    pub state: String,
    pub error: Option<String>,
    pub refunded_at: DateTime<Utc>,
}

/// Which payments.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub id: Option<PaymentId>,
    pub state: Option<PaymentState>,
    pub method: Option<PaymentMethod>,
    pub contact: Option<ContactId>,
    pub invoice: Option<InvoiceId>,
    /// Received from and until these days, in the business's zone.
    pub from: Option<NaiveDate>,
    pub until: Option<NaiveDate>,
    /// In number, reference or the customer's name; an amount finds itself.
    pub search: Option<String>,
    pub only_own: Option<MemberId>,
}

/// Where a page of the list ended.
pub type Place = (DateTime<Utc>, PaymentId);

/// The columns of a payment, one query whatever is asked; joins and conditions follow.
macro_rules! rows {
    ($which:literal, $($arg:expr),+) => {
        sqlx::query_as!(
            Payment,
            r#"
            select p.id as "id: PaymentId", p.invoice_id as "invoice_id: InvoiceId", i.number as "invoice_number?", p.ticket_id as "ticket_id: TicketId",
                   p.contact_id as "contact_id: ContactId", c.name as "contact_name?", p.state as "state: PaymentState", p.method as "method: PaymentMethod",
                   p.amount, p.tip, p.refunded,
                   greatest(p.amount + p.tip - greatest(p.refunded, coalesce((select sum(r.amount) from refunds r where r.payment_id = p.id and r.state <> 'failed'), 0)), 0) as "refundable!",
                   p.currency, p.received_at, p.reference, p.note, p.provider_payment_id is not null as "is_online!", p.failure, p.source, p.created_at, p.version
              from payments p
              left join invoices i on i.org_id = p.org_id and i.id = p.invoice_id
              left join contacts c on c.org_id = p.org_id and c.id = p.contact_id
            "# + $which,
            $($arg),+
        )
    };
}

/// Newest first; one row more than `limit` where there are more.
pub async fn list(db: &mut PgConnection, filter: &Filter, after: Option<Place>, limit: i64) -> Result<Vec<Payment>> {
    let words = filter.search.as_deref().map(str::trim).filter(|s| !s.is_empty());
    let pattern = words.map(|s| format!("%{}%", s.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")));
    let amount = words.and_then(|s| platform::money::parse_amount(s).ok());
    let (at, id) = after.unzip();
    Ok(rows!(
        r#"
          join orgs o on o.org_id = p.org_id and o.id = p.org_id
         where ($1::uuid is null or p.id = $1)
           and ($2::payment_state is null or p.state = $2)
           and ($3::payment_method is null or p.method = $3)
           and ($4::uuid is null or p.contact_id = $4)
           and ($5::uuid is null or p.invoice_id = $5)
           and ($6::date is null or (coalesce(p.received_at, p.created_at) at time zone o.time_zone)::date >= $6)
           and ($7::date is null or (coalesce(p.received_at, p.created_at) at time zone o.time_zone)::date <= $7)
           and ($8::text is null or i.number ilike $8 or c.name ilike $8 or p.reference ilike $8 or p.amount = $9 or p.amount + p.tip = $9)
           and ($10::uuid is null or app.is_own_contact(p.contact_id, $10))
           and ($11::timestamptz is null or (coalesce(p.received_at, p.created_at), p.id) < ($11, $12::uuid))
         order by coalesce(p.received_at, p.created_at) desc, p.id desc
         limit $13
        "#,
        filter.id.map(|i| i.0),
        filter.state as Option<PaymentState>,
        filter.method as Option<PaymentMethod>,
        filter.contact.map(|c| c.0),
        filter.invoice.map(|i| i.0),
        filter.from,
        filter.until,
        pattern,
        amount,
        filter.only_own.map(|m| m.0),
        at,
        id.map(|i| i.0),
        limit + 1
    )
    .fetch_all(db)
    .await?)
}

/// The place of a row in the list.
pub fn place(payment: &Payment) -> Place {
    (payment.received_at.unwrap_or(payment.created_at), payment.id)
}

/// One payment. Unknown or another business's: `NotFound`.
pub async fn payment(db: &mut PgConnection, id: PaymentId) -> Result<Payment> {
    list(db, &Filter { id: Some(id), ..Filter::default() }, None, 1).await?.into_iter().next().ok_or(Error::NotFound)
}

/// One payment, if this member may see it.
pub async fn visible(db: &mut PgConnection, who: &Who, id: PaymentId) -> Result<Payment> {
    let filter = Filter { id: Some(id), only_own: invoices::data::only_own(who), ..Filter::default() };
    list(db, &filter, None, 1).await?.into_iter().next().ok_or(Error::NotFound)
}

/// An invoice's payments, newest first.
pub async fn by_invoice(db: &mut PgConnection, id: InvoiceId) -> Result<Vec<Payment>> {
    // Not one of the list's many conditions: those are planned anew each time, which takes longer than looking.
    Ok(rows!("where p.invoice_id = $1 order by coalesce(p.received_at, p.created_at) desc, p.id desc limit 500", id.0)
        .fetch_all(db)
        .await?)
}

/// A payment's refunds, oldest first.
pub async fn refunds(db: &mut PgConnection, payment: PaymentId) -> Result<Vec<Refund>> {
    Ok(sqlx::query_as!(
        Refund,
        r#"select id as "id: RefundId", payment_id as "payment_id: PaymentId", amount, reason, state, error, refunded_at
             from refunds where payment_id = $1 order by refunded_at, id"#,
        payment.0
    )
    .fetch_all(db)
    .await?)
}

/// A signed event as it came. Its body is not shown in lists: it is personal data.
#[derive(Debug, Clone, Serialize)]
pub struct WebhookEvent {
    pub id: WebhookEventId,
    pub provider: String,
    pub event_id: String,
    pub event_type: String,
    pub occurred_at: Option<DateTime<Utc>>,
    /// received, processed, ignored, failed.
    pub state: String,
    pub error: Option<String>,
    pub attempts: i32,
    pub processed_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub version: i32,
}

/// Events, newest first; one row more than `limit` where there are more. `state`: only those.
pub async fn webhook_events(
    db: &mut PgConnection,
    id: Option<WebhookEventId>,
    state: Option<&str>,
    after: Option<(DateTime<Utc>, WebhookEventId)>,
    limit: i64,
) -> Result<Vec<WebhookEvent>> {
    let (at, last) = after.unzip();
    Ok(sqlx::query_as!(
        WebhookEvent,
        r#"
        select id as "id: WebhookEventId", provider, event_id, event_type, occurred_at, state, error, attempts, processed_at, created_at, version
          from webhook_events
         where ($1::uuid is null or id = $1) and ($2::text is null or state = $2)
           and ($3::timestamptz is null or (created_at, id) < ($3, $4::uuid))
         order by created_at desc, id desc limit $5
        "#,
        id.map(|i| i.0),
        state,
        at,
        last.map(|i| i.0),
        limit + 1
    )
    .fetch_all(db)
    .await?)
}

/// A payment page at Stripe that is, or was about to be, open.
#[derive(Debug, Clone)]
pub struct Checkout {
    pub id: CheckoutId,
    pub provider_session_id: Option<String>,
    pub url: Option<String>,
    pub amount: Decimal,
    pub tip: Decimal,
    pub expires_at: Option<DateTime<Utc>>,
    pub provider_customer_id: Option<String>,
    /// The account that it was opened with, by its name; not known of old ones.
    pub account: Option<String>,
}

/// What the customer can still pay: what is due less what the bank has not decided on.
pub async fn payable(db: &mut PgConnection, invoice: &invoices::data::Invoice) -> Result<Decimal> {
    let pending = sqlx::query_scalar!(
        r#"select coalesce(sum(amount), 0) as "pending!" from payments where invoice_id = $1 and state = 'pending'"#,
        invoice.id.0
    )
    .fetch_one(db)
    .await?;
    Ok((invoice.amount_due - pending).max(Decimal::ZERO))
}

/// The live payment pages that were not opened with this account.
pub async fn checkouts_elsewhere(db: &mut PgConnection, account: Option<&str>) -> Result<Vec<Checkout>> {
    Ok(sqlx::query_as!(
        Checkout,
        r#"select id as "id: CheckoutId", provider_session_id, url, amount, tip, expires_at, provider_customer_id, account
             from checkout_sessions where state in ('creating', 'open') and account is distinct from $1 order by id"#,
        account
    )
    .fetch_all(db)
    .await?)
}

/// The one live payment page of an invoice.
pub async fn live_checkout(db: &mut PgConnection, invoice: InvoiceId) -> Result<Option<Checkout>> {
    Ok(sqlx::query_as!(
        Checkout,
        r#"select id as "id: CheckoutId", provider_session_id, url, amount, tip, expires_at, provider_customer_id, account
             from checkout_sessions where invoice_id = $1 and state in ('creating', 'open')"#,
        invoice.0
    )
    .fetch_optional(db)
    .await?)
}

/// The business's customer at its provider.
pub async fn provider_customer(db: &mut PgConnection, contact: ContactId, account: &str) -> Result<Option<String>> {
    Ok(sqlx::query_scalar!(
        "select provider_customer_id from provider_customers where contact_id = $1 and account = $2",
        contact.0,
        account
    )
    .fetch_optional(db)
    .await?)
}

/// What a refund job needs: the payment's id at Stripe, and how much.
pub struct RefundAtProvider {
    pub state: String,
    pub amount: Decimal,
    pub currency: String,
    pub provider_payment_id: Option<String>,
}

pub async fn refund_at_provider(db: &mut PgConnection, id: RefundId) -> Result<RefundAtProvider> {
    sqlx::query_as!(
        RefundAtProvider,
        "select r.state, r.amount, p.currency, p.provider_payment_id from refunds r join payments p on p.org_id = r.org_id and p.id = r.payment_id where r.id = $1",
        id.0
    )
    .fetch_optional(db)
    .await?
    .ok_or(Error::NotFound)
}

/// The newest entries of a record in the audit trail.
pub async fn audit_of(db: &mut PgConnection, record: Uuid) -> Result<Vec<serde_json::Value>> {
    let rows =
        sqlx::query!("select at, op, changes, actor, action from audit_entries where record_id = $1 order by id desc limit 200", record)
            .fetch_all(db)
            .await?;
    Ok(rows
        .into_iter()
        .map(|r| serde_json::json!({ "at": r.at, "op": r.op, "changes": r.changes, "actor": r.actor, "action": r.action }))
        .collect())
}
