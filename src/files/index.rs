//! Which files there are, kept in memory.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io::{self, Read};

use cap_std::fs::Dir;

use crate::domain::{CompanyId, HostedPath, hidden_char};

/// Files that are looked at, all folders together: hundreds of models with their firmware, tones
/// and languages, and as much again for companies. The rest is not there.
pub const MAX_FILES: usize = 100_000;

/// `companies/C/FAMILY/TYPE/` and as many names as a path may have. It also ends a link that leads
/// back to where it stands.
const MAX_DEPTH: usize = 8;

/// Problems that are named; who has more sees them when these are gone.
const MAX_PROBLEMS: usize = 20;

/// Says what version the firmware in the same folder is.
const VERSION: &str = "VERSION";

/// As of the setting `firmware.version`.
const MAX_VERSION: u64 = 128;

/// The first line; `None` when it cannot be read or is no version.
fn version(root: &Dir, path: &str) -> Option<String> {
    let mut text = String::new();
    let file = root.open(path).ok()?;
    file.take(MAX_VERSION).read_to_string(&mut text).ok()?;
    let line = text.lines().next()?.trim();
    (!line.is_empty() && hidden_char(line).is_none()).then(|| line.to_owned())
}

/// The paths of all files below a folder.
#[derive(Debug, Default)]
pub(super) struct Index {
    paths: HashSet<String>,
    /// Without the folders that tell phones apart.
    names: HashSet<String>,
    /// By folder.
    versions: HashMap<String, String>,
    problems: BTreeSet<String>,
}

impl Index {
    /// Looks through the folder. Links that lead out of it are not there, as is what no phone could
    /// ask for by its name; each is a problem, and what is beside it counts.
    pub(super) fn of(dir: &Dir) -> io::Result<Index> {
        let mut index = Index::default();
        let entries = dir.entries()?;
        index.add(dir, entries, "", 0);
        // Behind the folders that tell phones apart: two to four names.
        for path in &index.paths {
            let ends = path.match_indices('/').skip(1).map(|(at, _)| &path[at + 1..]);
            index.names.extend(ends.map(str::to_owned));
        }
        Ok(index)
    }

    /// `root` is what paths are below: a link may lead to another folder of it.
    fn add(&mut self, root: &Dir, entries: cap_std::fs::ReadDir, at: &str, depth: usize) {
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => return self.problem(at, &error),
            };
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if at.is_empty() { name.clone() } else { format!("{at}/{name}") };
            if HostedPath::new(&name).is_none() {
                if !name.starts_with('.') {
                    let why = format!("no phone gets it: a name is of {}", HostedPath::RULE);
                    self.problem(&path, &why);
                }
                continue;
            }
            // Follows links, as far as they stay inside.
            let metadata = match root.metadata(&path) {
                Ok(metadata) => metadata,
                Err(error) => {
                    self.problem(&path, &error);
                    continue;
                }
            };
            if self.paths.len() >= MAX_FILES {
                let why =
                    format!("there are more than {MAX_FILES} files, and the rest does not count");
                return self.problem(".", &why);
            }
            if metadata.is_file() {
                if name == VERSION {
                    match version(root, &path) {
                        Some(version) => drop(self.versions.insert(at.to_owned(), version)),
                        None => self.problem(&path, &"its first line is no version"),
                    }
                }
                self.paths.insert(path);
            } else if !metadata.is_dir() {
                self.problem(&path, &"it is neither a file nor a folder");
            } else if depth < MAX_DEPTH {
                match root.read_dir(&path) {
                    Ok(entries) => self.add(root, entries, &path, depth + 1),
                    Err(error) => self.problem(&path, &error),
                }
            }
        }
    }

    fn problem(&mut self, path: &str, why: &dyn std::fmt::Display) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.insert(format!("{path}: {why}"));
        }
    }

    pub(super) fn has(&self, path: &str) -> bool {
        self.paths.contains(path)
    }

    /// Whether any file is called so, in whichever folder.
    pub(super) fn has_name(&self, name: &HostedPath) -> bool {
        self.names.contains(name.as_str())
    }

    /// Whether any phone, or any of that company, has a file of the name.
    pub(super) fn has_anywhere(&self, company: Option<&CompanyId>, name: &HostedPath) -> bool {
        let (end, own) =
            (format!("/{name}"), company.map(|company| format!("companies/{company}/")));
        let is_seen = |path: &&String| {
            own.as_ref().is_none_or(|own| path.starts_with(own) || path.starts_with("families/"))
        };
        self.paths.iter().filter(is_seen).any(|path| path.ends_with(&end))
    }

    /// What the file `VERSION` of a folder says.
    pub(super) fn version(&self, folder: &str) -> Option<&str> {
        self.versions.get(folder).map(String::as_str)
    }

    /// What was passed over, each with its path, at most twenty.
    pub(super) fn problems(&self) -> &BTreeSet<String> {
        &self.problems
    }

    /// The folders below `families`.
    pub(super) fn families(&self) -> BTreeSet<&str> {
        let below = self.paths.iter().filter_map(|path| path.strip_prefix("families/"));
        below.filter_map(|path| path.split_once('/')).map(|(family, _)| family).collect()
    }
}
