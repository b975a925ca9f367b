//! The folder of an import: made, owned and locked here. Nobody but its owner may read it.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a lock is asked for that another process has: whoever only looks gives it back at once.
const LOOK: Duration = Duration::from_millis(5);
const LOOKS: u32 = 10;

/// A folder that no other process runs an import in, as long as this lives. The kernel holds the lock, so a dead
/// process leaves none behind.
#[derive(Debug)]
pub struct StateDir {
    path: PathBuf,
    _lock: File,
}

/// Why the folder can't be used.
#[derive(Debug)]
pub enum StateError {
    /// Another process holds it.
    Held,
    /// It can't be made or written.
    Io(io::Error),
}

impl StateDir {
    /// Makes the folder (mode 0700) if it is not there, and takes its lock without waiting.
    pub fn take(path: &Path) -> Result<Self, StateError> {
        make(path).and_then(|()| check(path)).and_then(|()| close_to_others(path)).map_err(StateError::Io)?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(path.join("ledger.lock"))
            .map_err(StateError::Io)?;
        for patience in 0.. {
            match lock.try_lock() {
                Ok(()) => break,
                // Someone may only be looking whether it is held: that takes no time.
                Err(TryLockError::WouldBlock) if patience < LOOKS => std::thread::sleep(LOOK),
                Err(TryLockError::WouldBlock) => return Err(StateError::Held),
                Err(TryLockError::Error(error)) => return Err(StateError::Io(error)),
            }
        }
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// Whether a process runs an import here. Nothing is made; a folder without a lock file is not held.
    pub fn is_held(path: &Path) -> io::Result<bool> {
        let lock = match File::open(path.join("ledger.lock")) {
            Ok(lock) => lock,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        match lock.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Whether nothing was planted in the folder: of one that fails, nothing is read for a run that sends.
    pub fn is_clean(path: &Path) -> bool {
        check(path).is_ok()
    }

    /// Keeps runs away for as long as the file lives; others may look too. Nothing is made: a folder without a lock
    /// file (a copy) is looked at without one.
    pub fn look(path: &Path) -> Result<Option<File>, StateError> {
        let lock = match File::open(path.join("ledger.lock")) {
            Ok(lock) => lock,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StateError::Io(error)),
        };
        match lock.try_lock_shared() {
            Ok(()) => Ok(Some(lock)),
            Err(TryLockError::WouldBlock) => Err(StateError::Held),
            Err(TryLockError::Error(error)) => Err(StateError::Io(error)),
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the ledger's file with mode 0600 before `SQLite` would make it with another, and syncs the folder:
    /// a file whose name is lost in a power cut is a lost file.
    pub fn ledger_file(&self) -> io::Result<PathBuf> {
        let path = self.path.join("ledger.db");
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        match made {
            Ok(file) => drop(file),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                check_emptied(&self.path, &path)?;
                // A copied or unpacked folder may have come with another mode.
                let _ = std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600));
            }
            Err(error) => return Err(error),
        }
        File::open(&self.path)?.sync_all()?;
        // An earlier run may have died between making the folder and syncing its name.
        sync_above(&self.path)?;
        Ok(path)
    }
}

/// A run writes `status.json` only when its ledger has begun. An empty one beside it has lost what it knew, and a run that
/// took it for a new one would send every row again.
fn check_emptied(folder: &Path, ledger: &Path) -> io::Result<()> {
    let is_empty = |path: &Path| path.metadata().map_or(true, |data| data.len() == 0);
    if folder.join("status.json").exists() && is_empty(ledger) && is_empty(&folder.join("ledger.db-wal")) {
        let why = "`ledger.db` is empty, though `status.json` beside it tells of an import: bring it back from a \
                   copy, or remove it to begin anew";
        return Err(io::Error::other(why));
    }
    Ok(())
}

/// Makes the folder and those above it (mode 0700), and syncs the names of those that are new: a ledger whose folder
/// is lost in a power cut is a lost ledger.
fn make(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(above) = above(path) {
        make(above)?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        // Something else is there: "file exists" would say that all is well.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && !path.is_dir() => {
            Err(io::Error::other(format!("`{}` is not a folder", path.display())))
        }
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => sync_above(path),
    }
}

/// Others could put anything in the way of a run: a link to a file that would be written over, a pipe that would be
/// waited for, a second name that would be written through.
fn check(folder: &Path) -> io::Result<()> {
    let mode = folder.metadata()?.permissions().mode() & 0o777;
    if mode & 0o002 != 0 {
        return Err(io::Error::other(format!("anyone may write in it (its mode is {mode:o})")));
    }
    for name in ["ledger.lock", "ledger.db", "ledger.db-wal", "ledger.db-journal"] {
        let what = match folder.join(name).symlink_metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
            Ok(data) if data.is_symlink() => "a link",
            Ok(data) if !data.is_file() => "not a plain file",
            Ok(data) if data.nlink() > 1 => "a file that has another name too (a hard link)",
            Ok(_) => continue,
        };
        return Err(io::Error::other(format!("`{name}` in it is {what}")));
    }
    Ok(())
}

/// The states in a folder that have a ledger, ascending by the numbers that they are called by.
pub fn numbered(folder: &Path) -> Vec<(u64, PathBuf)> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let number = |path: PathBuf| Some((path.file_name()?.to_str()?.parse::<u64>().ok()?, path));
    let mut found: Vec<(u64, PathBuf)> = entries
        .filter_map(|entry| number(entry.path()))
        .filter(|(_, path)| path.join("ledger.db").is_file())
        .collect();
    found.sort_unstable();
    found
}

/// A folder that was copied or made by hand may have come with another mode. Only a folder that holds nothing else is
/// ours to change: `--state .` is no reason to shut a home from its guests; the files in it are closed all the same.
fn close_to_others(folder: &Path) -> io::Result<()> {
    const OURS: [&str; 9] = [
        "ledger.",
        "dead-letters",
        "status.json",
        ".status.json",
        "sandbox.db",
        "stdin",
        "deletes",
        "missing.ndjson",
        "rows.ndjson",
    ];
    let mode = folder.metadata()?.permissions().mode() & 0o777;
    if mode & 0o700 == mode {
        return Ok(());
    }
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        let name = name.to_string_lossy();
        let is_of_replays = name == "replays" || name.bytes().all(|byte| byte.is_ascii_digit());
        if !is_of_replays && !OURS.iter().any(|ours| name.starts_with(ours)) {
            return Ok(());
        }
    }
    // Somebody else's folder stays as its owner wants it.
    let _ = std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700));
    Ok(())
}

fn above(path: &Path) -> Option<&Path> {
    path.parent().map(|above| if above.as_os_str().is_empty() { Path::new(".") } else { above })
}

fn sync_above(path: &Path) -> io::Result<()> {
    match above(path).map(File::open) {
        Some(Ok(above)) => above.sync_all(),
        // A folder may be written in and not read; then there is no way to sync it.
        Some(Err(error)) if error.kind() != io::ErrorKind::PermissionDenied => Err(error),
        _ => Ok(()),
    }
}
