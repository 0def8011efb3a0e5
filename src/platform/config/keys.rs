//! The instance's own secrets: given by settings, or generated once and kept in the data folder, readable by its owner only.

use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::{Config, ConfigError};
use crate::secrets::{Keyring, Secret, random_token};

/// The names of the files in the data folder's `secrets`.
pub const FILES: [&str; 2] = ["keys", "server_key"];

/// The instance's keys. Never shown.
#[derive(Clone, Debug)]
pub struct Keys {
    pub ring: Keyring,
    /// HMAC key of public links and keyed hashes; at least 32 bytes.
    pub server: Secret<Vec<u8>>,
}

impl Config {
    /// The folder of the generated secrets.
    pub fn secrets_dir(&self) -> PathBuf {
        self.data_dir.join("secrets")
    }

    /// Returns the instance's secrets. Those that no setting gives are generated and written on the first call, for which the
    /// data folder must be writable.
    pub fn keys(&self) -> Result<Keys, ConfigError> {
        let dir = self.secrets_dir();
        let ring = match &self.secrets.keys {
            Some(given) => given.clone(),
            None => kept(&dir, "keys", || Keyring::generate().1)?,
        };
        let server = match &self.secrets.server_key {
            Some(given) => given.clone(),
            None => kept(&dir, "server_key", || Secret::new(random_token()))?,
        };
        let ring = Keyring::parse(ring.expose()).map_err(|error| ConfigError::of("secrets.keys", error))?;
        let server = server.expose().clone().into_bytes();
        if server.len() < 32 {
            let problem = "must have at least 32 characters (`openssl rand -base64 32` makes one)";
            return Err(ConfigError::of("secrets.server_key", problem));
        }
        Ok(Keys { ring, server: Secret::new(server) })
    }
}

/// Returns the file's text; generates the file first if it does not exist. Two processes that start at once get the same text:
/// the file appears whole, by a hard link that only one of them can create.
fn kept(dir: &Path, name: &str, make: impl FnOnce() -> Secret) -> Result<Secret, ConfigError> {
    let path = dir.join(name);
    let fail = |error: std::io::Error| {
        ConfigError::of(
            &format!("secrets.{name}"),
            format!("{}: {error}. Make the data folder writable, or give the secret by a variable.", path.display()),
        )
    };
    if !path.exists() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(fail)?;
        let fresh = dir.join(format!(".{name}.{}", std::process::id()));
        let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh).map_err(fail)?;
        file.write_all(make().expose().as_bytes()).and_then(|()| file.sync_all()).map_err(fail)?;
        let linked = std::fs::hard_link(&fresh, &path);
        std::fs::remove_file(&fresh).map_err(fail)?;
        if let Err(error) = linked
            && error.kind() != std::io::ErrorKind::AlreadyExists
        {
            return Err(fail(error));
        }
    }
    std::fs::read_to_string(&path).map(|text| Secret::from(text.trim())).map_err(fail)
}
