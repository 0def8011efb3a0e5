//! Sign-in without mail as one of the demo's three members; answers 404 outside the demo.

use axum::{
    extract::State,
    http::{header, request::Parts},
    response::Response,
};

use super::{FIRST, OWNER, SECOND};
use office::{
    business,
    identity::{self, actions::Proof},
};
use platform::{
    app::App,
    error::{Error, Result},
    tenant::origin,
};

/// `POST /demo/sign-in`
pub async fn sign_in(State(app): State<App>, parts: Parts, form: ui::Form) -> Result<Response> {
    let email = match form.get("as") {
        "owner" => OWNER.1,
        "tech1" => FIRST.1,
        "tech2" => SECOND.1,
        _ => return Err(Error::NotFound),
    };
    if !app.is_demo {
        return Err(Error::NotFound);
    }
    let link = identity::actions::sign_in_link(&app, email).await?;
    let token = link.rsplit('/').next().unwrap_or_default();
    let agent = parts.headers.get(header::USER_AGENT).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let entered = business::actions::enter(&app, Proof::Link(token), &origin(&parts, &app), agent).await?.ok_or(Error::NotFound)?;
    Ok(identity::web::signed_in(&app, &entered.token, "/", ""))
}
