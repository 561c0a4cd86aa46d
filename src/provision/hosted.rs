//! Files that an operator laid out for phones: which of them a phone gets.

use std::sync::Arc;

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
        (of, asked): (Mac, HostedPath),
    ) -> Decision {
        let none = || Decision::refused(RequestOutcome::NoSuchFile);
        // SECURITY: of a name that no file has, nothing is looked for, so that a refusal takes the
        // time of any other.
        let files = self.files.as_ref().filter(|files| of == mac && files.has_name(&asked));
        let Some(files) = files else { return none() };
        let Some(composition) = self.registry.composition(catalogue, mac) else { return none() };
        let Some(phone_type) = composition.phone_type() else {
            return Decision::refused(RequestOutcome::NoSuchType);
        };
        let asker = Asker::of(&composition.device, &catalogue.family_of(phone_type).id);
        let Some(path) = files.find(asker, &asked) else { return none() };
        match files.open_for(mac, path).await {
            Ok(file) => Decision::hosted(file),
            Err(error) => {
                let detail = ErrorChain(&error).to_string();
                if let FileError::Io { .. } = error {
                    tracing::warn!(%mac, error = detail, "a file for a phone cannot be read");
                }
                Decision::not_sent(detail)
            }
        }
    }
}
