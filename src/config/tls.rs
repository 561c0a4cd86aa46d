//! `[tls]`: what the HTTPS listeners of phones show and ask for.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::from_text::{FromText, one_of};
use super::reader::Section;
use crate::net::tls::{ClientCertificates, ExpiredCertificates, PairFiles};

/// What `[tls]` says.
#[derive(Debug, Clone, PartialEq)]
pub struct TlsSection {
    /// Empty: a self-signed one, made under `certs_dir`.
    pub pairs: Vec<PairFiles>,
    /// Where a self-signed certificate is kept that the gateway made.
    pub certs_dir: PathBuf,
    /// Whether phones are asked for a certificate.
    pub clients: ClientCertificates,
    /// What becomes of phones whose certificate has expired.
    pub expired_clients: ExpiredCertificates,
    /// How often the files of every listener are looked at for a change.
    pub reload_interval: Duration,
}

#[derive(Clone, Copy)]
enum Mode {
    Off,
    Optional,
    Required,
}

impl TlsSection {
    pub(super) fn read(mut section: Section<'_>) -> TlsSection {
        let clients = clients(&mut section, &ClientCertificates::Off);
        TlsSection {
            pairs: pairs(&mut section, &[]),
            certs_dir: section.value("certs_dir", "certs"),
            expired_clients: expired_clients(
                &mut section,
                &clients,
                ExpiredCertificates::default(),
            ),
            clients,
            reload_interval: section.seconds(
                "reload_interval_s",
                Duration::from_secs(5),
                1..=3_600,
            ),
        }
    }
}

/// `certificate` and `key`: as many of one as of the other. `default` where there is neither.
pub(super) fn pairs(section: &mut Section<'_>, default: &[PairFiles]) -> Vec<PairFiles> {
    let certificates: Vec<PathBuf> = section.list("certificate", &[]);
    let keys: Vec<PathBuf> = section.list("key", &[]);
    match (certificates.len(), keys.len()) {
        (0, 0) => return default.to_vec(),
        (some, 0) if some > 0 => {
            section.problem_between(&["certificate", "key"], "needs the file of its `key` as well");
        }
        (0, some) if some > 0 => {
            let message = "needs the file of its `certificate` as well";
            section.problem_between(&["key", "certificate"], message);
        }
        (some, other) if some != other => {
            let message = format!("has {some} files, but `key` has {other}: each needs its own");
            section.problem_between(&["certificate", "key"], &message);
        }
        _ => {}
    }
    let pairs = certificates.into_iter().zip(keys);
    pairs.map(|(certificate, key)| PairFiles { certificate, key }).collect()
}

/// `client_certificates` and `client_ca`; where one is not given, that of `default`.
pub(super) fn clients(
    section: &mut Section<'_>,
    default: &ClientCertificates,
) -> ClientCertificates {
    let mode = section.optional("client_certificates").unwrap_or(Mode::of(default));
    let own: Option<PathBuf> = section.optional("client_ca");
    let is_default = own.is_none();
    match (mode, own.or_else(|| default.authorities().map(Path::to_owned))) {
        (Mode::Off, _) if is_default => ClientCertificates::Off,
        (Mode::Optional, Some(authorities)) => ClientCertificates::Optional { authorities },
        (Mode::Required, Some(authorities)) => ClientCertificates::Required { authorities },
        (Mode::Off, _) => {
            let message = "is not used while `client_certificates` is \"off\": \
                           set it to \"optional\" or \"required\", or leave client_ca out";
            section.problem_between(&["client_ca", "client_certificates"], message);
            ClientCertificates::Off
        }
        (Mode::Optional | Mode::Required, None) => {
            let message = "needs `client_ca`, the file of the authorities that sign them";
            section.problem_between(&["client_certificates", "client_ca"], message);
            ClientCertificates::Off
        }
    }
}

/// `expired_client_certificates`, `default` where it is not given.
pub(super) fn expired_clients(
    section: &mut Section<'_>,
    clients: &ClientCertificates,
    default: ExpiredCertificates,
) -> ExpiredCertificates {
    let key = "expired_client_certificates";
    let expired = section.optional(key);
    if expired == Some(ExpiredCertificates::Accept) && *clients == ClientCertificates::Off {
        let message = "is not used while `client_certificates` is \"off\"";
        section.problem_between(&[key, "client_certificates"], message);
    }
    expired.unwrap_or(default)
}

impl Mode {
    fn of(clients: &ClientCertificates) -> Mode {
        match clients {
            ClientCertificates::Off => Mode::Off,
            ClientCertificates::Optional { .. } => Mode::Optional,
            ClientCertificates::Required { .. } => Mode::Required,
        }
    }
}

impl FromText for Mode {
    fn from_text(text: &str) -> Result<Mode, String> {
        let modes =
            [("off", Mode::Off), ("optional", Mode::Optional), ("required", Mode::Required)];
        one_of(text, &modes)
    }
}

impl FromText for ExpiredCertificates {
    fn from_text(text: &str) -> Result<ExpiredCertificates, String> {
        let known =
            [("refuse", ExpiredCertificates::Refuse), ("accept", ExpiredCertificates::Accept)];
        one_of(text, &known)
    }
}
