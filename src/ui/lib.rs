//! The building blocks of every page: the frame (`Head`), responses (`page`, `invalid`, `redirect`), form fields, small parts
//! and date formats. Templates say `ui::…`, which is this crate wherever they are rendered.

// Templates say `ui::…` wherever they are rendered, here too.
extern crate self as ui;

pub mod email;
mod field;
pub mod flash;
mod form;
pub mod format;
mod head;
mod more;
mod parts;

use askama::Template;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use platform::error::{Error, Result};

pub use field::{Choice, Field, Meta, Value, area, check, date, email, input, meta, money, number, radios, select, tel, text, time};
pub use form::{Form, Row, Stale};
pub use head::{Current, Head};
pub use more::more;
pub use parts::{Empty, Icon, Pager, Pill, Steps, Summary, Tone, empty, icon, pager, pill, steps, summary};
pub use platform::menu::Place;

/// A rendered page. Shared caches must not store it, as it belongs to the person signed in.
#[derive(Debug)]
pub struct Html {
    pub status: StatusCode,
    pub body: String,
}

impl IntoResponse for Html {
    fn into_response(self) -> Response {
        let headers = [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CACHE_CONTROL, "private, no-cache")];
        (self.status, headers, self.body).into_response()
    }
}

/// Makes the browser reload the page after `seconds`, by header rather than script, while a job is under way. `None` adds no header.
pub fn again_in(seconds: Option<u16>, page: Html) -> Response {
    let mut response = page.into_response();
    if let Some(seconds) = seconds {
        response.headers_mut().insert(header::REFRESH, HeaderValue::from(seconds));
    }
    response
}

/// Renders a page with status 200.
pub fn page(template: &impl Template) -> Result<Html> {
    with_status(StatusCode::OK, template)
}

/// Renders a refused form, with its input and errors, with status 422.
pub fn invalid(template: &impl Template) -> Result<Html> {
    with_status(StatusCode::UNPROCESSABLE_ENTITY, template)
}

/// Renders a page with another status: 409 for a stale edit, 404 for an expired link.
pub fn with_status(status: StatusCode, template: &impl Template) -> Result<Html> {
    let body = template.render().map_err(|e| Error::internal(e.to_string()))?;
    Ok(Html { status, body })
}

/// Redirects to `to` with status 303. The next page shows `words` once; empty `words` show nothing.
pub fn redirect(to: &str, words: &str) -> Response {
    let to = HeaderValue::from_str(to).unwrap_or(HeaderValue::from_static("/"));
    let mut response = (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response();
    if !words.is_empty() {
        response.headers_mut().append(header::SET_COOKIE, flash::set(words));
    }
    response
}

/// The error page, `templates/error.html`.
#[derive(Template, Debug)]
#[template(path = "error.html")]
pub struct ErrorPage<'a> {
    pub status: u16,
    /// What happened, in plain words.
    pub message: &'a str,
    /// The request's id, to quote to support.
    pub request_id: &'a str,
    /// Nobody knows whether it was saved.
    pub is_in_doubt: bool,
    /// What was sent, to be sent again.
    pub form: Option<SameForm<'a>>,
}

/// A form that was sent, under its own key: sent again, it is done once.
#[derive(Debug)]
pub struct SameForm<'a> {
    pub path: &'a str,
    pub fields: &'a [(String, String)],
}

impl ErrorPage<'_> {
    fn title(&self) -> &'static str {
        match self.status {
            503 if self.is_in_doubt => "Was it saved?",
            403 => "Not allowed",
            404 => "Nothing here",
            405 => "That does not work here",
            409 => "Someone was faster",
            413 => "Too large",
            422 => "That did not fit",
            429 => "A little slower, please",
            502 => "The other side did not answer",
            503 => "Back in a moment",
            _ => "Something went wrong",
        }
    }

    fn advice(&self) -> &'static str {
        match self.status {
            503 if self.is_in_doubt && self.form.is_some() => "Check sends the same form again: it is saved once, whichever it was.",
            503 if self.is_in_doubt => "Open the page again and look before you send it a second time.",
            403 => "If you need this, ask the owner of the business.",
            404 => "The link may be old, or it belongs to another business.",
            405 => "Go back and use the buttons of the page.",
            409 => "Go back and open the record again: what you typed is still in the form.",
            413 => "Send less at once: a smaller file, or a shorter text.",
            422 => "Go back: what you typed is still there.",
            429 => "Wait a minute, then try again. Nothing was lost.",
            502 => "Nothing was changed at our side. Try again in a minute.",
            503 => "Nothing was half done. Try again: the same form can be sent twice without harm.",
            _ => "It is on record, with the number below. Trying again does no harm: nothing happens twice.",
        }
    }

    /// Whether a retry may help.
    fn retry(&self) -> bool {
        matches!(self.status, 429 | 500..) && !self.is_in_doubt
    }
}

#[derive(Template, Debug)]
#[template(path = "offline.html")]
struct Offline;

/// `GET /offline`: the service worker shows it in place of pages it has not kept; it says what works without a connection.
///
/// # Errors
/// Only if the template fails.
pub async fn offline() -> Result<Html> {
    page(&Offline)
}

#[cfg(test)]
mod tests {
    use chrono::{TimeZone, Utc};
    use platform::{menu::MenuEntry, role::Permission};

    use super::*;

    #[derive(Template)]
    #[template(ext = "html", source = r#"{% extends "layouts/app.html" %}{% block main %}<p>Here</p>{% endblock %}"#)]
    struct Probe {
        head: Head,
    }

    static MENU: [MenuEntry; 4] = [
        MenuEntry::new("/contacts", "Customers", "customers", Permission::Any).search("people").at(&[Place::Bar]),
        MenuEntry::new("/tickets/new", "New ticket", "plus", Permission::Any).search("book").at(&[Place::Plus]),
        MenuEntry::new("/invoices", "Invoices", "invoices", Permission::Any).search("bills").at(&[Place::Side, Place::Work]),
        MenuEntry::new("/more", "More", "more", Permission::Any).search("menu").at(&[Place::Phone]),
    ];

    /// The frame of a page at 10:12 in Huntsville, its clock running since 9:00.
    fn frame(nav: &'static str) -> Head {
        let now = Utc.with_ymd_and_hms(2026, 11, 24, 16, 12, 0).unwrap();
        let since = Utc.with_ymd_and_hms(2026, 11, 24, 15, 0, 0).unwrap();
        let mut head =
            Head::new(nav, uuid::Uuid::nil(), chrono_tz::America::Chicago, now).title("Jane <Smith>").back("/contacts", "Customers");
        head.menu = MENU.iter().collect();
        head.current = Some(Current {
            href: "/tickets/1".into(),
            when: "Now".into(),
            name: "Jane".into(),
            starts_at: since,
            running_since: Some(since),
        });
        head
    }

    #[test]
    fn the_frame_shows_where_one_is_and_the_ticket_of_this_hour() {
        let html = Probe { head: frame("customers") }.render().unwrap();
        assert!(html.contains("<h1>Jane &#60;Smith&#62;</h1>"), "{html}");
        assert_eq!(html.matches("aria-current").count(), 1, "{html}");
        assert!(html.contains("clock running since 9:00") && html.contains(">1:12</time>"), "{html}");
        assert!(html.find("<h1>").unwrap() < html.find("<p>Here</p>").unwrap());
        assert!(Probe { head: frame("invoices") }.render().unwrap().matches("aria-current").count() == 2);
    }

    #[test]
    fn every_top_level_function_carries_its_search_words() {
        let html = Probe { head: frame("today") }.render().unwrap();
        for link in html.split("<a ").skip(1).map(|l| l.split('>').next().unwrap()) {
            let top_level = link.starts_with("href=") && !link.contains("class=");
            assert!(!top_level || link.contains("data-search=\""), "{link}");
        }
    }

    #[test]
    fn every_error_page_says_what_to_do() {
        for status in [403, 404, 409, 413, 429, 500, 503] {
            let html =
                ErrorPage { status, message: "It <b>broke</b>.", request_id: "r-17", is_in_doubt: false, form: None }.render().unwrap();
            assert!(html.contains("It &#60;b&#62;broke&#60;/b&#62;."), "{html}");
            assert_eq!(html.contains("r-17"), status >= 500, "{status}");
            assert!(html.len() < 4096, "{}", html.len());
        }
    }

    #[test]
    fn a_redirect_carries_its_line_once() {
        let response = redirect("/contacts/1", "Customer added: \"Ann\"; done");
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        let cookie = response.headers()[header::SET_COOKIE].to_str().unwrap().to_owned();
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"));
        assert!(cookie.starts_with("flash=Customer%20added%3A%20%22Ann%22%3B%20done;"), "{cookie}");
        assert!(redirect("/", "").headers().get(header::SET_COOKIE).is_none());
    }
}
