//! Files that phones ask for with a form (POST) and wait for. What is in the form is not known here:
//! a phone is who its path says, as with any file.

use std::sync::Arc;

use super::parse_cache::{FileOwner, ParsedRequest};
use super::provisioner::{Decision, Provisioner};
use super::{Fetch, Reply};
use crate::catalogue::Catalogue;
use crate::domain::Mac;
use crate::registry::{RequestOutcome, Requester};

impl Provisioner {
    pub(super) fn by_form(&self, fetch: Fetch) -> Reply {
        let at = self.registry.clock().now();
        let catalogue = self.registry.catalogue();
        let (parsed, _) = self.parsed.parse(&catalogue, &fetch);
        let mut requester = Requester::Stranger;
        let decision = match self.admit(&catalogue, &fetch, &parsed) {
            Ok((mac, known)) => {
                requester = Requester::ActivePhone(mac);
                match self.asks_so(&catalogue, mac, &parsed) {
                    true => {
                        let decision = self.file(&catalogue, mac, known, &parsed, true);
                        if decision.owner() == Some(FileOwner::Phone) {
                            self.registry.note_served(mac, &known);
                        }
                        decision
                    }
                    false => Decision::refused(RequestOutcome::NoSuchFile),
                }
            }
            Err(refused) => Decision::refused(refused),
        };
        self.remember(requester, fetch, at, parsed.identity.mac, &decision);
        decision.reply(at)
    }

    /// Whether phones of the device's type ask for that file with a form.
    fn asks_so(&self, catalogue: &Arc<Catalogue>, mac: Mac, parsed: &ParsedRequest) -> bool {
        let Some(composition) = self.registry.composition(catalogue, mac) else { return false };
        let file = composition.file_identified(&parsed.target, &parsed.identity);
        file.is_some_and(|(_, file, _)| file.form)
    }
}
