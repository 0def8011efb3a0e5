//! Static files, embedded with a content hash in their name and a Brotli copy (made by `app/build.rs`).

use std::sync::OnceLock;

use axum::{
    extract::Path,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};

/// One embedded file.
#[derive(Debug)]
pub struct Asset {
    /// The name in the source tree: `app.css`.
    pub name: &'static str,
    /// The path it is served at, with its hash: `/assets/app-1a2b3c4d.css`.
    pub url: &'static str,
    pub kind: &'static str,
    pub body: &'static [u8],
    pub br: Option<&'static [u8]>,
}

/// The files of this binary and the name of its pages' release, set once at start by `app`, which embeds them.
static INSTALLED: OnceLock<(&'static [Asset], &'static str)> = OnceLock::new();

/// Sets the embedded files and the release's name. A second call changes nothing.
pub fn install(files: &'static [Asset], release: &'static str) {
    INSTALLED.get_or_init(|| (files, release));
}

fn files() -> &'static [Asset] {
    INSTALLED.get().map_or(&[], |i| i.0)
}

/// The release of the pages: changes with any template, style or script.
pub fn release() -> &'static str {
    INSTALLED.get().map_or("", |i| i.1)
}

/// Returns the hashed path of the embedded file `name`, or `/` if there is none (a test checks every name that templates use).
pub fn url(name: &str) -> &'static str {
    files().iter().find(|a| a.name == name).map_or("/", |a| a.url)
}

/// `/assets/{name}`: a file under its hashed name, cached for a year.
pub async fn hashed(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let found = files().iter().find(|a| a.url.strip_prefix("/assets/") == Some(name.as_str()));
    found.map_or_else(|| StatusCode::NOT_FOUND.into_response(), |a| send(a, "public, max-age=31536000, immutable", &headers))
}

/// `/favicon.svg`.
pub async fn favicon(headers: HeaderMap) -> Response {
    plain("favicon.svg", &headers)
}

/// `/apple-touch-icon.png` and `/favicon.ico`.
pub async fn touch_icon(headers: HeaderMap) -> Response {
    plain("icon-192.png", &headers)
}

/// `/manifest.webmanifest`.
pub async fn manifest(headers: HeaderMap) -> Response {
    plain("manifest.webmanifest", &headers)
}

/// `/sw.js`: cached for ten minutes only, so that a new release reaches every phone.
pub async fn worker(headers: HeaderMap) -> Response {
    let found = files().iter().find(|a| a.name == "sw.js");
    found.map_or_else(|| StatusCode::NOT_FOUND.into_response(), |a| send(a, "max-age=600", &headers))
}

/// Responds with a file whose path never changes: cached for a day.
fn plain(name: &str, headers: &HeaderMap) -> Response {
    let found = files().iter().find(|a| a.name == name);
    found.map_or_else(|| StatusCode::NOT_FOUND.into_response(), |a| send(a, "public, max-age=86400", headers))
}

fn send(asset: &'static Asset, cache: &'static str, headers: &HeaderMap) -> Response {
    let common = [(header::CONTENT_TYPE, asset.kind), (header::CACHE_CONTROL, cache), (header::VARY, "accept-encoding")];
    match asset.br {
        Some(br) if accepts_br(headers) => (common, [(header::CONTENT_ENCODING, "br")], br).into_response(),
        _ => (common, asset.body).into_response(),
    }
}

fn accepts_br(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|v| v.to_str().ok()).unwrap_or_default();
    accepted.split(',').any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        parts.next() == Some("br") && !parts.any(|p| matches!(p, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brotli_only_when_it_is_accepted() {
        static FILE: Asset = Asset { name: "a.css", url: "/assets/a.css", kind: "text/css; charset=utf-8", body: b"a{}", br: Some(b"br") };
        let with = |v: &str| HeaderMap::from_iter([(header::ACCEPT_ENCODING, v.parse().unwrap())]);
        assert!(accepts_br(&with("gzip, deflate, br")));
        assert!(accepts_br(&with("br;q=0.5")));
        assert!(!accepts_br(&with("br;q=0, gzip")));
        assert!(!accepts_br(&HeaderMap::new()));
        let sent = send(&FILE, "no-store", &with("br"));
        assert_eq!(sent.headers()[header::CONTENT_ENCODING], "br");
        assert_eq!(sent.headers()[header::CONTENT_TYPE], "text/css; charset=utf-8");
    }
}
