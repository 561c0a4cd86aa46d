//! Recording what strangers' requests tell, off the requests' way.
//!
//! A refusal promises nothing, so it does not wait for the disk: else its time would tell
//! known devices from unknown ones, and a slow store would hold the connections of phones.
//! What is to be recorded waits in a queue of its own, so that strangers do not push out the
//! sightings of known phones. While the store takes nothing, what was told is held, up to a limit
//! that networks share fairly, and recorded when it does again. What there is no room for is
//! dropped: the phone comes again. Memory, and so every list, has a device only once it is stored.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::actor::Actor;
use super::change::Plan;
use super::index::{Index, Untouched};
use super::newcomer::Newcomer;
use super::quota::Counted;
use super::shares::{SharedQueue, Waiting};
use super::waiting::{NoRoom, Reservation};
use super::{Directory, Registry, RegistryError};
use crate::domain::{Action, Claim, Device, Mac, Site, Strength, Subject, Timestamp};
use crate::store::Mutation;
use crate::throttle::LogRate;

/// Contacts that wait, half a kilobyte each: what a storm of unknown phones brings while one
/// slow commit is written.
const QUEUE: usize = 8192;
/// Devices recorded at once: as many as the store writes in one transaction. The next group begins
/// when the disk has this one, so this many are recorded in the time of a commit.
const GROUP: usize = 1024;

/// The time from the first contact that waits until it is recorded, with all that came meanwhile.
/// Begun at once, a commit takes a processor from the next requests, and who asks in a row hears
/// from their time which MAC was new; put off so long it falls on no request in particular.
const GATHERING: Duration = Duration::from_millis(20);

/// Contacts that are held while the store takes nothing.
const HELD: usize = 8192;
/// How often the store is tried then, and with what so many devices told, all of which wait for
/// nothing in an outage: what is held is recorded within a second of its return.
const RETRY: Duration = Duration::from_millis(250);
const TRIED: usize = 16;

/// What a request told that is to be recorded.
pub(super) enum Contact {
    /// A device that is not known; there is room for it, and it counts for its network.
    First { newcomer: Box<Newcomer>, room: Reservation, counted: Counted },
    /// What a known device is, of which so many ports are believed.
    Claim { mac: Mac, claim: Box<Claim>, ports: u16 },
}

impl Contact {
    fn mac(&self) -> Mac {
        match self {
            Contact::First { newcomer, .. } => newcomer.mac,
            Contact::Claim { mac, .. } => *mac,
        }
    }

    /// Where it came from.
    fn network(&self) -> Site {
        let address = match self {
            Contact::First { newcomer, .. } => Some(newcomer.address),
            Contact::Claim { claim, .. } => claim.address,
        };
        address.map_or(Site::UNKNOWN, Site::of)
    }
}

enum Item {
    Contact(Contact),
    /// Answered when all before it was tried.
    Flush(oneshot::Sender<()>),
}

/// What one device told, in order.
type OfDevice = Vec<Contact>;

/// The way to the recorder, and how it is doing.
pub(super) struct Contacts {
    queue: mpsc::Sender<Item>,
    /// Ends the recorder's [`GATHERING`]: somebody waits.
    hurry: Arc<Notify>,
    dropped: AtomicU64,
    store_failed: AtomicBool,
    log: LogRate,
    held_log: LogRate,
}

/// Records contacts, see [`ContactRecorder::run`].
pub(super) struct ContactRecorder {
    queue: mpsc::Receiver<Item>,
    hurry: Arc<Notify>,
}

pub(super) fn channel() -> (Contacts, ContactRecorder) {
    let (sender, queue) = mpsc::channel(QUEUE);
    let hurry = Arc::new(Notify::new());
    let contacts = Contacts {
        queue: sender,
        hurry: hurry.clone(),
        dropped: AtomicU64::new(0),
        store_failed: AtomicBool::new(false),
        log: LogRate::default(),
        held_log: LogRate::default(),
    };
    (contacts, ContactRecorder { queue, hurry })
}

impl Contacts {
    /// Whether there was room in the queue.
    pub(super) fn send(&self, contact: Contact) -> Result<(), Contact> {
        self.queue.try_send(Item::Contact(contact)).map_err(|error| match error.into_inner() {
            Item::Contact(contact) => contact,
            Item::Flush(_) => unreachable!("a contact was sent"),
        })
    }

    /// Contacts that were dropped since the start.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Whether the last of them could not be stored.
    pub(super) fn store_failed(&self) -> bool {
        self.store_failed.load(Ordering::Relaxed)
    }

    pub(super) fn note_dropped(&self, why: &dyn std::fmt::Display) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
        if let Some(more) = self.log.due_at(Instant::now()) {
            tracing::warn!(more, "an unknown phone was not recorded: {why}");
        }
    }

    fn note_held(&self, why: &RegistryError) {
        if let Some(more) = self.held_log.due_at(Instant::now()) {
            tracing::warn!(more, "unknown phones are recorded when the store takes them: {why}");
        }
    }
}

impl ContactRecorder {
    /// Records until `stop`, and what waits then no more: see [`Registry::flush_contacts`].
    pub(super) async fn run(mut self, registry: Arc<Registry>, stop: CancellationToken) {
        let mut group = Vec::with_capacity(GROUP);
        let mut held = Held::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                received = self.queue.recv_many(&mut group, GROUP) => if received == 0 { return },
                () = held.try_again(&registry) => continue,
            }
            // A group that is full at once is one of many.
            if group.len() < GROUP {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(GATHERING) => {}
                    () = self.hurry.notified() => {}
                }
                self.take_more(&mut group);
            }
            let mut flushed = Vec::new();
            let mut contacts: Vec<(Mac, OfDevice)> = Vec::with_capacity(group.len());
            for item in group.drain(..) {
                match item {
                    Item::Flush(done) => flushed.push(done),
                    Item::Contact(contact) => by_device(&mut contacts, contact),
                }
            }
            let contacts = contacts.into_iter().map(|(_, of_device)| of_device);
            // What comes later is not recorded before what is held: both may be of one device.
            let left = if held.is_empty() {
                record_all(&registry, contacts).await
            } else {
                contacts.collect()
            };
            held.take(left, &registry);
            for done in flushed {
                // Whoever asked may have gone.
                let _ = done.send(());
            }
        }
    }

    /// What else waits, up to a full group.
    fn take_more(&mut self, group: &mut Vec<Item>) {
        while group.len() < GROUP
            && let Ok(item) = self.queue.try_recv()
        {
            group.push(item);
        }
    }
}

/// Records what each of some devices told, and gives what could not be stored and may be later.
async fn record_all(
    registry: &Arc<Registry>,
    contacts: impl Iterator<Item = OfDevice>,
) -> Vec<OfDevice> {
    let mut recording = JoinSet::new();
    for of_device in contacts {
        let registry = registry.clone();
        recording.spawn(async move { registry.record(of_device).await });
    }
    let mut left = Vec::new();
    while let Some(recorded) = recording.join_next().await {
        match recorded {
            Ok(rest) if rest.is_empty() => {}
            Ok(rest) => left.push(rest),
            Err(error) => tracing::error!(%error, "recording an unknown phone failed"),
        }
    }
    left
}

/// What the store did not take.
struct Held {
    contacts: SharedQueue<OfDevice>,
    /// The first of them, with which the store is tried now, beside what else there is to do: one
    /// that does not answer says so seconds later.
    trying: Option<AbortOnDropHandle<Vec<OfDevice>>>,
    /// How many devices those are.
    tried: usize,
    /// Whether it took any when it was last tried.
    takes: bool,
    /// When the store is tried next.
    next: Option<tokio::time::Instant>,
}

impl Held {
    fn new() -> Held {
        let contacts = SharedQueue::new(HELD);
        Held { contacts, trying: None, tried: 0, takes: false, next: None }
    }

    fn is_empty(&self) -> bool {
        self.contacts.is_empty()
    }

    /// Holds these too, as far as there is room.
    fn take(&mut self, left: Vec<OfDevice>, registry: &Registry) {
        for waiting in left.into_iter().filter_map(as_waiting) {
            let dropped = self.contacts.push(waiting);
            dropped.into_iter().flatten().for_each(|contact| registry.drop_contact(contact));
        }
        if !self.is_empty() && self.next.is_none() {
            self.takes = false;
            self.next = Some(tokio::time::Instant::now() + RETRY);
        }
    }

    /// Tries the store with some of them when it is time; never ends when there are none. May
    /// be given up at any point, and goes on there.
    async fn try_again(&mut self, registry: &Arc<Registry>) {
        if self.trying.is_none() {
            let Some(next) = self.next else { return std::future::pending().await };
            tokio::time::sleep_until(next).await;
        }
        let trying = self.trying.get_or_insert_with(|| {
            let most = if self.takes { GROUP } else { TRIED };
            let mut group = Vec::with_capacity(most);
            // Those of one device come one after the other, whenever they were told.
            for contact in self.contacts.take(most).into_iter().flat_map(|waiting| waiting.what) {
                by_device(&mut group, contact);
            }
            self.tried = group.len();
            let (group, registry) = (group.into_iter().map(|(_, told)| told), registry.clone());
            let trying = async move { record_all(&registry, group).await };
            AbortOnDropHandle::new(tokio::spawn(trying))
        });
        let left = trying.await.unwrap_or_else(|error| {
            tracing::error!(%error, "recording unknown phones failed");
            Vec::new()
        });
        self.trying = None;
        self.takes = left.len() < self.tried;
        let pause = if self.takes { Duration::ZERO } else { RETRY };
        // In front again: what follows may be of the same devices.
        self.contacts.tried(left.into_iter().filter_map(as_waiting).collect());
        self.next = (!self.is_empty()).then(|| tokio::time::Instant::now() + pause);
    }
}

/// What one device told counts for the network it came from first; `None`: it told nothing.
fn as_waiting(of_device: OfDevice) -> Option<Waiting<OfDevice>> {
    let network = of_device.first()?.network();
    Some(Waiting { network, weight: of_device.len(), what: of_device })
}

const TOO_MANY_HELD: &str = "the store takes nothing, and as many wait for it as can";

/// Contacts of one device are recorded in their order, those of others beside them. Of a
/// group few are of one device, and those stand close together.
fn by_device(contacts: &mut Vec<(Mac, OfDevice)>, contact: Contact) {
    let mac = contact.mac();
    match contacts.iter_mut().rev().find(|(known, _)| *known == mac) {
        Some((_, of_device)) => of_device.push(contact),
        None => contacts.push((mac, vec![contact])),
    }
}

impl Registry {
    /// Returns when all that was told before is recorded, dropped, or held until the store takes
    /// something again.
    pub async fn flush_contacts(&self) {
        let (done, flushed) = oneshot::channel();
        if self.contacts.queue.send(Item::Flush(done)).await.is_ok() {
            self.contacts.hurry.notify_one();
            // An error: the recorder has ended, and nothing waits any more.
            let _ = flushed.await;
        }
    }

    /// All are of one device. Gives those that the store did not take and may take later. Whatever
    /// ends this early leaves nothing taken.
    async fn record(&self, contacts: OfDevice) -> OfDevice {
        let mut contacts = contacts.into_iter();
        while let Some(contact) = contacts.next() {
            match self.record_one(contact).await {
                Ok(()) => self.contacts.store_failed.store(false, Ordering::Relaxed),
                Err((error, contact)) => {
                    self.contacts.store_failed.store(error.is_ours(), Ordering::Relaxed);
                    if let Some(contact) = contact
                        && error.may_be_stored_later()
                    {
                        self.contacts.note_held(&error);
                        return std::iter::once(contact).chain(contacts).collect();
                    }
                    self.contacts.note_dropped(&error);
                }
            }
        }
        Vec::new()
    }

    /// With an error comes back what was to be recorded, as it was.
    async fn record_one(&self, contact: Contact) -> Result<(), (RegistryError, Option<Contact>)> {
        match contact {
            Contact::First { newcomer, room, counted } => {
                let mut room = Some(room);
                match self.record_first(&newcomer, &mut room).await {
                    Ok(was_recorded) => {
                        if was_recorded {
                            counted.keep();
                            room.into_iter().for_each(Reservation::keep);
                        }
                        Ok(())
                    }
                    Err(error) => {
                        let again = |room| Contact::First { newcomer, room, counted };
                        Err((error, room.map(again)))
                    }
                }
            }
            Contact::Claim { mac, claim, ports } => {
                let index = &self.memory.index;
                let mut settling = Settling { index, mac, strength: Strength::default() };
                match self.record_claim(mac, &claim, ports).await {
                    Ok(strength) => {
                        settling.strength = strength;
                        Ok(())
                    }
                    Err(error) => {
                        // Held, it need not be said again.
                        if error.may_be_stored_later() {
                            settling.strength = claim.strength;
                        }
                        Err((error, Some(Contact::Claim { mac, claim, ports })))
                    }
                }
            }
        }
    }

    /// There is no room for it where it is held.
    fn drop_contact(&self, contact: Contact) {
        if let Contact::Claim { mac, .. } = contact {
            self.memory.index.claimed(mac, Strength::default());
        }
        self.contacts.note_dropped(&TOO_MANY_HELD);
    }

    /// Whether it was recorded, in the room that is left then.
    async fn record_first(
        &self,
        newcomer: &Newcomer,
        room: &mut Option<Reservation>,
    ) -> Result<bool, RegistryError> {
        let device = newcomer.device();
        let (mac, index) = (newcomer.mac, &self.memory.index);
        let recorded = self
            .make_device(mac, |there| {
                // An operator made it, or another gateway recorded it.
                if there.is_some() || index.revision(mac).is_some() {
                    return Ok(Plan::nothing(false));
                }
                let remove = loop {
                    let gone = room.as_ref().and_then(Reservation::in_place_of);
                    match gone.map(|gone| (gone, index.untouched(gone))) {
                        Some((mac, Untouched::At(expect))) => {
                            break Some(Mutation::RemoveDevice { mac, expect });
                        }
                        // There is room; unless another gateway took it meanwhile, maybe that of the
                        // one that was to go, with it.
                        None | Some((_, Untouched::Absent)) if !index.waiting().is_over_limit() => {
                            break None;
                        }
                        // Or an operator promoted or touched that one since it was chosen, and what
                        // was acknowledged stays.
                        _ => {}
                    }
                    // Somebody else is to go.
                    *room = None;
                    match index.waiting().take_room(mac, newcomer.address, device.strength()) {
                        Ok(another) => *room = Some(another),
                        Err(NoRoom::Already) => return Ok(Plan::nothing(false)),
                        Err(NoRoom::Full) => {
                            self.new_macs.note_full(index.waiting().limit());
                            return Ok(Plan::nothing(false));
                        }
                    }
                };
                let put = Mutation::PutDevice { device: device.clone(), expect: None };
                // In this order no list has one more than the limit.
                Ok(Plan::commit(remove.into_iter().chain([put]).collect(), true))
            })
            .await;
        if matches!(recorded, Ok(true))
            && room.as_ref().is_some_and(|room| room.in_place_of().is_some())
        {
            self.new_macs.note_evicted(index.waiting().limit());
        }
        recorded
    }

    /// Gives what a claim must be stronger than from now on.
    async fn record_claim(
        &self,
        mac: Mac,
        claim: &Claim,
        ports: u16,
    ) -> Result<Strength, RegistryError> {
        let (now, catalogue) = (self.clock.now(), self.catalogue());
        let told = self.change_device_if_any(&Actor::Gateway, mac, |device, directory| {
            // What tells no type only takes one away, and anybody's `curl` does that. So it takes
            // none from a phone that an operator promoted as something, and else only what was
            // said from the same network.
            let is_heard = match claim.strength {
                _ if device.has_active_port() => !catalogue.is_generic(&claim.phone_type),
                Strength::Contradicted => is_from_where_it_was_said(claim, device),
                _ => true,
            };
            if !is_heard {
                return Ok(Plan::nothing(device.strength()));
            }
            match device.claimed(claim.clone(), ports, now) {
                None => Ok(Plan::nothing(device.strength())),
                Some(claimed) if claimed.has_active_port() => {
                    Ok(self.reconsider(device, claimed, directory, now))
                }
                Some(claimed) => {
                    let strength = claimed.strength();
                    Ok(Plan::device(Some(device), Some(claimed), strength))
                }
            }
        });
        Ok(told.await?.unwrap_or(Strength::Assumed))
    }

    /// A device that was promoted and never served: it becomes what it is claimed to be,
    /// when that can be configured.
    fn reconsider(
        &self,
        device: &Device,
        claimed: Device,
        directory: &Arc<Directory>,
        now: Timestamp,
    ) -> Plan<Strength> {
        let strength = claimed.strength();
        if claimed.phone_type == device.phone_type {
            return Plan::device(Some(device), Some(claimed), strength);
        }
        let named = claimed.phone_ids().next().expect("a device has a phone");
        let change = (Some(device), claimed.clone());
        let plan = match self.plan_device(&Actor::Gateway, named, change, directory, strength) {
            Ok(plan) => plan,
            Err(error) => {
                tracing::warn!(%error, phone_type = %claimed.phone_type, "a phone may be of another type than it was promoted as");
                let as_before = Device { claims: claimed.claims, ..device.clone() };
                return Plan::device(Some(device), Some(as_before), strength);
            }
        };
        let name = device.mac.to_string();
        let mut event = Actor::Gateway.event(now, Action::Retyped, Subject::Phone, name);
        event.company = device.companies().next().map(ToString::to_string).unwrap_or_default();
        event.before = summary(device);
        event.after = summary(&claimed);
        plan.recorded(event)
    }
}

/// What a claim must be stronger than, said to memory when it is dropped: nothing, where the claim
/// was not stored, so that the next that says the same is recorded.
struct Settling<'a> {
    index: &'a Index,
    mac: Mac,
    strength: Strength,
}

impl Drop for Settling<'_> {
    fn drop(&mut self) {
        self.index.claimed(self.mac, self.strength);
    }
}

/// Whether a claim comes from the network that what counts was said from; where nobody said
/// anything, from the one that the device was first seen in.
fn is_from_where_it_was_said(claim: &Claim, device: &Device) -> bool {
    let seen = device.sighting.as_ref().map(|seen| Site::of(seen.address));
    let said = device.claims.strongest().and_then(Claim::site).or(seen);
    said.is_none() || claim.address.map(Site::of) == said
}

/// What an audit record says of a device's make-up.
fn summary(device: &Device) -> serde_json::Value {
    serde_json::json!({
        "phone_type": device.phone_type,
        "ports": device.ports().count(),
        "strength": device.strength(),
    })
}
