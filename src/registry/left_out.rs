//! Settings of a phone that files for its whole device do not have, because they would count for
//! ports of other companies.

use std::sync::Arc;

use serde_json::Value;

use super::compose::Composition;
use crate::catalogue::{
    FileSpec, PathFacts, PhoneType, RenderInput, RenderedFile, Scope, making_a_difference,
};
use crate::domain::settings::{Layer, Settings, resolve};
use crate::domain::{CompanyId, Port};

/// The names that lead to a value, from the outermost.
type Names = Vec<String>;

impl Composition {
    /// The settings, as their paths, that [`Composition::left_out_of`] any file of the device.
    #[must_use]
    pub fn left_out(&self, port: Port) -> Vec<String> {
        let Some(phone_type) = self.phone_type() else { return Vec::new() };
        let files = self.catalogue.family_of(phone_type).files.iter();
        let mut all = Vec::new();
        for file in files.filter(|file| file.template.is_some()) {
            for facts in file.example_facts(phone_type, self.device.mac) {
                let found = self.left_out_of(phone_type, file, facts, port);
                all.extend(
                    found.into_iter().filter(|path| !all.contains(path)).collect::<Vec<_>>(),
                );
            }
        }
        all
    }

    /// What the phone or its company says of the device as a whole and is not in this file, as the
    /// paths of settings: of a device with ports of several companies each counts for itself, and
    /// only what all say alike, or the system does, counts for all.
    ///
    /// What the file has at the port all the same, as a base has the codecs of each account, is
    /// not left out: without it the file would be another.
    #[must_use]
    pub(super) fn left_out_of(
        &self,
        phone_type: &PhoneType,
        file: &FileSpec,
        facts: PathFacts,
        port: Port,
    ) -> Vec<String> {
        if file.scope != Scope::Device {
            return Vec::new();
        }
        let said = self.not_agreed(phone_type, port);
        if said.is_empty() {
            return Vec::new();
        }
        let paths = |names: Vec<Names>| names.into_iter().map(|names| names.join(".")).collect();
        let Ok(input) = self.input(phone_type, file, facts) else { return paths(said) };
        let port = Without { composition: self, phone_type, file, input, port };
        let Some(as_it_is) = port.rendered(&[]) else { return paths(said) };
        // A file that cannot be made without them has them.
        let differs = |without: &[Names]| port.rendered(without).as_ref() != Some(&as_it_is);
        let there = making_a_difference(&said, &differs);
        paths(said.into_iter().filter(|names| !there.contains(names)).collect())
    }

    /// What of a device of several companies the port alone says; of the raw parameters only
    /// those of its family.
    fn not_agreed(&self, phone_type: &PhoneType, port: Port) -> Vec<Names> {
        let phone = self.device.phones.get(&port).filter(|phone| phone.company().is_some());
        let Some(phone) = phone.filter(|_| self.is_of_several_companies()) else {
            return Vec::new();
        };
        let system = &self.directory.system.settings;
        let device = [&self.gateway, &phone_type.defaults, system, &self.agreed()];
        let mut said = Layer::left_out(&self.said_by(phone), &device);
        let family = &self.catalogue.family_of(phone_type).id;
        said.retain(|names| names[0] != "vendor" || names.get(1) == Some(family));
        said
    }
}

/// One port of a device, and a file to be rendered without some of its settings.
struct Without<'a> {
    composition: &'a Composition,
    phone_type: &'a PhoneType,
    file: &'a FileSpec,
    input: RenderInput,
    port: Port,
}

impl Without<'_> {
    /// `None`: the file cannot be made, or the port's settings are as they were.
    fn rendered(&self, without: &[Names]) -> Option<RenderedFile> {
        let mut input = self.input.clone();
        if !without.is_empty() {
            let settings = self.settings(without)?;
            let port = input.ports.iter_mut().find(|input| input.port == self.port)?;
            port.settings = settings;
        }
        let catalogue = &self.composition.catalogue;
        let family = catalogue.family_of(self.phone_type);
        catalogue.render(family, Some(self.phone_type), self.file, input).ok()
    }

    /// The port's, without what it or its company says there.
    fn settings(&self, without: &[Names]) -> Option<Arc<Settings>> {
        let Composition { device, directory, gateway, .. } = self.composition;
        let phone = device.phones.get(&self.port)?;
        let company = phone.company().and_then(|id: &CompanyId| directory.companies.get(id))?;
        let stripped = |layer: &Layer| {
            without.iter().try_fold(layer.clone(), |layer, names| {
                let nothing = names.iter().rev().fold(Value::Null, |inner, name| {
                    Value::Object([(name.clone(), inner)].into_iter().collect())
                });
                layer.patched(&nothing).ok()
            })
        };
        let (company, own) = (stripped(&company.settings)?, stripped(&phone.settings)?);
        let system = &directory.system.settings;
        let layers = [gateway, &self.phone_type.defaults, system, &company, &own];
        let settings = Arc::new(resolve(&layers).ok()?);
        Some(self.composition.with_own_passwords(self.phone_type, settings))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::directory::Directory;
    use super::*;
    use crate::catalogue::{Catalogue, Sources};
    use crate::domain::{Company, Device, Mac, Sighting, Timestamp};

    /// A device whose first port has these settings and is of another company than the second.
    fn of_two_companies(
        catalogue: &Arc<Catalogue>,
        of: &PhoneType,
        settings: &Value,
    ) -> Composition {
        let at = Timestamp::from_seconds;
        let mac: Mac = "02005e100001".parse().unwrap();
        let sighting = Sighting {
            first: at(1),
            last: at(1),
            address: "192.0.2.1".parse().unwrap(),
            user_agent: String::new(),
            type_guess: None,
            firmware: None,
            certificate: None,
        };
        let [one, other]: [CompanyId; 2] = ["one", "other"].map(|id| id.parse().unwrap());
        let device = Device::sighted(mac, of.key.clone(), of.ports, sighting);
        let device = device.promote(Port::FIRST, &one, at(2)).unwrap().0;
        let second = Port::first(2).last().unwrap();
        let device = device.assign(Some(second), None, &other, at(3)).unwrap().device;
        let layer = Layer::parse(settings).unwrap_or_else(|errors| panic!("{errors:?}"));
        let device = device.with_values(Port::FIRST, String::new(), layer, at(4)).unwrap();
        let companies = [one, other]
            .map(|id| (id.clone(), Arc::new(Company::new(id.clone(), id.to_string(), at(1)))));
        let directory =
            Directory { companies: companies.into_iter().collect(), ..Directory::default() };
        Composition::of(device, catalogue.clone(), Arc::new(directory), Layer::default())
    }

    fn catalogue() -> Arc<Catalogue> {
        Arc::new(Catalogue::load(&Sources::default()).unwrap())
    }

    #[test]
    fn what_a_base_has_for_each_account_is_not_left_out() {
        let catalogue = catalogue();
        let w70b = catalogue.phone_type(&"w70b".parse().unwrap()).unwrap();
        let settings = json!({
            "lines": { "1": { "user": "1", "password": "p", "registrar": "pbx.example" } },
            "codecs": ["g729", "g722"],
            "time": { "zone": "Europe/Berlin" },
            "vendor": { "yealink-dect": { "a.b.c": "1" }, "snom": { "d": "1" } },
        });
        let of = of_two_companies(&catalogue, w70b, &settings);
        let left_out = of.left_out(Port::FIRST);
        assert_eq!(left_out, ["time.zone", "vendor.yealink-dect.a.b.c"]);
    }

    /// Every text that only one setting has is looked for in the files that are said to lack it.
    #[test]
    fn what_stands_in_a_file_is_not_said_to_be_left_out() {
        let catalogue = catalogue();
        let (mut looked_for, mut families) = (0, 0);
        for family in catalogue.families() {
            let types = catalogue.types();
            let several = types.into_iter().filter(|of| catalogue.family_of(of).id == family.id);
            let Some(of) = several.filter(|of| of.ports > 1).max_by_key(|of| of.lines) else {
                continue;
            };
            families += 1;
            let settings = catalogue.everything(of);
            let composition = of_two_companies(&catalogue, of, &settings);
            let all = settings.to_string();
            for file in family.files.iter().filter(|file| file.template.is_some()) {
                for facts in file.example_facts(of, composition.device.mac) {
                    let Ok(input) = composition.input(of, file, facts.clone()) else { continue };
                    let rendered = catalogue.render(family, Some(of), file, input);
                    let Ok(rendered) = rendered else { continue };
                    let body = String::from_utf8_lossy(&rendered.body).into_owned();
                    for path in composition.left_out_of(of, file, facts, Port::FIRST) {
                        let value = path.split('.').fold(&settings, |value, name| &value[name]);
                        let Some(text) = value.as_str().filter(|text| text.len() > 7) else {
                            continue;
                        };
                        if all.matches(text).count() == 1 {
                            looked_for += 1;
                            let at = (&of.key, file.pattern(), &path);
                            assert!(!body.contains(text), "{at:?}: {text}");
                        }
                    }
                }
            }
        }
        assert!(families > 5 && looked_for > 20, "{families} {looked_for}");
    }
}
