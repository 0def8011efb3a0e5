//! Reads of payments, refunds and webhook events, and their listings in `/api/data`.

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

/// A payment with its customer's name and invoice number. Amounts are in `currency`.
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
    /// Amount towards the invoice, without the tip.
    #[serde(serialize_with = "two_decimals")]
    pub amount: Decimal,
    #[serde(serialize_with = "two_decimals")]
    pub tip: Decimal,
    #[serde(serialize_with = "two_decimals")]
    pub refunded: Decimal,
    /// The amount that can still be refunded; pending refunds are deducted.
    #[serde(serialize_with = "two_decimals")]
    pub refundable: Decimal,
    pub currency: Currency,
    pub received_at: Option<DateTime<Utc>>,
    pub reference: String,
    pub note: String,
    /// Whether it was paid through a provider.
    pub is_online: bool,
    pub failure: Option<String>,
    /// `manual`, `import`, or the provider's name, such as `stripe`.
    pub source: String,
    pub created_at: DateTime<Utc>,
    pub version: i32,
}

impl Payment {
    pub fn money(&self) -> Currency {
        self.currency
    }

    /// Amount plus tip.
    pub fn whole(&self) -> Decimal {
        self.amount + self.tip
    }

    /// The payment's accounting status as a label: on an invoice, waiting, or to be checked.
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

/// A refund. The amount is in the payment's currency.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Refund {
    pub id: RefundId,
    pub payment_id: PaymentId,
    #[serde(serialize_with = "two_decimals")]
    pub amount: Decimal,
    pub reason: String,
    /// `pending`, `succeeded` or `failed`.
    pub state: String,
    pub error: Option<String>,
    pub refunded_at: DateTime<Utc>,
}

/// Selects payments; every condition given must hold.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub id: Option<PaymentId>,
    pub state: Option<PaymentState>,
    pub method: Option<PaymentMethod>,
    pub contact: Option<ContactId>,
    pub invoice: Option<InvoiceId>,
    /// First and last date of receipt, both included, in the business's time zone.
    pub from: Option<NaiveDate>,
    pub until: Option<NaiveDate>,
    /// Matches part of the invoice number, reference or customer's name; an amount matches with or without the tip.
    pub search: Option<String>,
    pub only_own: Option<MemberId>,
}

/// Cursor of the list: time and id of a page's last row.
pub type Place = (DateTime<Utc>, PaymentId);

/// Selects the columns of `Payment`; `$which` adds joins and conditions.
macro_rules! rows {
    ($which:literal, $($arg:expr),+) => {
        sqlx::query_as!(
            Payment,
            r#"
            select p.id as "id: PaymentId", p.invoice_id as "invoice_id: InvoiceId", i.number as "invoice_number?", p.ticket_id as "ticket_id: TicketId",
                   p.contact_id as "contact_id: ContactId", c.name as "contact_name?", p.state as "state: PaymentState", p.method as "method: PaymentMethod",
                   p.amount, p.tip, p.refunded,
                   greatest(p.amount + p.tip - greatest(p.refunded, coalesce((select sum(r.amount) from refunds r where r.payment_id = p.id and r.state <> 'failed'), 0)), 0) as "refundable!",
                   p.currency as "currency: Currency", p.received_at, p.reference, p.note, p.provider_payment_id is not null as "is_online!", p.failure, p.source, p.created_at, p.version
              from payments p
              left join invoices i on i.org_id = p.org_id and i.id = p.invoice_id
              left join contacts c on c.org_id = p.org_id and c.id = p.contact_id
            "# + $which,
            $($arg),+
        )
    };
}

/// Lists payments after the cursor `after`, newest first. Returns up to `limit + 1` rows; the extra row shows that another page follows.
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

/// The cursor of a row in the list.
pub fn place(payment: &Payment) -> Place {
    (payment.received_at.unwrap_or(payment.created_at), payment.id)
}

/// Loads a payment. Returns `NotFound` if there is none with this id in the business.
pub async fn payment(db: &mut PgConnection, id: PaymentId) -> Result<Payment> {
    list(db, &Filter { id: Some(id), ..Filter::default() }, None, 1).await?.into_iter().next().ok_or(Error::NotFound)
}

/// Loads a payment that `who` may see; returns `NotFound` otherwise.
pub async fn visible(db: &mut PgConnection, who: &Who, id: PaymentId) -> Result<Payment> {
    let filter = Filter { id: Some(id), only_own: invoices::data::only_own(who), ..Filter::default() };
    list(db, &filter, None, 1).await?.into_iter().next().ok_or(Error::NotFound)
}

/// An invoice's payments, newest first.
pub async fn by_invoice(db: &mut PgConnection, id: InvoiceId) -> Result<Vec<Payment>> {
    // A query of its own: planning the list's many conditions takes longer than this lookup.
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

/// A stored webhook event, without its body, which holds personal data.
#[derive(Debug, Clone, Serialize)]
pub struct WebhookEvent {
    pub id: WebhookEventId,
    pub provider: String,
    pub event_id: String,
    pub event_type: String,
    pub occurred_at: Option<DateTime<Utc>>,
    /// `received`, `processed`, `ignored` or `failed`.
    pub state: String,
    pub error: Option<String>,
    pub attempts: i32,
    pub processed_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub version: i32,
}

/// Lists events after the cursor `after`, newest first, optionally only those in `state`. Returns up to `limit + 1` rows; the extra row
/// shows that another page follows.
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

/// A payment page at a provider that is open or being created.
#[derive(Debug, Clone)]
pub struct Checkout {
    pub id: CheckoutId,
    pub provider_session_id: Option<String>,
    pub url: Option<String>,
    pub amount: Decimal,
    pub tip: Decimal,
    pub expires_at: Option<DateTime<Utc>>,
    pub provider_customer_id: Option<String>,
    /// Name of the account it was opened with; `None` for pages from before this was stored.
    pub account: Option<String>,
}

/// The amount the customer can still pay: the amount due less pending payments.
pub async fn payable(db: &mut PgConnection, invoice: &invoices::data::Invoice) -> Result<Decimal> {
    let pending = sqlx::query_scalar!(
        r#"select coalesce(sum(amount), 0) as "pending!" from payments where invoice_id = $1 and state = 'pending'"#,
        invoice.id.0
    )
    .fetch_one(db)
    .await?;
    Ok((invoice.amount_due - pending).max(Decimal::ZERO))
}

/// Payment pages, open or being created, that belong to none of `accounts`.
pub async fn checkouts_elsewhere(db: &mut PgConnection, accounts: &[String]) -> Result<Vec<Checkout>> {
    Ok(sqlx::query_as!(
        Checkout,
        r#"select id as "id: CheckoutId", provider_session_id, url, amount, tip, expires_at, provider_customer_id, account
             from checkout_sessions where state in ('creating', 'open') and (account = any ($1)) is not true order by id"#,
        accounts
    )
    .fetch_all(db)
    .await?)
}

/// The invoice's payment page, open or being created; there is at most one.
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

/// The contact's customer id in the provider's account named `account`.
pub async fn provider_customer(db: &mut PgConnection, contact: ContactId, account: &str) -> Result<Option<String>> {
    Ok(sqlx::query_scalar!(
        "select provider_customer_id from provider_customers where contact_id = $1 and account = $2",
        contact.0,
        account
    )
    .fetch_optional(db)
    .await?)
}

/// A refund with its payment's id at the provider, for the refund job.
pub struct RefundAtProvider {
    pub state: String,
    pub amount: Decimal,
    pub currency: Currency,
    pub provider_payment_id: Option<String>,
    pub source: String,
}

pub async fn refund_at_provider(db: &mut PgConnection, id: RefundId) -> Result<RefundAtProvider> {
    sqlx::query_as!(
        RefundAtProvider,
        r#"select r.state, r.amount, p.currency as "currency: Currency", p.provider_payment_id, p.source
             from refunds r join payments p on p.org_id = r.org_id and p.id = r.payment_id where r.id = $1"#,
        id.0
    )
    .fetch_optional(db)
    .await?
    .ok_or(Error::NotFound)
}

/// The record's latest 200 audit entries, newest first.
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
