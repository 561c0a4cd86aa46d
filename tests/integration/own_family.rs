//! The family that templates/README.md shows is in order, and what it says of it is what the
//! programs say.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use regex::Regex;

use crate::papers::{arguments, read, root};
use crate::support::Gateway;

/// A file as the page shows it: its path in a sentence, then a block of code.
static FILE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"`(families/acme/[a-z0-9.]+)`:\n\n((?: {4}.*\n)+)").expect("the pattern is one")
});

/// A command as the page shows it, and what it prints.
static COMMAND: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?m)^ {4}\$ dialtone (.+)\n((?: {4}[^ $].*\n)+)").expect("the pattern is one")
});

#[test]
fn the_family_of_the_page_does_what_the_page_says() {
    let page = read(&root().join("templates/README.md"));
    let (_, chapter) = page.split_once("## A family of your own\n").expect("the chapter is there");
    let (chapter, _) = chapter.split_once("\n## ").expect("another chapter follows");
    let gateway = Gateway::start_with(|config, dir| {
        for file in FILE.captures_iter(chapter) {
            let path = dir.join(&file[1]);
            fs::create_dir_all(path.parent().expect("it is in a folder")).unwrap();
            fs::write(path, unindented(&file[2])).unwrap();
        }
        config.catalogue.templates_dir = Some(dir.join("families"));
    });
    let phone = "/acme-02ac3e000001.cfg";
    assert_eq!(gateway.get(phone, Some("Acme D10/1.4.2")).status, 404);
    gateway.promote("02ac3e0000010");
    let unused = "account1.user=\naccount1.password=\naccount1.server=\n";
    let served = gateway.get(phone, Some("Acme D10/1.4.2"));
    assert_eq!(served.text(), format!("{unused}{}", unused.replace('1', "2")));

    let elsewhere = tempfile::tempdir().unwrap();
    let mut tried = 0;
    for command in COMMAND.captures_iter(chapter) {
        // A check looks at the store too, and the gateway has its own open.
        let dir = if command[1].starts_with("phone ") { gateway.dir() } else { elsewhere.path() };
        let said = said(&gateway, dir, &arguments(&command[1]));
        assert_eq!(comparable(&said), comparable(&command[2]), "dialtone {}: {said}", &command[1]);
        tried += 1;
    }
    assert_eq!(tried, 3, "commands are recognised");
}

/// What the program prints and says when it is run beside `families`.
fn said(gateway: &Gateway, dir: &Path, arguments: &[String]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dialtone"));
    let own = std::env::vars_os().map(|(name, _)| name);
    for name in own.filter(|name| name.to_string_lossy().starts_with("DIALTONE_")) {
        command.env_remove(name);
    }
    command.env("DIALTONE_URL", format!("http://{}", gateway.admin()));
    command.env("DIALTONE_KEY", gateway.key());
    let families = gateway.dir().join("families").display().to_string();
    let arguments = arguments.iter().map(|argument| match argument.as_str() {
        "families" => &families,
        _ => argument,
    });
    let output = command.current_dir(dir).args(arguments).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    String::from_utf8(said).unwrap()
}

/// A block of code without the blanks that make it one.
fn unindented(block: &str) -> String {
    block.lines().map(|line| format!("{}\n", line.strip_prefix("    ").unwrap_or(line))).collect()
}

/// What was said without line breaks and blanks, as the page breaks long lines. The sum of what
/// `check` found grows with every family: there numbers do not count.
fn comparable(said: &str) -> String {
    let is_sum = said.contains("all in order");
    let kept = said.chars().filter(|c| !c.is_whitespace());
    kept.filter(|c| !is_sum || !c.is_ascii_digit()).collect()
}
