//! The handler of `/live` and the stream it returns.

use std::{collections::VecDeque, convert::Infallible, time::Duration};

use axum::{
    Extension,
    extract::{Query, State},
    http::{HeaderMap, HeaderName, HeaderValue},
    response::{
        IntoResponse, Response,
        sse::{Event, Sse},
    },
};
use futures_util::stream;
use serde::Deserialize;
use tokio::{sync::watch, time::Instant};

use super::{Cursor, Hub, Stop, data, hub::Seat};
use platform::{
    app::App,
    error::{Error, Result},
    role::Permission,
    tenant::{Door, Origin, Read, door},
};

/// Time between heartbeats, and the longest that a lost notification or an ended session goes unnoticed. Proxies cut idle connections
/// after a minute.
const HEARTBEAT: Duration = Duration::from_secs(45);
/// Shortest time between two looks; changes within it are found together.
const TOGETHER: Duration = Duration::from_millis(100);
/// First and longest pause between looks while an event waits for an older transaction to end.
const SOON: Duration = Duration::from_millis(100);
const LATER: Duration = Duration::from_secs(2);
/// Pause after a look that failed (database away).
const TROUBLE: Duration = Duration::from_secs(5);
/// Reconnection delay sent to a client: normally, and when a newer stream took its seat.
const BACK: Duration = Duration::from_secs(2);
const BACK_REPLACED: Duration = Duration::from_mins(5);
/// The event sent in place of more changes than one look may return.
const FLOOD: &str = r#"{"name":"live.missed"}"#;

#[derive(Debug, Deserialize)]
pub struct Wanted {
    /// The cursor of the page that opens the stream (`data-since`): the stream starts with the changes committed after it.
    after: Option<String>,
}

/// `GET /live`: streams changes as they happen, from the cursor in `Last-Event-ID`, else in `after`, else from the present.
pub async fn stream(
    mut read: Read,
    State(app): State<App>,
    Extension(hub): Extension<Hub>,
    stop: Option<Extension<Stop>>,
    headers: HeaderMap,
    Query(wanted): Query<Wanted>,
) -> Result<Response> {
    let member = read.who.member.ok_or(Error::Unauthorized)?;
    let given = headers.get("last-event-id").and_then(|v| v.to_str().ok()).or(wanted.after.as_deref());
    // The seat is taken before the first look, so that no change in between is missed.
    let seat = hub.seat(&app, read.who.org, member);
    let cursor = data::start(read.db(), given.and_then(|g| g.parse().ok())).await?;
    let follower = Follower {
        door: door(&headers)?,
        origin: read.who.origin.clone(),
        app,
        hub,
        seat,
        stop: stop.map(|Extension(Stop(told))| told),
        cursor,
        ready: VecDeque::from([Event::default().retry(BACK).id(cursor.to_string())]),
        looked: None,
        due: Instant::now(),
        pause: SOON,
        spoke: Instant::now(),
        is_over: false,
    };
    drop(read);
    let events = stream::unfold(follower, |mut f| async move { f.next().await.map(|event| (Ok::<_, Infallible>(event), f)) });
    // A proxy that buffers the whole response would never deliver an event.
    let unbuffered = [(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"))];
    Ok((unbuffered, Sse::new(events)).into_response())
}

/// One stream: waits until woken, reads the changes with the member's own rights, and sends them.
struct Follower {
    app: App,
    hub: Hub,
    seat: Seat,
    door: Door,
    origin: Origin,
    stop: Option<watch::Receiver<bool>>,
    cursor: Cursor,
    ready: VecDeque<Event>,
    looked: Option<Instant>,
    /// When to look without being woken.
    due: Instant,
    pause: Duration,
    spoke: Instant,
    is_over: bool,
}

enum Woken {
    Look,
    Replaced,
    Stopped,
}

impl Follower {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                self.spoke = Instant::now();
                return Some(event);
            }
            if self.is_over {
                return None;
            }
            match self.woken().await {
                Woken::Look => self.look().await,
                Woken::Replaced => {
                    self.ready.push_back(Event::default().retry(BACK_REPLACED));
                    self.is_over = true;
                }
                Woken::Stopped => self.is_over = true,
            }
        }
    }

    async fn woken(&mut self) -> Woken {
        let Self { seat, stop, looked, due, .. } = self;
        let Seat { wake, replaced, .. } = seat;
        let asked = async {
            tokio::select! {
                // Never an error: the hub keeps the sender as long as there is a seat.
                _changed = wake.changed() => {}
                () = tokio::time::sleep_until(*due) => {}
            }
            if let Some(looked) = looked {
                tokio::time::sleep_until(*looked + TOGETHER).await;
            }
        };
        tokio::select! {
            biased;
            () = stopped(stop) => Woken::Stopped,
            _told = replaced => Woken::Replaced,
            () = asked => Woken::Look,
        }
    }

    async fn look(&mut self) {
        let found = self.found().await;
        let now = Instant::now();
        self.looked = Some(now);
        let look = match found {
            Ok(look) => look,
            Err(Error::Unauthorized | Error::Forbidden) => {
                self.is_over = true;
                return;
            }
            Err(error) => {
                tracing::warn!(?error, "a live page could not look");
                self.due = now + TROUBLE;
                return;
            }
        };
        self.cursor = look.cursor;
        for (at, change) in look.changes {
            if let Ok(event) = Event::default().id(at.to_string()).json_data(change) {
                self.ready.push_back(event);
            }
        }
        if look.is_flood {
            self.ready.push_back(Event::default().id(look.cursor.to_string()).data(FLOOD));
        }
        if self.ready.is_empty() && now - self.spoke >= HEARTBEAT {
            self.ready.push_back(Event::default().comment(""));
        }
        self.due = now + if look.is_waiting { self.pause } else { HEARTBEAT };
        self.pause = if look.is_waiting { LATER.min(self.pause * 2) } else { SOON };
    }

    /// Reads the changes in one short transaction. Errors: `Unauthorized` if the session ended or the person entered another business,
    /// `Forbidden` if the role no longer allows it.
    async fn found(&self) -> Result<data::Look> {
        let _turn = self.hub.turn().await;
        let mut read = Read::through(&self.app, &self.door, &self.origin, false).await?;
        read.who.require(Permission::ReadRecords)?;
        if read.who.org != self.seat.org || read.who.member != Some(self.seat.member) {
            return Err(Error::Unauthorized);
        }
        data::look(&mut read, self.cursor).await
    }
}

async fn stopped(stop: &mut Option<watch::Receiver<bool>>) {
    if let Some(told) = stop
        && told.wait_for(|stop| *stop).await.is_ok()
    {
        return;
    }
    // No stop signal exists, or its sender is gone: wait forever.
    std::future::pending::<()>().await;
}
