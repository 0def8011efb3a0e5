//! Posted forms: their fields, and the hidden ones that every form carries (`_key`, `_org`, `_version`).

use axum::{
    extract::{FromRequest, Request},
    http::header,
};
use uuid::Uuid;

use super::{
    action::Meta,
    app::{App, Sent},
    commit::kept,
    conflict::Conflict,
    error::{Error, FieldErrors, Result},
};

/// The largest form body accepted, in bytes; files come by multipart and have their own limit.
pub const MAX_FORM: usize = 512 * 1024;

/// A posted form: its fields as typed, in the order sent, and its hidden ones.
#[derive(Debug)]
pub struct Posted {
    pub fields: Vec<(String, String)>,
    pub meta: Meta,
}

impl FromRequest<App> for Posted {
    type Rejection = Error;

    async fn from_request(request: Request, _: &App) -> Result<Self> {
        let is_form = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|v| v.to_str().ok())
            .is_some_and(|v| v.starts_with("application/x-www-form-urlencoded"));
        if !is_form {
            return Err(FieldErrors::one("", "This form was sent in a way we don't understand."));
        }
        let sent = request.extensions().get::<Sent>().cloned().unwrap_or_default();
        let body = axum::body::to_bytes(request.into_body(), MAX_FORM).await.map_err(|_| Error::TooLarge)?;
        *kept(&sent.0) = body.clone();
        Self::parse(&body)
    }
}

impl Posted {
    /// Reads a URL-encoded body. Errors: `Invalid` if it is none, `Conflict` if `_org` is not an id.
    pub fn parse(body: &[u8]) -> Result<Self> {
        let mut fields: Vec<(String, String)> =
            serde_html_form::from_bytes(body).map_err(|e| FieldErrors::one("", format!("This form is incomplete: {e}")))?;
        let mut hidden = |name: &str| {
            let at = fields.iter().position(|(n, _)| n == name)?;
            Some(fields.remove(at).1).filter(|v| !v.is_empty())
        };
        let (key, version) = (hidden("_key"), hidden("_version"));
        let org = hidden("_org").map(|org| org.parse().map_err(|_| Error::Conflict(Conflict::OtherBusiness(String::new())))).transpose()?;
        Ok(Self { meta: Meta { key, if_version: version.and_then(|v| v.parse().ok()), reasoning: None, org }, fields })
    }
}

/// Returns a new idempotency key for a form that is being rendered.
pub fn fresh_key() -> String {
    Uuid::now_v7().simple().to_string()
}

/// Decodes a URL-encoded value: `%41+b` → `A b`. A malformed escape becomes `?`; invalid UTF-8 is replaced.
pub fn percent_decode(s: &str) -> String {
    let mut out = Vec::with_capacity(s.len());
    let mut bytes = s.bytes();
    while let Some(b) = bytes.next() {
        let decoded = match b {
            b'%' => {
                let pair: Option<[u8; 2]> = bytes.next().zip(bytes.next()).map(|(a, b)| [a, b]);
                pair.and_then(|p| super::secrets::unhex(std::str::from_utf8(&p).unwrap_or_default()))
                    .and_then(|v| v.first().copied())
                    .unwrap_or(b'?')
            }
            b'+' => b' ',
            other => other,
        };
        out.push(decoded);
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Returns `path` with `query` as its query string; pairs with an empty value are left out.
pub fn href(path: &str, query: &[(&str, &str)]) -> String {
    let query: Vec<String> = query.iter().filter(|(_, v)| !v.is_empty()).map(|(k, v)| format!("{k}={}", percent_encode(v))).collect();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{}", query.join("&")) }
}

/// Encodes text for query strings and cookies: all bytes except ASCII letters, digits and `-_.~` become `%XX`.
pub fn percent_encode(s: &str) -> String {
    use std::fmt::Write as _;
    s.bytes().fold(String::with_capacity(s.len()), |mut out, b| {
        if b.is_ascii_alphanumeric() || b"-_.~".contains(&b) {
            out.push(char::from(b));
        } else {
            let _ = write!(out, "%{b:02X}");
        }
        out
    })
}
