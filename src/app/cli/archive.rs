//! Shared by `backup` and `restore`: running Postgres programs, and the secrets file beside an archive.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use platform::secrets::Secret;
use tokio::process::Command;

use super::{Exit, Failure, Result, database::percent_decoded};

/// The path `<archive>.secrets`. Without its keys, provider credentials in the archive can't be decrypted, and public links break.
pub fn secrets_beside(archive: &Path) -> PathBuf {
    let mut name = archive.as_os_str().to_owned();
    name.push(".secrets");
    PathBuf::from(name)
}

/// A command that connects to `url`. The password is passed in the environment, since arguments show in process lists.
pub fn against(program: &Path, url: &Secret) -> Result<Command> {
    let mut address = reqwest::Url::parse(url.expose())
        .map_err(|error| Failure::new(Exit::Configuration, format!("the database's address can't be read: {error}")))?;
    let mut command = Command::new(program);
    if let Some(password) = address.password().map(percent_decoded) {
        command.env("PGPASSWORD", password);
        address.set_password(None).map_err(|()| Failure::new(Exit::Configuration, "the database's address has no host"))?;
    }
    command.arg("--dbname").arg(address.as_str()).stdin(Stdio::null());
    Ok(command)
}

/// Runs the command to its end. On failure, its standard error becomes the message; `what` names the program in it.
pub async fn finish(mut command: Command, what: &str) -> Result {
    let fail = |error: std::io::Error| Failure::new(Exit::Failed, format!("{what} can't be run: {error}"));
    // Not `output()`, which would replace a standard output set by the caller.
    let done = command.stderr(Stdio::piped()).spawn().map_err(fail)?.wait_with_output().await.map_err(fail)?;
    if done.status.success() {
        return Ok(());
    }
    Err(Failure::new(Exit::Failed, format!("{what} failed:\n{}", String::from_utf8_lossy(&done.stderr))))
}

/// Creates or truncates a file; a new one is readable by its owner only.
pub fn private_file(path: &Path) -> Result<std::fs::File> {
    let file = std::fs::File::options().write(true).create(true).truncate(true).mode(0o600).open(path);
    file.map_err(|error| Failure::file(path, error))
}

/// Writes a small private file atomically: to a partial file first, which is then renamed.
pub fn write_private(path: &Path, text: &str) -> Result {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let mut file = private_file(&partial)?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::rename(&partial, path))
        .map_err(|error| Failure::file(path, error))
}
