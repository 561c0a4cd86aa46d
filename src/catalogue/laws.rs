//! What holds of whatever a request names, and of whatever stands in a family's folder.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use super::family::problem::Problem;
use super::family::source::{self, Files, Folders};
use super::render::{MAX_BODY_BYTES, RenderedFile};
use super::{Catalogue, FileSpec, Request, Sources, Target, examples, try_family};
use crate::domain::{Certified, ClientCertificate, Mac, steers};

static BUILT_IN: LazyLock<Catalogue> =
    LazyLock::new(|| Catalogue::load_untried(&Sources::default()).expect("the tests load it"));

/// Begins a file of a family, before its name.
const FILE: &str = "==== ";

/// The built-in families that are short, as [`family`] takes them.
pub(crate) fn written() -> Vec<String> {
    let whole = |files: Files| {
        files
            .into_iter()
            .fold(String::new(), |all, (name, text)| all + FILE + &name + "\n" + &text + "\n")
    };
    let all = source::built_in().into_values().map(whole);
    all.filter(|text| text.len() <= MOST_BYTES).collect()
}

/// An input is no longer than this, and some families are shorter.
const MOST_BYTES: usize = 16 << 10;

/// A path stays below its root, and steers nothing that prints it.
pub(crate) fn target(raw: &[u8]) {
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
    assert!(identity.mac.is_none_or(Mac::is_usable), "{identity:?}");
    if BUILT_IN.looks_like_a_phone(&identity) {
        assert!(identity.contradicts.is_none() && identity.vendor.is_some(), "{identity:?}");
    }
    if let Some(key) = &identity.phone_type {
        assert!(BUILT_IN.phone_type(key).is_some(), "{identity:?}");
    }
    assert!(identity.family.is_none_or(|at| at < BUILT_IN.families().len()));
    if BUILT_IN.is_followed(&identity) {
        assert!(identity.family.is_some(), "{identity:?}");
    }
    let (common, holding) = (BUILT_IN.common_file(&identity), BUILT_IN.holding_file(&identity));
    assert!(identity.file.is_some() || (common.is_none() && holding.is_none()), "{identity:?}");
    if let Some(holding) = holding {
        let made = BUILT_IN.render_holding(&holding);
        assert!(made.is_ok_and(|file| is_within(&file)), "{identity:?}");
    }
}

/// What a certificate proves is of the catalogue.
pub(crate) fn certified(certificate: &ClientCertificate) {
    match BUILT_IN.certified(certificate) {
        Certified::Mac(mac) => assert!(mac.is_usable(), "{mac}"),
        Certified::Maker(families) => {
            let is_known = |id: &String| BUILT_IN.families().iter().any(|of| of.id == *id);
            assert!(!families.is_empty() && families.iter().all(is_known), "{families:?}");
        }
        Certified::Contradictory | Certified::Nothing => {}
    }
}

/// The files of a family, each behind a line `==== NAME`: a catalogue, which renders what its
/// types say within its limits, or problems that can be shown, each of one of the files.
pub fn family(files: &[u8]) {
    let Ok(text) = str::from_utf8(files) else { return };
    let mut files = Files::new();
    for file in text.split(FILE).skip(1).take(64) {
        let (name, text) = file.split_once('\n').unwrap_or((file, ""));
        files.insert(name.to_owned(), text.to_owned());
    }
    let folders = Folders::from([("acme".to_owned(), files.clone())]);
    let problems = match Catalogue::from_folders(&folders, &BTreeSet::new()) {
        Ok(catalogue) => {
            assert!(catalogue.families().len() == 1 && !catalogue.types().is_empty());
            let within = |_: &FileSpec, file: &RenderedFile| match is_within(file) {
                true => Ok(()),
                false => panic!("a file of {} bytes", file.body.len()),
            };
            let mut problems = try_family(&catalogue, 0, &within);
            examples::run(&catalogue, "acme", &files, &mut problems);
            problems
        }
        Err(error) => {
            assert!(!error.0.is_empty(), "it is refused for nothing");
            error.0
        }
    };
    for Problem { file, line, message } in &problems {
        assert!(!message.chars().any(|c| steers(c) && c != '\n'), "{message:?}");
        let lines = |name| files.get(name).map_or(0, |text: &String| text.split('\n').count());
        let most = file.strip_prefix("acme/").map_or(0, lines);
        assert!(line.is_none_or(|line| (1..=most).contains(&line)), "{file}:{line:?}: {message}");
    }
}

/// Whether it is as long as it may be; in another encoding, quoted, and with a header it is a few
/// times as long as what was rendered.
fn is_within(file: &RenderedFile) -> bool {
    file.body.len() <= 5 * MAX_BODY_BYTES
}
