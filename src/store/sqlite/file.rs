//! The file before SQLite sees it: its directory, the lock that keeps a second
//! process out, and whether it is ours at all.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::error::{NOT_A_DATABASE, unusable};
use super::schema::APPLICATION_ID;
use crate::store::StoreError;

/// A store's file, held against every other open for as long as this lives.
pub(super) struct Held {
    /// Absolute, so that a change of directory changes nothing.
    pub path: PathBuf,
    /// Unlocks when it closes. The lock file itself stays: removing it would
    /// let two processes lock two files of one name.
    _lock: File,
}

/// Makes the parent directory and the file where they are missing, readable
/// for the owner only since settings hold passwords, and takes the lock.
///
/// # Errors
/// [`StoreError::InUse`] while another open has it, [`StoreError::Unusable`]
/// when the file is something else (it is not touched then),
/// [`StoreError::ReadOnly`] and [`StoreError::Unavailable`] as the system said.
pub(super) fn hold(path: &Path) -> Result<Held, StoreError> {
    let Some(name) = path.file_name() else {
        return Err(unusable(&path.display().to_string(), "not the path of a file"));
    };
    let parent = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    make_directory(parent).map_err(|e| said(parent, "cannot make the directory", &e))?;
    let parent = parent.canonicalize().map_err(|e| said(parent, "cannot be reached", &e))?;
    let path = parent.join(name);
    match private().create_new(true).open(&path) {
        Err(e) if e.kind() != ErrorKind::AlreadyExists => {
            return Err(said(&path, "cannot be made", &e));
        }
        _ => {}
    }
    // Followed to the end, so that a link and its file have one lock.
    let path = path.canonicalize().map_err(|e| said(&path, "cannot be reached", &e))?;
    if path.is_dir() {
        return Err(unusable(&path.display().to_string(), "a directory, not a file"));
    }
    let lock = take_lock(&path)?;
    refuse_foreign(&path)?;
    Ok(Held { path, _lock: lock })
}

fn take_lock(path: &Path) -> Result<File, StoreError> {
    let mut lock_path = path.as_os_str().to_owned();
    lock_path.push(".lock");
    let lock_path = PathBuf::from(lock_path);
    let cannot = |e: &std::io::Error| said(&lock_path, "cannot be locked", e);
    let mut lock =
        private().create(true).truncate(false).open(&lock_path).map_err(|e| cannot(&e))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            // Only for the message: without the number it is still right.
            let _ = lock.take(20).read_to_string(&mut pid);
            let by = pid.trim().parse::<u32>().map_or(String::new(), |pid| format!(" (pid {pid})"));
            return Err(StoreError::InUse { what: path.display().to_string(), by });
        }
        Err(TryLockError::Error(e)) => return Err(cannot(&e)),
    }
    let mut note = || {
        lock.set_len(0)?;
        lock.rewind()?;
        writeln!(lock, "{}", std::process::id())
    };
    note().map_err(|e| cannot(&e))?;
    Ok(lock)
}

/// Looks at the header itself: SQLite, once it has opened a database, may
/// write to it when closing. Only under the lock: closing the file drops what
/// locks another connection of this process has on it.
fn refuse_foreign(path: &Path) -> Result<(), StoreError> {
    let mut file = private().open(path).map_err(|e| said(path, "cannot be opened", &e))?;
    let mut header = Vec::with_capacity(100);
    (&mut file).take(100).read_to_end(&mut header).map_err(|e| said(path, "cannot be read", &e))?;
    let mut journal = path.as_os_str().to_owned();
    journal.push("-journal");
    // A journal means that the making of this file was interrupted: SQLite
    // knows how to take it back, the header may be anything until then.
    if header.is_empty() || Path::new(&journal).exists() {
        return Ok(());
    }
    // https://www.sqlite.org/fileformat.html, section 1.3: the magic string
    // at 0, the application id at 68.
    let what = path.display().to_string();
    if header.len() < 100 || !header.starts_with(b"SQLite format 3\0") {
        return Err(unusable(&what, NOT_A_DATABASE));
    }
    if header[68..72] != APPLICATION_ID.to_be_bytes() {
        return Err(unusable(&what, "a database of another program; name another file"));
    }
    Ok(())
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn make_directory(path: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

fn said(path: &Path, attempt: &str, error: &std::io::Error) -> StoreError {
    let what = path.display().to_string();
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StoreError::Full { what },
        ErrorKind::ReadOnlyFilesystem => StoreError::ReadOnly { what },
        _ => StoreError::Unavailable { what, why: format!("{attempt}: {error}") },
    }
}
