//! Names of files that the gateway hosts: firmware, tones, pictures, laid out by an operator.

use std::fmt;

use super::Mac;

/// The path of a hosted file below its folder: 1 to 4 names with `/` between, each of 1 to 128
/// letters, digits and `-._~()+,=@!`, the first of them no `.`.
///
/// It stands in a URL as it is. A MAC before it says which phone asks.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostedPath(String);

/// What stands before MAC and path in the path of a request.
const FOLDER: &str = "/files/";

impl HostedPath {
    /// What a path is of, for people.
    pub const RULE: &str = "1 to 4 parts with / between, each of 1 to 128 letters, digits and \
                            -._~()+,=@!, first no .";

    const MAX_NAMES: usize = 4;
    const MAX_NAME: usize = 128;

    /// The path that `text` is; `None` when it is none.
    #[must_use]
    pub fn new(text: &str) -> Option<HostedPath> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~()+,=@!".contains(&byte);
        let is_name = |name: &str| {
            (1..=HostedPath::MAX_NAME).contains(&name.len())
                && !name.starts_with('.')
                && name.bytes().all(fits)
        };
        let is_path =
            text.split('/').count() <= HostedPath::MAX_NAMES && text.split('/').all(is_name);
        is_path.then(|| HostedPath(text.to_owned()))
    }

    /// The path that a setting names as `files:PATH`. An empty one is the folder, for a phone that
    /// adds names of its own.
    #[must_use]
    pub fn of_setting(value: &str) -> Option<HostedPath> {
        match value.strip_prefix("files:")? {
            "" => Some(HostedPath(String::new())),
            path => HostedPath::new(path),
        }
    }

    /// What the path of a request asks for, and for which phone: `.../files/MAC/PATH`.
    #[must_use]
    pub fn asked(path: &str) -> Option<(Mac, HostedPath)> {
        let slashes = path.match_indices('/').map(|(at, _)| &path[at..]);
        slashes.filter_map(|rest| rest.strip_prefix(FOLDER)).find_map(|rest| {
            let (mac, hosted) = rest.split_once('/')?;
            Some((mac.parse().ok()?, HostedPath::new(hosted)?))
        })
    }

    /// Where a phone gets it from a gateway that it reaches under `base_url`.
    #[must_use]
    pub fn url(&self, base_url: &str, mac: Mac) -> String {
        format!("{}{FOLDER}{mac}/{self}", base_url.trim_end_matches('/'))
    }

    /// The text it was made of.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HostedPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_nowhere_else() {
        let long = "a".repeat(129);
        for no in
            ["", "/a", "a/", "a//b", ".", "..", "a/../b", ".a", "a/.b", "a b", "a%2fb", "a\\b"]
        {
            assert_eq!(HostedPath::new(no), None, "{no:?}");
        }
        assert_eq!(HostedPath::new(&long), None);
        assert_eq!(HostedPath::new("a/b/c/d/e"), None);
        for yes in ["T46S(T48S,T42S)-66.86.0.15.rom", "a/b/c/d", "..a".trim_start_matches('.')] {
            assert_eq!(HostedPath::new(yes).unwrap().as_str(), yes);
        }
    }

    #[test]
    fn a_request_says_which_phone_asks_for_which_file() {
        let mac: Mac = "0015654aa937".parse().unwrap();
        let asked =
            |path: &str| HostedPath::asked(path).map(|(mac, path)| (mac, path.as_str().to_owned()));
        let found = |path: &str| Some((mac, path.to_owned()));
        assert_eq!(asked("/files/0015654aa937/a.rom"), found("a.rom"));
        assert_eq!(asked("/prov/files/00:15:65:4A:A9:37/a/b.rom"), found("a/b.rom"));
        assert_eq!(asked("/files/files/0015654aa937/files/x"), found("files/x"));
        for none in ["/files/0015654aa937", "/files/x/a.rom", "/a/0015654aa937/b", "/files/", "/"] {
            assert_eq!(asked(none), None, "{none}");
        }
    }

    #[test]
    fn a_url_is_asked_for_as_it_is_made() {
        let mac: Mac = "0015654aa937".parse().unwrap();
        let path = HostedPath::of_setting("files:a/b.rom").unwrap();
        let url = path.url("https://gw.example/p/", mac);
        assert_eq!(url, "https://gw.example/p/files/0015654aa937/a/b.rom");
        assert_eq!(HostedPath::asked(&url), Some((mac, path)));
        assert_eq!(HostedPath::of_setting("http://a/b"), None);
        let folder = HostedPath::of_setting("files:").unwrap().url("https://gw.example", mac);
        assert_eq!(folder, "https://gw.example/files/0015654aa937/");
        assert_eq!(HostedPath::asked(&folder), None);
    }
}
