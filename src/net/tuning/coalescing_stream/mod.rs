//! The TCP side of a connection, which holds back what a handshake writes last until it can go
//! out together with the answer to the first request, and the last answer until it can go out
//! together with the close.
//!
//! **What it gains.** In TLS 1.3 a phone sends its request with the end of its handshake, and the
//! server's session ticket would go out ahead of the answer in a segment of its own: one more
//! system call here and one more packet there, for each connection of a boot storm. So would what
//! follows at once an answer that the phone said is its last: the `close_notify` of TLS, and the
//! FIN. On a plain connection with one request that is a twentieth of the processor time.
//!
//! **How it was measured.** `benches/run --part requests --part boot` with and without, in turns.
//!
//! **How to turn it off.** Give `connection::run` the `TcpStream` itself;
//! [`CoalescingStream::peek`] is then `TcpStream::readable` followed by `TcpStream::peek`, and the
//! watch needs no `close_follows`.

#[cfg(test)]
mod tests;

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustix::net::SendFlags;
use tokio::io::Interest;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::net::watch::Watch;

/// While the handshake lasts, written bytes are kept until the peer has to answer them or
/// until they are many; after it until somebody flushes or writes; of an answer that a
/// close follows, until that, unless they are many.
pub(in crate::net) struct CoalescingStream {
    stream: TcpStream,
    /// What the peer sent first, until it is read.
    peeked: Vec<u8>,
    held: Vec<u8>,
    /// How many bytes of [`CoalescingStream::held`] have been sent.
    sent: usize,
    handshake_done: bool,
    watch: Arc<Watch>,
}

/// A server's flight with a chain of certificates has some 4 KB, a phone's file seldom more
/// than 10; what is larger goes out in parts.
const MAX_HELD: usize = 16 * 1024;

/// So long is a record with `close_notify`, in TLS 1.2; room for it beside an answer keeps the
/// answer from being copied once more.
const CLOSE_NOTIFY: usize = 31;

impl CoalescingStream {
    /// A hello has 200 to 600 bytes; of one with a large key share (1.2 KB) the rest comes later.
    pub(crate) const MAX_PEEKED: usize = 2 * 1024;

    /// Takes a stream before its handshake, which [`CoalescingStream::handshake_done`] ends; where
    /// there is none, at once.
    pub(crate) fn new(stream: TcpStream, watch: Arc<Watch>) -> CoalescingStream {
        CoalescingStream {
            stream,
            peeked: Vec::new(),
            held: Vec::new(),
            sent: 0,
            handshake_done: false,
            watch,
        }
    }

    /// What the peer has said and nobody has read. Waits until there is something, or the peer has
    /// ended.
    ///
    /// To ask the runtime whether the stream is readable would not do: of one just accepted
    /// it says so in any case.
    pub(crate) async fn peek(&mut self) -> io::Result<&[u8]> {
        if self.peeked.is_empty() {
            self.peek_more().await?;
        }
        Ok(&self.peeked)
    }

    /// Waits until the peer has said more than what was peeked at; `false`: it has ended, or that
    /// was [`CoalescingStream::MAX_PEEKED`] already.
    pub(crate) async fn peek_more(&mut self) -> io::Result<bool> {
        let room = Self::MAX_PEEKED.saturating_sub(self.peeked.len());
        poll_fn(|cx| {
            let mut space = [MaybeUninit::uninit(); Self::MAX_PEEKED];
            let mut buffer = ReadBuf::uninit(&mut space[..room]);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
            self.peeked.extend_from_slice(buffer.filled());
            Poll::Ready(Ok(!buffer.filled().is_empty()))
        })
        .await
    }

    /// Takes so many bytes, of those that were peeked at, as read.
    pub(crate) fn skip(&mut self, count: usize) {
        self.peeked.drain(..count);
        if self.peeked.is_empty() {
            self.peeked = Vec::new();
        }
    }

    /// Sends `answer` when it is dropped, and nothing of what was held.
    pub(crate) fn answer_and_leave(&mut self, answer: &[u8]) {
        (self.held, self.sent) = (answer.to_vec(), 0);
    }

    /// The handshake is over, or there is none: from here on a flush is one.
    pub(crate) fn handshake_done(&mut self) {
        self.handshake_done = true;
    }

    fn poll_send_held(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.held.is_empty() {
            return Poll::Ready(Ok(()));
        }
        while self.sent < self.held.len() {
            let held = &self.held[self.sent..];
            match ready!(Pin::new(&mut self.stream).poll_write(cx, held))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                sent => self.sent += sent,
            }
        }
        // Not only cleared: a connection that waits for its next request has no need of it.
        (self.held, self.sent) = (Vec::new(), 0);
        Poll::Ready(Ok(()))
    }

    /// Gives the kernel what is held as something that more follows, so that the FIN goes in
    /// the same segment. What it does not take now, or for good, the next write finds out.
    fn leave_held_to_the_fin(&mut self) {
        let held = &self.held[self.sent..];
        if !held.is_empty() {
            let send = || Ok(rustix::net::send(&self.stream, held, SendFlags::MORE)?);
            self.sent += self.stream.try_io(Interest::WRITABLE, send).unwrap_or(0);
        }
    }

    fn has_room(&self, slices: &[IoSlice<'_>]) -> bool {
        self.held.len() + length(slices) <= MAX_HELD
    }

    /// Takes all of `slices` into what is held.
    fn hold(&mut self, slices: &[IoSlice<'_>]) -> usize {
        let more = length(slices);
        if self.held.capacity() - self.held.len() < more {
            self.held.reserve(more + CLOSE_NOTIFY);
        }
        for slice in slices {
            self.held.extend_from_slice(slice);
        }
        more
    }
}

fn length(slices: &[IoSlice<'_>]) -> usize {
    slices.iter().map(|slice| slice.len()).sum()
}

impl AsyncRead for CoalescingStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.peeked.is_empty() {
            let taken = self.peeked.len().min(buffer.remaining());
            buffer.put_slice(&self.peeked[..taken]);
            self.skip(taken);
            return Poll::Ready(Ok(()));
        }
        match Pin::new(&mut self.stream).poll_read(cx, buffer) {
            Poll::Pending if !self.handshake_done => {
                // Nothing comes before the peer has what is held. If that has to wait too,
                // this task wakes for whichever is first.
                let _ = self.poll_send_held(cx)?;
                Poll::Pending
            }
            read => read,
        }
    }
}

impl AsyncWrite for CoalescingStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.held.len() >= MAX_HELD {
            ready!(self.poll_send_held(cx))?;
        }
        if !self.handshake_done || (self.watch.close_follows() && self.has_room(slices)) {
            return Poll::Ready(Ok(self.hold(slices)));
        }
        if self.held.is_empty() {
            return Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        }
        // What comes first after the handshake is copied behind what is held, once.
        let taken = self.hold(slices);
        match self.poll_send_held(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            // What could not go now goes before whatever is written or flushed next.
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(taken)),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.handshake_done && !self.watch.close_follows() {
            ready!(self.poll_send_held(cx))?;
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // close(2) sends the FIN as well, and in one segment with the answer. But where
        // something may be unread it sends a reset instead, and a peer that meets one loses
        // the answer it was sent: there shutdown(2) has to come first.
        let is_dropped_next = self.watch.peer_sent_everything();
        if is_dropped_next {
            self.leave_held_to_the_fin();
        }
        ready!(self.poll_send_held(cx))?;
        if is_dropped_next {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl Drop for CoalescingStream {
    /// A handshake that fails says why in its last words. They are few, so the socket takes
    /// them or never will.
    fn drop(&mut self) {
        if self.sent < self.held.len() {
            let _ = self.stream.try_write(&self.held[self.sent..]);
        }
    }
}
