use std::sync::LazyLock;

use super::*;
use crate::catalogue::parallel;
use crate::catalogue::tests::{FAMILY, folders};

static CATALOGUE: LazyLock<Catalogue> =
    LazyLock::new(|| Catalogue::load(&Sources::default()).unwrap_or_else(|e| panic!("{e}")));

#[test]
fn no_built_in_family_takes_back_what_is_set_or_keeps_a_phone_ours() {
    let types = CATALOGUE.representatives();
    let tried =
        parallel::each(&types, |of| Model { catalogue: &CATALOGUE, phone_type: of }.tried());
    let mut shown = BTreeSet::new();
    let mut all = Vec::new();
    for (of, (wrong, names)) in types.iter().zip(tried) {
        all.extend(wrong.into_iter().map(|wrong| (&of.key, wrong)));
        if !names.is_empty() {
            shown.insert(&CATALOGUE.family_of(of).id);
        }
    }
    assert_eq!(all, []);
    // A removed name does show where it may.
    assert!(shown.len() > 5, "{shown:?}");
}

const LOOP: &str =
    "{% for raw in vendor %}\n{{ raw.name }}={{ raw.value or \"\" }}\n{% endfor %}\n";
const SETS: &str = "zone={{ settings.time.zone or \"UTC\" }}\n\
    {% for line in lines %}{% if line.enabled %}\npass{{ line.index }}={{ line.password }}\n{% endif %}{% endfor %}\n";

/// What is wrong with a family of that template.
fn problems(family: &str, template: &str) -> Vec<String> {
    let catalogue = Catalogue::from_folders(&folders(family, template), &BTreeSet::new()).unwrap();
    let of = catalogue.phone_type(&"a1".parse().unwrap()).unwrap();
    let wrong = Model { catalogue: &catalogue, phone_type: of }.too_much();
    let mut said: Vec<String> =
        wrong.iter().map(|wrong| wrong.problem("acme").to_string()).collect();
    said.dedup();
    said
}

#[test]
fn an_own_family_is_told_where_the_loop_belongs_and_what_is_never_reset() {
    let with_passwords = FAMILY.replace("group =", "never_reset = [\"passN\"]\ngroup =");
    assert_eq!(problems(&with_passwords, &format!("{LOOP}{SETS}")), [""; 0]);

    let found = problems(FAMILY, &format!("{LOOP}{SETS}"));
    let expected = "acme/family.toml: {mac}.cfg takes `pass1` back when no raw parameter sets it \
                    any more, and it is what keeps the phone ours: write it into `never_reset`";
    assert_eq!(found[0], expected, "{found:?}");

    let found = problems(&with_passwords, &format!("{SETS}{LOOP}"));
    let expected = "acme/device.cfg.j2: the raw parameter `zone` is taken back after a setting has \
                    set it in {mac}.cfg: ";
    assert!(found.len() == 1 && found[0].starts_with(expected), "{found:?}");

    let escape = "escape = \"line\"";
    for keeps in ["keeps = \"the first counts\"", "keeps = { zone = \"set once\" }"] {
        let family = with_passwords.replacen(escape, &format!("{escape}\n{keeps}"), 1);
        assert_eq!(problems(&family, &format!("{SETS}{LOOP}")), [""; 0], "{keeps}");
    }
}

/// A template of elements that an attribute names, with the loop at each of its places.
fn of_elements(naming: &str, is_text: bool) -> [String; 3] {
    let item = |name: &str, value: &str| {
        let rest = if is_text { format!(">{value}</I>") } else { format!(" value=\"{value}\"/>") };
        format!("<I {naming}=\"{name}\"{rest}\n")
    };
    let raw = item("{{ raw.name }}", "{{ raw.value or '' }}");
    let raw = format!("{{% for raw in vendor %}}\n{raw}{{% endfor %}}\n");
    let zone = item("zone", "{{ settings.time.zone or 'UTC' }}");
    let password = item("pass{{ line.index }}", "{{ line.password }}");
    let passwords = format!(
        "{{% for line in lines %}}{{% if line.enabled %}}\n{password}{{% endif %}}{{% endfor %}}\n"
    );
    [[&raw, &zone, &passwords], [&zone, &raw, &passwords], [&zone, &passwords, &raw]]
        .map(|parts| format!("<c>\n{}</c>\n", parts.map(String::as_str).concat()))
}

#[test]
fn an_own_family_of_xml_is_told_so_however_its_elements_are_named() {
    let xml = FAMILY.replacen("escape = \"line\"", "escape = \"xml\"", 1);
    let xml = xml.replace("group =", "never_reset = [\"passN\"]\ngroup =");
    let by_id = xml.replacen("escape = \"xml\"", "escape = \"xml\"\nnamed_by = [\"ID\"]", 1);
    let forms =
        [(&xml, "name", true), (&xml, "name", false), (&by_id, "ID", true), (&by_id, "ID", false)];
    for (family, naming, is_text) in forms {
        let [first, between, behind] = of_elements(naming, is_text);
        assert_eq!(problems(family, &first), [""; 0], "{naming}, {is_text}");
        for wrong in [between, behind] {
            let found = problems(family, &wrong);
            let expected = "acme/device.cfg.j2: the raw parameter `zone` is taken back after";
            assert!(found.len() == 1 && found[0].starts_with(expected), "{wrong}: {found:?}");
        }
        let found = problems(&family.replace("never_reset = [\"passN\"]\n", ""), &first);
        let expected = "acme/family.toml: {mac}.cfg takes `pass1` back when no raw parameter sets";
        assert!(found[0].starts_with(expected), "{naming}, {is_text}: {found:?}");
    }
}
