//! What holds for every document.

use proptest::collection::{btree_map, vec};
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

use super::super::overlay::Overlay;
use super::super::schema::{Field, Kind};
use super::super::*;
use crate::domain::hidden_char;

/// Documents of the schema, each setting there or not.
fn document(fields: &'static [Field]) -> BoxedStrategy<Value> {
    let entries: Vec<_> = fields.iter().map(|field| weighted(0.4, value(&field.kind))).collect();
    let named = move |values: Vec<Option<Value>>| {
        let entries = fields.iter().zip(values);
        let set = entries.filter_map(|(field, value)| Some((field.name.to_owned(), value?)));
        Value::Object(set.collect::<Map<_, _>>())
    };
    entries.prop_map(named).boxed()
}

fn value(kind: &'static Kind) -> BoxedStrategy<Value> {
    let one_of = |values: Vec<&'static str>| select(values).prop_map(Value::from).boxed();
    match kind {
        Kind::Bool => any::<bool>().prop_map(Value::from).boxed(),
        Kind::Integer { min, max, .. } => (*min..=*max).prop_map(Value::from).boxed(),
        Kind::Text { .. } => "[^\\p{C}\\u2028\\u2029]{0,12}"
            .prop_filter("nothing hides in it", |text| hidden_char(text).is_none())
            .prop_map(Value::from)
            .boxed(),
        Kind::Secret => "hunter[0-9a-z]{1,4}".prop_map(Value::from).boxed(),
        Kind::Pin => "[0-9]{4,8}".prop_map(Value::from).boxed(),
        Kind::DialPattern => one_of(vec!["911", "[2-5]xxx", "x.T"]),
        Kind::Net => one_of(vec!["10.0.0.0/8", "2001:db8::/32"]),
        Kind::Proofs => one_of(vec!["network", "token+window"]),
        Kind::MulticastAddress => one_of(vec!["224.0.1.75", "239.1.2.3"]),
        Kind::LdapAttribute => one_of(vec!["cn", "sn", "telephoneNumber"]),
        Kind::Choice(names) => one_of(names.to_vec()),
        Kind::Host => one_of(vec!["a.example", "192.0.2.1", "2001:db8::1"]),
        Kind::Ip => one_of(vec!["192.0.2.1", "192.0.2.2", "2001:db8::1"]),
        Kind::SipUser | Kind::AuthUser => "[a-z0-9._-]{1,8}".prop_map(Value::from).boxed(),
        Kind::Dial => "[0-9*#+]{1,6}".prop_map(Value::from).boxed(),
        Kind::Url(_) | Kind::Folder(_) => {
            one_of(vec!["https://a.example/x", "http://192.0.2.1:80/"])
        }
        Kind::Zone => one_of(vec!["Europe/Berlin", "America/Nuuk", "UTC"]),
        Kind::Language => one_of(vec!["de", "fr-CA"]),
        Kind::Country => one_of(vec!["DE", "US"]),
        Kind::TimeOfDay => one_of(vec!["00:00", "23:59"]),
        Kind::List { of, .. } => vec(value(of), 1..=3)
            .prop_map(|mut items| {
                let mut seen = Vec::new();
                items.retain(|item| {
                    !seen.contains(item) && {
                        seen.push(item.clone());
                        true
                    }
                });
                Value::from(items)
            })
            .boxed(),
        Kind::Group(fields) => document(fields),
        Kind::Numbered { max, of } => {
            let numbers = select(vec![1, 2, *max]).prop_map(|number: u16| number.to_string());
            object(btree_map(numbers, document(of), 0..3))
        }
        Kind::Vendor => {
            let parameter = prop_oneof![
                any::<i64>().prop_map(Value::from),
                any::<bool>().prop_map(Value::from),
                "hunter[0-9]{1,3}".prop_map(Value::from),
            ];
            let names = select(vec!["a_pass", "x.PIN[1]", "AuthKey"]).prop_map(str::to_owned);
            let family = object(btree_map(names, parameter, 0..3));
            let families = select(vec!["snom", "yealink"]).prop_map(str::to_owned);
            object(btree_map(families, family, 0..3))
        }
    }
}

fn object(
    entries: impl Strategy<Value = std::collections::BTreeMap<String, Value>> + 'static,
) -> BoxedStrategy<Value> {
    entries.prop_map(|entries| Value::Object(entries.into_iter().collect())).boxed()
}

fn layers() -> impl Strategy<Value = Layer> {
    document(schema::document())
        .prop_map(|document| Layer::parse(&document).expect("right by making"))
}

/// Any JSON, often with the schema's own names.
fn json() -> impl Strategy<Value = Value> {
    let names = || {
        let mut names: Vec<String> = ["1", "2", "snom"].map(String::from).into();
        for field in schema::fields() {
            names.extend(field.path.split('.').map(String::from));
        }
        prop_oneof![4 => select(names), 1 => ".{0,6}"]
    };
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|n| json!(n)),
        (0u64..100).prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        select(vec!["udp", "12", "de", "DE", "a.example", "201"]).prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 8, move |inner| {
        prop_oneof![
            1 => vec(inner.clone(), 0..4).prop_map(Value::from),
            4 => object(btree_map(names(), inner, 0..8)),
        ]
    })
}

/// The layer as the phone sees it, without what belongs to its making.
fn typed(layer: &Layer) -> Settings {
    serde_json::from_str(layer.as_stored()).unwrap()
}

fn no_text(value: &Value, refused: fn(char) -> bool) -> bool {
    match value {
        Value::String(text) => !text.chars().any(refused),
        Value::Array(items) => items.iter().all(|item| no_text(item, refused)),
        Value::Object(map) => {
            map.iter().all(|(name, item)| !name.chars().any(refused) && no_text(item, refused))
        }
        _ => true,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_json_panics_and_none_accepted_has_a_control_character(json in json(), base in layers()) {
        for layer in [Layer::parse(&json), base.patched(&json)].into_iter().flatten() {
            prop_assert!(no_text(&layer.to_json(), char::is_control));
            prop_assert!(resolve(&[&layer]).is_ok());
            prop_assert_eq!(&Layer::parse(&layer.to_json()).unwrap(), &layer);
        }
    }

    #[test]
    fn any_text_that_a_label_takes_is_one_line(text in any::<String>()) {
        if let Ok(layer) = Layer::parse(&json!({"keys": {"1": {"label": text}}})) {
            prop_assert!(text.lines().count() <= 1 && no_text(&layer.to_json(), char::is_control));
            prop_assert_eq!(&layer.to_json()["keys"]["1"]["label"], &Value::from(text));
        }
    }

    #[test]
    fn stored_text_comes_back_as_the_same_layer(layer in layers()) {
        prop_assert_eq!(&Layer::from_stored(layer.as_stored()), &layer);
        prop_assert_eq!(&Layer::parse(&layer.to_json()).unwrap(), &layer);
        prop_assert_eq!(&layer.patched(&layer.to_json()).unwrap(), &layer);
    }

    #[test]
    fn overlay_is_associative_and_has_a_neutral_layer(a in layers(), b in layers(), c in layers()) {
        let (a, b, c) = (typed(&a), typed(&b), typed(&c));
        let over = |low: &Settings, high: &Settings| {
            let mut both = low.clone();
            both.overlay(high.clone());
            both
        };
        prop_assert_eq!(over(&over(&a, &b), &c), over(&a, &over(&b, &c)));
        prop_assert_eq!(&over(&a, &Settings::default()), &a);
        prop_assert_eq!(&over(&Settings::default(), &a), &a);
        prop_assert_eq!(&over(&a, &a), &a);
    }

    #[test]
    fn overlaying_a_layer_is_patching_with_its_document(a in layers(), b in layers()) {
        let patched = a.patched(&b.to_json()).unwrap();
        prop_assert_eq!(resolve(&[&a, &b]).unwrap(), resolve(&[&patched]).unwrap());
    }

    #[test]
    fn a_shared_stack_gives_what_resolve_gives(a in layers(), b in layers(), c in layers()) {
        let mut shared = Stack::default();
        shared.overlay(&a).unwrap();
        shared.overlay(&b).unwrap();
        let mut own = shared.clone();
        own.overlay(&c).unwrap();
        prop_assert_eq!(own.finish(), resolve(&[&a, &b, &c]).unwrap());
    }

    #[test]
    fn explain_tells_what_resolve_gives(a in layers(), b in layers(), c in layers()) {
        let explained = explain(&[("a", &a), ("b", &b), ("c", &c)]);
        // Explained values read back as one layer; secrets are hidden in both.
        let hidden = |layer: &Layer| Layer::from_stored(&layer.redacted().to_string());
        let mut told = Map::new();
        for Explained { field, value, from } in &explained {
            prop_assert!(["a", "b", "c"].contains(&from.trim_end_matches(" (line_defaults)")));
            let path: Vec<&str> = match field.strip_prefix("vendor.") {
                Some(rest) => std::iter::once("vendor").chain(rest.splitn(2, '.')).collect(),
                None => field.split('.').collect(),
            };
            let (last, groups) = path.split_last().unwrap();
            let mut at = &mut told;
            for group in groups {
                let group = at.entry(*group).or_insert_with(|| json!({}));
                at = group.as_object_mut().unwrap();
            }
            at.insert((*last).to_owned(), value.clone());
        }
        let told = Layer::from_stored(&Value::Object(told).to_string());
        let mut expected = resolve(&[&hidden(&a), &hidden(&b), &hidden(&c)]).unwrap();
        // An entry without any value exists, and there is nothing to explain of it.
        expected.lines.retain(|_, line| *line != Line::default());
        expected.keys.retain(|_, key| *key != Key::default());
        expected.soft_keys.retain(|_, key| *key != Key::default());
        expected.alert_tones.retain(|_, tone| *tone != AlertTone::default());
        expected.multicast.retain(|_, group| *group != MulticastGroup::default());
        expected.phone_books.retain(|_, book| *book != PhoneBook::default());
        for module in expected.expansion.values_mut() {
            module.keys.retain(|_, key| *key != Key::default());
        }
        expected.expansion.retain(|_, module| !module.keys.is_empty());
        prop_assert_eq!(resolve(&[&told]).unwrap(), expected);
    }

    #[test]
    fn no_secret_is_in_what_is_shown(a in layers(), b in layers(), json in json()) {
        let mut shown = a.redacted().to_string();
        shown += &b.redacted_against(&a).to_string();
        shown += &format!("{:?} {:?}", a, resolve(&[&a, &b]).unwrap());
        shown += &format!("{:?}", explain(&[("a", &a), ("b", &b)]));
        shown += &format!("{:?}", a.patched(&json));
        prop_assert!(!shown.contains("hunter"), "{}", shown);
    }
}
