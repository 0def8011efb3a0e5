//! The contents of each export: flat reads across slices, with the customer's name beside each id; and reads of the exports themselves.

use sqlx::PgConnection;

use super::{
    Export, ExportKind, ExportState,
    sheet::{Cell, Sheet},
};
use customers::contacts;
use platform::{
    error::{Error, Result},
    ids::ExportId,
};

/// The sheet with all of the business's records of a kind.
pub async fn sheet(db: &mut PgConnection, kind: ExportKind) -> Result<Sheet> {
    match kind {
        ExportKind::Contacts => contacts(db).await,
        ExportKind::Tickets => tickets(db).await,
        ExportKind::Invoices => invoices(db).await,
        ExportKind::Payments => payments(db).await,
    }
}

/// A row of cells, converted from values of any supported type.
macro_rules! cells { ($($value:expr),+ $(,)?) => { vec![$(Cell::from($value)),+] } }

async fn contacts(db: &mut PgConnection) -> Result<Sheet> {
    let columns = vec![
        "ID",
        "Name",
        "First name",
        "Last name",
        "Called",
        "Company",
        "Organisation",
        "Relation",
        "Emails",
        "Phones",
        "Street",
        "Unit",
        "Town",
        "Region",
        "Postal code",
        "Access",
        "Further addresses",
        "Tags",
        "Facts",
        "Notes",
        "Prefers",
        "Best reached by",
        "News by email",
        "Text messages",
        "Birthday",
        "Customer since",
        "Archived",
        "Added",
    ];
    let rows = contacts::sheet::lines(db).await?.into_iter().map(|c| {
        cells![
            c.id.to_string(),
            c.name,
            c.first_name,
            c.last_name,
            c.nickname,
            c.company,
            c.is_organisation,
            c.relation.name(),
            c.emails,
            c.phones,
            c.street,
            c.unit,
            c.city,
            c.region,
            c.postal_code,
            c.access_notes,
            c.further_addresses,
            c.tags,
            c.attributes,
            c.notes,
            c.preferred_time,
            c.preferred_channel,
            c.email_consent,
            c.sms_consent,
            c.birthday,
            c.customer_since,
            c.archived_at,
            c.created_at,
        ]
    });
    Ok(Sheet { columns, rows: rows.collect() })
}

async fn tickets(db: &mut PgConnection) -> Result<Sheet> {
    let rows = sqlx::query!(
        r#"
        select t.id as "id!", t.number as "number!", t.state::text as "state!", t.confirmation::text as "confirmation!", t.contact_id as "contact_id!", c.name as "customer!",
               coalesce(concat_ws(', ', nullif(a.street, ''), nullif(a.unit, ''), nullif(a.city, ''), nullif(concat_ws(' ', nullif(a.region, ''), nullif(a.postal_code, '')), '')), '') as "address!",
               t.starts_at as "starts_at!", t.ends_at as "ends_at!", t.time_zone as "time_zone!",
               coalesce((select string_agg(m.name, '; ' order by m.name) from assignments s join members m on m.org_id = s.org_id and m.id = s.member_id where s.ticket_id = t.id), '') as "technicians!",
               coalesce((select string_agg(trim_scale(l.quantity) || ' × ' || l.description || coalesce(' @ ' || l.unit_price, ''), '; ' order by l.position) from ticket_lines l where l.ticket_id = t.id), '') as "lines!",
               t.total as "total!", t.is_price_estimated as "is_price_estimated!", t.worked_minutes as "worked_minutes?", t.instructions as "instructions!",
               t.closed_at as "closed_at?", t.cancel_reason as "cancel_reason?", t.source as "source!"
          from tickets t
          join contacts c on c.org_id = t.org_id and c.id = t.contact_id
          left join addresses a on a.org_id = t.org_id and a.id = t.address_id
         order by t.starts_at, t.id
        "#
    )
    .fetch_all(db)
    .await?;
    let columns = vec![
        "ID",
        "Number",
        "State",
        "Confirmation",
        "Customer ID",
        "Customer",
        "Address",
        "From",
        "To",
        "Time zone",
        "Technicians",
        "Lines",
        "Total",
        "Estimated",
        "Worked minutes",
        "Instructions",
        "Closed",
        "Cancelled because",
        "Source",
    ];
    let rows = rows.into_iter().map(|t| {
        cells![
            t.id.to_string(),
            format!("T-{}", t.number),
            t.state,
            t.confirmation,
            t.contact_id.to_string(),
            t.customer,
            t.address,
            t.starts_at,
            t.ends_at,
            t.time_zone,
            t.technicians,
            t.lines,
            t.total,
            t.is_price_estimated,
            t.worked_minutes,
            t.instructions,
            t.closed_at,
            t.cancel_reason,
            t.source,
        ]
    });
    Ok(Sheet { columns, rows: rows.collect() })
}

async fn invoices(db: &mut PgConnection) -> Result<Sheet> {
    let rows = sqlx::query!(
        r#"
        select i.id as "id!", i.number as "number?", i.state::text as "state!", i.contact_id as "contact_id!", c.name as "customer!", t.number as "ticket?",
               i.issue_date as "issue_date?", i.due_date as "due_date?", i.currency as "currency!", i.subtotal as "subtotal!", i.discount as "discount!",
               i.tax as "tax!", i.total as "total!", i.paid as "paid!", case when i.state in ('issued', 'sent', 'partially_paid') then greatest(i.total - i.paid, 0) else 0 end as "open!",
               coalesce((select string_agg(trim_scale(l.quantity) || ' × ' || l.description || ' @ ' || l.unit_price, '; ' order by l.position) from invoice_lines l where l.invoice_id = i.id), '') as "lines!",
               i.note as "note!", i.sent_at as "sent_at?", i.voided_at as "voided_at?", i.void_reason as "void_reason?"
          from invoices i
          join contacts c on c.org_id = i.org_id and c.id = i.contact_id
          left join tickets t on t.org_id = i.org_id and t.id = i.ticket_id
         order by i.created_at, i.id
        "#
    )
    .fetch_all(db)
    .await?;
    let columns = vec![
        "ID",
        "Number",
        "State",
        "Customer ID",
        "Customer",
        "Ticket",
        "Issued",
        "Due",
        "Currency",
        "Subtotal",
        "Discount",
        "Tax",
        "Total",
        "Paid",
        "Open",
        "Lines",
        "Note",
        "Sent",
        "Voided",
        "Voided because",
    ];
    let rows = rows.into_iter().map(|i| {
        cells![
            i.id.to_string(),
            i.number,
            i.state,
            i.contact_id.to_string(),
            i.customer,
            i.ticket.map(|n| format!("T-{n}")),
            i.issue_date,
            i.due_date,
            i.currency,
            i.subtotal,
            i.discount,
            i.tax,
            i.total,
            i.paid,
            i.open,
            i.lines,
            i.note,
            i.sent_at,
            i.voided_at,
            i.void_reason,
        ]
    });
    Ok(Sheet { columns, rows: rows.collect() })
}

async fn payments(db: &mut PgConnection) -> Result<Sheet> {
    let rows = sqlx::query!(
        r#"
        select p.id as "id!", p.state::text as "state!", p.method::text as "method!", c.name as "customer?", i.number as "invoice?", t.number as "ticket?",
               p.received_at as "received_at?", p.currency as "currency!", p.amount as "amount!", p.tip as "tip!", p.refunded as "refunded!",
               p.reference as "reference!", p.note as "note!", p.provider_payment_id as "provider_payment_id?", p.source as "source!"
          from payments p
          left join contacts c on c.org_id = p.org_id and c.id = p.contact_id
          left join invoices i on i.org_id = p.org_id and i.id = p.invoice_id
          left join tickets t on t.org_id = p.org_id and t.id = p.ticket_id
         order by coalesce(p.received_at, p.created_at), p.id
        "#
    )
    .fetch_all(db)
    .await?;
    let columns = vec![
        "ID",
        "State",
        "Method",
        "Customer",
        "Invoice",
        "Ticket",
        "Received",
        "Currency",
        "Amount",
        "Tip",
        "Refunded",
        "Reference",
        "Note",
        "Provider's reference",
        "Source",
    ];
    let rows = rows.into_iter().map(|p| {
        cells![
            p.id.to_string(),
            p.state,
            p.method,
            p.customer,
            p.invoice,
            p.ticket.map(|n| format!("T-{n}")),
            p.received_at,
            p.currency,
            p.amount,
            p.tip,
            p.refunded,
            p.reference,
            p.note,
            p.provider_payment_id,
            p.source,
        ]
    });
    Ok(Sheet { columns, rows: rows.collect() })
}

/// One export. `NotFound` if it is unknown.
pub async fn export(db: &mut PgConnection, id: ExportId) -> Result<Export> {
    list(db, Some(id)).await?.pop().ok_or(Error::NotFound)
}

/// The latest twelve exports, newest first.
pub async fn exports(db: &mut PgConnection) -> Result<Vec<Export>> {
    list(db, None).await
}

async fn list(db: &mut PgConnection, id: Option<ExportId>) -> Result<Vec<Export>> {
    Ok(sqlx::query_as!(
        Export,
        r#"
        select e.id as "id: ExportId", e.kind as "kind: ExportKind", e.state as "state: ExportState", e.file_name, e.rows_total, f.size as "size?",
               e.error, e.created_at, e.finished_at
          from exports e left join files f on f.org_id = e.org_id and f.id = e.file_id
         where $1::uuid is null or e.id = $1
         order by e.created_at desc, e.id desc limit 12
        "#,
        id.map(|i| i.0)
    )
    .fetch_all(db)
    .await?)
}

/// File name and bytes of a finished export; otherwise `NotFound`.
pub async fn file(db: &mut PgConnection, id: ExportId) -> Result<(String, Vec<u8>)> {
    let row = sqlx::query!(
        "select f.name, f.bytes from exports e join files f on f.org_id = e.org_id and f.id = e.file_id where e.id = $1",
        id.0
    )
    .fetch_optional(db)
    .await?;
    row.map(|r| (r.name, r.bytes)).ok_or(Error::NotFound)
}
