//! From configuration to what each part takes.

use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use super::AppError;
use crate::admin::{AdminOptions, SessionLimits};
use crate::ambient::SystemRandom;
use crate::config::{Config, Listener};
use crate::files::Files;
use crate::handset::{Authorization, EdgeOptions};
use crate::net::tls::Tls;
use crate::net::{Limits, ListenerOptions};
use crate::registry::{Quota, Registry, ScanOptions};
use crate::uploads::Uploads;

pub(super) fn handset_limits(config: &Config) -> Limits {
    let handset = &config.handset;
    Limits {
        connections: handset.max_connections,
        connections_per_address: handset.max_connections_per_address,
        newcomer_grace: handset.newcomer_grace,
        tls_handshake: handset.tls_handshake_timeout,
        head: handset.header_timeout,
        request: handset.request_timeout,
        idle: handset.idle_timeout,
        head_bytes: handset.max_header_bytes,
        tolerate_control_chars: true,
        ..Limits::default()
    }
}

pub(super) fn handset_listener(listener: &Listener, tls: Option<Arc<Tls>>) -> ListenerOptions {
    ListenerOptions {
        tls,
        proxies: listener.access.trusted_proxies.clone(),
        proxy_protocol: listener.proxy_protocol,
    }
}

/// What all listeners of phones have in common of how they ask for credentials.
pub(super) fn authorization(config: &Config, registry: &Registry) -> Authorization {
    Authorization::new(
        config.handset.authorization.clone(),
        registry.nonce_key(&SystemRandom),
        registry.clock().clone(),
        Arc::new(SystemRandom),
    )
}

pub(super) fn edge_options(
    config: &Config,
    listener: &Listener,
    authorization: &Authorization,
    seed: u64,
) -> EdgeOptions {
    EdgeOptions {
        access: listener.access.clone(),
        authorization: authorization.with(listener.authorization.clone()),
        proofs: listener.proofs,
        answer_timeout: config.handset.answer_timeout,
        ..EdgeOptions::new(seed)
    }
}

/// Operators are few: what the configuration does not name keeps its default.
pub(super) fn admin_limits(config: &Config) -> Limits {
    Limits {
        connections: config.admin.max_connections,
        connections_per_address: config.admin.max_connections_per_address,
        ..AdminOptions::listener_limits()
    }
}

/// The folder of what phones send, where there is to be one.
pub(super) fn uploads(config: &Config) -> Result<Option<Arc<Uploads>>, AppError> {
    let Some(options) = config.uploads.options() else { return Ok(None) };
    let dir = options.dir.clone();
    let uploads = Uploads::open(options);
    Ok(Some(Arc::new(uploads.map_err(|source| AppError::Uploads { dir, source })?)))
}

/// The folder of what phones are given as it is, where there is to be one.
pub(super) fn files(config: &Config) -> Result<Option<Arc<Files>>, AppError> {
    let Some(dir) = config.files.dir.clone() else { return Ok(None) };
    let files = Files::open(&dir);
    Ok(Some(Arc::new(files.map_err(|source| AppError::Files { dir, source })?)))
}

pub(super) fn quota(config: &Config) -> Quota {
    let quota = &config.quota;
    Quota {
        inactive_devices: quota.inactive_devices,
        new_macs_per_address_per_hour: quota.new_macs_per_address_per_hour,
        inactive_max_age_s: seconds(quota.inactive_max_age),
    }
}

/// What is a sweep. A proxy that is believed is never banned: what comes from its own address is of
/// somebody whose address it did not tell.
pub(super) fn scans(config: &Config) -> ScanOptions {
    let scan = &config.scan;
    let listeners = config.handset_listeners();
    let proxies = listeners.iter().flat_map(|listener| listener.access.trusted_proxies.iter());
    let never = scan.never_ban.iter().copied().chain(proxies);
    ScanOptions {
        enabled: scan.enabled,
        macs_per_address: scan.macs_per_address,
        phones_per_address: scan.phones_per_address,
        macs_per_network: scan.macs_per_network,
        macs_per_oui: scan.macs_per_oui,
        macs_in_all: scan.macs_in_all,
        never_ban: never.map(IpNet::from).collect(),
    }
}

pub(super) fn admin_options(
    config: &Config,
    uploads: Option<Arc<Uploads>>,
    files: Option<Arc<Files>>,
) -> AdminOptions {
    let admin = &config.admin;
    AdminOptions {
        body_bytes: admin.max_body_bytes,
        sessions: SessionLimits {
            idle: admin.session_idle,
            absolute: admin.session_max,
            ..SessionLimits::default()
        },
        second_factor: admin.second_factor,
        certificate_login: admin.certificate_login,
        uploads,
        files,
        node: config.node.name.clone(),
        ..AdminOptions::default()
    }
}

fn seconds(time: Duration) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}
