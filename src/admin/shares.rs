//! Places for what takes memory or time: a few for each caller, a bounded number in all, so that
//! one caller who holds on to what it has waits for itself and for nobody else.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Places by caller.
pub(super) struct Shares<K: Eq + Hash> {
    each: usize,
    all: Arc<Semaphore>,
    callers: Callers<K>,
}

/// Those who have a place or wait for one; as many as there are requests at most.
// A std lock: held for look-ups, never across an await.
type Callers<K> = Arc<Mutex<HashMap<K, Arc<Semaphore>>>>;

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

    /// A place, as soon as the caller has one left and there is one; `None` when that is not
    /// within `patience`. Callers are served in their order.
    pub(super) async fn take(&self, caller: K, patience: Duration) -> Option<Share<K>> {
        let listed = self.list(caller);
        let places = Arc::clone(listed.places.as_ref()?);
        let taking = async {
            let own = places.acquire_owned().await.ok()?;
            let of_all = Arc::clone(&self.all).acquire_owned().await.ok()?;
            Some((own, of_all))
        };
        let (own, of_all) = tokio::time::timeout(patience, taking).await.ok()??;
        Some(Share { _of_all: of_all, _own: own, _listed: listed })
    }

    fn list(&self, key: K) -> Listed<K> {
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        let places =
            callers.entry(key.clone()).or_insert_with(|| Arc::new(Semaphore::new(self.each)));
        Listed { places: Some(Arc::clone(places)), key, callers: Arc::clone(&self.callers) }
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
        assert!(shares.take("one", PLACE_TIMEOUT).await.is_none());
        assert!(shares.take("two", PLACE_TIMEOUT).await.is_some());
        let next = shares.take("one", PLACE_TIMEOUT);
        drop(first);
        assert!(next.await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn all_have_no_more_than_there_is() {
        let shares = Shares::new(2, 3);
        let mut held = Vec::new();
        for caller in 0..3 {
            held.push(shares.take(caller, PLACE_TIMEOUT).await.unwrap());
        }
        assert!(shares.take(4, PLACE_TIMEOUT).await.is_none());
        held.pop();
        assert!(shares.take(4, PLACE_TIMEOUT).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_nothing_is_not_remembered() {
        let shares = Shares::new(1, 9);
        let held = shares.take("one", PLACE_TIMEOUT).await.unwrap();
        assert!(shares.take("one", PLACE_TIMEOUT).await.is_none());
        assert_eq!(shares.callers.lock().unwrap().len(), 1, "it still has one");
        drop(held);
        assert_eq!(shares.callers.lock().unwrap().len(), 0);
    }
}
