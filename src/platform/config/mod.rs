//! Settings. `config/rounds.toml`, which is built in, lists every setting with its default; a file and `ROUNDS_…` variables override it.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use figment::Figment;
use figment::providers::{Format, Toml};
use serde::{Deserialize, Deserializer};

use super::app::SignUp;
use super::secrets::Secret;

pub mod keys;
mod variables;
use variables::Variables;

/// The text of `config/rounds.toml`, which holds the defaults.
pub const DEFAULTS: &str = include_str!("../../../config/rounds.toml");

fn sign_up<'de, D: Deserializer<'de>>(from: D) -> Result<SignUp, D::Error> {
    match String::deserialize(from)?.as_str() {
        "open" => Ok(SignUp::Open),
        "first_only" => Ok(SignUp::FirstOnly),
        "closed" => Ok(SignUp::Closed),
        other => Err(serde::de::Error::custom(format!("“{other}” is none of open, first_only, closed"))),
    }
}

/// Reads a secret setting; an empty text is `None`.
fn optional<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Secret>, D::Error> {
    String::deserialize(from).map(|text| set(&text).map(Secret::from))
}

/// A setting that can't be used; the message names it, says why and what to do.
#[derive(Debug)]
pub struct ConfigError(String);

impl ConfigError {
    fn of(setting: &str, problem: impl fmt::Display) -> Self {
        Self(format!("setting `{setting}`: {problem}"))
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConfigError {}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    Auto,
    Json,
    Pretty,
}

/// Every setting; `config/rounds.toml` explains each.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub listen: SocketAddr,
    /// Without a trailing slash; if not set, `http://` and `listen`.
    pub public_url: String,
    pub data_dir: PathBuf,
    #[serde(deserialize_with = "optional")]
    pub database_url: Option<Secret>,
    #[serde(deserialize_with = "optional")]
    pub admin_database_url: Option<Secret>,
    pub postgres_bin: String,
    pub pool_size: u32,
    #[serde(deserialize_with = "sign_up")]
    pub sign_up: SignUp,
    pub trusted_proxy: bool,
    pub mail: Mail,
    pub llm: Llm,
    pub stripe: Stripe,
    pub metrics: Metrics,
    pub log: Log,
    pub secrets: Secrets,
    pub jobs: Jobs,
    /// Set by the `demo` command alone, never by a file or a variable: Stripe is simulated, mail is shown in the browser.
    #[serde(skip)]
    pub demo: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    /// May contain a password.
    #[serde(deserialize_with = "optional")]
    pub smtp_url: Option<Secret>,
    pub from: String,
    /// Path of a PEM file, or empty.
    pub ca_file: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Llm {
    pub base_url: String,
    #[serde(deserialize_with = "optional")]
    pub api_key: Option<Secret>,
    pub model: String,
    /// In seconds.
    pub timeout: u64,
}

impl Llm {
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stripe {
    #[serde(deserialize_with = "optional")]
    pub secret_key: Option<Secret>,
    #[serde(deserialize_with = "optional")]
    pub webhook_secret: Option<Secret>,
    pub base_url: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// Empty or an address; see [`Config::metrics_listen`].
    pub listen: String,
    #[serde(deserialize_with = "optional")]
    pub token: Option<Secret>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    pub format: LogFormat,
    pub filter: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secrets {
    #[serde(deserialize_with = "optional")]
    pub keys: Option<Secret>,
    #[serde(deserialize_with = "optional")]
    pub server_key: Option<Secret>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jobs {
    pub concurrency: usize,
}

impl Config {
    /// Loads the defaults, then `file` (or `rounds.toml` in the data folder, if it exists), then `variables` (the last one wins).
    pub fn load(file: Option<&Path>, variables: impl IntoIterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let variables = Variables::read(variables);
        let file = match file {
            Some(file) if !file.is_file() => {
                return Err(ConfigError(format!("--config {}: there is no such file", file.display())));
            }
            Some(file) => file.to_owned(),
            None => data_dir(variables.top("data_dir"))?.join("rounds.toml"),
        };
        let mut layers = Figment::from(Toml::string(DEFAULTS));
        if file.is_file() {
            layers = layers.merge(Toml::file_exact(&file));
        }
        let mut config: Self = layers.merge(&variables).extract_lossy().map_err(|error| explain(&error))?;
        config.data_dir = data_dir(config.data_dir.to_str())?;
        config.check()?;
        Ok(config)
    }

    /// Loads the settings with everything kept under `data_dir`, for tests and tools.
    pub fn in_folder(data_dir: &Path) -> Result<Self, ConfigError> {
        Self::load(None, [("ROUNDS_DATA_DIR".to_owned(), data_dir.display().to_string())])
    }

    /// Returns the internal address of `/metrics`, or `None` if the setting is empty.
    pub fn metrics_listen(&self) -> Result<Option<SocketAddr>, ConfigError> {
        set(&self.metrics.listen)
            .map(|text| {
                text.parse()
                    .map_err(|_| ConfigError::of("metrics.listen", format!("“{text}” is not an address and port like 127.0.0.1:9090")))
            })
            .transpose()
    }

    fn check(&mut self) -> Result<(), ConfigError> {
        if set(&self.public_url).is_none() {
            self.public_url = format!("http://{}", self.listen);
        }
        self.public_url.truncate(self.public_url.trim_end_matches('/').len());
        for (name, url) in
            [("public_url", &self.public_url), ("stripe.base_url", &self.stripe.base_url), ("llm.base_url", &self.llm.base_url)]
        {
            if !url.is_empty() && !url.starts_with("https://") && !url.starts_with("http://") {
                return Err(ConfigError::of(name, format!("“{url}” must begin with https:// or http://")));
            }
        }
        for (name, url) in [("database_url (DATABASE_URL)", &self.database_url), ("admin_database_url", &self.admin_database_url)] {
            if matches(url.as_ref(), &["postgres://", "postgresql://"]) == Some(false) {
                return Err(ConfigError::of(name, "must look like postgres://user:password@host/database"));
            }
        }
        if matches(self.mail.smtp_url.as_ref(), &["smtp://", "smtps://"]) == Some(false) {
            return Err(ConfigError::of("mail.smtp_url", "must begin with smtp:// or smtps://"));
        }
        if self.pool_size < 2 {
            return Err(ConfigError::of("pool_size", "must be at least 2: requests and jobs share it"));
        }
        if self.jobs.concurrency == 0 {
            return Err(ConfigError::of("jobs.concurrency", "must be at least 1; to serve without jobs use `rounds serve --no-jobs`"));
        }
        if self.llm.timeout == 0 {
            return Err(ConfigError::of("llm.timeout", "must be at least 1 second"));
        }
        self.metrics_listen().map(drop)
    }
}

/// Whether the secret begins with one of `beginnings`; `None` if there is no secret.
fn matches(secret: Option<&Secret>, beginnings: &[&str]) -> Option<bool> {
    secret.map(|secret| beginnings.iter().any(|beginning| secret.expose().starts_with(beginning)))
}

/// Returns the trimmed text, or `None` if it is empty.
fn set(text: &str) -> Option<&str> {
    let text = text.trim();
    (!text.is_empty()).then_some(text)
}

/// Returns `given` as an absolute path or, if it is empty, this user's default data folder.
fn data_dir(given: Option<&str>) -> Result<PathBuf, ConfigError> {
    let chosen = match given.and_then(set) {
        Some(given) => PathBuf::from(given),
        None if nix::unistd::geteuid().is_root() => PathBuf::from("/var/lib/rounds"),
        None => {
            let home = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
            home("XDG_DATA_HOME")
                .or_else(|| home("HOME").map(|home| home.join(".local/share")))
                .ok_or_else(|| ConfigError::of("data_dir", "there is no home folder to put it in; set ROUNDS_DATA_DIR"))?
                .join("rounds")
        }
    };
    std::path::absolute(&chosen).map_err(|error| ConfigError::of("data_dir", format!("{}: {error}", chosen.display())))
}

fn explain(error: &figment::Error) -> ConfigError {
    let path = error.path.join(".");
    let source = error.metadata.as_ref().map(|found| match &found.source {
        Some(source) => format!(" (in {source})"),
        None => format!(" (in {})", found.name),
    });
    let setting = if path.is_empty() { "settings".to_owned() } else { format!("setting `{path}`") };
    ConfigError(format!(
        "{setting}{}: {}. config/rounds.toml lists every setting with its meaning.",
        source.unwrap_or_default(),
        error.kind
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let base = [("ROUNDS_DATA_DIR", "/nowhere/rounds")];
        Config::load(None, base.iter().chain(variables).map(|(k, v)| ((*k).to_owned(), (*v).to_owned())))
    }

    #[test]
    fn variables_override_the_defaults_and_secrets_stay_hidden() {
        let config = with(&[
            ("ROUNDS_LISTEN", "0.0.0.0:9000"),
            ("ROUNDS_MAIL__SMTP_URL", "smtp://me:hunter2@mail.example.com"),
            ("ROUNDS_LLM__API_KEY", "12345"),
            ("ROUNDS_TRUSTED_PROXY", "true"),
            ("DATABASE_URL", "postgres://rounds_app:hunter2@db/rounds"),
        ])
        .unwrap();
        assert_eq!(config.public_url, "http://0.0.0.0:9000");
        assert_eq!(config.llm.api_key, Some(Secret::from("12345")), "a key of digits stays a text");
        assert!(config.trusted_proxy);
        assert_eq!(config.sign_up, SignUp::FirstOnly);
        assert!(!format!("{config:?}").contains("hunter2"));
    }

    #[test]
    fn a_bad_value_names_its_setting() {
        for (name, value, setting) in [
            ("ROUNDS_LISTEN", "8080", "listen"),
            ("ROUNDS_POOL_SIZE", "many", "pool_size"),
            ("ROUNDS_SIGN_UP", "maybe", "sign_up"),
            ("ROUNDS_MAIL__SMTP", "smtp://host", "mail.smtp"),
            ("ROUNDS_DEMO", "true", "demo"),
            ("DATABASE_URL", "mysql://host/db", "database_url"),
            ("ROUNDS_METRICS__LISTEN", "yes", "metrics.listen"),
        ] {
            let message = with(&[(name, value)]).expect_err(name).to_string();
            assert!(message.contains(setting), "{name}: {message}");
        }
    }
}
