//! SHA-256 for TLS 1.3: the hash of a handshake and the keys that come from it.
//!
//! The library extracts a secret again for each key that is expanded from it, and sets up HMAC
//! for each of some twenty keys of a connection. Here a secret is extracted once, and HMAC set
//! up once for all that is expanded from it.

use hmac::{Hmac, KeyInit, Mac};
use rustls::crypto::aws_lc_rs::cipher_suite;
use rustls::crypto::hash::{Context, Hash, HashAlgorithm, Output};
use rustls::crypto::hmac as tls;
use rustls::crypto::tls13::HkdfUsingHmac;
use rustls::{CipherSuiteCommon, SupportedCipherSuite, Tls13CipherSuite};
use sha2::{Digest, Sha256};

/// Bytes of a SHA-256.
const LENGTH: usize = 32;

pub(super) static TLS13_AES_128_GCM_SHA256: SupportedCipherSuite =
    SupportedCipherSuite::Tls13(&AES_128);
pub(super) static TLS13_CHACHA20_POLY1305_SHA256: SupportedCipherSuite =
    SupportedCipherSuite::Tls13(&CHACHA20);

static AES_128: Tls13CipherSuite = hashing_here(&cipher_suite::TLS13_AES_128_GCM_SHA256);
static CHACHA20: Tls13CipherSuite = hashing_here(&cipher_suite::TLS13_CHACHA20_POLY1305_SHA256);

const fn hashing_here(library: &SupportedCipherSuite) -> Tls13CipherSuite {
    let SupportedCipherSuite::Tls13(library) = library else {
        panic!("only suites of TLS 1.3 derive their keys by HKDF");
    };
    Tls13CipherSuite {
        common: CipherSuiteCommon { hash_provider: &Sha, ..library.common },
        hkdf_provider: &HkdfUsingHmac(&Sha),
        aead_alg: library.aead_alg,
        quic: None,
    }
}

/// SHA-256, and HMAC with it.
struct Sha;

impl Hash for Sha {
    fn start(&self) -> Box<dyn Context> {
        Box::new(Running(Sha256::new()))
    }

    fn hash(&self, data: &[u8]) -> Output {
        Output::new(&Sha256::digest(data))
    }

    fn output_len(&self) -> usize {
        LENGTH
    }

    fn algorithm(&self) -> HashAlgorithm {
        HashAlgorithm::SHA256
    }
}

struct Running(Sha256);

impl Context for Running {
    fn fork_finish(&self) -> Output {
        Output::new(&self.0.clone().finalize())
    }

    fn fork(&self) -> Box<dyn Context> {
        Box::new(Running(self.0.clone()))
    }

    fn finish(self: Box<Self>) -> Output {
        Output::new(&self.0.finalize())
    }

    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }
}

impl tls::Hmac for Sha {
    fn with_key(&self, key: &[u8]) -> Box<dyn tls::Key> {
        let keyed = Hmac::new_from_slice(key).expect("HMAC takes keys of any length");
        Box::new(Keyed(keyed))
    }

    fn hash_output_len(&self) -> usize {
        LENGTH
    }
}

struct Keyed(Hmac<Sha256>);

impl tls::Key for Keyed {
    fn sign_concat(&self, first: &[u8], middle: &[&[u8]], last: &[u8]) -> tls::Tag {
        let mut running = self.0.clone();
        running.update(first);
        for part in middle {
            running.update(part);
        }
        running.update(last);
        tls::Tag::new(&running.finalize().into_bytes())
    }

    fn tag_len(&self) -> usize {
        LENGTH
    }
}

#[cfg(test)]
mod tests {
    use rustls::crypto::tls13::OkmBlock;

    use super::*;

    fn of(suite: &'static SupportedCipherSuite) -> &'static Tls13CipherSuite {
        suite.tls13().expect("TLS 1.3")
    }

    /// Ours and the library's of each suite.
    fn suites() -> [[&'static Tls13CipherSuite; 2]; 2] {
        [
            [of(&TLS13_AES_128_GCM_SHA256), of(&cipher_suite::TLS13_AES_128_GCM_SHA256)],
            [
                of(&TLS13_CHACHA20_POLY1305_SHA256),
                of(&cipher_suite::TLS13_CHACHA20_POLY1305_SHA256),
            ],
        ]
    }

    #[test]
    fn the_suites_are_the_librarys_but_for_their_hashing() {
        for [own, library] in suites() {
            assert_eq!(own.common.suite, library.common.suite);
            assert_eq!(own.common.confidentiality_limit, library.common.confidentiality_limit);
            let (own, library) = (own.common.hash_provider, library.common.hash_provider);
            assert_eq!(own.algorithm(), library.algorithm());
            assert_eq!(own.output_len(), library.output_len());
        }
    }

    #[test]
    fn a_transcript_can_be_forked_and_goes_on() {
        for [own, library] in suites() {
            let [mut own, mut library] =
                [own, library].map(|suite| suite.common.hash_provider.start());
            // More than a block at a time, less, and nothing.
            for part in [&[1; 100][..], &[2; 28], &[]] {
                own.update(part);
                library.update(part);
                let mut fork = own.fork();
                fork.update(b"apart");
                assert_eq!(own.fork_finish().as_ref(), library.fork_finish().as_ref());
            }
            assert_eq!(own.finish().as_ref(), library.finish().as_ref());
        }
        let hash = |suite: &Tls13CipherSuite| suite.common.hash_provider.hash(b"once");
        let [own, library] = suites()[0];
        assert_eq!(hash(own).as_ref(), hash(library).as_ref());
    }

    #[test]
    fn keys_are_derived_as_the_library_does() {
        let secret = OkmBlock::new(&[7; LENGTH]);
        for [own, library] in suites() {
            let keys = |suite: &Tls13CipherSuite| {
                let hkdf = suite.hkdf_provider;
                let expanders = [
                    hkdf.extract_from_zero_ikm(None),
                    hkdf.extract_from_zero_ikm(Some(&[1; LENGTH])),
                    hkdf.extract_from_secret(None, &[2; 48]),
                    hkdf.extract_from_secret(Some(&[3; LENGTH]), &[4; LENGTH]),
                    hkdf.expander_for_okm(&secret),
                ];
                let mut keys = Vec::new();
                for expander in expanders {
                    assert_eq!(expander.hash_len(), LENGTH);
                    // One secret makes several keys, of one block and of more.
                    for (info, length) in [(&b"key"[..], 16), (b"iv", 12), (b"longer", 80)] {
                        let mut key = vec![0; length];
                        expander.expand_slice(&[b"tls13 ", info], &mut key).unwrap();
                        keys.push(key);
                    }
                    keys.push(expander.expand_block(&[b"derived"]).as_ref().to_vec());
                }
                keys.push(hkdf.hmac_sign(&secret, b"finished").as_ref().to_vec());
                keys
            };
            assert_eq!(keys(own), keys(library));
        }
    }
}
