//! One connection's clock: in which phase it is and since when, seen from the bytes that pass.
//!
//! The HTTP library has one timer for heads, none for slow readers, and pays an
//! allocation and a timer entry for each request. Here each change of phase is
//! one store, and one timer per connection looks from time to time
//! ([`Watch::check`]).

mod head;
mod phase;
mod stream;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::Limits;
use super::wrong_protocol::WrongProtocol;
pub(super) use phase::{Event, Phase};
pub(super) use stream::{TrackedBody, WatchedStream};

/// Its state is written by the connection's own task only, so that a load and a store are a change.
#[derive(Debug)]
pub(super) struct Watch {
    start: Instant,
    /// See [`State`].
    state: AtomicU64,
    /// Milliseconds from the connection's start to when it could first be of use.
    could_be_of_use_ms: AtomicU64,
    was_of_use: AtomicBool,
    /// What was spoken instead of HTTP.
    wrong_protocol: OnceLock<WrongProtocol>,
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
    pub(super) fn new() -> Watch {
        let state = State { phase: Phase::Hello, has_body: false, since_ms: 0 };
        Watch {
            start: Instant::now(),
            state: AtomicU64::new(state.pack()),
            could_be_of_use_ms: AtomicU64::new(0),
            was_of_use: AtomicBool::new(false),
            wrong_protocol: OnceLock::new(),
            task: OnceLock::new(),
        }
    }

    pub(super) fn on(&self, event: Event) {
        self.change(event, Instant::now, |state| state.has_body);
    }

    /// [`Event::RequestCame`], `now`; `has_body`: of its body something may still be coming.
    pub(super) fn request_came(&self, now: Instant, has_body: bool) {
        self.change(Event::RequestCame, || now, |_| has_body);
    }

    /// [`Event::BodyAwaited`], where the request has a body.
    pub(super) fn read_in_vain(&self) {
        if self.state().has_body {
            self.on(Event::BodyAwaited);
        }
    }

    fn change(
        &self,
        event: Event,
        now: impl FnOnce() -> Instant,
        has_body: impl FnOnce(State) -> bool,
    ) {
        let state = self.state();
        let phase = state.phase.after(event);
        let goes_on = matches!(event, Event::Ready | Event::RequestCame | Event::PartMade);
        if phase == state.phase && !goes_on {
            return;
        }
        let since_ms = if phase.restarts_clock(event) { self.ms_to(now()) } else { state.since_ms };
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

    fn ms_to(&self, now: Instant) -> u64 {
        u64::try_from((now - self.start).as_millis()).unwrap_or(u64::MAX >> 5)
    }

    pub(super) fn phase(&self) -> Phase {
        self.state().phase
    }

    /// The peer speaks something else than HTTP.
    pub(super) fn note_wrong_protocol(&self, wrong: WrongProtocol) {
        let _ = self.wrong_protocol.set(wrong);
    }

    pub(super) fn wrong_protocol(&self) -> Option<WrongProtocol> {
        self.wrong_protocol.get().copied()
    }

    /// Whether the answer that is going out may wait for the close.
    pub(super) fn close_follows(&self) -> bool {
        self.phase() == Phase::SendingLast
    }

    /// Nothing waits for a close from now on; returns whether something may have.
    pub(super) fn take_close_follows(&self) -> bool {
        let follows = self.close_follows();
        if follows {
            self.on(Event::CloseDeferred);
        }
        follows
    }

    /// Whether the peer has sent all it was going to before it has its answer.
    pub(super) fn peer_sent_everything(&self) -> bool {
        let state = self.state();
        !state.has_body && state.phase.is_answered()
    }

    pub(super) fn be_of_use(&self) {
        if !self.was_of_use() {
            self.was_of_use.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn was_of_use(&self) -> bool {
        self.was_of_use.load(Ordering::Relaxed)
    }

    /// How long the peer has had for what we wait for now; `None` while it waits for us. One that
    /// was of no use yet gains no time by asking for something useless.
    pub(super) fn waited_for_peer(&self, now: Instant) -> Option<Duration> {
        let state = self.state();
        let since_ms = match self.was_of_use() {
            true => state.since_ms,
            false => self.could_be_of_use_ms.load(Ordering::Relaxed),
        };
        let since = self.start + Duration::from_millis(since_ms);
        state.phase.waits_for_peer().then(|| now.saturating_duration_since(since))
    }

    /// Takes the handle of the task that serves the connection.
    pub(super) fn set_task(&self, task: AbortHandle) {
        let _ = self.task.set(task);
    }

    /// `None` for a connection that is just being begun.
    pub(super) fn task(&self) -> Option<AbortHandle> {
        self.task.get().cloned()
    }

    /// When to look again; `None` when the phase has had its time and the
    /// connection is to be cut.
    ///
    /// Looking at least every shortest limit is exact for all of them: a phase
    /// cannot begin and run out between two looks.
    pub(super) fn check(&self, limits: &Limits) -> Option<Instant> {
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

/// A handle of a connection, by which its edge says that it was of use.
///
/// When places for connections run short, those that never were are closed first, and the networks
/// of those that were are remembered. So an edge says it of what a stranger cannot have: a
/// phone's own file, a command of somebody signed in.
#[derive(Debug, Clone)]
pub struct Standing(Arc<Watch>);

impl Standing {
    pub(super) fn new(watch: &Arc<Watch>) -> Standing {
        Standing(Arc::clone(watch))
    }

    /// Says that the connection was of use. Once is enough; again costs one load.
    pub fn of_use(&self) {
        self.0.be_of_use();
    }
}
