//! Undoes an import: restores the values it changed and deletes the records it created, but keeps records that people or other imports have
//! worked with.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{again, batch, lock, visits};
use crate::imports::ImportState;
use platform::{
    action::{Action, Cx},
    error::Result,
    ids::ImportId,
    role::Permission,
};

/// Records per batch.
const PORTION: i64 = 1000;
/// Reason on the row of a record that stays because people have worked with it.
const KEPT: &str = "Kept: worked with since it was imported";
/// Reason on the row of a record that stays because a later import builds on it.
const JOINED: &str = "Kept: a later import completed it; take that one back first";

/// Clears the reasons of records kept by an earlier undo, so that they are checked once more.
pub async fn start(cx: &mut Cx<'_>, id: ImportId) -> Result<()> {
    sqlx::query!("update import_rows set reason = '' where import_id = $1 and reason in ($2, $3)", id.0, KEPT, JOINED)
        .execute(cx.db())
        .await?;
    Ok(())
}

/// Undoes one batch in one short transaction. Returns whether there is more to undo.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct UndoPortion {
    pub import_id: ImportId,
}

impl Action for UndoPortion {
    const NAME: &'static str = "import.undo_portion";
    const NEEDS: Permission = Permission::ManageSettings;
    type Output = bool;

    async fn run(self, cx: &mut Cx<'_>) -> Result<Self::Output> {
        let id = self.import_id;
        if lock(cx, id).await? != ImportState::Undoing {
            return Ok(false);
        }
        if restore(cx, id).await? || tickets(cx, id).await? {
            return Ok(true);
        }
        payments(cx, id).await?;
        if contacts(cx, id).await? {
            return Ok(true);
        }
        close(cx, id).await?;
        Ok(false)
    }
}

/// Restores former values of changed records, last rows first. Returns false if none was left.
async fn restore(cx: &mut Cx<'_>, id: ImportId) -> Result<bool> {
    let rows = sqlx::query!(
        r#"select r.line, r.record_kind as "kind!", r.record_id as "record!", r.before as "before!",
                  exists (select from import_rows o where o.record_id = r.record_id and o.import_id > r.import_id and o.outcome in ('made', 'updated')) as "is_joined!",
                  r.record_kind = 'ticket' and exists (select from events e where e.subject_id = r.record_id and e.actor <> 'import') as "is_theirs!"
             from import_rows r
            where r.import_id = $1 and r.outcome = 'updated' and r.before is not null and r.record_id is not null and r.reason not in ($3, $4)
            order by r.line desc limit $2"#,
        id.0,
        PORTION,
        KEPT,
        JOINED
    )
    .fetch_all(cx.db())
    .await?;
    let more = !rows.is_empty();
    for (why, is_kept) in [(KEPT, true), (JOINED, false)] {
        let kept: Vec<i32> = rows.iter().filter(|r| (r.is_theirs || r.is_joined) && r.is_theirs == is_kept).map(|r| r.line).collect();
        sqlx::query!("update import_rows set reason = $3 where import_id = $1 and line = any ($2)", id.0, &kept, why)
            .execute(cx.db())
            .await?;
    }
    let open: Vec<_> = rows.iter().filter(|r| !r.is_theirs && !r.is_joined).collect();
    let of = |kind: &str| -> Vec<(Uuid, &Value)> { open.iter().filter(|r| r.kind == kind).map(|r| (r.record, &r.before)).collect() };
    restore_tickets(cx, &of("ticket")).await?;
    restore_contacts(cx, &of("contact")).await?;
    for (record, before) in of("service") {
        service(cx, record, before).await?;
    }
    let key = |kind: &str| match kind {
        "contact" => "customer",
        "service" => "service",
        _ => "appointment",
    };
    let with_key = open.iter().filter(|r| r.before["key"].is_string() && !r.before["written"].is_null());
    let keys = with_key.map(|r| json!({ "kind": key(&r.kind), "key": r.before["key"], "written": r.before["written"] })).collect();
    sqlx::query!(
        r#"update import_keys k set written = x.written from jsonb_to_recordset($1) as x(kind text, key text, written jsonb)
            where k.kind = x.kind and k.key = x.key"#,
        Value::Array(keys)
    )
    .execute(cx.db())
    .await?;
    let gone: Vec<i32> = open.iter().map(|r| r.line).collect();
    sqlx::query!("delete from import_rows where import_id = $1 and line = any ($2)", id.0, &gone).execute(cx.db()).await?;
    Ok(more)
}

fn ids(list: &Value) -> Vec<Uuid> {
    list.as_array().into_iter().flatten().filter_map(|v| v.as_str()?.parse().ok()).collect()
}

/// Gives tickets their former values back, in one statement for each table.
async fn restore_tickets(cx: &mut Cx<'_>, tickets: &[(Uuid, &Value)]) -> Result<()> {
    if tickets.is_empty() {
        return Ok(());
    }
    let patches = tickets.iter().map(|(id, before)| json!({ "id": id, "patch": before["patch"] })).collect();
    // This also allows changes to the tickets' lines and assignments for the rest of the transaction.
    sqlx::query!(
        r#"select count(app.merge_import_ticket(x.id, x.patch)) from jsonb_to_recordset($1) as x(id uuid, patch jsonb)"#,
        Value::Array(patches)
    )
    .fetch_one(cx.db())
    .await?;
    let all = |field: &str| -> Vec<Uuid> { tickets.iter().flat_map(|(_, before)| ids(&before[field])).collect() };
    sqlx::query!("delete from ticket_lines where id = any ($1)", &all("lines")).execute(cx.db()).await?;
    visits::insert_lines(
        cx,
        tickets.iter().flat_map(|(_, before)| before["removed_lines"].as_array().cloned().unwrap_or_default()).collect(),
    )
    .await?;
    let technicians: Vec<Uuid> = tickets.iter().filter_map(|(_, before)| before["technician"].as_str()?.parse().ok()).collect();
    sqlx::query!("delete from assignments where id = any ($1)", &technicians).execute(cx.db()).await?;
    let reopened: Vec<Uuid> = tickets.iter().filter(|(_, before)| before["reopen"] == json!(true)).map(|(id, _)| *id).collect();
    sqlx::query!("update assignments set is_open = true, is_override = true where ticket_id = any ($1)", &reopened)
        .execute(cx.db())
        .await?;
    added(cx, &all("added")).await
}

/// Deletes the records that an import added to an existing contact or ticket.
async fn added(cx: &mut Cx<'_>, ids: &[Uuid]) -> Result<()> {
    sqlx::query!("delete from attributes where id = any ($1) and state = 'proposed'", ids).execute(cx.db()).await?;
    sqlx::query!("update attributes set note_id = null where note_id = any ($1)", ids).execute(cx.db()).await?;
    sqlx::query!("delete from notes where id = any ($1)", ids).execute(cx.db()).await?;
    sqlx::query!("delete from consents where id = any ($1)", ids).execute(cx.db()).await?;
    sqlx::query!("delete from contact_emails where id = any ($1)", ids).execute(cx.db()).await?;
    sqlx::query!("delete from contact_phones where id = any ($1)", ids).execute(cx.db()).await?;
    sqlx::query!("delete from addresses a where id = any ($1) and not exists (select from tickets t where t.address_id = a.id)", ids)
        .execute(cx.db())
        .await?;
    Ok(())
}

/// Restores contacts' fields, each only if it still has the value that the import wrote.
async fn restore_contacts(cx: &mut Cx<'_>, contacts: &[(Uuid, &Value)]) -> Result<()> {
    if contacts.is_empty() {
        return Ok(());
    }
    let fields = contacts.iter().map(|(id, before)| json!({ "id": id, "fields": before["fields"] })).collect();
    sqlx::query!(
        r#"
        update contacts c set name = p.name, first_name = p.first_name, last_name = p.last_name, nickname = p.nickname, company = p.company,
               birthday = p.birthday, customer_since = p.customer_since, email_consent = p.email_consent,
               sms_consent = p.sms_consent, tags = p.tags
          from (select r.* from jsonb_to_recordset($1) as x(id uuid, fields jsonb) join contacts k on k.id = x.id,
                       jsonb_populate_record(k, (select coalesce(jsonb_object_agg(f.key, f.value -> 0), '{}') from jsonb_each(x.fields) f
                                                  where to_jsonb(k) -> f.key = f.value -> 1)) r) p
         where c.id = p.id
        "#,
        Value::Array(fields)
    )
    .execute(cx.db())
    .await?;
    let swapped = |c: &Value| json!({ "id": c["id"], "old": c["new"], "new": c["old"] });
    let addresses = contacts.iter().flat_map(|(_, before)| before["addresses"].as_array().into_iter().flatten().map(swapped));
    again::update_addresses(cx, addresses.collect()).await?;
    let all: Vec<Uuid> = contacts.iter().flat_map(|(_, before)| ids(&before["added"])).collect();
    added(cx, &all).await?;
    let whose: Vec<Uuid> = contacts.iter().map(|(id, _)| *id).collect();
    sqlx::query!("select app.index_contacts($1)", &whose).fetch_one(cx.db()).await?;
    Ok(())
}

async fn service(cx: &mut Cx<'_>, id: Uuid, before: &Value) -> Result<()> {
    let old = |field: &str| before["fields"][field][0].as_str().map(str::to_owned);
    let has_price = before["fields"].get("price").is_some();
    sqlx::query!(
        r#"update services set name = coalesce($2, name), kind = coalesce($3::text::service_kind, kind), unit = coalesce($4, unit),
                  price = case when $6 then $5::text::numeric else price end where id = $1"#,
        id,
        old("name"),
        old("kind"),
        old("unit"),
        old("price"),
        has_price
    )
    .execute(cx.db())
    .await?;
    Ok(())
}

/// Deletes a batch of tickets that the import created and nobody has used since. Returns false if none was left.
async fn tickets(cx: &mut Cx<'_>, id: ImportId) -> Result<bool> {
    let free = sqlx::query_scalar!(
        "select id from tickets where import_id = $1 and not app.import_record_used($1, id) order by id desc limit $2",
        id.0,
        PORTION
    )
    .fetch_all(cx.db())
    .await?;
    if free.is_empty() {
        return Ok(false);
    }
    sqlx::query!(
        "delete from refunds r using payments p where p.org_id = r.org_id and p.id = r.payment_id and p.import_id = $1 and p.ticket_id = any ($2)",
        id.0,
        &free
    )
    .execute(cx.db())
    .await?;
    sqlx::query!("delete from payments where import_id = $1 and ticket_id = any ($2)", id.0, &free).execute(cx.db()).await?;
    sqlx::query!(
        "delete from attributes a using notes n where n.org_id = a.org_id and n.id = a.note_id and n.ticket_id = any ($1) and a.state = 'proposed'",
        &free
    )
    .execute(cx.db())
    .await?;
    sqlx::query!(
        "update attributes a set note_id = null from notes n where n.org_id = a.org_id and n.id = a.note_id and n.ticket_id = any ($1)",
        &free
    )
    .execute(cx.db())
    .await?;
    sqlx::query!("select app.undo_import_tickets($1, $2)", id.0, &free).fetch_one(cx.db()).await?;
    forget(cx, id, &free).await?;
    Ok(true)
}

/// Deletes payments and refunds that the import added to tickets of another import.
async fn payments(cx: &mut Cx<'_>, id: ImportId) -> Result<()> {
    sqlx::query!(
        r#"update payments p set refunded = p.refunded - x.added, state = 'succeeded'
             from (select r.org_id, r.payment_id, sum(coalesce((k.written ->> 'added')::numeric, r.amount)) as added
                     from refunds r join import_keys k on k.org_id = r.org_id and k.kind = 'refund' and k.record_id = r.id and k.import_id = $1
                    group by 1, 2) x
            where p.org_id = x.org_id and p.id = x.payment_id"#,
        id.0
    )
    .execute(cx.db())
    .await?;
    sqlx::query!(
        "delete from refunds r using import_keys k where k.org_id = r.org_id and k.kind = 'refund' and k.record_id = r.id and k.import_id = $1",
        id.0
    )
    .execute(cx.db())
    .await?;
    sqlx::query!(
        r#"delete from payments p
            where p.import_id = $1 and not exists (select from refunds r where r.payment_id = p.id)
              and not exists (select from tickets t where t.id = p.ticket_id and t.import_id = $1)
              and not exists (select from import_rows w where w.import_id = $1 and w.record_id = p.ticket_id and w.reason in ($2, $3))"#,
        id.0,
        KEPT,
        JOINED
    )
    .execute(cx.db())
    .await?;
    Ok(())
}

/// Deletes contacts (in batches), services and tax rates that the import created and nobody uses. Returns true after a batch of contacts.
async fn contacts(cx: &mut Cx<'_>, id: ImportId) -> Result<bool> {
    let free = sqlx::query_scalar!(
        "select id from contacts where import_id = $1 and not app.import_record_used($1, id) order by id desc limit $2",
        id.0,
        PORTION
    )
    .fetch_all(cx.db())
    .await?;
    if !free.is_empty() {
        sqlx::query!("delete from contacts where id = any ($1)", &free).execute(cx.db()).await?;
        forget(cx, id, &free).await?;
        return Ok(true);
    }
    let services = sqlx::query_scalar!("select id from services where import_id = $1 and not app.import_record_used($1, id)", id.0)
        .fetch_all(cx.db())
        .await?;
    sqlx::query!("delete from services where id = any ($1)", &services).execute(cx.db()).await?;
    forget(cx, id, &services).await?;
    let rates = sqlx::query_scalar!(
        r#"select record_id from import_keys where import_id = $1 and kind = 'tax' and not app.import_record_used($1, record_id)"#,
        id.0
    )
    .fetch_all(cx.db())
    .await?;
    let free = sqlx::query_scalar!(
        r#"delete from tax_rates t where id = any ($1) and not is_default
              and not exists (select from ticket_lines l where l.tax_rate_id = t.id) and not exists (select from invoice_lines l where l.tax_rate_id = t.id)
           returning id"#,
        &rates
    )
    .fetch_all(cx.db())
    .await?;
    forget(cx, id, &free).await?;
    Ok(false)
}

/// Deletes the import's rows and the keys of deleted records.
async fn forget(cx: &mut Cx<'_>, id: ImportId, records: &[Uuid]) -> Result<()> {
    sqlx::query!("delete from import_rows where import_id = $1 and record_id = any ($2)", id.0, records).execute(cx.db()).await?;
    sqlx::query!("delete from import_keys where record_id = any ($1)", records).execute(cx.db()).await?;
    batch::count(cx, id).await
}

/// Removes the id that this import gave to contacts of another import, so that they may be adopted once more.
async fn release(cx: &mut Cx<'_>, id: ImportId) -> Result<()> {
    let freed = sqlx::query_scalar!(
        r#"update contacts c set source_key = null
             from import_keys k
            where k.org_id = c.org_id and k.import_id = $1 and k.kind = 'customer' and k.record_id = c.id and k.key = c.source_key
              and c.import_id is distinct from $1 and not exists (select from import_rows r where r.import_id = $1 and r.record_id = c.id)
           returning k.key"#,
        id.0
    )
    .fetch_all(cx.db())
    .await?;
    sqlx::query!("delete from import_keys where import_id = $1 and kind = 'customer' and key = any ($2)", id.0, &freed)
        .execute(cx.db())
        .await?;
    Ok(())
}

/// Ends the undo: the remaining rows belong to kept records and get the reason.
async fn close(cx: &mut Cx<'_>, id: ImportId) -> Result<()> {
    sqlx::query!("delete from contact_duplicates where import_id = $1 and state = 'proposed'", id.0).execute(cx.db()).await?;
    sqlx::query!(
        r#"delete from import_rows r where r.import_id = $1 and (r.outcome in ('skipped', 'refused') or r.record_kind = 'refund'
              or (r.outcome = 'updated' and r.reason not in ($2, $3)
                  and not exists (select from tickets t where t.id = r.record_id and t.import_id = $1)
                  and not exists (select from import_rows f where f.import_id = $1 and f.record_id = r.record_id and f.reason in ($2, $3))))"#,
        id.0,
        KEPT,
        JOINED
    )
    .execute(cx.db())
    .await?;
    sqlx::query!(
        r#"update import_rows r
              set reason = case when not exists (select from events e where (e.subject_id = r.record_id or e.contact_id = r.record_id) and e.actor <> 'import')
                                 and (exists (select from import_rows o where o.record_id = r.record_id and o.import_id <> $1 and o.outcome in ('made', 'updated'))
                                      or exists (select from tickets t where t.contact_id = r.record_id and t.import_id <> $1))
                                then $3 else $2 end
            where import_id = $1 and reason not in ($2, $3)"#,
        id.0,
        KEPT,
        JOINED
    )
    .execute(cx.db())
    .await?;
    release(cx, id).await?;
    // Deletes keys of records that no longer exist or have no row, so that their file can be imported again.
    sqlx::query!(
        r#"delete from import_keys k
            where k.import_id = $1 and not exists (select from import_rows r where r.import_id = $1 and r.record_id = k.record_id)
              and not exists (select from contacts c where c.id = k.record_id) and not exists (select from services s where s.id = k.record_id)
              and not exists (select from tax_rates t where t.id = k.record_id)"#,
        id.0
    )
    .execute(cx.db())
    .await?;
    batch::count(cx, id).await?;
    let now = cx.now();
    sqlx::query!("update imports set state = 'undone', finished_at = $2, error = null where id = $1", id.0, now).execute(cx.db()).await?;
    batch::tell(cx, "import.undone", id).await
}
