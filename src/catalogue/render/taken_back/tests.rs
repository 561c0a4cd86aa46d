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
    for (of, (wrong, names)) in types.iter().zip(tried) {
        assert_eq!(wrong, [], "{}", of.key);
        if !names.is_empty() {
            shown.insert(&CATALOGUE.family_of(of).id);
        }
    }
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
