//! Where families come from: the folders compiled in, and an operator's own.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};

use super::shares;
use crate::domain::settings::is_family;

static BUILT_IN: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/templates");

/// The files of one family by their path inside its folder.
pub(crate) type Files = BTreeMap<String, String>;

/// All families by the name of their folder.
pub(crate) type Folders = BTreeMap<String, Files>;

/// Larger than any template; a folder given by mistake must not fill the memory.
const MAX_FILE_BYTES: u64 = 1 << 20;
/// Families times files: far more than a full catalogue has.
pub(super) const MAX_FILES: usize = 20_000;

/// The families of the binary.
pub(crate) fn built_in() -> Folders {
    let mut folders = built_in_as_written();
    shares::resolve(&mut folders, &Folders::new()).expect("the tests read all of them");
    folders
}

/// The families of the binary, each with the files of its own folder.
pub(crate) fn built_in_as_written() -> Folders {
    let mut folders = Folders::new();
    for family in BUILT_IN.dirs() {
        let name = family.path().to_string_lossy().into_owned();
        let mut files = Files::new();
        collect(family, family.path(), &mut files);
        folders.insert(name, files);
    }
    folders
}

fn collect(dir: &Dir<'_>, root: &Path, files: &mut Files) {
    for file in dir.files() {
        let path = file.path().strip_prefix(root).expect("a file lies in its folder");
        if let Some(text) = file.contents_utf8() {
            files.insert(path.to_string_lossy().into_owned(), text.to_owned());
        }
    }
    for sub in dir.dirs() {
        collect(sub, root, files);
    }
}

/// The families of a folder: each directory in it, which has a `family.toml`. What they share is
/// from the others in it, or else from the families of the binary as they are there.
///
/// # Errors
/// What could not be read or is no family, with its path: a folder that is named one level too
/// high or too deep would otherwise count for nothing.
pub(crate) fn folder(root: &Path) -> Result<Folders, (PathBuf, io::Error)> {
    let mut folders = Folders::new();
    let mut count = 0;
    if root.join("family.toml").is_file() {
        let why = "a family itself (it has a family.toml): name the folder above it";
        return Err((root.to_owned(), io::Error::other(why)));
    }
    for entry in read_dir(root)?.into_iter().filter(|entry| entry.is_dir()) {
        if !entry.join("family.toml").is_file() {
            let why = "has no family.toml, so it is no family: name the folder that the families \
                       are in, or move this one elsewhere";
            return Err((entry, io::Error::other(why)));
        }
        let name = name_of(&entry);
        if !is_family(&name) {
            let why = "a family's folder is called by 1 to 32 of a-z, 0-9, - and _: rename it";
            return Err((entry, io::Error::other(why)));
        }
        let mut files = Files::new();
        read_files(&entry, &entry, &mut files, &mut count)?;
        folders.insert(name, files);
    }
    shares::resolve(&mut folders, &built_in_as_written()).map_err(|fault| {
        let why = io::Error::other(format!("line {}: {}", fault.line, fault.message));
        (root.join(fault.family).join("family.toml"), why)
    })?;
    Ok(folders)
}

fn read_files(
    dir: &Path,
    root: &Path,
    files: &mut Files,
    count: &mut usize,
) -> Result<(), (PathBuf, io::Error)> {
    for path in read_dir(dir)? {
        let named = |error| (path.clone(), error);
        if path.is_dir() {
            read_files(&path, root, files, count)?;
            continue;
        }
        *count += 1;
        if *count > MAX_FILES {
            return Err(named(io::Error::other(format!("more than {MAX_FILES} files"))));
        }
        let metadata = std::fs::metadata(&path).map_err(named)?;
        if !metadata.is_file() {
            // Opening a pipe would wait for its writer.
            return Err(named(io::Error::other("a device or a pipe, not a file")));
        }
        if metadata.len() > MAX_FILE_BYTES {
            return Err(named(io::Error::other(format!("larger than {MAX_FILE_BYTES} bytes"))));
        }
        let bytes = std::fs::read(&path).map_err(named)?;
        let text = String::from_utf8(bytes)
            .map_err(|_| named(io::Error::other("not UTF-8, which templates are written in")))?;
        let inside = path.strip_prefix(root).expect("a file lies in its folder");
        files.insert(inside.to_string_lossy().into_owned(), text);
    }
    Ok(())
}

fn read_dir(dir: &Path) -> Result<Vec<PathBuf>, (PathBuf, io::Error)> {
    let entries = std::fs::read_dir(dir).map_err(|error| (dir.to_owned(), error))?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| (dir.to_owned(), error))?.path();
        // Editors leave `.swp` and `~` files behind; they are not part of a family.
        let name = name_of(&path);
        if !name.starts_with('.') && !name.ends_with('~') {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_one_level_off_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let family = directory.path().join("templates/acme");
        std::fs::create_dir_all(&family).unwrap();
        std::fs::write(family.join("family.toml"), "").unwrap();
        let said = |root: &Path| folder(root).unwrap_err().1.to_string();
        assert!(said(&family).contains("name the folder above it"));
        assert!(said(directory.path()).contains("name the folder that the families are in"));
        assert_eq!(folder(&directory.path().join("templates")).unwrap().len(), 1);
    }

    #[test]
    fn a_folder_that_cannot_be_a_familys_name_is_refused() {
        for name in ["Escene", "my escene", "e.x"] {
            let directory = tempfile::tempdir().unwrap();
            let family = directory.path().join(name);
            std::fs::create_dir(&family).unwrap();
            std::fs::write(family.join("family.toml"), "").unwrap();
            let (path, error) = folder(directory.path()).unwrap_err();
            assert_eq!(path, family);
            assert!(error.to_string().contains("rename it"), "{error}");
        }
    }

    #[test]
    fn a_pipe_in_a_folder_is_refused_and_not_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let family = directory.path().join("acme");
        std::fs::create_dir(&family).unwrap();
        std::fs::write(family.join("family.toml"), "").unwrap();
        let pipe = family.join("device.cfg.j2");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let (path, error) = folder(directory.path()).unwrap_err();
        assert_eq!((path, error.to_string().as_str()), (pipe, "a device or a pipe, not a file"));
    }
}
