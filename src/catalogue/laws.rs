//! What holds of whatever a request names, and of whatever stands in a family's folder.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use super::family::source::{self, Files, Folders};
use super::{Catalogue, Request, Sources, Target};
use crate::domain::{Mac, steers};

static BUILT_IN: LazyLock<Catalogue> =
    LazyLock::new(|| Catalogue::load_untried(&Sources::default()).expect("the tests load it"));

/// The `family.toml` of every built-in family.
pub(crate) fn written() -> Vec<String> {
    let folders = source::built_in_as_written().into_values();
    folders.filter_map(|mut files| files.remove("family.toml")).collect()
}

/// A path stays below its root, and steers nothing that prints it.
pub fn target(raw: &[u8]) {
    let Ok(raw) = str::from_utf8(raw) else { return };
    let target = Target::parse(raw);
    let path = &target.path;
    assert!(path.starts_with('/') && !path.chars().any(char::is_control), "{path:?}");
    if path != "/" {
        let mut segments = path[1..].split('/');
        assert!(segments.all(|segment| !["", ".", ".."].contains(&segment)), "{path:?}");
    }
    assert!(!target.file_name().contains('/') && target.query.len() <= 16);
    if target.token.is_none() && !path.contains(['%', '?']) {
        assert_eq!(&Target::parse(path).path, path, "it is clean already");
    }
}

/// Lines: a target, a User-Agent, other headers. Who asks is found the same each time, and is of
/// the catalogue.
pub fn identification(lines: &[u8]) {
    let Ok(lines) = str::from_utf8(lines) else { return };
    let mut lines = lines.split('\n');
    let target = Target::parse(lines.next().unwrap_or_default());
    let user_agent = lines.next();
    let headers: Vec<(String, String)> = lines
        .take(8)
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let request = Request { target: &target, user_agent, headers: &headers };
    let identity = BUILT_IN.identify(request);
    assert_eq!(identity, BUILT_IN.identify(request));
    assert_eq!(identity.mac.is_some(), identity.port.is_some());
    if let Some(mac) = identity.mac {
        assert_eq!(mac.to_string().parse::<Mac>(), Ok(mac));
    }
    if let Some(key) = &identity.phone_type {
        assert!(BUILT_IN.phone_type(key).is_some(), "{identity:?}");
    }
    assert!(identity.family.is_none_or(|at| at < BUILT_IN.families().len()));
    if BUILT_IN.is_followed(&identity) {
        assert!(identity.family.is_some(), "{identity:?}");
    }
}

/// A `family.toml` and, behind a line `----`, its template: a catalogue, which renders what its
/// types say within its limits, or problems that can be shown.
pub fn family(files: &[u8]) {
    let Ok(files) = str::from_utf8(files) else { return };
    let (definition, template) = files.split_once("\n----\n").unwrap_or((files, ""));
    let files = Files::from([
        ("family.toml".to_owned(), definition.to_owned()),
        ("device.cfg.j2".to_owned(), template.to_owned()),
    ]);
    let folders = Folders::from([("acme".to_owned(), files.clone())]);
    let problems = match Catalogue::from_folders(&folders, &BTreeSet::new()) {
        Ok(catalogue) => catalogue.tried("acme", &files),
        Err(error) => error.0,
    };
    for problem in problems {
        assert!(!problem.message.chars().any(|c| steers(c) && c != '\n'), "{problem:?}");
    }
}
