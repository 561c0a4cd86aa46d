//! The bytes of a connection and the bodies of its answers, on their way past its [`Watch`].

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hyper::body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::super::wrong_protocol::{self, WrongProtocol};
use super::head::HeadBytes;
use super::{Event, Watch};

/// A stream whose traffic moves the [`Watch`].
pub(in crate::net) struct WatchedStream<S> {
    stream: S,
    watch: Arc<Watch>,
    /// `None`: control characters are not tolerated.
    heads: Option<HeadBytes>,
    /// Nothing was read yet, and what comes may be something else than HTTP.
    is_first: bool,
    /// The peer has said that it sends nothing more.
    peer_ended: bool,
}

impl<S> WatchedStream<S> {
    /// `is_plain`: a peer that speaks TLS is refused.
    pub(crate) fn new(
        stream: S,
        watch: Arc<Watch>,
        is_plain: bool,
        tolerate_control_chars: bool,
    ) -> WatchedStream<S> {
        let heads = tolerate_control_chars.then(HeadBytes::new);
        WatchedStream { stream, watch, heads, is_first: is_plain, peer_ended: false }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for WatchedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let (before, had_room) = (buffer.filled().len(), buffer.remaining() > 0);
        let Poll::Ready(read) = Pin::new(&mut self.stream).poll_read(cx, buffer) else {
            self.watch.read_in_vain();
            return Poll::Pending;
        };
        read?;
        let new = &mut buffer.filled_mut()[before..];
        if new.is_empty() {
            self.peer_ended |= had_room;
        } else {
            if std::mem::take(&mut self.is_first)
                && let Some(wrong) = WrongProtocol::to_plain_port(new)
            {
                if wrong == WrongProtocol::TlsToPlainPort {
                    // So few bytes the socket takes at once, or nobody is there any more.
                    let _ = Pin::new(&mut self.stream).poll_write(cx, wrong_protocol::ALERT);
                }
                // The HTTP library takes an error before a request for the connection's end.
                self.watch.note_wrong_protocol(wrong);
                return Poll::Ready(Err(io::Error::other(wrong)));
            }
            let phase = self.watch.phase();
            if let Some(heads) = &mut self.heads {
                heads.pass(new, phase);
            }
            self.watch.on(Event::BytesCame);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WatchedStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// The HTTP library flushes when all it has buffered is written, so the
    /// first flush after the answer's last part ends the request.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.watch.on(Event::Flushed);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // TLS sends `close_notify`, so that the peer can tell the end from an attack. One that has
        // sent its own first and has its answer is gone: it would meet ours with a reset.
        if self.peer_ended && self.watch.peer_sent_everything() {
            self.watch.take_close_follows();
            return Pin::new(&mut self.stream).poll_flush(cx);
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// The body a handler gave, which tells the [`Watch`] when it is at its end.
pub(in crate::net) struct TrackedBody<B> {
    body: B,
    /// `None`: the body came whole, and what ends the request was said when it came.
    end: Option<End>,
}

impl<B: Body> TrackedBody<B> {
    /// A body of known length is in the HTTP library's hands at once, up to its first
    /// flush. One that is made in parts is flushed after each: it is answered when it
    /// is dropped, or a slow reader would be idle in the middle of it.
    ///
    /// `is_last`: the peer has said that it asks for nothing after this.
    pub(in crate::net) fn new(body: B, watch: &Arc<Watch>, is_last: bool) -> TrackedBody<B> {
        let event = if is_last { Event::LastAnswerMade } else { Event::AnswerMade };
        let end = match body.size_hint().exact() {
            Some(_) => {
                watch.on(event);
                None
            }
            None => Some(End { watch: Arc::clone(watch), event }),
        };
        TrackedBody { body, end }
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
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if let (Some(end), Poll::Ready(Some(Ok(_)))) = (&self.end, &polled) {
            end.watch.on(Event::PartMade);
        }
        polled
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

    use super::super::Phase;

    use super::*;

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
