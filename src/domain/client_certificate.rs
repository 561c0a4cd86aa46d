//! What the certificate of a client says, once its chain was verified.
//!
//! Nothing here searches: a subject holds serial numbers that look like MACs, places and free text.
//! Which attribute names the phone, and how, its family knows
//! ([`Catalogue::certified`](crate::catalogue::Catalogue::certified)).

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};

use super::{Mac, did_you_mean, nearest, steers};

/// The names in a certificate that was verified.
#[derive(Debug, Clone, Default)]
pub struct ClientCertificate {
    holder: Vec<CertificateName>,
    issuer: Vec<CertificateName>,
    is_expired: bool,
    /// What a catalogue, by its version, made of it: a connection has many requests.
    certified: OnceLock<(u64, Certified)>,
}

/// One attribute of a subject or an issuer, or one alternative name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateName {
    /// Which attribute it is.
    pub kind: NameKind,
    /// `None` for one that is there and cannot be read: empty, longer than
    /// [`ClientCertificate::MAX_VALUE_BYTES`], in an encoding that leaves open what it says, or
    /// with control characters in it.
    pub value: Option<String>,
}

/// The kinds of names that makers write, by their short names (RFC 4514 section 3, RFC 5280 section
/// 4.2.1.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "each is its attribute's name")]
pub enum NameKind {
    CommonName,
    SerialNumber,
    Country,
    Locality,
    State,
    Street,
    Organization,
    OrganizationalUnit,
    Title,
    UserId,
    DomainComponent,
    EmailAddress,
    /// A `dNSName` of the alternative names.
    DnsName,
    /// A `uniformResourceIdentifier` of the alternative names.
    Uri,
    /// Any other attribute.
    Other,
}

/// What a certificate proves of who shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Certified {
    /// That it is the device of this MAC.
    Mac(Mac),
    /// That one of these families' maker made it, and not which device it is: all that the maker
    /// shipped without a certificate of their own show the same one.
    Maker(Arc<[String]>),
    /// It names two devices. Which of them counts is a matter of taste, and identity is not: it
    /// proves nothing, and speaks for no device.
    Contradictory,
    /// No more than that one of the authorities signed it.
    #[default]
    Nothing,
}

impl Certified {
    /// The device that it proves.
    #[must_use]
    pub fn mac(&self) -> Option<Mac> {
        match self {
            Certified::Mac(mac) => Some(*mac),
            Certified::Maker(_) | Certified::Contradictory | Certified::Nothing => None,
        }
    }

    /// Whether who shows it may not ask in the name of that device.
    #[must_use]
    pub fn speaks_against(&self, mac: Mac) -> bool {
        match self {
            Certified::Mac(own) => *own != mac,
            Certified::Contradictory => true,
            Certified::Maker(_) | Certified::Nothing => false,
        }
    }
}

impl ClientCertificate {
    /// The longest subjects of phones have nine attributes.
    pub const MAX_NAMES: usize = 32;
    /// X.520 allows 64 characters for most attributes (the upper bounds of RFC 5280, appendix A);
    /// makers write longer ones.
    pub const MAX_VALUE_BYTES: usize = 256;

    /// `holder` is the subject's attributes in their order, then the alternative names. Where it
    /// has more than [`ClientCertificate::MAX_NAMES`], none is kept: what was left out could
    /// contradict what was not.
    #[must_use]
    pub fn new(
        holder: Vec<CertificateName>,
        issuer: Vec<CertificateName>,
        is_expired: bool,
    ) -> ClientCertificate {
        let bounded = |names: Vec<CertificateName>| match names.len() {
            0..=ClientCertificate::MAX_NAMES => names,
            _ => Vec::new(),
        };
        let (holder, issuer) = (bounded(holder), bounded(issuer));
        ClientCertificate { holder, issuer, is_expired, certified: OnceLock::new() }
    }

    /// Whether its time was over when it was shown; such a one comes through only where the
    /// configuration says so.
    #[must_use]
    pub fn is_expired(&self) -> bool {
        self.is_expired
    }

    /// The holder's names of that kind, in their order.
    pub fn names(&self, kind: NameKind) -> impl Iterator<Item = &CertificateName> {
        self.holder.iter().filter(move |name| name.kind == kind)
    }

    /// The holder's name of that kind, where there is exactly one, and it can be read.
    #[must_use]
    pub fn only(&self, kind: NameKind) -> Option<&str> {
        let mut names = self.names(kind);
        let (Some(only), None) = (names.next(), names.next()) else { return None };
        only.value.as_deref()
    }

    /// What the authority calls itself: organisation, unit and common name.
    pub fn issuer_names(&self) -> impl Iterator<Item = &str> {
        let kinds = [NameKind::Organization, NameKind::OrganizationalUnit, NameKind::CommonName];
        let names = self.issuer.iter().filter(move |name| kinds.contains(&name.kind));
        names.filter_map(|name| name.value.as_deref())
    }

    /// What tells the most of it to a person, at most [`ClientCertificate::MAX_VALUE_BYTES`]:
    /// the common name, or what is there instead of it.
    #[must_use]
    pub fn shown(&self) -> Option<&str> {
        let kinds = [
            NameKind::CommonName,
            NameKind::SerialNumber,
            NameKind::State,
            NameKind::DnsName,
            NameKind::OrganizationalUnit,
            NameKind::Organization,
        ];
        let mut told = kinds.into_iter().flat_map(|kind| self.names(kind)).chain(&self.holder);
        told.find_map(|name| name.value.as_deref())
    }

    /// What the catalogue of that version makes of it; `read` is asked once.
    pub(crate) fn certified_by(
        &self,
        version: u64,
        read: impl Fn(&ClientCertificate) -> Certified,
    ) -> Certified {
        match self.certified.get_or_init(|| (version, read(self))) {
            (of, certified) if *of == version => certified.clone(),
            // The catalogue was read again while the connection was open, which is rare.
            _ => read(self),
        }
    }
}

impl CertificateName {
    /// `value` is the text, as far as there is one.
    #[must_use]
    pub fn new(kind: NameKind, value: Option<String>) -> CertificateName {
        let is_plain = |value: &String| {
            (1..=ClientCertificate::MAX_VALUE_BYTES).contains(&value.len())
                && !value.chars().any(steers)
        };
        CertificateName { kind, value: value.filter(is_plain) }
    }
}

impl NameKind {
    /// All that have a name.
    pub const NAMED: [NameKind; 14] = [
        NameKind::CommonName,
        NameKind::SerialNumber,
        NameKind::Country,
        NameKind::Locality,
        NameKind::State,
        NameKind::Street,
        NameKind::Organization,
        NameKind::OrganizationalUnit,
        NameKind::Title,
        NameKind::UserId,
        NameKind::DomainComponent,
        NameKind::EmailAddress,
        NameKind::DnsName,
        NameKind::Uri,
    ];

    /// The short name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            NameKind::CommonName => "CN",
            NameKind::SerialNumber => "serialNumber",
            NameKind::Country => "C",
            NameKind::Locality => "L",
            NameKind::State => "ST",
            NameKind::Street => "STREET",
            NameKind::Organization => "O",
            NameKind::OrganizationalUnit => "OU",
            NameKind::Title => "title",
            NameKind::UserId => "UID",
            NameKind::DomainComponent => "DC",
            NameKind::EmailAddress => "emailAddress",
            NameKind::DnsName => "dNSName",
            NameKind::Uri => "URI",
            NameKind::Other => "other",
        }
    }

    /// The attribute of that object identifier, in dotted form (RFC 4519, RFC 2985).
    #[must_use]
    pub fn of_attribute(oid: &str) -> NameKind {
        match oid {
            "2.5.4.3" => NameKind::CommonName,
            "2.5.4.5" => NameKind::SerialNumber,
            "2.5.4.6" => NameKind::Country,
            "2.5.4.7" => NameKind::Locality,
            "2.5.4.8" => NameKind::State,
            "2.5.4.9" => NameKind::Street,
            "2.5.4.10" => NameKind::Organization,
            "2.5.4.11" => NameKind::OrganizationalUnit,
            "2.5.4.12" => NameKind::Title,
            "0.9.2342.19200300.100.1.1" => NameKind::UserId,
            "0.9.2342.19200300.100.1.25" => NameKind::DomainComponent,
            "1.2.840.113549.1.9.1" => NameKind::EmailAddress,
            _ => NameKind::Other,
        }
    }
}

impl fmt::Display for NameKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is the short name of no attribute that makers write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no attribute of a certificate{near}; they are {}", NameKind::NAMED.map(NameKind::as_str).join(", "))]
pub struct InvalidNameKind {
    text: String,
    near: String,
}

impl FromStr for NameKind {
    type Err = InvalidNameKind;

    fn from_str(text: &str) -> Result<NameKind, InvalidNameKind> {
        let found = NameKind::NAMED.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| {
            let near = nearest(text, NameKind::NAMED.into_iter().map(NameKind::as_str));
            InvalidNameKind { text: text.to_owned(), near: did_you_mean(near) }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(kind: NameKind, value: &str) -> CertificateName {
        CertificateName::new(kind, Some(value.to_owned()))
    }

    fn certificate(holder: Vec<CertificateName>) -> ClientCertificate {
        ClientCertificate::new(holder, Vec::new(), false)
    }

    #[test]
    fn what_cannot_be_shown_as_it_is_is_no_value() {
        let long = "a".repeat(257);
        for value in ["", "0004f2abcdef\0", "a\nb", "\u{202e}a", "\u{9b}", &long] {
            assert_eq!(name(NameKind::CommonName, value).value, None, "{value:?}");
        }
        let kept = name(NameKind::CommonName, "SPA-525G2, MAC: 708105B37234").value;
        assert_eq!(kept.as_deref(), Some("SPA-525G2, MAC: 708105B37234"));
    }

    #[test]
    fn only_one_of_a_kind_counts_also_beside_one_that_cannot_be_read() {
        let cn = |value| name(NameKind::CommonName, value);
        assert_eq!(certificate(vec![cn("a")]).only(NameKind::CommonName), Some("a"));
        assert_eq!(certificate(vec![cn("a"), cn("a")]).only(NameKind::CommonName), None);
        assert_eq!(certificate(vec![cn("a"), cn("\0")]).only(NameKind::CommonName), None);
        assert_eq!(certificate(vec![]).only(NameKind::CommonName), None);
    }

    #[test]
    fn one_with_too_many_names_says_nothing() {
        let names = |count| vec![name(NameKind::CommonName, "a"); count];
        let count =
            |certificate: &ClientCertificate| certificate.names(NameKind::CommonName).count();
        assert_eq!(count(&certificate(names(32))), 32);
        assert_eq!(count(&certificate(names(33))), 0);
    }

    #[test]
    fn people_are_shown_what_tells_the_most() {
        let all = vec![
            name(NameKind::Country, "US"),
            name(NameKind::State, "000e08abcdef"),
            name(NameKind::CommonName, "\0"),
        ];
        assert_eq!(certificate(all).shown(), Some("000e08abcdef"));
        assert_eq!(certificate(vec![name(NameKind::Other, "x")]).shown(), Some("x"));
        assert_eq!(certificate(vec![]).shown(), None);
    }

    #[test]
    fn each_kind_has_its_name() {
        for kind in NameKind::NAMED {
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
        let message = "cn".parse::<NameKind>().unwrap_err().to_string();
        assert!(message.starts_with("`cn` is no attribute of a certificate"), "{message}");
    }

    #[test]
    fn another_catalogue_reads_it_again() {
        let certificate = certificate(vec![]);
        let mac: Mac = "0004f2aa0335".parse().unwrap();
        assert_eq!(certificate.certified_by(1, |_| Certified::Mac(mac)), Certified::Mac(mac));
        assert_eq!(certificate.certified_by(1, |_| unreachable!()), Certified::Mac(mac));
        assert_eq!(certificate.certified_by(2, |_| Certified::Nothing), Certified::Nothing);
    }
}
