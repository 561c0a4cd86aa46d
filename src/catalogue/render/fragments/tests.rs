//! Fragments of a small family of its own.

use serde_json::Value as Json;

use super::*;
use crate::catalogue::render::trial::{self, Extent};
use crate::catalogue::tests::{FAMILY, folders, render_with};
use crate::catalogue::{Catalogue, RenderError, Sources};
use crate::domain::settings::{Layer, resolve};

fn load(device: &str, fragment: &str) -> Result<Catalogue, String> {
    load_with(FAMILY, device, fragment)
}

fn load_with(family: &str, device: &str, fragment: &str) -> Result<Catalogue, String> {
    let mut folders = folders(family, device);
    let files = folders.get_mut("acme").unwrap();
    files.insert("part.fragment.j2".to_owned(), fragment.to_owned());
    Catalogue::from_folders(&folders, &Default::default()).map_err(|error| error.to_string())
}

fn rendered(catalogue: &Catalogue, settings: serde_json::Value) -> Result<String, RenderError> {
    render_with(catalogue, settings)
}

/// The file with each of these settings, in one catalogue and one after the other.
fn in_turn(device: &str, fragment: &str, settings: &[serde_json::Value]) -> Vec<String> {
    let catalogue = load(device, fragment).unwrap();
    settings.iter().map(|settings| rendered(&catalogue, settings.clone()).unwrap()).collect()
}

#[test]
fn a_fragment_is_rendered_anew_for_whatever_else_it_is_given() {
    let device =
        "{{ fragment(\"part.fragment.j2\", label=lines[0].label, codecs=settings.codecs) }}";
    let fragment = "{{ type.key }} {{ label or \"-\" }} {{ codecs | join(\"+\") }}";
    let settings = |label: &str, codecs: &[&str]| serde_json::json!({ "lines": { "1": { "label": label } }, "codecs": codecs });
    let all = [
        settings("a", &["g722"]),
        settings("b", &["g722"]),
        settings("a", &["g722", "pcma"]),
        settings("a", &["pcma", "g722"]),
        settings("a", &["g722"]),
        // What would end one value in a text they were kept by, and begin the next.
        settings("a\" codecs=[\"g722\"", &["opus"]),
        settings("", &["g722"]),
        serde_json::json!({ "codecs": ["g722"] }),
    ];
    let expected = [
        "a1 a g722",
        "a1 b g722",
        "a1 a g722+pcma",
        "a1 a pcma+g722",
        "a1 a g722",
        "a1 a\" codecs=[\"g722\" opus",
        "a1 - g722",
        "a1 - g722",
    ];
    assert_eq!(in_turn(device, fragment, &all), expected);
}

/// Each pair looks alike in some way of writing it down.
#[test]
fn values_that_differ_in_kind_only_are_not_taken_for_each_other() {
    let fragment = "{{ x is string }}{{ x is integer }}{{ x is float }}{{ x is boolean }}\
                    {{ x is sequence }}{{ x is mapping }}{{ x is none }}{{ x is set }}{{ x | length if x is sequence else 0 }}";
    let values = [
        "1",
        "\"1\"",
        "1.0",
        "true",
        "\"true\"",
        "none",
        "\"none\"",
        "\"\"",
        "[]",
        "{}",
        "[1]",
        "[\"1\"]",
        "[[1]]",
        "{\"a\": 1}",
        "[\"a\", 1]",
        "lines[0].label",
        "0",
        "false",
        "lines[0].user",
        "range(1)",
        "[0]",
        "(0,)",
    ];
    let calls: Vec<String> = values
        .iter()
        .map(|value| format!("{{{{ fragment(\"part.fragment.j2\", x={value}) }}}}"))
        .collect();
    // Once without what was kept, once all after each other.
    let alone: Vec<String> = calls
        .iter()
        .map(|call| in_turn(call, fragment, &[serde_json::json!({})]).remove(0))
        .collect();
    let together = in_turn(&calls.join("\n"), fragment, &[serde_json::json!({})]).remove(0);
    assert_eq!(together.lines().collect::<Vec<_>>(), alone);
}

#[test]
fn a_fragment_sees_the_type_and_what_it_is_given_and_nothing_of_the_phone() {
    let device = "{% set mine = 1 %}{{ fragment(\"part.fragment.j2\") }}";
    let message = load(device, "\n{{ settings.language }}").unwrap_err();
    let expected =
        "acme/part.fragment.j2:2: a fragment sees `type` and what it is given, not `settings`";
    assert!(message.contains(expected), "{message}");
    let message = load(device, "{{ fragment(\"part.fragment.j2\") }}").unwrap_err();
    assert!(message.contains("not `fragment`"), "{message}");
    // What the caller has it has not either.
    let catalogue = load(device, "\n{{ mine }}").unwrap();
    let error = rendered(&catalogue, serde_json::json!({})).unwrap_err();
    assert_eq!((error.template.as_str(), error.line), ("acme/part.fragment.j2", Some(2)));
}

#[test]
fn what_is_given_is_in_a_fragment_what_it_is_in_the_file() {
    let device =
        "{{ fragment(\"part.fragment.j2\", key=keys[0], zone=zone, network=settings.network) }}";
    let fragment = "{{ key.index }} {{ key.type }} {{ key.label == key.value }} {{ key.label ~ \"!\" }} \
                    {{ zone.dst.start.month }} {{ network.vlan.id or \"none\" }}";
    let key = serde_json::json!({ "type": "blf", "label": "7", "value": "7" });
    let settings = serde_json::json!({ "keys": { "1": key }, "time": { "zone": "Europe/Berlin" } });
    assert_eq!(in_turn(device, fragment, &[settings]), ["1 blf true 7! 3 none"]);
}

#[test]
fn what_has_a_secret_or_may_change_is_not_given() {
    let settings = || {
        let line = serde_json::json!({ "user": "1001", "password": "geheim" });
        serde_json::json!({ "lines": { "1": line }, "access": { "admin_password": "geheim" } })
    };
    for (given, complaint) in [
        ("x=settings", "`x` cannot be given to a fragment: there is a secret in it"),
        ("x=settings.access", "there is a secret in it"),
        ("x=lines[0]", "there is a secret in it"),
        ("x=lines", "there is a secret in it"),
        ("x=[1, {\"a\": lines[0]}]", "there is a secret in it"),
        ("x=ports", "there is a secret in it"),
        ("x=nothing", "it is not defined"),
        ("x=range", "it is neither a plain value"),
        ("x=fragment", "it is neither a plain value"),
    ] {
        let device = format!(
            "{{% set nothing = {{}}.a %}}{{{{ fragment(\"part.fragment.j2\", {given}) }}}}"
        );
        let error = rendered(&load(&device, "x").unwrap(), settings()).unwrap_err();
        assert!(error.message.contains(complaint), "{given}: {error}");
    }
    let catalogue = load("{{ fragment(\"device.cfg.j2\") }}", "x").unwrap();
    let error = rendered(&catalogue, settings()).unwrap_err();
    assert!(error.message.contains("ends in `.fragment.j2`"), "{error}");
}

#[test]
fn a_fragment_cannot_change_what_the_file_has() {
    let device = "{% set ns = namespace(x=1) %}{{ fragment(\"part.fragment.j2\", ns=ns) }}";
    let catalogue = load(device, "{% set ns.x = 2 %}").unwrap();
    let error = rendered(&catalogue, serde_json::json!({})).unwrap_err();
    assert!(error.message.contains("can only assign to namespaces"), "{error}");
}

#[test]
fn a_list_that_is_read_once_is_there_each_time() {
    let device = "{{ fragment(\"part.fragment.j2\", x=lines | rejectattr(\"enabled\") | map(attribute=\"index\")) }}";
    let twice = [serde_json::json!({}), serde_json::json!({})];
    assert_eq!(in_turn(device, "{% for n in x %}{{ n }};{% endfor %}", &twice), ["1;2;", "1;2;"]);
}

#[test]
fn what_is_not_set_is_not_set_in_a_fragment_either() {
    let device = "{{ fragment(\"part.fragment.j2\", label=lines[0].label) }}";
    let catalogue = load(device, "\n{{ label }}").unwrap();
    let labelled = serde_json::json!({ "lines": { "1": { "label": "x" } } });
    assert_eq!(rendered(&catalogue, labelled).unwrap(), "\nx");
    let error = rendered(&catalogue, serde_json::json!({})).unwrap_err();
    assert_eq!(error.setting.as_deref(), Some("lines.1.label"));
    assert_eq!((error.template.as_str(), error.line), ("acme/part.fragment.j2", Some(2)));
}

#[test]
fn a_fragment_is_escaped_for_the_file_it_is_in() {
    let other = "[[file]]\npaths = [\"{mac}.xml\"]\ntemplate = \"device.cfg.j2\"\nscope = \"device\"\n\
                 content_type = \"text/xml\"\nescape = \"xml\"\n\n[maps.language]";
    let family = FAMILY.replace("[maps.language]", other);
    let device = "{{ fragment(\"part.fragment.j2\", label=lines[0].label) }}";
    let catalogue = load_with(&family, device, "{{ label }}").unwrap();
    let settings = serde_json::json!({ "lines": { "1": { "label": "<a>" } } });
    for (path, expected) in [
        ("/00a0ba000001.cfg", "<a>"),
        ("/00a0ba000001.xml", "&lt;a&gt;"),
        ("/00a0ba000001.cfg", "<a>"),
    ] {
        let rendered = crate::catalogue::tests::render_file(&catalogue, path, settings.clone());
        assert_eq!(rendered.unwrap(), expected);
    }
}

#[test]
fn a_kept_fragment_costs_a_file_the_fuel_that_rendering_it_would() {
    let device = "{% for n in range(settings.language | length) %}{{ fragment(\"part.fragment.j2\") }}{% endfor %}";
    let work = "{% for n in range(90000) %}{% set x = n %}{% endfor %}";
    let catalogue = load(device, work).unwrap();
    let settings = |language: &str| serde_json::json!({ "language": language });
    assert_eq!(rendered(&catalogue, settings("de")).unwrap(), "");
    let error = rendered(&catalogue, settings("zh-Hant-TW")).unwrap_err();
    assert!(error.message.contains("more work than"), "{error}");
}

#[test]
fn what_is_kept_has_a_bound() {
    let fragments = Fragments::kept();
    let text = Value::from_safe_string("x".repeat(64 << 10));
    for number in 0..1_000 {
        let mut key = FragmentKey::new(Escape::Line, "acme", "part.fragment.j2", &Value::UNDEFINED);
        key.add("n", &Value::from(number)).unwrap();
        fragments.keep(key, &Fragment { text: text.clone(), fuel: 0 });
    }
    let kept = fragments.kept.as_ref().unwrap();
    assert!(kept.weight() <= MAX_KEPT_BYTES && kept.len() > 64, "{} bytes", kept.weight());
}

/// What `dice` leave of a document: each value and each group may go.
fn thinned(document: &Json, dice: &mut dyn FnMut() -> bool) -> Json {
    let Json::Object(fields) = document else { return document.clone() };
    let left = fields.iter().filter(|_| dice()).map(|(name, value)| (name.clone(), value));
    let left: Vec<_> = left.collect();
    Json::Object(left.into_iter().map(|(name, value)| (name, thinned(value, dice))).collect())
}

/// Renders every type, with settings of which each has another part, one after the other: what was
/// kept for one phone is asked for by the next.
#[test]
fn a_file_is_the_same_whether_its_fragments_were_kept_or_not() {
    let catalogue = Catalogue::load(&Sources::default()).unwrap();
    let (kept, anew) = (Arc::new(Fragments::kept()), Arc::new(Fragments::rendered_anew()));
    let mut seed = 1_u64;
    let mut dice = move || {
        // A linear congruential generator: the same settings in each run.
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        !(seed >> 33).is_multiple_of(4)
    };
    for (round, phone_type) in catalogue.types().into_iter().enumerate() {
        for goes in 0..3 {
            let everything =
                trial::document(&catalogue, phone_type, Extent::Everything, round / 4 + goes / 2);
            let layer = Layer::parse(&thinned(&everything, &mut dice)).unwrap();
            let settings = Arc::new(resolve(&[&phone_type.defaults, &layer]).unwrap());
            for (file, input) in trial::files(&catalogue, phone_type, &settings, Extent::Little) {
                let family = catalogue.family_of(phone_type);
                let render = |fragments| {
                    let rendered = catalogue.render_with(
                        fragments,
                        family,
                        Some(phone_type),
                        file,
                        input.clone(),
                    );
                    rendered.map(|file| String::from_utf8_lossy(&file.body).into_owned())
                };
                assert_eq!(render(&kept), render(&anew), "{} {}", phone_type.key, file.pattern());
            }
        }
    }
}
