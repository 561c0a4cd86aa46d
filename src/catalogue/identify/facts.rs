//! What a handset says of itself in its User-Agent or another header.

use std::collections::BTreeMap;

use regex::Regex;

use crate::domain::Mac;

/// What a User-Agent or header pattern took out.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct UserAgentFacts<'a> {
    pub model: Option<&'a str>,
    pub firmware: Option<&'a str>,
    pub mac: Option<Mac>,
    pub modules: Option<u16>,
    /// What kind of module a header names.
    pub module: Option<&'a str>,
}

impl<'a> UserAgentFacts<'a> {
    /// `None` when the pattern does not fit.
    pub(crate) fn read(regex: &Regex, text: &'a str) -> Option<UserAgentFacts<'a>> {
        let captures = regex.captures(text)?;
        let text = |name| captures.name(name).map(|found| found.as_str()).filter(|t| !t.is_empty());
        Some(UserAgentFacts {
            model: text("model"),
            firmware: text("firmware"),
            mac: text("mac").and_then(|mac| mac.parse().ok()),
            modules: text("modules").and_then(|count| count.parse().ok()),
            module: text("module"),
        })
    }
}

/// How phones of a family name themselves.
#[derive(Debug)]
pub(crate) struct UserAgentPattern {
    pub regex: Regex,
    /// Models by the names that these phones give themselves, where the maker calls them
    /// otherwise.
    pub renamed: BTreeMap<String, String>,
}

impl UserAgentPattern {
    /// `None` when the pattern does not fit.
    pub(crate) fn read<'a>(&'a self, text: &'a str) -> Option<UserAgentFacts<'a>> {
        let mut facts = UserAgentFacts::read(&self.regex, text)?;
        let renamed = facts.model.and_then(|model| self.renamed.get(model));
        facts.model = renamed.map(String::as_str).or(facts.model);
        Some(facts)
    }
}
