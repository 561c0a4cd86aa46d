//! What a handset says of itself in its User-Agent or another header.

use regex::Regex;

use crate::domain::Mac;

/// What a User-Agent or header pattern took out.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct UserAgentFacts<'a> {
    pub model: Option<&'a str>,
    pub firmware: Option<&'a str>,
    pub mac: Option<Mac>,
    pub modules: Option<u16>,
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
        })
    }
}
