//! Places for what takes memory or time: a few for each caller, a bounded number in all, so that
//! one caller who holds on to what it has waits for itself and for nobody else.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

/// Places by caller.
pub(super) struct Shares<K: Eq + Hash> {
    each: usize,
    all: Arc<Semaphore>,
    callers: Callers<K>,
}

/// Those who have a place or wait for one; as many as there are requests at most.
// A std lock: held for look-ups, never across an await.
type Callers<K> = Arc<Mutex<HashMap<K, Arc<Semaphore>>>>;

/// Why there was no place in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Busy {
    /// The caller has all that are for one.
    Caller,
    /// Callers together have all there are.
    Everybody,
}

/// A place; free for the next when it is dropped.
pub(super) struct Share<K: Eq + Hash> {
    _of_all: OwnedSemaphorePermit,
    _own: OwnedSemaphorePermit,
    _listed: Listed<K>,
}

/// A caller's entry, which goes with the last who needs it.
struct Listed<K: Eq + Hash> {
    callers: Callers<K>,
    key: K,
    /// `None` only while it is dropped.
    places: Option<Arc<Semaphore>>,
}

impl<K: Eq + Hash + Clone> Shares<K> {
    /// `each` places for one caller, of `all` for everybody.
    pub(super) fn new(each: usize, all: usize) -> Shares<K> {
        Shares { each, all: Arc::new(Semaphore::new(all)), callers: Callers::default() }
    }

    /// A place, as soon as the caller has one left and there is one. Callers are served in their
    /// order, and one that has `each` waits for none of all.
    ///
    /// # Errors
    /// What there was none of within `place_timeout`.
    pub(super) async fn take(&self, caller: K, place_timeout: Duration) -> Result<Share<K>, Busy> {
        let until = Instant::now() + place_timeout;
        let listed = self.list(caller);
        let within = async |places: Arc<Semaphore>, busy| {
            let place = timeout_at(until, places.acquire_owned()).await.map_err(|_| busy)?;
            Ok(place.expect("no semaphore is closed"))
        };
        let own = within(Arc::clone(listed.places()), Busy::Caller).await?;
        let of_all = within(Arc::clone(&self.all), Busy::Everybody).await?;
        Ok(Share { _of_all: of_all, _own: own, _listed: listed })
    }

    fn list(&self, key: K) -> Listed<K> {
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        let places =
            callers.entry(key.clone()).or_insert_with(|| Arc::new(Semaphore::new(self.each)));
        Listed { places: Some(Arc::clone(places)), key, callers: Arc::clone(&self.callers) }
    }
}

impl<K: Eq + Hash> Listed<K> {
    fn places(&self) -> &Arc<Semaphore> {
        self.places.as_ref().expect("it is not being dropped")
    }
}

impl<K: Eq + Hash> Drop for Listed<K> {
    fn drop(&mut self) {
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.places.take());
        // Entries are cloned under the lock only: nobody else comes by it now.
        if callers.get(&self.key).is_some_and(|places| Arc::strong_count(places) == 1) {
            callers.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE_TIMEOUT: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn a_caller_with_its_share_waits_for_itself_and_for_nobody_else() {
        let shares = Shares::new(2, 16);
        let first = shares.take("one", PLACE_TIMEOUT).await.unwrap();
        let _second = shares.take("one", PLACE_TIMEOUT).await.unwrap();
        assert_eq!(shares.take("one", PLACE_TIMEOUT).await.err(), Some(Busy::Caller));
        assert!(shares.take("two", PLACE_TIMEOUT).await.is_ok());
        let next = shares.take("one", PLACE_TIMEOUT);
        drop(first);
        assert!(next.await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn all_have_no_more_than_there_is() {
        let shares = Shares::new(2, 3);
        let mut held = Vec::new();
        for caller in 0..3 {
            held.push(shares.take(caller, PLACE_TIMEOUT).await.unwrap());
        }
        assert_eq!(shares.take(4, PLACE_TIMEOUT).await.err(), Some(Busy::Everybody));
        held.pop();
        assert!(shares.take(4, PLACE_TIMEOUT).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_nothing_is_not_remembered() {
        let shares = Shares::new(1, 9);
        let held = shares.take("one", PLACE_TIMEOUT).await.unwrap();
        assert!(shares.take("one", PLACE_TIMEOUT).await.is_err());
        assert_eq!(shares.callers.lock().unwrap().len(), 1, "it still has one");
        drop(held);
        assert_eq!(shares.callers.lock().unwrap().len(), 0);
    }
}
