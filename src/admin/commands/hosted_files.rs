//! Settings that name a file which the gateway hosts, and whether it is there.

use crate::admin::Core;
use crate::domain::settings::{Layer, resolve};
use crate::domain::{CompanyId, HostedPath, PhoneId};
use crate::files::{Asker, Files};

type Named = (String, Result<HostedPath, String>);

/// What the settings of an active phone name and it does not get.
pub(super) fn missing_for(core: &Core, id: PhoneId) -> Vec<String> {
    let catalogue = core.registry.catalogue();
    let Some(composition) = core.registry.composition(&catalogue, id.mac) else {
        return Vec::new();
    };
    let Some(phone_type) = composition.phone_type() else { return Vec::new() };
    let Some(settings) = composition.settings(id.port) else { return Vec::new() };
    let family = &catalogue.family_of(phone_type).id;
    let asker = Asker::of(&composition.device, family);
    let is_there = |files: &Files, name: &HostedPath| files.find(asker, name).is_some();
    let named = settings.hosted_names(Some(family));
    let untold = named.first().map(|(setting, _)| setting.clone());
    let mut warnings = said(core, named, "no folder of this phone", is_there);
    if let Some(setting) = untold.filter(|_| settings.provisioning.base_url.is_none()) {
        warnings.push(format!(
            "{setting}: phones are not told of it: set provisioning.base_url, or [handset] \
             public_url in the configuration"
        ));
    }
    warnings
}

/// What a change of the settings of a company, or of all phones, names anew and no phone gets.
pub(super) fn missing_of(
    core: &Core,
    company: Option<&CompanyId>,
    before: &Layer,
    after: &Layer,
) -> Vec<String> {
    let names = |layer: &Layer| {
        resolve(&[layer]).map(|settings| settings.hosted_names(None)).unwrap_or_default()
    };
    let old = names(before);
    let new = names(after).into_iter().filter(|named| !old.contains(named)).collect();
    let is_there = |files: &Files, name: &HostedPath| files.has_anywhere(company, name);
    said(core, new, "no folder", is_there)
}

fn said(
    core: &Core,
    named: Vec<Named>,
    nowhere: &str,
    is_there: impl Fn(&Files, &HostedPath) -> bool,
) -> Vec<String> {
    let files = core.options.files.as_deref();
    let wrong = |(setting, named): Named| match (named, files) {
        (Err(value), _) => Some(format!(
            "{setting}: {value} is no name of a file ({}), and the phone gets it as it stands",
            HostedPath::RULE
        )),
        (Ok(name), _) if name.as_str().is_empty() && files.is_some() => None,
        (Ok(name), None) => Some(format!(
            "{setting}: files:{name} is not there: this gateway hosts no files, see [files] dir"
        )),
        (Ok(name), Some(files)) => (!is_there(files, &name)).then(|| {
            format!("{setting}: {nowhere} in [files] dir has {name}: the phone asks for it in vain")
        }),
    };
    named.into_iter().filter_map(wrong).collect()
}
