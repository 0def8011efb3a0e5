//! Flash messages: a redirect sets one in a cookie that lasts a minute; the next page shows and clears it.

use axum::http::HeaderValue;

use platform::form::percent_encode;

/// Returns the `Set-Cookie` value that carries `words` to the next page, where the `Read` extractor reads them.
pub fn set(words: &str) -> HeaderValue {
    HeaderValue::from_str(&format!("flash={}; Path=/; Max-Age=60; HttpOnly; SameSite=Lax", percent_encode(words)))
        .expect("percent-encoded text is plain ASCII")
}

/// Returns the `Set-Cookie` value that removes the message; sent with the page that shows it.
pub fn clear() -> HeaderValue {
    HeaderValue::from_static("flash=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax")
}
