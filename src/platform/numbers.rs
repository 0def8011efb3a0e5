//! Gapless numbers per business. Taking one locks the business's counter row until the commit, so take numbers last.

use super::{action::Cx, error::Result};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counter {
    Ticket,
    Invoice,
}

/// Takes the next number of this business. A rollback gives it back.
pub async fn next(cx: &mut Cx<'_>, counter: Counter) -> Result<i64> {
    take(cx, counter, 1).await
}

/// Takes `count` numbers at once and returns the first of them.
pub async fn take(cx: &mut Cx<'_>, counter: Counter, count: i64) -> Result<i64> {
    let kind = match counter {
        Counter::Ticket => "ticket",
        Counter::Invoice => "invoice",
    };
    let last = sqlx::query_scalar!(
        "insert into counters (kind, last) values ($1, $2) on conflict (org_id, kind) do update set last = counters.last + $2 returning last",
        kind,
        count
    )
    .fetch_one(cx.db())
    .await?;
    Ok(last - count + 1)
}
