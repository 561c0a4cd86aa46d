//! What phones send: logs, overrides, contacts and lists of calls, kept in a folder.
//!
//! ```text
//! uploads/0004f2abcdef/1f0c9a66b0d84c3e/0004f2abcdef-app.log
//!         MAC          whose            name
//! ```
//!
//! A file is written beside its place and moved there when it is whole: nobody reads half of one,
//! and an upload that breaks off leaves the one before. Whose it is stands in the path, see
//! [`Sender`]: what a phone sent while it was one company's is neither shown to the next nor sent
//! back under it.

mod folder;
mod ledger;
mod sender;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::io::AsyncWriteExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use ledger::{Ledger, Reservation};
pub use sender::{FileName, Sender};

use crate::domain::{Mac, Timestamp};

/// Where uploads are kept and how much of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadOptions {
    pub dir: PathBuf,
    /// Of one phone, all its files together.
    pub bytes_per_phone: u64,
    /// Of all phones.
    pub total_bytes: u64,
}

/// The uploads of all phones.
#[derive(Debug)]
pub struct Uploads {
    options: UploadOptions,
    ledger: Arc<Ledger>,
    places: Arc<Semaphore>,
}

/// Uploads at a time. Phones send them when they have time; one that is told to come again keeps
/// its log until then. So many write to one disk without keeping it from the store.
const AT_A_TIME: usize = 32;
/// Files of one phone: every one a family declares, and old ones.
const FILES_PER_PHONE: usize = 64;

/// Why an upload was not kept.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    #[error("it is longer than {0} bytes")]
    TooLong(u64),
    #[error("the phone has no more room: {0} bytes in all, {FILES_PER_PHONE} files")]
    PhoneIsFull(u64),
    #[error("there is no more room for uploads: {0} bytes in all")]
    Full(u64),
    /// Too many at a time, another one of the same phone, or what is there is being counted.
    #[error("others are being written")]
    Busy,
    #[error("it broke off")]
    BrokenOff(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("it could not be written")]
    Io(#[from] io::Error),
}

/// An upload that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    pub name: FileName,
    pub bytes: u64,
    pub received: Timestamp,
}

/// One upload on its way in. Dropped before [`Incoming::finish`] it leaves nothing.
pub struct Incoming {
    file: tokio::fs::File,
    /// Removes the file when dropped.
    temporary: tempfile::TempPath,
    place: PathBuf,
    written: u64,
    /// What it may have, and why no more.
    room: u64,
    too_long: fn(u64) -> UploadError,
    told: u64,
    reservation: Reservation,
    _place: OwnedSemaphorePermit,
}

impl Uploads {
    /// Uploads in that folder, which is made where it is not there, for its owner alone. What is
    /// in it is counted by [`Uploads::count`]; until then every upload is told to come again.
    ///
    /// # Errors
    /// When the folder cannot be made or written to.
    pub fn open(options: UploadOptions) -> io::Result<Uploads> {
        folder::make(&options.dir)?;
        folder::remove_incoming(&options.dir)?;
        let places = Arc::new(Semaphore::new(AT_A_TIME));
        Ok(Uploads { options, ledger: Arc::default(), places })
    }

    /// Counts what is there, and removes the uploads that no `sender` of now has: of phones that
    /// were deleted or went to another company. Returns how many files went. Blocks.
    ///
    /// # Errors
    /// When the folder cannot be read; what was counted before stays in force.
    pub fn count(&self, sender: impl Fn(Mac) -> Option<Sender>) -> io::Result<usize> {
        let swept = folder::sweep(&self.options.dir, sender)?;
        self.ledger.count(swept.bytes);
        Ok(swept.removed)
    }

    /// Begins to take in an upload of at most `most` bytes, of which `told` are known to come.
    ///
    /// # Errors
    /// As [`UploadError`] says; nothing was changed.
    pub async fn begin(
        &self,
        from: &Sender,
        name: &FileName,
        most: u64,
        told: u64,
    ) -> Result<Incoming, UploadError> {
        let permit = self.places.clone().try_acquire_owned().map_err(|_| UploadError::Busy)?;
        let mut reservation = Ledger::reserve(&self.ledger, from.mac()).ok_or(UploadError::Busy)?;
        let (dir, folder, name) = (self.options.dir.clone(), from.folder(), name.clone());
        let (kept, temporary, place) = blocking(move || {
            let folder = dir.join(folder);
            let kept = folder::list(&folder)?;
            let temporary = folder::incoming(&dir)?;
            Ok((kept, temporary, folder.join(name.as_str())))
        })
        .await?;
        let replaced = kept.iter().find(|upload| place.ends_with(upload.name.as_str()));
        let replaced = replaced.map(|upload| upload.bytes);
        let of_phone = kept.iter().map(|upload| upload.bytes).sum::<u64>() - replaced.unwrap_or(0);
        let UploadOptions { bytes_per_phone, total_bytes, .. } = self.options;
        if replaced.is_none() && kept.len() >= FILES_PER_PHONE {
            return Err(UploadError::PhoneIsFull(bytes_per_phone));
        }
        reservation.replaces(replaced);
        let left_of_phone = bytes_per_phone.saturating_sub(of_phone);
        let left = total_bytes.saturating_sub(reservation.others());
        let (room, too_long, of): (_, fn(u64) -> UploadError, _) = if left < most.min(left_of_phone)
        {
            (left, UploadError::Full, total_bytes)
        } else if left_of_phone < most {
            (left_of_phone, UploadError::PhoneIsFull, bytes_per_phone)
        } else {
            (most, UploadError::TooLong, most)
        };
        if told > room {
            return Err(too_long(of));
        }
        let (file, temporary) = temporary.into_parts();
        let file = tokio::fs::File::from_std(file);
        let (written, _place, told) = (0, permit, of);
        Ok(Incoming { file, temporary, place, written, room, too_long, told, reservation, _place })
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
}

impl Incoming {
    /// Takes in the next bytes.
    ///
    /// # Errors
    /// [`UploadError::TooLong`] and its like when that is more than there is room for,
    /// [`UploadError::Io`].
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), UploadError> {
        self.written += bytes.len() as u64;
        if self.written > self.room {
            return Err((self.too_long)(self.told));
        }
        Ok(self.file.write_all(bytes).await?)
    }

    /// Puts it into its place. Durable on return. Tells whether there was one of its name before.
    ///
    /// # Errors
    /// [`UploadError::Io`]; what was there before is there still.
    pub async fn finish(mut self) -> Result<bool, UploadError> {
        self.file.flush().await?;
        self.file.sync_data().await?;
        let Incoming { temporary, place, written, reservation, .. } = self;
        blocking(move || {
            let folder = place.parent().unwrap_or(Path::new("."));
            folder::make(folder)?;
            temporary.persist(&place).map_err(|error| error.error)?;
            folder::sync(folder)
        })
        .await?;
        Ok(reservation.keep(written))
    }
}

/// Runs what waits for the disk beside the threads that serve phones.
async fn blocking<T: Send + 'static>(
    run: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(run).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}
