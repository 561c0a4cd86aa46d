//! The registry in memory: for tests and for `memory:`, where nothing needs to
//! outlive the process. Keeps the last 100,000 events.

mod state;

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use ipnet::IpNet;
use tokio::sync::watch;

use self::state::State;
use super::{
    Changes, EventFilter, Guard, MAX_REMEMBERED_COMMIT, Mutation, Store, StoreError, Tenancy,
};
use crate::domain::settings::Written;
use crate::domain::{Ban, Company, CompanyId, Device, Event, EventId, Mac, Revision, Timestamp};

/// A store that forgets everything when its last handle goes. A clone is one more handle on
/// the same store; closing one leaves the others open.
pub struct MemoryStore {
    shared: Arc<Shared>,
    closed: AtomicBool,
}

struct Shared {
    // A std mutex: no await happens under it.
    state: Mutex<State>,
    /// Tells of the revision of the last commit.
    head: watch::Sender<Revision>,
}

impl MemoryStore {
    /// A store that has the company `default`, created at `now`.
    #[must_use]
    pub fn new(now: Timestamp) -> MemoryStore {
        let company = Company::new(CompanyId::default_company(), String::new(), now);
        let mut state = State::default();
        let put = vec![Mutation::PutCompany { company, expect: None }];
        let head = state.commit(put, &[]).expect("an empty store has no company yet");
        let shared = Shared { state: Mutex::new(state), head: watch::Sender::new(head) };
        MemoryStore { shared: Arc::new(shared), closed: AtomicBool::new(false) }
    }

    fn with<T>(
        &self,
        act: impl FnOnce(&mut State) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if self.closed.load(Ordering::Acquire) {
            let (what, why) = (self.name(), "the store is closed".to_owned());
            return Err(StoreError::Unavailable { what, why });
        }
        // A panic in `act` would be a bug here, and a half done commit with it.
        act(&mut self.shared.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Clone for MemoryStore {
    fn clone(&self) -> MemoryStore {
        MemoryStore { shared: self.shared.clone(), closed: AtomicBool::new(false) }
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn name(&self) -> String {
        "memory".to_owned()
    }

    async fn commit(
        &self,
        mutations: Vec<Mutation>,
        guards: Vec<Guard>,
    ) -> Result<Revision, StoreError> {
        let revision = self.with(|state| state.commit(mutations, &guards))?;
        self.shared.head.send_if_modified(|head| {
            let newer = revision > *head;
            *head = revision.max(*head);
            newer
        });
        Ok(revision)
    }

    async fn changes(&self, after: Revision, limit: usize) -> Result<Changes, StoreError> {
        self.with(|state| Ok(state.changes(after, limit.clamp(1, MAX_REMEMBERED_COMMIT))))
    }

    async fn head(&self) -> Result<Revision, StoreError> {
        self.with(|state| Ok(state.objects.head))
    }

    async fn changed(&self, after: Revision) {
        let mut head = self.shared.head.subscribe();
        // Fails when the sender is gone, which this handle keeps.
        let _ = head.wait_for(|head| *head > after).await;
    }

    async fn devices_after(
        &self,
        after: Option<Mac>,
        limit: usize,
    ) -> Result<Vec<Device>, StoreError> {
        let after = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.with(|state| {
            let rest = state.objects.devices.range((after, Bound::Unbounded));
            Ok(rest.take(limit.max(1)).map(|(_, device)| device.clone()).collect())
        })
    }

    async fn devices(&self, macs: &[Mac]) -> Result<Vec<Device>, StoreError> {
        let macs: BTreeSet<&Mac> = macs.iter().collect();
        self.with(|state| {
            Ok(macs.into_iter().filter_map(|mac| state.objects.devices.get(mac)).cloned().collect())
        })
    }

    async fn left_in(&self, mac: Mac) -> Result<Written, StoreError> {
        self.with(|state| Ok(state.objects.left.get(&mac).cloned().unwrap_or_default()))
    }

    async fn left_after(
        &self,
        after: Option<Mac>,
        limit: usize,
    ) -> Result<Vec<(Mac, Written)>, StoreError> {
        self.with(|state| {
            let left = state.objects.left.iter().map(|(mac, written)| (*mac, written.clone()));
            let mut left: Vec<_> =
                left.filter(|(mac, _)| after.is_none_or(|after| *mac > after)).collect();
            left.sort_unstable_by_key(|(mac, _)| *mac);
            left.truncate(limit.max(1));
            Ok(left)
        })
    }

    async fn tenancy(&self) -> Result<Tenancy, StoreError> {
        self.with(|state| {
            Ok(Tenancy {
                companies: state.objects.companies.values().cloned().collect(),
                users: state.objects.users.values().cloned().collect(),
                system: state.objects.system.clone(),
                head: state.objects.head,
            })
        })
    }

    async fn ban(&self, network: IpNet) -> Result<Option<Ban>, StoreError> {
        self.with(|state| Ok(state.objects.bans.get(&network).cloned()))
    }

    async fn bans_after(&self, after: Option<IpNet>, limit: usize) -> Result<Vec<Ban>, StoreError> {
        let after = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.with(|state| {
            let rest = state.objects.bans.range((after, Bound::Unbounded));
            Ok(rest.take(limit.max(1)).map(|(_, ban)| ban.clone()).collect())
        })
    }

    async fn events(&self, filter: EventFilter) -> Result<Vec<Event>, StoreError> {
        self.with(|state| {
            let newest_first = state.events.iter().rev().filter(|event| filter.matches(event));
            Ok(newest_first.take(filter.limit.min(EventFilter::MAX)).cloned().collect())
        })
    }

    async fn events_after(&self, after: EventId, limit: usize) -> Result<Vec<Event>, StoreError> {
        self.with(|state| {
            let first = state.events.partition_point(|event| event.id <= after);
            let limit = limit.clamp(1, EventFilter::MAX);
            Ok(state.events.range(first..).take(limit).cloned().collect())
        })
    }

    async fn catalogue_since(&self, digest: &str, now: Timestamp) -> Result<Timestamp, StoreError> {
        self.with(|state| Ok(*state.catalogues.entry(digest.to_owned()).or_insert(now)))
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.with(|_| Ok(()))
    }

    async fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance;

    async fn fresh() -> (MemoryStore, MemoryStore, ()) {
        let store = MemoryStore::new(conformance::NOW);
        let other = store.clone();
        (store, other, ())
    }

    conformance::suite!(fresh);

    #[tokio::test]
    async fn nothing_that_is_stored_is_printed_with_a_secret() {
        let (store, ..) = fresh().await;
        conformance::with_secrets(&store).await;
        let (tenancy, devices, events) = conformance::dump(&store).await;
        let changes = store.changes(Revision::NONE, 100).await.unwrap();
        let puts: Vec<_> = devices.iter().map(|device| conformance::put(device, None)).collect();
        let printed = format!("{tenancy:?} {devices:?} {events:?} {changes:?} {puts:?}");
        assert!(printed.contains("Layer("), "{printed}");
        for secret in conformance::SECRETS {
            assert!(!printed.contains(secret), "{secret} is in {printed}");
        }
    }
}
