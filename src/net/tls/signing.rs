//! Which of its signatures the server's key makes.

use std::sync::Arc;

use rustls::crypto::KeyProvider;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::{PrivateKeyDer, SubjectPublicKeyInfoDer};
use rustls::sign::{Signer, SigningKey};
use rustls::{Error, SignatureAlgorithm, SignatureScheme};

/// Loads keys as the library does, except that an RSA key signs with SHA-256 for whoever
/// takes it. The library would rather use SHA-512, which on processors with instructions for
/// the shorter one costs a handshake 20 to 30 us more (of some 720 for a signature of 2048
/// bits), and is no stronger: the key is the weaker part of either.
#[derive(Debug)]
pub(super) struct Keys;

impl KeyProvider for Keys {
    fn load_private_key(&self, der: PrivateKeyDer<'static>) -> Result<Arc<dyn SigningKey>, Error> {
        let key = any_supported_type(&der)?;
        Ok(match key.algorithm() {
            SignatureAlgorithm::RSA => Arc::new(RsaKey(key)),
            _ => key,
        })
    }
}

#[derive(Debug)]
struct RsaKey(Arc<dyn SigningKey>);

impl SigningKey for RsaKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        const WANTED: SignatureScheme = SignatureScheme::RSA_PSS_SHA256;
        let wanted = offered.contains(&WANTED).then(|| self.0.choose_scheme(&[WANTED]));
        wanted.flatten().or_else(|| self.0.choose_scheme(offered))
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        self.0.public_key()
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.0.algorithm()
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{KeyPair, PKCS_RSA_SHA256, RsaKeySize};

    use super::*;

    #[test]
    fn an_rsa_key_signs_with_what_is_cheap_or_else_with_what_the_client_knows() {
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
        let der = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let key = Keys.load_private_key(der).unwrap();
        let chosen = |offered: &[_]| key.choose_scheme(offered).map(|signer| signer.scheme());
        use SignatureScheme as Scheme;
        let modern = [Scheme::RSA_PSS_SHA512, Scheme::RSA_PSS_SHA256, Scheme::RSA_PKCS1_SHA256];
        assert_eq!(chosen(&modern), Some(Scheme::RSA_PSS_SHA256));
        let old = [Scheme::ECDSA_NISTP256_SHA256, Scheme::RSA_PKCS1_SHA256];
        assert_eq!(chosen(&old), Some(Scheme::RSA_PKCS1_SHA256));
        assert_eq!(chosen(&[Scheme::ECDSA_NISTP256_SHA256]), None);
    }
}
