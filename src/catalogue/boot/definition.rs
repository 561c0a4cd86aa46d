//! `[[boot]]` and `[simulate]` of `family.toml`, as written. `templates/README.md` says what each
//! key means.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

/// What a `family.toml` says of a boot; the rest of it is `family/definition.rs`.
#[derive(Debug, Deserialize)]
pub(super) struct BootFile {
    #[serde(default)]
    pub boot: Vec<Spanned<StepTable>>,
    pub simulate: Option<SimulateTable>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StepTable {
    pub get: Option<String>,
    pub put: Option<String>,
    pub post: Option<String>,
    #[serde(default)]
    pub optional: bool,
    #[serde(default = "yes")]
    pub configures: bool,
    pub user_agent: Option<StepUserAgent>,
    #[serde(rename = "source")]
    pub _source: Option<String>,
}

/// What one request of a boot says instead of the family's usual User-Agent.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "a User-Agent is a text, or `false` for a request without one")]
pub(super) enum StepUserAgent {
    Text(String),
    /// The header is not there at all.
    None(Never),
}

/// `false`, the only boolean that means something where another value is the usual one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "bool")]
pub(super) struct Never;

impl TryFrom<bool> for Never {
    type Error = &'static str;

    fn try_from(written: bool) -> Result<Never, &'static str> {
        if written { Err("`true` does not say which") } else { Ok(Never) }
    }
}

/// How a phone writes its MAC in a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum MacCase {
    #[default]
    Lower,
    Upper,
}

/// What a phone writes between the octets of its MAC in a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum MacSeparator {
    #[serde(rename = ":")]
    Colon,
    #[serde(rename = "-")]
    Dash,
    #[serde(rename = ".")]
    Dot,
    #[serde(rename = "_")]
    Underscore,
}

impl MacSeparator {
    pub(super) fn character(self) -> char {
        match self {
            MacSeparator::Colon => ':',
            MacSeparator::Dash => '-',
            MacSeparator::Dot => '.',
            MacSeparator::Underscore => '_',
        }
    }
}

/// What becomes of a connection after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConnectionUse {
    /// One for the whole boot.
    #[default]
    Reuse,
    /// One for each request.
    Close,
}

/// Which HTTP a phone speaks.
///
/// With 1.0 each request has a connection of its own, whatever [`ConnectionUse`] says, and an
/// answer in chunks cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub enum HttpVersion {
    /// HTTP/1.0 (RFC 1945).
    #[serde(rename = "1.0")]
    V1_0,
    /// HTTP/1.1 (RFC 9112).
    #[default]
    #[serde(rename = "1.1")]
    V1_1,
}

/// What of its last answer a phone sends along when it asks again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Conditional {
    /// The phone asks as if for the first time.
    None,
    /// `If-None-Match` with the `ETag` it got.
    #[default]
    Etag,
    /// `If-Modified-Since` with the `Last-Modified` it got.
    Modified,
    /// The phone sends `If-None-Match` and `If-Modified-Since`.
    Both,
}

/// The grammar of a configuration file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Syntax {
    /// Lines of `key = value` or `key: value`, with `[sections]` or without.
    KeyValue,
    /// Lines of `SET key value` or `key value`, values in quotes or without.
    Set,
    /// A value is the text of an element or one of its attributes.
    Xml,
    /// `key=value&key=value`, percent-encoded.
    Url,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SimulateTable {
    pub user_agent: Option<Spanned<String>>,
    #[serde(default)]
    pub user_agents: BTreeMap<String, Spanned<String>>,
    #[serde(rename = "source")]
    pub _source: Option<String>,
    #[serde(default)]
    pub mac_case: MacCase,
    pub mac_separator: Option<MacSeparator>,
    #[serde(default)]
    pub http_version: HttpVersion,
    #[serde(default)]
    pub http_versions: BTreeMap<String, Spanned<HttpVersion>>,
    #[serde(default = "yes")]
    pub host: bool,
    #[serde(default)]
    pub connection: ConnectionUse,
    #[serde(default)]
    pub conditional: Conditional,
    #[serde(default = "two")]
    pub retries: u8,
    #[serde(default = "five")]
    pub retry_delay_s: u32,
    pub syntax: Spanned<Syntax>,
    pub first_line: Option<String>,
    pub unset: Option<String>,
    pub user: Spanned<PlacesTable>,
    pub registrar: Spanned<PlacesTable>,
    pub password: Option<Spanned<PlacesTable>>,
}

/// Where a value stands, or, one after the other, where it stands for each line.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "a selector is a text, or a list of them")]
pub(super) enum PlacesTable {
    One(String),
    Each(Vec<String>),
}

fn yes() -> bool {
    true
}

fn two() -> u8 {
    2
}

fn five() -> u32 {
    5
}
