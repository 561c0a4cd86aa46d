//! Whether the files of a type tell the phone the URL that it is to ask for from then on.

use std::sync::Arc;

use serde_json::json;

use super::coverage::{Files, files_of_those};
use crate::catalogue::{Catalogue, PhoneType, Scope};
use crate::domain::settings::{Layer, resolve};

impl Catalogue {
    /// Whether a new phone's own files have the path of that URL, `https://gw.example.com/`, in them:
    /// some makers' phones take none, or none of that scheme, from a file. Common files, which name no
    /// phone's URL, do not count. Takes two renderings a file: nothing for a thread that serves phones.
    #[must_use]
    pub fn tells_url(&self, phone_type: &PhoneType, base_url: &str) -> bool {
        let below = |folder: &str| -> Option<Files> {
            let url = format!("{}/{folder}/", base_url.trim_end_matches('/'));
            let layer = Layer::parse(&json!({ "provisioning": { "base_url": url } })).ok()?;
            let settings = Arc::new(resolve(&[&phone_type.defaults, &layer]).ok()?);
            let is_own = |scope| scope != Scope::Common;
            Some(files_of_those(self, phone_type, &settings, is_own))
        };
        below(&"a".repeat(32)) != below(&"b".repeat(32))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fmt::Write as _;

    use super::*;
    use crate::catalogue::render::coverage::different;
    use crate::catalogue::{Family, Sources, parallel};
    use crate::documented::assert_table;

    const URL: &str = "https://gw.example.com/";

    fn has_own_files(family: &Family) -> bool {
        family.files.iter().any(|file| file.template.is_some() && file.scope != Scope::Common)
    }

    /// The families whose phones get files, by what they are told.
    fn table(catalogue: &Catalogue) -> String {
        let families: Vec<usize> = (0..catalogue.families().len())
            .filter(|&family| has_own_files(&catalogue.families()[family]))
            .collect();
        let told = parallel::each(&families, |&family| {
            let types: Vec<&PhoneType> = different(catalogue.types_of(family)).collect();
            let with = |url| move |of: &&&PhoneType| catalogue.tells_url(of, url);
            let http = types.iter().filter(with("http://gw.example.com/")).count();
            let https = types.iter().filter(with(URL)).count();
            (types.len(), http, https)
        });
        let mut rows: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (&family, (types, http, https)) in families.iter().zip(told) {
            let id = &catalogue.families()[family].id;
            let row = match (http, https) {
                (_, https) if https == types => continue,
                (_, 1..) => "some types are told none",
                (1.., _) => "only `http`",
                _ => "none",
            };
            rows.entry(row).or_default().push(format!("`{id}`"));
        }
        let mut table = "| their files name | families |\n|---|---|\n".to_owned();
        for (row, families) in rows {
            writeln!(table, "| {row} | {} |", families.join(", ")).expect("a String takes all");
        }
        table
    }

    #[test]
    fn the_documented_families_without_a_url_are_those_whose_files_have_none() {
        let catalogue = Catalogue::load_untried(&Sources::default()).unwrap();
        let (begin, end) = ("<!-- no url: begin -->\n", "<!-- no url: end -->");
        assert_table("docs/admission.md", begin, end, "UPDATE_URLS", &table(&catalogue));
    }

    /// A phone that joins it with a name may ask for `//`, which is another path.
    #[test]
    fn no_file_has_two_slashes_in_its_url() {
        let catalogue = Catalogue::load_untried(&Sources::default()).unwrap();
        let mut found = Vec::new();
        for url in [URL, "https://gw.example.com/folder/", "http://gw.example.com/folder/"] {
            let credentials = json!({ "base_url": url, "user": "ann", "password": "s3cret" });
            for provisioning in [json!({ "base_url": url }), credentials] {
                let layer = Layer::parse(&json!({ "provisioning": provisioning })).unwrap();
                let all: Vec<usize> = (0..catalogue.families().len()).collect();
                let of = parallel::each(&all, |&family| {
                    let mut types = different(catalogue.types_of(family));
                    let is_double = |phone_type: &&PhoneType| {
                        let settings = resolve(&[&phone_type.defaults, &layer]).unwrap();
                        files_of_those(&catalogue, phone_type, &Arc::new(settings), |_| true)
                            .into_iter()
                            .flatten()
                            .any(|file| has_double(&String::from_utf8_lossy(&file)))
                    };
                    types.find(is_double).map(|found| found.key.to_string())
                });
                found.extend(of.into_iter().flatten());
            }
        }
        found.sort();
        found.dedup();
        assert!(found.is_empty(), "{found:?}");
    }

    /// Whether two slashes follow the place or the folder that the URL names.
    fn has_double(file: &str) -> bool {
        let file = file.replace("&#x2f;", "/").replace("&#47;", "/");
        ["gw.example.com//", "gw.example.com/folder//", "\"//", "\"folder//"]
            .iter()
            .any(|double| file.contains(double))
    }
}
