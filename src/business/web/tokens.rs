//! API tokens: made, shown once, revoked.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::{HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;

use crate::{
    business::{
        actions::{CreateToken, RevokeToken},
        data::{self, Token},
    },
    identity::web::Nothing,
    platform::{
        app::App,
        error::{Error, FieldErrors, Result},
        form::Posted,
        ids::TokenId,
        tenant::{Read, Write},
    },
    ui,
};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Form {
    name: String,
}

#[derive(Template)]
#[template(path = "business/tokens.html")]
struct Page {
    head: ui::Head,
    tokens: Vec<Token>,
    /// Just made: shown this once.
    fresh: Option<String>,
    name: String,
    errors: FieldErrors,
}

async fn render(mut read: Read, fresh: Option<String>, name: String, errors: FieldErrors) -> Result<Page> {
    let who = read.who.clone();
    let tokens = data::tokens(read.db(), &who).await?;
    let head =
        read.head("settings").title("API tokens").sub("A program's way in, with the rights of its owner").back("/settings", "Settings");
    Ok(Page { head, tokens, fresh, name, errors })
}

/// `GET /settings/tokens`
pub async fn index(read: Read) -> Result<ui::Html> {
    ui::page(&render(read, None, String::new(), FieldErrors::default()).await?)
}

/// `POST /settings/tokens`: answers with the page itself, as the token is shown only here.
pub async fn create(State(app): State<App>, write: Write, form: Posted<Form>) -> Result<Response> {
    let name = form.value.name;
    match write.act(&form.meta, CreateToken { id: None, name: name.clone(), member_id: None }).await {
        Ok(made) => {
            let page = render(write.read().await?, Some(made.reveal(&app)), String::new(), FieldErrors::default()).await?;
            let mut response = ui::page(&page)?.into_response();
            response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            Ok(response)
        }
        Err(Error::Invalid(errors)) => Ok(ui::invalid(&render(write.read().await?, None, name, errors).await?)?.into_response()),
        Err(e) => Err(e),
    }
}

/// `POST /settings/tokens/{id}/revoke`
pub async fn revoke(write: Write, Path(id): Path<TokenId>, form: Posted<Nothing>) -> Result<Response> {
    write.act(&form.meta, RevokeToken { id }).await?;
    Ok(ui::redirect("/settings/tokens", "The token is revoked."))
}
