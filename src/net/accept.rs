//! The accept loop, the same for every listener.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};

use super::accept_error_log::AcceptErrorLog;
use super::connection;
use super::shared::{ConnectionGuard, Shared};
use super::tls::Tls;
use super::{Handler, OverAddressLimit};

/// Accepts until the server drains; each connection is a task of its own.
pub(super) async fn accept_loop<H: Handler>(
    shared: Arc<Shared>,
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    handler: Arc<H>,
) {
    let mut stopped = pin!(shared.stop.cancelled());
    let mut error_log = AcceptErrorLog::default();
    loop {
        // First the permit: over the limit, connections wait in the backlog,
        // where they cost us nothing.
        let permit = tokio::select! {
            biased;
            () = &mut stopped => return,
            permit = Arc::clone(&shared.permits).acquire_owned() => {
                permit.expect("the semaphore is never closed")
            }
        };
        let accepted = tokio::select! {
            biased;
            () = &mut stopped => return,
            accepted = listener.accept() => accepted,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) if is_the_peers(&error) => continue,
            Err(error) => {
                shared.counters.accept_errors.add_one();
                error_log.report(&listener, &error);
                tokio::select! {
                    () = &mut stopped => return,
                    () = tokio::time::sleep(shared.limits.accept_pause) => continue,
                }
            }
        };
        shared.counters.accepted.add_one();
        let address_permit = shared.addresses.enter(address.ip());
        let over_limit = address_permit.is_none();
        let guard = ConnectionGuard {
            shared: Arc::clone(&shared),
            _permit: permit,
            _address: address_permit,
        };
        if over_limit {
            turn_away(&shared, stream, address, tls.is_some());
            drop(guard);
            continue;
        }
        // TLS is done over there, so that one slow peer cannot stall the rest.
        let (shared, tls, handler) = (Arc::clone(&shared), tls.clone(), Arc::clone(&handler));
        let tracker = shared.tracker.clone();
        // In a box, because the runtime copies what it is given from hand to hand.
        tracker.spawn(Box::pin(async move {
            connection::run(&shared, stream, address, tls, handler).await;
            drop(guard);
        }));
    }
}

/// Errors of one connection that never came to be, not of the listener:
/// `accept(2)` passes on what the network had pending for it.
fn is_the_peers(error: &io::Error) -> bool {
    use ErrorKind::{
        ConnectionAborted, ConnectionReset, HostUnreachable, Interrupted, NetworkDown,
        NetworkUnreachable, PermissionDenied, TimedOut,
    };
    matches!(
        error.kind(),
        ConnectionAborted
            | ConnectionReset
            | HostUnreachable
            | Interrupted
            | NetworkDown
            | NetworkUnreachable
            // A firewall rule forbids the connection.
            | PermissionDenied
            | TimedOut
    )
}

fn turn_away(shared: &Shared, stream: TcpStream, address: SocketAddr, is_tls: bool) {
    shared.counters.over_address_limit.add_one();
    tracing::debug!(%address, "turned away: too many connections of this address");
    if is_tls || shared.limits.over_address_limit == OverAddressLimit::Close {
        return;
    }
    // As a std stream, because tokio's would first wait to hear that it is ready.
    let Ok(mut stream) = stream.into_std() else { return };
    // What has come is read, else closing makes the kernel send a reset, which
    // may overtake the answer. Neither call waits and neither result matters.
    let _ = stream.read(&mut [0; 2_048]);
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\nRetry-After: {}\r\nContent-Length: 0\r\n\
         Connection: close\r\n\r\n",
        shared.retry_after.next()
    );
    let _ = stream.write(answer.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_gave_up_is_not_the_listeners_trouble() {
        let of = |errno| is_the_peers(&io::Error::from_raw_os_error(errno));
        // Linux: EINTR, EPERM, ENETDOWN, ENETUNREACH, ECONNABORTED, ETIMEDOUT, EHOSTUNREACH.
        for errno in [4, 1, 100, 101, 103, 110, 113] {
            assert!(of(errno), "{}", io::Error::from_raw_os_error(errno));
        }
        // ENOMEM, EINVAL, ENFILE, EMFILE, ENOBUFS.
        for errno in [12, 22, AcceptErrorLog::ENFILE, AcceptErrorLog::EMFILE, 105] {
            assert!(!of(errno), "{}", io::Error::from_raw_os_error(errno));
        }
    }
}
