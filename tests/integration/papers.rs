//! The papers speak of what is there: files, headings, keys of the configuration, commands
//! and their options. So does the front page of the library.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use regex::Regex;

/// `[text](target)`; no target in the papers has blanks or brackets in it.
static LINK: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\[[^\]]+\]\(([^)\s]+)\)").expect("the pattern is one"));

/// `net/server.rs`: a file as the papers name it where they do not link it.
static FILE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"`([a-z_./-]+/[a-z_.-]+\.(?:rs|toml|md|j2|conf))`").expect("the pattern is one")
});

/// `[section] key`, as the papers name a key of the configuration.
static KEY: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"`\[([a-z]+)\](?: ([a-z_]+))?").expect("the pattern is one"));

/// A command of ours in a line of code, perhaps behind a pipe or another program, or in a
/// sentence, where it may be broken over two lines.
static COMMAND: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?m)(?:^ {4,}(?:\$ |.* (?:\||--|&&) )?|`)(dialtone|phonesim) ([a-z][^`\n]*(?:\n[^`\n]+`)?)")
        .expect("the pattern is one")
});

/// A table of `family.toml`, not of the configuration.
const OF_A_FAMILY: [&str; 4] = ["limits", "maps", "shares", "simulate"];

#[test]
fn every_link_has_a_file_and_every_fragment_a_heading() {
    let mut dead = Vec::new();
    let mut links = 0;
    for paper in papers() {
        let text = read(&paper);
        for target in LINK.captures_iter(&text).map(|found| found[1].to_owned()) {
            if target.contains("://") {
                continue;
            }
            links += 1;
            let (path, heading) = target.split_once('#').unwrap_or((&target, ""));
            let file = match path {
                "" => paper.clone(),
                path => paper.with_file_name("").join(path),
            };
            let there = file.exists() && (heading.is_empty() || headings(&file).contains(heading));
            if !there {
                dead.push(format!("{}: {target}", paper.display()));
            }
        }
    }
    assert!(dead.is_empty(), "{dead:#?}");
    assert!(links > 20, "links are recognised");
}

#[test]
fn every_paper_is_reached_from_the_readme() {
    let mut reached = BTreeSet::from([root().join("README.md")]);
    let mut to_read = reached.clone();
    while let Some(paper) = to_read.pop_first() {
        for target in LINK.captures_iter(&read(&paper)).map(|found| found[1].to_owned()) {
            let path = target.split('#').next().unwrap_or_default();
            let linked = paper.with_file_name("").join(path).canonicalize();
            // Folders, and what is elsewhere.
            let Some(linked) = linked.ok().filter(|linked| linked.is_file()) else { continue };
            if linked.extension().is_some_and(|ending| ending == "md")
                && reached.insert(linked.clone())
            {
                to_read.insert(linked);
            }
        }
    }
    let lost: Vec<_> = papers().into_iter().filter(|paper| !reached.contains(paper)).collect();
    assert!(lost.is_empty(), "{lost:#?}");
}

#[test]
fn every_file_that_is_named_is_there() {
    let mut missing = Vec::new();
    let mut named = 0;
    for paper in papers().into_iter().chain([root().join("src/lib.rs")]) {
        for file in FILE.captures_iter(&read(&paper)) {
            let places = ["", "src", "benches"].map(|place| root().join(place));
            // A folder of the reader's own, in an example.
            if file[1].starts_with("families/") {
                continue;
            }
            named += 1;
            if !places.iter().any(|place| place.join(&file[1]).exists()) {
                missing.push(format!("{}: {}", paper.display(), &file[1]));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(named > 2, "files are recognised");
}

#[test]
fn every_key_that_is_named_is_one() {
    let example: toml::Table =
        toml::from_str(&uncommented(&read(&root().join("dialtone.example.toml"))))
            .expect("the example is TOML");
    let mut strange = Vec::new();
    let mut named = 0;
    for paper in guides() {
        for found in KEY.captures_iter(&read(&paper)) {
            if OF_A_FAMILY.contains(&&found[1]) {
                continue;
            }
            named += 1;
            let section = example.get(&found[1]).and_then(|section| section.as_table());
            let known = found.get(2).is_none_or(|key| {
                section.is_some_and(|section| section.contains_key(key.as_str()))
            });
            if section.is_none() || !known {
                strange.push(format!("{}: {}", paper.display(), &found[0]));
            }
        }
    }
    assert!(strange.is_empty(), "{strange:#?}");
    assert!(named > 3, "keys are recognised");
}

#[test]
fn every_command_and_its_options_are_known() {
    let mut strange = Vec::new();
    let mut tried = 0;
    for paper in guides() {
        for found in COMMAND.captures_iter(&read(&paper)) {
            let program = match &found[1] {
                "phonesim" => env!("CARGO_BIN_EXE_phonesim"),
                _ => env!("CARGO_BIN_EXE_dialtone"),
            };
            // Help is asked for at the end: what stands before it has been understood.
            let arguments = arguments(&found[2]);
            let asked = Command::new(program).args(&arguments).arg("--help").output();
            let asked = asked.expect("the program can be run");
            tried += 1;
            if !asked.status.success() {
                let said = String::from_utf8_lossy(&asked.stderr);
                strange.push(format!("{}: {arguments:?}: {said}", paper.display()));
            }
        }
    }
    assert!(strange.is_empty(), "{strange:#?}");
    assert!(tried > 20, "commands are recognised");
}

/// The examples of a paper in a language, as it marks them.
pub(crate) fn examples(paper: &str, language: &str) -> Vec<String> {
    let text = read(&root().join(paper));
    let begun = format!("```{language}\n");
    let parts = text.split(begun.as_str()).skip(1);
    parts.map(|part| part.split("```").next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn the_examples_for_several_gateways_are_taken_by_what_reads_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let [ours] = &examples("docs/several-gateways.md", "toml")[..] else { panic!("there is one") };
    let password = folder.path().join("password");
    fs::write(&password, "example-password\n").expect("it is ours");
    let ours = ours.replace("/etc/dialtone/database-password", &password.display().to_string());
    let file = folder.path().join("dialtone.toml");
    fs::write(&file, ours).expect("it is ours");
    // Refused for what is not here, the authority's file, and for nothing it says.
    let tried = Command::new(env!("CARGO_BIN_EXE_dialtone"))
        .args(["store", "migrate", "--print", "--config"])
        .arg(&file)
        .output()
        .expect("the program can be run");
    let said = String::from_utf8_lossy(&tried.stderr);
    assert!(said.contains("/etc/dialtone/database-ca.pem"), "{said}");

    let [haproxy] = &examples("docs/several-gateways.md", "haproxy")[..] else {
        panic!("there is one")
    };
    let file = folder.path().join("haproxy.cfg");
    fs::write(&file, haproxy).expect("it is ours");
    let checked = Command::new("/usr/sbin/haproxy").arg("-c").arg("-f").arg(&file).output();
    let checked = checked.expect("haproxy is there: tests/run installs Debian's package");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}

pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Everything that is written for people and not for rustdoc.
fn papers() -> Vec<PathBuf> {
    let named = [
        "README.md",
        "CHANGELOG.md",
        "benches/README.md",
        "certs/README.md",
        "templates/README.md",
    ];
    let docs = fs::read_dir(root().join("docs")).expect("docs/ is there");
    let docs = docs.map(|entry| entry.expect("an entry can be read").path());
    named.iter().map(|name| root().join(name)).chain(docs).collect()
}

/// The papers that say how things are, and not how they were.
fn guides() -> impl Iterator<Item = PathBuf> {
    papers().into_iter().filter(|paper| !paper.ends_with("CHANGELOG.md"))
}

pub(crate) fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Headings as a browser of Markdown names them in a URL.
fn headings(paper: &Path) -> BTreeSet<String> {
    let text = read(paper);
    let lines = text.lines().filter_map(|line| line.strip_prefix('#'));
    lines.map(|line| anchor(line.trim_start_matches('#'))).collect()
}

fn anchor(heading: &str) -> String {
    let kept =
        heading.trim().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// The example with the keys that are commented out in it: `#client_ca = ...`.
fn uncommented(example: &str) -> String {
    let lines = example.lines().map(|line| match line.strip_prefix('#') {
        Some(key) if key.starts_with(|c: char| c.is_ascii_lowercase()) => key,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The words of a command as a shell would part them, with something that can be parsed where
/// the papers have a word in capitals.
pub(crate) fn arguments(line: &str) -> Vec<String> {
    let mut arguments = Vec::new();
    for (quoted, part) in line.split('\'').enumerate().map(|(at, part)| (at % 2 == 1, part)) {
        if quoted {
            arguments.push(part.to_owned());
            continue;
        }
        for word in part.split_whitespace() {
            match word.trim_end_matches('`') {
                // A comment, a pipe, the end of what is quoted in a sentence.
                "#" | "|" | ">" | "\\" => return arguments,
                "PHONEID" => arguments.push("0015654aa9370".to_owned()),
                "MAC" => arguments.push("0015654aa937".to_owned()),
                "URL" => arguments.push("memory:".to_owned()),
                word => arguments.push(word.to_owned()),
            }
        }
    }
    arguments
}
