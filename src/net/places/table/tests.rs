//! Who is closed before whom, and that counts are right.

use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::*;

fn rules() -> Rules {
    Rules { per_address: 16, grace: Duration::ZERO }
}

fn network(number: u8) -> IpAddr {
    [192, 0, 2, number].into()
}

/// A connection whose task never ends by itself.
fn watch() -> Arc<Watch> {
    let watch = Arc::new(Watch::new());
    watch.set_task(tokio::spawn(std::future::pending::<()>()).abort_handle());
    watch
}

#[tokio::test]
async fn the_crowd_is_closed_first_then_strangers_then_sites_then_those_of_use() {
    let mut table = Table::new();
    let served = watch();
    served.be_of_use();
    let earlier = table.insert(Some(network(1)), Arc::clone(&served));
    table.remove(earlier);
    let of_use = table.insert(Some(network(2)), served);
    let of_a_site = table.insert(Some(network(1)), watch());
    let stranger = table.insert(Some(network(3)), watch());
    let crowd: Vec<u64> = (0..8).map(|_| table.insert(Some(network(4)), watch())).collect();
    let mut closed = Vec::new();
    while table.close_one(&rules()).is_some() {
        let is_new = |(id, connection): (&u64, &Connection)| {
            (connection.is_closing && !closed.contains(id)).then_some(*id)
        };
        closed.extend(table.connections.iter().find_map(is_new));
    }
    // Of two alone the one that was waited for longer.
    assert!(closed[..7].iter().all(|id| crowd.contains(id)), "{closed:?}");
    let mut last_of_its_crowd = closed[7..9].to_vec();
    last_of_its_crowd.retain(|id| !crowd.contains(id));
    assert_eq!(last_of_its_crowd, [stranger]);
    assert_eq!(closed[9..], [of_a_site, of_use]);
    assert_eq!(table.open(), 0);
}

proptest! {
    /// Whatever comes and goes, each network counts what it has, and is forgotten with its last.
    #[test]
    fn counts_are_right(steps in proptest::collection::vec((any::<bool>(), 0u8..4, any::<u8>()), 0..200)) {
        let mut table = Table::new();
        let mut there: Vec<(u64, u8)> = Vec::new();
        for (comes, number, which) in steps {
            if comes || there.is_empty() {
                let id = table.insert(Some(network(number)), Arc::new(Watch::new()));
                there.push((id, number));
            } else {
                let (id, _) = there.swap_remove(usize::from(which) % there.len());
                table.remove(id);
            }
            for number in 0..4 {
                let count = there.iter().filter(|(_, of)| *of == number).count();
                prop_assert_eq!(table.count(network(number)), count);
                prop_assert_eq!(table.networks.contains_key(&network(number)), count > 0);
            }
            prop_assert_eq!(table.open(), there.len());
        }
    }
}

#[test]
fn networks_are_remembered_up_to_a_bound() {
    let mut recent = RecentlyServed::new();
    let network = |number: u32| IpAddr::from(Ipv4Addr::from_bits(number));
    for number in 0..2 * MAX_NETWORKS as u32 {
        recent.add(network(number));
    }
    assert!(recent.0.len() <= MAX_NETWORKS);
    recent.add(network(7));
    assert!(recent.contains(network(7)));
    assert!(!recent.contains(network(u32::MAX)));
}
