//! Which TLS handshakes go on when thousands want to at once.
//!
//! **What it gains.** After a power cut ten thousand phones have said hello before the first has
//! its files. If each were answered as soon as a processor is free, thousands would be under way at
//! a time: all would have their files late, and no cache would still hold a connection
//! when its phone goes on. So, as long as phones are quick to go on, few are under way, and
//! those who came first have their files first. A storm of ten thousand boots takes 1.4 to 1.5
//! times its bare handshakes instead of 1.64, its p99 is 1.4 s instead of 1.7, and the kernel's
//! queue of connections does not run over.
//!
//! **How it was measured.** `benches/run --part storm`, with windows from 2 to 64.
//!
//! **How to turn it off.** Await the handshake in `connection::in_turn` itself, without
//! [`HandshakeAdmission::admit`].
//!
//! How many may be under way is a window that is controlled by what peers do, of the kind of
//! AIMD (TCP's congestion window), but additive in both directions: each peer that is late
//! widens it by [`INCREASE`], each that is quick narrows it by one, between a least and a most.

#[cfg(test)]
mod tests;

use std::future::poll_fn;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::yield_now;
use tokio::time::sleep;

/// Admits the handshakes of all connections of one server.
#[derive(Debug)]
pub(in crate::net) struct HandshakeAdmission {
    /// Permits for the first step of a handshake, keys and signature, which is nearly all of its
    /// work and keeps a processor busy: one for each, as more would only wait in the
    /// runtime's queue, and whatever comes later behind them.
    steps: Semaphore,
    /// Permits to be under way, from the first step until the peer has answered it or is late.
    under_way: Semaphore,
    /// How many may be under way: the permits of `under_way`, taken and free.
    window: AtomicUsize,
    min_window: usize,
    max_window: usize,
}

/// How many each processor has, while peers are quick: so many that it has another to go on with,
/// and so few that its second cache holds all of them (22 KB each).
pub(in crate::net) const MIN_WINDOW: usize = 8;

/// How many each processor has, while they are not: within [`LATE_AFTER`] more than it has first
/// steps done, which take some 50 us with P-256 on a fast one.
const MAX_WINDOW: usize = 1_024;

/// Who answers later is late: a phone with a slow processor or far away, or somebody who
/// never meant to. It goes on when it wants to, beside the window. On a busy
/// site, or with simulated phones on this machine, a quick peer takes up to 20 ms.
const LATE_AFTER: Duration = Duration::from_millis(50);

/// By so much each peer that is late widens the window; each that is not narrows it by one. So it
/// grows while more than a fifth are late.
const INCREASE: usize = 4;

impl HandshakeAdmission {
    /// An admission for the processors of this machine.
    pub(crate) fn new() -> HandshakeAdmission {
        HandshakeAdmission::of(std::thread::available_parallelism().map_or(1, NonZero::get))
    }

    fn of(processors: usize) -> HandshakeAdmission {
        let (min_window, max_window) = (processors * MIN_WINDOW, processors * MAX_WINDOW);
        HandshakeAdmission {
            steps: Semaphore::new(processors),
            under_way: Semaphore::new(min_window),
            window: AtomicUsize::new(min_window),
            min_window,
            max_window,
        }
    }

    /// Does the handshake that `begin` makes when its turn has come. It waits for its turn
    /// behind those who asked for one before; dropping it gives the turn back.
    pub(crate) async fn admit<H: Future>(&self, begin: impl FnOnce() -> H) -> H::Output {
        let turn = acquire(&self.under_way).await;
        let step = acquire(&self.steps).await;
        // Behind everything that is ready now, requests of those who came before.
        yield_now().await;
        // In a box, which those who wait do without.
        let mut handshake = Box::pin(begin());
        // What it came to is no part of what is kept while it goes on.
        match poll_fn(|cx| Poll::Ready(handshake.as_mut().poll(cx))).await {
            Poll::Ready(done) => return done,
            Poll::Pending => drop(step),
        }
        tokio::select! {
            biased;
            done = handshake.as_mut() => {
                self.was_in_time(turn);
                return done;
            }
            () = sleep(LATE_AFTER) => self.was_late(turn),
        }
        handshake.await
    }

    fn was_in_time(&self, turn: SemaphorePermit<'_>) {
        let less = |window| (window > self.min_window).then(|| window - 1);
        if self.window.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok() {
            turn.forget();
        }
    }

    fn was_late(&self, turn: SemaphorePermit<'_>) {
        drop(turn);
        let more = |window| self.max_window.min(window + INCREASE);
        let widen = |window| Some(more(window));
        if let Ok(window) = self.window.fetch_update(Ordering::Relaxed, Ordering::Relaxed, widen) {
            self.under_way.add_permits(more(window) - window);
        }
    }
}

async fn acquire(semaphore: &Semaphore) -> SemaphorePermit<'_> {
    semaphore.acquire().await.expect("the semaphore is never closed")
}
