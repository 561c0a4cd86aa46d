//! The certificates of the listeners.

use std::sync::Arc;
use std::time::SystemTime;

use super::AppError;
use super::listeners::BoundListeners;
use crate::config::Config;
use crate::net::tls::{self, Tls, TlsOptions};

/// The handsets' TLS, with a certificate made here when none is configured.
pub(super) fn of_handsets(
    config: &Config,
    listeners: &BoundListeners,
) -> Result<Option<Arc<Tls>>, AppError> {
    if listeners.https.is_empty() {
        return Ok(None);
    }
    let mut pairs = config.tls.pairs.clone();
    if pairs.is_empty() {
        let ips: Vec<_> = listeners.https.iter().map(|bound| bound.local_addr().ip()).collect();
        let names = tls::self_signed::names_of_this_machine(&ips);
        pairs.push(tls::self_signed::ensure(&config.tls.certs_dir, &names, SystemTime::now())?);
    }
    let options = TlsOptions {
        pairs,
        clients: config.tls.clients.clone(),
        expired_clients: config.tls.expired_clients,
    };
    Ok(Some(Arc::new(Tls::load(options, SystemTime::now())?)))
}

pub(super) fn of_admin(config: &Config) -> Result<Option<Arc<Tls>>, AppError> {
    if config.admin.pairs.is_empty() {
        return Ok(None);
    }
    let options = TlsOptions {
        pairs: config.admin.pairs.clone(),
        clients: config.admin.clients.clone(),
        expired_clients: tls::ExpiredCertificates::Refuse,
    };
    Ok(Some(Arc::new(Tls::load(options, SystemTime::now())?)))
}
