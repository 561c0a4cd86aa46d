//! Networks that get nothing.

use super::*;
use crate::domain::{Ban, BanEvidence};

fn ban(network: &str, times: u32) -> Ban {
    let evidence = BanEvidence {
        at: NOW,
        address: "192.0.2.1".parse().unwrap(),
        mac: Some(mac(1)),
        target: "/000413000001.cfg?key=***".to_owned(),
        user_agent: "curl/8 \"\u{fc}\u{fffd}".to_owned(),
    };
    Ban {
        network: network.parse().unwrap(),
        since: NOW,
        until: NOW + Ban::lasts_s(times),
        times,
        reason: "10 unknown MACs in 1 s".to_owned(),
        made_by: "gw1".to_owned(),
        evidence: vec![evidence],
        revision: Revision::NONE,
    }
}

fn stored(revision: Revision, ban: &Ban) -> Ban {
    Ban { revision, ..ban.clone() }
}

async fn all(store: &impl Store) -> Vec<Ban> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = store.bans_after(after, 2).await.unwrap();
        assert!(page.len() <= 2);
        let Some(last) = page.last() else { break };
        after = Some(last.network);
        all.extend(page);
    }
    all.sort_by_key(|ban| ban.network);
    all
}

pub(crate) async fn bans_are_put_over_each_other_and_told(store: &impl Store, other: &impl Store) {
    let start = store.head().await.unwrap();
    let networks = ["192.0.2.1/32", "198.51.100.0/24", "2001:db8:1:2::/64"];
    let [one, two, three] = networks.map(|network| ban(network, 1));
    let puts = [&one, &two, &three].map(|ban| Mutation::PutBan { ban: ban.clone() });
    let first = done(store, puts).await;
    assert_eq!(first, start.next());
    let expected = [&one, &two, &three].map(|ban| stored(first, ban));
    assert_eq!(all(other).await, expected);
    let longer = ban(networks[0], 2);
    let second = done(other, [Mutation::PutBan { ban: longer.clone() }]).await;
    assert_eq!(store.ban(longer.network).await, Ok(Some(stored(second, &longer))));
    let removal = [Mutation::RemoveBan { network: two.network }];
    let third = done(store, removal.clone()).await;
    assert_eq!(other.ban(two.network).await, Ok(None));
    done(store, removal).await;
    let page = match store.changes(start, 100).await.unwrap() {
        Changes::Page(changes, _) => changes,
        told => panic!("{told:?}"),
    };
    let object = |ban: &Ban| Changed::Ban(ban.network, Some(ban.clone()));
    let told: Vec<Changed> = page.iter().map(|change| change.object.clone()).collect();
    assert_eq!(
        told,
        [
            object(&stored(first, &three)),
            object(&stored(second, &longer)),
            Changed::Ban(two.network, None),
        ]
    );
    assert_eq!(page[2].revision, third.next(), "the last removal");
}

pub(crate) async fn a_ban_is_part_of_its_commit(store: &impl Store, other: &impl Store) {
    let first = ban("192.0.2.1/32", 1);
    done(store, [Mutation::PutBan { ban: first.clone() }]).await;
    done(store, [put(&device(1, 1), None)]).await;
    let refused = [
        Mutation::PutBan { ban: ban("192.0.2.1/32", 5) },
        Mutation::PutBan { ban: ban("192.0.2.2/32", 1) },
        put(&device(1, 1), None),
    ];
    commit(store, refused).await.unwrap_err();
    let bans = all(other).await;
    assert_eq!(bans.iter().map(|ban| ban.times).collect::<Vec<_>>(), [1]);
    let revision = bans[0].revision;
    let guard = |revision| Guard::Same(Object::Ban(first.network), revision);
    let lift = || vec![Mutation::RemoveBan { network: first.network }];
    other.commit(lift(), vec![guard(revision.next())]).await.unwrap_err();
    other.commit(lift(), vec![guard(revision)]).await.unwrap();
    assert_eq!(all(store).await, []);
}
