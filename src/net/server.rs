//! The accept loop, the same for every listener, and the end of all connections.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connection;
use super::counters::Counters;
use super::handshake_admission::HandshakeAdmission;
use super::per_address::{PerAddress, Place};
use super::tls::Tls;
use super::{Bound, Counts, Handler, Limits, OverAddressLimit, RetryAfter};

/// The connections of one edge, over any number of listeners.
///
/// Dropping it does not end them; [`Server::drain`] does. A clone is the same server.
#[derive(Debug, Clone)]
pub struct Server(Arc<Shared>);

/// What a drain did with the connections that were open when it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Ended by themselves within the grace period.
    pub finished: u64,
    /// Aborted at its end.
    pub cut: u64,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub limits: Limits,
    pub counters: Counters,
    pub http: http1::Builder,
    /// Ends the accept loops and asks each connection to finish.
    pub stop: CancellationToken,
    /// Ends each connection where it stands.
    pub abort: CancellationToken,
    pub admission: HandshakeAdmission,
    tracker: TaskTracker,
    permits: Arc<Semaphore>,
    addresses: Arc<PerAddress>,
    retry_after: RetryAfter,
}

/// What a connection holds for as long as it lasts.
pub(super) struct Held {
    shared: Arc<Shared>,
    _permit: OwnedSemaphorePermit,
    _place: Option<Place>,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.shared.counters.ended.add_one();
    }
}

impl Server {
    /// `seed` spreads the `Retry-After` of turned-away peers, from 10 to 40 s.
    #[must_use]
    pub fn new(limits: Limits, seed: u64) -> Server {
        let mut http = http1::Builder::new();
        let head_bytes = limits.head_bytes.max(Limits::MIN_HEAD_BYTES);
        http.keep_alive(true)
            // A handset may close its side once it has asked, and still wants the answer.
            .half_close(true)
            // `Watch` keeps the times.
            .header_read_timeout(None)
            .max_buf_size(head_bytes)
            .max_header_size(head_bytes)
            // Header names have no case (RFC 9110 section 5.1), but firmware was
            // tested against servers that write `Content-Length`.
            .title_case_headers(true);
        Server(Arc::new(Shared {
            http,
            counters: Counters::default(),
            stop: CancellationToken::new(),
            abort: CancellationToken::new(),
            admission: HandshakeAdmission::new(),
            tracker: TaskTracker::new(),
            permits: Arc::new(Semaphore::new(limits.connections.min(Semaphore::MAX_PERMITS))),
            addresses: PerAddress::new(limits.connections_per_address, limits.uncounted.clone()),
            retry_after: RetryAfter::new(10, 30, seed),
            limits,
        }))
    }

    /// Serves `bound` until [`Server::drain`]; returns at once, the loop runs as a task.
    ///
    /// # Errors
    /// When the runtime cannot take the socket, for want of descriptors.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn serve<H: Handler>(
        &self,
        bound: Bound,
        tls: Option<Arc<Tls>>,
        handler: Arc<H>,
    ) -> io::Result<()> {
        let listener = TcpListener::from_std(bound.listener)?;
        let shared = Arc::clone(&self.0);
        self.0.tracker.spawn(accept_loop(shared, listener, tls, handler));
        Ok(())
    }

    /// Stops accepting, lets each connection finish the request it is at,
    /// closes the idle ones at once, and aborts what is left after `grace`.
    pub async fn drain(&self, grace: Duration) -> Drained {
        let shared = &self.0;
        let open = shared.counters.read().open;
        shared.stop.cancel();
        shared.tracker.close();
        let mut cut = 0;
        if tokio::time::timeout(grace, shared.tracker.wait()).await.is_err() {
            cut = shared.counters.read().open;
            shared.abort.cancel();
            // Each task ends at its next poll; only a handler that blocks its
            // thread could keep us here, and shutdown must not hang on it.
            let _ = tokio::time::timeout(Duration::from_secs(1), shared.tracker.wait()).await;
        }
        Drained { finished: open.saturating_sub(cut), cut }
    }

    /// Whether [`Server::drain`] was called: nothing new is accepted.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.0.stop.is_cancelled()
    }

    #[must_use]
    pub fn counts(&self) -> Counts {
        self.0.counters.read()
    }
}

async fn accept_loop<H: Handler>(
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
        let place = shared.addresses.enter(address.ip());
        let over_limit = place.is_none();
        let held = Held { shared: Arc::clone(&shared), _permit: permit, _place: place };
        if over_limit {
            turn_away(&shared, stream, address, tls.is_some());
            drop(held);
            continue;
        }
        // TLS is done over there, so that one slow peer cannot stall the rest.
        let (shared, tls, handler) = (Arc::clone(&shared), tls.clone(), Arc::clone(&handler));
        let tracker = shared.tracker.clone();
        // In a box, because the runtime copies what it is given from hand to hand.
        tracker.spawn(Box::pin(async move {
            connection::run(&shared, stream, address, tls, handler).await;
            drop(held);
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

/// Says what is wrong with accepting, once per interval: while descriptors are
/// short the same error comes twenty times a second.
#[derive(Default)]
struct AcceptErrorLog {
    last: Option<Instant>,
    suppressed: u64,
}

impl AcceptErrorLog {
    const INTERVAL: Duration = Duration::from_secs(10);
    /// The same on Linux, macOS and the BSDs.
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;

    fn report(&mut self, listener: &TcpListener, error: &io::Error) {
        if !self.due(Instant::now()) {
            return;
        }
        let advice = match error.raw_os_error() {
            Some(Self::EMFILE) => "; raise the process's limit of open files (ulimit -n)",
            Some(Self::ENFILE) => "; raise the system's limit of open files (fs.file-max)",
            _ => "",
        };
        let listener = listener.local_addr().map(|address| address.to_string());
        tracing::error!(
            listener = listener.as_deref().unwrap_or("unknown"),
            not_logged = std::mem::take(&mut self.suppressed),
            "cannot accept a connection: {error}{advice}",
        );
    }

    fn due(&mut self, now: Instant) -> bool {
        let due = self.last.is_none_or(|last| now - last >= Self::INTERVAL);
        if due {
            self.last = Some(now);
        } else {
            self.suppressed += 1;
        }
        due
    }
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

    #[tokio::test(start_paused = true)]
    async fn a_standing_error_is_logged_once_per_interval() {
        let mut error_log = AcceptErrorLog::default();
        assert!(error_log.due(Instant::now()));
        assert!(!error_log.due(Instant::now()));
        assert_eq!(error_log.suppressed, 1);
        tokio::time::advance(AcceptErrorLog::INTERVAL).await;
        assert!(error_log.due(Instant::now()));
    }
}
