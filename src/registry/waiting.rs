//! Room for the devices that wait for an operator: as many as the quota says and never more,
//! shared fairly by the networks they come from.
//!
//! A device has its room before its commit begins, so that any number of first contacts at
//! once stay within the limit. When there is none left, the network that takes most room gives
//! up its oldest device that no operator touched; a network that takes most itself gives up its
//! own. Of *n* networks, whoever has less than an *n*th of the room loses nothing.
//!
//! Known to this process: several gateways on one store each keep the limit with what they heard of
//! the others. All together have more by at most what the others recorded in the moment until this one
//! hears of it: who knows of no room records one device in the place of another one, which is gone
//! then or the commit is decided anew.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::{Mac, Site, Strength, Timestamp};

/// Which devices wait, and who would have to go. About 80 bytes a device.
#[derive(Debug)]
pub(super) struct InactiveQuota {
    limit: usize,
    // A std lock: nothing awaits under it. Taken by first contacts and by changes to devices,
    // never by a request of a device that is known.
    room: Mutex<Room>,
}

/// Room for a device that is not stored yet. Whatever becomes of who has it, when it is dropped
/// without [`Reservation::keep`] the room is free again and who was to go stays.
#[derive(Debug)]
#[must_use]
pub(super) struct Reservation {
    quota: Arc<InactiveQuota>,
    mac: Mac,
    in_place_of: Option<Mac>,
    is_kept: bool,
}

impl Reservation {
    /// The device that is to go in the same commit.
    pub(super) fn in_place_of(&self) -> Option<Mac> {
        self.in_place_of
    }

    /// The device is stored, and who was to go is gone: memory was told of both.
    pub(super) fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if !self.is_kept {
            self.quota.release(self.mac, self.in_place_of);
        }
    }
}

/// Why there is no room for a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoRoom {
    /// It has some already.
    Already,
    /// Nobody is left who would have to go.
    Full,
}

/// What came of looking for room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reserved {
    Room,
    /// Room once this device is gone, which is to go in the same commit.
    InPlaceOf(Mac),
    /// It has room already.
    Already,
    /// Nobody is left who would have to go.
    Full,
}

/// A device that waits, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WaitingDevice {
    pub mac: Mac,
    /// Where its first request came from, whoever asked in its name since: else a flood could
    /// take it with it. `None` when nobody saw it yet.
    pub address: Option<IpAddr>,
    /// First contact.
    pub created: Timestamp,
    /// Whether an operator gave it anything: then it stays.
    pub is_touched: bool,
}

impl InactiveQuota {
    pub(super) fn new(limit: usize) -> InactiveQuota {
        InactiveQuota { limit, room: Mutex::default() }
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// Devices that wait or have room to.
    pub(super) fn len(&self) -> usize {
        let room = self.room();
        room.devices.len() - room.leaving
    }

    /// Whether more devices wait than may, with those that have room: another gateway recorded some
    /// meanwhile.
    pub(super) fn is_over_limit(&self) -> bool {
        self.len() > self.limit
    }

    /// Tells of a device that has room and is not stored yet whether it is claimed to be something
    /// with more weight than before.
    pub(super) fn claims_more(&self, mac: Mac, strength: Strength) -> Option<bool> {
        let mut room = self.room();
        let slot =
            room.devices.get_mut(&mac.bits()).filter(|slot| slot.state == SlotState::Reserved)?;
        let is_more = strength > slot.strength;
        slot.strength = slot.strength.max(strength);
        Some(is_more)
    }

    /// Finds room for a device that is not known: `mac`, whose first request comes from `address`.
    pub(super) fn take_room(
        self: &Arc<Self>,
        mac: Mac,
        address: IpAddr,
        strength: Strength,
    ) -> Result<Reservation, NoRoom> {
        let in_place_of = match self.reserve(mac, address, strength) {
            Reserved::Room => None,
            Reserved::InPlaceOf(gone) => Some(gone),
            Reserved::Already => return Err(NoRoom::Already),
            Reserved::Full => return Err(NoRoom::Full),
        };
        Ok(Reservation { quota: Arc::clone(self), mac, in_place_of, is_kept: false })
    }

    fn reserve(&self, mac: Mac, address: IpAddr, strength: Strength) -> Reserved {
        let mut room = self.room();
        if room.devices.contains_key(&mac.bits()) {
            return Reserved::Already;
        }
        let network = Site::of(address);
        let leaves = if room.devices.len() - room.leaving < self.limit {
            None
        } else {
            match room.next_to_leave(network) {
                Some(leaves) => Some(leaves),
                None => return Reserved::Full,
            }
        };
        room.insert(mac.bits(), Slot { network, created: 0, state: SlotState::Reserved, strength });
        leaves.map_or(Reserved::Room, Reserved::InPlaceOf)
    }

    /// The device was not stored, and whoever was to go in its place did not.
    fn release(&self, mac: Mac, in_place_of: Option<Mac>) {
        let mut room = self.room();
        if room.devices.get(&mac.bits()).is_some_and(|slot| slot.state == SlotState::Reserved) {
            room.remove(mac.bits());
        }
        if let Some(stays) = in_place_of {
            room.stays(stays);
        }
    }

    /// Takes over that the store has this device, and that it waits. One that is here without
    /// a reservation counts like the others, also above the limit.
    pub(super) fn put(&self, device: WaitingDevice) {
        let mut room = self.room();
        let mac = device.mac.bits();
        let state = match device.address {
            Some(_) if !device.is_touched => SlotState::Evictable,
            _ => SlotState::Pinned,
        };
        let before = room.remove(mac);
        // One that is to go goes, whatever was claimed of it meanwhile: chosen again, it would
        // make room for two.
        let state = match before {
            Some(Slot { state: SlotState::Evicting, .. }) if state == SlotState::Evictable => {
                SlotState::Evicting
            }
            _ => state,
        };
        let network = device.address.map_or(Site::UNKNOWN, Site::of);
        let created = u32::try_from(device.created.seconds().max(0)).unwrap_or(u32::MAX);
        let strength = Strength::Assumed;
        room.insert(mac, Slot { network, created, state, strength });
    }

    /// The device is gone, or an operator promoted it. What was reserved for one that comes stays:
    /// whoever reserved it says what comes of it.
    pub(super) fn remove(&self, mac: Mac) {
        let mut room = self.room();
        if room.devices.get(&mac.bits()).is_some_and(|slot| slot.state != SlotState::Reserved) {
            room.remove(mac.bits());
        }
    }

    fn room(&self) -> MutexGuard<'_, Room> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    network: Site,
    /// Seconds, as the index keeps them.
    created: u32,
    state: SlotState,
    /// How strong the strongest claim was that was made while it was [`SlotState::Reserved`].
    strength: Strength,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SlotState {
    /// Its commit is under way, or waits for a store that is away.
    Reserved,
    /// It is there, and may have to go.
    Evictable,
    /// An operator touched it.
    Pinned,
    /// The commit that removes it is under way.
    Evicting,
}

/// MACs are chosen by strangers: hashed with a secret.
type Hasher = foldhash::quality::RandomState;

#[derive(Debug, Default)]
struct Room {
    devices: HashMap<u64, Slot, Hasher>,
    /// Those that may go, by network and then oldest first.
    oldest: BTreeSet<(Site, u32, u64)>,
    networks: HashMap<Site, Count, Hasher>,
    /// Networks of which one may go, by how much room they take: the last takes most.
    by_room: BTreeSet<(u32, Site)>,
    leaving: usize,
}

/// What is counted of one network.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Count {
    /// Those that may go, and those that come: a flood counts before it is stored.
    room: u32,
    may_go: u32,
}

impl Room {
    fn insert(&mut self, mac: u64, slot: Slot) {
        match slot.state {
            SlotState::Evictable => {
                self.oldest.insert((slot.network, slot.created, mac));
                self.count(slot.network, 1, 1);
            }
            SlotState::Reserved => self.count(slot.network, 1, 0),
            SlotState::Evicting => self.leaving += 1,
            SlotState::Pinned => {}
        }
        self.devices.insert(mac, slot);
    }

    fn remove(&mut self, mac: u64) -> Option<Slot> {
        let slot = self.devices.remove(&mac)?;
        match slot.state {
            SlotState::Evictable => {
                self.oldest.remove(&(slot.network, slot.created, mac));
                self.count(slot.network, -1, -1);
            }
            SlotState::Reserved => self.count(slot.network, -1, 0),
            SlotState::Evicting => self.leaving -= 1,
            SlotState::Pinned => {}
        }
        Some(slot)
    }

    fn count(&mut self, network: Site, room: i32, may_go: i32) {
        let before = self.networks.get(&network).copied().unwrap_or_default();
        let after = Count {
            room: before.room.saturating_add_signed(room),
            may_go: before.may_go.saturating_add_signed(may_go),
        };
        self.by_room.remove(&(before.room, network));
        if after == Count::default() {
            self.networks.remove(&network);
            return;
        }
        self.networks.insert(network, after);
        if after.may_go > 0 {
            self.by_room.insert((after.room, network));
        }
    }

    /// Who has to go for one more of `network`, from now on [`SlotState::Evicting`]: the oldest of
    /// the network that takes most room, if it takes more than this one; else its own oldest.
    fn next_to_leave(&mut self, network: Site) -> Option<Mac> {
        let own = self.networks.get(&network).copied().unwrap_or_default();
        let &(most, largest) = self.by_room.last()?;
        let from = if most > own.room { largest } else { network };
        let &(_, _, mac) =
            self.oldest.range((from, 0, 0)..).next().filter(|next| next.0 == from)?;
        let slot = self.remove(mac)?;
        self.insert(mac, Slot { state: SlotState::Evicting, ..slot });
        Some(Mac::from_bits(mac))
    }

    /// It did not have to go after all.
    fn stays(&mut self, mac: Mac) {
        let is_leaving = |slot: &&Slot| slot.state == SlotState::Evicting;
        if self.devices.get(&mac.bits()).filter(is_leaving).is_some()
            && let Some(slot) = self.remove(mac.bits())
        {
            self.insert(mac.bits(), Slot { state: SlotState::Evictable, ..slot });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn mac(number: u64) -> Mac {
        Mac::from_bits(0x0015_6500_0000 + number)
    }

    fn address(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    fn waits(number: u64, last: u8, created: Timestamp) -> WaitingDevice {
        let (mac, address) = (mac(number), Some(address(last)));
        WaitingDevice { mac, address, created, is_touched: false }
    }

    fn reserve(room: &InactiveQuota, number: u64, last: u8) -> Reserved {
        room.reserve(mac(number), address(last), Strength::Path)
    }

    #[test]
    fn what_has_no_room_yet_counts() {
        let room = InactiveQuota::new(2);
        assert_eq!(reserve(&room, 1, 1), Reserved::Room);
        assert_eq!(reserve(&room, 1, 1), Reserved::Already);
        assert_eq!(reserve(&room, 2, 1), Reserved::Room);
        assert_eq!(reserve(&room, 3, 1), Reserved::Full, "nobody is there who could go");
        room.release(mac(2), None);
        assert_eq!(reserve(&room, 3, 1), Reserved::Room);
        assert_eq!(room.len(), 2);
    }

    #[test]
    fn what_is_dropped_gives_its_room_back() {
        let room = Arc::new(InactiveQuota::new(1));
        room.put(waits(1, 1, Timestamp::from_seconds(10)));
        let take = |number| room.take_room(mac(number), address(1), Strength::Path);
        let reservation = take(2).unwrap();
        assert_eq!(reservation.in_place_of(), Some(mac(1)));
        assert_eq!(take(2).unwrap_err(), NoRoom::Already);
        assert_eq!(take(3).unwrap_err(), NoRoom::Full);
        drop(reservation);
        let reservation = take(3).unwrap();
        assert_eq!(reservation.in_place_of(), Some(mac(1)), "it stayed");
        room.remove(mac(1));
        room.put(waits(3, 1, Timestamp::from_seconds(20)));
        reservation.keep();
        assert_eq!(room.len(), 1);
        assert_eq!(take(3).unwrap_err(), NoRoom::Already);
    }

    #[test]
    fn the_network_with_most_gives_up_its_oldest() {
        let room = InactiveQuota::new(4);
        for (number, last, created) in [(1, 1, 50), (2, 9, 30), (3, 9, 20), (4, 9, 40)] {
            room.put(waits(number, last, Timestamp::from_seconds(created)));
        }
        assert_eq!(reserve(&room, 5, 2), Reserved::InPlaceOf(mac(3)));
        assert_eq!(reserve(&room, 6, 2), Reserved::InPlaceOf(mac(2)), "the first is leaving");
        assert_eq!(room.len(), 4);
        // The store would not have one of the two gone.
        room.release(mac(5), Some(mac(3)));
        assert_eq!(reserve(&room, 7, 2), Reserved::InPlaceOf(mac(3)));
        room.remove(mac(3));
        room.put(waits(7, 2, Timestamp::from_seconds(60)));
        assert_eq!(room.len(), 4);
    }

    #[test]
    fn whom_an_operator_touched_stays() {
        let room = InactiveQuota::new(2);
        room.put(WaitingDevice { is_touched: true, ..waits(1, 1, Timestamp::from_seconds(10)) });
        room.put(WaitingDevice { address: None, ..waits(2, 1, Timestamp::from_seconds(10)) });
        assert_eq!(reserve(&room, 3, 2), Reserved::Full);
        room.put(waits(1, 1, Timestamp::from_seconds(10)));
        assert_eq!(reserve(&room, 3, 2), Reserved::InPlaceOf(mac(1)));
    }

    #[test]
    fn one_that_is_to_go_is_not_chosen_again_when_more_is_claimed_of_it() {
        let room = InactiveQuota::new(1);
        room.put(waits(1, 1, Timestamp::from_seconds(10)));
        assert_eq!(reserve(&room, 2, 1), Reserved::InPlaceOf(mac(1)));
        room.put(waits(1, 1, Timestamp::from_seconds(10)));
        assert_eq!(reserve(&room, 3, 1), Reserved::Full);
        assert_eq!(room.len(), 1);
        room.put(WaitingDevice { is_touched: true, ..waits(1, 1, Timestamp::from_seconds(10)) });
        room.release(mac(2), Some(mac(1)));
        assert_eq!(reserve(&room, 2, 1), Reserved::Full, "an operator touched it");
    }

    #[test]
    fn a_promoted_one_leaves_room() {
        let room = InactiveQuota::new(1);
        room.put(waits(1, 1, Timestamp::from_seconds(10)));
        assert_eq!(reserve(&room, 2, 1), Reserved::InPlaceOf(mac(1)));
        room.remove(mac(1));
        room.release(mac(2), Some(mac(1)));
        assert_eq!((room.len(), reserve(&room, 2, 1)), (0, Reserved::Room));
    }

    #[test]
    fn a_flood_takes_nothing_from_those_with_less_than_their_share() {
        let room = InactiveQuota::new(100);
        let mut stored: BTreeMap<u64, u8> = BTreeMap::new();
        let mut come = |number: u64, last: u8| {
            match reserve(&room, number, last) {
                Reserved::Room => {}
                Reserved::InPlaceOf(gone) => {
                    stored.remove(&(gone.bits() - mac(0).bits()));
                    room.remove(gone);
                }
                other => panic!("{other:?}"),
            }
            room.put(waits(number, last, Timestamp::from_seconds(i64::try_from(number).unwrap())));
            stored.insert(number, last);
            assert!(stored.len() <= 100);
        };
        (0..20).for_each(|number| come(number, 1));
        // Three addresses, a thousand each: of four networks, each has a quarter.
        (100..3_100).for_each(|number| come(number, 2 + u8::try_from(number % 3).unwrap()));
        let of = |last| stored.values().filter(|&&of| of == last).count();
        assert_eq!(of(1), 20);
        assert!((2..5).all(|last| (26..=27).contains(&of(last))));
    }

    proptest! {
        /// Whatever is asked, in whatever order: never more than the limit, and what is kept
        /// by number agrees with what is kept by device.
        #[test]
        fn the_books_agree(steps in prop::collection::vec((0u8..5, 0u64..12, 1u8..4), 1..200)) {
            let room = InactiveQuota::new(5);
            let mut leaving: BTreeMap<u64, Option<Mac>> = BTreeMap::new();
            for (at, (step, number, last)) in steps.into_iter().enumerate() {
                match step {
                    0 | 1 => match reserve(&room, number, last) {
                        Reserved::Room => drop(leaving.insert(number, None)),
                        Reserved::InPlaceOf(gone) => drop(leaving.insert(number, Some(gone))),
                        Reserved::Already | Reserved::Full => {}
                    },
                    2 => if let Some(gone) = leaving.remove(&number) {
                        gone.into_iter().for_each(|gone| room.remove(gone));
                        room.put(waits(number, last, Timestamp::from_seconds(at as i64)));
                    },
                    3 => if let Some(gone) = leaving.remove(&number) {
                        room.release(mac(number), gone);
                    },
                    _ => if !leaving.contains_key(&number) {
                        room.remove(mac(number));
                    },
                }
                let inside = room.room();
                prop_assert!(inside.devices.len() - inside.leaving <= 5);
                let with = |stay| inside.devices.values().filter(|slot| slot.state == stay).count();
                prop_assert_eq!(with(SlotState::Evicting), inside.leaving);
                prop_assert_eq!(with(SlotState::Evictable), inside.oldest.len());
                let sum = |of: fn(&Count) -> u32| inside.networks.values().map(of).sum::<u32>() as usize;
                prop_assert_eq!(sum(|count| count.may_go), inside.oldest.len());
                prop_assert_eq!(sum(|count| count.room), inside.oldest.len() + with(SlotState::Reserved));
                let may_go = inside.networks.iter().filter(|(_, count)| count.may_go > 0);
                let by_room: BTreeSet<_> = may_go.map(|(of, count)| (count.room, *of)).collect();
                prop_assert_eq!(&by_room, &inside.by_room);
            }
        }
    }
}
