//! What `[simulate]` says, and a type's boot made of it.

use std::collections::BTreeMap;

use super::definition::{Conditional, ConnectionUse, HttpVersion, StepUserAgent, Syntax};
use super::selector::Places;
use super::shape::{BootShape, Filler, MacText, PathMac, RequestShape, Unfilled};
use crate::catalogue::PhoneType;
use crate::catalogue::family::header::Header;
use crate::domain::{Mac, Port};

/// What `[simulate]` says. Everything in it was tried on every type when it was loaded.
#[derive(Debug, Clone)]
pub struct Simulate {
    pub(super) user_agent: Option<String>,
    /// What single types have instead, by type key.
    pub(super) user_agents: BTreeMap<String, String>,
    /// How its phones write their MAC in a path.
    pub(super) path_mac: PathMac,
    pub(super) http_version: HttpVersion,
    /// What single types have instead, by type key.
    pub(super) http_versions: BTreeMap<String, HttpVersion>,
    pub(super) host: bool,
    /// Whether the requests of a boot share a connection.
    pub connection: ConnectionUse,
    /// What the phone sends back of the last answer when it asks again.
    pub conditional: Conditional,
    /// Attempts after the first when the gateway cannot be had.
    pub retries: u8,
    /// The pause before the first of them, in seconds; it doubles each time.
    pub retry_delay_s: u32,
    /// How the phone reads what it gets.
    pub config: ConfigReader,
}

/// How its phones read their configuration.
#[derive(Debug, Clone)]
pub struct ConfigReader {
    /// The grammar of its files.
    pub syntax: Syntax,
    /// A file that begins otherwise is dropped by the phone.
    pub first_line: Option<String>,
    /// Bytes before the text, which must be right.
    pub header: Option<Header>,
    /// A value that means there is none.
    pub unset: Option<String>,
    /// Where the user of each line stands.
    pub user: Places,
    /// Where the registrar of each line stands.
    pub registrar: Places,
    /// Where the password of each line stands; when given, a line without one cannot register.
    pub password: Option<Places>,
}

/// What a phone does in one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepDoes {
    /// It asks for the file (GET).
    Ask,
    /// It asks for the file with a form (POST).
    AskByForm,
    /// It sends the file (PUT).
    Send,
}

/// One request of a normal boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootStep {
    /// How it goes on the wire.
    pub does: StepDoes,
    /// A path pattern; `{mac}` and the like are to be filled in.
    pub path: String,
    /// A refusal is part of a normal boot.
    pub optional: bool,
    /// What comes is read as a configuration.
    pub configures: bool,
    /// `None`: the one its phones usually send.
    pub(super) user_agent: Option<StepUserAgent>,
}

/// What shapes are tried with.
pub(super) const ANY_MAC: u64 = 0xabcd;

impl Simulate {
    /// The boot of a type.
    ///
    /// # Errors
    /// What cannot be filled in for it.
    pub(super) fn shape(
        &self,
        steps: &[BootStep],
        phone_type: &PhoneType,
    ) -> Result<BootShape, String> {
        let mut requests = Vec::new();
        for step in steps {
            let user_agent = match self.user_agent_of(step, phone_type) {
                Ok(user_agent) => user_agent,
                // The type has nothing that would make this request.
                Err((_, Unfilled::NoData(_))) if step.user_agent.is_some() => continue,
                Err((text, error)) => return Err(format!("`{text}`: {error}")),
            };
            let ports = if step.path.contains("{port}") { phone_type.ports } else { 1 };
            for port in Port::first(ports) {
                let filler = Filler { phone_type, port, path_mac: Some(self.path_mac) };
                match filler.fill(&step.path) {
                    Ok(path)
                        if format!("/{}", path.fill(Mac::from_bits(ANY_MAC)))
                            .parse::<http::Uri>()
                            .is_err() =>
                    {
                        return Err(format!("`{}` cannot be sent as a path", step.path));
                    }
                    Ok(path) => requests.push(RequestShape {
                        does: step.does,
                        optional: step.optional,
                        configures: step.configures,
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
    pub(super) fn user_agent_of<'a>(
        &'a self,
        step: &'a BootStep,
        phone_type: &PhoneType,
    ) -> Result<Option<MacText>, (&'a str, Unfilled)> {
        let text = match &step.user_agent {
            Some(StepUserAgent::None(_)) => None,
            Some(StepUserAgent::Text(text)) => Some(text),
            None => self.user_agents.get(phone_type.key.as_str()).or(self.user_agent.as_ref()),
        };
        let filler = Filler { phone_type, port: Port::FIRST, path_mac: None };
        text.map(|text| filler.fill(text).map_err(|error| (text.as_str(), error))).transpose()
    }
}
