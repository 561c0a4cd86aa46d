//! The TLS handshake of one connection, in its turn and in its time.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use tokio::time::timeout;
use tokio_rustls::server::TlsStream;

use super::super::shared::Shared;
use super::super::tls::{Tls, TlsPeer};
use super::super::tuning::CoalescingStream;
use super::super::watch::{Event, Watch};
use super::super::wrong_protocol::{self, HttpToTlsPort};

/// In a box: a kilobyte that is handed on from here to the HTTP library.
type Done = (Box<TlsStream<CoalescingStream>>, TlsPeer);

/// `None` when it fails, which is logged and counted, or the server stops.
pub(super) async fn handshake(
    shared: &Shared,
    stream: CoalescingStream,
    address: SocketAddr,
    tls: &Tls,
    watch: &Watch,
) -> Option<Done> {
    let handshake = timeout(shared.limits.tls_handshake, in_turn(shared, stream, tls, watch));
    let done = tokio::select! {
        biased;
        // Nothing has been asked yet, so nothing is lost.
        () = shared.stop.cancelled() => return None,
        done = handshake => done.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into())),
    };
    done.inspect_err(|error| {
        shared.counters.handshakes_failed.add_one();
        wrong_protocol::report(&shared.wrong_protocol_log, address, error);
        // Debug, not more: scanners and phones that do not trust us fail all day.
        tracing::debug!(%address, "TLS handshake failed: {error}");
    })
    .ok()
}

async fn in_turn(
    shared: &Shared,
    mut stream: CoalescingStream,
    tls: &Tls,
    watch: &Watch,
) -> io::Result<Done> {
    // A turn is for those who have said hello: a silent peer must not hold one.
    if wrong_protocol::is_http(stream.peek().await?) {
        stream.answer_and_leave(wrong_protocol::ANSWER);
        return Err(io::Error::other(HttpToTlsPort));
    }
    watch.on(Event::HelloCame);
    let begin = || async move {
        watch.on(Event::Admitted);
        tls.acceptor().accept(stream).await.map(Box::new)
    };
    let mut stream = shared.admission.admit(begin).await?;
    stream.get_mut().0.handshake_done();
    let peer = TlsPeer::of(stream.get_ref().1);
    Ok((stream, peer))
}
