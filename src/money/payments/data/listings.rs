//! Listings of invoices, payments, refunds and webhook events in `/api/data`. Invoices are here because they can include payments.

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::{Value, json};

use super::{Filter, Place};
use crate::{
    invoices::{self, InvoiceState},
    payments::{PaymentMethod, PaymentState},
};
use platform::{
    error::{Error, FieldErrors, Result},
    ids::{InvoiceId, PaymentId, RefundId, WebhookEventId},
    query::{self, Listing, Params},
    role::{Capability, Permission},
    tenant::Read,
};

/// `type=invoices`
pub fn invoices_query() -> query::Entry {
    query::Entry {
        name: "invoices",
        needs: Permission::ReadMoney,
        capability: Some(Capability::Invoices),
        filters: &["state", "contact_id", "ticket_id", "overdue"],
        includes: &["line_items", "taxes", "payments", "audit_trail"],
        run: |read, params| Box::pin(invoices(read, params)),
    }
}

/// Builds the invoice filter from query parameters; an unknown value is a field error.
pub fn invoice_filter(read: &Read, params: &Params) -> Result<invoices::data::Filter> {
    let states = match params.filter("state") {
        None | Some("") => vec![],
        Some("unpaid") => InvoiceState::ALL.into_iter().filter(|s| s.is_open()).collect(),
        Some(name) => vec![InvoiceState::of_name(name).ok_or_else(|| unknown("state", &InvoiceState::ALL.map(InvoiceState::name)))?],
    };
    Ok(invoices::data::Filter {
        states,
        overdue: yes_or_no(params, "overdue")?,
        contact: params.id_filter("contact_id")?,
        ticket: params.id_filter("ticket_id")?,
        search: params.search.clone(),
        only_own: invoices::data::only_own(&read.who),
    })
}

fn unknown(field: &str, names: &[&str]) -> Error {
    FieldErrors::one(field, format!("There is no such {field}. There are: {}.", names.join(", ")))
}

fn yes_or_no(params: &Params, name: &str) -> Result<Option<bool>> {
    match params.filter(name) {
        None | Some("") => Ok(None),
        Some("true" | "1") => Ok(Some(true)),
        Some("false" | "0") => Ok(Some(false)),
        Some(_) => Err(FieldErrors::one(name, format!("{name} is true or false."))),
    }
}

async fn invoices(read: &mut Read, params: &Params) -> Result<Listing> {
    invoices::data::must_see_money(&read.who)?;
    let who = read.who.clone();
    let mut found = if let Some(id) = params.id {
        Listing { data: vec![detail(read, InvoiceId(id)).await?], cursor: None }
    } else {
        let filter = invoice_filter(read, params)?;
        let after = params.after::<(DateTime<Utc>, InvoiceId)>()?;
        let rows = invoices::data::list(read.db(), &filter, after, params.limit).await?;
        Listing::page(rows, params.limit, |i| (i.created_at, i.id))?
    };
    for row in &mut found.data {
        let id: InvoiceId = serde_json::from_value(row["id"].clone())?;
        if params.includes("line_items") {
            row["line_items"] = serde_json::to_value(invoices::data::lines(read.db(), id).await?)?;
        }
        if params.includes("taxes") {
            row["taxes"] = serde_json::to_value(invoices::data::taxes(read.db(), id).await?)?;
        }
        if params.includes("payments") {
            row["payments"] = serde_json::to_value(super::by_invoice(read.db(), id).await?)?;
        }
        if params.includes("audit_trail") {
            who.require(Permission::ReadRecords)?;
            row["audit_trail"] = Value::Array(super::audit_of(read.db(), id.0).await?);
        }
    }
    Ok(found)
}

async fn detail(read: &mut Read, id: InvoiceId) -> Result<Value> {
    let who = read.who.clone();
    let invoice = invoices::data::visible(read.db(), &who, id).await?;
    let mut value = serde_json::to_value(&invoice)?;
    value["allowed_actions"] = json!(invoices::allowed_actions(&who, &invoice));
    Ok(value)
}

/// `type=payments`
pub fn payments_query() -> query::Entry {
    query::Entry {
        name: "payments",
        needs: Permission::ReadMoney,
        capability: Some(Capability::Payments),
        filters: &["state", "method", "contact_id", "invoice_id", "from", "until"],
        includes: &["refunds", "audit_trail"],
        run: |read, params| Box::pin(payments(read, params)),
    }
}

/// Builds the payment filter from query parameters; an unknown value is a field error.
pub fn payment_filter(read: &Read, params: &Params) -> Result<Filter> {
    let state = match params.filter("state") {
        None | Some("") => None,
        Some(name) => Some(PaymentState::of_name(name).ok_or_else(|| unknown("state", &PaymentState::ALL.map(PaymentState::name)))?),
    };
    let method = match params.filter("method") {
        None | Some("") => None,
        Some(name) => Some(PaymentMethod::of_name(name).ok_or_else(|| unknown("method", &PaymentMethod::ALL.map(PaymentMethod::name)))?),
    };
    Ok(Filter {
        id: params.id.map(PaymentId),
        state,
        method,
        contact: params.id_filter("contact_id")?,
        invoice: params.id_filter("invoice_id")?,
        from: day(params, "from")?,
        until: day(params, "until")?,
        search: params.search.clone(),
        only_own: invoices::data::only_own(&read.who),
    })
}

fn day(params: &Params, name: &str) -> Result<Option<NaiveDate>> {
    match params.filter(name) {
        None | Some("") => Ok(None),
        Some(day) => day.parse().map(Some).map_err(|_| FieldErrors::one(name, "This is not a day; write 2026-11-24.")),
    }
}

async fn payments(read: &mut Read, params: &Params) -> Result<Listing> {
    invoices::data::must_see_money(&read.who)?;
    let filter = payment_filter(read, params)?;
    let rows = super::list(read.db(), &filter, params.after::<Place>()?, params.limit).await?;
    let who = read.who.clone();
    let allowed: Vec<_> = rows.iter().map(|p| super::super::allowed_actions(&who, p)).collect();
    let mut found = Listing::page(rows, params.limit, super::place)?;
    for (row, allowed) in found.data.iter_mut().zip(allowed) {
        let id: PaymentId = serde_json::from_value(row["id"].clone())?;
        if params.id.is_some() {
            row["allowed_actions"] = json!(allowed);
        }
        if params.includes("refunds") {
            row["refunds"] = serde_json::to_value(super::refunds(read.db(), id).await?)?;
        }
        if params.includes("audit_trail") {
            row["audit_trail"] = Value::Array(super::audit_of(read.db(), id.0).await?);
        }
    }
    Ok(found)
}

/// `type=refunds`
pub fn refunds_query() -> query::Entry {
    query::Entry {
        name: "refunds",
        needs: Permission::ReadMoney,
        capability: Some(Capability::Payments),
        filters: &["payment_id", "invoice_id"],
        includes: &[],
        run: |read, params| Box::pin(refunds(read, params)),
    }
}

async fn refunds(read: &mut Read, params: &Params) -> Result<Listing> {
    invoices::data::must_see_money(&read.who)?;
    let own = invoices::data::only_own(&read.who);
    let (payment, invoice) = (params.id_filter::<PaymentId>("payment_id")?, params.id_filter::<InvoiceId>("invoice_id")?);
    let (at, after) = params.after::<(DateTime<Utc>, RefundId)>()?.unzip();
    let rows = sqlx::query_as!(
        super::Refund,
        r#"
        select r.id as "id: RefundId", r.payment_id as "payment_id: PaymentId", r.amount, r.reason, r.state, r.error, r.refunded_at
          from refunds r join payments p on p.org_id = r.org_id and p.id = r.payment_id
         where ($1::uuid is null or r.id = $1) and ($2::uuid is null or r.payment_id = $2) and ($3::uuid is null or p.invoice_id = $3)
           and ($4::uuid is null or app.is_own_contact(p.contact_id, $4))
           and ($5::timestamptz is null or (r.refunded_at, r.id) < ($5, $6::uuid))
         order by r.refunded_at desc, r.id desc limit $7
        "#,
        params.id,
        payment.map(|p| p.0),
        invoice.map(|i| i.0),
        own.map(|m| m.0),
        at,
        after.map(|r| r.0),
        params.limit + 1
    )
    .fetch_all(read.db())
    .await?;
    Listing::page(rows, params.limit, |r| (r.refunded_at, r.id))
}

/// `type=webhook_events`, for members who may manage settings.
pub fn webhook_events_query() -> query::Entry {
    query::Entry {
        name: "webhook_events",
        needs: Permission::ManageSettings,
        capability: Some(Capability::Payments),
        filters: &["state"],
        includes: &[],
        run: |read, params| Box::pin(webhook_events(read, params)),
    }
}

async fn webhook_events(read: &mut Read, params: &Params) -> Result<Listing> {
    let after = params.after::<(DateTime<Utc>, WebhookEventId)>()?;
    let rows = super::webhook_events(read.db(), params.id.map(WebhookEventId), params.filter("state"), after, params.limit).await?;
    Listing::page(rows, params.limit, |e| (e.created_at, e.id))
}
