//! `[[boot]]` and `[simulate]` from text to what can be played; every problem is found, with its
//! line.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;

use super::FamilyBoot;
use super::definition::{self, BootFile, SimulateTable, StepTable};
use super::selector::Places;
use super::shape::{BootShape, MacText, PathMac, Unfilled};
use super::simulate::{ANY_MAC, BootStep, ConfigReader, Simulate, StepDoes};
use crate::catalogue::family::problem::line_at;
use crate::catalogue::identify::path_pattern::PathPattern;
use crate::catalogue::{Catalogue, Family, PhoneType, Problem};
use crate::domain::Mac;

/// Where a problem is, and what it is.
type Found = (Range<usize>, String);

/// The boot of the family in that place; `None`: it cannot be simulated.
pub(super) fn family(
    catalogue: &Catalogue,
    place: usize,
) -> Result<Option<FamilyBoot>, Vec<Problem>> {
    let family = &catalogue.families()[place];
    let (name, text) = (format!("{}/family.toml", family.id), family.text.as_str());
    let problem =
        |(span, message): Found| Problem::new(&name, Some(line_at(text, span.start)), message);
    let written: BootFile = toml::from_str(text).map_err(|error| {
        let line = error.span().map(|span| line_at(text, span.start));
        vec![Problem::new(&name, line, error.message())]
    })?;
    let mut problems = Vec::new();
    let steps = written.boot.into_iter().map(step);
    let steps: Vec<BootStep> =
        steps.filter_map(|step| step.map_err(|found| problems.push(problem(found))).ok()).collect();
    let simulate = written.simulate.map(|written| simulate(written, &steps, catalogue, place));
    match simulate.transpose() {
        Ok(_) if !problems.is_empty() => Err(problems),
        Ok(simulate) => Ok(simulate.map(|simulate| FamilyBoot { steps, simulate })),
        Err(found) => {
            problems.extend(found.into_iter().map(problem));
            Err(problems)
        }
    }
}

fn step(written: Spanned<StepTable>) -> Result<BootStep, Found> {
    let span = written.span();
    let mut written = written.into_inner();
    let paths = (written.get.take(), written.put.take(), written.post.take());
    let (does, path) = match paths {
        (Some(path), None, None) => (StepDoes::Ask, path),
        (None, Some(path), None) => (StepDoes::Send, path),
        (None, None, Some(path)) => (StepDoes::AskByForm, path),
        _ => return Err((span, "a [[boot]] needs one of get, put and post".to_owned())),
    };
    PathPattern::compile(&path).map_err(|error| (span, error))?;
    let StepTable { optional, configures, user_agent, .. } = written;
    Ok(BootStep { does, path, optional, configures, user_agent })
}

/// Compiles `[simulate]` and tries it on every type a fleet can have.
fn simulate(
    written: SimulateTable,
    steps: &[BootStep],
    catalogue: &Catalogue,
    family: usize,
) -> Result<Simulate, Vec<Found>> {
    let mut problems = Vec::new();
    let types = || catalogue.types_of(family);
    let family = &catalogue.families()[family];
    let (span, syntax) = (written.syntax.span(), *written.syntax.get_ref());
    let mut places = |written: &Spanned<definition::PlacesTable>| {
        let texts = match written.get_ref() {
            definition::PlacesTable::One(text) => std::slice::from_ref(text),
            definition::PlacesTable::Each(texts) => texts,
        };
        let parsed = Places::parse(syntax, texts);
        parsed.map_err(|error| problems.push((written.span(), error))).ok()
    };
    let (user, registrar) = (places(&written.user), places(&written.registrar));
    let password = written.password.as_ref().map(&mut places);
    let password = password.map(|found| found.ok_or(())).transpose();
    let (Some(user), Some(registrar), Ok(password)) = (user, registrar, password) else {
        return Err(problems);
    };
    let by_type = written.user_agents.iter().map(|(key, own)| (key, own.span()));
    let by_type = by_type.chain(written.http_versions.iter().map(|(key, own)| (key, own.span())));
    for (key, span) in by_type {
        let is_known = types().any(|own| own.is_distinct() && own.key.as_str() == key);
        if !is_known && catalogue.has_all_types() {
            let message = format!("`{key}` is no type of this family, or a variant of one");
            problems.push((span, message));
        }
    }
    let simulate = Simulate {
        user_agent: written.user_agent.map(Spanned::into_inner),
        user_agents: inner(written.user_agents),
        path_mac: PathMac { case: written.mac_case, separator: written.mac_separator },
        http_version: written.http_version,
        http_versions: inner(written.http_versions),
        host: written.host,
        connection: written.connection,
        conditional: written.conditional,
        retries: written.retries,
        retry_delay_s: written.retry_delay_s,
        config: ConfigReader {
            syntax,
            first_line: written.first_line,
            header: family.files.iter().find_map(|file| file.header.clone()),
            unset: written.unset,
            user,
            registrar,
            password,
        },
    };
    let distinct = || types().filter(|phone_type| phone_type.is_distinct());
    for phone_type in distinct() {
        let shape = simulate.shape(steps, phone_type);
        if let Err(error) = shape.and_then(|shape| are_recognised(family, phone_type, &shape)) {
            problems.push((span.clone(), format!("simulating `{}`: {error}", phone_type.key)));
        }
    }
    // Left out for one type is meant, for all of them a slip of the pen.
    for step in steps.iter().filter(|step| step.user_agent.is_some()) {
        let left_out =
            distinct().map(|phone_type| match simulate.user_agent_of(step, phone_type) {
                Err((text, error @ Unfilled::NoData(_))) => Some(format!("`{text}`: {error}")),
                _ => None,
            });
        if let Some(errors) = left_out.collect::<Option<Vec<_>>>()
            && let Some(error) = errors.first()
        {
            problems.push((span.clone(), format!("no type asks for `{}`: {error}", step.path)));
        }
    }
    if problems.is_empty() { Ok(simulate) } else { Err(problems) }
}

fn inner<T>(written: BTreeMap<String, Spanned<T>>) -> BTreeMap<String, T> {
    written.into_iter().map(|(key, own)| (key, own.into_inner())).collect()
}

/// Whatever its phone calls itself on the way through a boot.
fn are_recognised(
    family: &Family,
    phone_type: &PhoneType,
    shape: &BootShape,
) -> Result<(), String> {
    let mut tried: Vec<&MacText> = Vec::new();
    for text in shape.requests.iter().filter_map(|request| request.user_agent.as_ref()) {
        if !tried.contains(&text) {
            is_recognised(family, phone_type, text)?;
            tried.push(text);
        }
    }
    Ok(())
}

/// A simulated phone must be one that the family knows as its own: its User-Agent is
/// read by the first grammar that fits, as that of this model.
fn is_recognised(
    family: &Family,
    phone_type: &PhoneType,
    user_agent: &MacText,
) -> Result<(), String> {
    // Some grammars know their MACs by the block.
    let block = family.ouis.first().map_or(0x00_02_00, |&oui| u64::from(oui));
    let mac = Mac::from_bits(block << 24 | ANY_MAC);
    let text = user_agent.fill(mac);
    if http::HeaderValue::from_str(&text).is_err() {
        return Err(format!("`{text}` has a character a header cannot have"));
    }
    let mut grammars = family.user_agents.iter();
    let read = grammars.find_map(|pattern| pattern.read(&text));
    match read {
        None if family.user_agents.is_empty() => Ok(()),
        None => Err(format!("no [[user_agent]] pattern fits `{text}`")),
        Some(read) => match read.model {
            Some(model) if phone_type.spelling(model).is_none() => {
                Err(format!("`{text}` is read as a {model}"))
            }
            _ if read.mac.is_some_and(|read| read != mac)
                || (read.mac.is_none() && user_agent.has_mac()) =>
            {
                Err(format!("the MAC in `{text}` is misread"))
            }
            _ => Ok(()),
        },
    }
}
