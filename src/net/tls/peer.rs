//! What TLS says about the peer of a connection.

use rustls::{ProtocolVersion, ServerConnection};
use x509_parser::prelude::{FromDer, X509Certificate};

/// Present on every TLS connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsPeer {
    pub version: TlsVersion,
    /// Subject CN of the client's certificate, which has been verified against
    /// the configured authorities. `None` without a certificate, and for one
    /// with no CN, several of them, or one that is no plain text of at most
    /// [`TlsPeer::MAX_CN_BYTES`].
    pub client_cn: Option<String>,
}

/// The version that was agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsVersion {
    V1_2,
    V1_3,
}

impl TlsPeer {
    /// X.520 allows 64 (ub-common-name); vendors write longer ones.
    pub const MAX_CN_BYTES: usize = 256;

    pub(in crate::net) fn of(connection: &ServerConnection) -> TlsPeer {
        let version = match connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => TlsVersion::V1_3,
            _ => TlsVersion::V1_2,
        };
        let certificate = connection.peer_certificates().and_then(<[_]>::first);
        TlsPeer { version, client_cn: certificate.and_then(|der| common_name(der)) }
    }
}

/// Several CNs give none: which of them counts is a matter of taste, and
/// identity is not.
fn common_name(der: &[u8]) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let mut names = certificate.subject().iter_common_name();
    let (name, None) = (names.next()?, names.next()) else { return None };
    let name = name.as_str().ok()?;
    let is_plain = !name.is_empty()
        && name.len() <= TlsPeer::MAX_CN_BYTES
        && !name.chars().any(char::is_control);
    is_plain.then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};

    use super::*;

    fn cn_of(names: &[&str]) -> Option<String> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        for name in names {
            params.distinguished_name.push(DnType::CommonName, *name);
        }
        let key = KeyPair::generate().unwrap();
        common_name(params.self_signed(&key).unwrap().der())
    }

    #[test]
    fn a_plain_common_name_is_taken_whole() {
        assert_eq!(cn_of(&["0004f2abcdef"]).as_deref(), Some("0004f2abcdef"));
    }

    #[test]
    fn odd_common_names_are_none() {
        assert_eq!(cn_of(&[]), None);
        assert_eq!(cn_of(&["0004f2abcdef\n"]), None);
        assert_eq!(cn_of(&[&"a".repeat(257)]), None);
    }
}
