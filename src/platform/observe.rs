//! What the operator sees: one log line per request, counters and durations by route, health and readiness of this process.
//! Logs and metrics contain neither the requested path (links hold tokens) nor personal data.

use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use axum::Extension;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;
use uuid::Uuid;

use super::app::{App, RequestId, Seen};
use super::config::{Config, LogFormat};
use super::secrets::{Secret, same};

/// Set on every response; taken from the request if a proxy already set one.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Histogram buckets of request durations, in seconds.
const BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

static METRICS: OnceLock<PrometheusHandle> = OnceLock::new();

/// Starts logging to standard error; a second call has no effect.
///
/// # Errors
/// The parser's message if `log.filter` can't be parsed.
pub fn start_logging(config: &Config) -> Result<(), String> {
    let filter = EnvFilter::try_new(&config.log.filter).map_err(|error| format!("setting `log.filter`: {error}"))?;
    let json = match config.log.format {
        LogFormat::Json => true,
        LogFormat::Pretty => false,
        LogFormat::Auto => !std::io::stderr().is_terminal(),
    };
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = if json {
        lines.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init()
    } else {
        lines.compact().with_target(false).try_init()
    };
    // An error means that a subscriber exists already, such as a test's own.
    drop(started);
    Ok(())
}

/// Starts collecting metrics; a second call returns the same handle.
///
/// # Errors
/// If another recorder was installed.
pub fn start_metrics() -> Result<&'static PrometheusHandle, String> {
    if let Some(handle) = METRICS.get() {
        return Ok(handle);
    }
    let recorder = PrometheusBuilder::new().set_buckets(&BUCKETS).map_err(|error| error.to_string())?;
    let handle = recorder.install_recorder().map_err(|error| error.to_string())?;
    Ok(METRICS.get_or_init(|| handle))
}

/// Aggregates finished measurements every 10 seconds; their memory would grow without bound otherwise. Never returns.
pub async fn keep_metrics() {
    loop {
        tokio::time::sleep(Duration::from_secs(10)).await;
        if let Some(handle) = METRICS.get() {
            handle.run_upkeep();
        }
    }
}

/// Middleware around every route: sets the request's id, returns it in a header, writes one log line and counts the request.
pub async fn observe(mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = RequestId(request_id(request.headers()));
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let seen = Seen::default();
    request.extensions_mut().insert(id.clone());
    request.extensions_mut().insert(seen.clone());
    let mut response = next.run(request).await;

    let route = route.as_ref().map_or("unmatched", MatchedPath::as_str);
    let status = response.status();
    let took = started.elapsed();
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    let labels = [("method", method.to_string()), ("route", route.to_owned()), ("status", status.as_u16().to_string())];
    metrics::counter!("http_requests_total", &labels).increment(1);
    metrics::histogram!("http_request_duration_seconds", "route" => route.to_owned()).record(took.as_secs_f64());
    log(&id, &seen, method.as_str(), route, took, &response);
    response
}

fn log(id: &RequestId, seen: &Seen, method: &str, route: &str, took: Duration, response: &Response) {
    let who = seen.0.lock().ok().and_then(|seen| *seen);
    let org = who.map(|(org, _)| tracing::field::display(org));
    let actor = who.and_then(|(_, member)| member).map(tracing::field::display);
    let bytes = http_body_bytes(response);
    let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let status = response.status();
    let (request, code) = (id.0.as_str(), status.as_u16());
    if status.is_server_error() {
        tracing::error!(request_id = request, method, route, status = code, duration_ms, bytes, org, actor, "request");
    } else if matches!(route, "/healthz" | "/readyz" | "/metrics") {
        tracing::debug!(request_id = request, method, route, status = code, duration_ms, bytes, "request");
    } else {
        tracing::info!(request_id = request, method, route, status = code, duration_ms, bytes, org, actor, "request");
    }
}

/// Returns the body's size in bytes, or `None` if it is not known before it is sent.
fn http_body_bytes(response: &Response) -> Option<u64> {
    use axum::body::HttpBody as _;
    response.body().size_hint().exact()
}

/// Returns the caller's id if it is a plain token, else a new one, as it is written to logs and the audit trail.
fn request_id(headers: &HeaderMap) -> String {
    let given = headers
        .get(REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(|id| (8..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
    given.map_or_else(|| Uuid::now_v7().simple().to_string(), str::to_owned)
}

/// The state of this process for `/readyz` and `/metrics`; an extension of the router.
#[derive(Clone, Debug, Default)]
pub struct Operator {
    pub metrics_token: Option<Secret>,
    /// Whether jobs run; `None` in a process started without jobs.
    pub jobs: Option<Arc<AtomicBool>>,
}

/// When the database last refused a write for want of disk space.
static DISK_WAS_FULL: Mutex<Option<Instant>> = Mutex::new(None);

/// How long after a refused write the instance counts as not ready. Then the next write tells.
const FULL_FOR: Duration = Duration::from_secs(30);

/// Notes that the database refused a write for want of disk space.
pub(crate) fn note_full_disk() {
    *DISK_WAS_FULL.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
}

fn has_disk_space() -> bool {
    DISK_WAS_FULL.lock().unwrap_or_else(PoisonError::into_inner).is_none_or(|at| at.elapsed() > FULL_FOR)
}

/// `GET /healthz`: 200 as long as this process answers at all.
pub async fn healthz() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: 200 if this process should receive requests: the database answers, has every migration and function of this version and
/// refused no write lately for want of disk space, and jobs run unless disabled. Otherwise 503. The body has one line per check.
pub async fn readyz(State(app): State<App>, operator: Option<Extension<Operator>>) -> Response {
    let current = tokio::time::timeout(Duration::from_secs(2), app.schema.is_current(&app.pool)).await;
    let database = matches!(current, Ok(Ok(_)));
    let migrations = matches!(current, Ok(Ok(true)));
    let jobs = operator.and_then(|Extension(operator)| operator.jobs).map(|jobs| jobs.load(Ordering::Relaxed));
    let word = |well: bool| if well { "ok" } else { "failing" };
    let disk = has_disk_space();
    let jobs_word = jobs.map_or("not here", word);
    let text = format!("database {}\nmigrations {}\ndisk {}\njobs {jobs_word}\n", word(database), word(migrations), word(disk));
    let ready = database && migrations && disk && jobs != Some(false);
    (if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, text).into_response()
}

/// The metrics in Prometheus's text format.
pub fn metrics_text() -> Response {
    let text = METRICS.get().map(PrometheusHandle::render).unwrap_or_default();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

/// `GET /metrics` on the main address: needs the bearer token `metrics.token`; 404 without it.
pub async fn metrics(operator: Option<Extension<Operator>>, headers: HeaderMap) -> Response {
    let token = operator.and_then(|Extension(operator)| operator.metrics_token);
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    match (token, given.and_then(|value| value.strip_prefix("Bearer "))) {
        (Some(token), Some(given)) if same(token.expose(), given) => metrics_text(),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_request_id_is_taken_over() {
        let id = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_static(text));
            request_id(&headers)
        };
        assert_eq!(id("0198f3a2-7c1e"), "0198f3a2-7c1e");
        for bad in ["short", "has space in it", "quote\"and{brace}", ""] {
            assert_ne!(id(bad), bad);
        }
    }
}
