//! Receives Stripe's events: verifies the signature over the raw body, stores the event unchanged and answers at once; a job processes it.

use axum::{
    body::{Bytes, to_bytes},
    extract::{Path, Request, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::Value;
use uuid::Uuid;

use super::{
    NAME, Stripe,
    events::{WebhookError, verify},
};
use crate::payments::{
    account,
    inbox::{self, Received},
};
use office::connections;
use platform::{
    app::App,
    error::{Error, Result},
    ids::OrgId,
    secrets::Secret,
    tenant::Read,
};

/// Maximum body size in bytes, larger than any of Stripe's events.
pub const MAX_EVENT: usize = 1024 * 1024;

/// The same answer for an unknown URL, a missing secret and a wrong signature, so that it reveals nothing.
fn refused() -> Response {
    (StatusCode::BAD_REQUEST, "the signature does not fit").into_response()
}

/// `POST /api/webhooks/stripe/{id}`: a business's own connection, with its own secret.
pub async fn of_connection(State(app): State<App>, Path(id): Path<Uuid>, request: Request) -> Result<Response> {
    let Some(org) = connections::org_of(&app, id).await? else { return Ok(refused()) };
    let mut read = match Read::of_org(&app, org).await {
        Err(Error::Unauthorized) => return Ok(refused()),
        read => read?,
    };
    let keys = connections::keys(read.db(), &app, org).await?;
    drop(read);
    let own = keys.into_iter().find(|k| k.connection.0 == id && k.provider == NAME);
    let Some(secret) = own.and_then(|k| k.webhook_secret) else { return Ok(refused()) };
    let Some((body, json)) = signed(&app, request, secret).await? else { return Ok(refused()) };
    keep(&app, org, Some(id), &body, json).await
}

/// `POST /api/webhooks/stripe`: the instance-wide account.
pub async fn of_instance(State(app): State<App>, request: Request) -> Result<Response> {
    let Some(secret) = app.stripe_webhook_secret.clone() else { return Ok(refused()) };
    let Some((body, json)) = signed(&app, request, secret).await? else { return Ok(refused()) };
    match account::only_business(&app).await? {
        Some(org) => keep(&app, org, None, &body, json).await,
        // Stripe retries for days; the business may exist by then.
        None => Err(Error::Unavailable("This instance has no business of its own, or several.".into())),
    }
}

/// Reads the body and verifies its signature; a request without a signature is refused unread. Returns `None` if the signature is not valid,
/// the body without JSON if it is valid but the body is not JSON.
async fn signed(app: &App, request: Request, secret: Secret) -> Result<Option<(Bytes, Option<Value>)>> {
    let (parts, body) = request.into_parts();
    let Some(signature) = signature(&parts.headers) else { return Ok(None) };
    let body = to_bytes(body, MAX_EVENT).await.map_err(|_| Error::TooLarge)?;
    match verify(&body, signature, &[secret], app.clock.now()) {
        Ok(json) => Ok(Some((body, Some(json)))),
        Err(WebhookError::NotJson) => Ok(Some((body, None))),
        Err(error) => {
            tracing::warn!(%error, "a webhook was refused");
            metrics::counter!("rounds_webhooks_refused_total").increment(1);
            Ok(None)
        }
    }
}

fn signature(headers: &HeaderMap) -> Option<&str> {
    headers.get("stripe-signature")?.to_str().ok()
}

async fn keep(app: &App, org: OrgId, connection: Option<Uuid>, body: &Bytes, json: Option<Value>) -> Result<Response> {
    let named = |key: &str| json.as_ref().and_then(|j| j[key].as_str()).unwrap_or_default().to_owned();
    let received = Received { connection, id: named("id"), kind: named("type"), body: String::from_utf8_lossy(body).into_owned() };
    inbox::keep(app, org, &Stripe, received).await?;
    Ok(StatusCode::OK.into_response())
}
