//! The examples of each family: settings in, exact bytes out.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;

use super::context::{Whose, whose};
use super::fragments::Fragments;
use crate::catalogue::family::problem::Problem;
use crate::catalogue::family::source::{self, Files, Folders};
use crate::catalogue::{
    Catalogue, PhoneType, PortInput, RenderError, RenderInput, Scope, Sources, Target,
};
use crate::domain::settings::{Layer, Written, resolve};
use crate::domain::{CompanyId, Port, TypeKey, did_you_mean, nearest};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Example {
    #[serde(rename = "type")]
    phone_type: String,
    file: String,
    mac: Option<String>,
    ports: Option<Vec<u16>>,
    settings: Option<toml::Table>,
    #[serde(default)]
    port: BTreeMap<String, PortExample>,
    /// Groups that earlier files set, the highest line they set up, and raw parameters.
    #[serde(default)]
    written: Vec<String>,
    #[serde(default)]
    written_lines: u16,
    /// The highest module of which they set keys.
    #[serde(default)]
    written_modules: u16,
    #[serde(default)]
    removed: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PortExample {
    /// `default`, as without it.
    company: Option<String>,
    #[serde(default)]
    settings: toml::Table,
}

/// How one example went.
#[derive(Debug)]
pub struct ExampleOutcome {
    /// `yealink/examples/basic.toml`.
    pub name: String,
    /// The `Content-Type` of the file.
    pub content_type: Arc<str>,
    /// What was rendered.
    pub body: Vec<u8>,
}

/// Renders every example of the sources' folders and compares.
///
/// Gives the outcomes and what is wrong: an example that cannot be read or
/// rendered, one without its `.out`, one whose bytes differ.
#[must_use]
pub fn check_examples(
    catalogue: &Catalogue,
    sources: &Sources,
) -> (Vec<ExampleOutcome>, Vec<Problem>) {
    let mut outcomes = Vec::new();
    let mut problems = Vec::new();
    for (family, files) in &folders(sources, &mut problems) {
        for (name, outcome) in run(catalogue, family, files, &mut problems) {
            compare(&name, files, &outcome, &mut problems);
            outcomes.push(outcome);
        }
    }
    (outcomes, problems)
}

/// Writes the `.out` files of a folder of families anew.
///
/// # Errors
/// Every example that cannot be rendered or written; the others are written.
pub fn update_examples(catalogue: &Catalogue, dir: &Path) -> Result<usize, Vec<Problem>> {
    let sources = Sources {
        templates_dir: Some(dir.to_owned()),
        without_built_in: true,
        ..Sources::default()
    };
    let mut problems = Vec::new();
    let mut written = 0;
    for (family, files) in &folders(&sources, &mut problems) {
        for (name, outcome) in run(catalogue, family, files, &mut problems) {
            let path = dir.join(family).join(out_name(&name));
            match std::fs::write(&path, &outcome.body) {
                Ok(()) => written += 1,
                Err(error) => {
                    let path = path.display().to_string();
                    problems.push(Problem::new(&path, None, error.to_string()));
                }
            }
        }
    }
    if problems.is_empty() { Ok(written) } else { Err(problems) }
}

fn folders(sources: &Sources, problems: &mut Vec<Problem>) -> Folders {
    let mut folders = if sources.without_built_in { Folders::new() } else { source::built_in() };
    match sources.templates_dir.as_deref().map(source::folder) {
        Some(Ok(own)) => folders.extend(own),
        Some(Err((path, error))) => {
            let path = path.display().to_string();
            problems.push(Problem::new(&path, None, error.to_string()));
        }
        None => {}
    }
    folders
}

/// Renders the examples of one family: those that can be, under their names.
pub(crate) fn run(
    catalogue: &Catalogue,
    family: &str,
    files: &Files,
    problems: &mut Vec<Problem>,
) -> Vec<(String, ExampleOutcome)> {
    let mut outcomes = Vec::new();
    let examples = files.iter().filter(|(name, _)| {
        name.starts_with("examples/") && Path::new(name).extension().is_some_and(|e| e == "toml")
    });
    for (name, text) in examples {
        match render(catalogue, family, text) {
            // Its type is not among those offered: nothing to show.
            Ok(None) => {}
            Ok(Some((body, content_type))) => {
                let full = format!("{family}/{name}");
                outcomes.push((name.clone(), ExampleOutcome { name: full, content_type, body }));
            }
            Err(message) => {
                problems.push(Problem::new(&format!("{family}/{name}"), None, message));
            }
        }
    }
    outcomes
}

/// The type of an example of that family; `None`: it is not offered.
fn type_of<'c>(
    catalogue: &'c Catalogue,
    family: &str,
    named: &str,
) -> Result<Option<&'c PhoneType>, String> {
    let key = named.parse::<TypeKey>().ok();
    let found = key.as_ref().and_then(|key| catalogue.phone_type(key));
    match found.map(|phone_type| &catalogue.family_of(phone_type).id) {
        Some(own) if own == family => return Ok(found),
        Some(other) => return Err(format!("type `{named}` is of {other}, not of {family}")),
        None if key.is_some_and(|key| catalogue.is_not_offered(&key)) => return Ok(None),
        None => {}
    }
    let place = catalogue.families().iter().position(|own| own.id == family);
    let all = place.into_iter().flat_map(|place| catalogue.types_of(place));
    let near = did_you_mean(nearest(named, all.map(|phone_type| phone_type.key.as_str())));
    Err(format!("type: {family} has no type `{named}`{near}"))
}

fn out_name(name: &str) -> String {
    format!("{}.out", name.trim_end_matches(".toml"))
}

fn compare(name: &str, files: &Files, outcome: &ExampleOutcome, problems: &mut Vec<Problem>) {
    let out = out_name(name);
    let at = outcome.name.replace(name, &out);
    let Some(expected) = files.get(&out) else {
        problems.push(Problem::new(&outcome.name, None, format!("there is no {out}")));
        return;
    };
    if expected.as_bytes() == outcome.body {
        return;
    }
    let body = String::from_utf8_lossy(&outcome.body);
    let line = expected.lines().zip(body.lines()).take_while(|(a, b)| a == b).count();
    let shown = |text: &str| text.lines().nth(line).unwrap_or("the end").to_owned();
    let message = format!("expected {:?}, rendered {:?}", shown(expected), shown(&body));
    problems.push(Problem::new(&at, Some(line + 1), message));
}

type Body = (Vec<u8>, Arc<str>);

fn render(catalogue: &Catalogue, of: &str, text: &str) -> Result<Option<Body>, String> {
    let example: Example = toml::from_str(text).map_err(|error| error.to_string())?;
    let Some(phone_type) = type_of(catalogue, of, &example.phone_type)? else { return Ok(None) };
    let target = Target::parse(&format!("/{}", example.file.trim_start_matches('/')));
    let (file, path) = catalogue
        .file_for(phone_type, &target)
        .ok_or_else(|| format!("{} has no file {}", phone_type.key, example.file))?;
    if file.template.is_none() {
        return Err(format!("{} is refused: it has no template", file.pattern()));
    }
    let mac = match &example.mac {
        Some(mac) => Some(mac.parse().map_err(|_| format!("{mac} is not a MAC"))?),
        None => path.mac,
    };
    let layer = |table: &toml::Table| {
        let json = serde_json::to_value(table).expect("TOML without dates is JSON");
        Layer::parse(&json)
            .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
    };
    let shared = example.settings.as_ref().map(layer).transpose()?.unwrap_or_default();
    let defaults = &phone_type.defaults;
    let resolved = |layers: &[&Layer]| {
        let settings = resolve(&[&[defaults][..], layers].concat());
        settings.map(Arc::new).map_err(|error| error.to_string())
    };
    let mut layers = Vec::new();
    let mut ports = Vec::new();
    for port in Port::first(if file.scope == Scope::Common { 0 } else { phone_type.ports }) {
        let special = example.port.get(&port.to_string());
        let company = special.and_then(|port| port.company.as_deref());
        let company = company.map_or(Ok(CompanyId::default_company()), |company| {
            company.parse().map_err(|_| format!("{company} cannot be a company"))
        })?;
        let special = special.map(|port| layer(&port.settings)).transpose()?.unwrap_or_default();
        let is_active = example.ports.as_ref().is_none_or(|active| active.contains(&port.number()));
        ports.push(PortInput {
            port,
            company: is_active.then_some(company),
            name: String::new(),
            settings: resolved(&[&shared, &special])?,
        });
        if is_active {
            layers.push(special);
        }
    }
    let device_wide = match whose(&ports) {
        Whose::Nobodys => resolved(&[&shared])?,
        Whose::OneCompanys(settings) => settings.clone(),
        Whose::SeveralCompanies => {
            let phones: Vec<_> = layers.iter().map(|special| vec![&shared, special]).collect();
            resolved(&[&Layer::agreed(&phones)])?
        }
    };
    let family = catalogue.family_of(phone_type);
    let lines = example.written_lines;
    let written = Written::named(&example.written, lines, &family.id, &example.removed)
        .ok_or("written names a group that there is not")?
        .with_modules(example.written_modules);
    let input = RenderInput { mac, ports, named_port: path.port, path, device_wide, written };
    let said = |error: RenderError| match &error.setting {
        Some(setting) => format!("{error} (setting {setting})"),
        None => error.to_string(),
    };
    let render = |fragments: &Arc<Fragments>| {
        catalogue.render_with(fragments, family, Some(phone_type), file, input.clone())
    };
    let rendered = render(&catalogue.templates.fragments).map_err(said)?;
    if render(&Arc::new(Fragments::rendered_anew())).map_err(said)? != rendered {
        return Err("a fragment that was kept is not what it is when rendered anew".to_owned());
    }
    let body = match &file.header {
        Some(header) => header.shown(&rendered.body),
        None => rendered.body,
    };
    Ok(Some((body, rendered.content_type)))
}
