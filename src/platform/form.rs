//! Posted forms: their fields, and the hidden ones that every form carries (`_key`, `_org`, `_version`).

use axum::{
    extract::{FromRequest, Request},
    http::header,
};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::{
    action::Meta,
    app::{App, Sent},
    commit::kept,
    error::{Error, FieldErrors, Result},
};

/// The largest form body accepted, in bytes; files come by multipart and have their own limit.
pub const MAX_FORM: usize = 512 * 1024;

/// A posted form: its fields as typed, and its hidden ones. Repeated fields become `Vec`s.
#[derive(Debug)]
pub struct Posted<T> {
    pub value: T,
    pub meta: Meta,
}

impl<T: DeserializeOwned> FromRequest<App> for Posted<T> {
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

impl<T: DeserializeOwned> Posted<T> {
    /// Reads a URL-encoded body. Errors: `Invalid` if a field is missing, `Conflict` if `_org` is not an id.
    pub fn parse(body: &[u8]) -> Result<Self> {
        let hidden: Hidden = fields(body)?;
        let value = fields(body)?;
        Ok(Self { value, meta: hidden.meta()? })
    }
}

fn fields<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    serde_html_form::from_bytes(body).map_err(|e| FieldErrors::one("", format!("This form is incomplete: {e}")))
}

#[derive(serde::Deserialize)]
struct Hidden {
    #[serde(rename = "_key", default)]
    key: String,
    #[serde(rename = "_org", default)]
    org: String,
    #[serde(rename = "_version", default)]
    version: String,
}

impl Hidden {
    fn meta(self) -> Result<Meta> {
        let org = if self.org.is_empty() {
            None
        } else {
            Some(self.org.parse().map_err(|_| Error::conflict("This form belongs to another business."))?)
        };
        Ok(Meta { key: (!self.key.is_empty()).then_some(self.key), if_version: self.version.parse().ok(), reasoning: None, org })
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
