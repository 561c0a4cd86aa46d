//! The families of handsets as data: what they ask, who they are, what they get.
//!
//! - [`family`] reads the folders: what is written, compiled and checked;
//! - [`mod@identify`] tells who asks by what a request says;
//! - [`render`] makes the files of templates and settings;
//! - [`boot`] says how phones boot, for `phonesim` and `dialtone check`.
//!
//! `templates/README.md` describes the format. A [`Catalogue`] is loaded whole
//! or not at all, never changes, and is shared behind an `Arc`; a reload makes
//! another one.

mod boot;
#[cfg(test)]
mod certificate_table;
mod family;
#[cfg(test)]
mod held;
mod identify;
#[cfg(any(test, fuzzing))]
pub(crate) mod laws;
mod limits;
#[cfg(test)]
mod makers;
#[cfg(test)]
mod marks;
mod parallel;
mod render;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::HeaderName;
use regex::RegexSet;
use sha2::{Digest, Sha256};

pub use boot::selector::{ANY_LINE, Numbered, Places, Selector, Step};
pub use boot::{
    BootShape, BootStep, Boots, Conditional, ConfigReader, ConnectionUse, FamilyBoot, HttpVersion,
    MacText, RequestShape, Simulate, StepDoes, Syntax,
};
pub use family::certificate::CertificateForm;
pub use family::definition::{Escape, Limit, Scope, Separator, UploadKind};
pub use family::problem::{CatalogueError, Problem};
pub use family::{Encryption, Family, FileSpec, PhoneType, UploadSpec};
pub use identify::file_match::FileMatch;
pub use identify::path_pattern::PathFacts;
pub use identify::target::Target;
pub use identify::{Contradiction, Evidence, Identity, Request};
pub(crate) use render::bisect::making_a_difference;
pub use render::context::{PortInput, RenderInput, Whose, whose};
pub use render::coverage::{Coverage, Expressed, cannot_of, coverage_rows, set_rows};
pub use render::examples::{ExampleOutcome, check_examples, update_examples};
pub(crate) use render::keys::command;
pub use render::line_keys::lines_without_key;
pub use render::values::Unsaid;
pub use render::{RenderError, RenderedFile};

use crate::domain::{Timestamp, TypeKey, did_you_mean, nearest, to_hex};
use family::load;
use family::source::{self, Files, Folders};
use identify::contradiction::makers_of;
use identify::index::{PathOwner, path_index, user_agent_index};
use render::examples;
use render::trial::try_family;

/// Catalogues loaded by this process so far.
static LOADED: AtomicU64 = AtomicU64::new(1);

/// The family and the type of a handset nothing more is known of.
const GENERIC: &str = "generic";

/// Where a catalogue is read from.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// An operator's folder, laid over the built-in families.
    pub templates_dir: Option<PathBuf>,
    /// Leaves the built-in families out.
    pub without_built_in: bool,
    /// When not empty, the only types offered; others do not exist.
    pub only_types: BTreeSet<String>,
}

impl Sources {
    /// The families in the operator's folder, in order; none where it cannot be read.
    #[must_use]
    pub fn own_families(&self) -> Vec<String> {
        let own = self.templates_dir.as_deref().and_then(|dir| source::folder(dir).ok());
        own.unwrap_or_default().into_keys().collect()
    }
}

/// All families and types, compiled and checked.
#[derive(Debug)]
pub struct Catalogue {
    families: Vec<Family>,
    /// The types in order of family.
    types: Vec<PhoneType>,
    /// Where each family's types begin and end in `types`.
    ranges: Vec<std::ops::Range<usize>>,
    by_key: HashMap<TypeKey, usize>,
    generic: Option<usize>,
    path_set: RegexSet,
    /// Who has each expression of the set.
    path_owners: Vec<Vec<PathOwner>>,
    user_agent_set: RegexSet,
    /// The family of each expression of the set, and the place in its `user_agents`.
    user_agent_owners: Vec<(usize, usize)>,
    ouis: HashMap<u32, Vec<usize>>,
    /// For each family its maker; see [`makers_of`].
    makers: Vec<usize>,
    header_names: Arc<[HeaderName]>,
    templates: render::Templates,
    digest: String,
    /// The types that are not offered, because `only_types` does not name them.
    not_offered: BTreeSet<TypeKey>,
    version: u64,
    served_since: Timestamp,
}

impl Catalogue {
    /// Reads, compiles and checks every family.
    ///
    /// # Errors
    /// Every problem of every family, with file and line.
    pub fn load(sources: &Sources) -> Result<Catalogue, CatalogueError> {
        let (catalogue, own) = Catalogue::compile(sources)?;
        let problems: Vec<Problem> =
            own.iter().flat_map(|(name, files)| catalogue.tried(name, files)).collect();
        if problems.is_empty() { Ok(catalogue) } else { Err(CatalogueError(problems)) }
    }

    /// Does as [`Catalogue::load`], but renders nothing: for who renders it all anyway. What no
    /// phone could be given is not found, and is not to be served.
    ///
    /// # Errors
    /// Every problem of every family that shows without, with file and line.
    pub fn load_untried(sources: &Sources) -> Result<Catalogue, CatalogueError> {
        Catalogue::compile(sources).map(|(catalogue, _)| catalogue)
    }

    /// The catalogue, and the folders of it that are an operator's.
    fn compile(sources: &Sources) -> Result<(Catalogue, Folders), CatalogueError> {
        let mut folders =
            if sources.without_built_in { Folders::new() } else { source::built_in() };
        let own = match &sources.templates_dir {
            Some(dir) => source::folder(dir).map_err(|(path, error)| unreadable(&path, &error))?,
            None => Folders::new(),
        };
        folders.extend(own.clone());
        Ok((Catalogue::from_folders(&folders, &sources.only_types)?, own))
    }

    /// What is wrong with a family when it is rendered: its examples, and every type with made-up
    /// settings. The built-in families were tried when they were built, by the tests.
    fn tried(&self, name: &str, files: &Files) -> Vec<Problem> {
        let mut problems = Vec::new();
        if let Some(family) = self.families.iter().position(|family| family.id == name) {
            problems = try_family(self, family, &|_, _| Ok(()));
        }
        examples::run(self, name, files, &mut problems);
        problems
    }

    fn from_folders(
        folders: &Folders,
        only_types: &BTreeSet<String>,
    ) -> Result<Catalogue, CatalogueError> {
        let mut problems = Vec::new();
        let mut families: Vec<Family> = Vec::new();
        let mut types = Vec::new();
        let mut ranges = Vec::new();
        let mut not_offered = BTreeSet::new();
        let mut unread = Vec::new();
        for (id, files) in folders {
            match load::family(id, families.len(), files) {
                Ok(loaded) => {
                    let offered = |phone_type: &PhoneType| {
                        only_types.is_empty() || only_types.contains(phone_type.key.as_str())
                    };
                    let start = types.len();
                    let (kept, left_out): (Vec<_>, Vec<_>) =
                        loaded.types.into_iter().partition(offered);
                    not_offered.extend(left_out.into_iter().map(|phone_type| phone_type.key));
                    types.extend(kept);
                    ranges.push(start..types.len());
                    families.push(loaded.family);
                }
                Err(found) => {
                    unread.push(id.as_str());
                    problems.extend(found);
                }
            }
        }
        let mut by_key = HashMap::new();
        for (at, phone_type) in types.iter().enumerate() {
            if let Some(first) = by_key.insert(phone_type.key.clone(), at) {
                let first: &PhoneType = &types[first];
                let [one, other] = [first, phone_type].map(|of| &families[of.family].id);
                let message = format!(
                    "type `{}` is in {other}/family.toml as well: a key is of one family, so call \
                     yours otherwise, or name your folder like the family that it replaces",
                    phone_type.key
                );
                let file = format!("{one}/family.toml");
                problems.push(Problem::new(&file, None, message));
            }
        }
        // A family that cannot be read may have it.
        let is_missing = |key: &&String| {
            let key = key.parse::<TypeKey>();
            unread.is_empty() && key.map_or(true, |key| !by_key.contains_key(&key))
        };
        for missing in only_types.iter().filter(is_missing) {
            let all = types.iter().map(|phone_type| &phone_type.key).chain(&not_offered);
            let near = did_you_mean(nearest(missing, all.map(TypeKey::as_str)));
            let message = format!("only_types names `{missing}`, which no family has{near}");
            problems.push(Problem::new("catalogue", None, message));
        }
        let templates = render::Templates::compile(folders, &families, &mut problems);
        if !problems.is_empty() {
            return Err(CatalogueError(problems));
        }
        let (path_set, path_owners) = path_index(&families);
        let (user_agent_set, user_agent_owners) = user_agent_index(&families);
        let mut ouis: HashMap<u32, Vec<usize>> = HashMap::new();
        for (at, family) in families.iter().enumerate() {
            for &oui in &family.ouis {
                ouis.entry(oui).or_default().push(at);
            }
        }
        let header_names: BTreeSet<&str> = families
            .iter()
            .flat_map(|family| family.headers.iter().map(|(name, _)| name.as_str()))
            .collect();
        let header_names = header_names
            .into_iter()
            .map(|name| name.parse().expect("it was checked when its family was read"))
            .collect();
        Ok(Catalogue {
            generic: families.iter().position(|family| family.id == GENERIC),
            makers: makers_of(&families),
            families,
            types,
            ranges,
            by_key,
            path_set,
            path_owners,
            user_agent_set,
            user_agent_owners,
            ouis,
            header_names,
            templates,
            digest: digest(folders, only_types),
            not_offered,
            version: LOADED.fetch_add(1, Ordering::Relaxed),
            served_since: Timestamp::default(),
        })
    }

    /// The type of that key.
    #[must_use]
    pub fn phone_type(&self, key: &TypeKey) -> Option<&PhoneType> {
        self.by_key.get(key).map(|&at| &self.types[at])
    }

    /// Whether it is the type of whatever is unknown.
    #[must_use]
    pub fn is_generic(&self, key: &TypeKey) -> bool {
        key.as_str() == GENERIC
    }

    /// Every type, in order of key.
    #[must_use]
    pub fn types(&self) -> Vec<&PhoneType> {
        let mut all: Vec<&PhoneType> = self.types.iter().collect();
        all.sort_by(|a, b| a.key.cmp(&b.key));
        all
    }

    /// All families, in order of their names.
    #[must_use]
    pub fn families(&self) -> &[Family] {
        &self.families
    }

    /// The family of a type of this catalogue.
    #[must_use]
    pub fn family_of(&self, phone_type: &PhoneType) -> &Family {
        &self.families[phone_type.family]
    }

    /// What the API calls `type`: the description, or the key of a type that is gone.
    #[must_use]
    pub fn description<'a>(&'a self, key: &'a TypeKey) -> &'a str {
        self.phone_type(key).map_or(key.as_str(), |phone_type| &phone_type.description)
    }

    /// Headers, lower case, that say something about a handset of some family.
    #[must_use]
    pub fn header_names(&self) -> &Arc<[HeaderName]> {
        &self.header_names
    }

    /// This catalogue, first served at that time: no file made with it is older.
    #[must_use]
    pub fn with_served_since(self, served_since: Timestamp) -> Catalogue {
        Catalogue { served_since, ..self }
    }

    /// When it was first served; the epoch, if nobody said.
    #[must_use]
    pub fn served_since(&self) -> Timestamp {
        self.served_since
    }

    /// A number of this catalogue alone among those of one process.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// SHA-256 over all files, hex: two catalogues with it are the same.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The file of the type's family that a request's path names, with what the
    /// path tells. `None`: its phones never ask for such a file.
    #[must_use]
    pub fn file_for(
        &self,
        phone_type: &PhoneType,
        target: &Target,
    ) -> Option<(&FileSpec, PathFacts)> {
        let found = self.file_match(phone_type.family, target)?;
        Some((self.matched_file(&found), found.facts))
    }

    /// Does as [`Catalogue::file_for`], for a request that this catalogue identified: what was
    /// found then is not looked for again.
    #[must_use]
    pub fn file_for_identified(
        &self,
        phone_type: &PhoneType,
        target: &Target,
        identity: &Identity,
    ) -> Option<(&FileSpec, PathFacts)> {
        if identity.family != Some(phone_type.family) {
            return self.file_for(phone_type, target);
        }
        let found = identity.file.as_ref()?;
        Some((self.matched_file(found), found.facts.clone()))
    }

    /// The common file that anyone gets who asks so, and, when the path tells it, the type.
    /// `identity` is of this catalogue.
    #[must_use]
    pub fn common_file(
        &self,
        identity: &Identity,
    ) -> Option<(&FileSpec, PathFacts, Option<&PhoneType>)> {
        let found = identity.file.as_ref()?;
        let file = self.matched_file(found);
        if file.scope != Scope::Common || file.template.is_none() {
            return None;
        }
        let (family, facts) = (found.family(), found.facts.clone());
        let name = facts.model.as_deref();
        let phone_type = name.and_then(|name| {
            let of_model =
                self.types_of(family).find(|phone_type| phone_type.spelling(name).is_some());
            of_model.or_else(|| self.phone_type(self.families[family].closest(name, None)?))
        });
        Some((file, facts, phone_type))
    }

    /// What a phone that nobody has made active may be sent for such a request: the holding file of
    /// the name it asks for, and the type it is made for, as far as the request tells one of that
    /// family. Of two phones that ask alike both get the same. `identity` is of this catalogue.
    #[must_use]
    pub fn holding_file(&self, identity: &Identity) -> Option<HoldingFile<'_>> {
        let found = identity.file.as_ref()?;
        let file = self.matched_file(found).holding.as_deref()?;
        let family = &self.families[found.family()];
        let told = identity.phone_type.as_ref().and_then(|key| self.phone_type(key));
        let phone_type = told.filter(|phone_type| phone_type.family == found.family());
        Some(HoldingFile { family, phone_type, file })
    }

    /// The bytes of a holding file: nothing goes into them but the type's constants.
    ///
    /// # Errors
    /// As [`Catalogue::render`].
    pub fn render_holding(&self, holding: &HoldingFile<'_>) -> Result<RenderedFile, RenderError> {
        let HoldingFile { family, phone_type, file } = holding;
        self.render(family, *phone_type, file, RenderInput::of_nobody())
    }

    /// Settings with everything set, for tests of others.
    #[cfg(test)]
    pub(crate) fn everything(&self, phone_type: &PhoneType) -> serde_json::Value {
        render::trial::document(self, phone_type, render::trial::Extent::Everything, 0)
    }

    fn has_all_types(&self) -> bool {
        self.not_offered.is_empty()
    }

    /// Whether there is such a type, which is not offered.
    fn is_not_offered(&self, key: &TypeKey) -> bool {
        self.not_offered.contains(key)
    }

    fn types_of(&self, family: usize) -> impl Iterator<Item = &PhoneType> {
        self.types[self.ranges[family].clone()].iter()
    }
}

/// What is sent to phones of a kind that nobody has made active.
#[derive(Debug, Clone, Copy)]
pub struct HoldingFile<'a> {
    /// The family whose phones ask for it.
    pub family: &'a Family,
    /// `None`: the request tells no type of the family.
    pub phone_type: Option<&'a PhoneType>,
    /// How it is made: of scope `common`, with a template.
    pub file: &'a FileSpec,
}

fn unreadable(path: &Path, error: &std::io::Error) -> CatalogueError {
    CatalogueError(vec![Problem::new(&path.display().to_string(), None, error.to_string())])
}

fn digest(folders: &Folders, only_types: &BTreeSet<String>) -> String {
    let mut hash = Sha256::new();
    let mut part = |text: &str| {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    };
    for (family, files) in folders {
        part(family);
        for (name, text) in files {
            part(name);
            part(text);
        }
    }
    only_types.iter().for_each(|key| part(key));
    to_hex(&hash.finalize())
}
