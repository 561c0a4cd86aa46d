//! A phone that asks, and not for what it would get.

use super::{RequestLogEntry, RequestOutcome};
use crate::catalogue::Target;
use crate::registry::Registry;
use crate::registry::compose::Composition;

impl Registry {
    /// What a device asked for last, in a sentence, when its type has neither that file nor any
    /// other it was seen to ask for: a type by the maker of a MAC may be one whose phones ask
    /// differently. `None` too when no request of it is remembered, or the type has no files.
    pub(in crate::registry) fn asked_in_vain(&self, composition: &Composition) -> Option<String> {
        let phone_type = composition.phone_type()?;
        let family = composition.catalogue.family_of(phone_type);
        // One that has no files at all has a notice of its own.
        family.files.iter().find(|file| file.template.is_some())?;
        let file_of = |entry: &RequestLogEntry| {
            let target = Target::parse(entry.target.unredacted());
            composition.catalogue.file_for(phone_type, &target).map(|(file, _)| file)
        };
        let entries = self.request_log.of(Some(composition.device.mac));
        let asked = entries.iter().filter(|entry| is_the_phones(entry));
        let asked = asked.map(|entry| (entry, file_of(entry)));
        // What it sends is not what it asks for.
        let asked = asked.filter(|(_, file)| file.is_none_or(|file| file.upload.is_none()));
        let asked: Vec<_> = asked.collect();
        let (last, _) = asked.first()?;
        if asked.iter().any(|(_, file)| file.is_some_and(|file| file.template.is_some())) {
            return None;
        }
        Some(format!(
            "the phone asked last for {}, and {} has no such file, nor any other that the phone was \
             seen to ask for: it gets nothing until it asks for a file that preview phone shows, or \
             has another type",
            last.target, phone_type.description
        ))
    }
}

/// Whether a request is likely to be of the phone whose MAC it named, and whole.
fn is_the_phones(entry: &RequestLogEntry) -> bool {
    use RequestOutcome::{Banned, CertificateOfAnother, Challenged, ForbiddenNetwork, Suspected};
    let is_strange = matches!(
        entry.outcome,
        ForbiddenNetwork | CertificateOfAnother | Banned | Suspected | Challenged
    );
    !is_strange && !entry.target.is_cut()
}
