//! What a gateway keeps of the store in memory: all devices, companies, users and settings.
//!
//! [`Memory::apply`] is the only writer, for commits of one's own and for those of other gateways.
//! It takes a change only if it is newer than what is there, so that it does not matter in what
//! order they come.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use arc_swap::ArcSwap;

use super::Directory;
use super::bans::BanTable;
use super::hearing::Hearing;
use super::index::Index;
use super::progress::Progress;
use crate::ambient::Clock;
use crate::domain::{Ban, Device, Mac, Revision};
use crate::store::{Change, Changed, Changes, Mutation, Object, Store, StoreError, Tenancy};

/// Devices read from the store at a time where all are. Three times as many are in
/// memory at once, a kilobyte each.
const LOAD_PAGE: usize = 512;

/// Changes read from the store at a time, a kilobyte each.
const FOLLOW_PAGE: usize = 512;

pub(super) struct Memory {
    pub index: Arc<Index>,
    pub hearing: Hearing,
    pub bans: BanTable,
    directory: ArcSwap<Directory>,
    /// Each change replaces the directory as a whole. A std mutex: no await happens under it.
    replacing: Mutex<()>,
    progress: Progress,
    /// How often the store had lost what is here.
    eras: AtomicU64,
    /// Held while what was learnt in one era is taken over, and to begin the next one. A std lock:
    /// no await happens under it.
    applying: RwLock<()>,
    /// Held while the store is followed. A tokio mutex: what others do is read under it.
    following: tokio::sync::Mutex<()>,
}

/// The time between two losses. What was learnt of the store in one era is not taken over in the
/// next: it may be lost, and its revision another commit's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Era(u64);

impl Memory {
    /// Everything the store has, and room for so many devices that wait for an operator.
    ///
    /// # Errors
    /// What the store says.
    pub(super) async fn fill(
        store: &Arc<dyn Store>,
        waiting: usize,
        clock: Arc<dyn Clock>,
    ) -> Result<Memory, StoreError> {
        let memory = Memory {
            index: Arc::new(Index::new(waiting)),
            hearing: Hearing::new(clock),
            bans: BanTable::default(),
            directory: ArcSwap::default(),
            replacing: Mutex::new(()),
            progress: Progress::default(),
            eras: AtomicU64::new(0),
            applying: RwLock::new(()),
            following: tokio::sync::Mutex::new(()),
        };
        // What changes while the rest is read is told once more by the changes after this.
        let head = store.head().await?;
        memory.take_over(store.tenancy().await?);
        memory.bans.take_over(&all_bans(store).await?, head);
        each_page(store, |devices| {
            memory.apply(devices.into_iter().map(as_it_is).collect());
        })
        .await?;
        memory.progress.reached(head);
        Ok(memory)
    }

    pub(super) fn directory(&self) -> Arc<Directory> {
        self.directory.load_full()
    }

    pub(super) fn system_revision(&self) -> Revision {
        self.directory.load().system.revision
    }

    /// Takes over what changed. A page of changes is one call: companies come before the
    /// phones that are given to them and go after those that were.
    pub(super) fn apply(&self, changes: Vec<Change>) {
        let (bans, changes): (Vec<Change>, Vec<Change>) =
            changes.into_iter().partition(|change| matches!(change.object, Changed::Ban(..)));
        for Change { revision, object } in bans {
            match object {
                Changed::Ban(_, Some(ban)) => self.bans.put(&ban, &self.progress),
                Changed::Ban(network, None) => self.bans.remove(network, revision, &self.progress),
                _ => unreachable!("they are bans"),
            }
        }
        let (devices, directory): (Vec<Change>, Vec<Change>) =
            changes.into_iter().partition(|change| matches!(change.object, Changed::Device(..)));
        let (removed, put): (Vec<Change>, Vec<Change>) =
            directory.into_iter().partition(|change| change.object.revision().is_none());
        self.change_directory(put);
        for change in devices {
            match change.object {
                Changed::Device(_, Some(device)) => self.index.put(&device, &self.progress),
                Changed::Device(mac, None) => {
                    self.index.remove(mac, change.revision, &self.progress);
                }
                _ => unreachable!("the others are in the directory"),
            }
        }
        self.change_directory(removed);
    }

    /// To be asked before what is taken over is asked of the store.
    pub(super) fn era(&self) -> Era {
        Era(self.eras.load(Ordering::Acquire))
    }

    /// Does `take` if it is still that era; else what was to be taken over is told by the store.
    fn in_era(&self, era: Era, take: impl FnOnce()) {
        let _applying = self.applying.read().unwrap_or_else(PoisonError::into_inner);
        if self.era() == era {
            take();
        }
    }

    /// Takes over what was read of the store.
    pub(super) fn apply_read(&self, changes: Vec<Change>, era: Era) {
        self.in_era(era, || self.apply(changes));
    }

    /// Takes over a commit of one's own, which names each object once.
    pub(super) fn apply_own(&self, mutations: Vec<Mutation>, revision: Revision, era: Era) {
        let changes: Vec<Change> =
            mutations.into_iter().filter_map(|mutation| as_committed(mutation, revision)).collect();
        // What changed nothing has no revision of its own.
        if !changes.is_empty() {
            self.in_era(era, || {
                self.apply(changes);
                self.progress.applied(revision);
            });
        }
    }

    /// What a commit of one's own noted is here already, and is not to be read back.
    pub(super) fn has_noted(&self, revision: Revision, era: Era) {
        self.in_era(era, || self.progress.applied(revision));
    }

    /// Takes over companies, users and settings as they were at one moment; what is not
    /// there is gone.
    fn take_over(&self, tenancy: Tenancy) {
        let here = self.directory();
        let mut gone: HashSet<Object> = here.objects().collect();
        let head = tenancy.head;
        let mut changes: Vec<Change> = objects_of(tenancy)
            .map(|object| Change { revision: object.revision().unwrap_or_default(), object })
            .collect();
        for change in &changes {
            gone.remove(&change.object.name());
        }
        let removed = gone.into_iter().filter_map(|object| match object {
            Object::Company(id) => Some(Changed::Company(id, None)),
            Object::User(id) => Some(Changed::User(id, None)),
            Object::Device(_) | Object::SystemSettings | Object::Ban(_) => None,
        });
        changes.extend(removed.map(|object| Change { revision: head, object }));
        self.change_directory(changes);
    }

    fn change_directory(&self, changes: Vec<Change>) {
        if changes.is_empty() {
            return;
        }
        let _replacing = self.replacing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut directory = Directory::clone(&self.directory.load());
        for change in changes {
            directory.apply(change, &self.progress);
        }
        self.put_directory(directory);
    }

    /// To be called with `replacing` locked.
    fn put_directory(&self, directory: Directory) {
        let directory = Arc::new(directory);
        let before = self.directory.swap(directory.clone());
        // After the new form can be read: a body made of the old one must not get the new version.
        for (id, company) in &directory.companies {
            let same = before.companies.get(id).is_some_and(|old| old.revision == company.revision);
            if !same {
                self.index.company_changed(id, company.revision);
            }
        }
        self.index.system_changed(directory.system.revision, self.era().0);
    }

    /// Takes over what changed in the store since it was last here.
    ///
    /// # Errors
    /// What the store says; what was read before is taken over.
    pub(super) async fn follow(&self, store: &Arc<dyn Store>) -> Result<(), StoreError> {
        let _following = self.following.lock().await;
        loop {
            let asked = self.hearing.now();
            match store.changes(self.progress.floor(), FOLLOW_PAGE).await? {
                Changes::Page(changes, reached) => {
                    let (is_last, is_all) = (changes.is_empty(), changes.len() < FOLLOW_PAGE);
                    self.apply(changes);
                    self.progress.reached(reached);
                    // In a storm there is no empty page.
                    if is_all {
                        self.hearing.heard(asked);
                    }
                    if is_last {
                        return Ok(());
                    }
                }
                Changes::TooFarBehind => self.read_anew(store).await?,
                Changes::Lost => self.begin_anew(store).await?,
            }
        }
    }

    /// The revision all changes up to which are here.
    pub(super) fn floor(&self) -> Revision {
        self.progress.floor()
    }

    /// Reads everything of a store that lacks what is here, and goes on from there. Phones are
    /// served meanwhile, with what there is.
    async fn begin_anew(&self, store: &Arc<dyn Store>) -> Result<(), StoreError> {
        // A part of a registry is worse than the one of before.
        super::require_whole(&**store).await?;
        tracing::warn!("the store lacks changes that it had: all of it is read anew");
        let head = store.head().await?;
        {
            let _none_applies = self.applying.write().unwrap_or_else(PoisonError::into_inner);
            self.eras.fetch_add(1, Ordering::AcqRel);
            self.progress.begin_anew();
        }
        let tenancy = store.tenancy().await?;
        self.bans.take_over(&all_bans(store).await?, Revision(u64::MAX));
        let mut directory = Directory::default();
        for object in objects_of(tenancy) {
            let revision = object.revision().unwrap_or_default();
            directory.apply(Change { revision, object }, &self.progress);
        }
        {
            let _replacing = self.replacing.lock().unwrap_or_else(PoisonError::into_inner);
            self.put_directory(directory);
        }
        let mut here = self.index.macs().into_iter().peekable();
        each_page(store, |devices| {
            for device in devices {
                while let Some(mac) = here.next_if(|mac| *mac < device.mac) {
                    self.index.drop_lost(mac);
                }
                here.next_if_eq(&device.mac);
                self.index.replace(&device, &self.progress);
            }
        })
        .await?;
        here.for_each(|mac| self.index.drop_lost(mac));
        self.progress.reached(head);
        store.resume(head).await;
        tracing::info!(revision = %head, "the store was read anew");
        Ok(())
    }

    async fn read_anew(&self, store: &Arc<dyn Store>) -> Result<(), StoreError> {
        // An import is not told change by change.
        super::require_whole(&**store).await?;
        let head = store.head().await?;
        self.take_over(store.tenancy().await?);
        self.bans.take_over(&all_bans(store).await?, head);
        let mut here = self.index.macs().into_iter().peekable();
        let gone = |mac: Mac| Change { revision: head, object: Changed::Device(mac, None) };
        each_page(store, |devices| {
            let mut changes = Vec::with_capacity(devices.len());
            for device in devices {
                while let Some(mac) = here.next_if(|mac| *mac < device.mac) {
                    changes.push(gone(mac));
                }
                here.next_if_eq(&device.mac);
                changes.push(as_it_is(device));
            }
            self.apply(changes);
        })
        .await?;
        self.apply(here.map(gone).collect());
        self.progress.reached(head);
        Ok(())
    }
}

fn objects_of(tenancy: Tenancy) -> impl Iterator<Item = Changed> {
    let companies = tenancy.companies.into_iter();
    let companies = companies.map(|own| Changed::Company(own.id.clone(), Some(own)));
    let users = tenancy.users.into_iter().map(|own| Changed::User(own.id, Some(own)));
    companies.chain(users).chain([Changed::SystemSettings(tenancy.system)])
}

pub(super) fn as_it_is(device: Device) -> Change {
    Change { revision: device.revision, object: Changed::Device(device.mac, Some(device)) }
}

fn as_committed(mutation: Mutation, revision: Revision) -> Option<Change> {
    let object = match mutation {
        Mutation::PutDevice { mut device, .. } => {
            device.revision = revision;
            Changed::Device(device.mac, Some(device))
        }
        Mutation::RemoveDevice { mac, .. } => Changed::Device(mac, None),
        Mutation::PutCompany { mut company, .. } => {
            company.revision = revision;
            Changed::Company(company.id.clone(), Some(company))
        }
        Mutation::RemoveCompany { id, .. } => Changed::Company(id, None),
        Mutation::PutUser { mut user, .. } => {
            user.revision = revision;
            Changed::User(user.id, Some(user))
        }
        Mutation::RemoveUser { id, .. } => Changed::User(id, None),
        Mutation::PutSystemSettings { mut system, .. } => {
            system.revision = revision;
            Changed::SystemSettings(system)
        }
        Mutation::PutBan { mut ban } => {
            ban.revision = revision;
            Changed::Ban(ban.network, Some(ban))
        }
        Mutation::RemoveBan { network } => Changed::Ban(network, None),
        // What was noted is in memory before it is stored.
        Mutation::NoteSighting { .. }
        | Mutation::NoteServed { .. }
        | Mutation::NoteWritten { .. }
        // What is not looked up here.
        | Mutation::NoteLeft { .. }
        | Mutation::Append(_) => return None,
    };
    Some(Change { revision, object })
}

/// All bans of the store, without what nobody asks for in memory.
///
/// # Errors
/// What the store says.
async fn all_bans(store: &Arc<dyn Store>) -> Result<Vec<Ban>, StoreError> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = store.bans_after(after, LOAD_PAGE).await?;
        let Some(last) = page.last() else { return Ok(all) };
        after = Some(last.network);
        let bare = |ban| Ban { evidence: Vec::new(), reason: String::new(), ..ban };
        all.extend(page.into_iter().map(bare));
    }
}

/// All devices of the store, in order of MAC, each page while the next one is being read.
///
/// # Errors
/// What the store says.
pub(super) async fn each_page(
    store: &Arc<dyn Store>,
    mut each: impl FnMut(Vec<Device>),
) -> Result<(), StoreError> {
    let read = |after: Option<Mac>| {
        let store = store.clone();
        tokio::spawn(async move { store.devices_after(after, LOAD_PAGE).await })
    };
    let mut next = read(None);
    loop {
        let page = next.await.map_err(|error| StoreError::Unavailable {
            what: "reading all devices".into(),
            why: error.to_string(),
        })??;
        let Some(last) = page.last() else { return Ok(()) };
        next = read(Some(last.mac));
        each(page);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ambient::SystemClock;
    use crate::domain::{Company, CompanyId, Port, Sighting, Timestamp};
    use crate::store::MemoryStore;

    const DEVICES: u64 = 3;

    /// What may happen between a gateway, another one, and their store.
    #[derive(Debug, Clone)]
    enum Step {
        /// Somebody makes the device, changes it or, when it is there, removes it.
        Change {
            device: u64,
            remove: bool,
            own: bool,
        },
        /// The same with a company that has no phones.
        Company {
            remove: bool,
            own: bool,
        },
        /// One of the own commits that are not in memory yet comes there.
        Deliver(usize),
        Follow,
    }

    fn step() -> impl Strategy<Value = Step> {
        let change = (0..DEVICES, any::<bool>(), any::<bool>());
        prop_oneof![
            6 => change.prop_map(|(device, remove, own)| Step::Change { device, remove, own }),
            2 => any::<(bool, bool)>().prop_map(|(remove, own)| Step::Company { remove, own }),
            4 => (0..8usize).prop_map(Step::Deliver),
            2 => Just(Step::Follow),
        ]
    }

    fn mac(number: u64) -> Mac {
        Mac::from_bits(0x0004_1300_0000 + number)
    }

    fn acme() -> CompanyId {
        "acme".parse().unwrap()
    }

    fn made(number: u64, ports: u16) -> Device {
        let sighting = Sighting {
            first: Timestamp::from_seconds(5),
            last: Timestamp::from_seconds(5),
            address: [192, 0, 2, 1].into(),
            user_agent: String::new(),
            type_guess: None,
            firmware: None,
            certificate: None,
        };
        Device::sighted(mac(number), "pap2t".parse().unwrap(), ports, sighting)
    }

    async fn device_change(store: &dyn Store, number: u64, remove: bool) -> Mutation {
        match store.devices(&[mac(number)]).await.unwrap().pop() {
            None => Mutation::PutDevice { device: made(number, 2), expect: None },
            Some(there) if remove => {
                Mutation::RemoveDevice { mac: there.mac, expect: there.revision }
            }
            Some(there) => {
                let default = CompanyId::default_company();
                let promoted = there.promote(Port::FIRST, &default, Timestamp::from_seconds(9));
                let device = promoted.map_or_else(|_| made(number, 3), |(device, _)| device);
                Mutation::PutDevice { device, expect: Some(there.revision) }
            }
        }
    }

    async fn company_change(store: &dyn Store, remove: bool) -> Mutation {
        let companies = store.tenancy().await.unwrap().companies;
        let there = companies.into_iter().find(|company| company.id == acme());
        match there {
            None => {
                let company = Company::new(acme(), String::new(), Timestamp::from_seconds(5));
                Mutation::PutCompany { company, expect: None }
            }
            Some(there) if remove => {
                Mutation::RemoveCompany { id: there.id, expect: there.revision }
            }
            Some(company) => {
                let expect = Some(company.revision);
                Mutation::PutCompany { company, expect }
            }
        }
    }

    async fn is_as_stored(memory: &Memory, store: &Arc<dyn Store>) {
        for number in 0..DEVICES {
            let stored = store.devices(&[mac(number)]).await.unwrap().pop();
            let stored = stored.map(|device| Device { sighting: None, ..device });
            assert_eq!(memory.index.device(mac(number)), stored);
        }
        let stored = store.tenancy().await.unwrap();
        let here = memory.directory();
        let here: Vec<&Company> = here.companies.values().map(|company| &**company).collect();
        assert_eq!(here, stored.companies.iter().collect::<Vec<_>>());
        assert_eq!(memory.floor(), store.head().await.unwrap());
    }

    proptest! {
        #[test]
        fn memory_comes_to_what_is_stored_in_whatever_order_it_hears(
            steps in proptest::collection::vec(step(), 1..60),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                let store: Arc<dyn Store> = Arc::new(MemoryStore::new(Timestamp::from_seconds(0)));
                let memory = Memory::fill(&store, 100, Arc::new(SystemClock)).await.unwrap();
                let mut pending: Vec<(Mutation, Revision)> = Vec::new();
                for step in steps {
                    let (mutation, own) = match step {
                        Step::Change { device, remove, own } => {
                            (device_change(&*store, device, remove).await, own)
                        }
                        Step::Company { remove, own } => {
                            (company_change(&*store, remove).await, own)
                        }
                        Step::Deliver(at) => {
                            if at < pending.len() {
                                let (mutation, revision) = pending.remove(at);
                                memory.apply_own(vec![mutation], revision, memory.era());
                            }
                            continue;
                        }
                        Step::Follow => {
                            memory.follow(&store).await.unwrap();
                            is_as_stored(&memory, &store).await;
                            continue;
                        }
                    };
                    let revision = store.commit(vec![mutation.clone()], Vec::new()).await.unwrap();
                    if own {
                        pending.push((mutation, revision));
                    }
                }
                // Some come very late.
                memory.follow(&store).await.unwrap();
                for (mutation, revision) in pending {
                    memory.apply_own(vec![mutation], revision, memory.era());
                    is_as_stored(&memory, &store).await;
                }
            });
        }
    }

    #[tokio::test]
    async fn who_is_too_far_behind_reads_all_anew() {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new(Timestamp::from_seconds(0)));
        let put = |number| Mutation::PutDevice { device: made(number, 1), expect: None };
        let revision = store.commit((0..3).map(put).collect(), Vec::new()).await.unwrap();
        let company = Company::new(acme(), String::new(), Timestamp::from_seconds(5));
        let put_company = Mutation::PutCompany { company, expect: None };
        let of_company = store.commit(vec![put_company], Vec::new()).await.unwrap();
        let memory = Memory::fill(&store, 100, Arc::new(SystemClock)).await.unwrap();
        let gone = vec![
            Mutation::RemoveDevice { mac: mac(0), expect: revision },
            Mutation::RemoveDevice { mac: mac(2), expect: revision },
            Mutation::RemoveCompany { id: acme(), expect: of_company },
        ];
        store.commit(gone, Vec::new()).await.unwrap();
        let many = 10..11 + crate::store::MAX_REMEMBERED_COMMIT as u64;
        store.commit(many.map(put).collect(), Vec::new()).await.unwrap();
        memory.follow(&store).await.unwrap();
        let stored = store.devices_after(None, 5_000).await.unwrap();
        assert_eq!(memory.index.macs(), stored.iter().map(|device| device.mac).collect::<Vec<_>>());
        assert_eq!(memory.directory().companies.len(), 1);
        assert_eq!(memory.floor(), store.head().await.unwrap());
    }

    /// A store that another one takes the place of, as a database that is put back does.
    struct PutBack {
        now: Mutex<Arc<MemoryStore>>,
        lost: Mutex<bool>,
    }

    impl PutBack {
        fn of(store: MemoryStore) -> PutBack {
            PutBack { now: Mutex::new(Arc::new(store)), lost: Mutex::new(false) }
        }

        fn now(&self) -> Arc<MemoryStore> {
            self.now.lock().unwrap().clone()
        }

        fn put_back(&self, store: MemoryStore) {
            *self.now.lock().unwrap() = Arc::new(store);
            *self.lost.lock().unwrap() = true;
        }
    }

    #[async_trait::async_trait]
    impl Store for PutBack {
        fn name(&self) -> String {
            self.now().name()
        }

        async fn commit(
            &self,
            mutations: Vec<Mutation>,
            guards: Vec<crate::store::Guard>,
        ) -> Result<Revision, StoreError> {
            self.now().commit(mutations, guards).await
        }

        async fn changes(&self, after: Revision, limit: usize) -> Result<Changes, StoreError> {
            let is_lost = *self.lost.lock().unwrap();
            if is_lost { Ok(Changes::Lost) } else { self.now().changes(after, limit).await }
        }

        async fn head(&self) -> Result<Revision, StoreError> {
            self.now().head().await
        }

        async fn resume(&self, head: Revision) {
            assert_eq!(Ok(head), self.now().head().await);
            *self.lost.lock().unwrap() = false;
        }

        async fn devices_after(
            &self,
            after: Option<Mac>,
            limit: usize,
        ) -> Result<Vec<Device>, StoreError> {
            self.now().devices_after(after, limit).await
        }

        async fn devices(&self, macs: &[Mac]) -> Result<Vec<Device>, StoreError> {
            self.now().devices(macs).await
        }

        async fn left_in(&self, mac: Mac) -> Result<crate::domain::settings::Written, StoreError> {
            self.now().left_in(mac).await
        }

        async fn left_after(
            &self,
            after: Option<Mac>,
            limit: usize,
        ) -> Result<Vec<(Mac, crate::domain::settings::Written)>, StoreError> {
            self.now().left_after(after, limit).await
        }

        async fn events_after(
            &self,
            after: crate::domain::EventId,
            limit: usize,
        ) -> Result<Vec<crate::domain::Event>, StoreError> {
            self.now().events_after(after, limit).await
        }

        async fn tenancy(&self) -> Result<Tenancy, StoreError> {
            self.now().tenancy().await
        }

        async fn ban(
            &self,
            network: ipnet::IpNet,
        ) -> Result<Option<crate::domain::Ban>, StoreError> {
            self.now().ban(network).await
        }

        async fn bans_after(
            &self,
            after: Option<ipnet::IpNet>,
            limit: usize,
        ) -> Result<Vec<crate::domain::Ban>, StoreError> {
            self.now().bans_after(after, limit).await
        }

        async fn events(
            &self,
            filter: crate::store::EventFilter,
        ) -> Result<Vec<crate::domain::Event>, StoreError> {
            self.now().events(filter).await
        }

        async fn catalogue_since(
            &self,
            digest: &str,
            now: Timestamp,
        ) -> Result<Timestamp, StoreError> {
            self.now().catalogue_since(digest, now).await
        }

        async fn ready(&self) -> Result<(), StoreError> {
            Ok(())
        }

        async fn close(&self) {}
    }

    #[tokio::test]
    async fn what_the_store_lost_is_held_no_more() {
        let put = |number, ports| Mutation::PutDevice { device: made(number, ports), expect: None };
        let company = |name: &str| {
            let company = Company::new(acme(), name.to_owned(), Timestamp::from_seconds(5));
            Mutation::PutCompany { company, expect: None }
        };
        let before = MemoryStore::new(Timestamp::from_seconds(0));
        for mutation in [put(0, 1), put(1, 1), put(2, 1), company("before")] {
            before.commit(vec![mutation], Vec::new()).await.unwrap();
        }
        let store = Arc::new(PutBack::of(before));
        let shared: Arc<dyn Store> = store.clone();
        let memory = Memory::fill(&shared, 100, Arc::new(SystemClock)).await.unwrap();
        let (lost_version, era) = (memory.index.known(mac(1)).unwrap().version, memory.era());
        // The same numbers, for other things.
        let after = MemoryStore::new(Timestamp::from_seconds(0));
        for mutation in [put(0, 1), put(1, 2), company("after")] {
            after.commit(vec![mutation], Vec::new()).await.unwrap();
        }
        store.put_back(after);
        memory.follow(&shared).await.unwrap();
        assert_eq!(memory.floor(), Revision(4));
        assert_eq!(memory.index.macs(), [mac(0), mac(1)]);
        assert_eq!(memory.index.device(mac(1)).unwrap().waiting.unwrap().ports, 2);
        assert_eq!(memory.directory().companies[&acme()].name, "after");
        let version = memory.index.known(mac(1)).unwrap().version;
        assert_ne!(version, lost_version, "what was made of it is made anew");
        // A commit of before that comes only now.
        memory.apply_own(vec![put(2, 1)], Revision(5), era);
        memory.has_noted(Revision(5), era);
        assert_eq!(memory.index.revision(mac(2)), None);
        shared.commit(vec![put(7, 1)], Vec::new()).await.unwrap();
        memory.follow(&shared).await.unwrap();
        assert_eq!(memory.index.macs(), [mac(0), mac(1), mac(7)]);
        assert_eq!(memory.floor(), shared.head().await.unwrap());
    }
}
