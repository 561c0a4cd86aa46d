//! The file before SQLite sees it: its directory, the locks that keep a second
//! process out, whether it is ours at all, and whether it is still there.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::error::{NOT_A_DATABASE, unusable};
use super::schema::APPLICATION_ID;
use crate::store::StoreError;

/// A store's file, held against every other open for as long as this lives.
pub(super) struct Held {
    /// Absolute, so that a change of directory changes nothing.
    pub path: PathBuf,
    /// Unlocks when it closes. The lock file itself stays: removing it would
    /// let two processes lock two files of one name.
    lock: File,
    /// Locked too, since it can have other names. To be closed after all connections: that
    /// drops the locks SQLite has on it.
    file: File,
    /// The write-ahead log, once there is one: it stays the same while a connection is open.
    log: OnceLock<fs::Metadata>,
}

/// The second line of the lock file, once the store is made: then its file is never made anew.
const MADE: &str = "store made";

/// Makes the parent directory and the file where they are missing, readable
/// for the owner only since settings hold passwords, and takes the lock. Files that were made
/// readable for others are so no longer.
///
/// # Errors
/// [`StoreError::InUse`] while another open has it, [`StoreError::Unusable`]
/// when the file is something else (it is not touched then) or was there before and is gone,
/// [`StoreError::ReadOnly`] and [`StoreError::Unavailable`] as the system said.
pub(super) fn hold(path: &Path) -> Result<Held, StoreError> {
    let Some(name) = path.file_name() else {
        return Err(unusable(&path.display().to_string(), "not the path of a file"));
    };
    let parent = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let is_missing = !parent.exists();
    make_directory(parent).map_err(|e| said(parent, "cannot make the directory", &e))?;
    if is_missing {
        tracing::warn!(folder = %parent.display(), "the folder of the store was missing and is made");
    }
    let parent = parent.canonicalize().map_err(|e| said(parent, "cannot be reached", &e))?;
    let path = parent.join(name);
    refuse_special(&path)?;
    refuse_special(&beside(&path, ".lock"))?;
    if path.symlink_metadata().is_err_and(|e| e.kind() == ErrorKind::NotFound)
        && is_marked(&fs::read_to_string(beside(&path, ".lock")).unwrap_or_default())
    {
        return Err(lost(&path));
    }
    match private().create_new(true).open(&path) {
        Err(e) if e.kind() != ErrorKind::AlreadyExists => {
            return Err(said(&path, "cannot be made", &e));
        }
        _ => {}
    }
    // Followed to the end, so that a link and its file have one lock.
    let path = path.canonicalize().map_err(|e| said(&path, "cannot be reached", &e))?;
    let lock_path = beside(&path, ".lock");
    refuse_special(&lock_path)?;
    let open = || private().open(&path).map_err(|e| said(&path, "cannot be opened", &e));
    if !lock_path.exists() {
        // Nothing is left beside another's file. Where a lock is, another store of this process
        // may have the file, whose locks would go when this closes.
        refuse_foreign(&path, &mut open()?)?;
    }
    let (lock, marked) = take_lock(&path)?;
    let mut file = open()?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let by = ", by another of its names".to_owned();
            return Err(StoreError::InUse { what: path.display().to_string(), by });
        }
        Err(TryLockError::Error(e)) => return Err(said(&path, "cannot be locked", &e)),
    }
    let is_empty = file.metadata().map_err(|e| said(&path, "cannot be read", &e))?.len() == 0;
    if marked && is_empty {
        return Err(lost(&path));
    }
    refuse_foreign(&path, &mut file)?;
    note(&lock, marked).map_err(|e| said(&lock_path, "cannot be written", &e))?;
    for suffix in ["", ".lock", "-wal", "-shm"] {
        keep_private(&beside(&path, suffix))?;
    }
    Ok(Held { path, lock, file, log: OnceLock::new() })
}

impl Held {
    /// Notes that there is a store now.
    ///
    /// # Errors
    /// What the system said.
    pub(super) fn mark_made(&self) -> Result<(), StoreError> {
        let noted = note(&self.lock, true);
        noted.map_err(|e| said(&beside(&self.path, ".lock"), "cannot be written", &e))
    }

    /// Notes which file the log is, which there is by now.
    ///
    /// # Errors
    /// What the system said.
    pub(super) fn watch_log(&self) -> Result<(), StoreError> {
        let path = beside(&self.path, "-wal");
        let log = fs::metadata(&path).map_err(|e| said(&path, "cannot be read", &e))?;
        self.log.get_or_init(|| log);
        Ok(())
    }

    /// Whether the file and its log are those that were opened, and the file not cut off. What is
    /// written to one that is gone would be lost without a word.
    ///
    /// # Errors
    /// [`StoreError::Unusable`].
    pub(super) fn check(&self) -> Result<(), StoreError> {
        let is_there = |here: &fs::Metadata, path: &Path| {
            fs::metadata(path).is_ok_and(|named| is_same(here, &named))
        };
        if !self.file.metadata().is_ok_and(|here| here.len() > 0 && is_there(&here, &self.path)) {
            return Err(self.gone("the file"));
        }
        match self.log.get() {
            Some(log) if !is_there(log, &beside(&self.path, "-wal")) => {
                Err(self.gone("the file's log (-wal)"))
            }
            _ => Ok(()),
        }
    }

    /// Does as [`Held::check`], and sees whether the file has all pages that its header counts. To
    /// be believed only while nothing is folded into the file, which begins with its header.
    ///
    /// # Errors
    /// [`StoreError::Unusable`].
    pub(super) fn check_pages(&self) -> Result<(), StoreError> {
        self.check()?;
        // https://www.sqlite.org/fileformat.html, section 1.3: the page size at 16, where 1 is
        // 65536, and the number of pages at 28.
        let mut header = [0; 32];
        let counted = self.file.read_exact_at(&mut header, 0).is_ok().then(|| {
            let size = match u16::from_be_bytes([header[16], header[17]]) {
                1 => 65_536,
                size => u64::from(size),
            };
            let pages = u32::from_be_bytes([header[28], header[29], header[30], header[31]]);
            size * u64::from(pages)
        });
        match (counted, self.file.metadata()) {
            (Some(counted), Ok(here)) if here.len() >= counted => Ok(()),
            _ => Err(self.gone("the file")),
        }
    }

    fn gone(&self, what: &str) -> StoreError {
        let why = format!(
            "{what} was removed, replaced or cut off while the gateway runs, and nothing is \
             written any more: stop it, put a backup in the file's place, and start again"
        );
        unusable(&self.path.display().to_string(), &why)
    }
}

fn is_same(one: &fs::Metadata, other: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

pub(super) fn lost(path: &Path) -> StoreError {
    let lock = beside(path, ".lock");
    let why = format!(
        "a store was here and its file is gone or empty: put a backup in its place or, to begin \
         a new store, remove {}",
        lock.display()
    );
    unusable(&path.display().to_string(), &why)
}

pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

pub(super) fn is_marked(lock: &str) -> bool {
    lock.lines().nth(1) == Some(MADE)
}

fn pid_in(lock: &str) -> Option<u32> {
    lock.lines().next().and_then(|line| line.trim().parse().ok())
}

/// Refuses what is there and no regular file, without opening it: a pipe would keep us for ever,
/// and the rights of a device are not ours to change.
pub(super) fn refuse_special(path: &Path) -> Result<(), StoreError> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => {
            Err(unusable(&path.display().to_string(), "a directory, not a file"))
        }
        Ok(metadata) if !metadata.is_file() => {
            Err(unusable(&path.display().to_string(), "a device or a pipe, not a file"))
        }
        _ => Ok(()),
    }
}

/// The lock, and whether there was a store already. Nothing is written to it yet.
fn take_lock(path: &Path) -> Result<(File, bool), StoreError> {
    let lock_path = beside(path, ".lock");
    let cannot = |e: &std::io::Error| said(&lock_path, "cannot be locked", e);
    let lock = private().create(true).truncate(false).open(&lock_path).map_err(|e| cannot(&e))?;
    let mut before = String::new();
    match lock.try_lock() {
        Ok(()) => {
            (&lock).take(64).read_to_string(&mut before).map_err(|e| cannot(&e))?;
        }
        Err(TryLockError::WouldBlock) => {
            // Only for the message: without the number it is still right.
            let _ = (&lock).take(64).read_to_string(&mut before);
            let by = pid_in(&before).map_or(String::new(), |pid| format!(" (pid {pid})"));
            return Err(StoreError::InUse { what: path.display().to_string(), by });
        }
        Err(TryLockError::Error(e)) => return Err(cannot(&e)),
    }
    if !before.is_empty() && pid_in(&before).is_none() {
        let why = "the file of another program, where the store's lock file must be: \
                   name another store, or move it";
        return Err(unusable(&lock_path.display().to_string(), why));
    }
    Ok((lock, is_marked(&before)))
}

/// Whose lock it is, and whether the store is made.
fn note(mut lock: &File, made: bool) -> std::io::Result<()> {
    let mut text = format!("{}\n", std::process::id());
    if made {
        text.push_str(MADE);
        text.push('\n');
    }
    lock.set_len(0)?;
    lock.rewind()?;
    lock.write_all(text.as_bytes())
}

/// Takes the rights of others away.
///
/// # Errors
/// [`StoreError::Unusable`] when they have some and it cannot be changed.
fn keep_private(path: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::PermissionsExt;
    let Ok(metadata) = fs::metadata(path) else { return Ok(()) };
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let what = path.display().to_string();
    fs::set_permissions(path, fs::Permissions::from_mode(mode & !0o077)).map_err(|e| {
        let why = format!("others may read the passwords in it (mode {mode:o}): {e}; chmod 600");
        unusable(&what, &why)
    })?;
    tracing::warn!(
        file = what,
        mode = format!("{mode:o}"),
        "others could read it; now only its owner can"
    );
    Ok(())
}

/// Looks at the header itself: SQLite, once it has opened a database, may
/// write to it when closing.
pub(super) fn refuse_foreign(path: &Path, file: &mut File) -> Result<(), StoreError> {
    let mut header = Vec::with_capacity(100);
    file.take(100).read_to_end(&mut header).map_err(|e| said(path, "cannot be read", &e))?;
    // A journal means that the making of this file was interrupted: SQLite
    // knows how to take it back, the header may be anything until then.
    if header.is_empty() || beside(path, "-journal").exists() {
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
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn make_directory(path: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

pub(super) fn said(path: &Path, attempt: &str, error: &std::io::Error) -> StoreError {
    let what = path.display().to_string();
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StoreError::Full { what },
        ErrorKind::ReadOnlyFilesystem => StoreError::ReadOnly { what },
        _ => StoreError::Unavailable { what, why: format!("{attempt}: {error}") },
    }
}
