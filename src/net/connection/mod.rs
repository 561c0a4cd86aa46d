//! One connection from accept to close: TLS if asked for, in its turn and in its time, then HTTP/1
//! under the limits.

mod answer;

use std::convert::Infallible;
use std::error::Error;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::SystemTime;

use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{sleep_until, timeout};
use tokio_rustls::server::TlsStream;

use super::proxy_protocol::{self, ProxyHeaderError};
use super::shared::{ConnectionGuard, Shared};
use super::tls::{Tls, TlsPeer};
use super::tuning::CoalescingStream;
use super::watch::{Event, Watch, WatchedStream};
use super::wrong_protocol::{self, WrongProtocol};
use super::{Handler, ListenerOptions, Peer, Standing};
use answer::Context;

pub(super) async fn run<H: Handler>(
    guard: &ConnectionGuard,
    stream: TcpStream,
    address: SocketAddr,
    options: &ListenerOptions,
    handler: Arc<H>,
    watch: Arc<Watch>,
) {
    let shared = &guard.shared;
    let mut stream = CoalescingStream::new(stream, Arc::clone(&watch));
    let mut whose = Whose { address, is_proxys_own: false };
    if options.proxy_protocol && options.proxies.contains(address.ip()) {
        let Some(said) = said_whose(guard, &mut stream, address, options).await else {
            return;
        };
        whose = said;
    }
    match &options.tls {
        None => {
            stream.handshake_done();
            serve(shared, stream, peer(whose, None, &watch), handler, watch).await;
        }
        Some(tls) => {
            // Made in a block, so that nothing of the handshake has room beside what is served.
            let served = {
                let done = handshake(shared, stream, whose.address, tls, &watch).await;
                let Some((stream, tls)) = done else { return };
                serve(shared, stream, peer(whose, Some(tls), &watch), handler, watch)
            };
            served.await;
        }
    }
}

/// Whose a connection is.
#[derive(Clone, Copy)]
struct Whose {
    address: SocketAddr,
    is_proxys_own: bool,
}

/// Whose the connection of a proxy is, as its header says. `None` when it has none, or they have as
/// many as they may, or the server stops.
async fn said_whose(
    guard: &ConnectionGuard,
    stream: &mut CoalescingStream,
    proxy: SocketAddr,
    options: &ListenerOptions,
) -> Option<Whose> {
    let shared = &guard.shared;
    let reading = timeout(shared.limits.head, proxy_protocol::read_header(stream));
    let read = tokio::select! {
        biased;
        () = shared.stop.cancelled() => return None,
        read = reading => read.unwrap_or(Err(ProxyHeaderError::Ended)),
    };
    let client = match read {
        Ok(Some(client)) => client,
        Ok(None) => return Some(Whose { address: proxy, is_proxys_own: true }),
        Err(error) => {
            proxy_protocol::report(&shared.proxy_header_log, proxy, &error);
            return None;
        }
    };
    if options.proxies.contains(client.ip()) {
        return Some(Whose { address: client, is_proxys_own: false });
    }
    let place = guard.place.as_ref().expect("who is served has a place");
    match place.count_for(client.ip()) {
        Some(closed) => {
            shared.were_closed(closed);
            Some(Whose { address: client, is_proxys_own: false })
        }
        None => {
            if shared.is_told_of_address_limit(client, options.tls.is_some()) {
                stream.answer_and_leave(shared.busy().as_bytes());
            }
            None
        }
    }
}

fn peer(whose: Whose, tls: Option<TlsPeer>, watch: &Arc<Watch>) -> Peer {
    let Whose { address, is_proxys_own } = whose;
    Peer { address, is_proxys_own, tls, standing: Standing::new(watch) }
}

/// This is no `async fn`, which would have room for all it is given for as long as it lasts:
/// ten thousand phones at once have a connection each.
pub(super) fn serve<H, S>(
    shared: &Arc<Shared>,
    stream: S,
    peer: Peer,
    handler: Arc<H>,
    watch: Arc<Watch>,
) -> impl Future<Output = ()>
where
    H: Handler,
    S: AsyncRead + AsyncWrite + Unpin,
{
    let address = peer.address;
    watch.on(Event::Ready);
    let io = WatchedStream::new(
        stream,
        Arc::clone(&watch),
        peer.tls.is_none(),
        shared.limits.tolerate_control_chars,
    );
    let context =
        Arc::new(Context { shared: Arc::clone(shared), handler, peer, watch: Arc::clone(&watch) });
    let service = service_fn(move |request| {
        let context = Arc::clone(&context);
        let came = context.came(&request);
        async move { Ok::<_, Infallible>(context.answer(request, came).await) }
    });
    let connection = Box::pin(shared.http.serve_connection(TokioIo::new(io), service));
    drive(shared, connection, watch, address)
}

/// Lets the HTTP library work until the connection ends, is out of time or is stopped.
async fn drive<S, F>(
    shared: &Shared,
    mut connection: Pin<Box<http1::Connection<TokioIo<WatchedStream<S>>, F>>>,
    watch: Arc<Watch>,
    address: SocketAddr,
) where
    S: AsyncRead + AsyncWrite + Unpin,
    F: HttpService<Incoming, Error = Infallible>,
    F::ResBody: Body + 'static,
    <F::ResBody as Body>::Error: Into<Box<dyn Error + Send + Sync>>,
{
    // A token of its own: waiting takes a lock at each poll, and on the shared
    // one all connections would meet.
    let stop = shared.stop.child_token();
    let mut stopped = pin!(stop.cancelled());
    let mut aborted = pin!(shared.abort.cancelled());
    let mut stopping = false;
    let Some(first_check) = watch.check(&shared.limits) else { return };
    let mut check = pin!(sleep_until(first_check));
    loop {
        tokio::select! {
            biased;
            result = poll_fn(|cx| match connection.as_mut().poll(cx) {
                // The HTTP library did not end the connection after all: what was held
                // back for the close goes by its next flush, which is each time it is polled.
                Poll::Pending if watch.take_close_follows() => connection.as_mut().poll(cx),
                polled => polled,
            }) => {
                if let Some(wrong) = watch.wrong_protocol() {
                    wrong_protocol::log(&shared.wrong_protocol_log, address, wrong);
                }
                if let Err(error) = result {
                    tracing::debug!(%address, "connection ended: {error}");
                }
                return;
            }
            () = check.as_mut() => match watch.check(&shared.limits) {
                Some(next) => check.as_mut().reset(next),
                None => {
                    shared.counters.timed_out.add_one();
                    tracing::debug!(%address, phase = ?watch.phase(), "connection cut: out of time");
                    return;
                }
            },
            () = stopped.as_mut(), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
            () = aborted.as_mut(), if stopping => return,
        }
    }
}

/// The stream is in a box: a kilobyte that is handed on from here to the HTTP library.
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
    if let Some(wrong) = WrongProtocol::to_tls_port(stream.peek().await?) {
        if wrong == WrongProtocol::HttpToTlsPort {
            stream.answer_and_leave(wrong_protocol::ANSWER);
        }
        return Err(io::Error::other(wrong));
    }
    watch.on(Event::HelloCame);
    let begin = || async move {
        watch.on(Event::Admitted);
        tls.acceptor().accept(stream).await.map(Box::new)
    };
    let mut stream = shared.admission.admit(begin).await?;
    stream.get_mut().0.handshake_done();
    let peer = tls.peer(stream.get_ref().1, SystemTime::now())?;
    Ok((stream, peer))
}
