//! Which files there are, kept in memory.

use std::collections::{HashMap, HashSet};
use std::io::{self, ErrorKind, Read};

use cap_std::fs::Dir;

use crate::domain::{HostedPath, hidden_char};

/// Files that are looked at, all folders together: hundreds of models with their firmware, tones
/// and languages, and as much again for companies. The rest is not there.
pub const MAX_FILES: usize = 100_000;

/// `companies/C/FAMILY/TYPE/` and as many names as a path may have. It also ends a link that leads
/// back to where it stands.
const MAX_DEPTH: usize = 8;

/// Says what version the firmware in the same folder is.
const VERSION: &str = "VERSION";

/// As of the setting `firmware.version`.
const MAX_VERSION: u64 = 128;

/// The first line; `None` when it cannot be read or is no version.
fn version(dir: &Dir) -> Option<String> {
    let mut text = String::new();
    let file = dir.open(VERSION).ok()?;
    file.take(MAX_VERSION).read_to_string(&mut text).ok()?;
    let line = text.lines().next()?.trim();
    (!line.is_empty() && hidden_char(line).is_none()).then(|| line.to_owned())
}

/// The paths of all files below a folder.
#[derive(Debug, Default)]
pub(super) struct Index {
    paths: HashSet<String>,
    /// By folder.
    versions: HashMap<String, String>,
    is_cut: bool,
}

impl Index {
    /// Looks through the folder. Links that lead out of it are not there, as is what no phone could
    /// ask for by its name.
    pub(super) fn of(dir: &Dir) -> io::Result<Index> {
        let mut index = Index::default();
        index.add(dir, String::new(), 0)?;
        Ok(index)
    }

    fn add(&mut self, dir: &Dir, at: String, depth: usize) -> io::Result<()> {
        let wrong = |path: &str, error: &io::Error| {
            let path = if path.is_empty() { "." } else { path };
            io::Error::new(error.kind(), format!("{path}: {error}"))
        };
        for entry in dir.entries().map_err(|error| wrong(&at, &error))? {
            let entry = entry.map_err(|error| wrong(&at, &error))?;
            let Some(name) = entry.file_name().to_str().map(str::to_owned) else { continue };
            if HostedPath::new(&name).is_none() {
                continue;
            }
            let path = if at.is_empty() { name.clone() } else { format!("{at}/{name}") };
            // Follows links, as far as they stay inside.
            let metadata = match dir.metadata(&name) {
                Ok(metadata) => metadata,
                Err(error) => {
                    if error.kind() != ErrorKind::NotFound {
                        tracing::warn!(path, %error, "a file for phones is passed over");
                    }
                    continue;
                }
            };
            if self.paths.len() >= MAX_FILES {
                self.is_cut = true;
                return Ok(());
            }
            if metadata.is_file() {
                if name == VERSION
                    && let Some(version) = version(dir)
                {
                    self.versions.insert(at.clone(), version);
                }
                self.paths.insert(path);
            } else if metadata.is_dir() && depth < MAX_DEPTH {
                let folder = dir.open_dir(&name).map_err(|error| wrong(&path, &error))?;
                self.add(&folder, path, depth + 1)?;
            }
        }
        Ok(())
    }

    pub(super) fn has(&self, path: &str) -> bool {
        self.paths.contains(path)
    }

    /// What the file `VERSION` of a folder says.
    pub(super) fn version(&self, folder: &str) -> Option<&str> {
        self.versions.get(folder).map(String::as_str)
    }

    /// Whether there were more than are looked at.
    pub(super) fn is_cut(&self) -> bool {
        self.is_cut
    }
}
