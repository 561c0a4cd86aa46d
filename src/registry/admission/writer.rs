//! Storing what is to be remembered of how devices proved themselves, off the requests' way.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::domain::admission::{AdmissionState, Lock, OldProofs, Pins, Variation};
use crate::domain::{Action, CompanyId, Device, Event, Mac, Subject, Timestamp, TypeKey};
use crate::registry::change::Plan;
use crate::registry::{Actor, Registry, RegistryError};
use crate::store::Mutation;
use crate::throttle::LogRate;

/// What a device was armed with when a request of it was judged. It is another one from when it is
/// given to a company, armed again or given another token: what was noted before is nothing to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Arming {
    armed: Option<Timestamp>,
    token: u32,
}

impl Arming {
    pub(super) fn of(state: &AdmissionState) -> Arming {
        Arming { armed: state.armed, token: state.token }
    }
}

/// What is to be remembered of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::registry) enum Noted {
    /// What it was first served with.
    Pins(Pins),
    /// It was let in, and differs from its pins.
    Variation {
        variation: Variation,
        /// It gets nothing from now on.
        locks: bool,
        address: IpAddr,
        maker: Option<String>,
        model: Option<TypeKey>,
    },
    /// It came with its own token of that number.
    OwnToken(u32),
    /// It came with the token of that number of a company that it is in.
    CompanyToken { company: CompanyId, number: u32 },
    /// It came with the credentials of that hash.
    Credentials { hash: u32, are_present: bool },
}

/// Devices that wait: what is dropped is told again by the next request.
const QUEUE: usize = 4096;
/// Devices in one commit: half of what who follows the store reads one by one.
const GROUP: usize = 256;
/// A store that failed is left alone for this long.
const PAUSE: Duration = Duration::from_secs(1);

/// Stores what was noted until it is told to stop.
pub(in crate::registry) struct AdmissionWriter(mpsc::Receiver<(Mac, Arming, Noted)>);

pub(in crate::registry) fn channel() -> (mpsc::Sender<(Mac, Arming, Noted)>, AdmissionWriter) {
    let (sender, queue) = mpsc::channel(QUEUE);
    (sender, AdmissionWriter(queue))
}

impl AdmissionWriter {
    /// Ends with `stop`; what waits then is told again by the phones' next requests.
    pub(in crate::registry) async fn run(
        mut self,
        registry: Arc<Registry>,
        stop: CancellationToken,
    ) {
        let mut log = LogRate::default();
        loop {
            let mut group = Vec::with_capacity(GROUP);
            tokio::select! {
                () = stop.cancelled() => return,
                received = self.0.recv_many(&mut group, GROUP) => {
                    if received == 0 {
                        return;
                    }
                }
            }
            match registry.note_admissions(group).await {
                // The next outage is another one.
                Ok(()) => log = LogRate::default(),
                Err(error) => {
                    if let Some(more) = log.due_at(Instant::now()) {
                        tracing::warn!(%error, more, "how phones proved themselves could not be noted");
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}

impl Registry {
    /// Stores what was noted of active devices, in one commit with what is on record of it.
    async fn note_admissions(&self, noted: Vec<(Mac, Arming, Noted)>) -> Result<(), RegistryError> {
        let mut of_devices: BTreeMap<Mac, Vec<(Arming, Noted)>> = BTreeMap::new();
        for (mac, arming, noted) in noted {
            let noted = (arming, noted);
            let of_device = of_devices.entry(mac).or_default();
            if !of_device.contains(&noted) {
                of_device.push(noted);
            }
        }
        let macs: Vec<Mac> = of_devices.keys().copied().collect();
        let now = self.clock.now();
        self.change_devices(&macs, |devices| {
            let mut mutations = Vec::new();
            for device in devices.iter().filter(|device| device.has_active_port()) {
                let mut state = device.admission.clone();
                let mut events = Vec::new();
                let of_device = of_devices.get(&device.mac).into_iter().flatten();
                let is_of_now = |arming: &Arming| *arming == Arming::of(&device.admission);
                for (_, noted) in of_device.filter(|(arming, _)| is_of_now(arming)) {
                    events.extend(take(&mut state, device, noted, now));
                }
                if state != device.admission {
                    let changed = Device { admission: state, ..device.clone() };
                    let expect = Some(device.revision);
                    mutations.push(Mutation::PutDevice { device: changed, expect });
                    mutations.extend(events.into_iter().map(Mutation::Append));
                }
            }
            Plan::commit(mutations, ())
        })
        .await
    }
}

/// Takes one into the state, and says what is to be on record of it.
fn take(
    state: &mut AdmissionState,
    device: &Device,
    noted: &Noted,
    now: Timestamp,
) -> Option<Event> {
    match noted {
        Noted::Pins(pins) => {
            state.pins.get_or_insert_with(|| Box::new(pins.clone()));
            None
        }
        Noted::OwnToken(number) => {
            let mut old = state.old().clone();
            if state.token == *number {
                old.tokens.clear();
            } else if let Some(at) = old.tokens.iter().position(|old| old == number) {
                old.tokens.drain(..at);
            }
            *state = state.clone().with_old(old);
            None
        }
        Noted::CompanyToken { company, number } => {
            let mut old = state.old().clone();
            if device.companies().any(|id| id == company) {
                old.came_with(company, *number);
            }
            *state = state.clone().with_old(old);
            None
        }
        Noted::Credentials { hash, are_present } => {
            state.credentials_used = *hash;
            if *are_present {
                let old = OldProofs { credentials: Vec::new(), ..state.old().clone() };
                *state = state.clone().with_old(old);
            }
            None
        }
        Noted::Variation { variation, locks, address, maker, model } => {
            let pins = state.pins.as_ref()?;
            let is_new = *locks && state.locked.is_none();
            let is_on_record = state.variations.contains(&variation.hash);
            if is_on_record && !is_new {
                return None;
            }
            let before =
                json!({ "network": pins.network, "maker": pins.maker, "model": pins.model });
            let after = json!({ "network": address, "maker": maker, "model": model });
            if !is_on_record {
                if state.variations.len() >= AdmissionState::MAX_VARIATIONS {
                    state.variations.remove(0);
                }
                state.variations.push(variation.hash);
            }
            if is_new {
                state.locked = Some(Lock { at: now, because: variation.varying });
            }
            let action = if is_new { Action::Locked } else { Action::Varied };
            let mut event =
                Actor::Gateway.event(now, action, Subject::Phone, device.mac.to_string());
            event.company = device.companies().next().map(ToString::to_string).unwrap_or_default();
            (event.before, event.after) = (before, after);
            Some(event)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_is_nothing_to_what_was_given_or_armed_since() {
        let at = Timestamp::from_seconds;
        let state = AdmissionState::default().given(at(10));
        let arming = Arming::of(&state);
        let variations = vec![1];
        assert_eq!(Arming::of(&AdmissionState { variations, ..state.clone() }), arming);
        for since in [state.given(at(10)), state.given(at(11)), state.rearmed(at(11))] {
            assert_ne!(Arming::of(&since), arming);
        }
    }
}
