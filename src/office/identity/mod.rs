//! Users, their sessions and sign-in. One user may belong to several businesses, so the tables `users`, `sessions`, `sign_ins` and
//! `rate_limits` belong to no tenant and have no row-level security.

pub mod actions;
pub mod data;
pub mod jobs;
pub mod web;

use axum::http::HeaderValue;
use chrono::Duration;

use platform::{
    app::App,
    error::{FieldErrors, Result},
    ids::SignInId,
    secrets::{digest, hmac_sha256},
    tenant::SESSION_COOKIE,
    text,
};

/// How long a sign-in link and its code are valid.
pub const LINK_LIFE: Duration = Duration::minutes(15);
/// How long a session lasts after its last use.
pub const SESSION_LIFE: Duration = Duration::days(30);
/// A session's end however much it is used, in days from its beginning.
pub const SESSION_END_DAYS: i32 = 90;
/// Code attempts of one sign-in mail; after that only its link works.
pub const CODE_ATTEMPTS: i32 = 5;
/// Cookie that identifies the browser that requested a code, so that the code works in no other.
pub const BROWSER_COOKIE: &str = "rounds_browser";

/// The token of a sign-in link, derived from `id` and the server key: the database stores only its hash, the mail job only the id.
pub fn link_token(app: &App, id: SignInId) -> String {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    URL_SAFE_NO_PAD.encode(hmac_sha256(&app.server_key, format!("sign-in:{id}").as_bytes()))
}

/// The six-digit code of a sign-in mail, derived like [`link_token`].
pub fn code(app: &App, id: SignInId) -> String {
    let bytes = hmac_sha256(&app.server_key, format!("sign-in-code:{id}").as_bytes());
    let number = bytes.iter().take(8).fold(0_u64, |n, b| n << 8 | u64::from(*b));
    format!("{:06}", number % 1_000_000)
}

/// The stored hash of a code. It is keyed, since six digits are easily guessed from a plain hash.
fn code_hash(app: &App, id: SignInId, code: &str) -> Vec<u8> {
    hmac_sha256(&app.server_key, format!("sign-in-code-hash:{id}:{code}").as_bytes()).to_vec()
}

/// The stored hash of a link's, session's or browser's token.
fn token_hash(token: &str) -> Vec<u8> {
    digest(token.as_bytes()).to_vec()
}

/// Normalises an email address: trimmed, in lower case. A field error on `email` if it is malformed.
pub fn email(typed: &str) -> Result<String> {
    text::email(typed).ok_or_else(|| FieldErrors::one("email", "This does not look like an email address."))
}

/// Returns `next` if it is a safe redirect target: a path on this host, not a sign-in page. Otherwise `None`.
pub fn local_path(next: &str) -> Option<&str> {
    let ours = next.starts_with('/') && !next.starts_with("//") && !next.contains(['\\', '\r', '\n', '\t', '\0']) && next.len() <= 500;
    (ours && next.is_ascii() && !next.starts_with("/sign-")).then_some(next)
}

/// The `Set-Cookie` value of a session; the cookie expires after [`SESSION_LIFE`].
pub fn session_cookie(app: &App, token: &str) -> HeaderValue {
    cookie(app, SESSION_COOKIE, token, "/", SESSION_LIFE)
}

/// The `Set-Cookie` value that removes the session's cookie.
pub fn no_session(app: &App) -> HeaderValue {
    cookie(app, SESSION_COOKIE, "", "/", Duration::zero())
}

fn cookie(app: &App, name: &str, value: &str, path: &str, life: Duration) -> HeaderValue {
    let secure = if app.public_url.starts_with("https://") { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path={path}; Max-Age={}; HttpOnly; SameSite=Lax{secure}", life.num_seconds());
    HeaderValue::from_str(&text).expect("tokens are base64url")
}

/// A readable device name from a `User-Agent` header: "Safari on iPhone".
pub fn device(user_agent: &str) -> String {
    let first = |known: &[(&str, &'static str)]| known.iter().find(|(sign, _)| user_agent.contains(sign)).map(|(_, word)| *word);
    let browser = first(&[
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("SamsungBrowser", "Samsung Internet"),
        ("Firefox", "Firefox"),
        ("FxiOS", "Firefox"),
        ("Chrome", "Chrome"),
        ("CriOS", "Chrome"),
        ("Safari", "Safari"),
    ]);
    let system = first(&[
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("Windows", "Windows"),
        ("CrOS", "Chromebook"),
        ("Macintosh", "Mac"),
        ("Linux", "Linux"),
    ]);
    match (browser, system) {
        (Some(b), Some(s)) => format!("{b} on {s}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => "Unknown device".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for good in ["ann@example.com", " Ann.O'Neil+x@Sub.Example.co.uk "] {
            assert!(email(good).is_ok(), "{good}");
        }
        for bad in ["", "ann", "ann@", "@example.com", "a@b", "a b@example.com", "a@b@example.com", "a@.com", "a@example.com>", "a@-x.com"]
        {
            assert!(email(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_paths_of_ours_are_gone_to() {
        assert_eq!(local_path("/tickets/1?tab=notes"), Some("/tickets/1?tab=notes"));
        for bad in ["", "https://evil.example", "//evil.example", "/\\evil.example", "/a\r\nSet-Cookie: x", "/sign-out", "tickets"] {
            assert_eq!(local_path(bad), None, "{bad}");
        }
    }

    #[test]
    fn devices_have_names() {
        let iphone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1";
        assert_eq!(device(iphone), "Safari on iPhone");
        assert_eq!(device("Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"), "Firefox on Linux");
        assert_eq!(device(""), "Unknown device");
    }
}
