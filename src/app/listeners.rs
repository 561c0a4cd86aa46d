//! Sockets that are bound and not served yet, and what to do where one cannot be had.

use std::fmt;
use std::io::ErrorKind;
use std::net::SocketAddr;

use super::{Addresses, HandsetAddress};
use crate::config::{Config, Listener};
use crate::domain::ErrorChain;
use crate::net::{BindError, Bound};

/// Below it a port takes a privilege (`net.ipv4.ip_unprivileged_port_start`, unless it was
/// changed).
const FIRST_UNPRIVILEGED_PORT: u16 = 1024;

/// A listener that could not be had: which key asks for it, why, and the way out. It has its
/// cause in its own words, so that what to do comes last.
#[derive(Debug, thiserror::Error)]
#[error("{asker}: {}{}", ErrorChain(reason), Advice(reason))]
pub struct ListenError {
    /// `[handset] http (option --http)`.
    asker: String,
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
    pub handsets: Vec<BoundListener>,
    pub admin: Vec<Bound>,
}

/// A listener of phones, at all its addresses.
#[derive(Debug)]
pub(super) struct BoundListener {
    pub listener: Listener,
    pub bound: Vec<Bound>,
}

fn bind(key: &str, address: SocketAddr) -> Result<Bound, ListenError> {
    crate::net::bind(address).map_err(|reason| ListenError { asker: asker(key), reason })
}

fn bind_all(key: &str, addresses: &[SocketAddr]) -> Result<Vec<Bound>, ListenError> {
    addresses.iter().map(|&address| bind(key, address)).collect()
}

/// Which key asks for an address, as it stands in a file, and the option that does.
fn asker(key: &str) -> String {
    let (section, name) = key.rsplit_once('.').unwrap_or(("", key));
    let option = match key {
        "handset.http" => " (option --http)",
        "handset.https" => " (option --https)",
        ADMIN => " (option --admin)",
        _ => "",
    };
    format!("[{section}] {name}{option}")
}

const ADMIN: &str = "admin.listen";

/// Binds each address for a moment, and says which cannot be had, whoever asks for them.
#[must_use]
pub fn listener_problems(config: &Config) -> Vec<ListenError> {
    let listeners = config.handset_listeners();
    let of_phones = listeners.iter().map(|listener| (listener.key.as_str(), &listener.listen));
    let all = of_phones.chain([(ADMIN, &config.admin.listen)]);
    let errors =
        all.flat_map(|(key, list)| list.iter().filter_map(|&address| bind(key, address).err()));
    errors.filter(|error| !error.may_be_had_by_others()).collect()
}

impl BoundListeners {
    pub(super) fn bind(config: &Config) -> Result<BoundListeners, ListenError> {
        let of_phones = config.handset_listeners().into_iter().map(|listener| {
            let bound = bind_all(&listener.key, &listener.listen)?;
            Ok(BoundListener { listener, bound })
        });
        Ok(BoundListeners {
            handsets: of_phones.collect::<Result<_, _>>()?,
            admin: bind_all(ADMIN, &config.admin.listen)?,
        })
    }

    pub(super) fn addresses(&self, admin_is_tls: bool) -> Addresses {
        let of_phones = self.handsets.iter().flat_map(|BoundListener { listener, bound }| {
            bound.iter().map(|bound| HandsetAddress {
                listener: listener.name.clone(),
                is_tls: listener.tls.is_some(),
                address: bound.local_addr(),
            })
        });
        Addresses {
            handsets: of_phones.collect(),
            admin: self.admin.iter().map(Bound::local_addr).collect(),
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
        let error = ListenError { asker: asker("handset.http"), reason };
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
        assert_eq!(asker("listener.old-phones.listen"), "[listener.old-phones] listen");
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
