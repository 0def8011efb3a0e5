//! Live pages: `/live` streams server-sent events from the `events` table, resumable by cursor. An event says only what happened to which
//! record; the page then reloads itself, so that the rules of who may see what stay with the pages.

pub mod data;
mod hub;
pub mod web;

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio::sync::watch;
use uuid::Uuid;

pub use hub::Hub;

/// Signals to open streams that the process is shutting down, which they would otherwise delay. An extension of the router.
#[derive(Debug, Clone)]
pub struct Stop(pub watch::Receiver<bool>);

/// A position in the events of a business: all events up to it have been sent. Events are ordered by transaction id, then event id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    pub xid: u64,
    pub id: i64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.xid, self.id)
    }
}

/// Reads `xid.id`, or `xid` alone for the position before that transaction's first event.
impl FromStr for Cursor {
    type Err = std::num::ParseIntError;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let (xid, id) = s.split_once('.').unwrap_or((s, "0"));
        Ok(Self { xid: xid.parse()?, id: id.parse()? })
    }
}

/// A change as sent to a page: ids and event names only, no personal data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The event's name, such as `ticket.moved`.
    pub name: String,
    /// The kind of record the event concerns, such as `ticket`; `id` is its id.
    pub kind: String,
    pub id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<Uuid>,
    /// The member who made the change; `None` for a customer or background work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub who: Option<Uuid>,
    pub at: DateTime<Utc>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_read_back_and_order_by_transaction_first() {
        let late = Cursor { xid: 12, id: 3 };
        assert_eq!("12.3".parse(), Ok(late));
        assert_eq!(late.to_string().parse(), Ok(late));
        assert_eq!("12".parse(), Ok(Cursor { xid: 12, id: 0 }));
        assert!(Cursor { xid: 11, id: 90 } < late);
        assert!(["", "x", "1.", "-1.2", "1.2.3"].iter().all(|s| s.parse::<Cursor>().is_err()));
    }
}
