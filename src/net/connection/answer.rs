//! One request: refused if it is malformed, else the handler's, whatever becomes of it.

use std::any::Any;
use std::cell::RefCell;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::header::{CONNECTION, DATE};
use http::{HeaderMap, HeaderValue, Request, Response, Version, header};
use hyper::body::{Body, Incoming};
use tokio::time::Instant;

use super::super::shared::Shared;
use super::super::watch::{TrackedBody, Watch};
use super::super::{Handler, Peer};
use crate::domain::printable;

/// The part of a connection that its requests share.
pub(super) struct Context<H> {
    pub shared: Arc<Shared>,
    pub handler: Arc<H>,
    pub peer: Peer,
    pub watch: Arc<Watch>,
}

impl<H: Handler> Context<H> {
    /// Notes that a head has ended, and when that was. Called before more is read, so that no byte
    /// of the body is taken for one of a head.
    pub(super) fn came(&self, request: &Request<Incoming>) -> Instant {
        let now = Instant::now();
        self.watch.request_came(now, !request.body().is_end_stream());
        now
    }

    pub(super) async fn answer(
        &self,
        request: Request<Incoming>,
        came: Instant,
    ) -> Response<TrackedBody<H::Body>> {
        let is_last = wants_no_more(&request);
        let mut response = match malformed_reason(&request) {
            Some(reason) => self.refuse_malformed(reason),
            None => self.handled(request).await,
        };
        response.headers_mut().insert(DATE, date_at(came));
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
                    "a request made its handler panic: {}", printable(panic_message(&*panic)),
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

/// What is wrong with a request's head that the HTTP library lets through and that means different
/// things to different readers.
///
/// All is 400 by RFC 9112. No handset is known to need any of it: of the boots recorded, the ones
/// without `Host` speak HTTP/1.0, which has none.
fn malformed_reason<B: Body>(request: &Request<B>) -> Option<&'static str> {
    let headers = request.headers();
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(_), Some(_)) => return Some("More than one Host header (RFC 9112, section 3.2)"),
        (None, _) if request.version() == Version::HTTP_11 => {
            return Some("HTTP/1.1 without a Host header (RFC 9112, section 3.2)");
        }
        _ => {}
    }
    // Without a body there is no coding of it, which spares nearly all requests a look.
    if !request.body().is_end_stream()
        && headers.contains_key(header::TRANSFER_ENCODING)
        && !is_chunked_once(headers)
    {
        return Some("A Transfer-Encoding other than one `chunked` (RFC 9112, section 6.1)");
    }
    None
}

fn is_chunked_once(headers: &HeaderMap) -> bool {
    let mut lines = headers.get_all(header::TRANSFER_ENCODING).iter();
    let line = lines.next().and_then(|line| line.to_str().ok());
    line.is_some_and(|line| line.trim().eq_ignore_ascii_case("chunked")) && lines.next().is_none()
}

thread_local! {
    static CACHED: RefCell<Option<Cached>> = const { RefCell::new(None) };
}

struct Cached {
    value: HeaderValue,
    until: Instant,
}

/// The time of day at `now`, which is now, as a header says it (RFC 9110 section 5.6.7); worded
/// once a second.
///
/// The HTTP library keeps its own until the time of day has passed it: after a clock was set back,
/// as at the first contact with a time server, its answers would stay in the future for
/// hours. This one goes by the monotonic clock and is right again within a second.
fn date_at(now: Instant) -> HeaderValue {
    CACHED.with_borrow_mut(|cached| worded(cached, now, SystemTime::now))
}

fn worded(
    cached: &mut Option<Cached>,
    now: Instant,
    time_of_day: impl FnOnce() -> SystemTime,
) -> HeaderValue {
    if let Some(cached) = cached
        && now < cached.until
    {
        return cached.value.clone();
    }
    let time = time_of_day();
    let value = HeaderValue::try_from(httpdate::fmt_http_date(time))
        .expect("a date has plain characters only");
    let past_second = time.duration_since(UNIX_EPOCH).unwrap_or_default().subsec_nanos();
    let until = now + Duration::from_secs(1) - Duration::from_nanos(past_second.into());
    *cached = Some(Cached { value: value.clone(), until });
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_fine(version: Version, headers: &[(&str, &str)]) -> bool {
        let mut request = Request::builder().version(version);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        malformed_reason(&request.body("body".to_owned()).unwrap()).is_none()
    }

    #[test]
    fn http_1_1_has_one_host_and_http_1_0_at_most_one() {
        assert!(is_fine(Version::HTTP_11, &[("Host", "gw.test")]));
        assert!(is_fine(Version::HTTP_10, &[]));
        assert!(is_fine(Version::HTTP_11, &[("Host", "")]));
        assert!(!is_fine(Version::HTTP_11, &[]));
        for version in [Version::HTTP_10, Version::HTTP_11] {
            assert!(!is_fine(version, &[("Host", "a"), ("Host", "a")]));
        }
    }

    #[test]
    fn a_body_is_chunked_once_and_nothing_else() {
        let is_fine = |values: &[&str]| {
            let headers = values.iter().map(|value| ("Transfer-Encoding", *value));
            let headers = headers.chain([("Host", "a")]);
            is_fine(Version::HTTP_11, &headers.collect::<Vec<_>>())
        };
        assert!(is_fine(&["chunked"]));
        assert!(is_fine(&["Chunked "]));
        assert!(!is_fine(&["chunked, chunked"]));
        assert!(!is_fine(&["chunked", "chunked"]));
        assert!(!is_fine(&["gzip, chunked"]));
        assert!(!is_fine(&["identity"]));
    }

    #[test]
    fn a_date_is_right_to_the_second_and_goes_back_with_the_clock() {
        let (start, day) = (Instant::now(), Duration::from_secs(24 * 3_600));
        let time = UNIX_EPOCH + 365 * day + Duration::from_millis(300);
        let mut cached = None;
        let mut ask = |later_ms: u64, time: SystemTime| {
            let later = start + Duration::from_millis(later_ms);
            worded(&mut cached, later, || time).to_str().unwrap().to_owned()
        };
        assert_eq!(ask(0, time), "Fri, 01 Jan 1971 00:00:00 GMT");
        assert_eq!(ask(699, time + day), "Fri, 01 Jan 1971 00:00:00 GMT", "not asked");
        assert_eq!(ask(700, time + Duration::from_secs(1)), "Fri, 01 Jan 1971 00:00:01 GMT");
        assert_eq!(ask(1_500, time - day), "Thu, 31 Dec 1970 00:00:00 GMT");
    }
}
