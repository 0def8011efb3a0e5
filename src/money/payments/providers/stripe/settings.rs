//! Settings page of the business's own Stripe account.

use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;

use super::{NAME, actions::SetStripe};
use crate::payments::{actions::DisconnectProvider, jobs};
use office::{
    connections::{self, Connection},
    identity::web::Nothing,
};
use platform::{
    app::App,
    error::{Error, FieldErrors, Result},
    form::Posted,
    tenant::{Read, Write},
};

/// The keys as typed; never rendered back, not even when they are refused.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Form {
    secret_key: String,
    webhook_secret: String,
}

#[derive(Template)]
#[template(path = "payments/stripe.html")]
struct Page {
    head: ui::Head,
    connection: Option<Connection>,
    webhook_url: Option<String>,
    errors: FieldErrors,
}

impl Page {
    fn pill(status: &str) -> ui::Pill {
        match status {
            "connected" => ui::pill("Connected", ui::Tone::Good),
            "failing" => ui::pill("Not working", ui::Tone::Bad),
            "disconnected" => ui::pill("Disconnected", ui::Tone::Idle),
            _ => ui::pill("Not tested yet", ui::Tone::Wait),
        }
    }
}

async fn render(app: &App, mut read: Read, errors: FieldErrors) -> Result<Page> {
    let connection = connections::all(read.db()).await?.into_iter().find(|c| c.provider == NAME);
    let webhook_url = connection.as_ref().map(|c| app.url(&format!("/api/webhooks/stripe/{}", c.id)));
    let head = ui::Head::of(&read, "settings").title("Stripe").sub("Be paid online, into your own account").back("/settings", "Settings");
    Ok(Page { head, connection, webhook_url, errors })
}

/// `GET /settings/stripe`
pub async fn show(State(app): State<App>, read: Read) -> Result<ui::Html> {
    ui::page(&render(&app, read, FieldErrors::default()).await?)
}

/// `POST /settings/stripe`
pub async fn save(State(app): State<App>, write: Write, form: Posted<Form>) -> Result<Response> {
    let Form { secret_key, webhook_secret } = form.value;
    match write.act(&form.meta, SetStripe { secret_key, webhook_secret }).await {
        Ok(_) => test(write).await,
        Err(Error::Invalid(errors)) => Ok(ui::invalid(&render(&app, write.read().await?, errors).await?)?.into_response()),
        Err(e) => Err(e),
    }
}

/// `POST /settings/stripe/check`: checks the key during the request.
pub async fn check(write: Write, _: Posted<Nothing>) -> Result<Response> {
    test(write).await
}

async fn test(write: Write) -> Result<Response> {
    let words = match jobs::check(&write, NAME).await? {
        None => return Err(Error::NotFound),
        Some(Ok(account)) => format!("Stripe knows you as {account}."),
        // The page shows the connection's error.
        Some(Err(_)) => String::new(),
    };
    Ok(ui::redirect("/settings/stripe", &words))
}

/// `POST /settings/stripe/disconnect`
pub async fn disconnect(write: Write, form: Posted<Nothing>) -> Result<Response> {
    write.act(&form.meta, DisconnectProvider { provider: NAME.to_owned() }).await?;
    Ok(ui::redirect("/settings/stripe", "Disconnected. The keys are forgotten."))
}
