//! The cluster's folders and the user it runs as.

use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use nix::unistd::{Uid, User, geteuid};

use super::{Error, PORT, Result, Version};

/// The longest path of a Unix socket, in bytes.
const SOCKET_PATH_MAX: usize = 107;

/// The folders of one cluster, created for and owned by the user it runs as.
#[derive(Debug)]
pub struct Folder {
    /// Postgres's own data folder.
    pub data: PathBuf,
    pub log: PathBuf,
    root: PathBuf,
    pub run_as: RunAs,
}

/// The user Postgres runs as. Postgres refuses to run as root, so root starts it as another user.
#[derive(Clone, Debug)]
pub struct RunAs {
    /// The user and group id to change to; `None` to run as the current user.
    pub change_to: Option<(u32, u32)>,
    name: String,
}

impl Folder {
    /// Creates the folders under `data_dir` and ensures that Postgres's user can reach them.
    pub fn prepare(data_dir: &Path) -> Result<Self> {
        let root = data_dir.join("postgres");
        let data = root.join("data");
        let run_as = RunAs::choose(&data)?;
        make(data_dir, 0o711)?;
        make(&root, 0o700)?;
        if let Some((uid, gid)) = run_as.change_to {
            open_to(data_dir, uid)?;
            reachable(data_dir, uid, gid, &run_as.name)?;
            give(&root, uid, gid)?;
        }
        Ok(Self { data, log: root.join("postgres.log"), root, run_as })
    }

    /// Returns the version that created the cluster; `None` before the first start.
    pub fn version(&self) -> Result<Option<Version>> {
        let path = self.data.join("PG_VERSION");
        if !path.exists() {
            return Ok(None);
        }
        let text = std::fs::read_to_string(&path).map_err(|error| denied(&path, &error))?;
        text.trim()
            .parse()
            .map(|v| Some(Version(v)))
            .map_err(|_| Error::Failed(format!("{} holds “{text}”, which is no version", path.display())))
    }

    /// Creates and returns a folder for the socket that only Postgres's user may enter, with a path short enough for the kernel.
    pub fn socket_dir(&self) -> Result<PathBuf> {
        let beside = self.root.join("run");
        if fits(&beside) {
            make(&beside, 0o700)?;
            self.own(&beside)?;
            return Ok(beside);
        }
        let short = std::env::temp_dir().join(format!("rounds-{:016x}", fingerprint(&self.data)));
        let short = if fits(&short) { short } else { Path::new("/tmp").join(short.file_name().expect("made with a name above")) };
        make(&short, 0o700)?;
        // Another user may have put a folder or a symbolic link of that name into the shared /tmp.
        let found = std::fs::symlink_metadata(&short).map_err(|error| denied(&short, &error))?;
        let owner = self.run_as.change_to.map_or(geteuid().as_raw(), |(uid, _)| uid);
        if !found.is_dir() || (found.uid() != geteuid().as_raw() && found.uid() != owner) {
            return Err(Error::Setup(format!(
                "{} belongs to somebody else; remove it, or choose a shorter ROUNDS_DATA_DIR",
                short.display()
            )));
        }
        std::fs::set_permissions(&short, std::fs::Permissions::from_mode(0o700)).map_err(|error| denied(&short, &error))?;
        self.own(&short)?;
        Ok(short)
    }

    /// Gives a path to the user Postgres runs as.
    pub fn own(&self, path: &Path) -> Result<()> {
        self.run_as.change_to.map_or(Ok(()), |(uid, gid)| give(path, uid, gid))
    }
}

impl RunAs {
    /// Chooses the current user or, for root, the owner of an existing cluster, else `postgres`, else `nobody`.
    fn choose(data: &Path) -> Result<Self> {
        let me = geteuid();
        if !me.is_root() {
            return Ok(Self { change_to: None, name: me.to_string() });
        }
        let owner = std::fs::metadata(data).ok().filter(|found| found.uid() != 0);
        if let Some(owner) = owner {
            let name = User::from_uid(Uid::from_raw(owner.uid())).ok().flatten().map_or_else(|| owner.uid().to_string(), |user| user.name);
            return Ok(Self { change_to: Some((owner.uid(), owner.gid())), name });
        }
        let user = ["postgres", "nobody"].into_iter().find_map(|name| User::from_name(name).ok().flatten());
        let user = user.ok_or_else(|| {
            Error::Setup("Postgres refuses to run as root, and there is neither a user `postgres` nor `nobody` to run it as. Run Rounds as another user.".to_owned())
        })?;
        Ok(Self { change_to: Some((user.uid.as_raw(), user.gid.as_raw())), name: user.name })
    }
}

/// Creates the folder with `mode`; leaves an existing one unchanged.
fn make(path: &Path, mode: u32) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    std::fs::DirBuilder::new().recursive(true).mode(mode).create(path).map_err(|error| denied(path, &error))
}

fn give(path: &Path, uid: u32, gid: u32) -> Result<()> {
    std::os::unix::fs::chown(path, Some(uid), Some(gid)).map_err(|error| denied(path, &error))
}

/// Lets other users traverse, but not list, the data folder; private files in it have modes of their own.
fn open_to(data_dir: &Path, uid: u32) -> Result<()> {
    let found = std::fs::metadata(data_dir).map_err(|error| denied(data_dir, &error))?;
    let mode = found.mode() & 0o7777;
    if found.uid() == uid || mode & 0o001 != 0 {
        return Ok(());
    }
    std::fs::set_permissions(data_dir, std::fs::Permissions::from_mode(mode | 0o001)).map_err(|error| denied(data_dir, &error))
}

/// Errors if `path` or a folder above it does not let the user traverse it.
fn reachable(path: &Path, uid: u32, gid: u32, name: &str) -> Result<()> {
    let path = std::fs::canonicalize(path).map_err(|error| denied(path, &error))?;
    for folder in path.ancestors() {
        let found = std::fs::metadata(folder).map_err(|error| denied(folder, &error))?;
        let bit = if found.uid() == uid {
            0o100
        } else if found.gid() == gid {
            0o010
        } else {
            0o001
        };
        if found.mode() & bit == 0 {
            return Err(Error::Setup(format!(
                "As root, Rounds runs Postgres as the user {name}, who may not enter {}. Choose a data folder elsewhere (ROUNDS_DATA_DIR=/var/lib/rounds).",
                folder.display()
            )));
        }
    }
    Ok(())
}

fn fits(folder: &Path) -> bool {
    folder.as_os_str().as_bytes().len() + format!("/.s.PGSQL.{PORT}").len() <= SOCKET_PATH_MAX
}

/// The FNV-1a hash of a path, so that the same folder always gets the same short name.
fn fingerprint(path: &Path) -> u64 {
    path.as_os_str().as_bytes().iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

pub fn denied(path: &Path, error: &std::io::Error) -> Error {
    Error::Setup(format!("{}: {error}. Choose a data folder that can be written to with ROUNDS_DATA_DIR.", path.display()))
}
