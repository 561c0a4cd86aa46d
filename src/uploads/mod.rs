//! What phones send: logs, overrides, contacts and lists of calls, kept in a folder.
//!
//! ```text
//! uploads/0004f2abcdef/1f0c9a66b0d84c3e/0004f2abcdef-app.log
//!         MAC          digest of owners name
//! ```
//!
//! A file is written beside its place and moved there when it is whole: nobody reads half of one,
//! and an upload that breaks off leaves the one before. Whose it is stands in the path, see
//! [`Sender`]: what a phone sent while it was one company's is neither shown to the next nor sent
//! back under it.

mod folder;
mod health;
mod quota;
mod room;
mod sender;

use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::io::{AsyncWriteExt, BufWriter};

use health::Health;
use quota::{SendingTurn, UploadQuota};
pub use sender::{FileName, Sender};

use crate::domain::{Mac, Timestamp};

/// Where uploads are kept and how much of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadOptions {
    /// A folder that one gateway writes to, made when it is not there.
    pub dir: PathBuf,
    /// The bytes that all files of one phone may have together.
    pub bytes_per_phone: u64,
    /// The bytes that the files of all phones may have together, with what is still coming. The
    /// phones of one company have at most as many as they leave to the others: half, alone.
    pub total_bytes: u64,
}

impl UploadOptions {
    /// The default of a phone: some logs, of which a Polycom phone keeps 180 KB at most.
    pub const BYTES_PER_PHONE: u64 = 8 << 20;
    /// The default of all phones: a hundred thousand with a hundred kilobytes each, where they are
    /// of several companies.
    pub const TOTAL_BYTES: u64 = 10 << 30;
}

/// The uploads of all phones.
#[derive(Debug)]
pub struct Uploads {
    options: UploadOptions,
    quota: Arc<UploadQuota>,
    health: Arc<Health>,
    /// Held as long as the folder is in use.
    _lock: std::fs::File,
}

/// Files of one phone: every one a family declares, and old ones.
const FILES_PER_PHONE: usize = 64;

/// Bytes gathered before the disk is asked: a body may come byte by byte.
const GATHERED_BYTES: usize = 64 << 10;

/// Why an upload was not kept.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// More than its family allows, in bytes.
    #[error("it is longer than {0} bytes")]
    TooLong(u64),
    /// More than the phone may have, in bytes.
    #[error("the phone has no more room: {0} bytes in all, {FILES_PER_PHONE} files")]
    PhoneIsFull(u64),
    /// More than all phones may have, in bytes.
    #[error("there is no more room for uploads: {0} bytes in all")]
    Full(u64),
    /// More than its company may have of all there may be, in bytes.
    #[error(
        "its company has no more room for uploads: as much as is left for others, of {0} bytes in all"
    )]
    CompanyIsFull(u64),
    /// Too many at a time, another one of the same phone, or what is there is being counted.
    #[error("others are being written")]
    Busy,
    /// The phone went away, or sent broken chunks.
    #[error("it broke off")]
    BrokenOff(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The disk's fault.
    #[error("it could not be written")]
    Io(#[from] io::Error),
}

/// How uploads are, for those who watch over the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadsStatus {
    /// Whether they are kept.
    pub state: UploadsState,
    /// The bytes of all that are kept.
    pub bytes: u64,
    /// How many there may be.
    pub limit: u64,
    /// Uploads that were refused since the start because all or their company had no more room.
    pub without_room: u64,
}

/// Whether uploads are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UploadsState {
    /// What is there was not counted yet; phones are told to come again.
    Counting,
    /// They are.
    Ready,
    /// The folder cannot be written to or read: it is gone, or its disk is full or broken.
    Unusable,
}

/// An upload that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// The name by which it is asked for.
    pub name: FileName,
    /// Its length.
    pub bytes: u64,
    /// When it was whole.
    pub received: Timestamp,
}

/// One upload on its way in. Dropped before [`UploadWriter::finish`] it leaves nothing.
pub struct UploadWriter {
    file: BufWriter<tokio::fs::File>,
    /// Removes the file when dropped.
    temporary: tempfile::TempPath,
    dir: PathBuf,
    folder: PathBuf,
    name: FileName,
    written: u64,
    allowance: Allowance,
    turn: SendingTurn,
    health: Arc<Health>,
}

/// What an upload may have, and what it is told when it has more.
#[derive(Debug, Clone, Copy)]
struct Allowance {
    bytes: u64,
    /// Whether the family's limit is the least of the two, else the phone's.
    is_of_family: bool,
    limit: u64,
}

impl Allowance {
    fn exceeded(self) -> UploadError {
        if self.is_of_family {
            UploadError::TooLong(self.limit)
        } else {
            UploadError::PhoneIsFull(self.limit)
        }
    }
}

impl Uploads {
    /// Uploads in that folder, which is made where it is not there, for its owner alone. What is
    /// in it is counted by [`Uploads::count`]; until then every upload is told to come again.
    ///
    /// # Errors
    /// When the folder cannot be made or written to, or another gateway has it.
    pub fn open(options: UploadOptions) -> io::Result<Uploads> {
        folder::make(&options.dir)?;
        let lock = folder::lock(&options.dir)?;
        folder::remove_incoming(&options.dir)?;
        Ok(Uploads { options, quota: Arc::default(), health: Arc::default(), _lock: lock })
    }

    /// Counts what is there, and removes the uploads that no `sender` of now has: of phones that
    /// were deleted or went to another company. Returns how many files went. Blocks.
    ///
    /// # Errors
    /// When the folder cannot be read, with the path; what was counted before stays in force.
    pub fn count(&self, sender: impl Fn(Mac) -> Option<Sender>) -> io::Result<usize> {
        let swept = folder::sweep(&self.options.dir, &self.quota, sender);
        let swept = self.health.noted(swept)?;
        self.quota.count(swept.bytes, &swept.files);
        Ok(swept.removed)
    }

    /// Tries out whether the folder can be written to, which [`Uploads::status`] says from then on.
    /// Blocks.
    ///
    /// # Errors
    /// When it cannot.
    pub fn try_out(&self) -> io::Result<()> {
        self.health.tried(folder::try_out(&self.options.dir))
    }

    /// How uploads are, as far as was noticed. Reads memory alone.
    #[must_use]
    pub fn status(&self) -> UploadsStatus {
        let (bytes, without_room) = self.quota.status();
        let state = match bytes {
            _ if self.health.is_unusable() => UploadsState::Unusable,
            Some(_) => UploadsState::Ready,
            None => UploadsState::Counting,
        };
        let limit = self.options.total_bytes;
        UploadsStatus { state, bytes: bytes.unwrap_or(0), limit, without_room }
    }

    /// Begins to take in an upload from that address, of at most `most` bytes, of which
    /// `announced` are known to come.
    ///
    /// # Errors
    /// As [`UploadError`] says; nothing was changed.
    pub async fn begin(
        &self,
        from: &Sender,
        address: IpAddr,
        name: &FileName,
        most: u64,
        announced: u64,
    ) -> Result<UploadWriter, UploadError> {
        let mut turn = UploadQuota::turn(&self.quota, from, address).ok_or(UploadError::Busy)?;
        let UploadOptions { dir, bytes_per_phone, total_bytes } = self.options.clone();
        let folder = dir.join(from.folder());
        let of_phone = folder.clone();
        let kept = self.health.noted(blocking(move || folder::list(&of_phone)).await)?;
        let replaced = kept.iter().find(|upload| upload.name == *name).map(|upload| upload.bytes);
        if replaced.is_none() && kept.len() >= FILES_PER_PHONE {
            return Err(UploadError::PhoneIsFull(bytes_per_phone));
        }
        let others = kept.iter().map(|upload| upload.bytes).sum::<u64>() - replaced.unwrap_or(0);
        let left = bytes_per_phone.saturating_sub(others);
        let mut allowance = if left < most {
            Allowance { bytes: left, is_of_family: false, limit: bytes_per_phone }
        } else {
            Allowance { bytes: most, is_of_family: true, limit: most }
        };
        if announced > allowance.bytes {
            return Err(allowance.exceeded());
        }
        if announced > 0 {
            allowance.bytes = announced;
        }
        turn.reserve(allowance.bytes, replaced, total_bytes)?;
        let beside = dir.clone();
        let incoming = blocking(move || folder::incoming(&beside)).await;
        let (file, temporary) = self.health.noted(incoming)?.into_parts();
        let file = BufWriter::with_capacity(GATHERED_BYTES, tokio::fs::File::from_std(file));
        let (name, written) = (name.clone(), 0);
        let health = self.health.clone();
        Ok(UploadWriter { file, temporary, dir, folder, name, written, allowance, turn, health })
    }

    /// Whether the device may have sent a file of that name. Reads memory alone.
    #[must_use]
    pub fn may_have(&self, mac: Mac, name: &FileName) -> bool {
        self.quota.may_have(mac, name)
    }

    /// What the phone sent, in order of name.
    ///
    /// # Errors
    /// When its folder cannot be read.
    pub async fn list(&self, from: &Sender) -> io::Result<Vec<Upload>> {
        let folder = self.options.dir.join(from.folder());
        blocking(move || folder::list(&folder)).await
    }

    /// One upload and its bytes; `None` when there is none of that name.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn read(
        &self,
        from: &Sender,
        name: &FileName,
    ) -> io::Result<Option<(Upload, Vec<u8>)>> {
        let place = self.options.dir.join(from.folder()).join(name.as_str());
        let name = name.clone();
        blocking(move || folder::read(&place, name)).await
    }

    /// Removes one upload; whether it was there. Its bytes count until the next
    /// [`Uploads::count`].
    ///
    /// # Errors
    /// When it cannot be removed.
    pub async fn remove(&self, from: &Sender, name: &FileName) -> io::Result<bool> {
        let place = self.options.dir.join(from.folder()).join(name.as_str());
        blocking(move || folder::remove(&place)).await
    }
}

impl UploadWriter {
    /// Takes in the next bytes.
    ///
    /// # Errors
    /// [`UploadError::TooLong`] and its like when that is more than there is room for,
    /// [`UploadError::Io`].
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), UploadError> {
        self.written += bytes.len() as u64;
        if self.written > self.allowance.bytes {
            return Err(self.allowance.exceeded());
        }
        let written = self.file.write_all(bytes).await;
        Ok(self.health.noted(written)?)
    }

    /// Puts it into its place. Durable on return. Tells whether there was one of its name before.
    ///
    /// # Errors
    /// [`UploadError::Io`]; what was there before is there still.
    pub async fn finish(mut self) -> Result<bool, UploadError> {
        let on_disk = async {
            self.file.flush().await?;
            self.file.get_ref().sync_data().await
        };
        self.health.noted(on_disk.await)?;
        let UploadWriter { temporary, dir, folder, name, written, turn, health, .. } = self;
        let place = folder.join(name.as_str());
        let placed = blocking(move || {
            folder::make(&folder)?;
            temporary.persist(&place).map_err(|error| error.error)?;
            // The names of the file and of folders that may be new.
            [&*folder, folder.parent().unwrap_or(Path::new(".")), &*dir]
                .into_iter()
                .try_for_each(folder::sync)
        });
        health.noted(placed.await)?;
        Ok(turn.keep(&name, written))
    }
}

/// Runs what waits for the disk beside the threads that serve phones.
async fn blocking<T: Send + 'static>(
    run: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(run).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_unusable_until_it_was_tried_out_well() {
        let dir = tempfile::tempdir().unwrap();
        let options = UploadOptions {
            dir: dir.path().to_owned(),
            bytes_per_phone: UploadOptions::BYTES_PER_PHONE,
            total_bytes: UploadOptions::TOTAL_BYTES,
        };
        let uploads = Uploads::open(options).unwrap();
        let state = || uploads.status().state;
        assert_eq!(state(), UploadsState::Counting);
        uploads.count(|_| None).unwrap();
        uploads.try_out().unwrap();
        assert_eq!(state(), UploadsState::Ready);
        let incoming = dir.path().join(".incoming");
        assert_eq!(std::fs::read_dir(&incoming).unwrap().count(), 0, "nothing is left");
        std::fs::remove_dir(&incoming).unwrap();
        uploads.try_out().unwrap_err();
        assert_eq!(state(), UploadsState::Unusable);
        // That something can be read says nothing of it.
        uploads.count(|_| None).unwrap();
        assert_eq!(state(), UploadsState::Unusable);
        std::fs::create_dir(&incoming).unwrap();
        uploads.try_out().unwrap();
        assert_eq!(state(), UploadsState::Ready);
    }
}
