//! Files that an operator laid out for phones: which of them a phone gets.

use std::sync::Arc;
use std::time::Instant;

use super::Fetch;
use super::provisioner::{Decision, Provisioner};
use crate::catalogue::Catalogue;
use crate::domain::{ErrorChain, HostedPath, Mac};
use crate::files::{Asker, FileError};
use crate::registry::RequestOutcome;

impl Provisioner {
    /// The file that an active device asks for under its own MAC.
    pub(super) async fn hosted(
        &self,
        catalogue: &Arc<Catalogue>,
        mac: Mac,
        fetch: &Fetch,
        (of, asked): &(Mac, HostedPath),
    ) -> Decision {
        let none = || Decision::refused(RequestOutcome::NoSuchFile);
        // SECURITY: of a name that no file has, nothing is looked for, so that a refusal takes the
        // time of any other.
        let files = self.files.as_ref().filter(|files| *of == mac && files.has_name(asked));
        let Some(files) = files else { return none() };
        let Some(composition) = self.registry.composition(catalogue, mac) else { return none() };
        let Some(phone_type) = composition.phone_type() else {
            return Decision::refused(RequestOutcome::NoSuchType);
        };
        let asker = Asker::of(&composition.device, &catalogue.family_of(phone_type).id);
        let Some(path) = files.find(asker, asked) else { return none() };
        let opened = match fetch.is_head {
            true => files.look_at(mac, path).await,
            false => files.open_for(mac, fetch.address, path).await,
        };
        match opened {
            Ok(file) => Decision::hosted(file),
            Err(error) => {
                let detail = ErrorChain(&error).to_string();
                // Anybody may ask who knows the MAC.
                if let FileError::Io { .. } = error
                    && let Some(others) = self.file_faults.due_at(Instant::now())
                {
                    tracing::warn!(%mac, error = detail, others, "a file for a phone cannot be read");
                }
                Decision::not_sent(detail)
            }
        }
    }
}
