//! Whose TLS handshake goes on when thousands want to at once.
//!
//! After a power cut ten thousand phones have said hello before the first has its files. If
//! each were answered as soon as a processor is free, thousands would be under way at a time:
//! all would have their files late, and no cache would still hold a connection
//! when its phone goes on. So, as long as phones are quick to go on, few are under way, and
//! those who came first have their files first.

use std::future::poll_fn;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::yield_now;
use tokio::time::sleep;

/// Turns at handshakes, for all connections of one server.
#[derive(Debug)]
pub(super) struct Turns {
    /// At the first step of a handshake, keys and signature, which is nearly all of its work
    /// and keeps a processor busy: one for each, as more would only wait in the
    /// runtime's queue, and whatever comes later behind them.
    steps: Semaphore,
    /// At being under way, from the first step until the peer has answered it or is late.
    under_way: Semaphore,
    /// How many may be under way.
    room: AtomicUsize,
    least: usize,
    most: usize,
}

/// For each processor, while peers are quick: so many that it has another one to go on with,
/// and so few that its second cache holds all of them (22 KB each).
pub(super) const LEAST: usize = 8;

/// For each processor, while they are not: within [`PATIENCE`] more than it has first steps
/// done, which take some 50 us with P-256 on a fast one.
const MOST: usize = 1_024;

/// Who answers later is late: a phone with a slow processor or far away, or somebody who
/// never meant to. It goes on when it wants to, beside the turns. On a busy
/// site, or with simulated phones on this machine, a quick peer takes up to 20 ms.
const PATIENCE: Duration = Duration::from_millis(50);

/// So much more room gives each that is late, and one less each that is not: while more than a
/// fifth are late, there is ever more.
const LATE_GIVES: usize = 4;

impl Turns {
    /// For the processors of this machine.
    pub fn new() -> Turns {
        Turns::of(std::thread::available_parallelism().map_or(1, NonZero::get))
    }

    fn of(processors: usize) -> Turns {
        let (least, most) = (processors * LEAST, processors * MOST);
        Turns {
            steps: Semaphore::new(processors),
            under_way: Semaphore::new(least),
            room: AtomicUsize::new(least),
            least,
            most,
        }
    }

    /// Does the handshake that `begin` makes when its turn has come. It waits for its turn
    /// behind those who asked for one before; dropping it gives the turn back.
    pub async fn take<H: Future>(&self, begin: impl FnOnce() -> H) -> H::Output {
        let turn = acquire(&self.under_way).await;
        let step = acquire(&self.steps).await;
        // Behind everything that is ready now, requests of those who came before.
        yield_now().await;
        // In a box, which those who wait do without.
        let mut handshake = Box::pin(begin());
        // What it came to is no part of what is kept while it goes on.
        match poll_fn(|cx| Poll::Ready(handshake.as_mut().poll(cx))).await {
            Poll::Ready(shaken) => return shaken,
            Poll::Pending => drop(step),
        }
        tokio::select! {
            biased;
            shaken = handshake.as_mut() => {
                self.was_in_time(turn);
                return shaken;
            }
            () = sleep(PATIENCE) => self.was_late(turn),
        }
        handshake.await
    }

    fn was_in_time(&self, turn: SemaphorePermit<'_>) {
        let less = |room| (room > self.least).then(|| room - 1);
        if self.room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok() {
            turn.forget();
        }
    }

    fn was_late(&self, turn: SemaphorePermit<'_>) {
        drop(turn);
        let more = |room| self.most.min(room + LATE_GIVES);
        let widen = |room| Some(more(room));
        if let Ok(room) = self.room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, widen) {
            self.under_way.add_permits(more(room) - room);
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

    /// Handshakes that ask for turns in the order of their numbers.
    struct Lab {
        turns: Arc<Turns>,
        /// The numbers of those that have begun.
        begun: Arc<Mutex<Vec<usize>>>,
        handshakes: Vec<(oneshot::Sender<()>, JoinHandle<()>)>,
    }

    impl Lab {
        fn new(processors: usize) -> Lab {
            let turns = Arc::new(Turns::of(processors));
            Lab { turns, begun: Arc::default(), handshakes: Vec::new() }
        }

        async fn come(&mut self, count: usize) {
            for number in self.handshakes.len()..self.handshakes.len() + count {
                let (turns, begun) = (Arc::clone(&self.turns), Arc::clone(&self.begun));
                let (answer, answered) = oneshot::channel();
                let handshake = tokio::spawn(async move {
                    let begin = || async move {
                        begun.lock().unwrap().push(number);
                        let _ = answered.await;
                    };
                    turns.take(begin).await;
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

        fn room(&self) -> usize {
            self.turns.room.load(Ordering::Relaxed)
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
        assert_eq!(lab.room(), 8);
    }

    #[tokio::test(start_paused = true)]
    async fn peers_that_are_late_make_room_for_others() {
        let mut lab = Lab::new(2);
        lab.come(10_000).await;
        let began = Instant::now();
        while lab.begun() < 10_000 {
            advance(Duration::from_millis(1)).await;
            lab.settle().await;
        }
        // 16 at once, then 80, 400, 2,000 and 2,048 at a time.
        assert!(began.elapsed() <= PATIENCE * 9, "{:?}", began.elapsed());
        assert_eq!(lab.room(), 2_048);
        assert_eq!(lab.handshakes.iter().filter(|(_, task)| task.is_finished()).count(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn quick_peers_take_the_room_back() {
        let mut lab = Lab::new(1);
        lab.come(8).await;
        advance(PATIENCE + Duration::from_millis(1)).await;
        lab.settle().await;
        assert_eq!(lab.room(), 8 + 8 * LATE_GIVES);
        lab.come(100).await;
        assert_eq!(lab.begun(), 8 + 40);
        lab.answer(0..8).await;
        assert_eq!(lab.room(), 40, "late ones had their say");
        lab.answer(8..48).await;
        assert_eq!(lab.room(), 8);
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
