//! Reads of invoices. Each function takes the connection, so that actions can read inside their own transaction.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, types::Json};

use super::InvoiceState;
use crate::lines::{Line, Tax};
use platform::{
    error::{Error, Result},
    ids::{ContactId, FileId, InvoiceId, MemberId, ServiceId, TaxRateId, TicketId},
    money::{Currency, two_decimals},
    role::{Permission, Role},
    tenant::Who,
};

/// An invoice with its customer's name and ticket number. Amounts are in `currency`, dates in the business's time zone.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Invoice {
    pub id: InvoiceId,
    /// Such as `INV-0107`; `None` for a draft.
    pub number: Option<String>,
    pub state: InvoiceState,
    pub contact_id: ContactId,
    pub contact_name: String,
    pub ticket_id: Option<TicketId>,
    pub ticket_number: Option<i64>,
    pub issue_date: Option<NaiveDate>,
    pub due_date: Option<NaiveDate>,
    pub terms_days: i32,
    pub currency: Currency,
    pub discount_percent: Option<Decimal>,
    pub discount_amount: Option<Decimal>,
    #[serde(serialize_with = "two_decimals")]
    pub subtotal: Decimal,
    #[serde(serialize_with = "two_decimals")]
    pub discount: Decimal,
    /// Tax added to the prices; tax included in them is not part of it.
    #[serde(serialize_with = "two_decimals")]
    pub tax: Decimal,
    #[serde(serialize_with = "two_decimals")]
    pub total: Decimal,
    /// Payments less refunds, without tips.
    #[serde(serialize_with = "two_decimals")]
    pub paid: Decimal,
    /// The balance; zero for a draft, paid or void invoice.
    #[serde(serialize_with = "two_decimals")]
    pub amount_due: Decimal,
    pub is_overdue: bool,
    pub note: String,
    pub pdf_file_id: Option<FileId>,
    pub issued_at: Option<DateTime<Utc>>,
    pub sent_at: Option<DateTime<Utc>>,
    pub voided_at: Option<DateTime<Utc>>,
    pub void_reason: Option<String>,
    pub created_at: DateTime<Utc>,
    pub version: i32,
}

impl Invoice {
    pub fn money(&self) -> Currency {
        self.currency
    }

    /// The invoice number, or "Draft invoice" until there is one.
    pub fn title(&self) -> String {
        self.number.clone().unwrap_or_else(|| "Draft invoice".into())
    }

    /// Whether all that was paid has been given back, and is not owed again.
    pub fn is_refunded(&self) -> bool {
        self.state == InvoiceState::Paid && self.paid.is_zero() && !self.total.is_zero()
    }

    /// The amount paid beyond the total.
    pub fn overpaid(&self) -> Decimal {
        (self.paid - self.total).max(Decimal::ZERO)
    }
}

/// For an agent, the member id that limits visible invoices to the agent's own customers; `None` for roles that see all of them.
pub fn only_own(who: &Who) -> Option<MemberId> {
    who.member.filter(|_| who.role == Some(Role::Agent))
}

/// Returns `Forbidden` if `who` lacks `ReadMoney` or the business hides prices from them.
pub fn must_see_money(who: &Who) -> Result<()> {
    who.require(Permission::ReadMoney)?;
    if who.sees_prices() { Ok(()) } else { Err(Error::Forbidden) }
}

/// Loads an invoice. Returns `NotFound` if there is none with this id in the business.
pub async fn invoice(db: &mut PgConnection, id: InvoiceId) -> Result<Invoice> {
    find(db, id, None).await
}

/// Loads an invoice that `who` may see; returns `NotFound` otherwise.
pub async fn visible(db: &mut PgConnection, who: &Who, id: InvoiceId) -> Result<Invoice> {
    find(db, id, only_own(who)).await
}

/// Locks the invoice, then reads it; returns `NotFound` if `who` may not see it. Lock order everywhere: the invoice before its payments.
pub async fn locked(db: &mut PgConnection, who: &Who, id: InvoiceId) -> Result<Invoice> {
    sqlx::query!("select id from invoices where id = $1 for update", id.0).fetch_optional(&mut *db).await?.ok_or(Error::NotFound)?;
    find(db, id, only_own(who)).await
}

async fn find(db: &mut PgConnection, id: InvoiceId, only: Option<MemberId>) -> Result<Invoice> {
    sqlx::query_as!(
        Invoice,
        r#"
        select i.id as "id: InvoiceId", i.number, i.state as "state: InvoiceState", i.contact_id as "contact_id: ContactId", c.name as contact_name,
               i.ticket_id as "ticket_id: TicketId", t.number as "ticket_number?", i.issue_date, i.due_date, i.terms_days, i.currency as "currency: Currency",
               i.discount_percent, i.discount_amount, i.subtotal, i.discount, i.tax, i.total, i.paid,
               case when i.state in ('issued', 'sent', 'partially_paid') then greatest(i.total - i.paid, 0) else 0 end as "amount_due!",
               (i.state in ('issued', 'sent', 'partially_paid') and i.due_date < (app.now() at time zone o.time_zone)::date) as "is_overdue!",
               i.note, i.pdf_file_id as "pdf_file_id: FileId", i.issued_at, i.sent_at, i.voided_at, i.void_reason, i.created_at, i.version
          from invoices i
          join orgs o on o.org_id = i.org_id and o.id = i.org_id
          join contacts c on c.org_id = i.org_id and c.id = i.contact_id
          left join tickets t on t.org_id = i.org_id and t.id = i.ticket_id
         where i.id = $1 and ($2::uuid is null or app.is_own_contact(i.contact_id, $2))
        "#,
        id.0,
        only.map(|m| m.0)
    )
    .fetch_optional(db)
    .await?
    .ok_or(Error::NotFound)
}

/// Selects invoices; every condition given must hold.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Empty means any state.
    pub states: Vec<InvoiceState>,
    pub overdue: Option<bool>,
    pub contact: Option<ContactId>,
    pub ticket: Option<TicketId>,
    /// Matches part of the number or of the customer's name; an amount matches the total.
    pub search: Option<String>,
    pub only_own: Option<MemberId>,
}

/// Cursor of the list: creation time and id of a page's last row.
pub type Place = (DateTime<Utc>, InvoiceId);

/// Lists invoices after the cursor `after`, newest first. Returns up to `limit + 1` rows; the extra row shows that another page follows.
pub async fn list(db: &mut PgConnection, filter: &Filter, after: Option<Place>, limit: i64) -> Result<Vec<Invoice>> {
    let states: Vec<String> = filter.states.iter().map(|s| s.name().to_owned()).collect();
    let words = filter.search.as_deref().map(str::trim).filter(|s| !s.is_empty());
    let pattern = words.map(|s| format!("%{}%", s.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")));
    let amount = words.and_then(|s| platform::money::parse_amount(s).ok());
    let (at, id) = after.unzip();
    Ok(sqlx::query_as!(
        Invoice,
        r#"
        select i.id as "id: InvoiceId", i.number, i.state as "state: InvoiceState", i.contact_id as "contact_id: ContactId", c.name as contact_name,
               i.ticket_id as "ticket_id: TicketId", t.number as "ticket_number?", i.issue_date, i.due_date, i.terms_days, i.currency as "currency: Currency",
               i.discount_percent, i.discount_amount, i.subtotal, i.discount, i.tax, i.total, i.paid,
               case when i.state in ('issued', 'sent', 'partially_paid') then greatest(i.total - i.paid, 0) else 0 end as "amount_due!",
               (i.state in ('issued', 'sent', 'partially_paid') and i.due_date < (app.now() at time zone o.time_zone)::date) as "is_overdue!",
               i.note, i.pdf_file_id as "pdf_file_id: FileId", i.issued_at, i.sent_at, i.voided_at, i.void_reason, i.created_at, i.version
          from invoices i
          join orgs o on o.org_id = i.org_id and o.id = i.org_id
          join contacts c on c.org_id = i.org_id and c.id = i.contact_id
          left join tickets t on t.org_id = i.org_id and t.id = i.ticket_id
         where (cardinality($1::text[]) = 0 or i.state::text = any ($1))
           and ($2::bool is null
                or $2 = coalesce(i.state in ('issued', 'sent', 'partially_paid') and i.due_date < (app.now() at time zone o.time_zone)::date, false))
           and ($3::uuid is null or i.contact_id = $3)
           and ($4::uuid is null or i.ticket_id = $4)
           and ($5::text is null or i.number ilike $5 or c.name ilike $5 or i.total = $6)
           and ($7::uuid is null or app.is_own_contact(i.contact_id, $7))
           and ($8::timestamptz is null or (i.created_at, i.id) < ($8, $9::uuid))
         order by i.created_at desc, i.id desc
         limit $10
        "#,
        &states,
        filter.overdue,
        filter.contact.map(|c| c.0),
        filter.ticket.map(|t| t.0),
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

/// An invoice's lines, in printed order.
pub async fn lines(db: &mut PgConnection, id: InvoiceId) -> Result<Vec<Line>> {
    Ok(sqlx::query_as!(
        Line,
        r#"select id, position, service_id as "service_id: ServiceId", description, quantity, unit_price,
                  tax_rate_id as "tax_rate_id: TaxRateId", tax_name, tax_percent, tax_inclusive, total
             from invoice_lines where invoice_id = $1 order by position, id"#,
        id.0
    )
    .fetch_all(db)
    .await?)
}

/// An invoice's tax rows in printed order: added taxes before included ones.
pub async fn taxes(db: &mut PgConnection, id: InvoiceId) -> Result<Vec<Tax>> {
    Ok(sqlx::query_as!(
        Tax,
        "select name, percent, is_inclusive, base, amount from invoice_taxes where invoice_id = $1 order by is_inclusive, percent, id",
        id.0
    )
    .fetch_all(db)
    .await?)
}

/// An invoice's lines and tax rows from one query, each in printed order.
pub async fn lines_and_taxes(db: &mut PgConnection, id: InvoiceId) -> Result<(Vec<Line>, Vec<Tax>)> {
    let row = sqlx::query!(
        r#"select (select coalesce(jsonb_agg(jsonb_build_object('id', l.id, 'position', l.position, 'service_id', l.service_id, 'description', l.description,
                            'quantity', l.quantity::text, 'unit_price', l.unit_price::text, 'tax_rate_id', l.tax_rate_id, 'tax_name', l.tax_name,
                            'tax_percent', l.tax_percent::text, 'tax_inclusive', l.tax_inclusive, 'total', l.total::text)
                          order by l.position, l.id), '[]')
                     from invoice_lines l where l.invoice_id = $1) as "lines!: Json<Vec<Line>>",
                  (select coalesce(jsonb_agg(jsonb_build_object('name', t.name, 'percent', t.percent::text, 'is_inclusive', t.is_inclusive,
                            'base', t.base::text, 'amount', t.amount::text) order by t.is_inclusive, t.percent, t.id), '[]')
                     from invoice_taxes t where t.invoice_id = $1) as "taxes!: Json<Vec<Tax>>""#,
        id.0
    )
    .fetch_one(db)
    .await?;
    Ok((row.lines.0, row.taxes.0))
}

/// The ticket's invoice that is not void; a ticket has at most one.
pub async fn by_ticket(db: &mut PgConnection, ticket: TicketId) -> Result<Option<Invoice>> {
    let id = sqlx::query_scalar!(r#"select id as "id: InvoiceId" from invoices where ticket_id = $1 and state <> 'void'"#, ticket.0)
        .fetch_optional(&mut *db)
        .await?;
    match id {
        Some(id) => Ok(Some(invoice(db, id).await?)),
        None => Ok(None),
    }
}

/// The stored PDF as file name and bytes; `None` if none is stored.
pub async fn pdf(db: &mut PgConnection, id: InvoiceId) -> Result<Option<(String, Vec<u8>)>> {
    let row = sqlx::query!(
        "select f.name, f.bytes from invoices i join files f on f.org_id = i.org_id and f.id = i.pdf_file_id where i.id = $1",
        id.0
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|r| (r.name, r.bytes)))
}

/// Counts and sums of open invoices for the home page, in the business's currency.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Owed {
    pub unpaid_count: i64,
    pub unpaid_total: Decimal,
    pub overdue_count: i64,
    pub overdue_total: Decimal,
}

/// Adds up the business's open invoices; *overdue* by today's date in its time zone.
pub async fn owed(db: &mut PgConnection) -> Result<Owed> {
    Ok(sqlx::query_as!(
        Owed,
        r#"
        with today as (select (app.now() at time zone o.time_zone)::date as day from orgs o where o.id = (select app.org()))
        select count(*) as "unpaid_count!", coalesce(sum(greatest(i.total - i.paid, 0)), 0) as "unpaid_total!",
               count(*) filter (where i.due_date < t.day) as "overdue_count!",
               coalesce(sum(greatest(i.total - i.paid, 0)) filter (where i.due_date < t.day), 0) as "overdue_total!"
          from invoices i, today t where i.state in ('issued', 'sent', 'partially_paid')
        "#
    )
    .fetch_one(db)
    .await?)
}

/// The business's details as printed on invoices.
#[derive(Debug, Clone)]
pub struct Sender {
    pub name: String,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub street: Option<String>,
    pub city: Option<String>,
    pub region: Option<String>,
    pub postal_code: Option<String>,
    pub country: String,
    pub tax_id: Option<String>,
    pub website: Option<String>,
    pub invoice_prefix: String,
    pub invoice_notes: Option<String>,
    pub payment_terms_days: i32,
}

impl Sender {
    /// Printed lines: street, town, phone and email, website; empty ones are left out.
    pub fn block(&self) -> Vec<String> {
        let text = |v: &Option<String>| v.clone().unwrap_or_default();
        let town = [text(&self.city), format!("{} {}", text(&self.region), text(&self.postal_code)).trim().to_owned()];
        let town = town.into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join(", ");
        let reach = [text(&self.phone), text(&self.email)].into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join(" · ");
        [text(&self.street), town, reach, text(&self.website)].into_iter().filter(|l| !l.is_empty()).collect()
    }
}

/// Loads the business's details for the PDF and the customer's page.
pub async fn sender(db: &mut PgConnection) -> Result<Sender> {
    Ok(sqlx::query_as!(
        Sender,
        "select name, email, phone, street, city, region, postal_code, country, tax_id, website, invoice_prefix, invoice_notes, payment_terms_days
           from orgs where id = (select app.org())"
    )
    .fetch_one(db)
    .await?)
}

/// The business's logo as PNG or JPEG bytes.
pub async fn logo(db: &mut PgConnection) -> Result<Option<Vec<u8>>> {
    Ok(sqlx::query_scalar!(
        "select f.bytes from orgs o join files f on f.org_id = o.org_id and f.id = o.logo_file_id where o.id = (select app.org())"
    )
    .fetch_optional(db)
    .await?)
}
