//! Handshakes that come, answer, are late or give up, on a paused clock.

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
