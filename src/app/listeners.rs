//! Sockets that are bound and not served yet, and what to do where one cannot be had.

use std::fmt;
use std::io::ErrorKind;
use std::net::SocketAddr;

use super::Addresses;
use crate::config::Config;
use crate::domain::ErrorChain;
use crate::net::{BindError, Bound};

/// Below it a port takes a privilege (`net.ipv4.ip_unprivileged_port_start`, unless it was
/// changed).
const FIRST_UNPRIVILEGED_PORT: u16 = 1024;

/// A listener that could not be had: which key asks for it, why, and the way out. It has its
/// cause in its own words, so that what to do comes last.
#[derive(Debug, thiserror::Error)]
#[error("[{section}] {key} (option {option}): {}{}", ErrorChain(reason), Advice(reason))]
pub struct ListenError {
    section: &'static str,
    key: &'static str,
    option: &'static str,
    reason: BindError,
}

impl ListenError {
    /// Whether the gateway's own process may well have it: another one has the address now,
    /// the gateway that runs perhaps, or a privilege is missing, which its user may have.
    fn may_be_had_by_others(&self) -> bool {
        matches!(self.reason.source.kind(), ErrorKind::AddrInUse | ErrorKind::PermissionDenied)
    }
}

/// What to do, after a semicolon; nothing where the system's words are all there is to say.
struct Advice<'e>(&'e BindError);

impl fmt::Display for Advice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = self.0.address.port();
        match self.0.source.kind() {
            ErrorKind::AddrInUse => write!(
                f,
                "; `ss -ltnp sport = :{port}` names the program that has it, or name another port"
            ),
            ErrorKind::AddrNotAvailable => {
                f.write_str("; this machine has no such address, `ip address` lists those it has")
            }
            ErrorKind::PermissionDenied if port < FIRST_UNPRIVILEGED_PORT => write!(
                f,
                "; a port below {FIRST_UNPRIVILEGED_PORT} takes a privilege: \
                 AmbientCapabilities=CAP_NET_BIND_SERVICE in the systemd unit, \
                 or `setcap cap_net_bind_service=+ep` on the program, or name a higher port"
            ),
            _ => Ok(()),
        }
    }
}

/// Every listener of the configuration.
#[derive(Debug)]
pub(super) struct BoundListeners {
    pub http: Vec<Bound>,
    pub https: Vec<Bound>,
    pub admin: Vec<Bound>,
}

/// Key, option and addresses of each kind of listener.
type Kind<'c> = (&'static str, &'static str, &'static str, &'c [SocketAddr]);

fn kinds(config: &Config) -> [Kind<'_>; 3] {
    [
        ("handset", "http", "--http", &config.handset.http),
        ("handset", "https", "--https", &config.handset.https),
        ("admin", "listen", "--admin", &config.admin.listen),
    ]
}

fn bind((section, key, option, _): Kind<'_>, address: SocketAddr) -> Result<Bound, ListenError> {
    crate::net::bind(address).map_err(|reason| ListenError { section, key, option, reason })
}

/// Binds each address for a moment, and says which cannot be had, whoever asks for them.
#[must_use]
pub fn listener_problems(config: &Config) -> Vec<ListenError> {
    let all = kinds(config)
        .into_iter()
        .flat_map(|kind| kind.3.iter().filter_map(move |&address| bind(kind, address).err()));
    all.filter(|error| !error.may_be_had_by_others()).collect()
}

impl BoundListeners {
    pub(super) fn bind(config: &Config) -> Result<BoundListeners, ListenError> {
        let all = |kind: Kind<'_>| {
            kind.3.iter().map(|&address| bind(kind, address)).collect::<Result<Vec<_>, _>>()
        };
        let [http, https, admin] = kinds(config);
        Ok(BoundListeners { http: all(http)?, https: all(https)?, admin: all(admin)? })
    }

    pub(super) fn addresses(&self, admin_is_tls: bool) -> Addresses {
        let all = |bound: &[Bound]| bound.iter().map(Bound::local_addr).collect();
        Addresses {
            http: all(&self.http),
            https: all(&self.https),
            admin: all(&self.admin),
            admin_is_tls,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn told(address: &str, kind: ErrorKind) -> String {
        let reason = BindError { address: address.parse().unwrap(), source: io::Error::from(kind) };
        let error = ListenError { section: "handset", key: "http", option: "--http", reason };
        ErrorChain(&error).to_string()
    }

    #[test]
    fn an_address_that_cannot_be_had_says_which_key_asks_for_it_and_what_to_do() {
        let low = told("0.0.0.0:80", ErrorKind::PermissionDenied);
        let start =
            "[handset] http (option --http): failed to bind to 0.0.0.0:80: permission denied; ";
        assert!(low.starts_with(start), "{low}");
        assert!(low.contains("CAP_NET_BIND_SERVICE"), "{low}");
        assert!(!told("0.0.0.0:8080", ErrorKind::PermissionDenied).contains("CAP_NET"));
        assert!(told("192.0.2.1:80", ErrorKind::AddrNotAvailable).contains("`ip address`"));
    }

    #[test]
    fn a_taken_address_stops_a_start_and_is_no_problem_of_the_configuration() {
        let taken = crate::net::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let mut config = Config::default();
        config.handset.http = Vec::new();
        config.handset.https = Vec::new();
        config.admin.listen = vec![taken.local_addr()];
        let error = BoundListeners::bind(&config).unwrap_err();
        assert!(error.to_string().starts_with("[admin] listen (option --admin): "), "{error}");
        assert!(listener_problems(&config).is_empty());
        // An address of the documentation (RFC 5737) is no machine's.
        config.admin.listen = vec!["192.0.2.1:0".parse().unwrap()];
        assert_eq!(listener_problems(&config).len(), 1);
    }
}
