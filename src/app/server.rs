//! Takes connections and hands their requests to the router. What a stranger can hold is limited here: the time for a request's head, the
//! connections of one address, the open files of the process.

use std::{
    collections::HashMap,
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request},
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use platform::rate;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tower::ServiceExt as _;

/// What one stranger may hold.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The time from a connection's start, or from the last answer on it, to the end of the next request's head.
    pub head: Duration,
    /// Connections of one network address at a time; `None` behind a proxy, from whose address they all come.
    pub per_address: Option<usize>,
    /// How long running requests may take after the stop signal.
    pub grace: Duration,
}

impl Limits {
    /// The product's limits. `files` is how many files the process may have open: an eighth of them is left to one address, at most 256.
    pub fn of(files: u64, is_behind_proxy: bool) -> Self {
        let share = usize::try_from(files / 8).unwrap_or(usize::MAX).clamp(16, 256);
        Self { head: Duration::from_secs(30), per_address: (!is_behind_proxy).then_some(share), grace: Duration::from_secs(10) }
    }
}

/// Raises the number of files the process may have open to the most that the system allows it. Returns the number.
pub fn raise_open_files() -> u64 {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return 1024 };
    match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
        Ok(()) => hard,
        Err(error) => {
            tracing::warn!(%error, soft, hard, "the limit of open files could not be raised");
            soft
        }
    }
}

/// Answers requests until `stop` turns true; running requests then get `limits.grace` to finish.
pub async fn serve(listener: TcpListener, router: Router, limits: Limits, mut stop: watch::Receiver<bool>) {
    let running = GracefulShutdown::new();
    let open = Open::default();
    let mut trouble = Trouble::default();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        match accepted {
            Ok((tcp, peer)) => match open.take(peer.ip(), limits.per_address) {
                Some(place) => answer(tcp, peer, router.clone(), limits.head, &running, place),
                None => metrics::counter!("rounds_connections_refused_total").increment(1),
            },
            // A connection that its peer gave up before it was taken.
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                trouble.tell(&error);
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(limits.grace, running.shutdown()).await.is_err() {
        tracing::warn!("some requests did not end in time and were cut off");
    }
}

fn is_of_one_connection(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Answers the requests of one connection in a task of its own; `place` is given back at its end.
fn answer(tcp: TcpStream, peer: SocketAddr, router: Router, head: Duration, running: &GracefulShutdown, place: Place) {
    // Small answers are sent at once, without waiting for more data to fill a packet.
    if let Err(error) = tcp.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY");
    }
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        let router = router.clone();
        async move { Ok::<_, Infallible>(router.oneshot(request).await.unwrap_or_else(|never| match never {})) }
    });
    let connection = http1::Builder::new().timer(TokioTimer::new()).header_read_timeout(head).serve_connection(TokioIo::new(tcp), service);
    let watched = running.watch(connection);
    tokio::spawn(async move {
        // An error is the peer's: it went away, sent no HTTP, or was too slow.
        if let Err(error) = watched.await {
            tracing::debug!(%error, "connection");
        }
        drop(place);
    });
}

/// The open connections by network address.
#[derive(Default, Clone)]
struct Open(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// One open connection; counted until it is dropped.
struct Place {
    open: Open,
    address: IpAddr,
}

impl Open {
    /// Counts a connection of `address`. Returns `None` if it has `most` already.
    fn take(&self, address: IpAddr, most: Option<usize>) -> Option<Place> {
        let address = rate::network(address);
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_default();
        if most.is_some_and(|most| *count >= most) {
            return None;
        }
        *count += 1;
        Some(Place { open: self.clone(), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.open.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

/// Logs failing `accept`s, at most once in ten seconds: without open files there may be thousands.
#[derive(Default)]
struct Trouble {
    last: Option<Instant>,
}

impl Trouble {
    fn tell(&mut self, error: &std::io::Error) {
        metrics::counter!("rounds_accept_errors_total").increment(1);
        if self.last.is_none_or(|at| at.elapsed() > Duration::from_secs(10)) {
            self.last = Some(Instant::now());
            tracing::error!(%error, "connections can't be taken; is the limit of open files (ulimit -n) too low?");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_holds_its_share_and_a_whole_v6_network_is_one() {
        let open = Open::default();
        let take = |address: &str| open.take(address.parse().unwrap(), Some(2));
        let (a, b) = (take("2001:db8::1"), take("2001:db8::2"));
        assert!(a.is_some() && b.is_some() && take("2001:db8::3").is_none());
        assert!(take("2001:db8:0:1::1").is_some() && take("192.0.2.1").is_some());
        drop(a);
        assert!(take("2001:db8::3").is_some(), "a place given back is free again");
        drop(b);
        assert!(open.0.lock().unwrap().is_empty(), "nothing is kept of those who left");
        assert!(open.take("192.0.2.1".parse().unwrap(), None).is_some());
    }
}
