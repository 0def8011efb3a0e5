//! Settings page of the business's own Stripe account.

use askama::Template;
use axum::{extract::State, response::Response};

use super::{NAME, actions::SetStripe};
use crate::payments::{actions::DisconnectProvider, jobs};
use office::connections::{self, Connection};
use platform::{
    app::App,
    error::{Error, Result},
    tenant::{Read, Write},
};
use ui::Form;

#[derive(Template)]
#[template(path = "payments/stripe.html")]
struct Page {
    head: ui::Head,
    connection: Option<Connection>,
    webhook_url: Option<String>,
    /// The keys are never shown again, not even when they are refused.
    form: Form,
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

async fn render(app: &App, read: &mut Read, form: Form) -> Result<Page> {
    let connection = connections::all(read.db()).await?.into_iter().find(|c| c.provider == NAME);
    let webhook_url = connection.as_ref().map(|c| app.url(&format!("/api/webhooks/stripe/{}", c.id)));
    let head = ui::Head::of(read, "settings").title("Stripe").sub("Be paid online, into your own account").back("/settings", "Settings");
    Ok(Page { head, connection, webhook_url, form })
}

/// `GET /settings/stripe`
pub async fn show(State(app): State<App>, mut read: Read) -> Result<ui::Html> {
    ui::page(&render(&app, &mut read, Form::default()).await?)
}

/// `POST /settings/stripe`
pub async fn save(State(app): State<App>, write: Write, mut form: Form) -> Result<Response> {
    let keys = |name: &str| form.raw(name).to_owned();
    let action = SetStripe { secret_key: keys("secret_key"), webhook_secret: keys("webhook_secret") };
    match form.act(&write, Some(action)).await? {
        Some(_) => test(write).await,
        None => form.again(&write, async |r, form| render(&app, r, form).await).await,
    }
}

/// `POST /settings/stripe/check`: checks the key during the request.
pub async fn check(write: Write, _: Form) -> Result<Response> {
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
pub async fn disconnect(write: Write, form: Form) -> Result<Response> {
    write.act(&form.meta, DisconnectProvider { provider: NAME.to_owned() }).await?;
    Ok(ui::redirect("/settings/stripe", "Disconnected. The keys are forgotten."))
}
