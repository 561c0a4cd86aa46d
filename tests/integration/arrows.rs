//! The arrows on the front page of the library are those of the code.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;

/// Whom each module or program uses.
type Arrows = BTreeMap<String, BTreeSet<String>>;

/// A line of the page: `//! admin -> registry, net`.
static ARROW: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?m)^//! (\w+) +-> (.+)$").expect("the pattern is one"));

/// A use of another module, in a program of the library's.
static USE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\b(?:crate|dialtone)::(\w+)").expect("the pattern is one"));

static COMMENT: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?m)//.*$").expect("the pattern is one"));

#[test]
fn the_front_page_has_the_arrows_of_the_code() {
    let page = read(&source().join("lib.rs"));
    let mut shown = Arrows::new();
    for line in ARROW.captures_iter(&page) {
        shown.insert(line[1].to_owned(), line[2].split(", ").map(str::to_owned).collect());
    }
    let modules = modules(&page);
    let mut used = Arrows::new();
    for module in &modules {
        let own = uses(&source().join(module), &modules);
        used.insert(module.clone(), own.into_iter().filter(|other| other != module).collect());
    }
    for program in ["dialtone", "phonesim"] {
        let file = source().join("bin").join(program).with_extension("rs");
        used.insert(program.to_owned(), uses(&file, &modules));
    }
    used.retain(|_, others| !others.is_empty());
    assert_eq!(shown, used, "left: src/lib.rs says, right: the code does");
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The modules the page declares.
fn modules(page: &str) -> BTreeSet<String> {
    let declared = page.lines().filter_map(|line| line.strip_prefix("pub mod "));
    declared.map(|name| name.trim_end_matches(';').to_owned()).collect()
}

/// The modules that a file, or the files below a folder, use outside of tests.
fn uses(path: &Path, modules: &BTreeSet<String>) -> BTreeSet<String> {
    if path.is_dir() {
        let entries = fs::read_dir(path).expect("a folder can be read");
        let paths = entries.map(|entry| entry.expect("an entry can be read").path());
        return paths
            .filter(|path| !is_a_test(path))
            .flat_map(|path| uses(&path, modules))
            .collect();
    }
    if path.extension().is_none_or(|extension| extension != "rs") {
        return BTreeSet::new();
    }
    let text = read(path);
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let code = COMMENT.replace_all(code, "");
    let named = USE.captures_iter(&code).map(|found| found[1].to_owned());
    named.filter(|name| modules.contains(name)).collect()
}

fn is_a_test(path: &Path) -> bool {
    let name = path.file_stem().unwrap_or_default();
    name == "tests" || name == "conformance"
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
