//! One connection's clock: in which phase it is and since when, seen from the bytes that pass.
//!
//! The HTTP library has one timer for heads, none for slow readers, and pays an
//! allocation and a timer entry for each request. Here each change of phase is
//! one store, and one timer per connection looks from time to time
//! ([`Watch::check`]).

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::Limits;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Waits for the first byte of the next request.
    Idle = 0,
    /// The head is coming in; a new connection starts here.
    Head = 1,
    /// The handler has the request, or makes its answer in parts.
    Busy = 2,
    /// All of the response is made and going out.
    Answered = 3,
}

/// The phase in the lowest two bits, above them the milliseconds from the
/// connection's start to the phase's.
#[derive(Debug)]
pub(super) struct Watch {
    start: Instant,
    state: AtomicU64,
    /// The request under way, or the last one, had no body that may still be coming.
    had_no_body: AtomicBool,
    /// The answer that is going out is the last one, and what ends the connection may go with it.
    close_follows: AtomicBool,
}

impl Watch {
    pub fn new() -> Watch {
        Watch {
            start: Instant::now(),
            state: AtomicU64::new(Phase::Head as u64),
            had_no_body: AtomicBool::new(false),
            close_follows: AtomicBool::new(false),
        }
    }

    /// What comes before HTTP is over: the first head has its time from now on.
    pub fn connection_began(&self) {
        self.enter(Phase::Head);
    }

    pub fn request_began(&self, has_body: bool) {
        self.had_no_body.store(!has_body, Ordering::Relaxed);
        self.enter(Phase::Busy);
    }

    /// Keeps the time of [`Watch::request_began`]: a slow reader is on the
    /// request's time.
    pub fn request_answered(&self) {
        let since = self.state.load(Ordering::Relaxed) & !3;
        self.state.store(since | Phase::Answered as u64, Ordering::Relaxed);
    }

    /// The answer may wait for the close that follows it at once, or else for
    /// [`Watch::take_close_follows`].
    pub fn answer_is_last(&self) {
        self.close_follows.store(true, Ordering::Relaxed);
    }

    pub fn close_follows(&self) -> bool {
        self.close_follows.load(Ordering::Relaxed)
    }

    /// Nothing waits for a close from now on; returns whether something may have.
    pub fn take_close_follows(&self) -> bool {
        let was_due = self.close_follows();
        if was_due {
            self.close_follows.store(false, Ordering::Relaxed);
        }
        was_due
    }

    /// When to look again; `None` when the phase has had its time and the
    /// connection is to be cut.
    ///
    /// Looking at least every shortest limit is exact for all of them: a phase
    /// cannot begin and run out between two looks.
    pub fn check(&self, limits: &Limits) -> Option<Instant> {
        let now = Instant::now();
        let state = self.state.load(Ordering::Relaxed);
        let allowed = match self.phase() {
            Phase::Idle => limits.idle,
            Phase::Head => limits.head,
            Phase::Busy | Phase::Answered => limits.request,
        };
        // Rounded up, as `since` is rounded down: never cut early.
        let deadline = self.start + Duration::from_millis((state >> 2) + 1) + allowed;
        let shortest = limits.idle.min(limits.head).min(limits.request);
        (now < deadline).then(|| deadline.min(now + shortest))
    }

    pub fn phase(&self) -> Phase {
        match self.state.load(Ordering::Relaxed) & 3 {
            0 => Phase::Idle,
            1 => Phase::Head,
            2 => Phase::Busy,
            _ => Phase::Answered,
        }
    }

    /// Whether the peer has sent all it was going to before it has its answer.
    pub fn peer_sent_everything(&self) -> bool {
        self.had_no_body.load(Ordering::Relaxed)
            && matches!(self.phase(), Phase::Idle | Phase::Answered)
    }

    fn enter(&self, phase: Phase) {
        let since = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX >> 2);
        // Relaxed: only the connection's own task reads and writes it.
        self.state.store(since << 2 | phase as u64, Ordering::Relaxed);
    }
}

/// A stream whose traffic moves the [`Watch`].
pub(super) struct Watched<S> {
    stream: S,
    watch: Arc<Watch>,
    tolerate_control_chars: bool,
    /// The peer has said that it sends nothing more.
    peer_ended: bool,
}

impl<S> Watched<S> {
    pub fn new(stream: S, watch: Arc<Watch>, tolerate_control_chars: bool) -> Watched<S> {
        Watched { stream, watch, tolerate_control_chars, peer_ended: false }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let (before, had_room) = (buffer.filled().len(), buffer.remaining() > 0);
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        let new = &mut buffer.filled_mut()[before..];
        if new.is_empty() {
            self.peer_ended |= had_room;
        } else {
            let phase = self.watch.phase();
            if phase == Phase::Idle {
                self.watch.enter(Phase::Head);
            }
            if self.tolerate_control_chars && matches!(phase, Phase::Idle | Phase::Head) {
                sanitize_control_chars(new);
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
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
        if self.watch.phase() == Phase::Answered {
            self.watch.enter(Phase::Idle);
        }
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

/// Sets the highest bit of control characters, which RFC 9110 section 5.5 has
/// no place for, so that the request is not refused for them.
///
/// Avaya 12x0 firmware sends `AVAYA/SIP12x0` and one of the bytes 0x14, 0x16,
/// 0x17 or 0xff in its User-Agent (wazo-provd-plugins, wazo_avaya/common). The
/// byte stays one byte above 0x7f, which is allowed, and can be told from text.
/// NUL stays forbidden, and so do line ends where they do not belong.
fn sanitize_control_chars(head: &mut [u8]) {
    let odd =
        |byte: u8| (byte < 0x20 && !matches!(byte, 0 | b'\t' | b'\n' | b'\r')) || byte == 0x7f;
    // Without a branch, so that many bytes are looked at together.
    for byte in head {
        *byte |= u8::from(odd(*byte)) << 7;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(idle_s: u64, head_s: u64, request_s: u64) -> Limits {
        Limits {
            idle: Duration::from_secs(idle_s),
            head: Duration::from_secs(head_s),
            request: Duration::from_secs(request_s),
            ..Limits::default()
        }
    }

    /// Sleeps from look to look until the watch says cut; how long it took.
    async fn cut_after(watch: &Watch, limits: &Limits) -> Duration {
        let start = Instant::now();
        while let Some(next) = watch.check(limits) {
            tokio::time::sleep_until(next).await;
        }
        start.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn each_phase_has_its_own_time() {
        let limits = limits(3, 5, 7);
        let close_to = |took: Duration, s| {
            let wanted = Duration::from_secs(s);
            assert!(took >= wanted && took < wanted + Duration::from_millis(10), "{took:?}");
        };
        let watch = Watch::new();
        close_to(cut_after(&watch, &limits).await, 5);
        watch.request_began(false);
        close_to(cut_after(&watch, &limits).await, 7);
        watch.enter(Phase::Idle);
        close_to(cut_after(&watch, &limits).await, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_begins_after_a_long_pause_still_has_only_its_own_time() {
        let limits = limits(60, 5, 60);
        let watch = Watch::new();
        watch.enter(Phase::Idle);
        let start = Instant::now();
        let mut next = watch.check(&limits).unwrap();
        tokio::time::sleep(Duration::from_secs(3)).await;
        watch.enter(Phase::Head);
        loop {
            tokio::time::sleep_until(next).await;
            match watch.check(&limits) {
                Some(at) => next = at,
                None => break,
            }
        }
        assert_eq!(start.elapsed().as_secs(), 8);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_reader_is_on_the_requests_time() {
        let limits = limits(60, 60, 10);
        let watch = Watch::new();
        watch.request_began(false);
        tokio::time::sleep(Duration::from_secs(9)).await;
        watch.request_answered();
        assert_eq!(cut_after(&watch, &limits).await.as_secs(), 1);
    }

    #[test]
    fn control_characters_become_allowed_bytes_and_nothing_else_changes() {
        let mut head =
            b"GET / HTTP/1.1\r\nUser-Agent: AVAYA/SIP12x0\x17/\x7f\xff\r\nA:\tb\0\r\n\r\n".to_vec();
        sanitize_control_chars(&mut head);
        assert_eq!(
            head,
            b"GET / HTTP/1.1\r\nUser-Agent: AVAYA/SIP12x0\x97/\xff\xff\r\nA:\tb\0\r\n\r\n"
        );
    }
}
