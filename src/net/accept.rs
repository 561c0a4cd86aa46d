//! The accept loop, the same for every listener.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::OwnedSemaphorePermit;

use super::shared::{ConnectionGuard, Shared};
use super::watch::Watch;
use super::{Handler, LOG_INTERVAL, ListenerOptions, connection};
use crate::throttle::LogRate;

/// Accepts until the server drains; each connection is a task of its own.
pub(super) async fn accept_loop<H: Handler>(
    shared: Arc<Shared>,
    listener: TcpListener,
    options: Arc<ListenerOptions>,
    handler: Arc<H>,
) {
    let mut stopped = pin!(shared.stop.cancelled());
    let error_log = AcceptErrorLog::default();
    loop {
        // First the permit: over the limit, connections wait in the backlog,
        // where they cost us nothing.
        let permit = tokio::select! {
            biased;
            () = &mut stopped => return,
            permit = permit(&shared) => permit,
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
                if is_out_of_descriptors(&error) {
                    shared.make_room(CLOSED_FOR_DESCRIPTORS);
                }
                tokio::select! {
                    () = &mut stopped => return,
                    () = tokio::time::sleep(shared.limits.accept_pause) => continue,
                }
            }
        };
        shared.counters.accepted.add_one();
        let watch = Arc::new(Watch::new());
        let is_proxy = options.proxies.contains(address.ip());
        let entered = shared.places.enter((!is_proxy).then(|| address.ip()), &watch);
        let (place, closed) =
            entered.map_or((None, 0), |entered| (Some(entered.place), entered.closed));
        let has_place = place.is_some();
        let guard = ConnectionGuard { shared: Arc::clone(&shared), _permit: permit, place };
        shared.were_closed(closed);
        if !has_place {
            turn_away(&shared, stream, address, options.tls.is_some());
            drop(guard);
            continue;
        }
        // TLS is done over there, so that one slow peer cannot stall the rest.
        let (options, handler) = (Arc::clone(&options), Arc::clone(&handler));
        let serving = {
            let watch = Arc::clone(&watch);
            // In a box, because the runtime copies what it is given from hand to hand.
            Box::pin(async move {
                connection::run(&guard, stream, address, &options, handler, watch).await;
                drop(guard);
            })
        };
        watch.set_task(shared.tracker.spawn(serving).abort_handle());
    }
}

/// When descriptors are short, so many connections are closed at a time: a burst of phones fits in.
const CLOSED_FOR_DESCRIPTORS: usize = 16;

/// Waits for one of the server's permits, and has useless connections closed meanwhile.
async fn permit(shared: &Shared) -> OwnedSemaphorePermit {
    let mut next = pin!(Arc::clone(&shared.permits).acquire_owned());
    loop {
        tokio::select! {
            biased;
            permit = &mut next => return permit.expect("the semaphore is never closed"),
            () = make_room_at_times(shared) => {}
        }
    }
}

async fn make_room_at_times(shared: &Shared) {
    loop {
        shared.make_room(1);
        tokio::time::sleep(shared.limits.accept_pause).await;
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
    if !shared.is_told_of_address_limit(address, is_tls) {
        return;
    }
    // As a std stream, because tokio's would first wait to hear that it is ready.
    let Ok(mut stream) = stream.into_std() else { return };
    // What has come is read, else closing makes the kernel send a reset, which
    // may overtake the answer. Neither call waits and neither result matters.
    let _ = stream.read(&mut [0; 2_048]);
    let _ = stream.write(shared.busy().as_bytes());
}

/// What is wrong with accepting, in the log once per interval: while descriptors are short the
/// same error comes twenty times a second.
struct AcceptErrorLog(LogRate);

impl Default for AcceptErrorLog {
    fn default() -> AcceptErrorLog {
        AcceptErrorLog(LogRate::new(LOG_INTERVAL))
    }
}

/// The same on Linux, macOS and the BSDs.
const ENFILE: i32 = 23;
const EMFILE: i32 = 24;

/// Whether the process or the system has no descriptor left.
fn is_out_of_descriptors(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(EMFILE | ENFILE))
}

impl AcceptErrorLog {
    fn report(&self, listener: &TcpListener, error: &io::Error) {
        let Some(not_logged) = self.0.due_at(Instant::now()) else { return };
        let advice = match error.raw_os_error() {
            Some(EMFILE) => {
                "; raise the process's limit of open files (LimitNOFILE= of the service, ulimit -n) \
                 or lower max_connections; until then connections that were of no use are closed"
            }
            Some(ENFILE) => "; raise the system's limit of open files (fs.file-max)",
            _ => "",
        };
        let listener = listener.local_addr().map(|address| address.to_string());
        tracing::error!(
            listener = listener.as_deref().unwrap_or("unknown"),
            not_logged,
            "cannot accept a connection: {error}{advice}",
        );
    }
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
        for errno in [12, 22, 23, 24, 105] {
            assert!(!of(errno), "{}", io::Error::from_raw_os_error(errno));
        }
    }
}
