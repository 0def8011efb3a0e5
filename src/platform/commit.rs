//! The one way to commit. A COMMIT ends in three ways: done, refused by the server, or its answer never came. In the third case nobody knows
//! whether the rows are there, so the write runs again, in a way that finds what the first run may have left.

use std::{
    future::Future,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sqlx::{
    Postgres, Transaction,
    postgres::{PgDatabaseError, PgSeverity},
};

use super::error::{Error, Result};

/// How long the database is asked again after an answer to COMMIT was lost.
const PATIENCE: Duration = Duration::from_secs(8);
const PAUSE: Duration = Duration::from_millis(100);

/// Commits. `InDoubt` if the answer did not come; any other error means that the transaction was rolled back.
pub async fn commit(tx: Transaction<'_, Postgres>) -> Result<()> {
    match tx.commit().await {
        Ok(()) => Ok(()),
        Err(e) if is_refusal(&e) => Err(e.into()),
        Err(e) => {
            tracing::warn!(error = %e, "the answer to COMMIT was lost");
            metrics::counter!("rounds_commits_in_doubt_total").increment(1);
            Err(Error::InDoubt)
        }
    }
}

/// Whether the server said no. An error of severity ERROR rolls back; FATAL ends the connection, and may follow on a commit that is done.
fn is_refusal(e: &sqlx::Error) -> bool {
    let sqlx::Error::Database(e) = e else { return false };
    e.try_downcast_ref::<PgDatabaseError>().is_some_and(|e| e.severity() == PgSeverity::Error)
}

/// Runs a write, and runs it again on another connection if the answer to its COMMIT was lost. Every run but the first must find what an
/// earlier one committed, and wait for one that still commits: by a row with a unique key that they all insert, or a lock they all take.
/// `InDoubt` only if the database stays away.
pub async fn settle<T, F: Future<Output = Result<T>>>(attempt: impl Fn() -> F) -> Result<T> {
    match attempt().await {
        Err(Error::InDoubt) => tokio::time::timeout(PATIENCE, again(attempt)).await.unwrap_or(Err(Error::InDoubt)),
        known => known,
    }
}

/// What an attempt keeps for the next: where the answer to its COMMIT was lost, what it would have returned.
pub fn kept<T>(lost: &Mutex<T>) -> MutexGuard<'_, T> {
    lost.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Goes on while the database is away. What the database refuses to do now says nothing of what it did before.
async fn again<T, F: Future<Output = Result<T>>>(attempt: impl Fn() -> F) -> Result<T> {
    loop {
        match attempt().await {
            Err(Error::Unavailable(_) | Error::InDoubt) => tokio::time::sleep(PAUSE).await,
            Err(Error::Internal(cause)) => {
                tracing::error!(%cause, "what became of a write could not be found out");
                return Err(Error::InDoubt);
            }
            known => return known,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a write whose attempts end as listed; returns how it ended and how many attempts there were.
    async fn settled(ends: Vec<Result<&'static str>>) -> (Result<&'static str>, usize) {
        let (count, left) = (ends.len(), Mutex::new(ends.into_iter()));
        let done = settle(|| async { left.lock().unwrap().next().unwrap_or(Err(Error::InDoubt)) }).await;
        (done, count - left.into_inner().unwrap().len())
    }

    #[tokio::test]
    async fn a_write_runs_again_only_if_nobody_knows_how_it_ended() {
        let away = || Err(Error::Unavailable("away".into()));
        assert!(matches!(settled(vec![Ok("first"), Ok("second")]).await, (Ok("first"), 1)));
        assert!(matches!(settled(vec![away(), Ok("second")]).await, (Err(Error::Unavailable(_)), 1)));
        assert!(matches!(settled(vec![Err(Error::InDoubt), Ok("second")]).await, (Ok("second"), 2)));
        assert!(matches!(settled(vec![Err(Error::InDoubt), away(), Err(Error::NotFound)]).await, (Err(Error::NotFound), 3)));
        assert!(matches!(settled(vec![Err(Error::InDoubt), Err(Error::internal("?")), Ok("third")]).await, (Err(Error::InDoubt), 2)));
    }
}
