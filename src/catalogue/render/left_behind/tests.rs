//! The phone, as the files make it: whatever was set before, in whatever company, it ends as a
//! new one does that gets the last file only.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::{Arc, LazyLock};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;

use super::*;
use crate::catalogue::{PortInput, Sources, Whose, whose};
use crate::domain::{CompanyId, Mac, Port};

static CATALOGUE: LazyLock<Catalogue> =
    LazyLock::new(|| Catalogue::load(&Sources::default()).unwrap_or_else(|e| panic!("{e}")));

/// Ports of a device that are used; more behave alike.
const PORTS: u16 = 3;

/// One moment of a device: what each of two companies sets, and whose each port is.
#[derive(Debug, Clone)]
struct Moment {
    companies: [Set; 2],
    ports: [Option<usize>; PORTS as usize],
}

/// A random part of all there is.
#[derive(Debug, Clone, Copy)]
struct Set {
    round: usize,
    seed: u64,
    /// How many of ten settings are kept.
    kept: u64,
}

fn set() -> impl Strategy<Value = Set> {
    let kept = prop_oneof![1 => Just(0u64), 1 => Just(10u64), 3 => 1..10u64];
    (0..60usize, any::<u64>(), kept).prop_map(|(round, seed, kept)| Set { round, seed, kept })
}

fn moment() -> impl Strategy<Value = Moment> {
    let port = || prop_oneof![1 => Just(None), 4 => Just(Some(0)), 2 => Just(Some(1))];
    let first = prop_oneof![Just(Some(0)), Just(Some(1))];
    ([set(), set()], first, port(), port())
        .prop_map(|(companies, a, b, c)| Moment { companies, ports: [a, b, c] })
}

impl Set {
    fn layer(&self, phone_type: &PhoneType) -> Layer {
        let mut all = document(&CATALOGUE, phone_type, Extent::Everything, self.round);
        self.thin(String::new(), &mut all);
        Layer::parse(&merged(all, &always())).unwrap()
    }

    /// Leaves out what a line cannot do without nowhere: it would be no file at all.
    fn thin(&self, path: String, value: &mut Value) {
        let Value::Object(fields) = value else { return };
        let needed = ["number", "user", "password", "registrar", "type"];
        fields.retain(|name, _| {
            let hash = BuildHasherDefault::<DefaultHasher>::default();
            let turn = hash.hash_one((self.seed, &path, name)) % 10;
            turn < self.kept || (path.starts_with("lines.") && needed.contains(&name.as_str()))
        });
        for (name, value) in fields.iter_mut() {
            self.thin(format!("{path}{name}."), value);
        }
    }
}

/// The files of the device at that moment; `None` when one cannot be made.
fn files(
    phone_type: &PhoneType,
    moment: &Moment,
    written: &Written,
) -> Option<(BTreeSet<String>, Written)> {
    let layers = moment.companies.map(|set| set.layer(phone_type));
    let resolved = |layers: &[&Layer]| Arc::new(resolve(layers).unwrap());
    let defaults = &phone_type.defaults;
    let ports: Vec<PortInput> = Port::first(phone_type.ports.min(PORTS))
        .map(|port| {
            let company = moment.ports[usize::from(port.number())];
            let Some(company) = company else { return PortInput::inactive(port) };
            PortInput {
                port,
                company: Some(["default", "other"][company].parse::<CompanyId>().unwrap()),
                name: String::new(),
                settings: resolved(&[defaults, &layers[company]]),
            }
        })
        .collect();
    let device_wide = match whose(&ports) {
        Whose::Nobodys => resolved(&[defaults]),
        Whose::OneCompanys(settings) => settings.clone(),
        Whose::SeveralCompanies => {
            resolved(&[defaults, &Layer::agreed(&[vec![&layers[0]], vec![&layers[1]]])])
        }
    };
    let family = CATALOGUE.family_of(phone_type);
    let mac = Mac::from_bits(0x0000_5e00_5301);
    let (mut keys, mut sets) = (BTreeSet::new(), Written::default());
    let asked = |file: &&FileSpec| {
        file.template.is_some() && file.scope != Scope::Common && !file.keeps.all()
    };
    for file in family.files.iter().filter(asked) {
        for path in file.example_facts(phone_type, mac) {
            if path.port.is_some_and(|port| port.number() >= PORTS) {
                continue;
            }
            let input = RenderInput {
                mac: Some(mac),
                ports: ports.clone(),
                named_port: path.port,
                path,
                device_wide: device_wide.clone(),
                written: written.clone(),
            };
            sets = sets.and(&input.sets(family, phone_type));
            match keys_of(&CATALOGUE, phone_type, file, input) {
                Ok(own) => {
                    keys.extend(own.into_iter().map(|key| format!("{} {key}", file.reset_in())));
                }
                Err(error) if error.setting.is_some() => return None,
                Err(error) => panic!("{}: {error}", file.pattern()),
            }
        }
    }
    Some((keys, sets))
}

/// What the last file leaves in the phone of those before it.
fn left(phone_type: &PhoneType, moments: &[Moment]) -> BTreeSet<String> {
    let (mut phone, mut last, mut written) = (BTreeSet::new(), BTreeSet::new(), Written::default());
    for moment in moments {
        let Some((keys, sets)) = files(phone_type, moment, &written) else { continue };
        phone.extend(keys.iter().cloned());
        last = keys;
        written = written.and(&sets);
    }
    phone.difference(&last).cloned().collect()
}

/// What is left in a phone whose module no type has any more.
fn left_by_modules(phone_type: &PhoneType, plain: &PhoneType) -> BTreeSet<String> {
    let all = merged(document(&CATALOGUE, phone_type, Extent::Everything, 0), &always());
    let set = rendered(&CATALOGUE, phone_type, &all, &Written::default());
    let sets = set.iter().fold(Written::default(), |sets, file| sets.and(&file.sets));
    let mut less = all;
    less.as_object_mut().unwrap().remove("expansion");
    let unset = rendered(&CATALOGUE, plain, &less, &sets);
    let keys = |files: Vec<Keys<'_>>| -> BTreeSet<String> {
        files.into_iter().flat_map(|file| file.keys.unwrap()).collect()
    };
    keys(set).difference(&keys(unset)).cloned().collect()
}

#[test]
fn the_keys_of_a_module_go_when_the_type_is_changed_to_one_without() {
    let mut left_by: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for phone_type in CATALOGUE.types().into_iter().filter(|phone_type| phone_type.modules == 1) {
        let plain = phone_type.base.as_ref().and_then(|base| CATALOGUE.phone_type(base));
        let Some(plain) = plain.filter(|plain| plain.modules == 0) else { continue };
        let family = &*CATALOGUE.family_of(phone_type).id;
        let left = left_by_modules(phone_type, plain);
        left_by.entry(family).or_default().extend(left.iter().map(|key| without_numbers(key)));
    }
    left_by.retain(|_, keys| !keys.is_empty());
    assert!(left_by.is_empty(), "{left_by:#?}");
}

fn without_numbers(key: &str) -> String {
    let mut text = String::new();
    for character in key.chars() {
        match character {
            '0'..='9' if text.ends_with('N') => {}
            '0'..='9' => text.push('N'),
            other => text.push(other),
        }
    }
    text
}

#[test]
fn a_phone_ends_as_a_new_one_does_that_gets_the_last_file_only() {
    let mut left_by: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for phone_type in CATALOGUE.representatives() {
        let family = &*CATALOGUE.family_of(phone_type).id;
        let mut runner = TestRunner::new_with_rng(
            Config::default(),
            proptest::test_runner::TestRng::deterministic_rng(
                proptest::test_runner::RngAlgorithm::ChaCha,
            ),
        );
        let of_family = left_by.entry(family).or_default();
        for _ in 0..4 {
            let moments = vec(moment(), 2..4).new_tree(&mut runner).unwrap().current();
            let left = left(phone_type, &moments);
            of_family.extend(left.iter().map(|key| without_numbers(key)));
        }
    }
    left_by.retain(|_, keys| !keys.is_empty());
    assert!(left_by.is_empty(), "{left_by:#?}");
}

/// A family that leaves what it set behind, in a folder of its own.
fn problems(template: &str, more: &str) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let own = dir.path().join("acme");
    std::fs::create_dir(&own).unwrap();
    let definition = format!(
        r#"
        vendor = "Acme"
        group = "acme"
        [[file]]
        paths = ["acme-{{mac}}.cfg"]
        template = "device.cfg.j2"
        scope = "device"
        content_type = "text/plain"
        escape = "line"
        {more}
        [[type]]
        key = "acme_d10"
        "#
    );
    std::fs::write(own.join("family.toml"), definition).unwrap();
    std::fs::write(own.join("device.cfg.j2"), template).unwrap();
    let last = "{% for parameter in vendor if not parameter.value %}\n\
                {{ parameter.name }}=\n{% endfor %}\n";
    std::fs::write(own.join("last.cfg.j2"), last).unwrap();
    let templates_dir = Some(dir.path().to_owned());
    let sources = Sources { templates_dir, ..Sources::default() };
    let catalogue = Catalogue::load(&sources).unwrap();
    let problems = catalogue.left_behind(&sources);
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn a_family_of_an_operators_own_is_told_what_it_leaves_behind() {
    let says = "{% if settings.language %}\nlang={{ settings.language }}\n{% endif %}\nend=1\n";
    let found = problems(says, "");
    assert_eq!(found.len(), 1, "{found:?}");
    for part in ["acme-{mac}.cfg", "`lang`", "language"] {
        assert!(found[0].contains(part), "{part} is not in {}", found[0]);
    }
    let kept = [r#"keeps = "no way back""#, r#"keeps = { lang = "no way back" }"#];
    for keeps in kept {
        assert_eq!(problems(says, keeps), Vec::<String>::new());
    }
    assert_eq!(problems(says, r#"keeps = { end = "no way back", la = "nor here" }"#).len(), 1);
    let group = "{% if settings.language %}\nlang={{ settings.language }}\n\
                 {% elif written.language %}\nlang=en\n{% endif %}\n";
    assert_eq!(problems(group, ""), Vec::<String>::new());
    let unused = |reset: &str| {
        let template = format!(
            "{{% for line in lines if line.enabled %}}\n{{{{ line.index }}}}.user={{{{ line.user }}}}\n\
             {{{{ line.index }}}}.srtp={{{{ line.srtp or 'off' }}}}\n{{% endfor %}}\n\
             {{% for line in lines if not line.enabled %}}\n{{{{ line.index }}}}.user=\n\
             {{% if {reset} %}}\n{{{{ line.index }}}}.srtp=off\n{{% endif %}}\n{{% endfor %}}\n"
        );
        problems(&template, "")
    };
    assert_eq!(unused("line.index <= written.lines"), Vec::<String>::new());
    let found = unused("line.index < written.lines");
    assert!(found.len() == 1 && found[0].contains(".srtp`"), "{found:?}");
    let raw = "{% for parameter in vendor %}\n{{ parameter.name }}={{ parameter.value or '' }}\n{% endfor %}\n";
    assert_eq!(problems(raw, ""), Vec::<String>::new());
    let raw = "{% for parameter in vendor if parameter.value %}\n{{ parameter.name }}={{ parameter.value }}\n{% endfor %}\n";
    assert_eq!(problems(raw, "").len(), 1);
    let last = r#"reset_in = "acme-{mac}-last.cfg"
        [[file]]
        paths = ["acme-{mac}-last.cfg"]
        template = "last.cfg.j2"
        scope = "device"
        content_type = "text/plain"
        escape = "line""#;
    assert_eq!(problems(raw, last), Vec::<String>::new());
    // What the other file does not take back is left behind all the same.
    assert_eq!(problems(says, last).len(), 1);
}
