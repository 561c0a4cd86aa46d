//! A queue with a bound that is shared fairly by the networks it is filled from.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::domain::Site;

/// Addresses are chosen by strangers: hashed with a secret.
type Hasher = foldhash::quality::RandomState;

/// What waits in order. When it is full, the network that takes most room gives up its newest for
/// one of a network that takes less: of *n* networks, whoever has less than an *n*th of the room
/// loses nothing.
#[derive(Debug)]
pub(super) struct SharedQueue<T> {
    most: usize,
    /// What all weigh that are here, and those that were taken out and may come back.
    weight: usize,
    waiting: BTreeMap<i64, Waiting<T>>,
    of_network: BTreeSet<(Site, i64)>,
    room: HashMap<Site, usize, Hasher>,
    /// The last takes most.
    by_room: BTreeSet<(usize, Site)>,
}

/// One that waits, and what it weighs.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Waiting<T> {
    pub network: Site,
    pub weight: usize,
    pub what: T,
}

impl<T> SharedQueue<T> {
    /// A queue of what weighs so much together at most.
    pub(super) fn new(most: usize) -> SharedQueue<T> {
        SharedQueue {
            most,
            weight: 0,
            waiting: BTreeMap::new(),
            of_network: BTreeSet::new(),
            room: HashMap::default(),
            by_room: BTreeSet::new(),
        }
    }

    /// Whether nothing waits, nor is tried.
    pub(super) fn is_empty(&self) -> bool {
        self.weight == 0
    }

    /// Adds one behind all others. Gives those for which there is no room: it, or others.
    pub(super) fn push(&mut self, new: Waiting<T>) -> Vec<T> {
        let mut dropped = Vec::new();
        while self.weight + new.weight > self.most {
            let own = self.room.get(&new.network).copied().unwrap_or_default();
            let newest = match self.by_room.last() {
                Some(&(most, largest)) if most > own => self.newest_of(largest),
                _ => None,
            };
            let Some(gone) = newest.and_then(|at| self.remove(at)) else {
                dropped.push(new.what);
                return dropped;
            };
            self.weight -= gone.weight;
            dropped.push(gone.what);
        }
        self.weight += new.weight;
        let at = self.waiting.last_key_value().map_or(0, |(last, _)| last + 1);
        self.insert(at, new);
        dropped
    }

    /// Takes the first few out, to be tried; their room is kept until [`SharedQueue::tried`].
    pub(super) fn take(&mut self, number: usize) -> Vec<Waiting<T>> {
        let first: Vec<i64> = self.waiting.keys().take(number).copied().collect();
        first.into_iter().filter_map(|at| self.remove(at)).collect()
    }

    /// Those that were taken out come back to the front as far as they are `left`.
    pub(super) fn tried(&mut self, left: Vec<Waiting<T>>) {
        for one in left.into_iter().rev() {
            let at = self.waiting.first_key_value().map_or(0, |(first, _)| first - 1);
            self.insert(at, one);
        }
        self.weight = self.waiting.values().map(|one| one.weight).sum();
    }

    fn newest_of(&self, network: Site) -> Option<i64> {
        let of_it = self.of_network.range((network, i64::MIN)..=(network, i64::MAX));
        of_it.last().map(|&(_, at)| at)
    }

    fn insert(&mut self, at: i64, one: Waiting<T>) {
        self.of_network.insert((one.network, at));
        let room = self.room.get(&one.network).copied().unwrap_or_default();
        self.set_room(one.network, room, room + one.weight);
        self.waiting.insert(at, one);
    }

    fn remove(&mut self, at: i64) -> Option<Waiting<T>> {
        let one = self.waiting.remove(&at)?;
        self.of_network.remove(&(one.network, at));
        let room = self.room.get(&one.network).copied().unwrap_or_default();
        self.set_room(one.network, room, room - one.weight);
        Some(one)
    }

    fn set_room(&mut self, network: Site, before: usize, after: usize) {
        self.by_room.remove(&(before, network));
        if after == 0 {
            self.room.remove(&network);
        } else {
            self.room.insert(network, after);
            self.by_room.insert((after, network));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn network(number: u8) -> Site {
        Site::of([192, 0, 2, number].into())
    }

    fn one(number: u8, what: u32) -> Waiting<u32> {
        Waiting { network: network(number), weight: 1, what }
    }

    fn whole(queue: &mut SharedQueue<u32>) -> Vec<u32> {
        queue.take(usize::MAX).into_iter().map(|one| one.what).collect()
    }

    #[test]
    fn who_comes_from_where_few_are_takes_the_place_of_the_newest_of_the_most() {
        let mut queue = SharedQueue::new(3);
        for what in [1, 2, 3] {
            assert!(queue.push(one(1, what)).is_empty());
        }
        assert_eq!(queue.push(one(1, 4)), [4], "its own network has most");
        assert_eq!(queue.push(one(2, 5)), [3]);
        assert_eq!(queue.push(one(3, 6)), [2]);
        assert_eq!(queue.push(one(3, 7)), [7], "nobody has more");
        assert_eq!(whole(&mut queue), [1, 5, 6]);
    }

    #[test]
    fn what_is_tried_keeps_its_room_and_comes_back_in_front() {
        let mut queue = SharedQueue::new(3);
        for what in [1, 2, 3] {
            queue.push(one(1, what));
        }
        let mut tried = queue.take(2);
        assert_eq!(queue.push(one(2, 4)), [3], "those that are tried cannot go");
        assert_eq!(queue.push(one(2, 5)), [5]);
        tried.remove(0);
        queue.tried(tried);
        assert!(queue.push(one(3, 6)).is_empty());
        assert_eq!(whole(&mut queue), [2, 4, 6]);
        assert!(!queue.is_empty());
        queue.tried(Vec::new());
        assert!(queue.is_empty());
    }

    proptest! {
        /// Whatever comes from wherever, of four networks each has a quarter if it wants it.
        #[test]
        fn a_share_is_safe(coming in prop::collection::vec(0u8..4, 1..120)) {
            let mut queue = SharedQueue::new(12);
            let mut came = [0; 4];
            for number in coming {
                came[usize::from(number)] += 1;
                queue.push(one(number, 0));
            }
            for (number, came) in (0u8..).zip(came) {
                let room = queue.room.get(&network(number)).copied().unwrap_or_default();
                prop_assert!(room >= came.min(3), "{number}: {room} of {came}");
            }
        }

        /// Whatever comes from wherever: it is never fuller than it may be, and nothing is gone that
        /// was not said.
        #[test]
        fn the_books_agree(
            coming in prop::collection::vec((0u8..4, 1usize..3), 1..120),
            taken in 0usize..6,
        ) {
            let mut queue = SharedQueue::new(12);
            let mut inside = Vec::new();
            for (what, (number, weight)) in coming.into_iter().enumerate() {
                let what = u32::try_from(what).unwrap();
                inside.push(what);
                let gone = queue.push(Waiting { network: network(number), weight, what });
                inside.retain(|one| !gone.contains(one));
                prop_assert!(queue.weight <= 12);
            }
            let tried = queue.take(taken);
            queue.tried(tried);
            prop_assert_eq!(queue.room.values().sum::<usize>(), queue.weight);
            prop_assert_eq!(queue.by_room.len(), queue.room.len());
            prop_assert_eq!(whole(&mut queue), inside);
            prop_assert!(queue.room.is_empty() && queue.of_network.is_empty());
        }
    }
}
