//! What a holding file leaves in a phone: all it sets, the first file of the phone's own must set
//! anew, whatever is set for that phone.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::json;

use super::context::RenderInput;
use super::left_behind::{always, merged, named_in, own_families};
use super::trial::{self, Extent, document};
use crate::catalogue::family::problem::Problem;
use crate::catalogue::{Catalogue, PhoneType, Sources};
use crate::domain::settings::{Layer, Written, resolve};

impl Catalogue {
    /// What holding files of the families in an operator's folder set that no full file takes
    /// back, each once.
    #[must_use]
    pub fn held_back(&self, sources: &Sources) -> Vec<Problem> {
        let own = own_families(sources);
        let types = self.representatives().into_iter();
        let asked = types.filter(|of| own.contains(&self.family_of(of).id));
        let mut told = BTreeSet::new();
        let found = asked.flat_map(|phone_type| held_back_by(self, phone_type));
        found.filter(|problem| told.insert(problem.message.clone())).collect()
    }
}

fn held_back_by(catalogue: &Catalogue, phone_type: &PhoneType) -> Vec<Problem> {
    let family = catalogue.family_of(phone_type);
    let mut problems = Vec::new();
    let mut taken_back = None;
    for file in family.holding_files() {
        let input = RenderInput::of_nobody();
        // What cannot be rendered is another's to tell.
        let Ok(set) = named_in(catalogue, phone_type, file, input) else { continue };
        let full = taken_back.get_or_insert_with(|| keys_of_full_files(catalogue, phone_type));
        problems.extend(set.difference(full).map(|key| {
            let message = format!(
                "the holding file of {} sets `{key}`, and a phone's first own file does not set it \
                 anew when nothing is set for the phone: write it always there, or leave it out here",
                file.pattern()
            );
            Problem::new(&format!("{}/family.toml", family.id), None, message)
        }));
    }
    problems
}

/// What the files of a phone that was given nothing yet name, whatever is set for it.
fn keys_of_full_files(catalogue: &Catalogue, phone_type: &PhoneType) -> BTreeSet<String> {
    let little = document(catalogue, phone_type, Extent::Little, 0);
    let mut keys = [json!({}), little].into_iter().map(|document| {
        let document = merged(always(), &document);
        let layer = Layer::parse(&document).expect("what is made of the schema fits the schema");
        let settings = resolve(&[&phone_type.defaults, &layer]);
        let settings = Arc::new(settings.expect("layers that were just checked"));
        let files = trial::files(catalogue, phone_type, &settings, Extent::Everything);
        let keys = files.map(|(file, input)| {
            let input = RenderInput { written: Written::default(), ..input };
            named_in(catalogue, phone_type, file, input)
        });
        keys.collect::<Result<Vec<_>, _>>().map(|keys| keys.into_iter().flatten().collect())
    });
    keys.find_map(Result::ok).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_file_of_a_phone_takes_back_what_its_holding_file_set() {
        let catalogue = Catalogue::load(&Sources::default()).unwrap();
        let types = catalogue.types();
        let held: Vec<_> = types
            .iter()
            .filter(|of| catalogue.family_of(of).holding_files().next().is_some())
            .collect();
        assert!(held.len() > 100, "the built-in families have holding files");
        let problems = held.iter().flat_map(|of| held_back_by(&catalogue, of));
        let problems: BTreeSet<String> = problems.map(|problem| problem.to_string()).collect();
        assert!(problems.is_empty(), "{problems:#?}");
    }

    #[test]
    fn a_key_that_stays_is_told_once() {
        let directory = tempfile::tempdir().unwrap();
        let family = directory.path().join("acme");
        std::fs::create_dir(&family).unwrap();
        let write = |name: &str, text: &str| std::fs::write(family.join(name), text).unwrap();
        write(
            "family.toml",
            "vendor = \"Acme\"\ngroup = \"acme\"\n[[file]]\npaths = [\"acme-{mac}.cfg\"]\n\
             template = \"device.cfg.j2\"\nholding = \"holding.cfg.j2\"\nscope = \"device\"\n\
             content_type = \"text/plain\"\nescape = \"line\"\n[[type]]\nkey = \"acme1\"\n\
             model = \"1\"\ndescription = \"Acme 1\"\nlines = 1\n[[type]]\nkey = \"acme2\"\n\
             model = \"2\"\ndescription = \"Acme 2\"\nlines = 2\n",
        );
        write(
            "device.cfg.j2",
            "user={{ lines[0].user }}\nlabel={{ lines[0].label or \"\" }}\n\
             {% if settings.language %}\nlanguage={{ settings.language }}\n{% endif %}\n",
        );
        write("holding.cfg.j2", "# Nothing yet.\nuser=\nlabel=awaiting activation\nlanguage=en\n");
        let sources = Sources {
            templates_dir: Some(directory.path().to_owned()),
            without_built_in: true,
            ..Sources::default()
        };
        let catalogue = Catalogue::load(&sources).unwrap();
        let told: Vec<String> =
            catalogue.held_back(&sources).iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 1, "{told:?}");
        let begins = "acme/family.toml: the holding file of acme-{mac}.cfg sets `language`, and";
        assert!(told[0].starts_with(begins), "{told:?}");
    }
}
