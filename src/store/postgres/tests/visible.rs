//! What is committed by many at once is seen by who follows, all of it and in order.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::FutureExt;

use super::*;
use crate::store::conformance::{all_devices, commit, device, mac, put, read};
use crate::store::{Change, Changed};

const WRITERS: u64 = 64;
const ROUNDS: u64 = 30;
/// Devices that all writers change.
const CONTENDED: u64 = 8;

/// Commits first contacts of its own, and changes devices that others change, too; gives the
/// revisions that it was given.
async fn write(store: Arc<PostgresStore>, writer: u64) -> Vec<Revision> {
    let mut given = Vec::new();
    for round in 0..ROUNDS {
        let own = device(1000 + writer * ROUNDS + round, 1);
        given.push(commit(&*store, [put(&own, None)]).await.unwrap());
        let number = (writer + round) % CONTENDED;
        let there = read(&*store, mac(number)).await;
        let expect = there.map(|there| there.revision);
        match commit(&*store, [put(&device(number, 1 + u16::try_from(round).unwrap()), expect)])
            .await
        {
            Ok(revision) => given.push(revision),
            Err(StoreError::Conflict(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    given
}

/// What a follower has taken in.
#[derive(Default)]
struct Followed {
    devices: BTreeMap<Mac, Device>,
    seen: BTreeSet<Revision>,
    floor: Revision,
    cut: usize,
}

impl Followed {
    fn take(&mut self, changes: Vec<Change>, end: Revision) {
        let mut last = self.floor;
        for Change { revision, object } in changes {
            assert!(revision > self.floor, "{revision} was told when all up to {} was", self.floor);
            self.seen.insert(revision);
            if let Changed::Device(mac, Some(device)) = object {
                // A page tells a device as it is when the page is read. What changed it after the
                // page's end is in the next page, too, which tells the same once more.
                let goes_on = self
                    .devices
                    .get(&mac)
                    .is_none_or(|before| before.revision < revision || *before == device);
                assert!(goes_on, "{mac} went back at {revision}");
                self.devices.insert(mac, device);
            }
            last = last.max(revision);
        }
        self.floor = end.max(self.floor);
    }

    /// Follows until it has come to `end`.
    async fn follow(&mut self, store: &PostgresStore, end: impl Fn() -> Option<Revision>) {
        loop {
            match store.changes(self.floor, 100).await {
                Ok(Changes::Page(changes, reached)) if !changes.is_empty() => {
                    self.take(changes, reached);
                }
                Ok(Changes::Page(_, reached)) => {
                    self.floor = self.floor.max(reached);
                    if end().is_some_and(|end| self.floor >= end) {
                        return;
                    }
                    let told = store.changed(self.floor);
                    let _ = tokio::time::timeout(Duration::from_millis(50), told).await;
                }
                // Its connection was cut.
                Err(StoreError::Unavailable { .. }) => self.cut += 1,
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_follows_sees_all_in_order_though_its_connections_are_cut() {
    let server = Cluster::start("");
    let url = server.database();
    let nodes = [Arc::new(on(&url).await), Arc::new(on(&url).await)];
    let follower = on(&format!("{url}&application_name=follower")).await;
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| tokio::spawn(write(nodes[usize::from(writer % 2 == 1)].clone(), writer)))
        .collect();
    let (told_end, end) = watch::channel(None);
    let following = tokio::spawn(async move {
        let mut followed = Followed::default();
        followed.follow(&follower, || *end.borrow()).await;
        (followed, follower)
    });
    let database = url.split(['/', '?']).nth(3).unwrap();
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
               WHERE application_name = 'follower' AND random() < 0.5";
    let mut given = Vec::new();
    for writer in writers {
        server.sql(database, cut);
        given.extend(writer.await.unwrap());
    }
    given.sort();
    assert!(given.windows(2).all(|pair| pair[0].next() == pair[1]), "each number is given once");
    told_end.send_replace(given.last().copied());
    let (followed, follower) = following.await.unwrap();
    assert!(followed.cut > 0, "nothing was cut");
    // First contacts are told one by one: none may be missing.
    let fresh = all_devices(&on(&url).await, 1000).await;
    let followed_devices: Vec<Device> = followed.devices.into_values().collect();
    assert_eq!(followed_devices, fresh);
    assert_eq!(all_devices(&follower, 1000).await, fresh);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_changes_is_woken_by_those_of_others() {
    let url = Cluster::shared().database();
    let (store, other) = (on(&url).await, on(&url).await);
    let mut head = store.head().await.unwrap();
    // Until it listens.
    other.head.subscribe().wait_for(|heard| *heard >= head).await.unwrap();
    for number in 0..20 {
        let waiting = other.changed(head);
        let started = Instant::now();
        let (committed, ()) =
            tokio::join!(commit(&store, [put(&device(number, 1), None)]), waiting);
        head = committed.unwrap();
        assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
        assert!(
            matches!(other.changes(Revision(head.0 - 1), 1).await, Ok(Changes::Page(changes, _)) if changes.len() == 1)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_follows_waits_again_after_a_number_that_nobody_committed() {
    let server = Cluster::shared();
    let url = server.database();
    let (store, other) = (on(&url).await, on(&url).await);
    let name = url.split(['/', '?']).nth(3).unwrap();
    let head = store.head().await.unwrap();
    // Its listener listens.
    store.head.subscribe().wait_for(|heard| *heard >= head).await.unwrap();
    server.sql(name, "NOTIFY dialtone_dialtone, '18446744073709551615'");
    store.changed(Revision(u64::MAX - 1)).await;
    assert_eq!(store.changes(head, 10).await, Ok(Changes::Page(Vec::new(), head)));
    assert_eq!(store.changed(head).now_or_never(), None);
    let (committed, ()) =
        tokio::join!(commit(&other, [put(&device(1, 1), None)]), store.changed(head));
    assert_eq!(committed, Ok(head.next()));
}
