//! What pages of joint records show of the outbox: the mails about one record (`templates/messages/_deliveries.html`).

use uuid::Uuid;

use super::{
    MessageKind,
    data::{Filter, Row, list},
};
use platform::{error::Result, tenant::Read};

/// The latest ten mails of a kind about one record, newest first.
pub struct Deliveries {
    pub rows: Vec<Row>,
}

impl Deliveries {
    /// Reads the mails. The caller has checked that the member may see the record.
    pub async fn of(r: &mut Read, kind: MessageKind, subject: Uuid) -> Result<Self> {
        let who = r.who.clone();
        let filter = Filter { kind: Some(kind), subject: Some(subject), ..Filter::default() };
        Ok(Self { rows: list(r.db(), &who, &filter, None, 10).await? })
    }

    /// Why the newest mail was not sent; `None` if it was, or still waits.
    pub fn trouble(&self) -> Option<&str> {
        let newest = self.rows.iter().max_by_key(|m| m.send_at).filter(|m| m.state.is_trouble())?;
        Some(newest.error.as_deref().unwrap_or("It could not be sent."))
    }
}
