//! What of a change of a company's or of all phones' settings does not reach all of the phones it
//! is for. Looked at once for each type that is used, not for each phone: there may be thousands.

use std::collections::BTreeMap;

use super::limits::{MAX_WARNINGS, Unreached, at_path, beyond, set_rows_of, unreached};
use super::{Actor, Registry};
use crate::domain::settings::Layer;
use crate::domain::{CompanyId, PhoneId, TypeKey};

/// Types that a warning names; of more it says how many.
const NAMED_TYPES: usize = 5;

/// The active phones of a type that a change is for.
#[derive(Debug, Clone)]
pub(super) struct PhonesOfType {
    pub phone_type: TypeKey,
    pub count: usize,
    /// One of them.
    pub example: PhoneId,
}

/// Types and how many phones they have.
#[derive(Debug, Default)]
pub(super) struct Counts {
    phones: usize,
    types: Vec<TypeKey>,
}

impl Counts {
    pub(super) fn add(&mut self, phones: &PhonesOfType) {
        self.phones += phones.count;
        self.types.push(phones.phone_type.clone());
    }

    /// `12 phones of type t46s, ip550`.
    pub(super) fn in_words(&self) -> String {
        let named: Vec<&str> = self.types.iter().take(NAMED_TYPES).map(TypeKey::as_str).collect();
        let more = match self.types.len().saturating_sub(NAMED_TYPES) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let phones = if self.phones == 1 { "phone" } else { "phones" };
        format!("{} {phones} of type {}{more}", self.phones, named.join(", "))
    }
}

impl Registry {
    /// What is to be known of a change of the settings of a company, or of those that all phones
    /// share, once it is made: what of it does not reach phones, and phones that would get no file
    /// now. `before` and `after` are the layer it changed; what was there before is not told again.
    /// One sentence each, at most a hundred. Whether files can be made is tried with one phone of
    /// each type. Takes some renderings for each type: nothing for a thread that serves phones.
    #[must_use]
    pub fn reach(
        &self,
        actor: &Actor,
        company: Option<&CompanyId>,
        before: &Layer,
        after: &Layer,
    ) -> Vec<String> {
        if before == after {
            return Vec::new();
        }
        let catalogue = self.catalogue();
        let (was, is) = (before.to_json(), after.to_json());
        let mut set = set_rows_of(after);
        set.retain(|(path, _)| at_path(&was, path) != at_path(&is, path));
        let mut without: BTreeMap<Unreached, Counts> = BTreeMap::new();
        let mut warnings = Vec::new();
        let mut unfit = Vec::new();
        for phones in self.memory.index.types_of(company) {
            let Some(phone_type) = catalogue.phone_type(&phones.phone_type) else { continue };
            for one in unreached(&catalogue, phone_type, after, &set) {
                without.entry(one).or_default().add(&phones);
            }
            let known = beyond(&catalogue, phone_type, before);
            let new = beyond(&catalogue, phone_type, after);
            let mut counts = Counts::default();
            counts.add(&phones);
            let of = counts.in_words();
            unfit.extend(
                new.into_iter()
                    .filter(|problem| !known.contains(problem))
                    .map(|problem| format!("{}: {of}: {}", problem.field, problem.message)),
            );
            let Some(device) = self.memory.index.device(phones.example.mac) else { continue };
            if let Err(error) = self.compose(device).check_renderable(actor, phones.example) {
                let error = crate::domain::ErrorChain(&error);
                warnings
                    .push(format!("{of} may get no files now, as tried with one of them: {error}"));
            }
        }
        warnings.extend(without.iter().map(|(one, counts)| {
            let (path, of, why) = (&one.path, counts.in_words(), &one.why);
            match &one.value {
                Some(value) => format!("{path}: {value}: {of} have none of it: {why}"),
                None => format!("{path}: {of} have nothing for it: {why}"),
            }
        }));
        warnings.extend(unfit);
        warnings.truncate(MAX_WARNINGS);
        warnings
    }
}
