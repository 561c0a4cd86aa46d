//! All devices of a store, some at a time.

use std::fmt;

use crate::domain::Device;
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
}

impl Counts {
    pub(super) fn add(&mut self, device: &Device) {
        self.devices += 1;
        self.phones += device.ports().count();
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { companies, users, devices, phones } = self;
        write!(f, "companies {companies}, users {users}, devices {devices}, phones {phones}")
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
    Ok(counts)
}
