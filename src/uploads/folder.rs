//! The folder on the disk. All of it blocks.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::SystemTime;

use rustix::fs::{FallocateFlags, FlockOperation};
use rustix::io::Errno;
use tempfile::NamedTempFile;

use super::quota::UploadQuota;
use super::room::Bytes;
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

/// What a disk must have room for to be of use: the longest upload of most families.
const TRIED_BYTES: u64 = 1 << 20;

/// Takes that much room on the disk, writes what a block of it has, and removes it.
pub(super) fn try_out(dir: &Path) -> io::Result<()> {
    let mut file = incoming(dir)?;
    match rustix::fs::fallocate(file.as_file(), FallocateFlags::empty(), 0, TRIED_BYTES) {
        // Not every file system can say so beforehand.
        Ok(()) | Err(Errno::OPNOTSUPP) => {}
        Err(error) => return Err(error.into()),
    }
    io::Write::write_all(&mut file, &[0; 4_096])?;
    file.as_file().sync_data()?;
    file.close()
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

pub(super) fn remove(place: &Path) -> io::Result<bool> {
    match fs::remove_file(place) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Taken as long as the file is open: a second gateway would remove what this one is writing.
pub(super) fn lock(dir: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let lock =
        options.write(true).create(true).truncate(true).mode(0o600).open(dir.join(".lock"))?;
    match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(lock),
        Err(Errno::WOULDBLOCK) => Err(io::Error::new(
            ErrorKind::ResourceBusy,
            "another gateway has it: each needs its own",
        )),
        Err(error) => Err(error.into()),
    }
}

/// What a look through all files found.
#[derive(Debug, Default)]
pub(super) struct Swept {
    pub bytes: Bytes,
    pub files: Vec<(Mac, FileName)>,
    pub removed: usize,
}

/// Counts all files and removes those whose sender is no more.
pub(super) fn sweep(
    dir: &Path,
    quota: &UploadQuota,
    sender: impl Fn(Mac) -> Option<Sender>,
) -> io::Result<Swept> {
    let mut swept = Swept::default();
    for device in fs::read_dir(dir).map_err(|error| at(dir, &error))? {
        let device = device?;
        // What is no folder called as a MAC is not ours to count or to remove.
        let mac = device.file_name().to_str().and_then(|name| name.parse::<Mac>().ok());
        let mac = mac.filter(|mac| device.file_name() == mac.to_string().as_str());
        let Some(mac) = mac.filter(|_| device.file_type().is_ok_and(|kind| kind.is_dir())) else {
            continue;
        };
        let folder = device.path();
        // One that sends loses nothing now; what it had before goes the next time.
        let still = quota.hold_still(mac);
        let now = sender(mac);
        let wrong = |error: io::Error| at(&folder, &error);
        for owner in fs::read_dir(&folder).map_err(wrong)? {
            let owner = owner.map_err(wrong)?;
            let is_current =
                now.as_ref().is_some_and(|sender| owner.file_name() == sender.owner_digest());
            let uploads = list(&owner.path()).map_err(wrong)?;
            if is_current || still.is_none() {
                let bytes = uploads.iter().map(|upload| upload.bytes).sum();
                match now.as_ref().filter(|_| is_current) {
                    Some(sender) => swept.bytes.add(sender.owner(), bytes),
                    None => swept.bytes.add_nobodys(bytes),
                }
                swept.files.extend(uploads.into_iter().map(|upload| (mac, upload.name)));
                continue;
            }
            for upload in &uploads {
                remove(&owner.path().join(upload.name.as_str())).map_err(wrong)?;
            }
            swept.removed += uploads.len();
            // Fails where there is anything else in it, which stays.
            let _ = fs::remove_dir(owner.path());
        }
        if still.is_some() {
            let _ = fs::remove_dir(&folder);
        }
    }
    Ok(swept)
}

fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
