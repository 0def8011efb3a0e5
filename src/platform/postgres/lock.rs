//! The lock that admits one process per data folder.

use std::fs::{File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;

use super::{Error, Result};

/// Locks the data folder until dropped; the kernel releases the lock when the process ends, even if it is killed.
#[derive(Debug)]
pub struct Lock {
    /// Kept open to keep the lock.
    _file: File,
}

impl Lock {
    /// Locks the folder.
    ///
    /// # Errors
    /// [`Error::Running`] with the other process's id if the folder is locked.
    pub fn take(data_dir: &Path) -> Result<Self> {
        let path = data_dir.join("rounds.lock");
        let fail = |error: std::io::Error| Error::Setup(format!("{}: {error}", path.display()));
        let mut file = File::options().read(true).write(true).create(true).truncate(false).open(&path).map_err(fail)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                file.read_to_string(&mut pid).map_err(fail)?;
                return Err(Error::Running { pid: pid.trim().parse().ok(), data_dir: data_dir.to_owned() });
            }
            Err(TryLockError::Error(error)) => return Err(fail(error)),
        }
        file.set_len(0).and_then(|()| file.rewind()).map_err(fail)?;
        file.write_all(std::process::id().to_string().as_bytes()).map_err(fail)?;
        Ok(Self { _file: file })
    }
}
