//! The layers around the route table: request ids, logs, failures as pages or envelopes, headers, cross-site refusal, compression, limits.

use std::time::Duration;

use askama::Template;
use axum::{
    Extension, Router,
    extract::{DefaultBodyLimit, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::{Next, from_fn, from_fn_with_state},
    response::{Html, IntoResponse, Response},
};
use tower_http::{
    CompressionLevel,
    catch_panic::CatchPanicLayer,
    compression::{
        CompressionLayer,
        predicate::{NotForContentType, Predicate, SizeAbove},
    },
    timeout::TimeoutLayer,
};

use crate::{assets, routes};
use doors::{api, live, replay};
use office::{business::web::tokens, identity};
use platform::{
    app::{App, RequestId, Seen, Sent},
    commit::kept,
    error::{Error, Failure, FieldErrors},
    form::percent_encode,
    observe,
    tenant::SESSION_COOKIE,
};

/// Scripts and styles are our own files; pages are not framed and connect to no other host; forms post to us (a redirect leads to Stripe).
const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; manifest-src 'self'; \
                   worker-src 'self'; form-action 'self' https://checkout.stripe.com; base-uri 'none'; frame-ancestors 'none'";

/// Returns the whole application: the route table with its layers.
pub fn router(app: App) -> Router {
    platform::assets::install(assets::ASSETS, assets::RELEASE);
    let compression = CompressionLayer::new()
        .quality(CompressionLevel::Precise(4))
        .compress_when(SizeAbove::new(512).and(NotForContentType::IMAGES).and(NotForContentType::const_new("text/event-stream")));
    let whole = routes::router()
        .fallback(|| async { Error::NotFound })
        .method_not_allowed_fallback(|| async { Error::NotFound })
        .layer(from_fn(name_refusals))
        .layer(compression)
        // Each route has its own limit (`platform::route`).
        .layer(DefaultBodyLimit::disable())
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, Duration::from_mins(1)))
        .layer(CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| Error::internal("panic").into_response()))
        .layer(from_fn_with_state(app.clone(), identity::web::extend))
        .layer(from_fn_with_state((app.clone(), tokens::Noted::default()), tokens::note))
        .layer(from_fn(refuse_cross_site))
        .layer(from_fn_with_state(app.clone(), render_failures))
        .layer(from_fn_with_state(app.clone(), headers))
        .layer(Extension(live::Hub::default()))
        .layer(from_fn(observe::observe))
        .with_state(app);
    Router::new().fallback(move |request| replay::answer(whole, request))
}

/// Adds security headers to every response, and clears the flash message once a page has shown it.
async fn headers(State(app): State<App>, request: Request, next: Next) -> Response {
    let seen = request.extensions().get::<Seen>().cloned();
    let had_flash = request.method() == Method::GET && platform::tenant::cookie(request.headers(), "flash").is_some();
    let mut response = next.run(request).await;
    let is_page = response.headers().get(header::CONTENT_TYPE).is_some_and(|v| v.as_bytes().starts_with(b"text/html"));
    let h = response.headers_mut();
    if had_flash && is_page {
        h.append(header::SET_COOKIE, ui::flash::clear());
    }
    // The member whose page it is, so that a phone keeps the page for this member only.
    if let Some(member) = seen.and_then(|s| s.0.lock().ok().and_then(|s| *s)).and_then(|(_, member)| member)
        && let Ok(value) = HeaderValue::from_str(&member.to_string())
    {
        h.insert("x-rounds-who", value);
    }
    h.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CSP));
    h.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    h.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    h.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    h.insert("permissions-policy", HeaderValue::from_static("camera=(), microphone=(), geolocation=()"));
    if app.public_url.starts_with("https://") {
        h.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    response
}

/// Replaces an extractor's plain-text 400 by one of our errors: `NotFound` for an invalid path, `Invalid` otherwise.
/// A webhook's 400 is meant for its sender and stays.
async fn name_refusals(request: Request, next: Next) -> Response {
    let is_webhook = request.uri().path().starts_with("/api/webhooks/");
    let response = next.run(request).await;
    let is_plain = response.headers().get(header::CONTENT_TYPE).is_some_and(|v| v.as_bytes().starts_with(b"text/plain"));
    if is_webhook || response.status() != StatusCode::BAD_REQUEST || !is_plain {
        return response;
    }
    let said = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap_or_default();
    if said.starts_with(b"Invalid URL") {
        Error::NotFound.into_response()
    } else {
        FieldErrors::one("", "This address asks for something in a way we don't understand. Open the page again from the menu.")
            .into_response()
    }
}

/// Renders a failure as a page for people or an envelope for programs. An unauthenticated request for a page is redirected to sign-in.
async fn render_failures(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let wants_json = request.uri().path().starts_with("/api/") || accepts_json(request.headers());
    let is_get = request.method() == Method::GET;
    let path = request.uri().path_and_query().map(|p| p.as_str().to_owned()).unwrap_or_default();
    let id = request.extensions().get::<RequestId>().map(|r| r.0.clone()).unwrap_or_default();
    let sent = Sent::default();
    request.extensions_mut().insert(sent.clone());
    let response = next.run(request).await;
    let failure = match response.extensions().get::<Failure>() {
        Some(failure) => failure.clone(),
        None if response.status() == StatusCode::PAYLOAD_TOO_LARGE => Failure::from(&Error::TooLarge),
        None if response.status() == StatusCode::SERVICE_UNAVAILABLE && response.headers().get(header::CONTENT_TYPE).is_none() => {
            // A write that was given up may have been at its COMMIT.
            Failure::from(&if is_get { Error::Unavailable("That took too long. Please try again.".into()) } else { Error::InDoubt })
        }
        None => return response,
    };
    if failure.status == StatusCode::UNAUTHORIZED && is_get && !wants_json {
        let to = if path == "/" { "/sign-in".to_owned() } else { format!("/sign-in?next={}", percent_encode(&path)) };
        return ui::redirect(&to, "");
    }
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(header::CONTENT_TYPE);
    parts.headers.remove(header::CONTENT_LENGTH);
    let mut rendered = if wants_json {
        api::failure(&app, &id, &failure).into_response()
    } else {
        let fields: Vec<(String, String)> = serde_html_form::from_bytes(&kept(&sent.0)).unwrap_or_default();
        let has_key = fields.iter().any(|(name, value)| name == "_key" && !value.is_empty());
        let form = ui::SameForm { path: &path, fields: &fields };
        let page = ui::ErrorPage {
            status: failure.status.as_u16(),
            message: &failure.message,
            request_id: &id,
            is_in_doubt: failure.is_in_doubt,
            // Only a form with a key may be sent again without harm.
            form: (failure.status == StatusCode::SERVICE_UNAVAILABLE && has_key).then_some(form),
        };
        Html(page.render().unwrap_or(failure.message.clone())).into_response()
    };
    *rendered.status_mut() = failure.status;
    for (name, value) in parts.headers {
        if let Some(name) = name {
            rendered.headers_mut().append(name, value);
        }
    }
    rendered.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    rendered
}

fn accepts_json(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).is_some_and(|v| v.as_bytes().starts_with(b"application/json"))
}

/// Refuses writes from other sites. A hidden token in a queued form would expire with its session, so `Sec-Fetch-Site` and `Origin` decide.
/// Exempt, as they do not rely on cookies: programs with a bearer token, webhooks with a signature, one-click unsubscribe by mail programs.
async fn refuse_cross_site(request: Request, next: Next) -> Response {
    let h = request.headers();
    let has_session = platform::tenant::cookie(h, SESSION_COOKIE).is_some();
    let is_bearer = h.contains_key(header::AUTHORIZATION);
    let path = request.uri().path();
    let exempt = path.starts_with("/api/webhooks/") || path.starts_with("/u/") || (is_bearer && !has_session);
    if !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) && !exempt && !same_site(h) {
        return Error::Forbidden.into_response();
    }
    next.run(request).await
}

fn same_site(h: &HeaderMap) -> bool {
    match h.get("sec-fetch-site").map(HeaderValue::as_bytes) {
        Some(b"same-origin" | b"none") => return true,
        Some(_) => return false,
        None => {}
    }
    let host = h.get(header::HOST).and_then(|v| v.to_str().ok()).unwrap_or_default();
    match h.get(header::ORIGIN).and_then(|v| v.to_str().ok()) {
        Some(origin) => origin.split_once("://").is_some_and(|(_, authority)| authority == host),
        // Every current browser sends one of the two headers. A program with a cookie must send its own header (`api.md`).
        None => h.contains_key("x-rounds-csrf"),
    }
}
