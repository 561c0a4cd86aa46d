//! Whatever text stands in a setting, a rendered file has the keys it would
//! have with a harmless one: none more, none fewer, in the same order.
//!
//! The texts are also such as the settings' own checks refuse: a store written
//! by another version, or by hand, is no way in either. Where a vendor's value
//! has a syntax of its own (`fnc=..;..`), the texts are those that are accepted,
//! and the parts of the value are compared.

mod document;
mod names;
mod read_back;
mod syntax;

use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::keys::{self, Pair};
use crate::catalogue::*;
use crate::domain::settings::{Layer, Written, resolve};
use crate::domain::{CompanyId, Mac, Port};
use document::{TextKind, document};

static CATALOGUE: LazyLock<Catalogue> =
    LazyLock::new(|| Catalogue::load(&Sources::default()).unwrap_or_else(|e| panic!("{e}")));

/// Every file of the type: its pattern and what it says, or why there is none.
fn rendered(
    phone_type: &PhoneType,
    layer: &Layer,
) -> Vec<(&'static FileSpec, Result<String, String>)> {
    let family = &CATALOGUE.families()[phone_type.family];
    let settings = Arc::new(resolve(&[&phone_type.defaults, layer]).unwrap());
    let mac: Mac = "0015654aa937".parse().unwrap();
    let mut files = Vec::new();
    for file in family.files.iter().filter(|file| file.template.is_some()) {
        for path in file.example_facts(phone_type, mac) {
            let is_common = file.scope == Scope::Common;
            let port = |port: Port| PortInput {
                port,
                // The second port of a device is switched off.
                company: (port.number() != 1).then(CompanyId::default_company),
                name: settings.lines.values().find_map(|l| l.label.clone()).unwrap_or_default(),
                settings: settings.clone(),
            };
            let input = RenderInput {
                mac: (!is_common).then_some(mac),
                ports: if is_common {
                    vec![]
                } else {
                    Port::first(phone_type.ports).map(port).collect()
                },
                named_port: path.port,
                path,
                device_wide: settings.clone(),
                written: Written::default(),
            };
            let rendered = CATALOGUE.render(family, Some(phone_type), file, input);
            let text = rendered.map(|rendered| keys::decoded(file, rendered.body));
            files.push((file, text.map_err(|error| error.to_string())));
        }
    }
    files
}

/// The files with harmless texts, and with one of `texts` in each place that has some.
fn both<'a>(
    phone_type: &PhoneType,
    round: usize,
    texts: impl Fn(TextKind) -> Option<&'a [String]>,
    layer: fn(&str) -> Layer,
    mut compare: impl FnMut(&FileSpec, &[Pair], &[Pair]),
) {
    let harmless = layer(&document(phone_type, round, &mut TextKind::harmless));
    let mut at = 0;
    let hostile = layer(&document(phone_type, round, &mut |place| {
        at += 1;
        texts(place).map_or_else(|| place.harmless(), |texts| texts[at % texts.len()].clone())
    }));
    let has_nul =
        texts(TextKind::Free).is_some_and(|all| all.iter().any(|text| text.contains('\0')));
    let (harmless, hostile) = (rendered(phone_type, &harmless), rendered(phone_type, &hostile));
    for ((file, plain), (_, hostile)) in harmless.into_iter().zip(hostile) {
        let at = format!("{} {}", phone_type.key, file.pattern());
        let hostile = match hostile {
            Ok(hostile) => hostile,
            // NUL is how an unset value shows that it was printed: no file is no injection.
            Err(error) if has_nul && error.ends_with("is not set") => continue,
            Err(error) => panic!("{at}: {error}"),
        };
        let plain = plain.unwrap_or_else(|error| panic!("{at}: {error}"));
        let pairs =
            |text: &str| keys::of(file, text).unwrap_or_else(|e| panic!("{at}: {e}\n{text}"));
        compare(file, &pairs(&plain), &pairs(&hostile));
    }
}

fn assert_same_keys(phone_type: &PhoneType, round: usize, texts: &[String]) {
    both(
        phone_type,
        round,
        |_| Some(texts),
        Layer::from_stored,
        |file, plain, hostile| {
            let at = || format!("{} {} with {texts:?}", phone_type.key, file.pattern());
            for (plain, hostile) in plain.iter().zip(hostile) {
                assert_eq!(hostile.key, plain.key, "{}", at());
            }
            assert_eq!(hostile.len(), plain.len(), "{}", at());
        },
    );
}

/// How many cases each type has; there are some seventy types.
const CASES: u32 = 6;

/// Always with a letter, so that a value is there whatever is taken out of it.
fn hostile() -> impl Strategy<Value = String> {
    let syntax = prop::sample::select(document::HOSTILE).prop_map(str::to_owned);
    let piece =
        prop_oneof![3 => syntax, 1 => any::<char>().prop_map(String::from), 1 => "[ -~]{1,6}"];
    let pieces = prop::collection::vec(piece, 1..6).prop_map(|pieces| pieces.concat());
    let placed = (pieces, 0..3_u8).prop_map(|(text, place)| match place {
        0 => format!("x{text}"),
        1 => format!("{text}x"),
        _ => format!("{text}x{text}"),
    });
    prop_oneof![20 => placed.clone(), 1 => placed.prop_map(|text| text.repeat(200))]
}

fn runner(cases: u32) -> TestRunner {
    TestRunner::new_with_rng(
        Config { cases, failure_persistence: None, max_shrink_iters: 64, ..Config::default() },
        prop::test_runner::TestRng::deterministic_rng(prop::test_runner::RngAlgorithm::ChaCha),
    )
}

fn each_representative(holds: fn(&PhoneType, usize, &[String])) {
    for (round, phone_type) in CATALOGUE.representatives().into_iter().enumerate() {
        // As many as do not divide the places of a line or a key: they move along.
        let texts = prop::collection::vec(hostile(), 7);
        let cases = runner(CASES).run(&texts, |texts| {
            holds(phone_type, round, &texts);
            Ok(())
        });
        cases.unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn no_text_changes_the_keys_of_any_file() {
    each_representative(assert_same_keys);
}

#[test]
fn no_type_has_a_file_that_known_hostile_texts_change() {
    let texts: Vec<String> = document::HOSTILE
        .iter()
        .filter(|text| !text.contains('\0'))
        .map(|text| format!("a{text}b"))
        .collect();
    for (round, phone_type) in CATALOGUE.types().into_iter().enumerate() {
        assert_same_keys(phone_type, round, &texts);
    }
}
