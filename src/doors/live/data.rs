//! Queries of the events table for live streams (`/live`).

use sqlx::PgConnection;

use super::{Change, Cursor};
use platform::{
    error::{Error, Result},
    role::Permission,
    tenant::{Read, Who},
};

/// Maximum number of events per look. A look that reaches it sends one `live.missed` event in their place, as the page reloads either way.
const AT_ONCE: i64 = 100;

/// Kinds of events that pages show, by the first word of the event's name.
const SHOWN: [&str; 8] = ["ticket", "closeout", "contact", "address", "note", "attribute", "message", "notice"];
const MONEY: [&str; 2] = ["invoice", "payment"];

/// The result of one look at the events table.
#[derive(Debug)]
pub struct Look {
    /// The changes that this member may see, each with the cursor that continues after it.
    pub changes: Vec<(Cursor, Change)>,
    /// The position of the last event read, whether or not this member may see it.
    pub cursor: Cursor,
    /// Set if an event was held back until an older transaction ends: look again soon.
    pub is_waiting: bool,
    /// Set if there were too many events to send one by one; `changes` is empty and `cursor` is the present.
    pub is_flood: bool,
}

/// Returns the cursor at which a stream starts: `given`, or the present if it is `None` or lies ahead (the cursor of another database).
pub async fn start(db: &mut PgConnection, given: Option<Cursor>) -> Result<Cursor> {
    let oldest = sqlx::query_scalar!(r#"select pg_snapshot_xmin(pg_current_snapshot())::text as "xid!""#).fetch_one(db).await?;
    let now = Cursor { xid: oldest.parse().map_err(Error::internal)?, id: 0 };
    Ok(given.filter(|given| *given <= now).unwrap_or(now))
}

/// Returns the changes after the cursor `after` that this member may see. Stops at the oldest transaction still running: one that took its
/// number early and commits late would otherwise be skipped.
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
