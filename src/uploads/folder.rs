//! The folder on the disk. All of it blocks.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;
use std::time::SystemTime;

use tempfile::NamedTempFile;

use super::{FileName, Sender, Upload};
use crate::domain::{Mac, Timestamp};

/// Below it are files that are not whole yet. No MAC is called so.
const INCOMING: &str = ".incoming";

/// Makes a folder and those above it, for its owner alone: logs and overrides may have passwords.
pub(super) fn make(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Removes what a process left that was killed.
pub(super) fn remove_incoming(dir: &Path) -> io::Result<()> {
    let incoming = dir.join(INCOMING);
    match fs::remove_dir_all(&incoming) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    make(&incoming)
}

pub(super) fn incoming(dir: &Path) -> io::Result<NamedTempFile> {
    tempfile::Builder::new()
        .permissions(Permissions::from_mode(0o600))
        .tempfile_in(dir.join(INCOMING))
}

/// Has the names in the folder on the disk.
pub(super) fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// The files of one sender, in order of name; none where there is no folder.
pub(super) fn list(folder: &Path) -> io::Result<Vec<Upload>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut uploads = Vec::new();
    for entry in entries {
        let entry = entry?;
        let Some(name) = entry.file_name().to_str().and_then(FileName::new) else { continue };
        let metadata = entry.metadata()?;
        if metadata.is_file() {
            uploads.push(Upload { name, bytes: metadata.len(), received: modified(&metadata) });
        }
    }
    uploads.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    Ok(uploads)
}

pub(super) fn read(place: &Path, name: FileName) -> io::Result<Option<(Upload, Vec<u8>)>> {
    // A link is none of ours.
    let is_file = match fs::symlink_metadata(place) {
        Ok(metadata) => metadata.is_file(),
        Err(error) if error.kind() == ErrorKind::NotFound => false,
        Err(error) => return Err(error),
    };
    if !is_file {
        return Ok(None);
    }
    let mut file = File::open(place)?;
    let received = modified(&file.metadata()?);
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut file, &mut bytes)?;
    Ok(Some((Upload { name, bytes: bytes.len() as u64, received }, bytes)))
}

fn modified(metadata: &fs::Metadata) -> Timestamp {
    let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    let since = modified.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_seconds(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

/// What a look through all files found.
#[derive(Debug, Default)]
pub(super) struct Swept {
    pub bytes: u64,
    pub removed: usize,
}

/// Counts all files and removes those whose sender is no more.
pub(super) fn sweep(dir: &Path, sender: impl Fn(Mac) -> Option<Sender>) -> io::Result<Swept> {
    let mut swept = Swept::default();
    for device in fs::read_dir(dir)? {
        let device = device?;
        // What is not called as a MAC is not ours to count or to remove.
        let mac = device.file_name().to_str().and_then(|name| name.parse::<Mac>().ok());
        let Some(mac) = mac.filter(|mac| device.file_name() == mac.to_string().as_str()) else {
            continue;
        };
        let now = sender(mac);
        for whose in fs::read_dir(device.path())? {
            let whose = whose?;
            let uploads = list(&whose.path())?;
            let is_current = now.as_ref().is_some_and(|sender| whose.file_name() == sender.whose());
            if is_current {
                swept.bytes += uploads.iter().map(|upload| upload.bytes).sum::<u64>();
                continue;
            }
            for upload in &uploads {
                fs::remove_file(whose.path().join(upload.name.as_str()))?;
            }
            swept.removed += uploads.len();
            // Fails where there is anything else in it, which stays.
            let _ = fs::remove_dir(whose.path());
        }
        let _ = fs::remove_dir(device.path());
    }
    Ok(swept)
}
