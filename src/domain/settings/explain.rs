//! Which layer each value came from.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::check::number;
use super::schema::{self, Field, Kind, is_secret_parameter};
use super::{HIDDEN, Layer, redacted};

/// A value and the layer it is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// `lines.1.registrar`.
    pub field: String,
    /// The value as [`Layer::redacted`] shows it.
    pub value: Value,
    /// The layer's name; `company (line_defaults)` for what a line has from
    /// that layer's `line_defaults`.
    pub from: String,
}

/// Every value [`super::resolve()`] makes of `layers` (the lowest first), in the
/// schema's order.
#[must_use]
pub fn explain(layers: &[(&str, &Layer)]) -> Vec<Explained> {
    let documents: Vec<(String, Value)> =
        layers.iter().map(|(name, layer)| ((*name).to_owned(), layer.to_json())).collect();
    let defaults = expanded_defaults(&documents);
    let all = defaults.iter().chain(&documents);
    let sources: Vec<Source> =
        all.map(|(from, document)| Source { from, value: document }).collect();
    let mut explained = Vec::new();
    for field in schema::document().iter().filter(|field| field.name != "line_defaults") {
        walk(&field.kind, field.name, &below(&sources, field.name), &mut explained);
    }
    explained
}

/// Each layer's `line_defaults` as a document of its own that gives them to
/// every line of any layer: they are below all that the lines say.
fn expanded_defaults(documents: &[(String, Value)]) -> Vec<(String, Value)> {
    let mut lines: Vec<&String> =
        documents.iter().filter_map(|(_, d)| d["lines"].as_object()).flat_map(Map::keys).collect();
    lines.sort_unstable();
    lines.dedup();
    let with_defaults = documents.iter().filter(|(_, d)| d["line_defaults"].is_object());
    with_defaults
        .map(|(name, document)| {
            let given = &document["line_defaults"];
            let lines: Map<String, Value> =
                lines.iter().map(|&line| (line.clone(), given.clone())).collect();
            (format!("{name} (line_defaults)"), serde_json::json!({ "lines": lines }))
        })
        .collect()
}

/// What a layer has at the place the walk has reached.
#[derive(Clone, Copy)]
struct Source<'d> {
    from: &'d str,
    value: &'d Value,
}

fn below<'d>(sources: &[Source<'d>], name: &str) -> Vec<Source<'d>> {
    let value_of = |source: &Source<'d>| {
        source.value.get(name).map(|value| Source { from: source.from, value })
    };
    sources.iter().filter_map(value_of).collect()
}

fn walk(kind: &Kind, path: &str, sources: &[Source], explained: &mut Vec<Explained>) {
    let mut group = |fields: &[Field], path: &str, sources: &[Source]| {
        for field in fields {
            let path = format!("{path}.{}", field.name);
            walk(&field.kind, &path, &below(sources, field.name), explained);
        }
    };
    match kind {
        Kind::Group(fields) => group(fields, path, sources),
        Kind::Numbered { max, of } => {
            let numbered = names(sources).filter_map(|name| Some((number(name, *max)?, name)));
            for (number, name) in numbered.collect::<BTreeMap<_, _>>() {
                group(of, &format!("{path}.{number}"), &below(sources, name));
            }
        }
        Kind::Vendor => parameters(path, sources, explained),
        _ => {
            if let Some(highest) = sources.last() {
                explained.push(Explained {
                    field: path.to_owned(),
                    value: redacted(kind, highest.value, None),
                    from: highest.from.to_owned(),
                });
            }
        }
    }
}

fn parameters(path: &str, sources: &[Source], explained: &mut Vec<Explained>) {
    for family in sorted(sources) {
        let sources = below(sources, family);
        for name in sorted(&sources) {
            let Some(highest) = below(&sources, name).pop() else { continue };
            let hide = is_secret_parameter(name);
            explained.push(Explained {
                field: format!("{path}.{family}.{name}"),
                value: if hide { HIDDEN.into() } else { highest.value.clone() },
                from: highest.from.to_owned(),
            });
        }
    }
}

fn names<'d>(sources: &[Source<'d>]) -> impl Iterator<Item = &'d str> {
    sources
        .iter()
        .filter_map(|source| source.value.as_object())
        .flat_map(Map::keys)
        .map(String::as_str)
}

fn sorted<'d>(sources: &[Source<'d>]) -> Vec<&'d str> {
    let mut names: Vec<&str> = names(sources).collect();
    names.sort_unstable();
    names.dedup();
    names
}
