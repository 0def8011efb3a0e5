//! Open pages hear what others change: `/live`, server-sent events fed by the `events` table, by cursor. The stream says what happened to
//! which record; the page then fetches itself again, so that every rule of what may be seen stays with the pages.

pub mod data;
mod hub;
pub mod web;

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio::sync::watch;
use uuid::Uuid;

pub use hub::Hub;

/// Tells the streams that this process was asked to stop; an extension of the router, as they would hold up its end.
#[derive(Debug, Clone)]
pub struct Stop(pub watch::Receiver<bool>);

/// A place in the events of a business: everything up to it was told. Events are followed by transaction, then number.
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

/// `xid.id` as it is written, or a transaction alone: everything before it was told.
impl FromStr for Cursor {
    type Err = std::num::ParseIntError;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let (xid, id) = s.split_once('.').unwrap_or((s, "0"));
        Ok(Self { xid: xid.parse()?, id: id.parse()? })
    }
}

/// What a page hears. Ids and names of events only: nothing about a person goes out here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The event's name: `ticket.moved`.
    pub name: String,
    /// The subject's kind and id.
    pub kind: String,
    pub id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<Uuid>,
    /// The member who did it; none for a customer or background work.
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
