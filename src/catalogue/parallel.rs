//! Work on many families, which takes its milliseconds each, on all processors.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What `work` makes of each of the items, in their order. Each processor takes the next that
/// none has taken.
///
/// # Panics
/// When `work` does.
pub(super) fn each<I: Sync, T: Send>(items: &[I], work: impl Fn(&I) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let take = || {
        let places = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
        let mine = places.map_while(|place| Some((place, items.get(place)?)));
        mine.map(|(place, item)| (place, work(item))).collect::<Vec<_>>()
    };
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    let mut made: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..processors).map(|_| scope.spawn(take)).collect();
        let joined = threads.into_iter().map(std::thread::ScopedJoinHandle::join);
        joined.flat_map(|made| made.unwrap_or_else(|panic| resume_unwind(panic))).collect()
    });
    made.sort_by_key(|(place, _)| *place);
    made.into_iter().map(|(_, made)| made).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_item_is_worked_on_once_and_keeps_its_place() {
        let items: Vec<usize> = (0..1000).collect();
        assert_eq!(each(&items, |n| n * 2), (0..2000).step_by(2).collect::<Vec<_>>());
        assert!(each(&[], |n: &usize| *n).is_empty());
    }
}
