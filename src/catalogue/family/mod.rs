//! A family and its types, compiled: what the rest of the catalogue works on.

pub(crate) mod certificate;
pub(crate) mod definition;
pub(crate) mod encryption;
mod followed;
pub(crate) mod header;
mod limits;
pub(super) mod load;
pub(crate) mod never_reset;
pub(crate) mod problem;
mod shares;
pub(crate) mod source;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use minijinja::Value;
use regex::Regex;

use super::identify::facts::UserAgentPattern;
use super::identify::path_pattern::{PathFacts, PathPattern};
use super::render::values::Unsaid;
use crate::domain::settings::Layer;
use crate::domain::{Mac, PasswordForm, Port, TypeKey};
use certificate::CertificateForm;
use definition::{
    Encoding, Escape, Keeps, Limit, LineEnding, LoginNames, Scope, Separator, UploadKind,
};
pub use encryption::Encryption;
use header::Header;
use never_reset::NeverReset;

/// The types that share one boot behaviour and one set of templates.
#[derive(Debug)]
pub struct Family {
    /// The name of its folder.
    pub id: String,
    /// The maker's name, for people.
    pub vendor: String,
    /// `pgroup` of readtypes.
    pub group: String,
    /// What its phones ask for; the first whose path fits a request counts.
    pub files: Vec<FileSpec>,
    /// How its phones' certificates name them.
    pub certificates: Vec<CertificateForm>,
    /// Settings that its phones have nothing for, by their paths (`lines.N.srtp`; a group stands
    /// for all that is below it), and why.
    pub cannot: BTreeMap<String, String>,
    /// Settings of which its phones take so many characters.
    pub limits: BTreeMap<String, Limit>,
    /// The names that go with the passwords of its phones' own pages.
    pub login_names: LoginNames,
    pub(crate) never_reset: Arc<NeverReset>,
    pub(crate) fallback_type: Option<TypeKey>,
    pub(crate) ouis: Vec<u32>,
    /// Tells the MACs in its blocks that other makers' phones have.
    pub(crate) foreign_macs: Option<Regex>,
    pub(crate) closest: Vec<Closest>,
    pub(crate) user_agents: Vec<UserAgentPattern>,
    pub(crate) headers: Vec<(String, Regex)>,
    /// Whether its phones send a User-Agent with every request.
    pub(crate) always_names_itself: bool,
    /// Path patterns of names with a MAC after which a phone that is refused them surely asks for
    /// another one with it.
    pub(crate) followed: Vec<String>,
    /// Its `family.toml`, for what only [`super::boot`] reads in it.
    pub(crate) text: String,
    pub(crate) maps: Arc<BTreeMap<String, BTreeMap<String, Value>>>,
}

/// What models that no type has are taken for.
#[derive(Debug)]
pub(crate) struct Closest {
    /// What whole names must be like, plain: see [`plain_model`].
    pub models: Regex,
    /// What the firmware must be like, where it matters; then only one that is told fits.
    pub firmware: Option<Regex>,
    pub phone_type: TypeKey,
}

/// `None`: its files have no such password, or it is not to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnPasswords {
    pub admin: Option<PasswordForm>,
    pub user: Option<PasswordForm>,
}

/// One file its phones ask for.
#[derive(Debug)]
pub struct FileSpec {
    pub(crate) patterns: Vec<PathPattern>,
    /// Name in the template environment, `yealink/device.cfg.j2`; `None`: refused.
    pub template: Option<String>,
    /// What a phone is sent instead while nobody has made it active, where its company has it so: a
    /// file of scope `common`. `None`: refused.
    pub holding: Option<Box<FileSpec>>,
    /// Whether the file is for all ports of a device, for one, or for no phone in particular.
    pub scope: Scope,
    /// The `Content-Type` of the answer.
    pub content_type: Arc<str>,
    /// What is done to every value, so that none can add a line, an element or a key.
    pub escape: Escape,
    /// How the characters of the file become bytes.
    pub encoding: Encoding,
    /// What ends each of its lines.
    pub line_ending: LineEnding,
    /// What stands between name and value in its lines, where they are not XML or arguments.
    pub separator: Separator,
    /// Names that several lines have, told apart by their values up to the first `;`.
    pub repeats: Vec<String>,
    /// Attributes of XML whose value is the name of what the element sets, besides those that are
    /// so with every maker.
    pub named_by: Vec<String>,
    /// Bytes before the text.
    pub header: Option<Header>,
    pub(crate) keeps: Keeps,
    /// Whether settings come into it: a phone that only fetched one that sets nothing was given none.
    pub sets: bool,
    /// The pattern of the file, fetched with this one, that takes back what this one set and sets
    /// no more; `None`: it does so itself.
    pub reset_in: Option<String>,
    /// Its phones send it; then it has no template.
    pub upload: Option<UploadSpec>,
    /// Its phones also ask for it with a form (POST), of which nothing is read.
    pub form: bool,
    /// It is encrypted where a phone's settings say so, and has the phone's key in it.
    pub is_encrypted: bool,
}

/// A file that phones send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadSpec {
    /// What the phones send in it.
    pub kind: UploadKind,
    /// A longer one is refused whole.
    pub max_bytes: u64,
    /// The phone gets it again when it asks for it.
    pub is_served_back: bool,
}

impl UploadSpec {
    /// What a family allows that says nothing: a log as long as the longest that a Polycom phone
    /// keeps (`log.render.file.size`, 1 to 180 KB), several times.
    pub const USUAL_MAX_BYTES: u64 = 1 << 20;
    /// The most a family can allow: a report with traces and core files.
    pub const MAX_BYTES: u64 = 16 << 20;
}

impl FileSpec {
    /// How `family.toml` writes its (first) path.
    #[must_use]
    pub fn pattern(&self) -> &str {
        &self.patterns[0].text
    }

    /// The pattern of the file that takes back what this one set.
    #[must_use]
    pub fn reset_in(&self) -> &str {
        self.reset_in.as_deref().unwrap_or_else(|| self.pattern())
    }
}

/// An entry of the catalogue.
#[derive(Debug)]
pub struct PhoneType {
    /// What the API and the store call the type; no other type of the catalogue has the same.
    pub key: TypeKey,
    /// Place of its family in [`super::Catalogue::families`].
    pub family: usize,
    /// The model's name as the maker writes it.
    pub model: String,
    /// Other names of the same model, in User-Agents and paths.
    pub aliases: Vec<String>,
    /// The maker's name and the model's, for people.
    pub description: String,
    /// What an operator has to know of it when one is made active: that it takes no files over
    /// HTTP, say.
    pub notice: Option<String>,
    /// SIP accounts of one port; at least 1.
    pub lines: u16,
    /// Programmable keys of the phone's own, without those of modules.
    pub keys: u16,
    /// Phones behind one MAC; at least 1.
    pub ports: u16,
    /// Expansion modules attached, and the keys of each.
    pub modules: u16,
    /// Keys of each module; of a type without modules, of those that its variants have.
    pub module_keys: u16,
    /// Keys below the display that can be given something to do.
    pub soft_keys: u16,
    /// The maker's product code, `{code}` in paths.
    pub code: Option<String>,
    /// The key of the type this is a variant of, of the same model: no request tells the two apart.
    pub base: Option<TypeKey>,
    /// The family's defaults with the type's over them.
    pub defaults: Layer,
    /// How many of its own keys, the first, can show a line that could not be chosen without; 0: it
    /// needs none, or has none.
    pub line_keys: u16,
    /// What passwords its phones are given where nobody sets one.
    pub own_passwords: OwnPasswords,
    /// How its phones take their own files encrypted, the way that counts first.
    pub encryptions: Vec<Arc<Encryption>>,
    /// The `type` of templates.
    pub(crate) view: Value,
    pub(crate) macs: Option<Regex>,
    /// Whether its files express rows of [`super::coverage_rows`], as far as that was
    /// asked.
    pub(crate) expressed: Mutex<HashMap<String, bool>>,
    /// What its files do not say of values of such rows, each as JSON, as far as that was asked.
    pub(crate) unsaid: Mutex<HashMap<(String, String), Vec<Unsaid>>>,
}

impl Family {
    /// The manufacturer's blocks its phones have their MACs from, in the low 24 bits.
    #[must_use]
    pub fn ouis(&self) -> &[u32] {
        &self.ouis
    }

    /// The holding files of those that have one.
    pub fn holding_files(&self) -> impl Iterator<Item = &FileSpec> {
        self.files.iter().filter_map(|file| file.holding.as_deref())
    }

    /// Whether the address is in a part of its blocks that other makers' phones have.
    pub(crate) fn is_foreign(&self, mac: Mac) -> bool {
        self.foreign_macs.as_ref().is_some_and(|macs| macs.is_match(&mac.upper()))
    }

    /// Whether its phones have addresses like this one.
    pub(crate) fn holds(&self, mac: Mac) -> bool {
        self.ouis.contains(&mac.oui()) && !self.is_foreign(mac)
    }
}

impl Family {
    /// The type a model that no type has is taken for; `None`: it is like none.
    pub(crate) fn closest(&self, model: &str, firmware: Option<&str>) -> Option<&TypeKey> {
        let model = plain_model(model);
        let fits = |closest: &&Closest| {
            let of_firmware = closest.firmware.as_ref();
            closest.models.is_match(&model)
                && of_firmware.is_none_or(|regex| firmware.is_some_and(|text| regex.is_match(text)))
        };
        self.closest.iter().find(fits).map(|closest| &closest.phone_type)
    }

    /// Whether the name is spelled as one of the family's, also of a model to come.
    pub(crate) fn has_closest(&self, model: &str) -> bool {
        let model = plain_model(model);
        self.closest.iter().any(|closest| closest.models.is_match(&model))
    }
}

/// A model's name in upper case, without what firmwares disagree on.
fn plain_model(name: &str) -> String {
    let kept = name.chars().filter(|c| !matches!(c, '_' | '-' | ' '));
    kept.map(|c| c.to_ascii_uppercase()).collect()
}

impl PhoneType {
    /// Whether the simulator can be this type: variants of another one differ in ways
    /// that no request shows.
    #[must_use]
    pub fn is_distinct(&self) -> bool {
        self.base.is_none()
    }

    /// Tells the MACs that the maker gives to this type.
    pub fn mac_test(&self) -> impl Fn(Mac) -> bool + Send + use<> {
        let macs = self.macs.clone();
        move |mac| macs.as_ref().is_none_or(|macs| macs.is_match(&mac.upper()))
    }

    /// One of the type's constants, where it has it and it is text.
    pub(crate) fn constant(&self, name: &str) -> Option<String> {
        let data = self.view.get_attr("data").ok()?;
        data.get_attr(name).ok()?.as_str().map(str::to_owned)
    }

    /// How the model is spelled here, if `name` is one of its names.
    pub(crate) fn spelling(&self, name: &str) -> Option<&str> {
        std::iter::once(&self.model)
            .chain(&self.aliases)
            .find(|own| is_same_model(own, name))
            .map(String::as_str)
    }
}

/// Compares model names without all that firmwares disagree on. Allocates nothing:
/// a request's model is compared with some hundred names.
pub(crate) fn is_same_model(one: &str, other: &str) -> bool {
    fn plain(name: &str) -> impl Iterator<Item = u8> {
        let kept = name.bytes().filter(|byte| !matches!(byte, b'_' | b'-' | b' '));
        kept.map(|byte| byte.to_ascii_lowercase())
    }
    plain(one).eq(plain(other))
}

impl FileSpec {
    /// What requests for this file would tell, one for each that the type can make:
    /// every port of a file of scope `port`, the type's own model and code.
    #[must_use]
    pub fn example_facts(&self, phone_type: &PhoneType, mac: Mac) -> Vec<PathFacts> {
        let has = |name: &str| self.patterns.iter().any(|pattern| pattern.text.contains(name));
        let facts = |port| PathFacts {
            mac: has("{mac}").then_some(mac),
            port,
            model: has("{model}").then(|| phone_type.model.clone()),
            code: phone_type.code.clone().filter(|_| has("{code}")),
            part: None,
        };
        match self.scope {
            Scope::Port => Port::first(phone_type.ports).map(|port| facts(Some(port))).collect(),
            Scope::Device | Scope::Common => vec![facts(None)],
        }
    }
}
