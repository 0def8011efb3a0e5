//! The line that says what just happened: a cookie of a minute, set by a redirect, shown and cleared by the next page.

use axum::http::HeaderValue;

use platform::form::percent_encode;

/// `Set-Cookie` that carries the words to the next page; the read extractor takes them from there.
pub fn set(words: &str) -> HeaderValue {
    HeaderValue::from_str(&format!("flash={}; Path=/; Max-Age=60; HttpOnly; SameSite=Lax", percent_encode(words)))
        .expect("percent-encoded text is plain ASCII")
}

/// `Set-Cookie` that ends it; a page that shows the words answers with it.
pub fn clear() -> HeaderValue {
    HeaderValue::from_static("flash=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax")
}
