//! The requests of one type's boot, all but the MAC filled in.

use std::fmt::Write;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::definition::{HttpVersion, MacCase, MacSeparator};
use super::simulate::StepDoes;
use crate::catalogue::PhoneType;
use crate::domain::{Mac, Port};

/// What is escaped in the value of a place in a path: all that RFC 3986 does not call
/// unreserved, but the parentheses, which a path may have as they are.
const ENCODED_IN_PATHS: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'(').remove(b')');

/// The boot of one type, all but the MAC filled in.
#[derive(Debug, Clone)]
pub struct BootShape {
    /// The version that all requests of the boot are in.
    pub http_version: HttpVersion,
    /// Whether requests have a `Host`; always with HTTP/1.1.
    pub sends_host: bool,
    /// Its requests, at least one.
    pub requests: Vec<RequestShape>,
}

/// One request of it.
#[derive(Debug, Clone)]
pub struct RequestShape {
    /// How it goes on the wire.
    pub does: StepDoes,
    /// Whether a refusal is part of a normal boot.
    pub optional: bool,
    /// What comes is read as a configuration; otherwise the phone only keeps it.
    pub configures: bool,
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
    /// The text with the MAC of a phone in it.
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
    pub(super) fn has_mac(&self) -> bool {
        self.0.iter().any(|piece| matches!(piece, Piece::Mac { .. }))
    }
}

#[derive(Debug, thiserror::Error)]
pub(super) enum Unfilled {
    #[error("the type has no code")]
    NoCode,
    #[error("the type's data has no text `{0}`")]
    NoData(String),
    #[error("nobody knows what to put for `{0}`")]
    Unknown(String),
    #[error("a `{{` is never closed")]
    Open,
}

/// How the phones of a family write their MAC in paths.
#[derive(Debug, Clone, Copy)]
pub(super) struct PathMac {
    pub case: MacCase,
    pub separator: Option<MacSeparator>,
}

/// Fills the placeholders of a path or a User-Agent.
pub(super) struct Filler<'a> {
    pub phone_type: &'a PhoneType,
    pub port: Port,
    /// `None`: not a path but a User-Agent.
    pub path_mac: Option<PathMac>,
}

impl Filler<'_> {
    pub(super) fn fill(&self, pattern: &str) -> Result<MacText, Unfilled> {
        let mut pieces = Vec::new();
        let mut text = String::new();
        let mut rest = pattern;
        while let Some(at) = rest.find(['{', '*']) {
            text.push_str(&rest[..at]);
            if rest[at..].starts_with('*') {
                if self.path_mac.is_some() {
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
                (name, None) if self.path_mac.is_none() && name.starts_with("data.") => {
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
            "mac" if let Some(own) = self.path_mac => own.case == MacCase::Upper,
            "mac" => false,
            "MAC" => true,
            _ => return None,
        };
        let separator = match separator {
            "" => self.path_mac.and_then(|own| own.separator).map(MacSeparator::character),
            "colons" => Some(':'),
            "dashes" => Some('-'),
            _ => return None,
        };
        Some(Piece::Mac { upper, separator })
    }

    fn push(&self, text: &mut String, value: &str) {
        if self.path_mac.is_some() {
            text.extend(utf8_percent_encode(value, ENCODED_IN_PATHS));
        } else {
            text.push_str(value);
        }
    }
}
