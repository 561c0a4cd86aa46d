//! The certificates of the listeners.

use std::sync::Arc;
use std::time::SystemTime;

use super::AppError;
use super::listeners::BoundListener;
use crate::config::{Config, Listener};
use crate::net::tls::{self, PairFiles, Tls, TlsError, TlsOptions};

/// The TLS of each listener of phones, in their order: one for all that show and ask the same, with
/// a certificate made here where none is configured.
pub(super) fn of_handsets(
    config: &Config,
    listeners: &[BoundListener],
) -> Result<Vec<Option<Arc<Tls>>>, AppError> {
    let mut loaded: Vec<(&TlsOptions, Arc<Tls>)> = Vec::new();
    let mut of_each = Vec::with_capacity(listeners.len());
    for BoundListener { listener, .. } in listeners {
        let Some(options) = &listener.tls else {
            of_each.push(None);
            continue;
        };
        let same = loaded.iter().find(|(other, _)| *other == options);
        let tls = match same {
            Some((_, tls)) => Arc::clone(tls),
            None => {
                let mut options = options.clone();
                if options.pairs.is_empty() {
                    options.pairs.push(made(config, listeners)?);
                }
                load(section(listener), options)?
            }
        };
        loaded.push((options, Arc::clone(&tls)));
        of_each.push(Some(tls));
    }
    Ok(of_each)
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
    load("admin".to_owned(), options).map(Some)
}

/// A self-signed one with the addresses of all listeners that show it.
fn made(config: &Config, listeners: &[BoundListener]) -> Result<PairFiles, AppError> {
    let shows = |listener: &Listener| listener.tls.as_ref().is_some_and(|tls| tls.pairs.is_empty());
    let such = listeners.iter().filter(|bound| shows(&bound.listener));
    let ips: Vec<_> =
        such.flat_map(|bound| &bound.bound).map(|bound| bound.local_addr().ip()).collect();
    let names = tls::self_signed::names_of_this_machine(&ips);
    tls::self_signed::ensure(&config.tls.certs_dir, &names, SystemTime::now())
        .map_err(|source| failed("tls".to_owned(), source))
}

fn load(section: String, options: TlsOptions) -> Result<Arc<Tls>, AppError> {
    let loaded = Tls::load(options, SystemTime::now());
    loaded.map(Arc::new).map_err(|source| failed(section, source))
}

/// Where the files of a listener are named.
fn section(listener: &Listener) -> String {
    listener.name.as_ref().map_or("tls".to_owned(), |name| format!("listener.{name}"))
}

fn failed(section: String, source: TlsError) -> AppError {
    AppError::Tls { section, source: Box::new(source) }
}
