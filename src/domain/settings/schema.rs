//! The kinds of value a setting can have and their bounds: one description
//! that checks values, words the messages and generates the documentation.
//!
//! The fields themselves, with their texts, are written once, in
//! `super::model`; everything else walks [`super::Settings::FIELDS`].

use std::sync::{LazyLock, OnceLock};

use super::{AdmissionSettings, Settings};
use crate::domain::admission::Proof;

/// Most characters of a label, a name, a version.
pub const MAX_TEXT: usize = 128;
/// Most characters of a URL, and of a key's value, which may be one.
pub const MAX_URL: usize = 512;
/// Most characters of a raw vendor value: certificates and dial plans are long.
pub const MAX_VENDOR_TEXT: usize = 4096;
/// The highest number of a line: no phone and no port of a base has more.
pub const MAX_LINES: u16 = 64;
/// The highest number of an expansion module: no phone takes more.
pub const MAX_MODULES: u16 = 6;
/// Most raw parameters for one family in one layer.
pub const MAX_VENDOR_PARAMETERS: usize = 500;
/// Most families one layer has raw parameters for.
pub const MAX_VENDOR_FAMILIES: usize = 32;
/// Most bytes of a layer's stored text: all 720 keys of six expansion
/// modules with long labels are about 90 kB.
pub const MAX_STORED: usize = 256 * 1024;

/// One setting, or a group of them.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// The name as the JSON document spells it.
    pub name: &'static str,
    /// What it means, for people.
    pub doc: &'static str,
    /// What a value may be, with its bounds.
    pub kind: Kind,
}

/// What a value may be.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// A JSON integer within the bounds, both included; `unit` may be empty.
    Integer {
        /// The smallest value.
        min: u64,
        /// The largest value.
        max: u64,
        /// What is counted, `s` for one; empty for a plain number.
        unit: &'static str,
    },
    /// One line of text, may be empty.
    Text {
        /// The most characters.
        max: usize,
    },
    /// Like text of 1 to 128 characters, but in no log, list or message.
    Secret,
    /// One of the names.
    Choice(&'static [&'static str]),
    /// DNS name, IPv4 address or IPv6 address without brackets.
    Host,
    /// IPv4 or IPv6 address.
    Ip,
    /// A network: an address and the length of its prefix.
    Net,
    /// What a phone must show together, see [`crate::domain::admission::ProofSet`].
    Proofs,
    /// User part of a SIP address.
    SipUser,
    /// User name for digest authentication.
    AuthUser,
    /// Digits that open a phone; shown nowhere, like [`Kind::Secret`].
    Pin,
    /// What a phone dials.
    Dial,
    /// One alternative of a digit map, RFC 3435 section 2.1.5.
    DialPattern,
    /// IPv4 multicast address.
    MulticastAddress,
    /// Name of an attribute, RFC 4512 section 1.4.
    LdapAttribute,
    /// URL of one of the schemes, without user name or password.
    Url(&'static [&'static str]),
    /// URL of one of the schemes, behind which come the names of files: with no query either, and
    /// no fragment.
    Folder(&'static [&'static str]),
    /// The IANA name of a time zone.
    Zone,
    /// A language tag (BCP 47).
    Language,
    /// A country code (ISO 3166-1 alpha-2).
    Country,
    /// `HH:MM`, 00:00 to 23:59.
    TimeOfDay,
    /// 1 to `max` different values in order.
    List {
        /// What each value of the list may be.
        of: &'static Kind,
        /// The most values.
        max: usize,
    },
    /// Settings by name.
    Group(&'static [Field]),
    /// Groups by number, 1 to `max`.
    Numbered {
        /// The highest number.
        max: u16,
        /// What each group has.
        of: &'static [Field],
    },
    /// Raw parameters by family id and parameter name.
    Vendor,
}

impl Kind {
    /// `must be ...`, as messages and documentation say it.
    #[must_use]
    pub fn expectation(&self) -> String {
        match self {
            Kind::Bool => "true or false".into(),
            Kind::Integer { min, max, unit: "" } => format!("{min} to {max}"),
            Kind::Integer { min, max, unit } => format!("{min} to {max} {unit}"),
            Kind::Text { max } => {
                format!("text of at most {max} characters without control characters")
            }
            Kind::Secret => {
                format!("text of 1 to {MAX_TEXT} characters without control characters")
            }
            Kind::Choice(names) => format!("one of {}", names.join(", ")),
            Kind::Host => "a DNS name, an IPv4 or an IPv6 address (no brackets)".into(),
            Kind::Ip => "an IPv4 or IPv6 address".into(),
            Kind::Net => {
                "a network like 10.0.0.0/8 or 2001:db8::/32, without bits behind its prefix".into()
            }
            Kind::Proofs => {
                let names = Proof::ALL.map(Proof::as_str).join(", ");
                format!("one or more of {names}, each once, with + between those needed together")
            }
            Kind::SipUser => "1 to 64 letters, digits and -_.!~*+".into(),
            Kind::AuthUser => "1 to 128 letters, digits and -_.!~*+@".into(),
            Kind::Pin => "4 to 15 digits".into(),
            Kind::Dial => "1 to 32 of the digits 0-9, * # A-D + , p w".into(),
            Kind::DialPattern => {
                "1 to 64 of 0-9 * # +, x for any digit, [2-5] for one of some, and \
                 after one of these a . for any number of it; a T at the end waits"
                    .into()
            }
            Kind::MulticastAddress => "an IPv4 multicast address like 224.0.1.75".into(),
            Kind::LdapAttribute => {
                "an attribute's name of at most 64 letters, digits and -, first a letter".into()
            }
            Kind::Url(schemes) => format!(
                "a URL ({}) of at most {MAX_URL} characters without user name and password",
                schemes.join(", ")
            ),
            Kind::Folder(schemes) => format!(
                "a URL ({}) of at most {MAX_URL} characters without user name, password, query \
                 (`?`) and fragment (`#`)",
                schemes.join(", ")
            ),
            Kind::Zone => "an IANA time zone name like Europe/Berlin".into(),
            Kind::Language => "a language tag like de, fr-CA or zh-Hant-TW".into(),
            Kind::Country => "an ISO 3166 country code of two upper-case letters".into(),
            Kind::TimeOfDay => "a time of day from 00:00 to 23:59".into(),
            Kind::List { of, max } => format!("a list of 1 to {max}: {}", of.expectation()),
            Kind::Group(_) => "an object".into(),
            Kind::Numbered { max, .. } => format!("an object with keys from \"1\" to \"{max}\""),
            Kind::Vendor => format!(
                "an object {{family: {{parameter: value}}}}; a parameter is 1 to 128 letters, \
                 digits and _ . - / [ ]; a value is text of at most {MAX_VENDOR_TEXT} characters, \
                 a whole number, true or false"
            ),
        }
    }

    /// Whether its value is shown to nobody.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        matches!(self, Kind::Secret | Kind::Pin)
    }
}

/// Whether the value of a raw vendor parameter is treated as a secret. The
/// schema cannot know what a vendor's parameter holds, so its name decides,
/// and rather too often than not: `keyboard` is hidden with `key`.
#[must_use]
pub fn is_secret_parameter(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["pass", "pwd", "secret", "key", "pin", "auth"].iter().any(|part| name.contains(part))
}

/// A setting as the documentation lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Documented {
    /// `lines.N.registrar_port`; `N` is a number, see `bounds` of `lines`.
    pub path: String,
    /// What a value must be, with its unit.
    pub bounds: String,
    /// What it means, for people.
    pub doc: &'static str,
    /// Whether lists, logs and messages hide its value.
    pub secret: bool,
}

/// Every setting and group in the schema's order.
pub fn fields() -> &'static [Documented] {
    static FIELDS: OnceLock<Vec<Documented>> = OnceLock::new();
    FIELDS.get_or_init(|| {
        let mut all = Vec::new();
        list("", Settings::FIELDS, &mut all);
        all
    })
}

/// What a document may have: what phones are given, and what is asked of them, which no phone is
/// told.
#[must_use]
pub fn document() -> &'static [Field] {
    static DOCUMENT: LazyLock<Vec<Field>> = LazyLock::new(|| {
        let admission = Field {
            name: ADMISSION,
            doc: "What a request must show before it gets a file of a phone's own; of all and of \
                  companies, not of single phones.",
            kind: Kind::Group(AdmissionSettings::FIELDS),
        };
        Settings::FIELDS.iter().copied().chain([admission]).collect()
    });
    &DOCUMENT
}

/// The group that no phone is told and that a phone's own settings must not have.
pub const ADMISSION: &str = "admission";

/// Every setting of a [`document`], in its order.
#[must_use]
pub fn document_fields() -> &'static [Documented] {
    static FIELDS: LazyLock<Vec<Documented>> = LazyLock::new(|| {
        let mut all = Vec::new();
        list("", document(), &mut all);
        all
    });
    &FIELDS
}

/// Whether the schema has the setting of that path, given part by part.
#[must_use]
pub fn has(path: &[&str]) -> bool {
    fn find(fields: &[Field], path: &[&str]) -> bool {
        let [name, rest @ ..] = path else { return true };
        let Some(field) = fields.iter().find(|field| field.name == *name) else { return false };
        match &field.kind {
            Kind::Group(of) => find(of, rest),
            _ => rest.is_empty(),
        }
    }
    find(Settings::FIELDS, path)
}

fn list(prefix: &str, fields: &'static [Field], all: &mut Vec<Documented>) {
    for field in fields {
        let path = format!("{prefix}{}", field.name);
        all.push(Documented {
            path: path.clone(),
            bounds: field.kind.expectation(),
            doc: field.doc.trim(),
            secret: field.kind.is_secret(),
        });
        match field.kind {
            Kind::Group(of) => list(&format!("{path}."), of, all),
            Kind::Numbered { of, .. } => list(&format!("{path}.N."), of, all),
            _ => {}
        }
    }
}
