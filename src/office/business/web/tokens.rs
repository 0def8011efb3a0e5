//! Settings page of API tokens, and the middleware that records their use.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};

use askama::Template;
use axum::{
    extract::{Path, Request, State},
    http::{HeaderValue, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use chrono::NaiveDate;

use crate::business::{
    actions::{CreateToken, RevokeToken, TouchToken},
    data::{self, Token},
};
use platform::{
    action::Meta,
    app::App,
    error::Result,
    ids::TokenId,
    tenant::{Door, Origin, Read, Write, door},
};
use ui::Form;

#[derive(Template)]
#[template(path = "business/tokens.html")]
struct Page {
    head: ui::Head,
    tokens: Vec<Token>,
    /// The text of a token just created; shown this once.
    fresh: Option<String>,
    form: Form,
}

async fn render(read: &mut Read, fresh: Option<String>, form: Form) -> Result<Page> {
    let who = read.who.clone();
    let tokens = data::tokens(read.db(), &who).await?;
    let head = ui::Head::of(read, "settings")
        .title("API tokens")
        .sub("A program's way in, with the rights of its owner")
        .back("/settings", "Settings");
    Ok(Page { head, tokens, fresh, form })
}

/// `GET /settings/tokens`
pub async fn index(mut read: Read) -> Result<ui::Html> {
    ui::page(&render(&mut read, None, Form::default()).await?)
}

/// `POST /settings/tokens`: answers with the page instead of a redirect, since only this response shows the token.
pub async fn create(State(app): State<App>, write: Write, mut form: Form) -> Result<Response> {
    let action = CreateToken { id: None, name: form.owned("name"), member_id: None };
    let Some(made) = form.act(&write, Some(action)).await? else {
        return form.again(&write, async |r, form| render(r, None, form).await).await;
    };
    let page = render(&mut write.read().await?, Some(made.reveal(&app)), Form::default()).await?;
    let mut response = ui::page(&page)?.into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// `POST /settings/tokens/{id}/revoke`
pub async fn revoke(write: Write, Path(id): Path<TokenId>, form: Form) -> Result<Response> {
    write.act(&form.meta, RevokeToken { id }).await?;
    Ok(ui::redirect("/settings/tokens", "The token is revoked."))
}

/// Hashes of the tokens whose use this process has recorded on the current UTC day.
#[derive(Clone, Default)]
pub struct Noted(Arc<Mutex<(NaiveDate, HashSet<[u8; 32]>)>>);

impl Noted {
    /// Returns true the first time a token is seen on the day `today`.
    fn is_news(&self, today: NaiveDate, hash: [u8; 32]) -> bool {
        let Ok(mut noted) = self.0.lock() else { return false };
        if noted.0 != today {
            *noted = (today, HashSet::new());
        }
        noted.1.insert(hash)
    }
}

/// Middleware: records the use of an API token after a successful request, at most once a day per token and process.
pub async fn note(State((app, noted)): State<(App, Noted)>, request: Request, next: Next) -> Response {
    let token = match door(request.headers()) {
        Ok(Door::Token(hash)) => Some(hash),
        _ => None,
    };
    let response = next.run(request).await;
    if let Some(hash) = token.filter(|_| response.status().is_success())
        && noted.is_news(app.clock.now().date_naive(), hash)
        && let Err(error) = touch(&app, hash).await
    {
        tracing::warn!(%error, "a token's use was not noted");
    }
    response
}

async fn touch(app: &App, hash: [u8; 32]) -> Result<()> {
    Write::through(app, Door::Token(hash), &Origin::default()).await?.act(&Meta::default(), TouchToken {}).await
}
