//! The ticket types of `/api/data`.

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{ClockEntry, listing, related, visible_ticket};
use crate::tickets::{Confirmation, TicketState, allowed_actions};
use platform::{
    error::{FieldErrors, Result},
    ids::{ClockId, MemberId, TicketId},
    localtime,
    query::{Entry, Listing, Params, next_cursor},
    role::{Capability, Permission},
    tenant::{Read, Who},
};

/// `/api/data?type=tickets`.
pub fn tickets_query() -> Entry {
    Entry {
        name: "tickets",
        needs: Permission::ReadRecords,
        capability: Some(Capability::Scheduling),
        filters: &["state", "contact_id", "technician", "from", "to", "confirmation", "order"],
        includes: related::INCLUDES,
        run: |read, params| Box::pin(tickets(read, params)),
    }
}

async fn tickets(read: &mut Read, params: &Params) -> Result<Listing> {
    let who = read.who.clone();
    let (mut data, cursor) = if let Some(id) = params.id {
        let ticket = visible_ticket(read.db(), &who, id.into()).await?;
        let mut value = serde_json::to_value(&ticket)?;
        value["allowed_actions"] = json!(allowed_actions(&who, &ticket));
        (vec![value], None)
    } else {
        let filter = filter_of(&who, params)?;
        let mut rows = listing::list(read.db(), &who, &filter, params.after()?, params.limit).await?;
        let cursor = next_cursor(&mut rows, params.limit, listing::place)?;
        (rows.into_iter().map(serde_json::to_value).collect::<Result<Vec<_>, _>>()?, cursor)
    };
    for row in &mut data {
        row["currency"] = json!(who.currency);
        if !who.sees_prices() {
            row["total"] = Value::Null;
        }
    }
    let ids: Vec<Uuid> = data.iter().filter_map(|d| d["id"].as_str()?.parse().ok()).collect();
    for what in &params.include {
        let mut related = related::related(read.db(), &who, what, &ids).await?;
        for (row, id) in data.iter_mut().zip(&ids) {
            let none = if matches!(what.as_str(), "contact" | "address") { Value::Null } else { json!([]) };
            row[what.as_str()] = related.remove(id).unwrap_or(none);
        }
    }
    Ok(Listing { data, cursor })
}

/// Parses the filters of page and API. Dates are days in the business's zone; `to` is inclusive. A field error for an unknown value.
pub fn filter_of(who: &Who, params: &Params) -> Result<listing::Filter> {
    let states = match params.filter("state").unwrap_or_default() {
        "" | "all" => vec![],
        "open" => vec![TicketState::Scheduled, TicketState::InProgress],
        name => vec![TicketState::from_name(name).ok_or_else(|| {
            let known: Vec<_> = TicketState::ALL.iter().map(|s| s.name()).collect();
            FieldErrors::one("state", format!("There is no state {name}. There are: all, open, {}.", known.join(", ")))
        })?],
    };
    let confirmation = match params.filter("confirmation").filter(|c| !c.is_empty()) {
        None => None,
        Some(name) => Some(Confirmation::from_name(name).ok_or_else(|| {
            let known: Vec<_> = Confirmation::ALL.iter().map(|c| c.name()).collect();
            FieldErrors::one("confirmation", format!("There is no answer {name}. There are: {}.", known.join(", ")))
        })?),
    };
    Ok(listing::Filter {
        latest_first: match params.filter("order") {
            Some("latest") => true,
            Some("next") => false,
            Some(_) => return Err(FieldErrors::one("order", "The order is next or latest.")),
            // By default, open tickets are listed from the earliest, others from the latest.
            None => !states.iter().any(|s| s.is_open()),
        },
        states,
        contact: params.id_filter("contact_id")?,
        technician: params.id_filter("technician")?,
        from: instant(who, params, "from", false)?,
        until: instant(who, params, "to", true)?,
        confirmation,
        search: params.search.clone(),
    })
}

/// Parses the filter `name`: an instant in RFC 3339, or a day in the business's zone, of which `is_end` selects the end.
fn instant(who: &Who, params: &Params, name: &str, is_end: bool) -> Result<Option<DateTime<Utc>>> {
    let Some(text) = params.filter(name).filter(|v| !v.is_empty()) else { return Ok(None) };
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Ok(Some(at.to_utc()));
    }
    let date: NaiveDate = localtime::parse_date(text).map_err(|message| FieldErrors::one(name, message))?;
    let (start, end) = localtime::day_bounds(date, who.zone);
    Ok(Some(if is_end { end } else { start }))
}

/// `/api/data?type=clock_entries`.
pub fn clock_query() -> Entry {
    Entry {
        name: "clock_entries",
        needs: Permission::ReadRecords,
        capability: Some(Capability::Scheduling),
        filters: &["ticket_id", "member_id", "running"],
        includes: &[],
        run: |read, params| Box::pin(clock_entries(read, params)),
    }
}

async fn clock_entries(read: &mut Read, params: &Params) -> Result<Listing> {
    let only = read.who.only_own_tickets();
    let after: Option<(DateTime<Utc>, Uuid)> = params.after()?;
    let (at, id) = after.map_or((None, None), |(at, id)| (Some(at), Some(id)));
    let rows = sqlx::query_as!(
        ClockEntry,
        r#"
        select c.id as "id: ClockId", c.ticket_id as "ticket_id: TicketId", c.member_id as "member_id: MemberId", m.name as member_name,
               c.clocked_in_at, c.clocked_out_at, c.device_offset_seconds, c.sent_at, c.corrected_at, c.correction_reason, c.original_in_at, c.original_out_at,
               c.version
          from clock_entries c join members m on m.org_id = c.org_id and m.id = c.member_id
         where ($1::uuid is null or c.id = $1) and ($2::uuid is null or c.ticket_id = $2) and ($3::uuid is null or c.member_id = $3)
           and ($4::bool is null or (c.clocked_out_at is null) = $4)
           and ($5::uuid is null or exists (select from assignments s where s.ticket_id = c.ticket_id and s.member_id = $5))
           and ($6::timestamptz is null or (c.clocked_in_at, c.id) < ($6, $7::uuid))
         order by c.clocked_in_at desc, c.id desc limit $8
        "#,
        params.id,
        params.id_filter::<TicketId>("ticket_id")?.map(|t| t.0),
        params.id_filter::<MemberId>("member_id")?.map(|m| m.0),
        params.filter("running").map(|r| r == "true"),
        only.map(|m| m.0),
        at,
        id,
        params.limit + 1
    )
    .fetch_all(read.db())
    .await?;
    Listing::page(rows, params.limit, |e| (e.clocked_in_at, e.id.0))
}
