//! Who asks: one request's evidence weighed into a MAC, a port, a type and a file.
//!
//! 1. The path and query, against every family's path patterns.
//! 2. The User-Agent, against every family's grammar.
//! 3. The headers a family named.
//! 4. The MAC: path first, then query, then User-Agent, then headers.
//! 5. The family: the User-Agent's; else the one whose path it is, before all
//!    when the path names a model; else the one among those that the OUI points to.
//! 6. Whether all that goes together; see [`contradiction`].
//! 7. The type: by model, or by the one the family calls closest to it; then by product
//!    code, by MAC range, the family's fallback, as long as the phone does not name itself
//!    as something else; then `generic`.
//!
//! What contradicts is recorded as evidence, not guessed away.

pub(crate) mod certificate;
pub(crate) mod contradiction;
mod evidence;
pub(crate) mod facts;
pub(crate) mod file_match;
pub(crate) mod index;
pub(crate) mod path_pattern;
mod phone_type;
pub(crate) mod target;

use std::borrow::Cow;

use super::family::PhoneType;
use super::{Catalogue, GENERIC};
use crate::domain::{HostedPath, Mac, Port, Strength, TypeKey};
use contradiction::Witnesses;
pub use evidence::Evidence;
use facts::UserAgentFacts;
use file_match::{FileMatch, FileMatches};
use phone_type::{Clues, Weighed};
use target::Target;

/// One request as far as it tells who sent it.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The path and query that were asked for.
    pub target: &'a Target,
    /// The `User-Agent`, as it came; `None` when there was none.
    pub user_agent: Option<&'a str>,
    /// Lower-case names.
    pub headers: &'a [(String, String)],
}

/// What one request tells. `None` where nothing can be said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// The address, where it is one that a handset can own.
    pub mac: Option<Mac>,
    /// Whether path or query name that address, and not only the User-Agent or a header.
    pub is_mac_asked_for: bool,
    /// The port that the path names, else the first; `None` without a MAC.
    pub port: Option<Port>,
    /// The type of the catalogue; `None` when not even a generic one is there.
    pub phone_type: Option<TypeKey>,
    /// How well the request tells the type; where it [is not told](Strength::is_told) it is a
    /// fallback.
    pub strength: Strength,
    /// The maker of the family that was found.
    pub vendor: Option<String>,
    /// The model, as the request named it.
    pub model: Option<String>,
    /// The version of the firmware, as the request named it.
    pub firmware: Option<String>,
    /// Place of the family in [`Catalogue::families`].
    pub family: Option<usize>,
    /// The family's file that the request names.
    pub file: Option<FileMatch>,
    /// The file laid out for phones that it asks for, and under whose MAC.
    pub hosted: Option<(Mac, HostedPath)>,
    /// Whether what the request says of its phone does not go together.
    pub contradicts: Option<Contradiction>,
    /// All that was found, in the order in which it was looked for.
    pub evidence: Vec<Evidence>,
}

/// What of a request does not go together. Of several the first counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contradiction {
    /// It names two addresses, as who walks addresses with a User-Agent that was copied does.
    Macs,
    /// The block of the address, the User-Agent and the file asked for are not of one maker.
    Makers,
    /// It has no User-Agent, and the phones of the family whose file it asks for, or that has the
    /// block, always do.
    NoUserAgent,
}

impl Contradiction {
    /// In words for an operator.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Contradiction::Macs => "it names two MAC addresses",
            Contradiction::Makers => "address, User-Agent and file are not of one maker",
            Contradiction::NoUserAgent => {
                "it has no User-Agent, and phones of its family always do"
            }
        }
    }
}

impl Catalogue {
    /// Reads one request. Pure: the same request gives the same identity for as
    /// long as the catalogue is the same.
    #[must_use]
    pub fn identify(&self, request: Request<'_>) -> Identity {
        let mut identity = self.read(&request);
        identity.contradicts = self.contradiction(&request, &identity);
        identity
    }

    fn contradiction(&self, request: &Request<'_>, identity: &Identity) -> Option<Contradiction> {
        let shows = |what: fn(&Evidence) -> bool| identity.evidence.iter().any(what);
        let silent = || {
            let always = |family: usize| self.families[family].always_names_itself;
            let family = identity.family.filter(|&family| Some(family) != self.generic);
            let holders = identity.mac.map(|mac| self.holders(mac)).unwrap_or_default();
            !has_agent(request)
                && match family {
                    Some(family) => always(family),
                    None => !holders.is_empty() && holders.iter().all(|&family| always(family)),
                }
        };
        if shows(|found| matches!(found, Evidence::MacsDiffer { .. })) {
            Some(Contradiction::Macs)
        } else if shows(|found| {
            use Evidence::{NotBelieved, OuiOfAnotherFamily, PathOfAnotherFamily};
            matches!(
                found,
                NotBelieved { .. } | OuiOfAnotherFamily { .. } | PathOfAnotherFamily { .. }
            )
        }) {
            Some(Contradiction::Makers)
        } else {
            silent().then_some(Contradiction::NoUserAgent)
        }
    }

    /// Whether the phones of the family that was found surely ask for another name with their MAC
    /// when they are refused this one.
    #[must_use]
    pub fn is_followed(&self, identity: &Identity) -> bool {
        identity.file.as_ref().is_some_and(|file| {
            let followed = &self.families[file.family()].followed;
            followed.iter().any(|name| name == self.matched_pattern(file))
        })
    }

    /// Whether the request looks like one of a phone of some maker's: what it says goes together,
    /// a family was found, and it does not name itself as nothing known. A name of no family is as
    /// good as one of its own where the phone's address is not in it: the phones of a family ask for
    /// more common files than the catalogue knows, and what is asked for so gets no phone's file.
    #[must_use]
    pub fn looks_like_a_phone(&self, identity: &Identity) -> bool {
        let is_strange = |found: &Evidence| matches!(found, Evidence::UnknownUserAgent);
        identity.contradicts.is_none()
            && identity.family.is_some_and(|family| Some(family) != self.generic)
            && (identity.file.is_some() || identity.hosted.is_some() || !identity.is_mac_asked_for)
            && !identity.evidence.iter().any(is_strange)
    }

    /// All of it but whether it goes together.
    fn read(&self, request: &Request<'_>) -> Identity {
        let mut evidence = Vec::new();
        let files = FileMatches::of(self, request.target);
        let agent = self.user_agent(request, &files, &mut evidence);
        let (agent_family, agent_facts) = agent.unzip();
        let agent_facts = agent_facts.unwrap_or_default();
        let headers = self.header_facts(request, agent_family, &mut evidence);

        // What the phone's own family reads counts before what others would read there.
        let own = agent_family.and_then(|family| files.of_family(family));
        let hosted = HostedPath::asked(&request.target.path);
        let of_hosted = hosted.as_ref().map(|(mac, _)| *mac);
        let of_path = of_hosted.or_else(|| own.as_ref().and_then(|file| file.facts.mac));
        let of_path = of_path.or_else(|| files.all().iter().find_map(|file| file.facts.mac));
        let is_mac_asked_for = of_path.is_some_and(Mac::is_usable);
        let mac = choose_mac(of_path, &agent_facts, &headers, &mut evidence);
        let holders = mac.map_or(Cow::Borrowed(&[][..]), |mac| self.holders(mac));
        let has_own = own.is_some();
        let family = self.choose_family(&files, agent_family, has_own, &holders, &mut evidence);
        let agent = request.user_agent.filter(|_| agent_family.is_some());
        let is_model_told = match agent {
            Some(_) => agent_facts.model.or(headers.model).is_some(),
            None => family
                .and_then(|family| files.of_family(family))
                .is_some_and(|file| file.facts.model.is_some()),
        };
        let witnesses = Witnesses { agent, files: &files, holders: &holders, is_model_told };
        if let Some(family) = family
            && self.is_contradicted(family, has_own || agent_family.is_none(), &witnesses)
        {
            evidence.push(Evidence::NotBelieved { family: self.families[family].id.clone() });
            let Weighed { phone_type, strength } = self.unknown(Strength::Contradicted);
            return Identity {
                mac,
                is_mac_asked_for,
                port: mac.map(|_| Port::FIRST),
                phone_type: phone_type.filter(|_| mac.is_some()).map(|found| found.key.clone()),
                strength,
                evidence,
                ..Identity::default()
            };
        }
        let file = own.or_else(|| files.of_family(family?));
        if let Some(file) = &file {
            let family = self.families[file.family()].id.clone();
            let pattern = self.matched_pattern(file).to_owned();
            evidence.push(Evidence::Path { family, pattern });
        }
        let path = file.as_ref().map(|file| &file.facts);
        let found = family.map(|family| &self.families[family]);

        let said = agent_facts.model.or(headers.model);
        let is_agent_read =
            agent_family.map(|_| true).or_else(|| has_agent(request).then_some(false));
        let clues = Clues { model: said, firmware: agent_facts.firmware, path, mac, is_agent_read };
        let Weighed { phone_type, strength } = self.weigh_type(family, clues, &mut evidence);
        let told = phone_type.filter(|_| strength.is_told()).map(|phone_type| {
            let modules = agent_facts.modules.or(headers.modules);
            self.variant(phone_type, modules, headers.module)
        });
        let phone_type = told.or(phone_type.filter(|_| mac.is_some()));
        if let (None, Some(assumed)) = (told, phone_type) {
            evidence.push(Evidence::Fallback(assumed.key.clone()));
        }

        let spelled = |name: &str| {
            let own = told.and_then(|phone_type| phone_type.spelling(name));
            Some(own.unwrap_or(name).to_owned())
        };
        let model = said.or(path.and_then(|path| path.model.as_deref()).filter(|_| told.is_some()));
        let model = model.map_or_else(|| told.map(|told| told.model.clone()), spelled);
        // What only path and address say of the maker, the phone itself may deny.
        let is_denied = is_agent_read == Some(false) && strength == Strength::Contradicted;
        let named = found.filter(|family| family.id != GENERIC && !is_denied);
        Identity {
            mac,
            is_mac_asked_for,
            port: mac.map(|_| path.and_then(|path| path.port).unwrap_or(Port::FIRST)),
            phone_type: phone_type.map(|phone_type| phone_type.key.clone()),
            strength,
            vendor: named.map(|family| family.vendor.clone()),
            model,
            firmware: agent_facts.firmware.map(str::to_owned),
            family,
            file,
            hosted,
            contradicts: None,
            evidence,
        }
    }

    fn user_agent<'r>(
        &'r self,
        request: &Request<'r>,
        files: &FileMatches<'_>,
        evidence: &mut Vec<Evidence>,
    ) -> Option<(usize, UserAgentFacts<'r>)> {
        let text = request.user_agent.filter(|text| !text.is_empty())?;
        let mut fitting = self.user_agent_set.matches(text).into_iter();
        let mut chosen = fitting.next();
        let of_path = |at: usize| files.of_family(self.user_agent_owners[at].0).is_some();
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
        let facts = self.families[family].user_agents[pattern].read(text);
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
                module: all.module.or(facts.module),
            };
        }
        all
    }

    /// `has_own`: whether a file of the User-Agent's family is asked for.
    fn choose_family(
        &self,
        files: &FileMatches<'_>,
        agent: Option<usize>,
        has_own: bool,
        of_oui: &[usize],
        evidence: &mut Vec<Evidence>,
    ) -> Option<usize> {
        let names = |families: &[usize]| -> Vec<String> {
            families.iter().map(|&family| self.families[family].id.clone()).collect()
        };
        if !of_oui.is_empty() {
            evidence.push(Evidence::Oui { families: names(of_oui) });
        }
        let chosen = agent.or_else(|| self.family_of_files(files, of_oui))?;
        // A path that several makers have is nobody's.
        if agent.is_some()
            && !has_own
            && self.only_maker(files.told_families()).is_some()
            && let Some(other) = files
                .told_families()
                .find(|&family| Some(family) != self.generic && !self.is_same_maker(family, chosen))
        {
            let family = self.families[other].id.clone();
            evidence.push(Evidence::PathOfAnotherFamily { family });
        }
        let is_own_block = || of_oui.iter().any(|&holder| self.is_same_maker(holder, chosen));
        if Some(chosen) != self.generic && !of_oui.is_empty() && !is_own_block() {
            evidence.push(Evidence::OuiOfAnotherFamily { families: names(of_oui) });
        }
        Some(chosen)
    }

    /// The families that have the block of the address, and of it that part.
    fn holders(&self, mac: Mac) -> Cow<'_, [usize]> {
        let of_block = self.ouis.get(&mac.oui()).map_or(&[][..], Vec::as_slice);
        let is_in_block = |&&family: &&usize| !self.families[family].is_foreign(mac);
        if of_block.iter().all(|&family| self.families[family].foreign_macs.is_none()) {
            return Cow::Borrowed(of_block);
        }
        of_block.iter().filter(is_in_block).copied().collect()
    }

    /// The family of a phone that does not name itself. Of several that have both path and
    /// address, the only one that has a usual type counts.
    fn family_of_files(&self, files: &FileMatches<'_>, of_oui: &[usize]) -> Option<usize> {
        let told = files.told_families();
        let specific: Vec<usize> = told.filter(|&f| Some(f) != self.generic).collect();
        let files = files.all();
        let families = || files.iter().map(FileMatch::family);
        // A path that names a model says more than one that many makers share.
        let telling: Vec<usize> = files
            .iter()
            .filter(|file| file.facts.model.is_some() || file.facts.code.is_some())
            .map(FileMatch::family)
            .collect();
        let both: Vec<usize> = specific.iter().copied().filter(|f| of_oui.contains(f)).collect();
        let usual: Vec<usize> = both
            .iter()
            .copied()
            .filter(|&family| self.families[family].fallback_type.is_some())
            .collect();
        match (&telling[..], &specific[..], &both[..], &usual[..], of_oui) {
            ([only], ..)
            | (_, [only], ..)
            | (_, _, [only], ..)
            | (_, _, _, [only], _)
            | (_, [], _, _, [only]) => Some(*only),
            _ => self.generic.filter(|&generic| families().any(|family| family == generic)),
        }
    }

    /// The variant with that many modules, if there is one: with modules of that kind, or the first.
    fn variant<'c>(
        &'c self,
        phone_type: &'c PhoneType,
        modules: Option<u16>,
        module: Option<&str>,
    ) -> &'c PhoneType {
        let Some(modules) = modules.filter(|&count| count > 0) else { return phone_type };
        let mut variants = self.types_of(phone_type.family).filter(|other| {
            other.base.as_ref() == Some(&phone_type.key) && other.modules == modules
        });
        let first = variants.next();
        let has_it = |other: &&PhoneType| {
            let own = other.constant("module");
            own.zip(module).is_some_and(|(own, module)| own.eq_ignore_ascii_case(module))
        };
        let exact = first.into_iter().chain(variants).find(has_it);
        exact.or(first).unwrap_or(phone_type)
    }
}

fn has_agent(request: &Request<'_>) -> bool {
    request.user_agent.is_some_and(|text| !text.is_empty())
}

fn choose_mac(
    of_path: Option<Mac>,
    agent: &UserAgentFacts<'_>,
    headers: &UserAgentFacts<'_>,
    evidence: &mut Vec<Evidence>,
) -> Option<Mac> {
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
