//! One connection from accept to close: TLS if asked for, then HTTP/1 under the limits.

use std::any::Any;
use std::convert::Infallible;
use std::error::Error;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use http::header::{CONNECTION, DATE};
use http::{HeaderValue, Request, Response, Version};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{sleep_until, timeout};
use tokio_rustls::server::TlsStream;

use super::shared::Shared;
use super::tls::{Tls, TlsPeer};
use super::tracked_body::TrackedBody;
use super::tuning::CoalescingStream;
use super::watch::{Event, Watch, WatchedStream};
use super::wrong_protocol::HttpToTlsPort;
use super::{Handler, Peer, Standing, date, malformed, wrong_protocol};

pub(super) async fn run<H: Handler>(
    shared: &Arc<Shared>,
    stream: TcpStream,
    address: SocketAddr,
    tls: Option<Arc<Tls>>,
    handler: Arc<H>,
    watch: Arc<Watch>,
) {
    match tls {
        None => {
            let stream = CoalescingStream::plain(stream, Arc::clone(&watch));
            serve(shared, stream, peer(address, None, &watch), handler, watch).await;
        }
        Some(tls) => run_tls(shared, stream, address, &tls, handler, watch).await,
    }
}

fn peer(address: SocketAddr, tls: Option<TlsPeer>, watch: &Arc<Watch>) -> Peer {
    Peer { address, tls, standing: Standing::new(watch) }
}

async fn run_tls<H: Handler>(
    shared: &Arc<Shared>,
    stream: TcpStream,
    address: SocketAddr,
    tls: &Tls,
    handler: Arc<H>,
    watch: Arc<Watch>,
) {
    let stream = CoalescingStream::new(stream, Arc::clone(&watch));
    let handshaking = handshake(shared, stream, tls, &watch);
    let handshaking = timeout(shared.limits.tls_handshake, handshaking);
    // Made in a block, so that nothing of the handshake has room beside what is served.
    let served = {
        let handshake = tokio::select! {
            biased;
            // Nothing has been asked yet, so nothing is lost.
            () = shared.stop.cancelled() => return,
            done = handshaking => done.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into())),
        };
        match handshake {
            Ok((stream, tls)) => {
                serve(shared, stream, peer(address, Some(tls), &watch), handler, watch)
            }
            Err(error) => {
                shared.counters.handshakes_failed.add_one();
                wrong_protocol::report(&shared.wrong_protocol_log, address, &error);
                // Debug, not more: scanners and phones that do not trust us fail all day.
                tracing::debug!(%address, "TLS handshake failed: {error}");
                return;
            }
        }
    };
    served.await;
}

/// The handshake, in its turn.
async fn handshake(
    shared: &Shared,
    mut stream: CoalescingStream,
    tls: &Tls,
    watch: &Watch,
) -> io::Result<(Box<TlsStream<CoalescingStream>>, TlsPeer)> {
    // A turn is for those who have said hello: a silent peer must not hold one.
    if wrong_protocol::is_http(stream.peek().await?) {
        stream.answer_and_leave(wrong_protocol::ANSWER);
        return Err(io::Error::other(HttpToTlsPort));
    }
    watch.on(Event::HelloCame);
    // In a box: a kilobyte that is handed on from here to the HTTP library.
    let begin = || async move {
        watch.on(Event::Admitted);
        tls.acceptor().accept(stream).await.map(Box::new)
    };
    let mut stream = shared.admission.admit(begin).await?;
    stream.get_mut().0.handshake_done();
    let peer = TlsPeer::of(stream.get_ref().1);
    Ok((stream, peer))
}

/// The part of a connection that its requests share.
struct Context<H> {
    shared: Arc<Shared>,
    handler: Arc<H>,
    peer: Peer,
    watch: Arc<Watch>,
}

/// Not an `async fn`, which would have room for all it is given for as long as it lasts:
/// ten thousand phones at once have a connection each.
fn serve<H, S>(
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
        async move { Ok::<_, Infallible>(context.answer(request).await) }
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
                if let Err(error) = result {
                    wrong_protocol::report(&shared.wrong_protocol_log, address, &error);
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

impl<H: Handler> Context<H> {
    async fn answer(&self, request: Request<Incoming>) -> Response<TrackedBody<H::Body>> {
        self.watch.request_came(!request.body().is_end_stream());
        let is_last = wants_no_more(&request);
        let mut response = match malformed::reason(&request) {
            Some(reason) => self.refuse_malformed(reason),
            None => self.handled(request).await,
        };
        response.headers_mut().insert(DATE, date::now());
        response.map(|body| TrackedBody::new(body, &self.watch, is_last))
    }
}

impl<H: Handler> Context<H> {
    async fn handled(&self, request: Request<Incoming>) -> Response<H::Body> {
        let handled = pin!(self.handler.handle(request, &self.peer));
        match caught(handled).await {
            Ok(response) => response,
            Err(panic) => {
                self.shared.counters.panics.add_one();
                tracing::error!(
                    address = %self.peer.address,
                    "a request made its handler panic: {}", panic_message(&*panic),
                );
                self.handler.fault()
            }
        }
    }

    /// What follows on the connection may be part of the request or another one: nobody is asked.
    fn refuse_malformed(&self, reason: &'static str) -> Response<H::Body> {
        tracing::debug!(address = %self.peer.address, "a malformed request was refused: {reason}");
        let mut response = self.handler.malformed(reason);
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        response
    }
}

/// Whether the peer says that it asks for nothing after this (RFC 9112 section 9.3).
fn wants_no_more(request: &Request<Incoming>) -> bool {
    let says = |wanted: &str| {
        let lines = request.headers().get_all(CONNECTION).iter();
        lines
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(','))
            .any(|option| option.trim().eq_ignore_ascii_case(wanted))
    };
    match request.version() {
        Version::HTTP_10 => !says("keep-alive"),
        _ => says("close"),
    }
}

/// The future's output, or what it panicked with. It is not polled again after
/// a panic, and what it borrowed must bear that: shared state of a handler is
/// behind locks that poison or needs no repair.
async fn caught<F: Future>(mut future: Pin<&mut F>) -> Result<F::Output, Box<dyn Any + Send>> {
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
