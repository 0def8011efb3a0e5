//! `/live`

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

/// Between two signs of life, and the longest a lost notification or an ended session goes unnoticed. Proxies give up after a minute.
const HEARTBEAT: Duration = Duration::from_secs(45);
/// Between two looks: what happens within it is found together.
const TOGETHER: Duration = Duration::from_millis(100);
/// While something waits for an older transaction: the first and the longest pause between looks.
const SOON: Duration = Duration::from_millis(100);
const LATER: Duration = Duration::from_secs(2);
/// After a look that failed (database away).
const TROUBLE: Duration = Duration::from_secs(5);
/// When a client comes back after its stream was cut; after it had to make room for a newer one.
const BACK: Duration = Duration::from_secs(2);
const BACK_REPLACED: Duration = Duration::from_mins(5);
/// What more than a look can tell is told as.
const FLOOD: &str = r#"{"name":"live.missed"}"#;

#[derive(Debug, Deserialize)]
pub struct Wanted {
    /// The cursor of the page that opens the stream (`data-since`): what was committed since it was made is told first.
    after: Option<String>,
}

/// `GET /live`: what others change, as it happens. `Last-Event-ID`, else `after`, says where to go on; without either, now.
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
    // Seated before the first look: nothing can happen unheard in between.
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
    // A proxy that gathers an answer before it passes it on would pass nothing on.
    let unbuffered = [(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"))];
    Ok((unbuffered, Sse::new(events)).into_response())
}

/// One stream: waits to be woken, looks through the member's own door, tells.
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
                // The hub keeps the sender as long as there is a seat.
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

    /// One short transaction through the session's door. The session may have ended, the role changed, or the person entered another business.
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
    // Nobody says so, or nobody will any more.
    std::future::pending::<()>().await;
}
