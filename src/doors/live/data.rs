//! Reads of the events table, as a stream follows it.

use sqlx::PgConnection;

use super::{Change, Cursor};
use platform::{
    error::{Error, Result},
    role::Permission,
    tenant::{Read, Who},
};

/// Changes told one by one in one look. More than that are told as one: the page fetches itself again all the same.
const AT_ONCE: i64 = 100;

/// What pages show of: the first word of an event's name.
const SHOWN: [&str; 8] = ["ticket", "closeout", "contact", "address", "note", "attribute", "message", "notice"];
const MONEY: [&str; 2] = ["invoice", "payment"];

/// What a look found.
#[derive(Debug)]
pub struct Look {
    /// For this member, each with the place after it.
    pub changes: Vec<(Cursor, Change)>,
    /// How far the look went, over changes that are not for this member, too.
    pub cursor: Cursor,
    /// Something is there that must wait for an older transaction to end: look again soon.
    pub is_waiting: bool,
    /// There was too much to tell it one by one; `cursor` is now.
    pub is_flood: bool,
}

/// Where a stream begins: at the place given, else now. A place that lies ahead is another database's, and means now.
pub async fn start(db: &mut PgConnection, given: Option<Cursor>) -> Result<Cursor> {
    let oldest = sqlx::query_scalar!(r#"select pg_snapshot_xmin(pg_current_snapshot())::text as "xid!""#).fetch_one(db).await?;
    let now = Cursor { xid: oldest.parse().map_err(Error::internal)?, id: 0 };
    Ok(given.filter(|given| *given <= now).unwrap_or(now))
}

/// What this member may hear of since `after`. Stops at the oldest transaction still running: one that took its number early and commits
/// late would otherwise be skipped.
pub async fn look(read: &mut Read, after: Cursor) -> Result<Look> {
    let who = read.who.clone();
    let rows = sqlx::query!(
        r#"
        with passed as (
            select * from events e where (e.xid, e.id) > ($1::text::xid8, $2::bigint) order by e.xid, e.id limit $3
        )
        select p.xid::text as "xid!", p.id, p.xid < pg_snapshot_xmin(pg_current_snapshot()) as "is_settled!",
               p.name, p.subject_kind, p.subject_id, p.contact_id, p.at,
               substring(p.actor from '^(?:member|model):([0-9a-f-]{36})$')::uuid as who,
               split_part(p.name, '.', 1) = any ($4) and p.source is distinct from 'import'
               and case
                     when $5::uuid is null then true
                     when p.subject_kind <> 'ticket' then app.is_own_contact(p.contact_id, $5)
                     else exists (select from assignments s where s.ticket_id = p.subject_id and s.member_id = $5)
                       -- Who is taken off a visit hears of it once more: their day has a gap now.
                       or exists (select from audit_entries a
                                   where a.xid = p.xid and a.table_name = 'assignments' and a.op = 'delete'
                                     and a.changes -> 'member_id' ->> 0 = $5::text and a.changes -> 'ticket_id' ->> 0 = p.subject_id::text)
                   end as "is_shown!"
          from passed p order by p.xid, p.id
        "#,
        after.xid.to_string(),
        after.id,
        AT_ONCE,
        &shown_to(&who),
        who.only_own_tickets().map(|m| m.0)
    )
    .fetch_all(read.db())
    .await?;
    let mut look = Look { changes: Vec::new(), cursor: after, is_waiting: false, is_flood: false };
    let found = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    for row in rows {
        if !row.is_settled {
            look.is_waiting = true;
            return Ok(look);
        }
        look.cursor = Cursor { xid: row.xid.parse().map_err(Error::internal)?, id: row.id };
        if row.is_shown {
            let change =
                Change { name: row.name, kind: row.subject_kind, id: row.subject_id, contact: row.contact_id, who: row.who, at: row.at };
            look.changes.push((look.cursor, change));
        }
    }
    if found == AT_ONCE {
        look.is_flood = true;
        look.changes.clear();
        look.cursor = start(read.db(), None).await?;
    }
    Ok(look)
}

fn shown_to(who: &Who) -> Vec<String> {
    let money = MONEY.iter().filter(|_| who.can(Permission::ReadMoney));
    SHOWN.iter().chain(money).map(|s| (*s).to_owned()).collect()
}
