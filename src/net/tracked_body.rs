//! A response's body on its way out, and when the last of it is handed over.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::body::{Body, Frame, SizeHint};

use super::watch::{Event, Watch};

/// The body a handler gave, which tells the [`Watch`] when it is at its end.
pub(super) struct TrackedBody<B> {
    body: B,
    /// `None`: the body came whole, and what ends the request was said when it came.
    _end: Option<End>,
}

impl<B: Body> TrackedBody<B> {
    /// A body of known length is in the HTTP library's hands at once, up to its first
    /// flush. One that is made in parts is flushed after each: it is answered when it
    /// is dropped, or a slow reader would be idle in the middle of it.
    ///
    /// `is_last`: the peer has said that it asks for nothing after this.
    pub(super) fn new(body: B, watch: &Arc<Watch>, is_last: bool) -> TrackedBody<B> {
        let event = if is_last { Event::LastAnswerMade } else { Event::AnswerMade };
        let end = match body.size_hint().exact() {
            Some(_) => {
                watch.on(event);
                None
            }
            None => Some(End { watch: Arc::clone(watch), event }),
        };
        TrackedBody { body, _end: end }
    }
}

/// Dropped with the body, before the flush that ends the response.
struct End {
    watch: Arc<Watch>,
    event: Event,
}

impl Drop for End {
    fn drop(&mut self) {
        self.watch.on(self.event);
    }
}

impl<B: Body + Unpin> Body for TrackedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use bytes::Bytes;
    use http_body_util::Full;
    use tokio::time::Instant;

    use super::*;
    use crate::net::watch::Phase;

    struct InParts;

    impl Body for InParts {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Pending
        }
    }

    #[test]
    fn a_whole_body_is_answered_at_once_and_one_in_parts_when_it_is_dropped() {
        let watch = Arc::new(Watch::new());
        watch.request_came(Instant::now(), false);
        let _whole = TrackedBody::new(Full::new(Bytes::from("x")), &watch, false);
        assert_eq!(watch.phase(), Phase::Sending);

        watch.request_came(Instant::now(), false);
        let parts = TrackedBody::new(InParts, &watch, true);
        assert_eq!(watch.phase(), Phase::Busy);
        drop(parts);
        assert_eq!(watch.phase(), Phase::SendingLast);
    }
}
