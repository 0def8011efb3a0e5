//! Wakes the streams of a business when its data changes. Each process has one listening connection, however many streams it serves.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sqlx::postgres::PgListener;
use tokio::sync::{Semaphore, SemaphorePermit, oneshot, watch};

use platform::{
    app::App,
    ids::{MemberId, OrgId},
};

/// The channel that the trigger on `events` notifies.
const CHANNEL: &str = "events";
/// Streams per member. One more ends the oldest, which is most likely a phone that lost its connection.
const SEATS: usize = 6;
/// Concurrent database reads of all streams together; few, so that pages come first.
const LOOKS: usize = 4;
/// Pause before a lost listener is restarted.
const AGAIN: Duration = Duration::from_secs(1);

/// The streams of this process.
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    looks: Semaphore,
}

#[derive(Default)]
struct State {
    is_listening: bool,
    last: u64,
    wakes: HashMap<OrgId, watch::Sender<()>>,
    seats: HashMap<(OrgId, MemberId), VecDeque<Taken>>,
}

/// A seat in use: its number and the sender that ends its stream.
type Taken = (u64, oneshot::Sender<()>);

/// A stream's seat: `wake` changes when the business's data does, `replaced` resolves when a newer stream takes the seat. Freed on drop.
pub(super) struct Seat {
    hub: Hub,
    number: u64,
    pub org: OrgId,
    pub member: MemberId,
    pub wake: watch::Receiver<()>,
    pub replaced: oneshot::Receiver<()>,
}

impl Default for Hub {
    fn default() -> Self {
        Self(Arc::new(Inner { state: Mutex::default(), looks: Semaphore::new(LOOKS) }))
    }
}

impl Hub {
    /// Takes a seat for a stream of `member`, ending the member's oldest stream beyond `SEATS`. The first call starts the listener.
    pub(super) fn seat(&self, app: &App, org: OrgId, member: MemberId) -> Seat {
        let mut state = self.state();
        if !state.is_listening {
            state.is_listening = true;
            tokio::spawn(listen(app.clone(), self.clone()));
        }
        state.last += 1;
        let number = state.last;
        let wake = state.wakes.entry(org).or_insert_with(|| watch::channel(()).0).subscribe();
        let (replace, replaced) = oneshot::channel();
        let mine = state.seats.entry((org, member)).or_default();
        mine.push_back((number, replace));
        if mine.len() > SEATS
            && let Some((_, oldest)) = mine.pop_front()
        {
            // The send fails if that stream has just ended by itself.
            let _told = oldest.send(());
        }
        metrics::gauge!("rounds_live_streams").increment(1);
        Seat { hub: self.clone(), number, org, member, wake, replaced }
    }

    /// Waits for a permit to read the database.
    pub(super) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.0.looks.acquire().await.ok()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self, org: OrgId) {
        if let Some(wake) = self.state().wakes.get(&org) {
            wake.send_replace(());
        }
    }

    fn wake_all(&self) {
        for wake in self.state().wakes.values() {
            wake.send_replace(());
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = self.hub.state();
        let key = (self.org, self.member);
        if let Some(mine) = state.seats.get_mut(&key) {
            mine.retain(|(number, _)| *number != self.number);
            if mine.is_empty() {
                state.seats.remove(&key);
            }
        }
        // The count still includes this seat's own receiver.
        if state.wakes.get(&self.org).is_some_and(|wake| wake.receiver_count() <= 1) {
            state.wakes.remove(&self.org);
        }
        metrics::gauge!("rounds_live_streams").decrement(1);
    }
}

/// Listens until the pool is closed. Wakes every stream after a reconnect, as notifications may have been missed meanwhile.
async fn listen(app: App, hub: Hub) {
    while !app.pool.is_closed() {
        if let Err(error) = hear(&app, &hub).await
            && !app.pool.is_closed()
        {
            tracing::warn!(%error, "the listener for live pages was lost; starting it again");
            tokio::time::sleep(AGAIN).await;
        }
    }
}

async fn hear(app: &App, hub: &Hub) -> sqlx::Result<()> {
    let mut listener = PgListener::connect_with(&app.pool).await?;
    listener.listen(CHANNEL).await?;
    hub.wake_all();
    loop {
        match listener.try_recv().await? {
            Some(told) => {
                if let Ok(org) = told.payload().parse() {
                    hub.wake(org);
                }
            }
            None => hub.wake_all(),
        }
    }
}
