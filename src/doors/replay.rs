//! Request headers by which phones on a weak connection get two courtesies for every form, without any page's help:
//! - `x-rounds-follow`: the redirect after a write is followed here, so that the response is the next page (one round trip less);
//! - `x-rounds-key`: our response repeats the key of a queued entry. A captive portal's "200 OK" does not, and so is no acknowledgement.

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header},
    response::Response,
};
use tower::ServiceExt as _;

const FOLLOW: HeaderName = HeaderName::from_static("x-rounds-follow");
const KEY: HeaderName = HeaderName::from_static("x-rounds-key");

/// Runs a request through the whole application, with the two courtesies above.
pub async fn answer(app: Router, request: Request) -> Response {
    let key = request.headers().get(KEY).cloned();
    let again = (request.method() == Method::POST && request.headers().contains_key(FOLLOW)).then(|| next_request(&request));
    let mut response = run(&app, request).await;
    if let Some(mut next) = again
        && response.status() == StatusCode::SEE_OTHER
        && let Some(to) = local(response.headers())
    {
        *next.uri_mut() = to.clone();
        let cookies = cookies(next.headers(), response.headers());
        next.headers_mut().insert(header::COOKIE, cookies);
        let page = run(&app, next).await;
        // The write is done: a page that can't be shown right now must not look like its failure. The browser follows by itself.
        if !page.status().is_server_error() {
            response = joined(response, page, &to);
        }
    }
    if let Some(key) = key {
        response.headers_mut().insert(KEY, key);
    }
    response
}

async fn run(app: &Router, request: Request) -> Response {
    app.clone().oneshot(request).await.unwrap_or_else(|never| match never {})
}

/// Returns a GET with the cookies, client headers and network address of the first request.
fn next_request(first: &Request) -> Request {
    let mut next = Request::new(Body::empty());
    *next.extensions_mut() = first.extensions().clone();
    for name in [header::COOKIE, header::ACCEPT_ENCODING, header::ACCEPT_LANGUAGE, header::USER_AGENT, header::HOST] {
        if let Some(value) = first.headers().get(&name) {
            next.headers_mut().insert(name, value.clone());
        }
    }
    for value in first.headers().get_all("x-forwarded-for") {
        next.headers_mut().append("x-forwarded-for", value.clone());
    }
    next
}

/// Returns the target of a redirect, or `None` if it is not a page of ours.
fn local(headers: &HeaderMap) -> Option<Uri> {
    let to = headers.get(header::LOCATION)?.to_str().ok()?;
    (to.starts_with('/') && !to.starts_with("//")).then(|| to.parse().ok())?
}

/// Returns the cookies that a browser would send after the first response: new ones replace those of the same name.
fn cookies(sent: &HeaderMap, answer: &HeaderMap) -> HeaderValue {
    let fresh: Vec<&str> = answer.get_all(header::SET_COOKIE).iter().filter_map(|v| v.to_str().ok()?.split(';').next()).collect();
    let name = |pair: &str| pair.split('=').next().unwrap_or_default().trim().to_owned();
    let known = sent.get(header::COOKIE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let kept = known.split(';').map(str::trim).filter(|old| !old.is_empty() && !fresh.iter().any(|new| name(new) == name(old)));
    let all: Vec<&str> = kept.chain(fresh.iter().copied()).collect();
    HeaderValue::from_str(&all.join("; ")).unwrap_or(HeaderValue::from_static(""))
}

/// Returns the page that follows as the response to the write. It shows the flash message already, so the flash cookie is dropped.
fn joined(first: Response, mut page: Response, at: &Uri) -> Response {
    let (first, _) = first.into_parts();
    let later: Vec<HeaderValue> = page.headers().get_all(header::SET_COOKIE).iter().cloned().collect();
    page.headers_mut().remove(header::SET_COOKIE);
    let shown = |v: &HeaderValue| v.as_bytes().starts_with(b"flash=");
    for cookie in first.headers.get_all(header::SET_COOKIE).iter().chain(&later).filter(|v| !shown(v)) {
        page.headers_mut().append(header::SET_COOKIE, cookie.clone());
    }
    if let Some(clear) = first.headers.get("clear-site-data") {
        page.headers_mut().insert("clear-site-data", clear.clone());
    }
    if let Ok(at) = HeaderValue::from_str(&at.to_string()) {
        page.headers_mut().insert(header::CONTENT_LOCATION, at);
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_cookies_take_the_place_of_old_ones() {
        let sent = HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_static("a=1; flash=old; b=2"))]);
        let answer = HeaderMap::from_iter([(header::SET_COOKIE, HeaderValue::from_static("flash=new; Path=/; HttpOnly"))]);
        assert_eq!(cookies(&sent, &answer), "a=1; b=2; flash=new");
    }

    #[test]
    fn only_our_own_pages_are_followed() {
        let at = |to: &'static str| local(&HeaderMap::from_iter([(header::LOCATION, HeaderValue::from_static(to))]));
        assert_eq!(at("/tickets/1?x=2").unwrap(), "/tickets/1?x=2");
        assert_eq!(at("//elsewhere.example/"), None);
        assert_eq!(at("https://checkout.stripe.com/x"), None);
    }
}
