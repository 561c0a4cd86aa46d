//! What an operator lays out for phones as it is: firmware, ring tones, pictures, languages.
//!
//! ```text
//! files/families/yealink/T46S-66.86.0.15.rom      all phones of the family
//! files/families/yealink/t46s/logo.jpg            those of the type
//! files/companies/acme/logo.jpg                   all phones of the company
//! files/companies/acme/yealink/logo.jpg           of these, those of the family
//! files/companies/acme/yealink/t46s/logo.jpg      of these, those of the type
//! ```
//!
//! A phone asks for `files/MAC/logo.jpg`; the one in the most particular folder counts. A file
//! called `VERSION` says which version the firmware in its folder is. Files hold no secrets: who
//! knows the MAC of an active phone can ask for them.

mod index;
mod streams;

use std::fs::{File, Metadata};
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};

use crate::domain::{CompanyId, Device, HostedPath, Mac, TypeKey};
use crate::throttle::Turns;

use index::Index;
pub use index::MAX_FILES;
use streams::Streams;
pub use streams::{MAX_STREAMS, MAX_STREAMS_PER_PHONE, NoStream, Stream};

/// The folder of files, as it was when it was last looked through.
#[derive(Debug)]
pub struct Files {
    /// Nothing outside of it can be opened through it, by whatever link.
    dir: Dir,
    index: ArcSwap<Index>,
    streams: Streams,
    /// Files that are looked at and not sent.
    looks: Turns<Mac>,
}

/// Who asks, as far as folders tell phones apart.
#[derive(Debug, Clone, Copy)]
pub struct Asker<'a> {
    /// The device.
    pub mac: Mac,
    /// The company that all of its active phones are of; `None` when they are of several.
    pub company: Option<&'a CompanyId>,
    /// The family of its type.
    pub family: &'a str,
    /// Its type.
    pub phone_type: &'a TypeKey,
}

impl<'a> Asker<'a> {
    /// A device of that family.
    #[must_use]
    pub fn of(device: &'a Device, family: &'a str) -> Asker<'a> {
        let mut companies = device.companies();
        // What one company laid out is not for the phones of another on the same device.
        let company = companies.next().filter(|first| companies.all(|other| other == *first));
        Asker { mac: device.mac, company, family, phone_type: &device.phone_type }
    }

    /// The folders that it gets files from, the most particular first.
    fn folders(&self) -> impl Iterator<Item = String> {
        let Asker { company, family, phone_type, .. } = *self;
        let of_company = company.into_iter().flat_map(move |company| {
            [
                format!("companies/{company}/{family}/{phone_type}"),
                format!("companies/{company}/{family}"),
                format!("companies/{company}"),
            ]
        });
        of_company.chain([format!("families/{family}/{phone_type}"), format!("families/{family}")])
    }
}

/// A file that is about to be sent, or that is told of. As long as one is there that is sent it
/// counts as being sent.
#[derive(Debug)]
pub struct HostedFile {
    /// Open for reading; stays what it is when another is put in its place.
    pub file: File,
    /// Its length in bytes.
    pub bytes: u64,
    /// When it was last written.
    pub modified: SystemTime,
    /// What tells it from any other that stood or will stand there: of the file system.
    pub version: FileVersion,
    /// The name at the end of its path.
    pub name: String,
    /// Its turn, given back when it is dropped; `None` where nothing of it is sent.
    pub stream: Option<Stream>,
}

/// What a file system changes when a file is written to or replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileVersion {
    inode: u64,
    bytes: u64,
    changed_s: i64,
    changed_ns: i64,
}

impl FileVersion {
    /// As text of hexadecimal digits and `-`.
    #[must_use]
    pub fn tag(self) -> String {
        let FileVersion { inode, bytes, changed_s, changed_ns } = self;
        format!("{inode:x}-{bytes:x}-{changed_s:x}-{changed_ns:x}")
    }
}

/// Files that are looked at at a time, of which nothing is sent: so many threads may wait for a
/// disk that hangs, and a phone asks about one after the other.
const LOOKS: usize = 64;
/// How many of these are by one device.
const LOOKS_PER_PHONE: usize = 4;

/// Why a file that is there is not sent.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// So many are being sent that this one has to wait.
    #[error(transparent)]
    NoStream(#[from] NoStream),
    /// So many files are asked about that this one has to wait.
    #[error("too many files are being asked about")]
    Busy,
    /// The disk's fault, or the file went since the folder was looked through.
    #[error("{path}")]
    Io {
        /// Below the folder of all files.
        path: String,
        /// What the system said.
        source: io::Error,
    },
}

/// What stands there may be another than when the folder was looked through: a pipe or a device is
/// not waited for, and not read.
fn open_file(dir: &Dir, path: &str) -> io::Result<(Metadata, File)> {
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    let file = dir.open_with(path, &options)?.into_std();
    let metadata = file.metadata()?;
    match metadata.is_file() {
        true => Ok((metadata, file)),
        false => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file any more")),
    }
}

fn tell<'p>(problems: impl Iterator<Item = &'p String>) {
    for problem in problems {
        tracing::warn!(problem, "a file for phones does not count");
    }
}

impl Files {
    /// The files below `path`, looked through. Blocks.
    ///
    /// # Errors
    /// When it is no folder that can be read.
    pub fn open(path: &Path) -> io::Result<Files> {
        let dir = Dir::open_ambient_dir(path, ambient_authority())?;
        let index = Index::of(&dir)?;
        tell(index.problems().iter());
        let index = ArcSwap::from_pointee(index);
        let looks = Turns::new(LOOKS_PER_PHONE, LOOKS);
        Ok(Files { dir, index, streams: Streams::default(), looks })
    }

    /// Looks through the folder again: what came and went counts from now on. Blocks.
    ///
    /// # Errors
    /// As [`Files::open`]; what was found before stays in force.
    pub fn look(&self) -> io::Result<()> {
        let index = Index::of(&self.dir)?;
        let before = self.index.load_full();
        // Each once, and not at every look.
        tell(index.problems().difference(before.problems()));
        self.index.store(Arc::new(index));
        Ok(())
    }

    /// What no phone can get, each with its path and why, at most twenty; `families` are those that
    /// there are.
    #[must_use]
    pub fn problems(&self, families: &[String]) -> Vec<String> {
        let index = self.index.load();
        let strange = index
            .families()
            .into_iter()
            .filter(|family| families.iter().all(|known| known != family));
        let strange = strange.map(|family| format!("families/{family}: there is no such family"));
        index.problems().iter().cloned().chain(strange).take(20).collect()
    }

    /// Whether any file is called so, in whichever folder.
    #[must_use]
    pub fn has_name(&self, name: &HostedPath) -> bool {
        self.index.load().has_name(name)
    }

    /// Whether there is a file of that name for any phone, or for any of the company.
    #[must_use]
    pub fn has_anywhere(&self, company: Option<&CompanyId>, name: &HostedPath) -> bool {
        self.index.load().has_anywhere(company, name)
    }

    /// Where the file stands that counts for who asks. Looked up in memory, so that nobody hears
    /// from the time whether a phone is one that gets files.
    #[must_use]
    pub fn find(&self, asker: Asker<'_>, asked: &HostedPath) -> Option<String> {
        let index = self.index.load();
        let mut paths = asker.folders().map(|folder| format!("{folder}/{asked}"));
        paths.find(|path| index.has(path))
    }

    /// The version of the firmware that is laid out for who asks, as its maker spells it: what the
    /// file `VERSION` in the most particular of its folders says.
    #[must_use]
    pub fn firmware_version(&self, asker: Asker<'_>) -> Option<String> {
        let index = self.index.load();
        asker.folders().find_map(|folder| index.version(&folder).map(str::to_owned))
    }

    /// Opens what [`Files::find`] found, for a phone at that address that gets it.
    ///
    /// # Errors
    /// [`FileError`].
    pub async fn open_for(
        self: &Arc<Files>,
        mac: Mac,
        address: IpAddr,
        path: String,
    ) -> Result<HostedFile, FileError> {
        let stream = self.streams.begin(mac, address)?;
        let (file, stream) = self.opened(path, stream).await?;
        Ok(HostedFile { stream: Some(stream), ..file })
    }

    /// Does as [`Files::open_for`], for a phone that asks about it and gets nothing of it: that
    /// waits for no file which is being sent.
    ///
    /// # Errors
    /// [`FileError`].
    pub async fn look_at(
        self: &Arc<Files>,
        mac: Mac,
        path: String,
    ) -> Result<HostedFile, FileError> {
        let look = self.looks.take(mac).map_err(|_| FileError::Busy)?;
        Ok(self.opened(path, look).await?.0)
    }

    /// The file, and the turn with which it was opened.
    async fn opened<T: Send + 'static>(
        self: &Arc<Files>,
        path: String,
        turn: T,
    ) -> Result<(HostedFile, T), FileError> {
        let files = self.clone();
        // The turn is given back by who opens, also when nobody waits any more: a disk that hangs
        // holds as many threads as there are turns, and leaves the others.
        let open = move || {
            let opened = open_file(&files.dir, &path);
            match opened {
                Ok((metadata, file)) => Ok((path, metadata, file, turn)),
                Err(source) => Err(FileError::Io { path, source }),
            }
        };
        let gone = |error| FileError::Io { path: String::new(), source: io::Error::other(error) };
        let opened = tokio::task::spawn_blocking(open).await.map_err(gone)?;
        let (path, metadata, file, turn) = opened?;
        let file = HostedFile {
            file,
            bytes: metadata.len(),
            modified: metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH),
            version: FileVersion {
                inode: metadata.ino(),
                bytes: metadata.len(),
                changed_s: metadata.ctime(),
                changed_ns: metadata.ctime_nsec(),
            },
            name: path.rsplit('/').next().unwrap_or_default().to_owned(),
            stream: None,
        };
        Ok((file, turn))
    }
}
