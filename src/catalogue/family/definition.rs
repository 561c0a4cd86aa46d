//! The shape of `family.toml`, as written. `templates/README.md` says what each key means.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::header::Field;
use crate::domain::settings::EncryptionFormat;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FamilyFile {
    pub vendor: String,
    pub group: String,
    #[serde(default, rename = "sources")]
    pub _sources: Vec<String>,
    /// Templates that lie in the folders of other families, by those.
    #[serde(default)]
    pub shares: BTreeMap<String, Vec<Spanned<String>>>,
    pub fallback_type: Option<Spanned<String>>,
    pub foreign_macs: Option<Spanned<String>>,
    #[serde(default)]
    pub closest: Vec<ClosestTable>,
    #[serde(default)]
    pub ouis: Vec<Spanned<String>>,
    #[serde(default)]
    pub user_agent: Vec<UserAgent>,
    #[serde(default)]
    pub header: Vec<Header>,
    /// How its phones' certificates name them.
    #[serde(default)]
    pub certificate: Vec<CertificateTable>,
    #[serde(default)]
    pub file: Vec<File>,
    /// Whether its phones send a User-Agent with every request.
    #[serde(default)]
    pub always_names_itself: bool,
    /// The requests of a boot, of which only [`super::followed`] reads anything here, and minds
    /// nothing: [`crate::catalogue::boot`] says what is wrong with them.
    pub boot: Option<toml::Value>,
    /// [`crate::catalogue::boot`] reads it: a gateway does not need it.
    #[serde(default, rename = "simulate")]
    pub _simulate: IgnoredAny,
    #[serde(default)]
    pub maps: BTreeMap<String, BTreeMap<String, toml::Value>>,
    pub defaults: Option<Spanned<toml::Table>>,
    #[serde(default)]
    pub own_passwords: OwnPasswordsFile,
    /// How its phones take their own files encrypted, the way that counts first.
    #[serde(default)]
    pub encryption: Vec<Spanned<EncryptionFile>>,
    /// Whether its phones need a key to choose a line, and which of their keys can be one.
    pub line_keys: Option<Spanned<LineKeys>>,
    /// Raw parameters that keep the phone ours: no file takes them back.
    #[serde(default)]
    pub never_reset: Vec<Spanned<String>>,
    /// Settings the family's phones have nothing for, and why.
    #[serde(default)]
    pub cannot: BTreeMap<Spanned<String>, String>,
    /// Texts and lists that the family's phones take less of than the schema.
    #[serde(default)]
    pub limits: BTreeMap<Spanned<String>, Limit>,
    #[serde(default, rename = "type")]
    pub types: Vec<Type>,
}

/// A way in which its phones take their own files encrypted.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EncryptionFile {
    pub format: EncryptionFormat,
    /// What a key must be like, whole, where the phones take less than the format.
    pub key: Option<String>,
    /// The same for people: `16 letters and digits`.
    pub key_is: Option<String>,
    /// Characters of a key that the gateway makes, where the format leaves it open.
    #[serde(default = "longest")]
    pub own_key: usize,
    /// Constants of `data` that a type has which knows the way.
    #[serde(default)]
    pub only: BTreeMap<String, String>,
    #[serde(rename = "source")]
    _source: String,
}

fn longest() -> usize {
    32
}

/// What passwords its phones take where nobody set one; `false`: no file has one.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OwnPasswordsFile {
    pub admin: Option<Spanned<OwnPassword>>,
    pub user: Option<Spanned<OwnPassword>>,
    /// The names that go with them at the phone's own pages.
    #[serde(default)]
    pub names: LoginNames,
}

/// What a phone's own pages are to be told beside a password; `None`: nothing, or nobody knows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginNames {
    /// The administrator's.
    pub admin: Option<String>,
    /// The user's.
    pub user: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "true, false, or a table with `digits` or `characters`, or `unless`")]
pub(crate) enum OwnPassword {
    Has(bool),
    Form(OwnPasswordForm),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OwnPasswordForm {
    pub digits: Option<usize>,
    pub characters: Option<usize>,
    /// A constant of `data`: types that have it have no such password.
    pub unless: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "true, false, or a list of constants of `data`")]
pub(crate) enum LineKeys {
    All(bool),
    /// The first keys, as many as the product of these.
    Constants(Vec<String>),
}

/// What stands in `[limits]` for every setting that is a free text, or a secret.
pub(crate) const ALL_TEXTS: &str = "*";

/// What a phone takes at most of a setting.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// Characters of a text, entries of a list.
    #[serde(default = "unlimited")]
    pub max: usize,
    /// The fewest characters of a text.
    #[serde(default)]
    pub min: usize,
    /// Characters that a text cannot have: the phone's syntax has no way to write them.
    #[serde(default)]
    pub without: String,
    /// Whole texts that the phone takes for something else, in whatever case.
    #[serde(default)]
    pub not: Vec<String>,
    /// Characters of all entries of a list together.
    pub characters: Option<usize>,
    #[serde(rename = "source")]
    _source: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClosestTable {
    pub models: Spanned<String>,
    pub firmware: Option<Spanned<String>>,
    #[serde(rename = "type")]
    pub phone_type: Spanned<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserAgent {
    pub pattern: Spanned<String>,
    #[serde(default)]
    pub renamed: BTreeMap<String, String>,
    #[serde(rename = "source")]
    pub _source: Option<String>,
    #[serde(default)]
    pub examples: Vec<Spanned<UserAgentExample>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserAgentExample {
    pub text: String,
    pub model: Option<String>,
    pub firmware: Option<String>,
    pub mac: Option<String>,
    pub modules: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Header {
    pub name: Spanned<String>,
    pub pattern: Spanned<String>,
    #[serde(rename = "source")]
    pub _source: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CertificateTable {
    /// The attribute that names the phone, and the pattern of all of its value.
    pub mac: Spanned<BTreeMap<Spanned<String>, Spanned<String>>>,
    /// Attributes in which the MAC may stand again, which then is the same.
    #[serde(default)]
    pub also: BTreeMap<Spanned<String>, Spanned<String>>,
    /// Patterns of the authorities' names, each of a whole one.
    pub issuers: Spanned<Vec<Spanned<String>>>,
    /// What the certificate of all phones says that have none of their own.
    #[serde(default)]
    pub generic: BTreeMap<Spanned<String>, Spanned<String>>,
    #[serde(default)]
    pub unverified: bool,
    pub source: String,
    #[serde(default)]
    pub examples: Vec<Spanned<CertificateExample>>,
}

/// Without `mac`: it proves no phone.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CertificateExample {
    pub issuer: String,
    pub subject: BTreeMap<Spanned<String>, String>,
    pub mac: Option<String>,
}

/// Whom one file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// All ports of the device that asks.
    Device,
    /// The one port the path names.
    Port,
    /// No phone in particular: holds no secret and goes to anyone.
    Common,
}

/// What printed values must not be able to break out of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Escape {
    /// One value a line: no line breaks, no control characters.
    Line,
    /// Does as `line`, inside double quotes.
    Quoted,
    /// XML text and attribute values.
    Xml,
    /// Values of `application/x-www-form-urlencoded`: all but letters, digits and `-._~` as `%2F`.
    Url,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub enum Encoding {
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    #[serde(rename = "iso-8859-1")]
    Latin1,
    /// ISO 8859-1, and `\u0141` for what that cannot have: `java.util.Properties.load`.
    #[serde(rename = "java-properties")]
    Properties,
    /// The template writes two hexadecimal digits for each byte.
    #[serde(rename = "hex")]
    Hex,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LineEnding {
    #[default]
    Lf,
    Crlf,
    /// The file is one line: those of the template are for its reader.
    None,
}

/// What stands between the name and the value in a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Separator {
    /// `name=value` or `name: value`.
    #[default]
    Sign,
    /// `name value`, also as the command `SET name value`.
    Blank,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    pub paths: Vec<Spanned<String>>,
    pub template: Option<Spanned<String>>,
    /// What a phone is sent under that name while nobody has made it active.
    pub holding: Option<Spanned<String>>,
    pub scope: Option<Scope>,
    pub content_type: Option<String>,
    pub escape: Option<Escape>,
    #[serde(default)]
    pub encoding: Encoding,
    #[serde(default)]
    pub line_ending: LineEnding,
    #[serde(default)]
    pub separator: Separator,
    /// Names that several lines have, told apart by their values up to the first `;`.
    #[serde(default)]
    pub repeats: Vec<String>,
    /// Attributes of XML that say which of several elements of one name it is.
    #[serde(default)]
    pub named_by: Vec<String>,
    /// Bytes before the text.
    pub header: Option<Spanned<Vec<Field>>>,
    /// Header and text are made a multiple of it with NULs.
    #[serde(default = "one")]
    pub pad: usize,
    #[serde(default)]
    pub keeps: Keeps,
    /// Whether settings come into it. One that only names others, or only takes back, sets nothing.
    #[serde(default = "yes")]
    pub sets: bool,
    /// The path of the file that takes back what it set.
    pub reset_in: Option<Spanned<String>>,
    /// Its phones send it.
    pub upload: Option<Spanned<UploadFile>>,
    /// Its phones send a form and wait for it.
    #[serde(default)]
    pub form: bool,
    /// Its phones take it encrypted, and it has their key in it.
    #[serde(default)]
    pub encrypted: bool,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UploadFile {
    pub kind: UploadKind,
    pub max_bytes: Option<u64>,
    #[serde(default)]
    pub served_back: bool,
}

/// What a phone sends, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum UploadKind {
    /// What the phone wrote down of its work.
    Log,
    /// Settings that its user made at the phone.
    Overrides,
    /// The phone's own directory.
    Contacts,
    /// Lists of calls.
    Calls,
    /// Its state, or all of its configuration.
    Report,
}

fn yes() -> bool {
    true
}

fn unlimited() -> usize {
    usize::MAX
}

fn one() -> usize {
    1
}

/// Why what a file set once may stay in the phone when it is set no more, where it may.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Keeps {
    /// All it sets.
    All(#[expect(dead_code, reason = "people read it")] String),
    /// It keeps these keys, and what is in those elements, in the form `dialtone check` has them.
    Keys(BTreeMap<String, String>),
}

impl Default for Keeps {
    fn default() -> Keeps {
        Keeps::Keys(BTreeMap::new())
    }
}

impl Keeps {
    pub(crate) fn all(&self) -> bool {
        matches!(self, Keeps::All(_))
    }

    pub(crate) fn of(&self, key: &str) -> bool {
        let Keeps::Keys(kept) = self else { return true };
        kept.keys().any(|kept| {
            let below = key.strip_prefix(kept.as_str());
            below.is_some_and(|below| below.is_empty() || below.starts_with(['/', ' ']))
        })
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Type {
    pub key: Spanned<String>,
    pub base: Option<Spanned<String>>,
    pub model: Option<String>,
    #[serde(default)]
    pub aliases: Vec<String>,
    pub description: Option<String>,
    pub notice: Option<String>,
    pub lines: Option<u16>,
    pub keys: Option<u16>,
    pub ports: Option<u16>,
    pub modules: Option<u16>,
    pub module_keys: Option<u16>,
    pub soft_keys: Option<u16>,
    pub code: Option<String>,
    pub macs: Option<Spanned<String>>,
    pub data: Option<toml::Table>,
    pub defaults: Option<Spanned<toml::Table>>,
}
