//! Builds the application from the settings.

use std::os::unix::fs::DirBuilderExt as _;
use std::time::Duration;

use platform::app::{App, Setup};
use platform::clock::Clock;
use platform::config::Config;
use platform::llm::{Llm, LlmSettings};
use platform::mail::{Mailbox, Mailer, Smtp};
use platform::stripe::{Patience, StripeApi};
use sqlx::PgPool;

use crate::{menu::MENU, reactions::REACTIONS, registry::REGISTRY, schema::SCHEMA};

use super::{Exit, Failure, Result};

/// Builds the application for `serve` and for commands that run actions.
pub fn build(config: &Config, pool: PgPool) -> Result<App> {
    let keys = config.keys()?;
    let wrong = |error| Failure::new(Exit::Configuration, format!("setting `stripe.base_url`: {error}"));
    Ok(App::new(Setup {
        pool,
        schema: SCHEMA,
        registry: &REGISTRY,
        menu: MENU,
        reactions: REACTIONS,
        clock: Clock::Real,
        public_url: config.public_url.clone(),
        keyring: keys.ring,
        server_key: keys.server.expose().clone(),
        is_demo: config.demo,
        trust_proxy: config.trusted_proxy,
        sign_up: config.sign_up,
        mailer: mailer(config)?,
        mail_from: Mailbox::parse(&config.mail.from),
        llm: llm(config)?,
        stripe: StripeApi::new(&config.stripe.base_url, Patience::default()).map_err(wrong)?,
        stripe_key: config.stripe.secret_key.clone(),
        stripe_webhook_secret: config.stripe.webhook_secret.clone(),
        job_concurrency: config.jobs.concurrency,
    }))
}

/// The language model from the settings, or `None` if none is configured.
fn llm(config: &Config) -> Result<Option<Llm>> {
    if config.llm.base_url.is_empty() {
        return Ok(None);
    }
    let settings = LlmSettings::new(&config.llm.base_url, config.llm.api_key.clone(), &config.llm.model, config.llm.timeout());
    Llm::new(settings).map(Some).map_err(|error| Failure::new(Exit::Configuration, format!("llm: {error}")))
}

/// The configured mail server. Without one, mails are written to the folder `mail` in the data folder.
fn mailer(config: &Config) -> Result<Mailer> {
    let Some(url) = &config.mail.smtp_url else {
        let folder = config.data_dir.join("mail");
        // Mails are personal data, so only this operating-system user may read them.
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .map_err(|error| Failure::new(Exit::Configuration, format!("{}: {error}", folder.display())))?;
        return Ok(Mailer::Folder(folder));
    };
    let host = config.public_url.split("://").last().unwrap_or_default().split([':', '/']).next().unwrap_or_default();
    let wrong = |message| Failure::new(Exit::Configuration, message);
    let smtp = Smtp::from_url(url.expose(), host, Duration::from_secs(30)).map_err(wrong)?;
    if config.mail.ca_file.is_empty() {
        return Ok(Mailer::Smtp(smtp));
    }
    let pem =
        std::fs::read(&config.mail.ca_file).map_err(|error| wrong(format!("setting `mail.ca_file`: {}: {error}", config.mail.ca_file)))?;
    smtp.trusting(&pem).map(Mailer::Smtp).map_err(wrong)
}
