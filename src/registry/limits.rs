//! What a type of phone cannot have: refused where an operator writes it, told where it comes from
//! elsewhere.

use std::collections::BTreeSet;

use serde_json::Value;

use super::actor::may_see;
use super::change::MAX_LEFT_PARAMETERS;
use super::compose::Composition;
use super::untyped::Untyped;
use super::{Actor, Registry, RegistryError};
use crate::catalogue::{Catalogue, PhoneType, cannot_of, lines_without_key, set_rows};
use crate::domain::settings::schema::ADMISSION;
use crate::domain::settings::{
    AdmissionSettings, HIDDEN, KeyType, Layer, SettingError, Settings, Written, cuts_short,
    dialled, resolve,
};
use crate::domain::{Device, Mac, PhoneId, Strength, TransitionError, nearest};

/// Most warnings of one answer; who has more has one reason often.
pub(super) const MAX_WARNINGS: usize = 100;

/// What a type has so many of, as one and as more.
type Counted = (&'static str, &'static str);

const LINES: Counted = ("line", "lines");
const KEYS: Counted = ("programmable key", "programmable keys");
const SOFT_KEYS: Counted = ("programmable soft key", "programmable soft keys");
const MODULES: Counted = ("expansion module", "expansion modules");
const MODULE_KEYS: Counted = ("key on a module", "keys on a module");

fn has(described: &str, most: u16, (one, more): Counted) -> String {
    match most {
        0 => format!("{described} has no {more}"),
        1 => format!("{described} has one {one}"),
        most => format!("{described} has {most} {more}"),
    }
}

/// What a phone's own settings have and its type does not: a line, a key, a module too many, a
/// text that is too long.
pub(super) fn beyond(
    catalogue: &Catalogue,
    phone_type: &PhoneType,
    layer: &Layer,
) -> Vec<SettingError> {
    let document = layer.to_json();
    let mut found = Vec::new();
    let described = &phone_type.description;
    let mut too_many = |path: String, of: &Value, what: Counted, most: u16| {
        for (number, entry) in of.as_object().into_iter().flatten() {
            let is_beyond = number.parse::<u16>().is_ok_and(|number| number > most);
            if is_beyond && has_values(entry) {
                let message = has(described, most, what);
                found.push(SettingError { field: format!("{path}.{number}"), message });
            }
        }
    };
    too_many("lines".to_owned(), &document["lines"], LINES, phone_type.lines);
    too_many("keys".to_owned(), &document["keys"], KEYS, phone_type.keys);
    too_many("expansion".to_owned(), &document["expansion"], MODULES, phone_type.modules);
    if phone_type.soft_keys > 0 {
        let most = phone_type.soft_keys;
        too_many("soft_keys".to_owned(), &document["soft_keys"], SOFT_KEYS, most);
    }
    for (number, module) in document["expansion"].as_object().into_iter().flatten() {
        if number.parse::<u16>().is_ok_and(|number| number <= phone_type.modules) {
            let path = format!("expansion.{number}.keys");
            too_many(path, &module["keys"], MODULE_KEYS, phone_type.module_keys);
        }
    }
    for (path, row) in set_rows(&document) {
        let line = at_path(&document, &path).as_u64();
        if row == "keys.N.line" && line.is_some_and(|line| line > phone_type.lines.into()) {
            let message = has(described, phone_type.lines, LINES);
            found.push(SettingError { field: path, message });
        }
    }
    found.extend(unfit_texts(catalogue, phone_type, layer));
    found.extend(unfit_file_key(phone_type, layer));
    found
}

/// What of a phone's own settings its files cannot be encrypted with.
fn unfit_file_key(phone_type: &PhoneType, layer: &Layer) -> Vec<SettingError> {
    let described = &phone_type.description;
    let Ok(settings) = resolve(&[layer]) else { return Vec::new() };
    let set = &settings.provisioning;
    let mut found = Vec::new();
    let mut say = |name: &str, message: String| {
        found.push(SettingError { field: format!("provisioning.{name}"), message });
    };
    // What is said of types that know no way at all is said as of any setting.
    let Some(encryption) = phone_type.encryption(set) else { return found };
    if let Some(named) = set.encryption_format.filter(|named| *named != encryption.format) {
        let known = phone_type.encryptions.iter().map(|way| way.format.as_str());
        let known: Vec<&str> = known.collect();
        say(
            "encryption_format",
            format!("{described} does not read {named}; it reads {}", known.join(", ")),
        );
    }
    let key = set.encryption_key.as_ref();
    if let Some(fault) = key.and_then(|key| encryption.key_fault(key.expose())) {
        say("encryption_key", format!("{fault}, for {described}"));
    }
    found
}

/// Refuses a key for the files of many phones: who has one of them would read those of all.
///
/// # Errors
/// [`RegistryError::Settings`] that says where one belongs.
pub(super) fn require_no_file_key(before: &Layer, after: &Layer) -> Result<(), RegistryError> {
    let key = |layer: &Layer| layer.to_json()["provisioning"]["encryption_key"].clone();
    let new = key(after);
    if before == after || new.is_null() || new == key(before) {
        return Ok(());
    }
    let message = "is set for one phone only: who takes one phone apart would read the files of \
                   all that have its key; a phone without one gets one of its own"
        .to_owned();
    let field = "provisioning.encryption_key".to_owned();
    Err(RegistryError::Settings(vec![SettingError { field, message }]))
}

/// Texts and lists of a layer that the type's phones would cut off, or read as something else.
fn unfit_texts(catalogue: &Catalogue, phone_type: &PhoneType, layer: &Layer) -> Vec<SettingError> {
    let described = &phone_type.description;
    let unfit = catalogue.unfit(phone_type, &layer.to_json()).into_iter();
    unfit
        .map(|(field, why)| SettingError { field, message: format!("{described} {why}") })
        .collect()
}

/// Whether an entry is more than one that switches a line or a key off.
fn has_values(entry: &Value) -> bool {
    entry.as_object().is_some_and(|fields| !fields.is_empty()) && !is_off(entry)
}

/// Whether an entry switches a line or a key off.
fn is_off(entry: &Value) -> bool {
    entry["enabled"] == Value::Bool(false) || entry["type"] == "none"
}

/// A setting, or a value of one, that does not come into the files of a type.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Unreached {
    /// Where it is set.
    pub path: String,
    /// The value, where others of the same setting do come.
    pub value: Option<String>,
    /// Why, as the end of a sentence.
    pub why: String,
}

impl Unreached {
    /// What is said of one phone.
    fn of_type(&self, phone_type: &PhoneType) -> String {
        let described = &phone_type.description;
        let Unreached { path, why, .. } = self;
        match &self.value {
            Some(value) => format!("{path}: {value}: {described} has none of it: {why}"),
            None => format!("{path}: {described} has nothing for it: {why}"),
        }
    }
}

/// Finds what of all that a layer sets does not come into the files of a type.
pub(super) fn unreached(
    catalogue: &Catalogue,
    phone_type: &PhoneType,
    layer: &Layer,
    set: &[(String, String)],
) -> Vec<Unreached> {
    let family = catalogue.family_of(phone_type);
    let rows = set.iter().map(|(_, row)| row.clone()).collect();
    let expressed = catalogue.expressed(phone_type, &rows);
    let document = layer.to_json();
    let mut found = Vec::new();
    for (path, row) in set {
        let path = path.clone();
        if !expressed.contains(row) {
            let why =
                cannot_of(&family.cannot, row).unwrap_or("the gateway does not write it for them");
            let value = row.split_once('=').map(|(_, choice)| choice.to_owned());
            found.push(Unreached { path, value, why: why.to_owned() });
            continue;
        }
        for unsaid in catalogue.unsaid(phone_type, row, at_path(&document, &path)) {
            let why = match unsaid.taken_as {
                Some(taken_as) => format!("they are given {taken_as}"),
                None => "the gateway knows no name that they have for it".to_owned(),
            };
            let path = path.clone();
            found.push(Unreached { path, value: Some(unsaid.value), why });
        }
    }
    found
}

/// Patterns of the dial plan that call before an emergency number is dialled to its end.
fn cut_short(settings: &Settings, layers: &[(&str, Layer)]) -> Vec<String> {
    let seen =
        |path: &str| layers.iter().any(|(_, layer)| !at_path(&layer.to_json(), path).is_null());
    if !seen("dial_plan.patterns") {
        return Vec::new();
    }
    let names_number = seen("emergency_numbers");
    let said = |(at, pattern): (usize, &String)| {
        let mut numbers = settings.emergency_numbers.iter();
        let number = numbers.find(|number| cuts_short(pattern, number))?;
        let number = if names_number { format!(" {}", dialled(number)) } else { String::new() };
        Some(format!(
            "dial_plan.patterns[{at}]: {pattern} fits what the emergency number{number} begins \
             with: called at once, it would cut it short; a T at its end makes phones wait"
        ))
    };
    settings.dial_plan.patterns.iter().enumerate().filter_map(said).collect()
}

/// Kinds of keys that do nothing without a value, whatever codes there are.
const WITH_VALUE: [KeyType; 6] =
    [KeyType::Blf, KeyType::SpeedDial, KeyType::Dtmf, KeyType::Prefix, KeyType::Url, KeyType::Xml];

/// Sentences on keys that lack their value, which are taken out of what is `set`. A file may put a
/// line on such a key, so that to leave the key out makes a difference.
fn take_without_value(layers: &[(&str, Layer)], set: &mut Vec<(String, String)>) -> Vec<String> {
    let layers: Vec<Value> = layers.iter().map(|(_, layer)| layer.to_json()).collect();
    let has_value = |path: &str| {
        let values = layers.iter().filter_map(|layer| at_path(layer, path).as_str());
        values.into_iter().any(|value| !value.is_empty())
    };
    let mut said = Vec::new();
    set.retain(|(path, row)| {
        let kind = row.split_once("keys.N.type=").map(|(_, kind)| kind);
        let kind = WITH_VALUE.into_iter().find(|needs| kind == Some(needs.as_str()));
        let (Some(kind), Some(key)) = (kind, path.strip_suffix("type")) else { return true };
        if has_value(&format!("{key}value")) {
            return true;
        }
        said.push(format!("{path}: has no effect: a key of type {kind} needs a value"));
        false
    });
    said
}

pub(super) fn at_path<'d>(document: &'d Value, path: &str) -> &'d Value {
    path.split('.').fold(document, |at, name| &at[name])
}

/// Refuses what is written now and the type cannot have; what was there before stays.
///
/// # Errors
/// [`RegistryError::Settings`] with every problem.
pub(super) fn require_within(
    catalogue: &Catalogue,
    phone_type: &PhoneType,
    before: &Layer,
    after: &Layer,
) -> Result<(), RegistryError> {
    if before == after {
        return Ok(());
    }
    let mut new = beyond(catalogue, phone_type, after);
    if !new.is_empty() {
        let known = beyond(catalogue, phone_type, before);
        new.retain(|problem| !known.contains(problem));
    }
    if new.is_empty() { Ok(()) } else { Err(RegistryError::Settings(new)) }
}

/// Refuses raw parameters for a family that there is not: mostly a slip, and then they reach no
/// phone. What was there before stays.
///
/// # Errors
/// [`RegistryError::Settings`] that names the families there are.
pub(super) fn require_families(
    catalogue: &Catalogue,
    before: &Layer,
    after: &Layer,
) -> Result<(), RegistryError> {
    if before == after {
        return Ok(());
    }
    let families: Vec<&str> = catalogue.families().iter().map(|family| &*family.id).collect();
    let unknown = new_parameters(before, after, |name| !families.contains(&name));
    let wrong: Vec<SettingError> = unknown
        .into_iter()
        .map(|name| {
            let nearest = nearest(&name, families.iter().copied());
            let hint = nearest.map(|name| format!(" (did you mean {name}?)")).unwrap_or_default();
            let message = format!("is no family{hint}; there are {}", families.join(", "));
            SettingError { field: format!("vendor.{name}"), message }
        })
        .collect();
    if wrong.is_empty() { Ok(()) } else { Err(RegistryError::Settings(wrong)) }
}

/// Refuses what is asked of requests in the settings of a phone: who may have its files is decided
/// for a company or for all.
///
/// # Errors
/// [`RegistryError::Settings`] that says where it belongs.
pub(super) fn require_no_policy(layer: &Layer) -> Result<(), RegistryError> {
    if layer.to_json().get(ADMISSION).is_none() {
        return Ok(());
    }
    let message = "is set for a company or for all phones, not for one".to_owned();
    Err(RegistryError::Settings(vec![SettingError { field: ADMISSION.to_owned(), message }]))
}

/// Steps that the number of a company's token may rise by at once. Those before it are proof of
/// phones that had them: behind a leap there would be none.
const MAX_TOKEN_STEP: u32 = 16;

/// Refuses a number of a company's token that is lower than it was, since one that was taken away
/// would be proof again, or so much higher that it could not rise for long.
///
/// # Errors
/// [`RegistryError::Settings`] that says what it may be.
pub(super) fn require_later_token(
    below: &[&Layer],
    before: &Layer,
    after: &Layer,
) -> Result<(), RegistryError> {
    let number = |layer| {
        let layers: Vec<&Layer> = below.iter().copied().chain([layer]).collect();
        AdmissionSettings::resolve(&layers).ok()?.company_token
    };
    let (before, after) = (number(before).unwrap_or(0), number(after).unwrap_or(0));
    let highest = before.saturating_add(MAX_TOKEN_STEP);
    if (before..=highest).contains(&after) {
        return Ok(());
    }
    let field = format!("{ADMISSION}.company_token");
    let message = format!(
        "is {before} and can be {before} to {highest}: it only rises; `company token` with `new` \
         gives another token"
    );
    Err(RegistryError::Settings(vec![SettingError { field, message }]))
}

/// Refuses raw parameters of one family for a phone of another, which would never get them. Those
/// that were there before stay: the type of a phone may be set right later, and back.
///
/// # Errors
/// [`RegistryError::Settings`] that names both families.
pub(super) fn require_own_family(
    catalogue: &Catalogue,
    phone_type: &PhoneType,
    before: &Layer,
    after: &Layer,
) -> Result<(), RegistryError> {
    if before == after {
        return Ok(());
    }
    let own = &catalogue.family_of(phone_type).id;
    let foreign = new_parameters(before, after, |name| name != &**own);
    let wrong: Vec<SettingError> =
        foreign.iter().map(|name| foreign_parameters(catalogue, phone_type, name)).collect();
    if wrong.is_empty() { Ok(()) } else { Err(RegistryError::Settings(wrong)) }
}

/// Finds the families, of those that are asked for, of which a layer has a raw parameter that it
/// had not before.
fn new_parameters(before: &Layer, after: &Layer, is_asked: impl Fn(&str) -> bool) -> Vec<String> {
    let (before, after) = (before.to_json(), after.to_json());
    let set = after["vendor"].as_object().into_iter().flatten();
    let new = set.filter(|(name, parameters)| {
        let mut parameters = parameters.as_object().into_iter().flatten();
        is_asked(name) && parameters.any(|(of, value)| before["vendor"][*name][of] != *value)
    });
    new.map(|(name, _)| name.clone()).collect()
}

/// What is said of a phone's raw parameters that are of another family than its type.
fn foreign_parameters(catalogue: &Catalogue, phone_type: &PhoneType, family: &str) -> SettingError {
    let described = &phone_type.description;
    let own = &catalogue.family_of(phone_type).id;
    let of = catalogue.families().iter().find(|known| &*known.id == family);
    let vendor = of.map(|of| format!(" ({})", of.vendor)).unwrap_or_default();
    let message = format!(
        "{described} is of the family {own} and gets no raw parameters of {family}{vendor}: name them vendor.{own}.NAME, \
         or set them for a company or for all phones"
    );
    SettingError { field: format!("vendor.{family}"), message }
}

/// Refuses a type of one maker for a MAC of another: mostly a slip, and then a phone that never
/// gets a file.
///
/// # Errors
/// [`RegistryError::Invalid`] that names both makers.
pub(super) fn require_maker(
    catalogue: &Catalogue,
    mac: Mac,
    phone_type: &PhoneType,
) -> Result<(), RegistryError> {
    let own = catalogue.family_of(phone_type);
    let mut owners: Vec<&str> = catalogue
        .families()
        .iter()
        .filter(|family| family.holds(mac))
        .map(|family| family.vendor.as_str())
        .collect();
    // Several families may be of one maker.
    owners.dedup();
    let is_own =
        owners.is_empty() || own.ouis().is_empty() || owners.contains(&own.vendor.as_str());
    if is_own {
        return Ok(());
    }
    let message = format!(
        "{mac} is an address of {}, and {} is by {}; say \"other_maker\": true (--other-maker) if that is meant",
        owners.join(" or "),
        phone_type.key,
        own.vendor,
    );
    Err(RegistryError::Invalid { field: "phone_type".to_owned(), message })
}

impl Composition {
    /// What is set for the phone and does not reach it: settings its type has nothing for, values
    /// it does not know, what goes beyond the type, and what of the phone's own has no effect without
    /// a setting that is not there; and raw parameters there is no room to remember. One sentence
    /// each, at most [`MAX_WARNINGS`]. Of the system's settings only with `sees_system`.
    #[must_use]
    pub fn not_expressed(&self, id: PhoneId, sees_system: bool) -> Vec<String> {
        let Some(phone_type) = self.phone_type() else { return Vec::new() };
        let all = self.layers(id.port);
        // What a type itself says by default is no operator's wish.
        // The phone's own first: that is what can be mended here.
        let is_wish = |name: &str| match name {
            "gateway" | "type" => false,
            // SECURITY: what all companies share is nothing a Company-Admin may read.
            "system" => sees_system,
            _ => true,
        };
        let layers: Vec<_> = all.iter().rev().filter(|(name, _)| is_wish(name)).cloned().collect();
        let mut warnings = Vec::new();
        if let Ok(settings) = self.settings_of(phone_type, id.port) {
            warnings.extend(self.not_remembered(phone_type, &settings, &layers));
            warnings.extend(cut_short(&settings, &layers));
            warnings.extend(self.not_shown(phone_type, &settings));
        }
        if let Some((_, own)) = layers.iter().find(|(name, _)| *name == "phone") {
            let family = &self.catalogue.family_of(phone_type).id;
            let foreign = new_parameters(&Layer::default(), own, |name| name != &**family);
            let said =
                foreign.iter().map(|name| foreign_parameters(&self.catalogue, phone_type, name));
            warnings.extend(said.map(|problem| problem.to_string()));
        }
        let mut said_above: BTreeSet<String> = BTreeSet::new();
        for (name, layer) in &layers {
            // Others of a company may have more lines and keys.
            let mut unfit = match *name {
                "phone" => beyond(&self.catalogue, phone_type, layer),
                _ => unfit_texts(&self.catalogue, phone_type, layer),
            };
            unfit.retain(|problem| !said_above.contains(&problem.field));
            let mut set = set_rows_of(layer);
            set.retain(|(path, _)| {
                !said_above.contains(path) && unfit.iter().all(|problem| problem.field != *path)
            });
            warnings.extend(unfit.iter().map(ToString::to_string));
            let unreached = unreached(&self.catalogue, phone_type, layer, &set);
            if *name == "phone" {
                set.retain(|(path, _)| unreached.iter().all(|one| one.path != *path));
                warnings.extend(unreached.iter().map(|one| one.of_type(phone_type)));
                warnings.extend(take_without_value(&all, &mut set));
                warnings.extend(self.without_effect(phone_type, &all, &set));
            } else {
                warnings.extend(unreached.iter().map(|one| one.of_type(phone_type)));
            }
            said_above.extend(set_rows_of(layer).into_iter().map(|(path, _)| path));
        }
        warnings.truncate(MAX_WARNINGS);
        warnings
    }

    /// Lines that cannot be chosen at the phone, since every key does something else.
    fn not_shown(&self, phone_type: &PhoneType, settings: &Settings) -> Vec<String> {
        let described = &phone_type.description;
        let keys = phone_type.line_keys;
        let sentence = |line: &u16| {
            format!(
                "lines.{line}: {described} shows a line on a key, and none of its {keys} is left for it: \
                 it rings, and nobody can choose it to call"
            )
        };
        lines_without_key(&self.catalogue, phone_type, settings).iter().map(sentence).collect()
    }

    /// Finds those of these settings of the phone's own that have no effect without another one.
    fn without_effect(
        &self,
        phone_type: &PhoneType,
        layers: &[(&str, Layer)],
        set: &[(String, String)],
    ) -> Vec<String> {
        let Some((_, own)) = layers.last() else { return Vec::new() };
        let own = own.to_json();
        let is_off_above = |path: &str| {
            path.match_indices('.').any(|(dot, _)| is_off(at_path(&own, &path[..dot])))
        };
        let is_tried = |(path, row): &&(String, String)| {
            // Which line a key is of says nothing by itself, and what is switched off has no effect.
            let is_choice = row.contains('=') && !row.contains("keys.N.type=");
            !row.ends_with(".line") && !is_choice && !is_off_above(path)
        };
        let tried: Vec<_> = set.iter().filter(is_tried).cloned().collect();
        if tried.is_empty() {
            return Vec::new();
        }
        let made_up = with_file_key(phone_type);
        let layers = layers.iter().map(|(_, layer)| layer.clone());
        let layers: Vec<Layer> = made_up.into_iter().chain(layers).collect();
        let found = self.catalogue.without_effect(phone_type, &layers, &tried);
        let described = &phone_type.description;
        let sentence = |path: &str| {
            format!(
                "{path}: has no effect: {described} uses it only with a setting that is not set"
            )
        };
        found.into_iter().map(sentence).collect()
    }

    /// Raw parameters of these layers that would stay in the phone when they are set no more: so
    /// many others were set before that there is no room to remember them.
    fn not_remembered(
        &self,
        phone_type: &PhoneType,
        settings: &Settings,
        layers: &[(&str, Layer)],
    ) -> Option<String> {
        let family = &self.catalogue.family_of(phone_type).id;
        let lost = self.device.written.without_room(&Written::by(settings, family));
        let seen: Vec<serde_json::Value> =
            layers.iter().map(|(_, layer)| layer.to_json()["vendor"][family].clone()).collect();
        let is_seen = |name: &&String| seen.iter().any(|layer| layer.get(name.as_str()).is_some());
        let lost: Vec<&String> = lost.iter().filter(is_seen).collect();
        let first = lost.first()?;
        let more = match lost.len() - 1 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        Some(format!(
            "vendor.{family}.{first}{more}: will stay in the phone when it is set no more: {} raw \
             parameters that it once had are remembered, and there is no room for more; when the \
             phone is deleted and made again, only {MAX_LEFT_PARAMETERS} of them are",
            Written::MAX_PARAMETERS
        ))
    }
}

/// A layer with a marker for the key that the gateway makes for a phone whose files are to be
/// encrypted, where nobody sets one. `None`: phones of the type know no key.
fn with_file_key(phone_type: &PhoneType) -> Option<Layer> {
    phone_type.encryptions.first()?;
    let key = serde_json::json!({ "provisioning": { "encryption_key": HIDDEN } });
    // Not as a patch, which must not have markers.
    Some(Layer::from_stored(&key.to_string()))
}

/// What a layer sets, each as its path and its row in the table of coverage: the keys of a module
/// are as the phone's own. Without what is for people, or for the gateway.
pub(super) fn set_rows_of(layer: &Layer) -> Vec<(String, String)> {
    let mut set = set_rows(&layer.to_json());
    for (_, row) in &mut set {
        *row = row.replacen("line_defaults.", "lines.N.", 1);
        *row = row.replacen("expansion.N.keys.N.", "keys.N.", 1);
    }
    set.retain(|(_, row)| {
        !["lines.N.number", "lines.N.enabled", "firmware.version"].contains(&row.as_str())
    });
    set
}

impl Registry {
    /// What is to be known of a phone the caller sees: the notice of its type, that its type is not
    /// known while its maker is, that it asks for
    /// nothing that its type has, and what is set for it and does not reach it, see
    /// [`Composition::not_expressed`]. Takes some renderings for each setting that was not asked of
    /// the type before: nothing for a thread that serves phones.
    ///
    /// # Errors
    /// [`RegistryError::PermissionDenied`], "Phone not found".
    pub fn warnings(&self, actor: &Actor, id: PhoneId) -> Result<Vec<String>, RegistryError> {
        actor.require_admin()?;
        let device: Device = self.memory.index.device(id.mac).ok_or(TransitionError::NotFound)?;
        if device.phone(id.port).is_none_or(|phone| !may_see(actor, &phone)) {
            return Err(TransitionError::NotFound.into());
        }
        let sees_system = actor.require_system_admin().is_ok();
        let strength = self.memory.index.known(id.mac).map_or(Strength::Operator, |k| k.strength);
        let untyped = Untyped::told_by(&self.catalogue(), &device, strength, None);
        let untyped = untyped.map(|untyped| untyped.warning());
        let composition = self.compose(device);
        let notice = composition.phone_type().and_then(|phone_type| {
            let notice = phone_type.notice.as_ref()?;
            Some(format!("{}: {notice}", phone_type.description))
        });
        let unanswered = self.asked_in_vain(&composition);
        let untold = composition.untold_url(id);
        let not_expressed = composition.not_expressed(id, sees_system);
        let found = notice.into_iter().chain(untyped).chain(unanswered).chain(untold);
        Ok(found.chain(not_expressed).collect())
    }
}
