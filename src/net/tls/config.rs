//! From files to what rustls serves with.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{self, Ticketer, cipher_suite};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};

use super::resolver::{Pair, Resolver};
use super::{Loaded, PairFiles, TlsError, TlsOptions, client_verifier, files};

pub(super) fn load(options: &TlsOptions) -> Result<Loaded, TlsError> {
    let provider = Arc::new(provider());
    let mut pairs = Vec::with_capacity(options.pairs.len());
    let mut expires = None;
    for files in &options.pairs {
        let (pair, not_after) = load_pair(files, &provider)?;
        expires = Some(expires.map_or(not_after, |earliest: SystemTime| earliest.min(not_after)));
        pairs.push(pair);
    }
    let expires = expires.ok_or(TlsError::NoPairs)?;
    let certificate = || options.pairs[0].certificate.clone();
    let unusable =
        |error: rustls::Error| TlsError::Certificate { path: certificate(), source: error.into() };

    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(unusable)?;
    let builder =
        match client_verifier::verifier(&options.clients, options.expired_clients, &provider)? {
            None => builder.with_no_client_auth(),
            Some(verifier) => builder.with_client_cert_verifier(verifier),
        };
    let mut config = builder.with_cert_resolver(Arc::new(Resolver::new(pairs)));
    config.ignore_client_order = true;
    // New keys with each configuration: a ticket of the last one would resume a
    // session whose client certificate today's authorities may not have signed.
    config.ticketer = Ticketer::new().map_err(unusable)?;
    // A phone opens one connection after the other, and a ticket may be used again.
    config.send_tls13_tickets = 1;
    // No ALPN: only HTTP/1 is spoken, and naming it would refuse clients that
    // offer something else but speak it just as well.
    Ok(Loaded { config: Arc::new(config), expires })
}

/// The file of the first certificate that is no longer valid at `now`.
pub(super) fn first_expired(options: &TlsOptions, now: SystemTime) -> Result<PathBuf, TlsError> {
    for pair in &options.pairs {
        let chain = files::certificates(&pair.certificate)?;
        if files::not_after(&files::parse(&pair.certificate, &chain[0])?) <= now {
            return Ok(pair.certificate.clone());
        }
    }
    Err(TlsError::NoPairs)
}

/// Certificate and key of one pair, known to belong together, and when it expires.
pub(super) fn load_pair(
    pair: &PairFiles,
    provider: &CryptoProvider,
) -> Result<(Pair, SystemTime), TlsError> {
    let chain = files::certificates(&pair.certificate)?;
    let key = files::key(&pair.key)?;
    let first = chain[0].clone();
    let parsed = files::parse(&pair.certificate, &first)?;
    let certified = CertifiedKey::from_der(chain, key, provider).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            TlsError::Mismatch { certificate: pair.certificate.clone(), key: pair.key.clone() }
        }
        rustls::Error::InvalidCertificate(_) => {
            TlsError::Certificate { path: pair.certificate.clone(), source: error.into() }
        }
        _ => TlsError::Key { path: pair.key.clone(), source: error },
    })?;
    Ok((Pair::new(certified, &parsed), files::not_after(&parsed)))
}

/// AES-128-GCM before the rest: it saved 15 % of the time of a handshake with
/// one small file, and the server's order holds. AES-256 stays for clients that
/// insist, ChaCha20 for those without AES in hardware.
pub(super) fn provider() -> CryptoProvider {
    let mut provider = aws_lc_rs::default_provider();
    provider.cipher_suites = vec![
        cipher_suite::TLS13_AES_128_GCM_SHA256,
        cipher_suite::TLS13_AES_256_GCM_SHA384,
        cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
        cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        cipher_suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    ];
    provider
}
