//! Reads of records' histories and of the event stream.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

use super::{Kind, Needs};
use customers::contacts;
use platform::{
    error::{Error, Result},
    ids::ContactId,
    role::Permission,
    tenant::Who,
    trail::{self, Change},
};

/// `Forbidden` or `NotFound` if the member may not see the history of the record `id` of this kind.
pub async fn check(db: &mut PgConnection, who: &Who, kind: &Kind, id: Uuid) -> Result<()> {
    match kind.needs {
        Needs::Contact => contacts::data::visible(db, who, ContactId(id)).await,
        Needs::Ticket => {
            let Some(member) = who.only_own_tickets() else { return Ok(()) };
            let own = sqlx::query_scalar!(
                r#"select exists (select from assignments where ticket_id = $1 and member_id = $2) as "own!""#,
                id,
                member.0
            )
            .fetch_one(db)
            .await?;
            if own { Ok(()) } else { Err(Error::NotFound) }
        }
        // Members who see only their own records see these parts in the history of the record they belong to.
        Needs::Records if contacts::data::only_own(who).is_some() => Err(Error::Forbidden),
        Needs::Records => Ok(()),
        Needs::Money if contacts::data::only_own(who).is_some() || !who.sees_prices() => Err(Error::Forbidden),
        Needs::Money => who.require(Permission::ReadMoney).map(|_| ()),
        Needs::Settings => who.require(Permission::ManageSettings).map(|_| ()),
    }
}

/// One page of the changes of a record and its parts, newest first, before the entry `before`. Returns up to `limit + 1` entries; the extra
/// one shows that there is a next page. `NotFound` for an unknown record, which has no history.
pub async fn of(db: &mut PgConnection, who: &Who, kind: &Kind, id: Uuid, before: Option<i64>, limit: i64) -> Result<Vec<Change>> {
    check(db, who, kind, id).await?;
    let mut records = vec![id];
    for (table, column) in kind.parts {
        // Existing parts and removed ones. A removed part is found by its transaction, which also wrote an event about the record.
        let sql = format!(
            "select id from {table} where {column} = $1
             union
             select a.record_id from events e join audit_entries a on a.org_id = e.org_id and a.xid = e.xid
              where (e.subject_id = $1 or e.contact_id = $1) and a.table_name = '{table}' and a.op = 'delete'
                and a.changes -> '{column}' ->> 0 = $1::text"
        );
        let parts: Vec<Uuid> = sqlx::query_scalar(AssertSqlSafe(sql)).bind(id).fetch_all(&mut *db).await?;
        records.extend(parts);
    }
    let mut changes = trail::of(db, who, &records, before, limit + 1).await?;
    if !who.can(Permission::Send) {
        // A mail's text contains the customer's link, with which the reader could answer for them.
        changes.iter_mut().filter_map(|c| c.changes.as_mut()?.as_object_mut()).for_each(|map| {
            map.remove("rendered_text");
        });
    }
    if changes.is_empty() && before.is_none() {
        return Err(Error::NotFound);
    }
    Ok(changes)
}

/// Names of the members, customers and addresses among `ids` that the member may see.
pub async fn names(db: &mut PgConnection, who: &Who, ids: &[Uuid]) -> Result<HashMap<Uuid, String>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = sqlx::query!(
        r#"
        select id as "id!", name as "name!" from members where id = any ($1)
        union all
        select c.id, c.name from contacts c where c.id = any ($1) and ($2::uuid is null or app.is_own_contact(c.id, $2))
        union all
        select a.id, concat_ws(', ', nullif(concat_ws(' ', nullif(a.street, ''), nullif(a.unit, '')), ''), nullif(a.city, ''))
          from addresses a where a.id = any ($1) and ($2::uuid is null or app.is_own_contact(a.contact_id, $2))
        "#,
        ids,
        contacts::data::only_own(who).map(|m| m.0)
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|r| (r.id, r.name)).collect())
}

/// All members as (actor, name), for the filter of the list.
pub async fn people(db: &mut PgConnection) -> Result<Vec<(String, String)>> {
    let rows = sqlx::query!("select id, name from members order by lower(name), id").fetch_all(db).await?;
    Ok(rows.into_iter().map(|r| (format!("member:{}", r.id), r.name)).collect())
}

/// A domain event, as the API returns it.
#[derive(Debug, Clone, Serialize)]
pub struct Event {
    pub id: i64,
    pub at: DateTime<Utc>,
    pub name: String,
    pub subject_kind: String,
    pub subject_id: Uuid,
    pub contact_id: Option<Uuid>,
    pub actor: String,
    pub role: Option<String>,
    pub profile: Option<String>,
    pub source: Option<String>,
    pub request_id: Option<String>,
    pub session_id: Option<Uuid>,
    pub payload: Value,
}

/// The filter and cursor of a list of events.
#[derive(Debug, Clone, Default)]
pub struct Wanted<'a> {
    pub subject: Option<Uuid>,
    pub contact: Option<Uuid>,
    pub name: Option<&'a str>,
    pub before: Option<i64>,
    pub limit: i64,
}

/// One page of events, newest first. Returns up to `limit + 1` rows; the extra one shows that there is a next page.
pub async fn events(db: &mut PgConnection, wanted: &Wanted<'_>) -> Result<Vec<Event>> {
    Ok(sqlx::query_as!(
        Event,
        r#"
        select id, at, name, subject_kind, subject_id, contact_id, actor, role, profile, source, request_id, session_id, payload
          from events
         where ($1::uuid is null or subject_id = $1) and ($2::uuid is null or contact_id = $2) and ($3::text is null or name = $3)
           and ($4::bigint is null or id < $4)
         order by id desc limit $5
        "#,
        wanted.subject,
        wanted.contact,
        wanted.name,
        wanted.before,
        wanted.limit + 1
    )
    .fetch_all(db)
    .await?)
}
