//! The application as the settings describe it.

use std::os::unix::fs::DirBuilderExt as _;
use std::time::Duration;

use rounds::platform::app::{App, Setup};
use rounds::platform::clock::Clock;
use rounds::platform::config::Config;
use rounds::platform::llm::{Llm, LlmSettings};
use rounds::platform::mail::{Mailbox, Mailer, Smtp};
use rounds::platform::stripe::{Patience, StripeApi};
use sqlx::PgPool;

use super::{Exit, Failure, Result};

/// For serving, and for commands that act through the application.
pub fn build(config: &Config, pool: PgPool) -> Result<App> {
    let keys = config.keys()?;
    Ok(App::new(Setup {
        pool,
        clock: Clock::Real,
        public_url: config.public_url.clone(),
        keyring: keys.ring,
        server_key: keys.server.expose().clone(),
        is_demo: config.demo,
        trust_proxy: config.trusted_proxy,
        sign_up: config.sign_up,
        mailer: mailer(config)?,
        mail_from: Mailbox::parse(&config.mail.from),
        stripe: StripeApi::new(&config.stripe.base_url, Patience::default())
            .map_err(|error| Failure::new(Exit::Configuration, error.message))?,
        llm: llm(config)?,
        job_concurrency: config.jobs.concurrency,
    }))
}

/// The language model of the settings, if one is set up.
fn llm(config: &Config) -> Result<Option<Llm>> {
    if config.llm.base_url.is_empty() {
        return Ok(None);
    }
    let settings = LlmSettings::new(&config.llm.base_url, config.llm.api_key.clone(), &config.llm.model, config.llm.timeout());
    Llm::new(settings).map(Some).map_err(|error| Failure::new(Exit::Configuration, format!("llm: {error}")))
}

/// The mail server of the settings, else a folder whose mails the demo shows.
fn mailer(config: &Config) -> Result<Mailer> {
    let Some(url) = &config.mail.smtp_url else {
        let folder = config.data_dir.join("mail");
        // Mails are personal data: for this user's eyes alone.
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .map_err(|error| Failure::new(Exit::Configuration, format!("{}: {error}", folder.display())))?;
        return Ok(Mailer::Folder(folder));
    };
    let host = config.public_url.split("://").last().unwrap_or_default().split([':', '/']).next().unwrap_or_default();
    Smtp::from_url(url.expose(), host, Duration::from_secs(30))
        .map(Mailer::Smtp)
        .map_err(|message| Failure::new(Exit::Configuration, message))
}
