//! One request: refused if it is malformed, else the handler's, whatever becomes of it.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use http::header::{CONNECTION, DATE};
use http::{HeaderValue, Request, Response, Version};
use hyper::body::{Body, Incoming};
use tokio::time::Instant;

use super::super::shared::Shared;
use super::super::tracked_body::TrackedBody;
use super::super::watch::Watch;
use super::super::{Handler, Peer, date, malformed};

/// The part of a connection that its requests share.
pub(super) struct Context<H> {
    pub shared: Arc<Shared>,
    pub handler: Arc<H>,
    pub peer: Peer,
    pub watch: Arc<Watch>,
}

impl<H: Handler> Context<H> {
    pub(super) async fn answer(
        &self,
        request: Request<Incoming>,
    ) -> Response<TrackedBody<H::Body>> {
        let now = Instant::now();
        self.watch.request_came(now, !request.body().is_end_stream());
        let is_last = wants_no_more(&request);
        let mut response = match malformed::reason(&request) {
            Some(reason) => self.refuse_malformed(reason),
            None => self.handled(request).await,
        };
        response.headers_mut().insert(DATE, date::at(now.into_std()));
        response.map(|body| TrackedBody::new(body, &self.watch, is_last))
    }

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
