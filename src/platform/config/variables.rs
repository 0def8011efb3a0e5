//! The layer of settings that comes from environment variables.

use figment::value::{Dict, Map, Value};
use figment::{Metadata, Profile, Provider};

/// Names, or beginnings of names, of `ROUNDS_…` variables that are not settings.
const NOT_SETTINGS: [&str; 2] = ["ROUNDS_CONFIG", "ROUNDS_TEST_"];

/// `ROUNDS_…` and `DATABASE_URL` as a layer of settings.
pub(super) struct Variables(Dict);

impl Variables {
    pub(super) fn read(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut settings = Dict::new();
        for (name, value) in variables {
            if name == "DATABASE_URL" {
                // ROUNDS_DATABASE_URL, the narrower name, wins over the one other programs share.
                settings.entry("database_url".to_owned()).or_insert_with(|| Value::from(value));
            } else if let Some(setting) = name.strip_prefix("ROUNDS_") {
                if NOT_SETTINGS.iter().any(|other| name.starts_with(other)) {
                    continue;
                }
                match setting.to_lowercase().split_once("__") {
                    Some((section, key)) => {
                        if let Value::Dict(_, section) = settings.entry(section.to_owned()).or_insert_with(|| Value::from(Dict::new())) {
                            section.insert(key.to_owned(), Value::from(value));
                        }
                    }
                    None => {
                        settings.insert(setting.to_lowercase(), Value::from(value));
                    }
                }
            }
        }
        Self(settings)
    }

    pub(super) fn top(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(Value::as_str)
    }
}

impl Provider for &Variables {
    fn metadata(&self) -> Metadata {
        Metadata::named("the environment, ROUNDS_… variables")
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Map::from([(Profile::Default, self.0.clone())]))
    }
}
