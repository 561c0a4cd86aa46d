//! The families that the papers show are in order, and what they say of them is what the programs
//! say.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::json;

use crate::papers::{arguments, read, root};
use crate::support::Gateway;

/// A file as the page shows it: its path in a sentence, then a block of code.
static FILE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"`(families/[a-z0-9./]+)`:\n\n((?: {4}.*\n|\n {4}.*\n)+)")
        .expect("the pattern is one")
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
    let gateway = start(chapter, |_| {});
    let phone = "/acme-02ac3e000001.cfg";
    assert_eq!(gateway.get(phone, Some("Acme D10/1.4.2")).status, 404);
    gateway.promote("02ac3e0000010");
    let unused = "account1.user=\naccount1.password=\naccount1.server=\n";
    let served = gateway.get(phone, Some("Acme D10/1.4.2"));
    assert_eq!(served.text(), format!("{unused}{}", unused.replace('1', "2")));

    says_what_the_page_says(&gateway, chapter, 3);
}

#[test]
fn the_maker_that_is_added_in_the_guide_is_served() {
    let page = read(&root().join("docs/adding-a-phone.md"));
    let gateway = start(&page, |families| {
        // As the page has it done.
        let mut command = Command::new(env!("CARGO_BIN_EXE_dialtone"));
        let written = command.args(["check", "--update-examples"]).arg(families).output().unwrap();
        assert!(written.status.success(), "{written:?}");
    });
    let (keys, config) = ("/0026f1000001_extern.xml", "/0026f1000001.xml");
    assert_eq!(gateway.get(keys, None).status, 404);
    says_what_the_page_says(&gateway, &page, 3);
    let line = json!({ "user": "1001", "password": "s3cret", "registrar": "sip.acme.example" });
    gateway.set("0026f10000010", json!({ "lines": { "1": line } }));
    let served = gateway.get(config, None);
    assert!(served.text().contains("UserNumber=\"1001\""), "{}", served.text());
    assert!(gateway.get(keys, None).text().contains("<hotline id=\"7\""));
    let example = gateway.dir().join("families/escene/examples/desk.out");
    assert!(read(&example).contains("SNTPAddress=\"ntp.acme.example\""));
}

/// A gateway with the families of a page, which `prepare` gets first.
fn start(page: &str, prepare: impl FnOnce(&Path)) -> Gateway {
    Gateway::start_with(|config, dir| {
        for file in FILE.captures_iter(page) {
            let path = dir.join(&file[1]);
            fs::create_dir_all(path.parent().expect("it is in a folder")).unwrap();
            fs::write(path, unindented(&file[2])).unwrap();
        }
        let families = dir.join("families");
        prepare(&families);
        config.catalogue.templates_dir = Some(families);
    })
}

/// Runs each command of the page that shows what it prints; so many there are.
fn says_what_the_page_says(gateway: &Gateway, page: &str, commands: usize) {
    let elsewhere = tempfile::tempdir().unwrap();
    let mut tried = 0;
    for command in COMMAND.captures_iter(page) {
        // A check looks at the store too, and the gateway has its own open.
        let dir = if command[1].starts_with("phone ") { gateway.dir() } else { elsewhere.path() };
        let said = said(gateway, dir, &arguments(&command[1]));
        assert_eq!(comparable(&said), comparable(&command[2]), "dialtone {}: {said}", &command[1]);
        tried += 1;
    }
    assert_eq!(tried, commands, "commands are recognised");
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

/// Without line breaks and blanks, as the page breaks long lines.
fn comparable(said: &str) -> String {
    said.chars().filter(|c| !c.is_whitespace()).collect()
}
