//! Lists of tickets: one filter for pages and API, paginated by cursor.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::tickets::{Confirmation, TicketState};
use customers::contacts::search;
use platform::{
    error::Result,
    ids::{AddressId, ContactId, MemberId, TicketId},
    tenant::Who,
};

/// A ticket as lists show it.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    pub id: TicketId,
    pub number: i64,
    pub contact_id: ContactId,
    pub contact_name: String,
    pub address_id: Option<AddressId>,
    pub address: String,
    pub state: TicketState,
    pub confirmation: Confirmation,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    pub time_zone: String,
    /// In the business's currency; zero if prices are hidden.
    pub total: Decimal,
    pub has_open_price: bool,
    pub is_price_estimated: bool,
    pub worked_minutes: Option<i32>,
    /// The technicians' names in alphabetical order.
    pub technicians: Vec<String>,
    pub version: i32,
}

/// The filter and order of a list of tickets.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Empty for all states.
    pub states: Vec<TicketState>,
    pub contact: Option<ContactId>,
    pub technician: Option<MemberId>,
    /// Tickets that start at `from` or later, and before `until`.
    pub from: Option<DateTime<Utc>>,
    pub until: Option<DateTime<Utc>>,
    pub confirmation: Option<Confirmation>,
    /// A ticket number ("T-1042", "1042"), or text to find the customer by.
    pub search: Option<String>,
    /// Descending by start; ascending if false.
    pub latest_first: bool,
}

/// The most customers whose tickets a text search returns.
const FOUND: i64 = 100;

/// The cursor: start and id of a page's last row.
pub type Place = (DateTime<Utc>, Uuid);

macro_rules! rows {
    ($db:expr, $who:expr, $f:expr, $contacts:expr, $after:expr, $limit:expr, $order:literal) => {{
        let states: Vec<String> = $f.states.iter().map(|s| s.name().to_owned()).collect();
        let number = $f.search.as_deref().and_then(number_of);
        let (after_at, after_id) = $after.map_or((None, None), |(at, id): Place| (Some(at), Some(id)));
        sqlx::query_as!(
            Row,
            r#"
            select t.id as "id: TicketId", t.number, t.contact_id as "contact_id: ContactId", c.name as contact_name, t.address_id as "address_id: AddressId",
                   concat_ws(', ', nullif(concat_ws(' ', nullif(a.street, ''), nullif(a.unit, '')), ''), nullif(a.city, '')) as "address!",
                   t.state as "state: TicketState", t.confirmation as "confirmation: Confirmation", t.starts_at, t.ends_at, t.time_zone,
                   t.total, t.has_open_price, t.is_price_estimated, t.worked_minutes,
                   array(select m.name from assignments s join members m on m.org_id = s.org_id and m.id = s.member_id
                          where s.ticket_id = t.id order by m.name) as "technicians!", t.version
              from tickets t
              join contacts c on c.org_id = t.org_id and c.id = t.contact_id
              left join addresses a on a.org_id = t.org_id and a.id = t.address_id
             where (cardinality($1::text[]) = 0 or t.state::text = any ($1))
               and ($2::uuid is null or t.contact_id = $2)
               and ($3::uuid is null or exists (select from assignments s where s.ticket_id = t.id and s.member_id = $3))
               and ($4::timestamptz is null or t.starts_at >= $4)
               and ($5::timestamptz is null or t.starts_at < $5)
               and ($6::ticket_confirmation is null or t.confirmation = $6)
               and (($7::bigint is null and $8::uuid[] is null) or t.number = $7 or t.contact_id = any ($8))
               and ($9::uuid is null or exists (select from assignments s where s.ticket_id = t.id and s.member_id = $9))
            "# + $order,
            &states,
            $f.contact.map(|c| c.0),
            $f.technician.map(|m| m.0),
            $f.from,
            $f.until,
            $f.confirmation as Option<Confirmation>,
            number,
            $contacts as Option<&[Uuid]>,
            $who.only_own_tickets().map(|m| m.0),
            after_at,
            after_id,
            $limit + 1
        )
        .fetch_all($db)
        .await
    }};
}

/// One page of the tickets that the member may see. Returns up to `limit + 1` rows; the extra one shows that there is a next page.
pub async fn list(db: &mut PgConnection, who: &Who, filter: &Filter, after: Option<Place>, limit: i64) -> Result<Vec<Row>> {
    let found = match filter.search.as_deref().filter(|s| !s.trim().is_empty() && !s.trim().to_lowercase().starts_with("t-")) {
        None => None,
        Some(words) => {
            let asked = search::Asked { search: Some(words.to_owned()), limit: FOUND, ..search::Asked::default() };
            Some(search::find(db, who, &asked).await?.rows.iter().map(|r| r.id.0).collect::<Vec<_>>())
        }
    };
    let mut rows = if filter.latest_first {
        rows!(
            db,
            who,
            filter,
            found.as_deref(),
            after,
            limit,
            "and ($10::timestamptz is null or (t.starts_at, t.id) < ($10, $11::uuid)) order by t.starts_at desc, t.id desc limit $12"
        )?
    } else {
        rows!(
            db,
            who,
            filter,
            found.as_deref(),
            after,
            limit,
            "and ($10::timestamptz is null or (t.starts_at, t.id) > ($10, $11::uuid)) order by t.starts_at, t.id limit $12"
        )?
    };
    if !who.sees_prices() {
        for row in &mut rows {
            row.total = Decimal::ZERO;
        }
    }
    Ok(rows)
}

/// The cursor of a row.
pub fn place(row: &Row) -> Place {
    (row.starts_at, row.id.0)
}

/// The ticket number in "T-1042" or "1042" (which may also be the end of a phone number); `None` for other text and for 10 digits or more.
fn number_of(search: &str) -> Option<i64> {
    let text = search.trim().to_lowercase();
    let digits = text.strip_prefix("t-").unwrap_or(&text);
    if digits.len() < 10 { digits.parse().ok() } else { None }
}
