//! Which TLS handshakes go on when thousands want to at once.
//!
//! **What it gains.** After a power cut ten thousand phones have said hello before the first has its files. If
//! each were answered as soon as a processor is free, thousands would be under way at a time:
//! all would have their files late, and no cache would still hold a connection
//! when its phone goes on. So, as long as phones are quick to go on, few are under way, and
//! those who came first have their files first. A storm of ten thousand boots takes 1.4 to 1.5 times
//! its bare handshakes instead of 1.64, its p99 is 1.4 s instead of 1.7, and the kernel's queue of
//! connections does not run over.
//!
//! **How it was measured.** `benches/run --part storm`, with windows from 2 to 64.
//!
//! **How to turn it off.** Await the handshake in `connection::handshake` itself, without
//! [`HandshakeAdmission::admit`].
//!
//! How many may be under way is a window that is controlled by what peers do, of the kind of
//! AIMD (TCP's congestion window), but additive in both directions: each peer that is late
//! widens it by [`INCREASE`], each that is quick narrows it by one, between a least and a most.

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
    /// Permits for the first step of a handshake, keys and signature, which is nearly all of its work
    /// and keeps a processor busy: one for each, as more would only wait in the
    /// runtime's queue, and whatever comes later behind them.
    steps: Semaphore,
    /// Permits to be under way, from the first step until the peer has answered it or is late.
    under_way: Semaphore,
    /// How many may be under way: the permits of `under_way`, taken and free.
    window: AtomicUsize,
    min_window: usize,
    max_window: usize,
}

/// For each processor, while peers are quick: so many that it has another one to go on with,
/// and so few that its second cache holds all of them (22 KB each).
pub(in crate::net) const MIN_WINDOW: usize = 8;

/// For each processor, while they are not: within [`LATE_AFTER`] more than it has first steps
/// done, which take some 50 us with P-256 on a fast one.
const MAX_WINDOW: usize = 1_024;

/// Who answers later is late: a phone with a slow processor or far away, or somebody who
/// never meant to. It goes on when it wants to, beside the window. On a busy
/// site, or with simulated phones on this machine, a quick peer takes up to 20 ms.
const LATE_AFTER: Duration = Duration::from_millis(50);

/// By so much each peer that is late widens the window; each that is not narrows it by one. So it
/// grows while more than a fifth are late.
const INCREASE: usize = 4;

impl HandshakeAdmission {
    /// For the processors of this machine.
    pub fn new() -> HandshakeAdmission {
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
    pub async fn admit<H: Future>(&self, begin: impl FnOnce() -> H) -> H::Output {
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

#[cfg(test)]
mod tests {
    use std::ops::Range;
    use std::sync::{Arc, Mutex};

    use tokio::sync::oneshot;
    use tokio::task::JoinHandle;
    use tokio::time::{Instant, advance};

    use super::*;

    /// Handshakes that ask for admission in the order of their numbers.
    struct Lab {
        admission: Arc<HandshakeAdmission>,
        /// The numbers of those that have begun.
        begun: Arc<Mutex<Vec<usize>>>,
        handshakes: Vec<(oneshot::Sender<()>, JoinHandle<()>)>,
    }

    impl Lab {
        fn new(processors: usize) -> Lab {
            let admission = Arc::new(HandshakeAdmission::of(processors));
            Lab { admission, begun: Arc::default(), handshakes: Vec::new() }
        }

        async fn come(&mut self, count: usize) {
            for number in self.handshakes.len()..self.handshakes.len() + count {
                let (admission, begun) = (Arc::clone(&self.admission), Arc::clone(&self.begun));
                let (answer, answered) = oneshot::channel();
                let handshake = tokio::spawn(async move {
                    let begin = || async move {
                        begun.lock().unwrap().push(number);
                        let _ = answered.await;
                    };
                    admission.admit(begin).await;
                });
                self.handshakes.push((answer, handshake));
            }
            self.settle().await;
        }

        /// Lets everything happen that does not take time.
        async fn settle(&self) {
            let mut before = usize::MAX;
            while before != self.begun() {
                before = self.begun();
                // A task takes a turn, a step and its place behind the others.
                for _ in 0..8 {
                    yield_now().await;
                }
            }
        }

        fn begun(&self) -> usize {
            self.begun.lock().unwrap().len()
        }

        /// The peers of these answer.
        async fn answer(&mut self, numbers: Range<usize>) {
            for (answer, _) in &mut self.handshakes[numbers] {
                let (closed, _) = oneshot::channel();
                let _ = std::mem::replace(answer, closed).send(());
            }
            self.settle().await;
        }

        fn window(&self) -> usize {
            self.admission.window.load(Ordering::Relaxed)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn while_peers_are_quick_few_are_under_way_and_in_their_order() {
        let mut lab = Lab::new(1);
        lab.come(100).await;
        assert_eq!(lab.begun(), 8);
        for answered in 0..100 {
            lab.answer(answered..answered + 1).await;
            assert_eq!(lab.begun(), 100.min(answered + 9));
        }
        assert!(lab.begun.lock().unwrap().is_sorted());
        assert_eq!(lab.window(), 8);
    }

    #[tokio::test(start_paused = true)]
    async fn peers_that_are_late_widen_the_window() {
        let mut lab = Lab::new(2);
        lab.come(10_000).await;
        let began = Instant::now();
        while lab.begun() < 10_000 {
            advance(Duration::from_millis(1)).await;
            lab.settle().await;
        }
        // 16 at once, then 80, 400, 2,000 and 2,048 at a time.
        assert!(began.elapsed() <= LATE_AFTER * 9, "{:?}", began.elapsed());
        assert_eq!(lab.window(), 2_048);
        assert_eq!(lab.handshakes.iter().filter(|(_, task)| task.is_finished()).count(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn quick_peers_narrow_the_window() {
        let mut lab = Lab::new(1);
        lab.come(8).await;
        advance(LATE_AFTER + Duration::from_millis(1)).await;
        lab.settle().await;
        assert_eq!(lab.window(), 8 + 8 * INCREASE);
        lab.come(100).await;
        assert_eq!(lab.begun(), 8 + 40);
        lab.answer(0..8).await;
        assert_eq!(lab.window(), 40, "late ones had their say");
        lab.answer(8..48).await;
        assert_eq!(lab.window(), 8);
        assert_eq!(lab.begun(), 48 + 8);
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_gives_its_turn_back() {
        let mut lab = Lab::new(1);
        lab.come(24).await;
        for (_, handshake) in &lab.handshakes[4..12] {
            handshake.abort();
        }
        lab.settle().await;
        let begun: Vec<usize> = (0..8).chain(12..16).collect();
        assert_eq!(*lab.begun.lock().unwrap(), begun);
    }
}
