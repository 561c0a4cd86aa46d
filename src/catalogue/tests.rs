//! The catalogue as a whole, on a small family of its own and on the built-in ones.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::family::source::{Files, Folders};
use super::*;
use crate::domain::settings::{Layer, Written, resolve};
use crate::domain::{CompanyId, Mac, Port, Strength};

pub(crate) const FAMILY: &str = r#"
vendor = "Acme"
group = "acme"
ouis = ["00a0ba"]

[[user_agent]]
pattern = '^Acme (?P<model>[A-Z0-9]+)/(?P<firmware>[0-9.]+)(?: (?P<mac>[0-9a-f]{12}))?$'
examples = [{ text = "Acme A1/1.2 00a0ba000001", model = "A1", firmware = "1.2", mac = "00a0ba000001" }]

[[file]]
paths = ["{mac}.cfg"]
template = "device.cfg.j2"
scope = "device"
content_type = "text/plain"
escape = "line"

[[file]]
paths = ["{mac}.log"]

[maps.language]
de = "German"

[[type]]
key = "a1"
model = "A1"
description = "Acme A1"
lines = 2
keys = 1
ports = 2
data = { color = true }

[[type]]
key = "a1-1"
base = "a1"
modules = 1
module_keys = 2
"#;

pub(crate) fn folders(family: &str, template: &str) -> Folders {
    let files = Files::from([
        ("family.toml".to_owned(), family.to_owned()),
        ("device.cfg.j2".to_owned(), template.to_owned()),
    ]);
    Folders::from([("acme".to_owned(), files)])
}

fn load(family: &str, template: &str) -> Result<Catalogue, String> {
    Catalogue::from_folders(&folders(family, template), &BTreeSet::new())
        .map_err(|error| error.to_string())
}

fn render(template: &str, settings: serde_json::Value) -> Result<String, RenderError> {
    render_with(&load(FAMILY, template).unwrap(), settings)
}

pub(crate) fn render_with(
    catalogue: &Catalogue,
    settings: serde_json::Value,
) -> Result<String, RenderError> {
    render_file(catalogue, "/00a0ba000001.cfg", settings)
}

pub(crate) fn render_file(
    catalogue: &Catalogue,
    path: &str,
    settings: serde_json::Value,
) -> Result<String, RenderError> {
    render_written(catalogue, path, settings, Written::default())
}

fn render_written(
    catalogue: &Catalogue,
    path: &str,
    settings: serde_json::Value,
    written: Written,
) -> Result<String, RenderError> {
    let phone_type = catalogue.phone_type(&"a1".parse().unwrap()).unwrap();
    let (file, path) = catalogue.file_for(phone_type, &Target::parse(path)).unwrap();
    let layer = Layer::parse(&settings).unwrap();
    let settings = Arc::new(resolve(&[&phone_type.defaults, &layer]).unwrap());
    let port = |number, active: bool| PortInput {
        port: Port::new(number).unwrap(),
        company: active.then(CompanyId::default_company),
        name: String::new(),
        settings: settings.clone(),
    };
    let input = RenderInput {
        mac: path.mac,
        ports: vec![port(0, true), port(1, false)],
        named_port: None,
        path,
        device_wide: settings.clone(),
        written,
    };
    let rendered =
        catalogue.render(catalogue.family_of(phone_type), Some(phone_type), file, input)?;
    Ok(String::from_utf8(rendered.body).unwrap())
}

#[test]
fn a_template_is_told_of_the_lines_that_its_type_has_and_a_file_once_set_up() {
    let catalogue = load(FAMILY, "{{ written.lines }}").unwrap();
    let told = |lines: u16| {
        let written = Written::named(&[], lines, "acme", &[]).unwrap();
        render_written(&catalogue, "/00a0ba000001.cfg", serde_json::json!({}), written).unwrap()
    };
    assert_eq!([told(0), told(1), told(64)], ["0", "1", "2"]);
}

#[test]
fn a_template_prints_what_is_set() {
    let template = "{% for line in lines %}\n{{ line.index }} {{ line.enabled }} \
                    {% if line.enabled %}{{ line.user }}@{{ line.registrar }}:{{ line.registrar_port or 5060 }}{% endif %};\n\
                    {% endfor %}\n\
                    {{ device.MAC }} {{ type.data.color }} {{ settings.language | lookup(\"language\") }}\n\
                    {% for port in ports %}\n{{ port.number }}={{ port.active }}/{{ port.lines | length }}\n{% endfor %}\n\
                    {{ zone.dst.start.month }} {{ zone.offset_s }} {{ keys[0].type }}";
    let settings = serde_json::json!({
        "lines": { "1": { "user": "1001", "registrar": "sip.example.com" } },
        "language": "de-AT",
        "time": { "zone": "Europe/Berlin" },
    });
    assert_eq!(
        render(template, settings).unwrap(),
        "1 true 1001@sip.example.com:5060;\n2 false ;\n\
         00A0BA000001 true German\n0=true/2\n1=false/0\n3 3600 none"
    );
}

#[test]
fn a_template_finds_the_patterns_that_cut_a_number() {
    let template = "{% for pattern in settings.dial_plan.patterns %}\n{{ pattern }}\
                    {{ 'T' if pattern is cutting(settings.emergency_numbers) else '' }} \
                    {% endfor %}\n{{ settings.dial_plan.patterns | select('cutting', ['1101']) | join }} \
                    {{ (settings.emergency_numbers or []) | map('dialled') | join('|') }}";
    let patterns = serde_json::json!(["[1-9]x", "1xx", "0x."]);
    let settings = serde_json::json!({ "dial_plan": { "patterns": patterns } });
    assert_eq!(render(template, settings).unwrap(), "[1-9]x 1xx 0x. [1-9]x1xx ");
    let settings = serde_json::json!({
        "dial_plan": { "patterns": patterns }, "emergency_numbers": ["112", "110,1"],
    });
    assert_eq!(render(template, settings).unwrap(), "[1-9]xT 1xx 0x. [1-9]x1xx 112|110");
}

#[test]
fn printing_what_nobody_set_names_template_line_and_setting() {
    for template in [
        "a\n{{ lines[0].registrar }}",
        "a\n{{ lines[0].registrar ~ \"x\" }}",
        "a\n{{ lines[0].registrar | upper }}",
        "a\n{{ lines[0].registrar | without(\".\") }}",
        "a\n{{ [lines[0].registrar] | join }}",
    ] {
        let error = render(template, serde_json::json!({ "lines": { "1": {} } })).unwrap_err();
        let setting = error.setting.as_deref().unwrap_or_default();
        assert!(setting.eq_ignore_ascii_case("lines.1.registrar"), "{template}: {setting}");
        assert_eq!((error.template.as_str(), error.line), ("acme/device.cfg.j2", Some(2)));
        assert!(
            error.to_string().to_lowercase().contains("lines.1.registrar is not set"),
            "{error}"
        );
    }
}

#[test]
fn a_value_cannot_leave_its_line() {
    let settings = serde_json::json!({ "lines": { "1": { "label": "a <b> \"c\" d" } } });
    assert_eq!(render("x = {{ lines[0].label }}", settings).unwrap(), "x = a <b> \"c\" d");
}

#[test]
fn a_shared_template_that_is_not_there_is_a_problem() {
    let family = format!("{FAMILY}\n[shares]\nyealink = [\"device.cfg.j2\", \"parts.j2\"]\n");
    let message = load(&family, "a\n").unwrap_err();
    let line = family.lines().count();
    let expected =
        format!("acme/family.toml:{line}: shares: `yealink` has no template `parts.j2` of its own");
    assert!(message.contains(&expected), "{message}");
    assert!(!message.contains("device.cfg.j2"), "{message}");
}

#[test]
fn every_problem_is_found_with_its_line() {
    let broken = FAMILY
        .replace("00a0ba\"]", "00a0b\"]")
        .replace("model = \"A1\", firmware = \"1.2\"", "model = \"A2\", firmware = \"1.2\"")
        .replace("{mac}.log", "{mak}.log")
        .replace("base = \"a1\"", "base = \"a9\"");
    let message = load(&broken, "{{ lines }").unwrap_err();
    for expected in [
        "acme/family.toml:4: `00a0b` is not six hex digits",
        "acme/family.toml:8: model is read as A1, not A2",
        "acme/family.toml:18: there is no placeholder `{mak}`",
        "acme/family.toml:34: `a9` is no type above this one",
    ] {
        assert!(message.contains(expected), "{expected} is not in {message}");
    }
    let message =
        load(FAMILY, "\n{{ line.user }}\n{{ settings.tiem.zone }}\n{% if %}").unwrap_err();
    assert!(message.contains("acme/device.cfg.j2:4: "), "{message}");
    let message = load(FAMILY, "\n{{ line.user }}\n{{ settings.tiem.zone }}\n").unwrap_err();
    assert!(
        message.contains("acme/device.cfg.j2:2: `line` is not a name templates have"),
        "{message}"
    );
    assert!(
        message
            .contains("acme/device.cfg.j2:3: `settings.tiem.zone` is not in the settings schema"),
        "{message}"
    );
}

/// The problems of a family and a template, without the first line.
fn problems(family: &str, template: &str) -> Vec<String> {
    let message = load(family, template).unwrap_err();
    message.lines().skip(1).map(|line| line.trim().to_owned()).collect()
}

#[test]
fn one_fault_is_one_problem() {
    let tables = "{{ \"de\" | lookup(\"language\") }}";
    let one = "base = \"a1\"";
    let two_files =
        FAMILY.replacen("escape = \"line\"", "escape = \"line\"\nreset_in = \"{mac}.log\"", 1);
    for (family, template, problem) in [
        (FAMILY.replace("00a0ba\"]", "00a0b\"]"), tables, "4: `00a0b` is not six hex digits"),
        (FAMILY.replace("group =", "gruop ="), tables, "3: unknown field `gruop`"),
        (
            FAMILY.replace("key = \"a1-1\"", "key = \"a 1\""),
            "",
            "33: `a 1` is not a phone type key: 1 to 64 letters, digits, `_` and `-`",
        ),
        (
            FAMILY.replace("key = \"a1\"", "key = \"a 1\"").replace(one, "base = \"a 1\""),
            "",
            "24: `a 1` is not a phone type key",
        ),
        (
            two_files.replace("\"{mac}.log\"]", "\"{mak}.log\"]"),
            "",
            "there is no placeholder `{mak}`",
        ),
        (
            FAMILY.replace("group =", "fallback_type = \"a1-2\"\ngroup ="),
            "",
            "3: `a1-2` is no type of this family; did you mean a1-1?",
        ),
    ] {
        let found = problems(&family, template);
        assert!(found[0].contains(problem), "{problem}: {found:?}");
        assert_eq!(found.len(), 1, "{found:?}");
    }
}

#[test]
fn a_limit_that_could_never_hold_is_refused() {
    for (row, problem) in [
        ("\"lines.N.password\" = { min = 5, max = 4,", "its `min` is over its `max`"),
        ("\"lines.N.password\" = {", "limits nothing"),
        ("\"lines.N.password\" = { characters = 9,", "is no list"),
        ("\"lines.N.enabled\" = { max = 1,", "is no text and no list"),
        ("network = { max = 1,", "is no text and no list"),
        ("\"dial_plan.patterns\" = { min = 1,", "is a list"),
        ("\"*\" = { characters = 9,", "is no list"),
        ("\"lines.N.pasword\" = {", "is not a setting; did you mean lines.N.password?"),
    ] {
        let family = format!("{FAMILY}\n[limits]\n{row} source = \"guide\" }}\n");
        let found = problems(&family, "");
        assert!(found[0].contains(problem), "{problem}: {found:?}");
        assert_eq!(found.len(), 1, "{found:?}");
    }
}

#[test]
fn a_name_that_no_raw_parameter_has_is_refused() {
    let broken = FAMILY.replace("group =", "never_reset = [\"http_*\", \"*\"]\ngroup =");
    let message = load(&broken, "").unwrap_err();
    assert!(
        message.contains("acme/family.toml:3: `*` is not the name of a raw param"),
        "{message}"
    );
    assert!(!message.contains("`http_*`"), "{message}");
}

#[test]
fn a_header_that_none_can_have_is_refused() {
    let broken = format!("{FAMILY}\n[[header]]\nname = \"x mod\"\npattern = \"a\"\n");
    let message = load(&broken, "").unwrap_err();
    assert!(message.contains("no header can be called `x mod`"), "{message}");
}

#[test]
fn what_takes_back_what_a_file_set_is_a_file() {
    let with = |path: &str| {
        let own = "template = \"device.cfg.j2\"";
        assert!(FAMILY.contains(own));
        load(&FAMILY.replacen(own, &format!("{own}\nreset_in = \"{path}\""), 1), "")
    };
    for wrong in ["{mac}.nothing", "{mac}.log"] {
        let message = with(wrong).unwrap_err();
        assert!(message.contains("acme/family.toml:"), "{message}");
        assert!(message.contains(&format!("reset_in: `{wrong}` is no first path")), "{message}");
    }
}

#[test]
fn a_separator_where_there_are_no_lines_is_refused() {
    let with = |from: &str, to: &str| load(&FAMILY.replacen(from, to, 1), "a 1\n");
    let line = "escape = \"line\"";
    let blank = "separator = \"blank\"\nrepeats = [\"a\"]";
    assert!(with(line, &format!("{line}\n{blank}")).is_ok());
    let error = with(line, &format!("escape = \"xml\"\n{blank}")).unwrap_err();
    assert!(error.contains("have a separator"), "{error}");
    let error = with(line, &format!("{line}\nrepeats = [\"a\"]")).unwrap_err();
    assert!(error.contains("`repeats` needs"), "{error}");
    let error = with(line, &format!("{line}\nnamed_by = [\"ID\"]")).unwrap_err();
    assert!(error.contains("`named_by` needs"), "{error}");
}

#[test]
fn what_no_phone_could_be_held_with_is_refused() {
    let holding = |file: &str, more: &str| {
        let (before, after) = FAMILY.split_once("escape = \"line\"").unwrap();
        let family = format!("{before}escape = \"line\"\nholding = \"{file}\"\n{more}{after}");
        let device = "a{{ device.mac }}=1\n";
        load(&family, device).map(|_| ())
    };
    // The phone's own template prints what a holding file has not: told where it is rendered.
    assert_eq!(holding("device.cfg.j2", ""), Ok(()));
    let error = holding("devise.cfg.j2", "").unwrap_err();
    assert!(error.contains("acme/family.toml:16: there is no devise.cfg.j2"), "{error}");
    assert!(error.contains("did you mean device.cfg.j2?"), "{error}");
    let error = holding("device.cfg.j2", "header = [\"mac\"]\n").unwrap_err();
    assert!(error.contains("acme/family.toml:16: a holding file is the same for"), "{error}");
    let common = FAMILY.replacen("paths = [\"{mac}.cfg\"]", "paths = [\"all.cfg\"]", 1).replacen(
        "scope = \"device\"",
        "scope = \"common\"\nholding = \"device.cfg.j2\"",
        1,
    );
    let error = load(&common, "a=1\n").unwrap_err();
    assert!(error.contains("`holding` is for a file of one phone"), "{error}");
    let bare = "paths = [\"{mac}.log\"]\nholding = \"device.cfg.j2\"\n";
    let bare = FAMILY.replacen("paths = [\"{mac}.log\"]\n", bare, 1);
    let error = load(&bare, "a=1\n").unwrap_err();
    assert!(error.contains("a file with a `holding` needs content_type and escape"), "{error}");
    let sent = bare.replacen(
        "holding =",
        "content_type = \"text/plain\"\nescape = \"line\"\nupload = { kind = \"log\" }\nholding =",
        1,
    );
    let error = load(&sent, "a=1\n").unwrap_err();
    assert!(error.contains("a file with a template is the gateway's"), "{error}");
}

#[test]
fn a_holding_file_that_prints_what_is_a_phones_is_not_loaded() {
    let directory = tempfile::tempdir().unwrap();
    let family = directory.path().join("acme");
    std::fs::create_dir(&family).unwrap();
    let write = |name: &str, text: &str| std::fs::write(family.join(name), text).unwrap();
    let line = "escape = \"line\"";
    let held = FAMILY.replacen(line, &format!("{line}\nholding = \"holding.cfg.j2\""), 1);
    write("family.toml", &held);
    write("device.cfg.j2", "label={{ lines[0].label or \"\" }}\n");
    let sources = Sources {
        templates_dir: Some(directory.path().to_owned()),
        without_built_in: true,
        ..Sources::default()
    };
    for (text, wrong) in [
        ("label={{ device.mac }}\n", "acme/holding.cfg.j2:1: "),
        ("label={{ settings.provisioning.base_url }}\n", "provisioning.base_url is not set"),
        ("label={{ type.model }}\n", "type.model is not set"),
    ] {
        write("holding.cfg.j2", text);
        let error = Catalogue::load(&sources).unwrap_err().to_string();
        assert!(error.contains(wrong) && error.contains("(holding of {mac}.cfg)"), "{error}");
    }
    write("holding.cfg.j2", "label={{ type.model or \"new\" }}\n");
    Catalogue::load(&sources).unwrap();
}

#[test]
fn a_family_with_an_unknown_key_is_refused() {
    let message = load(&FAMILY.replace("group =", "gruop ="), "").unwrap_err();
    assert!(message.contains("acme/family.toml:3: "), "{message}");
    assert!(message.contains("gruop"), "{message}");
}

fn identify(target: &str, user_agent: Option<&str>) -> Identity {
    let catalogue = load(FAMILY, "").unwrap();
    let target = Target::parse(target);
    catalogue.identify(Request { target: &target, user_agent, headers: &[] })
}

#[test]
fn path_and_user_agent_make_an_identity() {
    let identity = identify("/p/00A0BA000001.cfg", Some("Acme a1/1.2"));
    assert_eq!(identity.mac, Some("00a0ba000001".parse::<Mac>().unwrap()));
    assert_eq!(identity.port, Some(Port::FIRST));
    assert_eq!(identity.phone_type, None, "the grammar wants upper case");
    let identity = identify("/p/00A0BA000001.cfg", Some("Acme A1/1.2"));
    assert_eq!(identity.phone_type.unwrap().as_str(), "a1");
    assert_eq!(identity.model.as_deref(), Some("A1"));
    assert_eq!(identity.firmware.as_deref(), Some("1.2"));
    assert_eq!(identity.vendor.as_deref(), Some("Acme"));
    let file = identity.file.expect("it is a file of the family");
    assert_eq!(file.facts.mac, identity.mac);
    let pattern = "{mac}.cfg".to_owned();
    assert!(identity.evidence.contains(&Evidence::Path { family: "acme".to_owned(), pattern }));
}

#[test]
fn contradictions_are_recorded() {
    let identity = identify("/00a0ba000001.cfg", Some("Acme A1/1.2 00a0ba000002"));
    let ignored: Mac = "00a0ba000002".parse().unwrap();
    assert_eq!(identity.mac, Some("00a0ba000001".parse::<Mac>().unwrap()));
    assert!(
        identity
            .evidence
            .iter()
            .any(|e| matches!(e, Evidence::MacsDiffer { ignored: other, .. } if *other == ignored))
    );
    let identity = identify("/000000000000.cfg", None);
    assert_eq!((identity.mac, identity.port), (None, None));
}

#[test]
fn a_name_that_is_told_by_its_ending_alone_is_of_no_maker() {
    let catalogue = Catalogue::load_untried(&Sources::default()).unwrap();
    for (path, model) in [
        ("/gxp2170fw.bin", "GXP2170"),
        ("/ht802fw.bin", "HT802"),
        ("/grp2610fw.bin", "GRP2614"),
        ("/gxp2160fw.bin", "GXP2160"),
        ("/new.loads", "GXP2160"),
        ("/new.jar", "GXP2160"),
        ("/new.eff", "GXP2160"),
    ] {
        let agent = format!("Grandstream Model HW {model} SW 1.0.11.35 DevId c074ad273a10");
        let target = Target::parse(path);
        let user_agent = Some(&*agent);
        let found = catalogue.identify(Request { target: &target, user_agent, headers: &[] });
        assert_eq!(found.contradicts, None, "{path}: {:?}", found.evidence);
        assert_eq!(found.vendor.as_deref(), Some("Grandstream"));
        assert!(!found.is_mac_asked_for && catalogue.looks_like_a_phone(&found), "{found:?}");
    }
    let target = Target::parse("/c074ad273a10.bin");
    let found = catalogue.identify(Request { target: &target, user_agent: None, headers: &[] });
    assert!(found.is_mac_asked_for);
    assert_ne!(found.contradicts, Some(Contradiction::Makers), "{:?}", found.evidence);
}

#[test]
fn the_built_in_families_load_and_their_examples_hold() {
    let sources = Sources::default();
    let catalogue = Catalogue::load(&sources).unwrap_or_else(|error| panic!("{error}"));
    let (_, problems) = check_examples(&catalogue, &sources);
    assert!(problems.is_empty(), "{}", CatalogueError(problems));
    Boots::load(&catalogue).unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn every_built_in_type_has_its_files_whatever_is_set() {
    let catalogue = Catalogue::load(&Sources::default()).unwrap();
    let files = AtomicUsize::new(0);
    let problems = catalogue.try_templates(|_, _| {
        files.fetch_add(1, Ordering::Relaxed);
        Ok(())
    });
    assert!(problems.is_empty(), "{}", CatalogueError(problems));
    let files = files.into_inner();
    assert!(files > 3 * catalogue.representatives().len(), "{files} files");
}

/// As the gateway loads an operator's folder.
fn load_folder(template: &str, example: Option<&str>) -> Result<Catalogue, String> {
    let dir = tempfile::tempdir().unwrap();
    let family = dir.path().join("acme");
    std::fs::create_dir_all(family.join("examples")).unwrap();
    std::fs::write(family.join("family.toml"), FAMILY).unwrap();
    std::fs::write(family.join("device.cfg.j2"), template).unwrap();
    std::fs::write(family.join("again.j2"), "{% include \"again.j2\" %}").unwrap();
    if let Some(example) = example {
        std::fs::write(family.join("examples/one.toml"), example).unwrap();
    }
    let templates_dir = Some(dir.path().to_owned());
    let sources = Sources { templates_dir, without_built_in: true, ..Sources::default() };
    Catalogue::load(&sources).map_err(|error| error.to_string())
}

#[test]
fn a_template_that_no_phone_could_be_given_is_not_loaded() {
    for (template, complaint) in [
        (
            "\n{% for n in range(99999) %}{% for m in range(99999) %}{% endfor %}{% endfor %}",
            "acme/device.cfg.j2:2: it takes more work than a file may: 2000000 steps ({mac}.cfg of `a1`, everything is set)",
        ),
        ("{{ \"x\" * 999999999 }}", "acme/device.cfg.j2:1: it takes more work"),
        ("{% include \"again.j2\" %}", "acme/again.j2:1: recursion limit exceeded"),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "recursion limit exceeded"),
        // On a line that nothing comes to.
        (
            "{% if type.key == \"x\" %}\n{% include \"gone.j2\" %}{% endif %}",
            "acme/device.cfg.j2:2: there is no template `gone.j2`",
        ),
        (
            "{% if type.key == \"x\" %}{{ fragment(\"gone.fragment.j2\") }}{% endif %}",
            "there is no template `gone.fragment.j2`",
        ),
        (
            "{% if type.key == \"x\" %}{{ type.key | lookup(\"lang\") }}{% endif %}",
            "there is no table `[maps.lang]`",
        ),
        ("{% if type.key == \"x\" %}{{ type.key | uper }}{% endif %}", "there is no filter `uper`"),
        ("{% if type.key == \"x\" and type.key is odder %}{% endif %}", "there is no test `odder`"),
        ("{% if type.key == \"x\" %}{{ device.mca }}{% endif %}", "`device` has no `mca`"),
        ("{% if type.keys == 99 %}{{ type.modle }}{% endif %}", "`type` has no `modle`"),
        // Only where a setting is set, or is not.
        (
            "{% if settings.network.vlan.id %}{{ settings.network.vlan.prio }}{% endif %}",
            "`settings.network.vlan.prio` is not in the settings schema",
        ),
        (
            "{% for line in lines if line.backup.port %}{{ line.usr }}{% endfor %}",
            "acme/device.cfg.j2:1: undefined value in `{{ line.usr }}` ({mac}.cfg of `a1`, everything is set)",
        ),
        (
            "{% for line in lines if line.enabled and not line.backup.port %}{{ line.usr }}{% endfor %}",
            "acme/device.cfg.j2:1: undefined value in `{{ line.usr }}` ({mac}.cfg of `a1`, little is set)",
        ),
        (
            "{% for key in keys if key.type == \"none\" %}{{ key.typ }}{% endfor %}",
            "acme/device.cfg.j2:1: undefined value in `{{ key.typ }}` ({mac}.cfg of `a1`, nothing is set)",
        ),
    ] {
        let message = load_folder(template, None).unwrap_err();
        assert!(message.contains(complaint), "{template}: {message}");
    }
    // What a phone must have is no slip; and what stands in no tag names nothing.
    let template = "{# {% include \"gone.j2\" %} #}{{ lines[0].registrar }} | uper is odder {% raw %}{{ x | uper }}{% endraw %}\
                    {% include \"gone.j2\" ignore missing %}{{ \"a | uper\" }}";
    load_folder(template, None).unwrap();
}

#[test]
fn an_example_that_cannot_be_rendered_is_not_loaded_and_one_that_differs_is() {
    let example = "type = \"a1\"\nfile = \"00a0ba000001.cfg\"\n";
    let message = load_folder("{{ lines[0].registrar }}", Some(example)).unwrap_err();
    assert!(
        message
            .contains("acme/examples/one.toml: acme/device.cfg.j2:1: lines.1.registrar is not set"),
        "{message}"
    );
    load_folder("x", Some(example)).unwrap();
}

#[test]
fn an_example_is_of_a_type_of_its_family() {
    let example = |key: &str| format!("type = \"{key}\"\nfile = \"00a0ba000001.cfg\"\n");
    let message = load_folder("x", Some(&example("a1-l"))).unwrap_err();
    let expected = "acme/examples/one.toml: type: acme has no type `a1-l`; did you mean a1-1?";
    assert!(message.contains(expected), "{message}");
    let message = load_folder("x", Some(&example("a 1"))).unwrap_err();
    assert!(message.contains("acme has no type `a 1`"), "{message}");

    // One that is there and not offered has nothing to show.
    let files = folders(FAMILY, "x");
    let only = BTreeSet::from(["a1-1".to_owned()]);
    let catalogue = Catalogue::from_folders(&files, &only).unwrap();
    let tried = |key: &str| {
        let mut files = files["acme"].clone();
        files.insert("examples/one.toml".to_owned(), example(key));
        let mut problems = Vec::new();
        (examples::run(&catalogue, "acme", &files, &mut problems).len(), problems.len())
    };
    assert_eq!([tried("a1"), tried("a1-1"), tried("a2")], [(0, 0), (1, 0), (0, 1)]);
}

#[test]
fn what_tells_the_type_has_its_weight() {
    let catalogue = Catalogue::load(&Sources::default()).unwrap();
    let strength = |target: &str, user_agent: Option<&str>| {
        let target = Target::parse(target);
        let identity = catalogue.identify(Request { target: &target, user_agent, headers: &[] });
        (identity.phone_type.map(|key| key.to_string()), identity.strength)
    };
    let told = |key: &str, strength| (Some(key.to_owned()), strength);
    let yealink = "Yealink SIP-T46S 66.84.0.15 80:5e:c0:aa:bb:cc";
    for (target, why) in [
        ("/805ec0aabbcc.cfg", "that it names the MAC weighs nothing: anybody knows it"),
        ("/805ec0aabbcd.cfg", "it names another MAC"),
    ] {
        assert_eq!(strength(target, Some(yealink)), told("t46s", Strength::UserAgent), "{why}");
    }
    assert_eq!(strength("/805ec0aabbcc.cfg", None).1, Strength::Family);
    assert_eq!(strength("/snom320-000413AABBCC.htm", None), told("snom320", Strength::Path));
    assert_eq!(strength("/0a0000000001-config.xml", None).1, Strength::Family);
    assert_eq!(strength("/0a0000000001.cfg", None), told("generic", Strength::Assumed));
}
