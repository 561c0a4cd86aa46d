//! The expressions of all families at once, and who has which.

use std::collections::BTreeMap;

use regex::{RegexSet, RegexSetBuilder};

use crate::catalogue::Family;

/// Who has a path pattern: family, file of the family, pattern of the file.
pub(crate) type PathOwner = (usize, usize, usize);

/// One set over all families' paths: many families share `{mac}.cfg`.
pub(crate) fn path_index(families: &[Family]) -> (RegexSet, Vec<Vec<PathOwner>>) {
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    let mut owners: Vec<Vec<PathOwner>> = Vec::new();
    let mut expressions = Vec::new();
    for (family, own) in families.iter().enumerate() {
        for (file, spec) in own.files.iter().enumerate() {
            for (pattern, compiled) in spec.patterns.iter().enumerate() {
                let place = *places.entry(compiled.expression.as_str()).or_insert_with(|| {
                    expressions.push(compiled.expression.as_str());
                    owners.push(Vec::new());
                    owners.len() - 1
                });
                owners[place].push((family, file, pattern));
            }
        }
    }
    let set = RegexSetBuilder::new(&expressions)
        .case_insensitive(true)
        .build()
        .expect("each expression was compiled before");
    (set, owners)
}

/// One set over all families' User-Agents: for each expression, family and place in its
/// `user_agents`.
pub(crate) fn user_agent_index(families: &[Family]) -> (RegexSet, Vec<(usize, usize)>) {
    let owners: Vec<(usize, usize)> = families
        .iter()
        .enumerate()
        .flat_map(|(family, own)| (0..own.user_agents.len()).map(move |at| (family, at)))
        .collect();
    let set = RegexSet::new(
        owners.iter().map(|&(family, at)| families[family].user_agents[at].regex.as_str()),
    )
    .expect("each expression was compiled before");
    (set, owners)
}
