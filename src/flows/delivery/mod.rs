//! Delivery: takes a due message, puts it into words from the record as it now is, hands it to its channel, records the outcome.
//! No transaction is open while it is sent. If a crash leaves the outcome unknown, a person decides; nothing is sent twice.

pub mod actions;
mod bill;
mod data;
pub mod jobs;
pub mod render;
mod visit;
pub mod web;

use std::time::Duration;

use actions::Finish;
use jobs::SendMessage;
use messages::{
    channels::Outcome,
    outbox::{MessageState, actions::Claim},
};
use platform::{
    action::Meta,
    app::App,
    error::Result,
    ids::{MessageId, OrgId},
    jobs::enqueue,
    tenant::{Read, Write},
};
use render::Rendering;

/// A message without an outcome for this long is stuck: the longest mail server session takes a few minutes.
const STUCK_AFTER: chrono::Duration = chrono::Duration::minutes(10);

/// Sends one message if it is due and no other worker has claimed it. Returns its new state; `None` if there was nothing to do.
pub async fn deliver(app: &App, org: OrgId, message: MessageId) -> Result<Option<MessageState>> {
    let write = Write::of_org(app, org, "job").await?;
    let Some(claimed) = write.act(&Meta::default(), Claim { message_id: message }).await? else { return Ok(None) };
    let outcome = match render::message(&mut Read::of_org(app, org).await?, app, &claimed).await {
        Ok(Rendering::Ready(letter)) => letter.channel.way().send(app, &letter).await,
        Ok(Rendering::Drop(reason)) => Outcome::Dropped { reason },
        Ok(Rendering::Refuse(error)) => Outcome::Failed { error },
        Err(error) => Outcome::not_rendered(&error),
    };
    metrics::counter!("rounds_messages_total", "outcome" => name(&outcome)).increment(1);
    record(&write, message, outcome).await
}

/// Records the outcome, with retries: a message whose outcome is lost ends in doubt.
async fn record(write: &Write, message: MessageId, outcome: Outcome) -> Result<Option<MessageState>> {
    let mut tries = 0;
    loop {
        match write.act(&Meta::default(), Finish { message_id: message, outcome: outcome.clone() }).await {
            Err(e) if e.is_passing() && tries < 5 => {
                tries += 1;
                tokio::time::sleep(Duration::from_secs(tries)).await;
            }
            settled => return settled,
        }
    }
}

fn name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Sent { .. } => "sent",
        Outcome::ByHand { .. } => "by_hand",
        Outcome::Later { .. } => "later",
        Outcome::Failed { .. } => "failed",
        Outcome::InDoubt { .. } => "in_doubt",
        Outcome::Dropped { .. } => "dropped",
    }
}

/// Queues the due messages of all businesses, and marks those that a dead worker left behind as in doubt. Returns the number queued.
///
/// The job's key holds the message's id, so a message already in the queue is not queued twice; the claim prevents sending it twice.
pub async fn sweep(app: &App) -> Result<usize> {
    let now = app.clock.now();
    let stuck = data::stuck(app, now - STUCK_AFTER).await?;
    for (org, message) in stuck {
        let write = Write::of_org(app, org, "job").await?;
        let error = "The program stopped while sending.".to_owned();
        write.act(&Meta::default(), Finish { message_id: message, outcome: Outcome::InDoubt { error } }).await?;
    }
    let due = data::due(app, now).await?;
    for (org, message) in &due {
        let mut db = app.pool.acquire().await?;
        enqueue(&mut db, *org, SendMessage { message: *message }).await?;
    }
    Ok(due.len())
}
