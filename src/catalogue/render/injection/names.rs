//! Every parameter that a file has is one of the maker's: where its name was seen stands in the
//! family's `names.toml`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::*;
use crate::catalogue::family::definition::{Escape, Separator};
use crate::catalogue::family::source;
use crate::catalogue::render::trial::{self, Extent};
use crate::domain::settings::Settings;

/// A list of names: those of each source.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    /// What each source is: a repository and a path in it, or a guide with version and page.
    sources: BTreeMap<String, String>,
    names: BTreeMap<String, Vec<String>>,
}

fn listed(family: &str) -> Listed {
    let folders = source::built_in();
    let text = folders[family].get("names.toml");
    let text = text.unwrap_or_else(|| panic!("{family}/names.toml is missing"));
    toml::from_str(text).unwrap_or_else(|error| panic!("{family}/names.toml: {error}"))
}

/// `account.1.label` as `account.N.label`; `P47`, of which the number is the name, as it is.
fn numberless(name: &str) -> String {
    if name.len() > 1 && name[1..].bytes().all(|byte| byte.is_ascii_digit()) {
        return name.to_owned();
    }
    let mut made = String::new();
    let mut was_digit = false;
    for c in name.chars() {
        let is_digit = c.is_ascii_digit();
        if !is_digit {
            made.push(c);
        } else if !was_digit {
            made.push('N');
        }
        was_digit = is_digit;
    }
    made
}

/// The names in one key: of a line its beginning; of XML the element's, its attributes', and what
/// an attribute `name`, or one of the file's `named_by`, says.
fn names_in(file: &FileSpec, key: &str) -> Vec<String> {
    if file.escape != Escape::Xml {
        let mut name = key.trim_end_matches(['=', ':']).trim();
        if file.separator == Separator::Blank {
            // What follows tells apart those of one name.
            name = name.split(' ').next().unwrap_or_default();
        }
        let is_name = !name.is_empty() && !name.starts_with(['#', '<']);
        return is_name.then(|| numberless(name)).into_iter().collect();
    }
    let mut words = key.split(' ');
    let element = words.next().and_then(|path| path.rsplit('/').next());
    let mut names: Vec<String> = element.map(numberless).into_iter().collect();
    for word in words {
        match (word.split_once('='), word.strip_prefix('@')) {
            (Some((name, value)), _)
                if name == "name" || file.named_by.iter().any(|own| own == name) =>
            {
                names.extend([name.to_owned(), numberless(value)]);
            }
            (Some((name, _)), _) | (None, Some(name)) => names.push(numberless(name)),
            (None, None) => {}
        }
    }
    names
}

/// Every setting with a value, or none; no raw parameters, whose names are the operator's.
fn settings(phone_type: &PhoneType, extent: Extent, round: usize) -> Arc<Settings> {
    let mut document = match extent {
        Extent::Nothing => serde_json::json!({}),
        extent => trial::document(&CATALOGUE, phone_type, extent, round),
    };
    document.as_object_mut().expect("settings are an object").remove("vendor");
    let layer = Layer::parse(&document).expect("what is made of the schema fits the schema");
    Arc::new(resolve(&[&phone_type.defaults, &layer]).unwrap())
}

/// Every name that the files of a family have, and one file that has it.
fn written(family: usize) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let of = &CATALOGUE.families()[family];
    let types = CATALOGUE.representatives().into_iter().filter(|one| one.family == family);
    for (round, phone_type) in types.enumerate() {
        for file in of.holding_files() {
            let holding = HoldingFile { family: of, phone_type: Some(phone_type), file };
            let rendered = CATALOGUE.render_holding(&holding).unwrap_or_else(|e| panic!("{e}"));
            let at = format!("holding of {} for {}", file.pattern(), phone_type.key);
            let text = keys::decoded(file, rendered.body);
            let pairs = keys::of(file, &text).unwrap_or_else(|e| panic!("{at}: {e}"));
            for name in pairs.iter().flat_map(|pair| names_in(file, &pair.key)) {
                found.entry(name).or_insert_with(|| at.clone());
            }
        }
        for extent in [Extent::Everything, Extent::Nothing] {
            let settings = settings(phone_type, extent, round);
            for (file, input) in trial::files(&CATALOGUE, phone_type, &settings, extent) {
                let written = Written::everything(&of.id).without_parameters();
                let input = RenderInput { written, ..input };
                // Some files there are only with an account.
                let Ok(rendered) = CATALOGUE.render(of, Some(phone_type), file, input) else {
                    continue;
                };
                let text = keys::decoded(file, rendered.body);
                let at = format!("{} of {}", file.pattern(), phone_type.key);
                let pairs = keys::of(file, &text).unwrap_or_else(|e| panic!("{at}: {e}"));
                for name in pairs.iter().flat_map(|pair| names_in(file, &pair.key)) {
                    found.entry(name).or_insert_with(|| at.clone());
                }
            }
        }
    }
    found
}

#[test]
fn every_name_in_a_file_was_seen_somewhere() {
    let mut strange = Vec::new();
    for (at, family) in CATALOGUE.families().iter().enumerate() {
        let listed = listed(&family.id);
        let known: BTreeSet<&String> = listed.names.values().flatten().collect();
        let written = written(at);
        // Of some phones all that is known is what they are: they are given nothing.
        let gives = family.files.iter().any(|file| file.template.is_some());
        assert_eq!(!written.is_empty(), gives, "{} writes what its files say", family.id);
        let unknown = written.iter().filter(|(name, _)| !known.contains(name));
        strange.extend(unknown.map(|(name, at)| format!("{}: {name} ({at})", family.id)));
    }
    assert!(strange.is_empty(), "in no names.toml:\n{}", strange.join("\n"));
}

#[test]
fn every_list_of_names_says_where_each_was_seen_once() {
    for family in CATALOGUE.families() {
        let listed = listed(&family.id);
        let sources: Vec<&String> = listed.sources.keys().collect();
        assert_eq!(listed.names.keys().collect::<Vec<_>>(), sources, "{}", family.id);
        assert!(listed.sources.values().all(|source| source.len() > 5), "{}", family.id);
        let mut seen = BTreeSet::new();
        for name in listed.names.values().flatten() {
            assert_eq!(*name, numberless(name), "{}: write N for a number", family.id);
            assert!(seen.insert(name), "{}: {name} is listed twice", family.id);
        }
    }
}

#[test]
fn a_name_is_what_stands_before_a_value() {
    let such = |is_such: &dyn Fn(&FileSpec) -> bool, key: &str| {
        let mut files = CATALOGUE.families().iter().flat_map(|family| &family.files);
        names_in(files.find(|file| is_such(file)).expect("some file is such"), key)
    };
    let of = |escape: Escape, key: &str| {
        such(&|file| (file.escape, file.separator) == (escape, Separator::Sign), key)
    };
    let by_blank = such(&|file| file.separator == Separator::Blank, "PHONEKEY Key=12");
    assert_eq!(by_blank, ["PHONEKEY"]);
    assert_eq!(of(Escape::Line, "account.12.label ="), ["account.N.label"]);
    assert_eq!(of(Escape::Line, "P47="), ["P47"]);
    assert_eq!(of(Escape::Line, "#!version:"), [] as [&str; 0]);
    assert_eq!(of(Escape::Xml, "a/fkey idx=1 @label"), ["fkey", "idx", "label"]);
    let entry = of(Escape::Xml, "a/entry name=sip_port overwrite=true");
    assert_eq!(entry, ["entry", "name", "sip_port", "overwrite"]);
}
