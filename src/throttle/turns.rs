//! Turns at what takes memory, a disk or a line: a few for each caller, a bounded number in all, so
//! that one caller who holds on to what it has waits for itself and for nobody else.

use std::collections::HashMap;
use std::hash::Hash;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

/// Turns by caller. How many, and why so many, is said where they are made.
#[derive(Debug)]
pub struct Turns<K: Eq + Hash> {
    each: usize,
    all: Arc<Semaphore>,
    callers: Callers<K>,
}

/// Those who have a turn or wait for one; as many as there are turns and who waits at most.
// A std lock: held for look-ups, never across an await.
type Callers<K> = Arc<Mutex<HashMap<K, Arc<Semaphore>>>>;

/// Why there is no turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Busy {
    /// The caller has all that are for one.
    Caller,
    /// Callers together have all there are.
    Everybody,
}

/// A turn; free for the next when it is dropped.
#[derive(Debug)]
pub struct Turn<K: Eq + Hash> {
    _of_all: OwnedSemaphorePermit,
    _own: OwnedSemaphorePermit,
    _listed: Listed<K>,
}

/// A caller's entry, which goes with the last who needs it.
#[derive(Debug)]
struct Listed<K: Eq + Hash> {
    callers: Callers<K>,
    key: K,
    /// `None` only while it is dropped.
    own: Option<Arc<Semaphore>>,
}

impl<K: Eq + Hash + Clone> Turns<K> {
    /// `each` turns for one caller, of `all` for everybody.
    #[must_use]
    pub fn new(each: usize, all: usize) -> Turns<K> {
        Turns { each, all: Arc::new(Semaphore::new(all)), callers: Callers::default() }
    }

    /// A turn, as soon as the caller has one left and there is one, or nothing once `given_up` is
    /// over. Callers are served in their order, and one that has `each` waits for none of all.
    ///
    /// # Errors
    /// What there was none of until then.
    pub async fn wait(
        &self,
        caller: K,
        given_up: impl Future<Output = ()>,
    ) -> Result<Turn<K>, Busy> {
        let mut given_up = pin!(given_up);
        let mut within = async |turns: Arc<Semaphore>, busy| {
            tokio::select! {
                biased;
                turn = turns.acquire_owned() => Ok(turn.expect("no semaphore is closed")),
                () = given_up.as_mut() => Err(busy),
            }
        };
        let listed = self.list(&mut self.callers(), caller);
        let own = within(Arc::clone(listed.own()), Busy::Caller).await?;
        let of_all = within(Arc::clone(&self.all), Busy::Everybody).await?;
        Ok(Turn { _of_all: of_all, _own: own, _listed: listed })
    }

    /// A turn now.
    ///
    /// # Errors
    /// What there is none of.
    pub fn take(&self, caller: K) -> Result<Turn<K>, Busy> {
        self.take_if(caller, |_, _| true)
    }

    /// Does as [`Turns::take`], for a caller that leaves the others as many turns as it has itself:
    /// alone it gets half of all, the next one beside it half of the rest, and so on, so that
    /// whoever comes finds one, however many each of a few want.
    ///
    /// # Errors
    /// As [`Turns::take`].
    pub fn take_fairly(&self, caller: K) -> Result<Turn<K>, Busy> {
        self.take_if(caller, |own, free| own < free)
    }

    /// `may` is told how many the caller has, and how many nobody has.
    fn take_if(&self, caller: K, may: impl FnOnce(usize, usize) -> bool) -> Result<Turn<K>, Busy> {
        // Held to the end: what is looked at here is taken here.
        let mut callers = self.callers();
        let listed = self.list(&mut callers, caller);
        let result = (|| {
            let taken = self.each - listed.own().available_permits();
            let free = self.all.available_permits();
            if free > 0 && !may(taken, free) {
                return Err(Busy::Caller);
            }
            let own = now(listed.own(), Busy::Caller)?;
            let of_all = now(&self.all, Busy::Everybody)?;
            Ok((own, of_all))
        })();
        drop(callers);
        let (own, of_all) = result?;
        Ok(Turn { _of_all: of_all, _own: own, _listed: listed })
    }

    fn list(&self, callers: &mut HashMap<K, Arc<Semaphore>>, key: K) -> Listed<K> {
        let own = callers.entry(key.clone()).or_insert_with(|| Arc::new(Semaphore::new(self.each)));
        Listed { own: Some(Arc::clone(own)), key, callers: Arc::clone(&self.callers) }
    }

    fn callers(&self) -> MutexGuard<'_, HashMap<K, Arc<Semaphore>>> {
        self.callers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn now(turns: &Arc<Semaphore>, busy: Busy) -> Result<OwnedSemaphorePermit, Busy> {
    Arc::clone(turns).try_acquire_owned().map_err(|error| match error {
        TryAcquireError::NoPermits => busy,
        TryAcquireError::Closed => unreachable!("no semaphore is closed"),
    })
}

impl<K: Eq + Hash> Listed<K> {
    fn own(&self) -> &Arc<Semaphore> {
        self.own.as_ref().expect("it is not being dropped")
    }
}

impl<K: Eq + Hash> Drop for Listed<K> {
    fn drop(&mut self) {
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.own.take());
        // Entries are cloned under the lock only: nobody else comes by it now.
        if callers.get(&self.key).is_some_and(|own| Arc::strong_count(own) == 1) {
            callers.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::sleep;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn a_caller_with_its_share_waits_for_itself_and_for_nobody_else() {
        let turns = Turns::new(2, 16);
        let first = turns.wait("one", sleep(PATIENCE)).await.unwrap();
        let _second = turns.take("one").unwrap();
        assert_eq!(turns.wait("one", sleep(PATIENCE)).await.err(), Some(Busy::Caller));
        assert_eq!(turns.take("one").err(), Some(Busy::Caller));
        assert!(turns.wait("two", sleep(PATIENCE)).await.is_ok());
        let next = turns.wait("one", sleep(PATIENCE));
        drop(first);
        assert!(next.await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn all_have_no_more_than_there_is() {
        let turns = Turns::new(2, 3);
        let mut held: Vec<_> = (0..3).map(|caller| turns.take(caller).unwrap()).collect();
        assert_eq!(turns.wait(4, sleep(PATIENCE)).await.err(), Some(Busy::Everybody));
        for take in [Turns::take, Turns::take_fairly] {
            assert_eq!(take(&turns, 4).err(), Some(Busy::Everybody));
        }
        held.pop();
        assert!(turns.wait(4, sleep(PATIENCE)).await.is_ok());
    }

    #[test]
    fn who_takes_fairly_leaves_as_many() {
        let turns = Turns::new(16, 16);
        let take_all =
            |caller| std::iter::from_fn(|| turns.take_fairly(caller).ok()).collect::<Vec<_>>();
        let held: Vec<_> = ["one", "two", "three", "four"].map(take_all).into();
        assert_eq!(held.iter().map(Vec::len).collect::<Vec<_>>(), [8, 4, 2, 1]);
        assert_eq!(turns.take_fairly("one").err(), Some(Busy::Caller));
        let _last = turns.take_fairly("five").unwrap();
        assert_eq!(turns.take_fairly("six").err(), Some(Busy::Everybody));
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_nothing_is_not_remembered() {
        let turns = Turns::new(1, 9);
        let held = turns.take("one").unwrap();
        assert!(turns.take("one").is_err());
        assert!(turns.wait("one", sleep(PATIENCE)).await.is_err());
        assert_eq!(turns.callers().len(), 1, "it still has one");
        drop(held);
        assert_eq!(turns.callers().len(), 0);
    }
}
