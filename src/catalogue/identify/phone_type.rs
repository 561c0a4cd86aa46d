//! The type of who asks: what tells it, what is like it, and what is assumed for want of
//! better, as long as nothing speaks against that.

use super::path_pattern::PathFacts;
use super::{Catalogue, Evidence, GENERIC};
use crate::catalogue::family::{Family, PhoneType};
use crate::domain::{Mac, Strength};

/// What a request has on the type.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clues<'a> {
    /// The model and the firmware that User-Agent or headers name.
    pub model: Option<&'a str>,
    pub firmware: Option<&'a str>,
    /// What the path tells, if it is one of the family.
    pub path: Option<&'a PathFacts>,
    pub mac: Option<Mac>,
    /// Whether a family reads the User-Agent, where there is one.
    pub is_agent_read: Option<bool>,
}

/// The type that was found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weighed<'c> {
    /// `None`: there is not even a generic one.
    pub phone_type: Option<&'c PhoneType>,
    pub strength: Strength,
}

impl Catalogue {
    /// The type under the family that was chosen.
    pub(super) fn weigh_type(
        &self,
        family: Option<usize>,
        clues: Clues<'_>,
        evidence: &mut Vec<Evidence>,
    ) -> Weighed<'_> {
        let Some(index) = family.filter(|&index| Some(index) != self.generic) else {
            return self.unknown(Strength::Assumed);
        };
        let family = &self.families[index];
        if let Some(name) = clues.model {
            let told = self.by_model(index, name, Strength::UserAgent, clues, evidence);
            return told.unwrap_or_else(|| {
                evidence.push(Evidence::UnknownModel(name.to_owned()));
                self.unknown(Strength::Contradicted)
            });
        }
        let path_model = clues.path.and_then(|path| path.model.as_deref());
        let of_path =
            path_model.and_then(|name| self.by_model(index, name, Strength::Path, clues, evidence));
        if let Some(told) = of_path {
            return told;
        }
        let guess = self.guess(index, family, clues, evidence);
        match guess {
            // Of a family whose User-Agents are not known, no one speaks against it.
            Some(Weighed { phone_type: Some(guess), .. })
                if clues.is_agent_read == Some(false) && !family.user_agents.is_empty() =>
            {
                evidence.push(Evidence::NotAssumed(guess.key.clone()));
                self.unknown(Strength::Contradicted)
            }
            Some(guess) => guess,
            None => self.unknown(strength_of_family(clues)),
        }
    }

    /// The type of whatever is unknown.
    pub(super) fn unknown(&self, strength: Strength) -> Weighed<'_> {
        let phone_type = GENERIC.parse().ok().and_then(|key| self.phone_type(&key));
        Weighed { phone_type, strength }
    }

    /// The type of that model, else the one that is like it.
    fn by_model(
        &self,
        family: usize,
        name: &str,
        strength: Strength,
        clues: Clues<'_>,
        evidence: &mut Vec<Evidence>,
    ) -> Option<Weighed<'_>> {
        let of_model = |name: &str| {
            self.types_of(family)
                .find(|phone_type| phone_type.base.is_none() && phone_type.spelling(name).is_some())
        };
        let of_path = clues.path.and_then(|path| of_model(path.model.as_deref()?));
        let found = of_model(name).map(|found| (found, strength));
        let (phone_type, strength) = found.or_else(|| {
            let closest = self.families[family].closest(name, clues.firmware)?;
            Some((self.phone_type(closest)?, Strength::Closest))
        })?;
        if let Some(other) = of_path.filter(|other| other.key != phone_type.key) {
            evidence.push(Evidence::ModelsDiffer {
                used: found.map_or(name, |(found, _)| &found.model).to_owned(),
                ignored: other.model.clone(),
            });
        }
        if found.is_none() {
            evidence.push(Evidence::ClosestModel {
                said: name.to_owned(),
                served_as: phone_type.model.clone(),
            });
        }
        Some(Weighed { phone_type: Some(phone_type), strength })
    }

    /// What the path's product code, the address or the family's usual type let guess.
    fn guess(
        &self,
        index: usize,
        family: &Family,
        clues: Clues<'_>,
        evidence: &mut Vec<Evidence>,
    ) -> Option<Weighed<'_>> {
        let code = clues.path.and_then(|path| path.code.as_deref());
        let by_code = code.and_then(|code| {
            let mut found = self.types_of(index).filter(|phone_type| {
                phone_type.base.is_none() && phone_type.code.as_deref() == Some(code)
            });
            // Makers reuse codes; one that several models have tells none of them.
            found.next().filter(|_| found.next().is_none())
        });
        if by_code.is_some() {
            return Some(Weighed { phone_type: by_code, strength: Strength::Path });
        }
        let mac = clues.mac?;
        let upper = mac.upper();
        let by_range = self.types_of(index).find(|phone_type| {
            phone_type.base.is_none()
                && phone_type.macs.as_ref().is_some_and(|macs| macs.is_match(&upper))
        });
        if by_range.is_some() {
            return Some(Weighed { phone_type: by_range, strength: Strength::MacRange });
        }
        if family.is_foreign(mac) {
            evidence.push(Evidence::OuiOfAnotherMaker { family: family.id.clone() });
            return None;
        }
        let phone_type = self.phone_type(family.fallback_type.as_ref()?)?;
        Some(Weighed { phone_type: Some(phone_type), strength: strength_of_family(clues) })
    }
}

/// How well a request tells a type of which it says no more than the family.
fn strength_of_family(clues: Clues<'_>) -> Strength {
    let names_it = clues.path.is_some() || clues.is_agent_read == Some(true);
    if names_it { Strength::Family } else { Strength::Oui }
}
