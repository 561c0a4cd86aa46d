//! The files that a target names, family by family.
//!
//! Which expressions fit is found for all families at once. What one of them takes out is read
//! when it is asked for: a phone that names itself is asked about its own family alone.

use std::cell::OnceCell;

use super::index::PathOwner;
use super::path_pattern::{PathFacts, PathPattern};
use super::target::Target;
use crate::catalogue::{Catalogue, FileSpec};

/// A file of a family that a target names: the first whose pattern fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileMatch {
    /// Family, file of the family, pattern of the file.
    owner: PathOwner,
    /// What the pattern took out of the target.
    pub facts: PathFacts,
}

impl FileMatch {
    /// Its place in [`Catalogue::families`].
    #[must_use]
    pub fn family(&self) -> usize {
        self.owner.0
    }

    /// Tells the names apart that phones of the family ask for.
    #[must_use]
    pub fn name(&self) -> u32 {
        let (family, file, pattern) = self.owner;
        let part = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        part(family) << 20 ^ part(file) << 10 ^ part(pattern)
    }
}

/// All of them, under one target.
pub(super) struct FileMatches<'a> {
    catalogue: &'a Catalogue,
    target: &'a Target,
    /// Who has an expression that fits, in order, and its place in `read`.
    owners: Vec<(PathOwner, usize)>,
    /// What each expression that fits takes out of the path: many families share one.
    read: Vec<OnceCell<Option<PathFacts>>>,
    all: OnceCell<Vec<FileMatch>>,
}

impl<'a> FileMatches<'a> {
    pub(super) fn of(catalogue: &'a Catalogue, target: &'a Target) -> FileMatches<'a> {
        let mut owners = Vec::with_capacity(64);
        let mut read = Vec::with_capacity(8);
        for expression in catalogue.path_set.matches(&target.path) {
            let of = catalogue.path_owners[expression].iter();
            owners.extend(of.map(|&owner| (owner, read.len())));
            read.push(OnceCell::new());
        }
        owners.sort_unstable();
        FileMatches { catalogue, target, owners, read, all: OnceCell::new() }
    }

    /// The one of a family.
    pub(super) fn of_family(&self, family: usize) -> Option<FileMatch> {
        let from = self.owners.partition_point(|&((of, ..), _)| of < family);
        let own = self.owners[from..].iter().take_while(|&&((of, ..), _)| of == family);
        own.copied().find_map(|(owner, at)| self.fitting(owner, at))
    }

    /// The first file that fits of each family that has one, in order of family.
    pub(super) fn all(&self) -> &[FileMatch] {
        self.all.get_or_init(|| {
            let families = self.owners.chunk_by(|(one, _), (other, _)| one.0 == other.0);
            let first = |own: &[(PathOwner, usize)]| {
                own.iter().find_map(|&(owner, at)| self.fitting(owner, at))
            };
            families.filter_map(first).collect()
        })
    }

    /// The families whose phones ask for the target by more than how its name ends, in order.
    pub(super) fn told_families(&self) -> impl Iterator<Item = usize> {
        let is_telling = |file: &&FileMatch| self.catalogue.pattern(file.owner).is_telling;
        self.all().iter().filter(is_telling).map(FileMatch::family)
    }

    fn fitting(&self, owner: PathOwner, at: usize) -> Option<FileMatch> {
        let pattern = self.catalogue.pattern(owner);
        if !pattern.has_arguments(self.target) {
            return None;
        }
        let of_path = self.read[at].get_or_init(|| pattern.facts_of_path(self.target));
        let facts = pattern.with_arguments(of_path.clone()?, self.target)?;
        self.catalogue.model_fits(owner.0, &facts).then_some(FileMatch { owner, facts })
    }
}

impl Catalogue {
    /// The file of a family that a target names.
    pub(crate) fn file_match(&self, family: usize, target: &Target) -> Option<FileMatch> {
        FileMatches::of(self, target).of_family(family)
    }

    /// Whether phones of any family send a file of that path or, where it `may_be_form`, ask for it
    /// with a form: which one it is of, a known phone's type says, and not what little the request
    /// tells.
    #[must_use]
    pub fn is_brought(&self, target: &Target, may_be_form: bool) -> bool {
        FileMatches::of(self, target).all().iter().any(|found| {
            let file = self.matched_file(found);
            file.upload.is_some() || (may_be_form && file.form)
        })
    }

    /// The file that was found with this catalogue.
    pub(crate) fn matched_file(&self, found: &FileMatch) -> &FileSpec {
        let (family, file, _) = found.owner;
        &self.families[family].files[file]
    }

    /// The pattern that fits, as the family writes it.
    pub(crate) fn matched_pattern(&self, found: &FileMatch) -> &str {
        &self.pattern(found.owner).text
    }

    fn pattern(&self, (family, file, pattern): PathOwner) -> &PathPattern {
        &self.families[family].files[file].patterns[pattern]
    }

    /// A `{model}` stands for one the family has or says what is closest to, a `{code}` for one
    /// it has, and neither for any word.
    fn model_fits(&self, family: usize, facts: &PathFacts) -> bool {
        let mut types = self.types_of(family);
        let model = facts.model.as_deref();
        let code = facts.code.as_deref();
        match (model, code) {
            (None, None) => true,
            (Some(model), _) => {
                types.any(|phone_type| phone_type.spelling(model).is_some())
                    || self.families[family].has_closest(model)
            }
            (None, Some(code)) => types.any(|phone_type| phone_type.code.as_deref() == Some(code)),
        }
    }
}
