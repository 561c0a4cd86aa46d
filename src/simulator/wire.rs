//! Bytes on the wire, counted as they pass; with TLS, below it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// What one run put on the wire. Relaxed: the numbers are for people and order nothing.
#[derive(Debug, Default)]
pub struct Wire {
    /// Bytes that came, TLS and all.
    pub received: AtomicU64,
    /// Bytes that went, TLS and all.
    pub sent: AtomicU64,
    /// Connections that were opened.
    pub connections: AtomicU64,
    /// TLS handshakes that were completed.
    pub handshakes: AtomicU64,
}

/// A [`Wire`] at one moment, or what came between two.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WireCounts {
    /// Bytes that came, TLS and all.
    pub received: u64,
    /// Bytes that went, TLS and all.
    pub sent: u64,
    /// Connections that were opened.
    pub connections: u64,
    /// TLS handshakes that were completed.
    pub handshakes: u64,
}

impl Wire {
    /// What was counted so far.
    #[must_use]
    pub fn counts(&self) -> WireCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        WireCounts {
            received: read(&self.received),
            sent: read(&self.sent),
            connections: read(&self.connections),
            handshakes: read(&self.handshakes),
        }
    }
}

impl WireCounts {
    /// What was added since an earlier moment of the same wire.
    #[must_use]
    pub fn since(self, before: WireCounts) -> WireCounts {
        WireCounts {
            received: self.received - before.received,
            sent: self.sent - before.sent,
            connections: self.connections - before.connections,
            handshakes: self.handshakes - before.handshakes,
        }
    }
}

#[derive(Debug)]
pub(super) struct Counted {
    stream: TcpStream,
    wire: Arc<Wire>,
}

impl Counted {
    pub(super) fn new(stream: TcpStream, wire: Arc<Wire>) -> Counted {
        Counted { stream, wire }
    }
}

fn add(counter: &AtomicU64, bytes: usize) {
    counter.fetch_add(bytes as u64, Ordering::Relaxed);
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        add(&self.wire.received, buffer.filled().len() - before);
        polled
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        if let Poll::Ready(Ok(count)) = polled {
            add(&self.wire.sent, count);
        }
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        if let Poll::Ready(Ok(count)) = polled {
            add(&self.wire.sent, count);
        }
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
