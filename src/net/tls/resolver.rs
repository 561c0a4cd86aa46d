//! Which certificate a client gets: by the name it asks for and by what it can check.

use std::sync::Arc;

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{CipherSuite, SignatureAlgorithm, SignatureScheme};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;

#[derive(Debug)]
pub(super) struct Resolver {
    /// The certificates in the operator's order.
    pairs: Vec<Pair>,
}

#[derive(Debug)]
pub(super) struct Pair {
    certified: Arc<CertifiedKey>,
    /// DNS names of the certificate, lower case, `*.` for a wildcard.
    names: Vec<String>,
}

impl Pair {
    pub(super) fn new(certified: CertifiedKey, parsed: &X509Certificate<'_>) -> Pair {
        let names = match parsed.subject_alternative_name() {
            Ok(Some(extension)) => extension
                .value
                .general_names
                .iter()
                .filter_map(|name| match name {
                    GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
                    _ => None,
                })
                .collect(),
            _ => Vec::new(),
        };
        Pair { certified: Arc::new(certified), names }
    }

    fn has_name(&self, wanted: &str) -> bool {
        // A wildcard stands for one label (RFC 9525 section 6.3).
        let behind_label = wanted.split_once('.').map(|(_, rest)| rest);
        self.names.iter().any(|name| match name.strip_prefix("*.") {
            Some(domain) => Some(domain) == behind_label,
            None => name == wanted,
        })
    }

    fn suits(&self, schemes: &[SignatureScheme], suites: &[CipherSuite]) -> bool {
        self.certified.key.choose_scheme(schemes).is_some()
            && suites.iter().any(|&suite| allows(suite, self.certified.key.algorithm()))
    }
}

/// In TLS 1.2 the suite says which kind of key signs; a client may list the
/// signature of ECDSA and yet offer suites of RSA only. TLS 1.3 suites
/// (0x13xx, RFC 8446 appendix B.4) go with any.
fn allows(suite: CipherSuite, key: SignatureAlgorithm) -> bool {
    use CipherSuite as Suite;
    match suite {
        Suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
        | Suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384
        | Suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 => key == SignatureAlgorithm::RSA,
        Suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
        | Suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384
        | Suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 => key != SignatureAlgorithm::RSA,
        other => u16::from(other) >> 8 == 0x13,
    }
}

impl Resolver {
    pub(super) fn new(pairs: Vec<Pair>) -> Resolver {
        Resolver { pairs }
    }

    /// First by name and ability, then by ability alone: handsets often ask by
    /// address or send no name, and most do not compare it.
    fn choose(
        &self,
        name: Option<&str>,
        schemes: &[SignatureScheme],
        suites: &[CipherSuite],
    ) -> Option<&Pair> {
        let name = name.map(str::to_ascii_lowercase);
        let able = || self.pairs.iter().filter(|pair| pair.suits(schemes, suites));
        able()
            .find(|pair| name.as_deref().is_some_and(|name| pair.has_name(name)))
            .or_else(|| able().next())
    }
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.choose(hello.server_name(), hello.signature_schemes(), hello.cipher_suites())
            .map(|pair| Arc::clone(&pair.certified))
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, SignatureAlgorithm};
    use rustls::pki_types::PrivateKeyDer;

    use super::super::config::provider;
    use super::*;

    fn pair(names: &[&str], algorithm: &'static SignatureAlgorithm) -> Pair {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let key = KeyPair::generate_for(algorithm).unwrap();
        let der = CertificateParams::new(names).unwrap().self_signed(&key).unwrap().der().clone();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let certified = CertifiedKey::from_der(vec![der.clone()], key, &provider()).unwrap();
        let parsed = super::super::files::parse("x".as_ref(), &der).unwrap();
        Pair::new(certified, &parsed)
    }

    const MODERN: &[CipherSuite] = &[CipherSuite::TLS13_AES_128_GCM_SHA256];
    const EVERY_SCHEME: &[SignatureScheme] = &[
        SignatureScheme::ECDSA_NISTP256_SHA256,
        SignatureScheme::RSA_PSS_SHA256,
        SignatureScheme::RSA_PKCS1_SHA256,
    ];

    #[test]
    fn the_name_decides_and_the_first_is_for_strangers() {
        let ecdsa = &rcgen::PKCS_ECDSA_P256_SHA256;
        let resolver =
            Resolver::new(vec![pair(&["a.test"], ecdsa), pair(&["*.b.test", "b.test"], ecdsa)]);
        let chosen = |name| resolver.choose(name, EVERY_SCHEME, MODERN).unwrap().names[0].clone();
        assert_eq!(chosen(Some("A.test")), "a.test");
        assert_eq!(chosen(Some("b.test")), "*.b.test");
        assert_eq!(chosen(Some("phones.b.test")), "*.b.test");
        assert_eq!(chosen(Some("x.phones.b.test")), "a.test", "a wildcard is one label");
        assert_eq!(chosen(None), "a.test");
    }

    #[test]
    fn an_old_client_gets_the_rsa_certificate() {
        let resolver = Resolver::new(vec![
            pair(&["a.test"], &rcgen::PKCS_ECDSA_P256_SHA256),
            pair(&["rsa.test"], &rcgen::PKCS_RSA_SHA256),
        ]);
        let old = &[CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256];
        let chosen = resolver.choose(Some("a.test"), EVERY_SCHEME, old).unwrap();
        assert_eq!(chosen.names, ["rsa.test"]);
        let no_ecdsa = &[SignatureScheme::RSA_PSS_SHA256];
        let chosen = resolver.choose(Some("a.test"), no_ecdsa, MODERN).unwrap();
        assert_eq!(chosen.names, ["rsa.test"]);
        let cbc = &[CipherSuite::TLS_RSA_WITH_AES_128_CBC_SHA];
        assert!(resolver.choose(None, EVERY_SCHEME, cbc).is_none());
    }
}
