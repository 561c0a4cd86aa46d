//! A family's boot as the simulator plays it: `[simulate]` and `[[boot]]`, checked at load
//! and filled in for one type.

pub(crate) mod selector;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::Range;

use toml::Spanned;

use super::family::definition::{
    self, Conditional, ConnectionUse, HttpVersion, MacCase, StepUserAgent, Syntax,
};
use super::family::{BootStep, Family, PhoneType};
use super::identify::facts::UserAgentFacts;
use crate::domain::{Mac, Port};
use selector::Selector;

/// What `[simulate]` says. Everything in it has been tried on every type at load.
#[derive(Debug, Clone)]
pub struct Simulate {
    user_agent: Option<String>,
    /// By type key.
    user_agents: BTreeMap<String, String>,
    mac_case: MacCase,
    http_version: HttpVersion,
    /// By type key.
    http_versions: BTreeMap<String, HttpVersion>,
    host: bool,
    pub connection: ConnectionUse,
    pub conditional: Conditional,
    /// Attempts after the first when the gateway cannot be had.
    pub retries: u8,
    /// Before the first of them, in seconds; it doubles each time.
    pub retry_delay_s: u32,
    pub config: ConfigReader,
}

/// How its phones read their configuration.
#[derive(Debug, Clone)]
pub struct ConfigReader {
    pub syntax: Syntax,
    /// A file that begins otherwise is dropped by the phone.
    pub first_line: Option<String>,
    /// A value that means there is none.
    pub unset: Option<String>,
    pub user: Selector,
    pub registrar: Selector,
    pub password: Option<Selector>,
}

/// The boot of one type, all but the MAC filled in.
#[derive(Debug, Clone)]
pub struct BootShape {
    pub http_version: HttpVersion,
    /// Whether requests have a `Host`; always with HTTP/1.1.
    pub sends_host: bool,
    /// At least one.
    pub requests: Vec<RequestShape>,
}

/// One request of it.
#[derive(Debug, Clone)]
pub struct RequestShape {
    pub upload: bool,
    pub optional: bool,
    /// `None`: it does not say what it is.
    pub user_agent: Option<MacText>,
    /// How `family.toml` writes the path.
    pub pattern: String,
    /// Path and query without the leading `/`, ready to be sent.
    pub path: MacText,
}

/// Text with places for a MAC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MacText(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Mac { upper: bool, separator: Option<char> },
}

impl MacText {
    #[must_use]
    pub fn fill(&self, mac: Mac) -> String {
        let mut text = String::with_capacity(64);
        for piece in &self.0 {
            match piece {
                Piece::Text(own) => text.push_str(own),
                Piece::Mac { upper, separator } => {
                    for (at, octet) in mac.octets().into_iter().enumerate() {
                        text.extend(separator.filter(|_| at > 0));
                        let written = match upper {
                            true => write!(text, "{octet:02X}"),
                            false => write!(text, "{octet:02x}"),
                        };
                        written.expect("a String takes everything");
                    }
                }
            }
        }
        text
    }
}

impl MacText {
    fn has_mac(&self) -> bool {
        self.0.iter().any(|piece| matches!(piece, Piece::Mac { .. }))
    }
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
        move |mac| macs.as_ref().is_none_or(|macs| macs.is_match(&format!("{:012X}", mac.bits())))
    }
}

impl Family {
    /// The manufacturer's blocks its phones have their MACs from, in the low 24 bits.
    #[must_use]
    pub fn ouis(&self) -> &[u32] {
        &self.ouis
    }

    /// The boot of one of the family's types; `None` for a family that is not simulated.
    #[must_use]
    pub fn boot_shape(&self, phone_type: &PhoneType) -> Option<BootShape> {
        let shape = self.simulate.as_ref()?.shape(self, phone_type);
        Some(shape.expect("every type's shape was made once when the family was loaded"))
    }
}

impl Simulate {
    fn shape(&self, family: &Family, phone_type: &PhoneType) -> Result<BootShape, String> {
        let mut requests = Vec::new();
        for step in &family.boot {
            let user_agent = match self.user_agent_of(step, phone_type) {
                Ok(user_agent) => user_agent,
                // The type has nothing that would make this request.
                Err((_, Unfilled::NoData(_))) if step.user_agent.is_some() => continue,
                Err((text, error)) => return Err(format!("`{text}`: {error}")),
            };
            let ports = if step.path.contains("{port}") { phone_type.ports } else { 1 };
            for port in Port::first(ports) {
                let filler = Filler { phone_type, port, mac_case: self.mac_case, in_path: true };
                match filler.fill(&step.path) {
                    Ok(path)
                        if format!("/{}", path.fill(Mac::from_bits(ANY_MAC)))
                            .parse::<http::Uri>()
                            .is_err() =>
                    {
                        return Err(format!("`{}` cannot be sent as a path", step.path));
                    }
                    Ok(path) => requests.push(RequestShape {
                        upload: step.upload,
                        optional: step.optional,
                        user_agent: user_agent.clone(),
                        pattern: step.path.clone(),
                        path,
                    }),
                    // A type whose product code nobody wrote down leaves out what it is for.
                    Err(Unfilled::NoCode) if step.optional => {}
                    Err(error) => return Err(format!("`{}`: {error}", step.path)),
                }
            }
        }
        if requests.is_empty() {
            return Err("there is no [[boot]] for it".to_owned());
        }
        let http_version = self.http_versions.get(phone_type.key.as_str()).copied();
        let http_version = http_version.unwrap_or(self.http_version);
        if !self.host && http_version != HttpVersion::V1_0 {
            // RFC 9112, 3.2: the gateway would answer 400.
            return Err("`host = false` is for HTTP/1.0 only".to_owned());
        }
        Ok(BootShape { http_version, sends_host: self.host, requests })
    }

    /// What a step says, or else what the type always says.
    ///
    /// # Errors
    /// The text that cannot be filled in, and why.
    fn user_agent_of<'a>(
        &'a self,
        step: &'a BootStep,
        phone_type: &PhoneType,
    ) -> Result<Option<MacText>, (&'a str, Unfilled)> {
        let text = match &step.user_agent {
            Some(StepUserAgent::None(_)) => None,
            Some(StepUserAgent::Text(text)) => Some(text),
            None => self.user_agents.get(phone_type.key.as_str()).or(self.user_agent.as_ref()),
        };
        let filler =
            Filler { phone_type, port: Port::FIRST, mac_case: self.mac_case, in_path: false };
        text.map(|text| filler.fill(text).map_err(|error| (text.as_str(), error))).transpose()
    }
}

#[derive(Debug, thiserror::Error)]
enum Unfilled {
    #[error("the type has no code")]
    NoCode,
    #[error("the type's data has no text `{0}`")]
    NoData(String),
    #[error("nobody knows what to put for `{0}`")]
    Unknown(String),
    #[error("a `{{` is never closed")]
    Open,
}

struct Filler<'a> {
    phone_type: &'a PhoneType,
    port: Port,
    mac_case: MacCase,
    in_path: bool,
}

impl Filler<'_> {
    fn fill(&self, pattern: &str) -> Result<MacText, Unfilled> {
        let mut pieces = Vec::new();
        let mut text = String::new();
        let mut rest = pattern;
        while let Some(at) = rest.find(['{', '*']) {
            text.push_str(&rest[..at]);
            if rest[at..].starts_with('*') {
                if self.in_path {
                    return Err(Unfilled::Unknown("*".to_owned()));
                }
                text.push('*');
                rest = &rest[at + 1..];
                continue;
            }
            let (name, after) = rest[at + 1..].split_once('}').ok_or(Unfilled::Open)?;
            rest = after;
            match (name, self.mac(name)) {
                ("model", _) => self.push(&mut text, &self.phone_type.model),
                ("code", _) => {
                    self.push(&mut text, self.phone_type.code.as_deref().ok_or(Unfilled::NoCode)?);
                }
                ("port", _) => self.push(&mut text, &self.port.number().to_string()),
                (name, None) if !self.in_path && name.starts_with("data.") => {
                    let constant = &name["data.".len()..];
                    let found = self.phone_type.constant(constant);
                    let found = found.ok_or_else(|| Unfilled::NoData(constant.to_owned()))?;
                    self.push(&mut text, &found);
                }
                (_, Some(mac)) => {
                    pieces.push(Piece::Text(std::mem::take(&mut text)));
                    pieces.push(mac);
                }
                (other, None) => return Err(Unfilled::Unknown(format!("{{{other}}}"))),
            }
        }
        text.push_str(rest);
        pieces.push(Piece::Text(text));
        pieces.retain(|piece| !matches!(piece, Piece::Text(text) if text.is_empty()));
        Ok(MacText(pieces))
    }

    fn mac(&self, name: &str) -> Option<Piece> {
        let (case, separator) = name.split_once(':').unwrap_or((name, ""));
        let upper = match case {
            "mac" if self.in_path => self.mac_case == MacCase::Upper,
            "mac" => false,
            "MAC" => true,
            _ => return None,
        };
        let separator = match separator {
            "" => None,
            "colons" => Some(':'),
            "dashes" => Some('-'),
            _ => return None,
        };
        Some(Piece::Mac { upper, separator })
    }

    fn push(&self, text: &mut String, value: &str) {
        for byte in value.bytes() {
            if !self.in_path || byte.is_ascii_alphanumeric() || b"-._~()".contains(&byte) {
                text.push(char::from(byte));
            } else {
                write!(text, "%{byte:02X}").expect("a String takes everything");
            }
        }
    }
}

/// Compiles `[simulate]` and tries it on every type a fleet can have.
pub(crate) fn compile(
    written: definition::Simulate,
    family: &Family,
    types: &[PhoneType],
) -> Result<Simulate, Vec<(Range<usize>, String)>> {
    let mut problems = Vec::new();
    let (span, syntax) = (written.syntax.span(), *written.syntax.get_ref());
    let mut selector = |text: &Spanned<String>| {
        let parsed = Selector::parse(syntax, text.get_ref());
        parsed.map_err(|error| problems.push((text.span(), error))).ok()
    };
    let (user, registrar) = (selector(&written.user), selector(&written.registrar));
    let password = written.password.as_ref().map(&mut selector);
    let password = password.map(|found| found.ok_or(())).transpose();
    let (Some(user), Some(registrar), Ok(password)) = (user, registrar, password) else {
        return Err(problems);
    };
    let by_type = written.user_agents.iter().map(|(key, own)| (key, own.span()));
    let by_type = by_type.chain(written.http_versions.iter().map(|(key, own)| (key, own.span())));
    for (key, span) in by_type {
        if !types
            .iter()
            .any(|phone_type| phone_type.is_distinct() && phone_type.key.as_str() == key)
        {
            let message = format!("`{key}` is no type of this family, or a variant of one");
            problems.push((span, message));
        }
    }
    let simulate = Simulate {
        user_agent: written.user_agent.map(Spanned::into_inner),
        user_agents: inner(written.user_agents),
        mac_case: written.mac_case,
        http_version: written.http_version,
        http_versions: inner(written.http_versions),
        host: written.host,
        connection: written.connection,
        conditional: written.conditional,
        retries: written.retries,
        retry_delay_s: written.retry_delay_s,
        config: ConfigReader {
            syntax,
            first_line: written.first_line,
            unset: written.unset,
            user,
            registrar,
            password,
        },
    };
    let distinct = || types.iter().filter(|phone_type| phone_type.is_distinct());
    for phone_type in distinct() {
        let shape = simulate.shape(family, phone_type);
        if let Err(error) = shape.and_then(|shape| are_recognised(family, phone_type, &shape)) {
            problems.push((span.clone(), format!("simulating `{}`: {error}", phone_type.key)));
        }
    }
    // Left out for one type is meant, for all of them a slip of the pen.
    for step in family.boot.iter().filter(|step| step.user_agent.is_some()) {
        let left_out =
            distinct().map(|phone_type| match simulate.user_agent_of(step, phone_type) {
                Err((text, error @ Unfilled::NoData(_))) => Some(format!("`{text}`: {error}")),
                _ => None,
            });
        if let Some(errors) = left_out.collect::<Option<Vec<_>>>()
            && let Some(error) = errors.first()
        {
            problems.push((span.clone(), format!("no type asks for `{}`: {error}", step.path)));
        }
    }
    if problems.is_empty() { Ok(simulate) } else { Err(problems) }
}

fn inner<T>(written: BTreeMap<String, Spanned<T>>) -> BTreeMap<String, T> {
    written.into_iter().map(|(key, own)| (key, own.into_inner())).collect()
}

/// What shapes are tried with.
const ANY_MAC: u64 = 0xabcd;

/// Whatever its phone calls itself on the way through a boot.
fn are_recognised(
    family: &Family,
    phone_type: &PhoneType,
    shape: &BootShape,
) -> Result<(), String> {
    let mut tried: Vec<&MacText> = Vec::new();
    for text in shape.requests.iter().filter_map(|request| request.user_agent.as_ref()) {
        if !tried.contains(&text) {
            is_recognised(family, phone_type, text)?;
            tried.push(text);
        }
    }
    Ok(())
}

/// A simulated phone must be one that the family knows as its own: its User-Agent is
/// read by the first grammar that fits, as that of this model.
fn is_recognised(
    family: &Family,
    phone_type: &PhoneType,
    user_agent: &MacText,
) -> Result<(), String> {
    // Some grammars know their MACs by the block.
    let block = family.ouis.first().map_or(0x00_02_00, |&oui| u64::from(oui));
    let mac = Mac::from_bits(block << 24 | ANY_MAC);
    let text = user_agent.fill(mac);
    if http::HeaderValue::from_str(&text).is_err() {
        return Err(format!("`{text}` has a character a header cannot have"));
    }
    let mut grammars = family.user_agents.iter();
    let read = grammars.find_map(|regex| UserAgentFacts::read(regex, &text));
    match read {
        None if family.user_agents.is_empty() => Ok(()),
        None => Err(format!("no [[user_agent]] pattern fits `{text}`")),
        Some(read) => match read.model {
            Some(model) if phone_type.spelling(model).is_none() => {
                Err(format!("`{text}` is read as a {model}"))
            }
            _ if read.mac.is_some_and(|read| read != mac)
                || (read.mac.is_none() && user_agent.has_mac()) =>
            {
                Err(format!("the MAC in `{text}` is misread"))
            }
            _ => Ok(()),
        },
    }
}
