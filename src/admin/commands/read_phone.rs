//! `read phone`: phones with all that is known of them, a page at a time. Callers
//! see the phones of the companies they administer, and inactive ones with `default`.
//!
//! Takes in `scope`, each narrowing: `phoneid`, `mac`, `port`, `company` (one or a
//! list), `phone_type`, `state` (`active` or `inactive`), `firmware` (`other`: of those that
//! should run a version and said that they run another); `limit` (100, at most 1000) and
//! `after`, the `next` of the page before. With `firmware` a page may be short of rows.
//!
//! Rows, in order of phoneid: `phoneid`, `phone_type`, `type`, `state`, `created`,
//! `company` (`null`: inactive), `name`, `settings` of the phone's own layer with
//! `***` for secrets, `sighting` (`null`: never seen) with `first`, `last`,
//! `address`, `user_agent`, `type_guess`, `firmware`, `certificate`; `wanted_firmware` (`null`:
//! any, or neither `firmware`, `mac` nor `phoneid` is in `scope`), the version that an active phone
//! should run, by its setting `firmware.version` or the
//! file `VERSION` of what is laid out for its type; `served` (`null`: it
//! was never sent a file of its own); `admission` (`null`: inactive) with `armed`, since when its
//! window counts, `pins`, what it was first served with (`at`, `network`, `maker`, `model`), and
//! `locked` (`at`, `because`), each `null` where there is none; `claims`, strongest first: what its requests and
//! operators claimed the device to be, each with `phone_type`, `strength` (`assumed`, `oui`,
//! `family`, `mac_range`, `contradicted`, `closest`, `path`, `user_agent`, `certificate`,
//! `operator`), `first`, `last`, `address` (none: an operator's) and `user_agent`. Besides
//! them `next` when there are more.

use std::net::IpAddr;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::Call;
use crate::admin::answer::{Fail, Rows};
use crate::admin::fields::Fields;
use crate::admin::{CommandResult, Core};
use crate::domain::admission::{Lock, Pins};
use crate::domain::{Claims, CompanyId, Device, PhoneId, Port, Timestamp, TypeKey};
use crate::files::Asker;
use crate::registry::{PhoneFilter, PhonePage};

/// Rows of a page nobody asked the size of.
const LIMIT: usize = 100;

pub(super) async fn run(call: Call) -> CommandResult {
    // A malformed name is the name of nothing: no rows. A company must be known first.
    let scope = call.body.scope()?;
    let only_other = match scope.filled("firmware")? {
        None => false,
        Some("other") => true,
        Some(_) => return Err(Fail::new("firmware: must be other")),
    };
    // It costs more than all else of a row: of one device, or where it is asked for.
    let looks = only_other || scope.filled("mac")?.or(scope.filled("phoneid")?).is_some();
    let Some(filter) = filter(scope)? else { return Ok(Rows::new().finish()) };
    let page = call.core.registry.phones(&call.actor, &filter).await?;
    let catalogue = call.core.registry.catalogue();
    let mut rows = Rows::new();
    for (id, device) in &page.phones {
        let Some(phone) = device.phone(id.port) else { continue };
        let wanted_firmware = (looks && phone.company().is_some())
            .then(|| wanted_firmware(&call.core, device, id.port))
            .flatten();
        let runs = device.sighting.as_ref().and_then(|seen| seen.firmware.as_deref());
        let is_other =
            wanted_firmware.as_deref().zip(runs).is_some_and(|(wanted, runs)| wanted != runs);
        if only_other && !is_other {
            continue;
        }
        rows.push(&Row {
            phoneid: *id,
            phone_type: &device.phone_type,
            description: catalogue.description(&device.phone_type),
            state: if phone.company().is_some() { "active" } else { "inactive" },
            created: phone.created,
            company: phone.company(),
            name: &phone.name,
            settings: phone.settings.redacted(),
            sighting: device.sighting.as_ref().map(|seen| Sighting {
                first: seen.first,
                last: seen.last,
                address: seen.address,
                user_agent: &seen.user_agent,
                type_guess: seen.type_guess.as_ref(),
                firmware: seen.firmware.as_deref(),
                certificate: seen.certificate.as_deref(),
            }),
            wanted_firmware,
            served: device.served,
            admission: phone.company().map(|_| Admission {
                armed: device.admission.armed,
                pins: device.admission.pins.as_deref(),
                locked: device.admission.locked.as_ref(),
            }),
            claims: &device.claims,
        });
    }
    Ok(rows.finish_before(page.next.map(|next| next.to_string())))
}

/// Which version an active phone should run.
fn wanted_firmware(core: &Core, device: &Arc<Device>, port: Port) -> Option<String> {
    let composition = core.registry.compose(Device::clone(device));
    let set = composition.settings(port).and_then(|settings| settings.firmware.version.clone());
    set.or_else(|| {
        let family = &composition.catalogue.family_of(composition.phone_type()?).id;
        core.options.files.as_ref()?.firmware_version(Asker::of(device, family))
    })
}

fn filter(scope: Fields<'_>) -> Result<Option<PhoneFilter>, Fail> {
    scope.only(&[
        "phoneid",
        "mac",
        "port",
        "company",
        "phone_type",
        "state",
        "firmware",
        "limit",
        "after",
    ])?;
    let mut filter = PhoneFilter {
        port: scope.port()?,
        companies: scope.companies("company")?,
        active: match scope.filled("state")? {
            None => None,
            Some("active") => Some(true),
            Some("inactive") => Some(false),
            Some(_) => return Err(Fail::new("state: must be active or inactive")),
        },
        after: match scope.filled("after")? {
            None => None,
            Some(text) => Some(text.parse().map_err(|error| Fail::new(format!("after: {error}")))?),
        },
        limit: scope.limit(LIMIT, PhonePage::MAX)?,
        ..PhoneFilter::default()
    };
    let mut nothing = false;
    if let Some(text) = scope.filled("mac")? {
        filter.mac = text.parse().ok();
        nothing |= filter.mac.is_none();
    }
    if let Some(text) = scope.filled("phone_type")? {
        filter.phone_type = text.parse().ok();
        nothing |= filter.phone_type.is_none();
    }
    if let Some(text) = scope.filled("phoneid")? {
        let id = text.parse::<PhoneId>().ok();
        let fits = id.is_some_and(|id| {
            filter.mac.is_none_or(|mac| mac == id.mac)
                && filter.port.is_none_or(|port| port == id.port)
        });
        nothing |= !fits;
        filter.mac = id.map(|id| id.mac);
        filter.port = id.map(|id| id.port);
    }
    if nothing && filter.companies.is_none() {
        return Ok(None);
    }
    if nothing {
        // The companies are still checked; no phone is in none of the states.
        filter.active = Some(false);
    }
    Ok(Some(filter))
}

#[derive(Serialize)]
struct Row<'a> {
    phoneid: PhoneId,
    phone_type: &'a TypeKey,
    #[serde(rename = "type")]
    description: &'a str,
    state: &'static str,
    created: Timestamp,
    company: Option<&'a CompanyId>,
    name: &'a str,
    settings: Value,
    sighting: Option<Sighting<'a>>,
    wanted_firmware: Option<String>,
    served: Option<Timestamp>,
    admission: Option<Admission<'a>>,
    claims: &'a Claims,
}

#[derive(Serialize)]
struct Admission<'a> {
    armed: Option<Timestamp>,
    pins: Option<&'a Pins>,
    locked: Option<&'a Lock>,
}

#[derive(Serialize)]
struct Sighting<'a> {
    first: Timestamp,
    last: Timestamp,
    address: IpAddr,
    user_agent: &'a str,
    type_guess: Option<&'a TypeKey>,
    firmware: Option<&'a str>,
    certificate: Option<&'a str>,
}
