//! All devices, bans and events of a store, some at a time.

use std::fmt;

use super::unfinished::is_mark;
use crate::domain::settings::Written;
use crate::domain::{Ban, Device, Event, EventId, Mac};
use crate::store::{Store, StoreError};

/// Devices in memory at a time, a kilobyte each.
pub(super) const PAGE: usize = 1000;

/// How many there are of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Companies; of a document those that it names.
    pub companies: usize,
    /// Users.
    pub users: usize,
    /// Devices.
    pub devices: usize,
    /// Phones, of which a device may have several.
    pub phones: usize,
    /// Devices that were removed, and of which it is known what files had set in them.
    pub removed: usize,
    /// Networks that get nothing, or did of late.
    pub bans: usize,
    /// Of the audit record; those that tell of imports are the store's own.
    pub events: usize,
}

impl Counts {
    pub(super) fn add(&mut self, device: &Device) {
        self.devices += 1;
        self.phones += device.ports().count();
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { companies, users, devices, phones, removed, bans, events } = self;
        write!(f, "companies {companies}, users {users}, devices {devices}, phones {phones}, ")?;
        write!(f, "removed devices {removed}, bans {bans}, events {events}")
    }
}

/// Hands on every device, in order of MAC.
///
/// # Errors
/// The first of `each`, or what the store says.
pub(super) async fn each_device<E: From<StoreError>>(
    store: &dyn Store,
    mut each: impl FnMut(&Device) -> Result<(), E>,
) -> Result<(), E> {
    let mut after = None;
    loop {
        let page = store.devices_after(after, PAGE).await?;
        page.iter().try_for_each(&mut each)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.mac);
    }
}

/// Hands on what files had set in each device that was removed, in order of MAC.
///
/// # Errors
/// The first of `each`, or what the store says.
pub(super) async fn each_removed<E: From<StoreError>>(
    store: &dyn Store,
    mut each: impl FnMut(Mac, &Written) -> Result<(), E>,
) -> Result<(), E> {
    let mut after = None;
    loop {
        let page = store.left_after(after, PAGE).await?;
        page.iter().try_for_each(|(mac, written)| each(*mac, written))?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        after = Some(*last);
    }
}

/// Hands on every ban, also those that are over, in order of the network's text where it is in a
/// database or a file.
///
/// # Errors
/// The first of `each`, or what the store says.
pub(super) async fn each_ban<E: From<StoreError>>(
    store: &dyn Store,
    mut each: impl FnMut(&Ban) -> Result<(), E>,
) -> Result<(), E> {
    let mut after = None;
    loop {
        let page = store.bans_after(after, PAGE).await?;
        page.iter().try_for_each(&mut each)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.network);
    }
}

/// Hands on every event but the marks of imports, oldest first.
///
/// # Errors
/// The first of `each`, or what the store says.
pub(super) async fn each_event<E: From<StoreError>>(
    store: &dyn Store,
    mut each: impl FnMut(&Event) -> Result<(), E>,
) -> Result<(), E> {
    let mut after = EventId::NONE;
    loop {
        let page = store.events_after(after, PAGE).await?;
        page.iter().filter(|event| !is_mark(event)).try_for_each(&mut each)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.id;
    }
}

/// Counts all that a store has.
pub(super) async fn count(store: &dyn Store) -> Result<Counts, StoreError> {
    let tenancy = store.tenancy().await?;
    let (companies, users) = (tenancy.companies.len(), tenancy.users.len());
    let mut counts = Counts { companies, users, ..Counts::default() };
    each_device(store, |device| {
        counts.add(device);
        Ok::<_, StoreError>(())
    })
    .await?;
    each_removed(store, |_, _| {
        counts.removed += 1;
        Ok::<_, StoreError>(())
    })
    .await?;
    each_ban(store, |_| {
        counts.bans += 1;
        Ok::<_, StoreError>(())
    })
    .await?;
    each_event(store, |_| {
        counts.events += 1;
        Ok::<_, StoreError>(())
    })
    .await?;
    Ok(counts)
}
