//! The database steps of opening a payment page. The provider is called between these steps, never within one. The row is written first; its id
//! is the idempotency key.

use chrono::{DateTime, Duration, Utc};
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    invoices::{self, data::Invoice},
    payments::{
        data,
        providers::{self, Closed},
    },
};
use office::notices::{self, NewNotice};
use platform::{
    action::{Action, Cx},
    error::{Error, FieldErrors, Result},
    ids::{CheckoutId, ContactId, InvoiceId},
    money::Currency,
    role::{Capability, Permission},
};

/// How long a payment page stays open; Stripe, for one, allows a day at most.
const OPEN_FOR: Duration = Duration::hours(23);

/// Locks and loads the invoice of the customer's link; returns `NotFound` if the link is revoked.
async fn invoice_of_link(cx: &mut Cx<'_>) -> Result<Invoice> {
    let link = cx.who.link.ok_or(Error::NotFound)?;
    let id = sqlx::query_scalar!(
        r#"select subject_id as "id: InvoiceId" from links where id = $1 and kind = 'invoice' and revoked_at is null"#,
        link.0
    )
    .fetch_optional(cx.db())
    .await?
    .ok_or(Error::NotFound)?;
    let who = cx.who;
    invoices::data::locked(cx.db(), who, id).await
}

/// Decides the next step towards a payment page for the amount due now.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct BeginCheckout {
    pub tip: Decimal,
    /// The provider, and the name of the account, to open the page with.
    pub provider: String,
    pub account: String,
    /// The provider's customer id.
    pub customer: Option<String>,
}

/// The next step towards an open payment page.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Next {
    /// A page for this amount is open at this URL.
    Go(String),
    /// Create this page. Its id is the idempotency key; its fields are the same at every attempt.
    Create(Order),
    /// Close this page first: it has another amount or account.
    Expire { id: CheckoutId, session: String, account: Option<String> },
}

/// A payment page to create at the provider.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    pub id: CheckoutId,
    pub invoice_id: InvoiceId,
    pub number: String,
    pub currency: Currency,
    pub amount: Decimal,
    pub tip: Decimal,
    pub expires_at: DateTime<Utc>,
    pub customer: Option<String>,
}

impl Action for BeginCheckout {
    const NAME: &'static str = "checkout.begin";
    const NEEDS: Permission = Permission::Customer;
    const CAPABILITY: Option<Capability> = Some(Capability::Payments);
    type Output = Next;

    async fn run(self, cx: &mut Cx<'_>) -> Result<Next> {
        let invoice = invoice_of_link(cx).await?;
        if !invoice.state.is_open() || invoice.amount_due <= Decimal::ZERO {
            return Err(Error::conflict("There is nothing to pay on this invoice."));
        }
        let due = data::payable(cx.db(), &invoice).await?;
        if due.is_zero() {
            return Err(Error::conflict("We are waiting for the bank. Nothing more has to be paid."));
        }
        let (money, now) = (invoice.money(), cx.now());
        if self.tip < Decimal::ZERO || !money.fits(self.tip) || self.tip > due + Decimal::from(1000) {
            return Err(FieldErrors::one("tip_own", "Give the tip as an amount, like 10.00."));
        }
        self.must_fit(cx, money, due)?;
        if let Some(live) = data::live_checkout(cx.db(), invoice.id).await? {
            let is_current = live.expires_at.is_some_and(|at| at > now + Duration::minutes(2));
            let is_same_account = live.account.as_deref() == Some(self.account.as_str());
            let fits = live.amount == due && live.tip == self.tip && is_same_account;
            match (live.url, live.provider_session_id) {
                _ if !is_current => close(cx, live.id, Closed::Expired).await?,
                (Some(url), Some(_)) if fits => return Ok(Next::Go(url)),
                (_, Some(session)) => return Ok(Next::Expire { id: live.id, session, account: live.account }),
                // The page was never shown to a customer.
                (_, None) if !is_same_account => close(cx, live.id, Closed::Expired).await?,
                // Another request is creating the page, or crashed doing so: the same idempotency key gives the same page.
                (_, None) => {
                    let expires_at = live.expires_at.unwrap_or(now);
                    let customer = live.provider_customer_id;
                    return Ok(Next::Create(order(&invoice, live.id, live.amount, live.tip, expires_at, customer)));
                }
            }
        }
        let (id, expires_at) = (CheckoutId::new(), now + OPEN_FOR);
        sqlx::query!(
            "insert into checkout_sessions (id, invoice_id, amount, tip, expires_at, provider_customer_id, account) values ($1, $2, $3, $4, $5, $6, $7)",
            id.0,
            invoice.id.0,
            due,
            self.tip,
            expires_at,
            self.customer,
            self.account
        )
        .execute(cx.db())
        .await?;
        Ok(Next::Create(order(&invoice, id, due, self.tip, expires_at, self.customer)))
    }
}

impl BeginCheckout {
    /// Refuses what the provider does not take, before the customer is sent there.
    fn must_fit(&self, cx: &Cx<'_>, money: Currency, due: Decimal) -> Result<()> {
        let provider = providers::named(cx.app, &self.provider).ok_or(Error::NotFound)?;
        let (least, most) = provider.limits(money);
        if due < least || due > most {
            let limit =
                if due < least { format!("Less than {}", money.format(least)) } else { format!("More than {}", money.format(most)) };
            return Err(Error::conflict(format!("{limit} can't be paid online. Please ask how to pay.")));
        }
        if due + self.tip > most {
            return Err(FieldErrors::one(
                "tip_own",
                format!("With this tip it is more than {}, the most that can be paid online.", money.format(most)),
            ));
        }
        Ok(())
    }
}

/// Tells the owner that the provider refused for good what the customer wanted to pay. Only for the customer's page.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct ReportRefusal {
    pub provider: String,
    /// The provider's own words.
    pub reason: String,
}

fn refusal_key(invoice: InvoiceId) -> String {
    format!("payment_refused:{invoice}")
}

impl Action for ReportRefusal {
    const NAME: &'static str = "checkout.report_refusal";
    const NEEDS: Permission = Permission::Customer;
    type Output = ();

    async fn run(self, cx: &mut Cx<'_>) -> Result<()> {
        let invoice = invoice_of_link(cx).await?;
        let due = invoice.money().format(data::payable(cx.db(), &invoice).await?);
        let (title, provider) = (invoice.title(), providers::word(&self.provider));
        let body = format!("A customer could not pay {due} of {title} online. {provider} says: {}", self.reason);
        let new = NewNotice {
            kind: "payment_refused",
            subject_kind: "invoice",
            subject: invoice.id.0,
            body: &body,
            dedup_key: &refusal_key(invoice.id),
        };
        notices::add_or_reopen(cx, new).await
    }
}

fn order(invoice: &Invoice, id: CheckoutId, amount: Decimal, tip: Decimal, expires_at: DateTime<Utc>, customer: Option<String>) -> Order {
    let (number, currency) = (invoice.title(), invoice.currency);
    Order { id, invoice_id: invoice.id, number, currency, amount, tip, expires_at, customer }
}

async fn close(cx: &mut Cx<'_>, id: CheckoutId, closed: Closed) -> Result<()> {
    sqlx::query!("update checkout_sessions set state = $2 where id = $1 and state in ('creating', 'open')", id.0, closed.name())
        .execute(cx.db())
        .await?;
    Ok(())
}

/// Records the page that the provider created.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct CheckoutOpened {
    pub id: CheckoutId,
    pub session: String,
    pub url: String,
}

impl Action for CheckoutOpened {
    const NAME: &'static str = "checkout.opened";
    const NEEDS: Permission = Permission::Customer;
    /// False if the page was closed meanwhile and must be closed at the provider.
    type Output = bool;

    async fn run(self, cx: &mut Cx<'_>) -> Result<bool> {
        let invoice = invoice_of_link(cx).await?;
        let done = sqlx::query!(
            "update checkout_sessions set state = 'open', provider_session_id = $3, url = $4
              where id = $1 and invoice_id = $2 and (state = 'creating' or provider_session_id = $3)",
            self.id.0,
            invoice.id.0,
            self.session,
            self.url
        )
        .execute(cx.db())
        .await?;
        notices::resolve_key(cx, &refusal_key(invoice.id)).await?;
        Ok(done.rows_affected() == 1)
    }
}

/// Marks a payment page as closed.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct CloseCheckout {
    pub id: CheckoutId,
    pub closed: Closed,
}

impl Action for CloseCheckout {
    const NAME: &'static str = "checkout.close";
    const NEEDS: Permission = Permission::Customer;
    type Output = ();

    async fn run(self, cx: &mut Cx<'_>) -> Result<()> {
        if cx.who.link.is_some() {
            let invoice = invoice_of_link(cx).await?;
            let is_its = sqlx::query_scalar!(
                r#"select exists (select from checkout_sessions where id = $1 and invoice_id = $2) as "is_its!""#,
                self.id.0,
                invoice.id.0
            )
            .fetch_one(cx.db())
            .await?;
            if !is_its {
                return Err(Error::NotFound);
            }
        }
        close(cx, self.id, self.closed).await
    }
}

/// Stores the id of the contact's customer at the provider.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct RememberCustomer {
    pub account: String,
    pub customer: String,
}

impl Action for RememberCustomer {
    const NAME: &'static str = "checkout.remember_customer";
    const NEEDS: Permission = Permission::Customer;
    type Output = ContactId;

    async fn run(self, cx: &mut Cx<'_>) -> Result<ContactId> {
        let contact = invoice_of_link(cx).await?.contact_id;
        sqlx::query!(
            "insert into provider_customers (id, contact_id, account, provider_customer_id) values ($1, $2, $3, $4)
             on conflict (org_id, contact_id, account) do update set provider_customer_id = excluded.provider_customer_id",
            Uuid::now_v7(),
            contact.0,
            self.account,
            self.customer
        )
        .execute(cx.db())
        .await?;
        Ok(contact)
    }
}
