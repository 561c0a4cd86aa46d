//! Who asks: one request's evidence weighed into a MAC, a port, a type and a file.
//!
//! 1. The path and query, against every family's path patterns.
//! 2. The User-Agent, against every family's grammar.
//! 3. The headers a family named.
//! 4. The MAC: path first, then query, then User-Agent, then headers.
//! 5. The family: the User-Agent's; else the one whose path it is, before all
//!    when the path names a model; else the one among those that the OUI points to.
//! 6. The type: by model, then by product code, then by MAC range, then the
//!    family's fallback, then `generic`.
//!
//! What contradicts is recorded as evidence, not guessed away.

pub(crate) mod certificate;
pub(crate) mod facts;
pub(crate) mod path_pattern;
pub(crate) mod target;

use std::fmt;

use super::family::PhoneType;
use super::{Catalogue, GENERIC, PathOwner};
use crate::domain::{Mac, Port, Strength, TypeKey};
use facts::UserAgentFacts;
use path_pattern::PathFacts;
use target::Target;

/// One request as far as it tells who sent it.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    pub target: &'a Target,
    pub user_agent: Option<&'a str>,
    /// Lower-case names.
    pub headers: &'a [(String, String)],
}

/// What one request tells. `None` where nothing can be said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// Only addresses a handset can own.
    pub mac: Option<Mac>,
    /// With a MAC: the port the path names, else the first.
    pub port: Option<Port>,
    pub phone_type: Option<TypeKey>,
    /// How well the request tells the type; below [`Strength::MacRange`] it is a fallback.
    pub strength: Strength,
    pub vendor: Option<String>,
    pub model: Option<String>,
    pub firmware: Option<String>,
    /// Place of the family in [`Catalogue::families`].
    pub family: Option<usize>,
    /// The family's pattern the path fits.
    pub file: Option<String>,
    pub evidence: Vec<Evidence>,
}

/// One thing that was found, and what it was taken to mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence {
    Path {
        family: String,
        pattern: String,
    },
    UserAgent {
        family: String,
    },
    UnknownUserAgent,
    Header {
        name: String,
    },
    Oui {
        families: Vec<String>,
    },
    /// The address stands for nobody: zeros, ones or a group.
    PlaceholderMac(Mac),
    /// Two parts of the request name different addresses; the first counts.
    MacsDiffer {
        used: Mac,
        ignored: Mac,
        ignored_from: &'static str,
    },
    ModelsDiffer {
        used: String,
        ignored: String,
    },
    /// The path is of another family than the User-Agent.
    PathOfAnotherFamily {
        family: String,
    },
    /// The manufacturer block belongs to other families than the one found.
    OuiOfAnotherFamily {
        families: Vec<String>,
    },
    /// A model the family does not know.
    UnknownModel(String),
    Fallback(TypeKey),
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Evidence::Path { family, pattern } => write!(f, "path: {pattern} of {family}"),
            Evidence::UserAgent { family } => write!(f, "user-agent: {family}"),
            Evidence::UnknownUserAgent => f.write_str("user-agent: of no family"),
            Evidence::Header { name } => write!(f, "header: {name}"),
            Evidence::Oui { families } => write!(f, "oui: {}", families.join(", ")),
            Evidence::PlaceholderMac(mac) => write!(f, "mac: {mac} belongs to nobody"),
            Evidence::MacsDiffer { used, ignored, ignored_from } => {
                write!(f, "contradiction: {ignored_from} says mac {ignored}, {used} counts")
            }
            Evidence::ModelsDiffer { used, ignored } => {
                write!(f, "contradiction: path says model {ignored}, {used} counts")
            }
            Evidence::PathOfAnotherFamily { family } => {
                write!(f, "contradiction: the path is one of {family}")
            }
            Evidence::OuiOfAnotherFamily { families } => {
                write!(f, "contradiction: the oui is one of {}", families.join(", "))
            }
            Evidence::UnknownModel(model) => write!(f, "model: {model:?} is not in the catalogue"),
            Evidence::Fallback(key) => write!(f, "type: nothing tells it, {key} assumed"),
        }
    }
}

/// A path pattern that fits: its family, its file, what it took out.
struct PathMatch<'a> {
    family: usize,
    pattern: &'a str,
    facts: PathFacts,
}

impl Catalogue {
    /// Reads one request. Pure: the same request gives the same identity for as
    /// long as the catalogue is the same.
    #[must_use]
    pub fn identify(&self, request: Request<'_>) -> Identity {
        let mut evidence = Vec::new();
        let paths = self.path_matches(request.target);
        let agent = self.user_agent(&request, &paths, &mut evidence);
        let headers = self.header_facts(&request, agent.map(|(family, _)| family), &mut evidence);
        let agent_facts = agent.map(|(_, facts)| facts).unwrap_or_default();

        let mac = choose_mac(
            &paths,
            agent.map(|(family, _)| family),
            &agent_facts,
            &headers,
            &mut evidence,
        );
        let family =
            self.choose_family(&paths, agent.map(|(family, _)| family), mac, &mut evidence);
        let path = family.and_then(|family| paths.iter().find(|path| path.family == family));
        if let Some(path) = path {
            let family = self.families[path.family].id.clone();
            evidence.push(Evidence::Path { family, pattern: path.pattern.to_owned() });
        }
        let facts = path.map(|path| path.facts.clone()).unwrap_or_default();
        let found = family.map(|family| (family, &self.families[family]));

        let said = agent_facts.model.or(headers.model).map(str::to_owned);
        let told = found.and_then(|(index, _)| {
            self.tell_type(index, said.as_deref(), &facts, mac, &mut evidence)
        });
        let modules = agent_facts.modules.or(headers.modules);
        let strength = match told {
            Some((_, strength)) => strength,
            None if found.is_none_or(|(_, family)| family.id == GENERIC) => Strength::Assumed,
            None if path.is_some() || agent.is_some() => Strength::Family,
            None => Strength::Oui,
        };
        let told = told.map(|(phone_type, _)| self.variant(phone_type, modules));
        let fallback = || {
            let key = found.and_then(|(_, family)| family.fallback_type.clone());
            let phone_type = self.phone_type(&key.or_else(|| GENERIC.parse().ok())?)?;
            Some(phone_type)
        };
        let phone_type = told.or_else(|| mac.and_then(|_| fallback()));
        if let (None, Some(assumed)) = (told, phone_type) {
            evidence.push(Evidence::Fallback(assumed.key.clone()));
        }

        let spelled =
            |name: &str| told.and_then(|phone_type| phone_type.spelling(name)).map(str::to_owned);
        let model = match (&said, told) {
            (Some(said), _) => spelled(said).or_else(|| Some(said.clone())),
            (None, Some(phone_type)) => {
                facts.model.as_deref().and_then(spelled).or_else(|| Some(phone_type.model.clone()))
            }
            (None, None) => None,
        };
        let named = found.map(|(_, family)| family).filter(|family| family.id != GENERIC);
        Identity {
            mac,
            port: mac.map(|_| facts.port.unwrap_or(Port::FIRST)),
            phone_type: phone_type.map(|phone_type| phone_type.key.clone()),
            strength,
            vendor: named.map(|family| family.vendor.clone()),
            model,
            firmware: agent_facts.firmware.map(str::to_owned),
            family,
            file: path.map(|path| path.pattern.to_owned()),
            evidence,
        }
    }

    /// Of each family the first pattern that fits, in order of family.
    fn path_matches(&self, target: &Target) -> Vec<PathMatch<'_>> {
        // Many families share an expression: it is run once for all of them.
        let mut places: Vec<(PathOwner, usize)> = Vec::new();
        let mut read: Vec<PathFacts> = Vec::new();
        for at in self.path_set.matches(&target.path) {
            let (family, file, pattern) = self.path_owners[at][0];
            let first = &self.families[family].files[file].patterns[pattern];
            if let Some(facts) = first.facts_of_path(target) {
                places.extend(self.path_owners[at].iter().map(|&owner| (owner, read.len())));
                read.push(facts);
            }
        }
        places.sort_unstable();
        let mut matches: Vec<PathMatch<'_>> = Vec::new();
        for ((family, file, pattern), at) in places {
            if matches.last().is_some_and(|last| last.family == family) {
                continue;
            }
            let pattern = &self.families[family].files[file].patterns[pattern];
            if let Some(facts) = pattern.with_arguments(read[at].clone(), target)
                && self.model_fits(family, &facts)
            {
                matches.push(PathMatch { family, pattern: &pattern.text, facts });
            }
        }
        matches
    }

    /// A `{model}` or `{code}` stands for one the family has, not for any word.
    pub(crate) fn model_fits(&self, family: usize, facts: &PathFacts) -> bool {
        let mut types = self.types_of(family);
        let model = facts.model.as_deref();
        let code = facts.code.as_deref();
        match (model, code) {
            (None, None) => true,
            (Some(model), _) => types.any(|phone_type| phone_type.spelling(model).is_some()),
            (None, Some(code)) => types.any(|phone_type| phone_type.code.as_deref() == Some(code)),
        }
    }

    fn user_agent<'r>(
        &self,
        request: &Request<'r>,
        paths: &[PathMatch<'_>],
        evidence: &mut Vec<Evidence>,
    ) -> Option<(usize, UserAgentFacts<'r>)> {
        let text = request.user_agent.filter(|text| !text.is_empty())?;
        let mut fitting = self.user_agent_set.matches(text).into_iter();
        let mut chosen = fitting.next();
        let of_path = |at: usize| {
            let family = self.user_agent_owners[at].0;
            paths.iter().any(|path| path.family == family)
        };
        // Two families may share a grammar; then the path decides.
        if chosen.is_some_and(|at| !of_path(at)) {
            chosen = fitting.find(|&at| of_path(at)).or(chosen);
        }
        let Some(at) = chosen else {
            evidence.push(Evidence::UnknownUserAgent);
            return None;
        };
        let (family, pattern) = self.user_agent_owners[at];
        evidence.push(Evidence::UserAgent { family: self.families[family].id.clone() });
        let facts = UserAgentFacts::read(&self.families[family].user_agents[pattern], text);
        Some((family, facts.unwrap_or_default()))
    }

    fn header_facts<'r>(
        &self,
        request: &Request<'r>,
        family: Option<usize>,
        evidence: &mut Vec<Evidence>,
    ) -> UserAgentFacts<'r> {
        let mut all = UserAgentFacts::default();
        let Some(family) = family else { return all };
        let mut modules = 0;
        for (name, regex) in &self.families[family].headers {
            let value = request.headers.iter().find(|(own, _)| own == name);
            let Some(facts) = value.and_then(|(_, value)| UserAgentFacts::read(regex, value))
            else {
                continue;
            };
            evidence.push(Evidence::Header { name: name.clone() });
            modules += facts.modules.unwrap_or(1);
            all = UserAgentFacts {
                model: all.model.or(facts.model),
                firmware: all.firmware.or(facts.firmware),
                mac: all.mac.or(facts.mac),
                modules: Some(modules),
            };
        }
        all
    }

    fn choose_family(
        &self,
        paths: &[PathMatch<'_>],
        agent: Option<usize>,
        mac: Option<Mac>,
        evidence: &mut Vec<Evidence>,
    ) -> Option<usize> {
        let of_oui: &[usize] =
            mac.and_then(|mac| self.ouis.get(&mac.oui())).map_or(&[], Vec::as_slice);
        let names = |families: &[usize]| -> Vec<String> {
            families.iter().map(|&family| self.families[family].id.clone()).collect()
        };
        if !of_oui.is_empty() {
            evidence.push(Evidence::Oui { families: names(of_oui) });
        }
        let specific: Vec<usize> =
            paths.iter().map(|path| path.family).filter(|&f| Some(f) != self.generic).collect();
        // A path that names a model says more than one that many makers share.
        let telling: Vec<usize> = paths
            .iter()
            .filter(|path| path.facts.model.is_some() || path.facts.code.is_some())
            .map(|path| path.family)
            .collect();
        let both: Vec<usize> = specific.iter().copied().filter(|f| of_oui.contains(f)).collect();
        let chosen = match (agent, &telling[..], &specific[..], &both[..], of_oui) {
            (Some(agent), ..) => Some(agent),
            (None, [only], ..)
            | (None, _, [only], ..)
            | (None, _, _, [only], _)
            | (None, _, [], _, [only]) => Some(*only),
            _ => self.generic.filter(|&generic| paths.iter().any(|path| path.family == generic)),
        };
        if let Some(chosen) = chosen {
            if agent.is_some() && !specific.is_empty() && !specific.contains(&chosen) {
                let family = self.families[specific[0]].id.clone();
                evidence.push(Evidence::PathOfAnotherFamily { family });
            }
            if Some(chosen) != self.generic && !of_oui.is_empty() && !of_oui.contains(&chosen) {
                evidence.push(Evidence::OuiOfAnotherFamily { families: names(of_oui) });
            }
        }
        chosen
    }

    fn tell_type(
        &self,
        family: usize,
        said: Option<&str>,
        facts: &PathFacts,
        mac: Option<Mac>,
        evidence: &mut Vec<Evidence>,
    ) -> Option<(&PhoneType, Strength)> {
        let by_model = |name: &str| {
            self.types_of(family)
                .find(|phone_type| phone_type.base.is_none() && phone_type.spelling(name).is_some())
        };
        let of_path = facts.model.as_deref().and_then(by_model);
        if let Some(said) = said {
            let found = by_model(said);
            match (found, of_path) {
                (Some(used), Some(other)) if used.key != other.key => {
                    evidence.push(Evidence::ModelsDiffer {
                        used: used.model.clone(),
                        ignored: other.model.clone(),
                    });
                }
                (None, _) => evidence.push(Evidence::UnknownModel(said.to_owned())),
                _ => {}
            }
            return found.map(|found| (found, Strength::UserAgent));
        }
        let by_code = || {
            let code = facts.code.as_deref()?;
            let mut found = self.types_of(family).filter(|phone_type| {
                phone_type.base.is_none() && phone_type.code.as_deref() == Some(code)
            });
            // Makers reuse codes; one that several models have tells none of them.
            found.next().filter(|_| found.next().is_none())
        };
        let by_range = || {
            let mac = mac?.upper();
            self.types_of(family).find(|phone_type| {
                phone_type.base.is_none()
                    && phone_type.macs.as_ref().is_some_and(|macs| macs.is_match(&mac))
            })
        };
        let by_path = of_path.or_else(by_code).map(|found| (found, Strength::Path));
        by_path.or_else(|| Some((by_range()?, Strength::MacRange)))
    }

    /// The variant with that many modules, if there is one.
    fn variant<'c>(&'c self, phone_type: &'c PhoneType, modules: Option<u16>) -> &'c PhoneType {
        let Some(modules) = modules.filter(|&count| count > 0) else { return phone_type };
        self.types_of(phone_type.family)
            .find(|other| other.base.as_ref() == Some(&phone_type.key) && other.modules == modules)
            .unwrap_or(phone_type)
    }
}

fn choose_mac(
    paths: &[PathMatch<'_>],
    family: Option<usize>,
    agent: &UserAgentFacts<'_>,
    headers: &UserAgentFacts<'_>,
    evidence: &mut Vec<Evidence>,
) -> Option<Mac> {
    // What the phone's own family reads counts before what others would read there.
    let own = paths.iter().filter(|path| Some(path.family) == family);
    let of_path = own.chain(paths).find_map(|path| path.facts.mac);
    let mut chosen = None;
    for (from, mac) in
        [("the path", of_path), ("the user-agent", agent.mac), ("a header", headers.mac)]
    {
        let Some(mac) = mac else { continue };
        match chosen {
            _ if !mac.is_usable() => evidence.push(Evidence::PlaceholderMac(mac)),
            None => chosen = Some(mac),
            Some(used) if used != mac => {
                evidence.push(Evidence::MacsDiffer { used, ignored: mac, ignored_from: from });
            }
            Some(_) => {}
        }
    }
    chosen
}
