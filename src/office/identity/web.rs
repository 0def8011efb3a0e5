//! Sign-in pages. Only a POST uses a link up, and no page submits itself: mail scanners open links and run scripts.

use askama::Template;
use axum::{
    extract::{FromRequestParts as _, Path, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use chrono::Duration;
use serde::Deserialize;

use super::{
    BROWSER_COOKIE, LINK_LIFE,
    actions::{self, Ask, RevokeOtherSessions, RevokeSession},
    cookie, data, local_path, no_session, session_cookie,
};
use platform::{
    app::App,
    error::{Error, FieldErrors, Result},
    form::Posted,
    ids::SessionId,
    tenant::{self, Read, SESSION_COOKIE, SignedIn, Write, origin},
};

#[derive(Template)]
#[template(path = "identity/sign_in.html")]
struct SignInPage {
    email: String,
    next: String,
    may_sign_up: bool,
    is_demo: bool,
    flash: Option<String>,
    errors: FieldErrors,
}

#[derive(Debug, Deserialize)]
pub struct SignInForm {
    #[serde(default)]
    email: String,
    #[serde(default)]
    next: String,
}

#[derive(Debug, Deserialize)]
pub struct NextQuery {
    #[serde(default)]
    next: String,
}

/// `GET /sign-in`
pub async fn form(State(app): State<App>, mut parts: Parts, query: axum::extract::Query<NextQuery>) -> Result<Response> {
    let next = local_path(&query.next).unwrap_or_default().to_owned();
    if let Ok(who) = SignedIn::from_request_parts(&mut parts, &app).await {
        return Ok(ui::redirect(&after(&app, who.session, Some(&next)).await?, ""));
    }
    let flash = tenant::cookie(&parts.headers, "flash").map(|v| platform::form::percent_decode(&v));
    let may_sign_up = data::may_found(&app, None).await?;
    Ok(ui::page(&SignInPage { email: String::new(), next, may_sign_up, errors: FieldErrors::default(), flash, is_demo: app.is_demo })?
        .into_response())
}

/// The path to go to after signing in: `next` or home if the session has a current business, else the list of businesses.
pub async fn after(app: &App, session: SessionId, next: Option<&str>) -> Result<String> {
    Ok(match data::current(app, session).await? {
        Some(_) => next.filter(|n| !n.is_empty()).unwrap_or("/").to_owned(),
        None => "/businesses".to_owned(),
    })
}

/// `POST /sign-in`: requests a sign-in mail. The answer is the same whether or not the address is known.
pub async fn ask(State(app): State<App>, parts: Parts, form: Posted<SignInForm>) -> Result<Response> {
    let SignInForm { email, next } = form.value;
    match send(&app, &parts, &email, &next, None).await {
        Err(Error::Invalid(errors)) => {
            let may_sign_up = data::may_found(&app, None).await?;
            Ok(ui::invalid(&SignInPage { email, next, may_sign_up, errors, flash: None, is_demo: app.is_demo })?.into_response())
        }
        sent => sent,
    }
}

/// Requests a sign-in mail and redirects to the page for its code. `sign_up`: serialised `NewBusiness`, created once the address is proven.
pub async fn send(app: &App, parts: &Parts, email: &str, next: &str, sign_up: Option<serde_json::Value>) -> Result<Response> {
    let origin = origin(parts, app);
    let browser = tenant::cookie(&parts.headers, BROWSER_COOKIE);
    let asked = actions::ask(app, Ask { email, next, sign_up, network: &origin.counted(), browser }).await?;
    let mut response = ui::redirect("/sign-in/code", "");
    response.headers_mut().append(header::SET_COOKIE, cookie(app, BROWSER_COOKIE, &asked.browser, "/", LINK_LIFE));
    Ok(response)
}

#[derive(Template)]
#[template(path = "identity/code.html")]
struct CodePage {
    email: String,
    errors: FieldErrors,
}

/// `GET /sign-in/code`: the form for the mailed code; redirects to `/sign-in` if this browser has no pending request.
pub async fn code_form(State(app): State<App>, headers: HeaderMap) -> Result<Response> {
    match waiting(&app, &headers).await? {
        Some(email) => Ok(ui::page(&CodePage { email, errors: FieldErrors::default() })?.into_response()),
        None => Ok(ui::redirect("/sign-in", "")),
    }
}

async fn waiting(app: &App, headers: &HeaderMap) -> Result<Option<String>> {
    match tenant::cookie(headers, BROWSER_COOKIE) {
        Some(browser) => data::waiting(app, &browser).await,
        None => Ok(None),
    }
}

/// The code page with an error, or the sign-in page if this browser has no pending request any more.
pub async fn wrong_code(app: &App, headers: &HeaderMap) -> Result<Response> {
    let mut errors = FieldErrors::default();
    errors
        .add("code", "This code is not right, or too old. It works only in the browser that asked for it, and only five times are tried.");
    match waiting(app, headers).await? {
        Some(email) => Ok(ui::invalid(&CodePage { email, errors })?.into_response()),
        None => {
            let mut errors = FieldErrors::default();
            errors.add("email", "That code can't be used here any more. Ask for a new mail.");
            let may_sign_up = data::may_found(app, None).await?;
            let page = SignInPage { email: String::new(), next: String::new(), may_sign_up, errors, flash: None, is_demo: app.is_demo };
            Ok(ui::invalid(&page)?.into_response())
        }
    }
}

#[derive(Template)]
#[template(path = "identity/link.html")]
struct LinkPage {
    is_good: bool,
    token: String,
}

/// `GET /sign-in/{token}`: a page with one button. Opening it does not use the link up.
pub async fn link(State(app): State<App>, Path(token): Path<String>) -> Result<ui::Html> {
    match data::link_is_good(&app, &token).await? {
        true => ui::page(&LinkPage { is_good: true, token }),
        false => dead_link(),
    }
}

/// The 404 page for a link that is used, expired or unknown.
pub fn dead_link() -> Result<ui::Html> {
    ui::with_status(StatusCode::NOT_FOUND, &LinkPage { is_good: false, token: String::new() })
}

/// Redirects to `to` with the session's cookie set and the flash message `words`.
pub fn signed_in(app: &App, token: &str, to: &str, words: &str) -> Response {
    let mut response = ui::redirect(to, words);
    let headers = response.headers_mut();
    headers.append(header::SET_COOKIE, session_cookie(app, token));
    headers.append(header::SET_COOKIE, cookie(app, BROWSER_COOKIE, "", "/", Duration::zero()));
    response
}

/// `POST /sign-out`
pub async fn sign_out(State(app): State<App>, who: SignedIn) -> Result<Response> {
    actions::sign_out(&app, &who).await?;
    let mut response = ui::redirect("/sign-in", "You are signed out.");
    response.headers_mut().append(header::SET_COOKIE, no_session(&app));
    // The browser also drops its cached pages of this user.
    response.headers_mut().insert("clear-site-data", HeaderValue::from_static("\"cache\""));
    Ok(response)
}

#[derive(Template)]
#[template(path = "identity/sessions.html")]
struct SessionsPage {
    head: ui::Head,
    email: String,
    sessions: Vec<data::Session>,
}

/// `GET /settings/sessions`
pub async fn sessions(State(app): State<App>, mut read: Read) -> Result<ui::Html> {
    let user = read.who.user.ok_or(Error::Unauthorized)?;
    let (this, now) = (read.who.session, read.who.now);
    let sessions = data::sessions(read.db(), user, this, now).await?;
    let email = data::email_of(&app, user).await?;
    let head = ui::Head::of(&read, "settings").title("Where you are signed in").back("/settings", "Settings");
    ui::page(&SessionsPage { head, email, sessions })
}

#[derive(Debug, Deserialize)]
pub struct Nothing {}

/// `POST /settings/sessions/{id}/revoke`
pub async fn revoke(write: Write, Path(id): Path<SessionId>, form: Posted<Nothing>) -> Result<Response> {
    write.act(&form.meta, RevokeSession { id }).await?;
    Ok(ui::redirect("/settings/sessions", "Signed out there."))
}

/// `POST /settings/sessions/revoke-others`
pub async fn revoke_others(write: Write, form: Posted<Nothing>) -> Result<Response> {
    let done = write.act(&form.meta, RevokeOtherSessions {}).await?;
    let words = match done.ended {
        0 => "There were no others.".to_owned(),
        1 => "Signed out on 1 other device.".to_owned(),
        n => format!("Signed out on {n} other devices."),
    };
    Ok(ui::redirect("/settings/sessions", &words))
}

/// Cookie that marks the session as extended today, which saves a query on every other request.
const EXTENDED_COOKIE: &str = "rounds_day";

/// Middleware: extends the session after a successful response, at most once a day.
pub async fn extend(State(app): State<App>, request: Request, next: Next) -> Response {
    let token = tenant::cookie(request.headers(), SESSION_COOKIE).filter(|_| tenant::cookie(request.headers(), EXTENDED_COOKIE).is_none());
    let mut response = next.run(request).await;
    let Some(token) = token.filter(|_| response.status().is_success()) else { return response };
    match actions::extend(&app, &token).await {
        Ok(extended) => {
            let headers = response.headers_mut();
            headers.append(header::SET_COOKIE, cookie(&app, EXTENDED_COOKIE, "1", "/", Duration::days(1)));
            if extended {
                headers.append(header::SET_COOKIE, session_cookie(&app, &token));
            }
        }
        Err(error) => tracing::warn!(%error, "a session was not extended"),
    }
    response
}
