//! Binding an address, before anything is served on it.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

/// Connections the kernel keeps for us while we do not accept; it caps this at
/// `net.core.somaxconn` (4,096 since Linux 5.4). A boot storm arrives faster
/// than handshakes are done, and a full backlog costs a phone a SYN retry of
/// 1, 3, 7 s.
const BACKLOG: i32 = 4_096;

/// A bound and listening socket that nobody accepts from yet.
#[derive(Debug)]
pub struct Bound {
    pub(super) listener: TcpListener,
    address: SocketAddr,
}

/// An address that could not be had.
#[allow(missing_docs, reason = "each message says what it is, and so its source")]
#[derive(Debug, thiserror::Error)]
#[error("failed to bind to {address}")]
pub struct BindError {
    pub address: SocketAddr,
    pub source: io::Error,
}

/// Binds `address`; port 0 takes a free one, see [`Bound::local_addr`].
///
/// An IPv6 socket takes IPv6 only, so that `0.0.0.0:8080` and `[::]:8080` can
/// both be listed and an IPv4 peer never appears as `::ffff:a.b.c.d`.
///
/// # Errors
/// [`BindError`] with the address when the kernel refuses one of the steps.
pub fn bind(address: SocketAddr) -> Result<Bound, BindError> {
    let attempt = || {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        // A restart must not wait for the TIME_WAIT of the last run's connections.
        socket.set_reuse_address(true)?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        // Accepted sockets inherit it: one system call less for each connection.
        socket.set_tcp_nodelay(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        let listener = TcpListener::from(socket);
        let address = listener.local_addr()?;
        Ok(Bound { listener, address })
    };
    attempt().map_err(|source| BindError { address, source })
}

impl Bound {
    /// The address with the port that was really taken.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_families_share_a_port() {
        let v4 = bind("0.0.0.0:0".parse().unwrap()).unwrap();
        let v6 = SocketAddr::new("::".parse().unwrap(), v4.local_addr().port());
        bind(v6).unwrap();
    }

    #[test]
    fn a_taken_address_is_named() {
        let first = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let error = bind(first.local_addr()).unwrap_err();
        assert_eq!(error.to_string(), format!("failed to bind to {}", first.local_addr()));
        assert_eq!(error.source.kind(), io::ErrorKind::AddrInUse);
    }

    #[tokio::test]
    async fn accepted_sockets_inherit_nodelay() {
        let bound = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = bound.local_addr();
        let listener = tokio::net::TcpListener::from_std(bound.listener).unwrap();
        let (_client, accepted) =
            tokio::join!(tokio::net::TcpStream::connect(address), listener.accept());
        assert!(accepted.unwrap().0.nodelay().unwrap());
    }
}
