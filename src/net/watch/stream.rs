//! The bytes of a connection, on their way past its [`Watch`].

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::super::control_chars::sanitize_control_chars;
use super::super::wrong_protocol::{self, TlsToPlainPort};
use super::{Event, Watch};

/// A stream whose traffic moves the [`Watch`].
pub(in crate::net) struct WatchedStream<S> {
    stream: S,
    watch: Arc<Watch>,
    tolerate_control_chars: bool,
    /// Nothing was read yet, and what comes may be TLS by mistake.
    may_be_tls: bool,
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
        let may_be_tls = is_plain;
        WatchedStream { stream, watch, tolerate_control_chars, may_be_tls, peer_ended: false }
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
            if std::mem::take(&mut self.may_be_tls) && wrong_protocol::is_tls(new) {
                // So few bytes the socket takes at once, or nobody is there any more.
                let _ = Pin::new(&mut self.stream).poll_write(cx, wrong_protocol::ALERT);
                return Poll::Ready(Err(io::Error::other(TlsToPlainPort)));
            }
            if self.tolerate_control_chars && self.watch.phase().takes_head() {
                sanitize_control_chars(new);
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
