//! An operator's own families, read again while phones boot.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::support::http::Answer;
use rustix::process::Signal;

use crate::support::process::Process;
use crate::support::{Gateway, ManualClock, eventually};

const FILE: &str = "/acme-0200a0000001.cfg";
const ID: &str = "0200a00000010";

const FAMILY: &str = r#"
vendor = "Acme"
group = "acme"

[[file]]
paths = ["acme-{mac}.cfg"]
template = "device.cfg.j2"
scope = "device"
content_type = "text/plain"
escape = "line"
"#;

fn a_type(key: &str) -> String {
    format!(
        "\n[[type]]\nkey = \"{key}\"\nmodel = \"{key}\"\ndescription = \"Acme {key}\"\nlines = 1\nkeys = 0\nports = 1\n"
    )
}

fn write(templates: &Path, types: &[&str], template: &str) {
    let folder = templates.join("acme");
    fs::create_dir_all(&folder).unwrap();
    let types: String = types.iter().map(|key| a_type(key)).collect();
    let fallback = "fallback_type = \"a1\"\n";
    fs::write(folder.join("family.toml"), format!("{fallback}{FAMILY}{types}")).unwrap();
    fs::write(folder.join("device.cfg.j2"), template).unwrap();
}

/// A file has a date this long after its last change.
const DATED_AFTER: i64 = 2;

/// A gateway with the family, and its phone promoted.
fn start(clock: &Arc<ManualClock>) -> Gateway {
    let gateway = Gateway::start_at(clock.clone(), |config, dir| {
        let templates = dir.join("templates");
        write(&templates, &["a1", "a2"], "a = 1\n");
        config.catalogue.templates_dir = Some(templates);
    });
    gateway.get(FILE, None);
    assert_eq!(gateway.inactive(), [(ID.to_owned(), "a1".to_owned())]);
    gateway.promote(ID);
    clock.advance(DATED_AFTER);
    gateway
}

fn change(gateway: &Gateway, types: &[&str], template: &str) {
    write(&gateway.dir().join("templates"), types, template);
    gateway.reload();
}

fn served(answer: &Answer, body: &str) {
    assert_eq!((answer.status, answer.text()), (200, body));
}

fn validators(answer: &Answer) -> (&str, &str) {
    let header = |name| answer.header(name).unwrap_or_else(|| panic!("no {name}: {answer:?}"));
    (header("etag"), header("last-modified"))
}

#[test]
fn a_changed_template_is_served_after_the_reload_with_new_validators() {
    let clock = ManualClock::new();
    let gateway = start(&clock);
    let before = gateway.get(FILE, None);
    served(&before, "a = 1\n");
    let (tag, modified) = validators(&before);

    clock.advance(60);
    write(&gateway.dir().join("templates"), &["a1"], "a = 2\n");
    assert_eq!(gateway.get(FILE, None), before, "nothing changes before the reload");
    gateway.reload();
    clock.advance(DATED_AFTER);
    let after = gateway.get(FILE, None);
    served(&after, "a = 2\n");
    let (new_tag, new_modified) = validators(&after);
    assert_ne!(new_tag, tag);
    let date = |text| httpdate::parse_http_date(text).unwrap();
    let later = date(new_modified).duration_since(date(modified)).unwrap();
    assert_eq!(later.as_secs(), 60 + DATED_AFTER.unsigned_abs());

    clock.advance(60);
    gateway.reload();
    assert_eq!(gateway.get(FILE, None), after, "a reload of the same changes nothing");
}

#[test]
fn a_catalogue_with_a_fault_is_refused_whole() {
    let clock = ManualClock::new();
    let gateway = start(&clock);
    let before = gateway.get(FILE, None);
    clock.advance(60);
    for (types, template) in [
        (&["a1"][..], "a = {{ lines[0].user }\n"),
        (&["a1"], "a = {{ line.user }}\n"),
        // What shows only when it is rendered.
        (&["a1"], "{% for line in lines if line.label %}{{ line.lable }}{% endfor %}"),
        (&["a1"], "{% include \"device.cfg.j2\" %}"),
        (&["a1"], "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"),
        (&["a1"], "{% if type.key == \"a2\" %}{% include \"gone.j2\" %}{% endif %}"),
        // The template is good, the type's key is another family's.
        (&["a1", "snom320"], "a = 2\n"),
        (&["a2"], "a = 2\n"),
    ] {
        change(&gateway, types, template);
        assert_eq!(gateway.get(FILE, None), before, "{types:?} {template}");
    }
    fs::write(gateway.dir().join("templates/acme/family.toml"), b"\xff").unwrap();
    gateway.reload();
    assert_eq!(gateway.get(FILE, None), before);
    assert_eq!(
        gateway.done("readtypes", json!({ "type": "phone", "scope": {} }))["result"],
        "success"
    );

    change(&gateway, &["a1"], "a = 3\n");
    served(&gateway.get(FILE, None), "a = 3\n");
}

#[test]
fn a_phone_whose_type_went_is_refused_until_it_is_back() {
    let clock = ManualClock::new();
    let gateway = start(&clock);
    let scope = json!({ "phoneid": ID });
    let values = json!({ "phone_type": "a2" });
    gateway.done("update", json!({ "type": "phone", "scope": scope, "values": values }));
    served(&gateway.get(FILE, None), "a = 1\n");
    let refusal = gateway.get("/favicon.ico", None);

    change(&gateway, &["a1"], "a = 2\n");
    assert_eq!(gateway.get(FILE, None), refusal);
    assert_eq!(gateway.last_outcome("0200a0000001"), "no_such_type");
    let phone = gateway.phone(ID);
    assert_eq!((&phone["phone_type"], &phone["type"]), (&json!("a2"), &json!("a2")), "{phone}");
    let settings = json!({ "settings": { "language": "de" } });
    let answer =
        gateway.ask("update", json!({ "type": "phone", "scope": scope, "values": settings }));
    assert_eq!(answer["message"], "No such phone type: a2");

    change(&gateway, &["a1", "a2"], "a = 3\n");
    served(&gateway.get(FILE, None), "a = 3\n");
}

#[test]
fn only_the_types_that_are_named_are_offered() {
    let gateway = Gateway::start_with(|config, _| {
        config.catalogue.only_types = vec!["t46g".parse().unwrap(), "pap2t".parse().unwrap()];
    });
    let answer = gateway.done("readtypes", json!({ "type": "phone" }));
    let types = answer["values"].as_array().unwrap();
    let keys: Vec<_> = types.iter().map(|row| row["phone_type"].as_str().unwrap()).collect();
    assert_eq!(keys, ["pap2t", "t46g"], "{answer}");

    let refusal = gateway.get("/favicon.ico", None);
    let snom = "Mozilla/4.0 (compatible; snom320-SIP 8.7.3.25 1.1.3-s)";
    assert_eq!(gateway.get("/snom320-000413301234.htm", Some(snom)), refusal);
    assert_eq!(gateway.inactive(), [], "a type that is not offered is no type");
    assert_eq!(gateway.last_outcome("000413301234"), "no_such_type");
    gateway.get("/0018f8123456.xml", Some("Linksys/PAP2T-5.1.6(LS)"));
    assert_eq!(gateway.inactive().len(), 2);
}

#[test]
fn it_ends_when_told_however_long_a_reload_takes() {
    let dir = tempfile::TempDir::new().unwrap();
    let templates = dir.path().join("templates");
    write(&templates, &["a1"], "a = 1\n");
    let config = "[catalogue]\ntemplates_dir = \"templates\"\n";
    fs::write(dir.path().join("dialtone.toml"), config).unwrap();
    let log = dir.path().join("log");
    let line = "serve --config dialtone.toml";
    let out = fs::File::create(&log).unwrap().into();
    let mut process = Process::start_as(dir.path(), line, out);

    // Each is tried with each of these types, just below the work that one file may take.
    let many: Vec<String> = (0..2_000).map(|n| format!("a{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let loops = "{% for a in range(500) %}{% for b in range(500) %}{% endfor %}{% endfor %}a = 2\n";
    write(&templates, &many, loops);
    process.signal(Signal::HUP);
    let read = |what: &str| fs::read_to_string(&log).unwrap().contains(what);
    eventually("it hears a SIGHUP", || read("reading certificates and the catalogue again"));
    process.signal(Signal::TERM);
    let ended =
        process.ended_within(Duration::from_secs(20)).expect("a reload does not hold up its end");
    assert!(ended.success());
    for over in ["the catalogue was read again", "the old catalogue stays in use"] {
        assert!(!read(over), "the reload was over, so that this showed nothing: {over}");
    }
}
