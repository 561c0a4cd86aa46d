//! Whether what a request presents are the credentials of the device it is about.

use std::sync::Arc;

use quick_cache::sync::Cache;

use super::Fetch;
use super::provisioner::Provisioner;
use super::rendered::Version;
use crate::catalogue::Catalogue;
use crate::domain::settings::UnreadableLayer;
use crate::domain::{Credentials, Mac};

/// What came of holding the credentials of a request against those of its device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CredentialCheck {
    /// It has those of its device; who names none, or one that is not active, those of all.
    Proven {
        /// Those it has, and whether they are the present ones, when those from before are proof,
        /// too.
        retires: Option<Box<(Credentials, bool)>>,
    },
    /// It presents none.
    Nothing,
    /// It presents wrong ones, or there are none to present; why, in words for the log.
    Wrong(String),
}

/// The credentials of active devices that presented some lately: they are asked for with each
/// request, and reading settings takes longer than all else of it.
#[derive(Debug)]
pub(super) struct CredentialCache(Cache<Option<Mac>, (Version, Arc<[Credentials]>)>);

/// Ten thousand phones and some, at 400 bytes some 7 MB.
const DEVICES: usize = 16_384;

impl CredentialCache {
    pub(super) fn new() -> CredentialCache {
        CredentialCache(Cache::new(DEVICES))
    }
}

impl CredentialCheck {
    /// Whether the request has the credentials of its device.
    pub(super) fn is_proven(&self) -> bool {
        matches!(self, CredentialCheck::Proven { .. })
    }

    /// Whether the request has to be answered with the challenge.
    pub(super) fn is_wanting(&self, fetch: &Fetch) -> bool {
        fetch.is_challenged && !self.is_proven()
    }

    /// Why, in words for the log.
    pub(super) fn wanting(&self, fetch: &Fetch) -> String {
        match self {
            CredentialCheck::Wrong(why) => why.clone(),
            CredentialCheck::Nothing | CredentialCheck::Proven { .. } => fetch.unfit.to_owned(),
        }
    }
}

impl Provisioner {
    /// Compares what the request presents. `mac`: the device it names.
    ///
    /// SECURITY: the time tells whether the device is active, which no refusal may. So the edge
    /// tells who presented wrong credentials at a time that is later than this takes.
    pub(super) fn proof(
        &self,
        catalogue: &Arc<Catalogue>,
        fetch: &Fetch,
        mac: Option<Mac>,
    ) -> CredentialCheck {
        let Some(presented) = &fetch.authorization else { return CredentialCheck::Nothing };
        let own = match self.credentials_of(catalogue, mac) {
            Ok(own) => own,
            Err(error) => return CredentialCheck::Wrong(error.to_string()),
        };
        // All are tried, whichever it is.
        let proves = |one: &Credentials| presented.proves(&one.user, one.password.expose());
        let proven: Vec<bool> = own.iter().map(proves).collect();
        if let Some(at) = proven.into_iter().position(|is_proven| is_proven) {
            // Those from before are no proof from then on.
            let retires = (mac.is_some() && at + 1 < own.len()).then(|| (own[at].clone(), at == 0));
            return CredentialCheck::Proven { retires: retires.map(Box::new) };
        }
        let why = match own.is_empty() {
            true => "its settings have no provisioning.user and provisioning.password to prove",
            false => "it presented a wrong user or password",
        };
        CredentialCheck::Wrong(why.to_owned())
    }

    /// Whether the request proves that it is of that active phone. What is set for all proves that of
    /// none.
    pub(super) fn proves_active(&self, proof: &CredentialCheck, mac: Mac) -> bool {
        proof.is_proven() && self.registry.known(mac).is_some_and(|known| known.active)
    }

    fn credentials_of(
        &self,
        catalogue: &Arc<Catalogue>,
        mac: Option<Mac>,
    ) -> Result<Arc<[Credentials]>, UnreadableLayer> {
        let known = mac.and_then(|mac| Some((mac, self.registry.known(mac)?)));
        let active = known.filter(|(_, known)| known.active);
        // Read before what it stands for, as of files.
        let registry = match active {
            Some((_, known)) => known.version,
            None => self.registry.common_version(),
        };
        let version = Version { registry, catalogue: catalogue.version() };
        let of = active.map(|(mac, _)| mac);
        if let Some((_, own)) = self.credentials.0.get(&of).filter(|(kept, _)| *kept == version) {
            return Ok(own);
        }
        let own: Arc<[Credentials]> = match of {
            Some(mac) => self.registry.credentials(catalogue, mac)?,
            None => self.registry.common_credentials()?,
        }
        .into();
        self.credentials.0.insert(of, (version, own.clone()));
        Ok(own)
    }
}
