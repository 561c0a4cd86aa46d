//! Out of a store, written as it is read.

use std::collections::BTreeSet;
use std::io::{self, Write};

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::document::{
    BanEntry, CompanyEntry, DeviceEntry, EventEntry, PortEntry, RemovedEntry, SightingEntry,
    UserEntry, VERSION,
};
use super::error::ExportError;
use super::pages::{Counts, each_ban, each_device, each_event, each_removed};
use super::unfinished::require_whole;
use crate::domain::settings::{HIDDEN, Layer, Written};
use crate::domain::{Ban, Company, CompanyId, Device, Event, Mac, Phone, Sighting, User, to_hex};
use crate::store::Store;

/// Writes everything to `out`, which is flushed: in order of id, one company, user, device, ban and
/// event a line, so that two exports can be compared line by line. Not in it is what a store keeps of
/// itself: revisions and what it remembers of changes, numbers of events, when things last changed
/// (they change when they are imported), when a catalogue was first served, and the marks of
/// imports. Devices that are changed meanwhile may show as before or as after. `with_secrets` adds
/// the hashes of passwords and keys, and the secret settings. For the gateway's own command: asks
/// nobody's role.
///
/// # Errors
/// [`ExportError`]; what was written is no whole document then.
pub async fn export(
    store: &dyn Store,
    with_secrets: bool,
    out: &mut dyn Write,
) -> Result<Counts, ExportError> {
    require_whole(store).await?;
    let tenancy = store.tenancy().await?;
    write!(out, "{{\n\"version\": {VERSION}")?;
    if let Some(settings) = of_layer(&tenancy.system.settings, with_secrets) {
        write!(out, ",\n\"settings\": {settings}")?;
    }
    if let Some(seed) = tenancy.system.password_seed.filter(|_| with_secrets) {
        write!(out, ",\n\"password_seed\": ")?;
        serde_json::to_writer(&mut *out, &seed.expose()).map_err(io::Error::from)?;
    }
    let known: BTreeSet<&CompanyId> = tenancy.companies.iter().map(|company| &company.id).collect();
    let mut counts = Counts {
        companies: tenancy.companies.len(),
        users: tenancy.users.len(),
        ..Counts::default()
    };
    let mut list = List::begin(&mut *out, "companies")?;
    tenancy.companies.iter().try_for_each(|own| list.add(&of_company(own, with_secrets)))?;
    list.end()?;
    let mut list = List::begin(&mut *out, "users")?;
    tenancy.users.iter().try_for_each(|own| list.add(&of_user(own, with_secrets)))?;
    list.end()?;
    let mut list = List::begin(&mut *out, "devices")?;
    each_device(store, |device| {
        // Ports that wait have none.
        let mut companies = device.phones.values().filter_map(Phone::company);
        if let Some(company) = companies.find(|company| !known.contains(company)) {
            return Err(ExportError::Changed { company: company.clone() });
        }
        counts.add(device);
        Ok(list.add(&of_device(device, with_secrets))?)
    })
    .await?;
    list.end()?;
    let mut list = List::begin(&mut *out, "removed")?;
    each_removed(store, |mac, written| {
        counts.removed += 1;
        Ok::<_, ExportError>(list.add(&of_removed(mac, written))?)
    })
    .await?;
    list.end()?;
    let mut list = List::begin(&mut *out, "bans")?;
    each_ban(store, |ban| {
        counts.bans += 1;
        Ok::<_, ExportError>(list.add(&of_ban(ban))?)
    })
    .await?;
    list.end()?;
    let mut list = List::begin(&mut *out, "events")?;
    each_event(store, |event| {
        counts.events += 1;
        Ok::<_, ExportError>(list.add(&of_event(event))?)
    })
    .await?;
    list.end()?;
    out.write_all(b"\n}\n")?;
    out.flush()?;
    Ok(counts)
}

/// One list of the document, as it is written.
struct List<'a> {
    out: &'a mut dyn Write,
    is_empty: bool,
}

impl<'a> List<'a> {
    fn begin(out: &'a mut dyn Write, name: &str) -> io::Result<List<'a>> {
        write!(out, ",\n\"{name}\": [")?;
        Ok(List { out, is_empty: true })
    }

    fn add(&mut self, item: &impl Serialize) -> io::Result<()> {
        self.out.write_all(if self.is_empty { b"\n" } else { b",\n" })?;
        self.is_empty = false;
        Ok(serde_json::to_writer(&mut *self.out, item)?)
    }

    fn end(self) -> io::Result<()> {
        self.out.write_all(b"]")
    }
}

fn of_company(company: &Company, with_secrets: bool) -> CompanyEntry {
    CompanyEntry {
        company: company.id.to_string(),
        instance: company.instance.map(|instance| format!("{instance:016x}")),
        name: company.name.clone(),
        created: Some(company.created),
        settings: of_layer(&company.settings, with_secrets),
    }
}

fn of_user(user: &User, with_secrets: bool) -> UserEntry {
    let hashes = user.key_hashes.iter().filter(|_| with_secrets);
    UserEntry {
        id: Some(user.id),
        login: user.login.clone(),
        name: user.name.clone(),
        role: user.role.as_str().to_owned(),
        company: user.company.as_ref().map(ToString::to_string),
        companies: user.admin_companies.iter().map(ToString::to_string).collect(),
        created: Some(user.created),
        password_hash: user.password_hash.clone().filter(|_| with_secrets),
        key_hashes: hashes.map(|hash| to_hex(&hash.0)).collect(),
        second_factor: user
            .second_factor
            .as_ref()
            .filter(|_| with_secrets)
            .map(|factor| RawValue::from_string(factor.expose()).expect("it is written as JSON")),
        password: None,
        key: None,
    }
}

fn of_device(device: &Device, with_secrets: bool) -> DeviceEntry {
    let phones = device.ports().filter_map(|port| Some((port, device.phone(port)?)));
    let ports = phones.map(|(port, phone)| PortEntry {
        port: port.number(),
        company: phone.company().map(ToString::to_string),
        created: Some(phone.created),
        name: phone.name.clone(),
        settings: of_layer(&phone.settings, with_secrets),
    });
    DeviceEntry {
        mac: device.mac.to_string(),
        phone_type: device.phone_type.to_string(),
        ports: ports.collect(),
        sighting: device.sighting.as_ref().map(of_sighting),
        claims: Some(&device.claims).filter(|claims| !claims.is_empty()).map(in_json),
        served: device.served,
        written: Some(&device.written).filter(|written| !written.is_empty()).map(in_json),
        admission: Some(match with_secrets {
            true => device.admission.clone(),
            false => device.admission.without_secrets(),
        })
        .filter(|state| !state.is_empty())
        .as_ref()
        .map(in_json),
    }
}

fn of_removed(mac: Mac, written: &Written) -> RemovedEntry {
    RemovedEntry { mac: mac.to_string(), written: in_json(written) }
}

fn of_ban(ban: &Ban) -> BanEntry {
    BanEntry {
        network: ban.network.to_string(),
        since: Some(ban.since),
        until: ban.until,
        times: Some(ban.times),
        reason: ban.reason.clone(),
        made_by: ban.made_by.clone(),
        evidence: ban.evidence.iter().map(in_json).collect(),
    }
}

fn of_event(event: &Event) -> EventEntry {
    EventEntry {
        at: event.at,
        who: event.who.clone(),
        from: event.from.clone(),
        action: in_json(&event.action),
        subject: in_json(&event.subject),
        name: event.name.clone(),
        company: event.company.clone(),
        before: event.before.clone(),
        after: event.after.clone(),
    }
}

fn in_json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).expect("it is made of texts and numbers")
}

fn of_sighting(seen: &Sighting) -> SightingEntry {
    SightingEntry {
        first: seen.first,
        last: seen.last,
        address: seen.address.to_string(),
        user_agent: seen.user_agent.clone(),
        type_guess: seen.type_guess.as_ref().map(ToString::to_string),
        firmware: seen.firmware.clone(),
        certificate: seen.certificate.clone(),
    }
}

fn of_layer(layer: &Layer, with_secrets: bool) -> Option<Box<RawValue>> {
    if layer.is_empty() {
        return None;
    }
    let layer = if with_secrets { layer.clone() } else { without_secrets(layer) };
    let text = layer.as_stored().to_owned();
    (!layer.is_empty()).then(|| RawValue::from_string(text).expect("a layer is JSON"))
}

/// The layer without its secret fields, so that it can be imported as it is.
fn without_secrets(layer: &Layer) -> Layer {
    let open = dropped(&layer.to_json(), &layer.redacted());
    // Read again: a group that had nothing but a secret goes with it.
    Layer::parse(&open).expect("a layer without some of its fields is a layer")
}

/// A field is secret where only its redacted form is the marker: the marker
/// itself cannot be the value of a secret, but may be that of a label.
fn dropped(value: &Value, redacted: &Value) -> Value {
    let (Some(fields), Some(shown)) = (value.as_object(), redacted.as_object()) else {
        return value.clone();
    };
    let is_open = |name: &&String, own: &Value| {
        shown.get(*name).is_some_and(|shown| shown != HIDDEN || shown == own)
    };
    let open = fields.iter().filter(|(name, own)| is_open(name, own));
    let open = open.map(|(name, own)| (name.clone(), dropped(own, &shown[name])));
    Value::Object(open.collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn secrets_go_and_what_looks_like_their_marker_stays() {
        let layer = Layer::parse(&json!({
            "lines": { "1": { "user": "100", "password": "hunter2", "label": "***" } },
            "access": { "admin_password": "hunter3" },
        }));
        let text = without_secrets(&layer.unwrap());
        assert_eq!(text.to_json(), json!({ "lines": { "1": { "user": "100", "label": "***" } } }));
    }
}
