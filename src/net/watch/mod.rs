//! One connection's clock: in which phase it is and since when, seen from the bytes that pass.
//!
//! The HTTP library has one timer for heads, none for slow readers, and pays an
//! allocation and a timer entry for each request. Here each change of phase is
//! one store, and one timer per connection looks from time to time
//! ([`Watch::check`]).

mod phase;
mod stream;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::Instant;

pub(super) use phase::{Event, Phase};
pub(super) use stream::WatchedStream;

use super::Limits;

/// Its state is written by the connection's own task only, so that a load and a store are a change.
#[derive(Debug)]
pub(super) struct Watch {
    start: Instant,
    /// See [`State`].
    state: AtomicU64,
    /// Milliseconds from the connection's start to when it could first be of use.
    could_be_of_use_ms: AtomicU64,
    was_of_use: AtomicBool,
    /// What ends the connection for others' sake.
    task: OnceLock<AbortHandle>,
}

/// What [`Watch`] keeps in one number: the phase in the lowest four bits, in the next whether the
/// request under way, or the last one, had a body; above them the milliseconds from the
/// connection's start to the phase's.
#[derive(Debug, Clone, Copy)]
struct State {
    phase: Phase,
    has_body: bool,
    since_ms: u64,
}

impl State {
    fn pack(self) -> u64 {
        self.since_ms << 5 | u64::from(self.has_body) << 4 | u64::from(self.phase as u8)
    }

    fn unpack(number: u64) -> State {
        State {
            phase: Phase::of((number & 0xf) as u8),
            has_body: number & 0x10 != 0,
            since_ms: number >> 5,
        }
    }
}

impl Watch {
    pub fn new() -> Watch {
        let state = State { phase: Phase::Hello, has_body: false, since_ms: 0 };
        Watch {
            start: Instant::now(),
            state: AtomicU64::new(state.pack()),
            could_be_of_use_ms: AtomicU64::new(0),
            was_of_use: AtomicBool::new(false),
            task: OnceLock::new(),
        }
    }

    pub fn on(&self, event: Event) {
        self.change(event, |state| state.has_body);
    }

    /// [`Event::RequestCame`]; `has_body`: of its body something may still be coming.
    pub fn request_came(&self, has_body: bool) {
        self.change(Event::RequestCame, |_| has_body);
    }

    /// [`Event::BodyAwaited`], where the request has a body.
    pub fn read_in_vain(&self) {
        if self.state().has_body {
            self.on(Event::BodyAwaited);
        }
    }

    fn change(&self, event: Event, has_body: impl Fn(State) -> bool) {
        let state = self.state();
        let phase = state.phase.after(event);
        if phase == state.phase && event != Event::Ready && event != Event::RequestCame {
            return;
        }
        let since_ms = if event.restarts_clock() { self.now_ms() } else { state.since_ms };
        let new = State { phase, has_body: has_body(state), since_ms };
        self.state.store(new.pack(), Ordering::Relaxed);
        if matches!(event, Event::Admitted | Event::Ready) {
            // Until now it waited for us.
            self.could_be_of_use_ms.store(since_ms, Ordering::Relaxed);
        }
    }

    fn state(&self) -> State {
        State::unpack(self.state.load(Ordering::Relaxed))
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX >> 5)
    }

    pub fn phase(&self) -> Phase {
        self.state().phase
    }

    /// Whether the answer that is going out may wait for the close.
    pub fn close_follows(&self) -> bool {
        self.phase() == Phase::SendingLast
    }

    /// Nothing waits for a close from now on; returns whether something may have.
    pub fn take_close_follows(&self) -> bool {
        let follows = self.close_follows();
        if follows {
            self.on(Event::CloseDeferred);
        }
        follows
    }

    /// Whether the peer has sent all it was going to before it has its answer.
    pub fn peer_sent_everything(&self) -> bool {
        let state = self.state();
        !state.has_body && state.phase.is_answered()
    }

    pub fn be_of_use(&self) {
        if !self.was_of_use() {
            self.was_of_use.store(true, Ordering::Relaxed);
        }
    }

    pub fn was_of_use(&self) -> bool {
        self.was_of_use.load(Ordering::Relaxed)
    }

    /// How long the peer has had for what we wait for now; `None` while it waits for us. One that
    /// was of no use yet gains no time by asking for something useless.
    pub fn waited_for_peer(&self, now: Instant) -> Option<Duration> {
        let state = self.state();
        let since_ms = match self.was_of_use() {
            true => state.since_ms,
            false => self.could_be_of_use_ms.load(Ordering::Relaxed),
        };
        let since = self.start + Duration::from_millis(since_ms);
        state.phase.waits_for_peer().then(|| now.saturating_duration_since(since))
    }

    /// Of the task that serves the connection.
    pub fn set_task(&self, task: AbortHandle) {
        let _ = self.task.set(task);
    }

    /// `None` for a connection that is just being begun.
    pub fn task(&self) -> Option<AbortHandle> {
        self.task.get().cloned()
    }

    /// When to look again; `None` when the phase has had its time and the
    /// connection is to be cut.
    ///
    /// Looking at least every shortest limit is exact for all of them: a phase
    /// cannot begin and run out between two looks.
    pub fn check(&self, limits: &Limits) -> Option<Instant> {
        let now = Instant::now();
        let state = self.state();
        let allowed = match state.phase {
            Phase::Hello | Phase::Queued | Phase::Handshake => limits.tls_handshake,
            Phase::Head => limits.head,
            Phase::Busy | Phase::Body | Phase::Sending | Phase::SendingLast => limits.request,
            Phase::Idle => limits.idle,
        };
        // Rounded up, as `since` is rounded down: never cut early.
        let deadline = self.start + Duration::from_millis(state.since_ms + 1) + allowed;
        let shortest = limits.idle.min(limits.head).min(limits.request);
        (now < deadline).then(|| deadline.min(now + shortest))
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

    fn ready() -> Watch {
        let watch = Watch::new();
        watch.on(Event::Ready);
        watch
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
        let watch = ready();
        close_to(cut_after(&watch, &limits).await, 5);
        watch.request_came(false);
        close_to(cut_after(&watch, &limits).await, 7);
        watch.on(Event::AnswerMade);
        watch.on(Event::Flushed);
        close_to(cut_after(&watch, &limits).await, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_begins_after_a_long_pause_still_has_only_its_own_time() {
        let limits = limits(60, 5, 60);
        let watch = ready();
        watch.request_came(false);
        watch.on(Event::AnswerMade);
        watch.on(Event::Flushed);
        let start = Instant::now();
        let mut next = watch.check(&limits).unwrap();
        tokio::time::sleep(Duration::from_secs(3)).await;
        watch.on(Event::BytesCame);
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
    async fn slow_readers_and_slow_bodies_are_on_the_requests_time() {
        let limits = limits(60, 60, 10);
        for event in [Event::AnswerMade, Event::LastAnswerMade, Event::BodyAwaited] {
            let watch = ready();
            watch.request_came(true);
            tokio::time::sleep(Duration::from_secs(9)).await;
            watch.on(event);
            assert_eq!(cut_after(&watch, &limits).await.as_secs(), 1, "{event:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_was_of_no_use_gains_no_time_by_asking() {
        let watch = ready();
        let waited = |watch: &Watch| watch.waited_for_peer(Instant::now());
        let ask = |watch: &Watch| {
            watch.on(Event::BytesCame);
            watch.request_came(false);
            assert_eq!(waited(watch), None);
            watch.on(Event::AnswerMade);
            watch.on(Event::Flushed);
        };
        tokio::time::sleep(Duration::from_secs(9)).await;
        ask(&watch);
        assert_eq!(waited(&watch), Some(Duration::from_secs(9)));
        watch.be_of_use();
        assert_eq!(waited(&watch), Some(Duration::ZERO));
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(waited(&watch), Some(Duration::from_secs(2)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_that_is_waited_for_is_on_our_time() {
        let watch = Watch::new();
        watch.on(Event::HelloCame);
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(watch.waited_for_peer(Instant::now()), None);
        watch.on(Event::Admitted);
        assert_eq!(watch.waited_for_peer(Instant::now()), Some(Duration::ZERO));
    }

    #[test]
    fn a_peer_has_sent_everything_once_a_request_without_a_body_is_answered() {
        let watch = ready();
        watch.request_came(false);
        assert!(!watch.peer_sent_everything());
        watch.on(Event::LastAnswerMade);
        assert!(watch.peer_sent_everything());
        watch.request_came(true);
        watch.on(Event::AnswerMade);
        assert!(!watch.peer_sent_everything());
    }

    #[test]
    fn nothing_waits_for_a_close_that_was_deferred() {
        let watch = ready();
        watch.request_came(false);
        watch.on(Event::LastAnswerMade);
        assert!(watch.close_follows());
        assert!(watch.take_close_follows());
        assert!(!watch.take_close_follows());
        assert_eq!(watch.phase(), Phase::Sending);
    }
}
